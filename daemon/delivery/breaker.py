"""Failures in a row: are the recipients to blame, or the account? A circuit breaker; pure.

A recipient's own failure stands alone: people before and after it get their message. If several different recipients
fail in a row for the same cause, the account or the page is to blame: the account holds, and they keep their attempts,
even those who had used them up. After the hold a single message is tried; the account is trusted again only once one
has gone through.

When WhatsApp says that somebody is "not on WhatsApp", that is usually true. But a run of such refusals is suspicious,
however slowly it builds up: then the account looks for somebody who is known to be there, see `duties/canary.py`.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from daemon.accounts.directory import Failing
from daemon.i18n.coded import WORDS, Coded, Told

LIMIT = 5  # this many recipients in a row
SPENT = 3  # or this many who used up their last attempt
FIRST_HOLD_MS, LONGEST_HOLD_MS = 600_000, 3_600_000
REFUSED_MS = 3 * 24 * 3_600_000  # older refusals do not belong to a run


class Verdict(Enum):
    """What a failure means for the message's attempts."""

    COUNT = auto()  #: the attempt is used up
    EXCUSE = auto()  #: it was the last one, and the account may be to blame: one more try
    HOLD = auto()  #: the account is to blame: hold it


class Failures:
    """The failures of one account since its last success; kept over restarts, see `dumps`."""

    def __init__(self) -> None:
        self._cause = ""
        self._run: dict[int, int] = {}  # message id: how many of its attempts were counted in this run
        self._failed: set[int] = set()  # since the last success, for any cause
        self._spent: set[int] = set()  # those of the run who have no attempt left
        self._excused: set[int] = set()
        self._holds = 0  # since the last success
        self._refused: dict[int, int] = {}  # message id: when (ms); since the last success

    def note(self, message_id: int, why: Told, last_try: bool) -> Verdict:
        """Judge one more failure. last_try: counting it would make the message fail for good."""
        cause = cause_of(why)
        if cause != self._cause:
            self._cause, self._run, self._spent = cause, {}, set()
        verdict = Verdict.COUNT
        if last_try and message_id not in self._failed | self._excused:
            self._excused.add(message_id)
            verdict = Verdict.EXCUSE
        spent = self._spent | {message_id} if last_try and verdict is Verdict.COUNT else self._spent
        if self._holds or len(self._run.keys() | {message_id}) >= LIMIT or len(spent) >= SPENT:
            verdict = Verdict.HOLD
        else:
            self._spent = spent
        self._failed.add(message_id)
        self._run[message_id] = self._run.get(message_id, 0) + (verdict is Verdict.COUNT)
        return verdict

    def refuse(self, message_id: int, now: int) -> None:
        """WhatsApp says that this person cannot be reached; this ends a run of any other cause."""
        self._cause, self._run, self._spent = "", {}, set()
        self._refused = {known: at for known, at in self._refused.items() if 0 <= now - at < REFUSED_MS}
        self._refused[message_id] = now

    @property
    def suspect(self) -> bool:
        """Whether to look for somebody who is known to be there."""
        return len(self._refused) >= LIMIT or bool(self._refused and self._holds)

    @property
    def on_trial(self) -> bool:
        """Whether nothing has gone through since a hold."""
        return self._holds > 0

    def hold(self) -> tuple[int, dict[int, int]]:
        """Begin a hold: how long it lasts (ms), and how many attempts each message is to be given back."""
        counted = {message_id: count for message_id, count in self._run.items() if count}
        counted |= dict.fromkeys(self._refused, 1)
        self._excused -= self._run.keys()
        self._run, self._spent, self._refused = {}, set(), {}
        self._holds += 1
        return min(FIRST_HOLD_MS * 2 ** (self._holds - 1), LONGEST_HOLD_MS), counted

    def success(self) -> None:
        """A message has gone through, or somebody known to be there was found: the account works."""
        self._cause, self._run, self._failed, self._spent, self._holds = "", {}, set(), set(), 0
        self._refused = {}

    def dumps(self) -> Failing | None:
        """Everything, for `loads`; None when there is nothing to remember."""
        if not (self._failed or self._refused or self._holds):
            return None
        return Failing(
            cause=self._cause,
            holds=self._holds,
            failed=sorted(self._failed),
            spent=sorted(self._spent),
            excused=sorted(self._excused),
            run=sorted(self._run.items()),
            refused=sorted(self._refused.items()),
        )

    @classmethod
    def loads(cls, kept: Failing | None) -> Failures:
        """What `dumps` gave; a part that is missing counts as empty."""
        made, kept = cls(), kept or {}
        made._cause, made._holds = kept.get("cause", ""), kept.get("holds", 0)
        made._failed, made._spent = set(kept.get("failed", ())), set(kept.get("spent", ()))
        made._excused = set(kept.get("excused", ()))
        made._run, made._refused = dict(kept.get("run", ())), dict(kept.get("refused", ()))
        return made


def cause_of(why: Told) -> str:
    """What several failures have in common: the code. Of what a transport has only words for, the words without their
    particulars."""
    if isinstance(why, Coded):
        if WORDS not in dict(why.values):
            return "/".join([why.code, *(each.code for _, each in why.values if isinstance(each, Coded))])
        why = str(why)
    return re.split(r"[(:]", why, maxsplit=1)[0].strip()
