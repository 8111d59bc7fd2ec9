"""Failures in a row: are they the recipients' or the account's? A circuit breaker; pure.

A recipient's own failure stands alone: others get their message before and after it. When several different
recipients fail in a row for one cause, the account or the page is to blame: it holds, and they keep their attempts.
After the hold a single message is tried; only when one has gone through is the account trusted again.
"""

from __future__ import annotations

import re
from enum import Enum, auto

LIMIT = 5  # so many recipients in a row
FIRST_HOLD_MS, LONGEST_HOLD_MS = 600_000, 3_600_000


class Verdict(Enum):
    """What a failure means for the message's attempts."""

    COUNT = auto()  #: the attempt is used up
    EXCUSE = auto()  #: it was the last one, and the account may be to blame: one more try
    HOLD = auto()  #: the account is to blame: hold it


class Failures:
    """The failures of one account since its last success."""

    def __init__(self) -> None:
        self._cause = ""
        self._run: dict[int, bool] = {}  # message id: whether its attempt was counted in this run
        self._failed: set[int] = set()  # since the last success, for any cause
        self._excused: set[int] = set()
        self._holds = 0  # since the last success

    def note(self, message_id: int, why: str, last_try: bool) -> Verdict:
        """Judge one more failure. last_try: counting it would make the message fail for good."""
        cause = cause_of(why)
        if cause != self._cause:
            self._cause, self._run = cause, {}
        verdict = Verdict.COUNT
        if last_try and message_id not in self._failed | self._excused:
            self._excused.add(message_id)
            verdict = Verdict.EXCUSE
        if self._holds or len(self._run.keys() | {message_id}) >= LIMIT:
            verdict = Verdict.HOLD
        self._failed.add(message_id)
        if verdict is Verdict.COUNT or message_id not in self._run:
            self._run[message_id] = verdict is Verdict.COUNT
        return verdict

    def hold(self) -> tuple[int, list[int]]:
        """Begin a hold: how long it lasts (ms), and the messages whose counted attempt is to be given back."""
        counted = [message_id for message_id, was_counted in self._run.items() if was_counted]
        self._excused -= self._run.keys()
        self._run = {}
        self._holds += 1
        return min(FIRST_HOLD_MS * 2 ** (self._holds - 1), LONGEST_HOLD_MS), counted

    def success(self) -> None:
        """A message has gone through: the account works."""
        self._cause, self._run, self._failed, self._holds = "", {}, set(), 0


def cause_of(why: str) -> str:
    """What several failures have in common: the sentence without its particulars."""
    return re.split(r"[(:]", why, maxsplit=1)[0].strip()
