"""Waiting for WhatsApp's tick after the click on Send, one answer of the page at a time."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TypedDict

from daemon import errors
from daemon.i18n.coded import refusal
from daemon.states import Ack
from daemon.transports.browser.reading import ACKS
from daemon.transports.browser.refusals import Unsent
from daemon.transports.protocol import Receipt

SLICE_MS = 2_000  #: longest wait inside the page while waiting for a tick
LATE_ROWS_S = 0.12  #: how long a message without a clock is looked at again in a chat that was empty
IGNORED_S = 5.0  #: how long the text may stay in the composer after the click on Send
SHARED_ROW_S = 2.0  #: how long some of the rows must have their ticks before all count: several files may share one
SECOND_TRY_S = 0.4  #: how long WhatsApp has to try again by itself what it shows as failed


class FoundRow(TypedDict):
    """A row that holds a part of the message. ack: "pending", "sent", "delivered", "read" or "failed"."""

    id: str
    ack: str


class Clicked(TypedDict):
    """What the page answers to "send" once it has clicked. before: ids of the rows that were there; count: how many.

    born: which life of the page it was in.
    """

    before: list[str]
    count: int
    born: float


class NewRows(TypedDict):
    """What the page answers to "awaitRow". found: for each part of the message its row. draft: length of what stands
    in the composer. born: which life of the page it is.
    """

    found: list[FoundRow | None]
    draft: int | None
    born: float


class Todo(Enum):
    """What a step asks for beside another look."""

    TAKE_BACK = auto()  # the text still stands in the composer: the click may have been ignored


class TickWait:
    """Decides when a message that was clicked away counts as sent, as not sent, or as unknown."""

    def __init__(self, clicked: Clicked, *, typed: bool, until: float, clock: Callable[[], float]) -> None:
        """typed: the text stood in the composer. until: when to give up, by `clock` (monotonic seconds)."""
        self._clock, self._until = clock, until
        self._born = clicked["born"]
        self._began = clock()
        self._may_be_ignored = typed
        # Into a chat that was empty, older rows, ticked long ago, may come only now. Ours follows them.
        self._trusted = clicked["count"] > 0
        self._failed_since: float | None = None  # since when rows have failed and none is on the clock
        self._some_since: float | None = None  # since when a part of the rows has had all its ticks
        self.pause_s = 0.0  #: how long to let the page be before the next look

    @property
    def wait_ms(self) -> int:
        """How long the next look may wait inside the page."""
        left_ms = max(int((self._until - self._clock()) * 1000), 0)
        return 0 if self._failed_since is not None else min(SLICE_MS, left_ms)

    def step(self, answer: NewRows) -> Receipt | Todo | None:
        """Take one answer. None: look again, after `pause_s`. Raises NotSubmitted, SubmitUnknown."""
        self.pause_s = 0.0
        found = [row for row in answer["found"] if row]
        acks = [row["ack"] for row in found]
        self._trusted |= "pending" in acks
        if "failed" in acks and "pending" not in acks:
            self._note_failed(acks, len(answer["found"]))
            return None
        self._failed_since = None
        if "failed" in acks:
            self.pause_s = SECOND_TRY_S  # the page does not wait where something has failed
        if self._ticked(acks, len(answer["found"])):
            if self._trusted:
                return Receipt(found[-1]["id"], min((ACKS[ack] for ack in acks), key=list(Ack).index))
            self._trusted = True
            self.pause_s = LATE_ROWS_S
            return None
        if not found and self._may_be_ignored and self._clock() - self._began > IGNORED_S:
            self._may_be_ignored = False
            if answer["draft"]:
                return Todo.TAKE_BACK
        if answer["born"] != self._born:
            raise errors.SubmitUnknown(Unsent.RELOADED_BEFORE_TICK)
        if self._clock() >= self._until:
            raise errors.SubmitUnknown(Unsent.ON_THE_CLOCK if found else Unsent.NOT_SHOWN)
        return None

    def _note_failed(self, acks: list[str], parts: int) -> None:
        """Believed at the second look. Not sent is only what has failed in all its rows: the others would go twice."""
        again, self.pause_s = self._failed_since is not None, SECOND_TRY_S
        self._failed_since = self._failed_since or self._clock()
        if not again:
            return
        if any(ack in ACKS for ack in acks):
            raise errors.SubmitUnknown(Unsent.ONLY_A_PART, error=refusal(Unsent.REPORTED_NOT_SENT))
        if len(acks) == parts or self._clock() - self._failed_since > SHARED_ROW_S:
            raise errors.NotSubmitted(Unsent.REPORTED_NOT_SENT)

    def _ticked(self, acks: list[str], parts: int) -> bool:
        """Whether all that is there has a tick, and nothing more is to be expected."""
        if not acks or not all(ack in ACKS for ack in acks):
            return False
        if len(acks) == parts:
            return True
        self._some_since = self._some_since or self._clock()
        return self._clock() - self._some_since > SHARED_ROW_S
