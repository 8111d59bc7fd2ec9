"""Reading a chat from its end back to the mark: what its rows prove of a message, one answer of the page at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from daemon.i18n.coded import refusal
from daemon.states import Ack, Finding
from daemon.transports.browser.refusals import Look
from daemon.transports.protocol import Lookup, Mark, Receipt

LOOK_BACK_S = 60.0
STABLE_S = 2.0  #: how long a complete history must stay as it is before something counts as absent
EMPTY_S = 15.0  #: the same when the chat shows nothing at all: its messages may come late, or never in this page

ACKS = {"sent": Ack.SENT, "delivered": Ack.DELIVERED, "read": Ack.READ}  #: a tick of the server, as the page names it
_ORDER = {"failed": 0, "pending": 1, "sent": 2, "delivered": 3, "read": 4}


class Row(TypedDict):
    """A row after the mark. fits: for each part of the message "yes", "no" or "unclear"."""

    id: str
    own: bool | None
    ack: str | None
    fits: list[str]
    shell: bool


class History(TypedDict):
    """What the page answers to "history"."""

    theirs: bool  # all of it is of their chat, no other was open
    reached: bool  # the mark is among the rows that are loaded
    near: bool  # one that fits stands just above it
    count: int
    first: str | None
    last: str | None
    loading: bool
    painted: bool  # the chat shows anything at all
    listed: bool  # the list of chats says that there are messages
    rows: list[Row]


class Older(TypedDict):
    """What the page answers to "older"."""

    theirs: bool  # as in History
    came: bool
    top: bool
    loading: bool


@dataclass(frozen=True)
class Outcome:
    """What a reading has come to. read_through: as far as the mark, or the beginning. blank: nothing showed."""

    lookup: Lookup
    read_through: bool = False
    blank: bool = False


class Reading:
    """Decides when enough of a chat has been seen, and what it says.

    same_life: the page is the one that was handed the message. An entirely empty chat proves nothing there: its rows
    may never come. proved: the chat is known to be theirs; one that is not is so by the mark's row in it.
    """

    def __init__(self, mark: Mark, parts: int, *, same_life: bool, proved: bool, clock: Callable[[], float]) -> None:
        """parts: in how many rows the message shows. clock: monotonic seconds."""
        self._anchored = mark.last is not None or mark.last_own is not None
        self._parts = parts
        self._same_life, self._proved = same_life, proved
        self._clock = clock
        self._until = clock() + LOOK_BACK_S
        self._turned = False  # whether older rows than those of the first page have come
        self._sign: object = None
        self._since: float | None = None  # since when the rows have stayed as they are

    def step(self, history: History, older: Older | None) -> Outcome | None:
        """Take one look at the rows; older: the answer to asking for older ones before it. None: look again."""
        if not history["theirs"] or (older and not older["theirs"]):
            return Outcome(Lookup(Finding.UNKNOWN, refusal(Look.NOT_PROVED)))
        self._turned |= bool(older and older["came"])
        verdict = verdict_of(history["rows"], self._parts)
        if self._is_final(verdict, reached=history["reached"]):
            return Outcome(verdict)
        calm_s = self._calm_s(history)
        calm = calm_s >= STABLE_S
        if not history["painted"]:
            calm = calm_s >= EMPTY_S
            if calm and (history["listed"] or self._same_life):
                what = refusal(Look.CHAT_EMPTY)
                return Outcome(Lookup(Finding.UNKNOWN, what), blank=True)
        at_top = older is not None and older["top"] and not older["came"] and not older["loading"]
        if calm and (history["reached"] or at_top):
            return Outcome(self._judge(history, verdict), read_through=True)
        if self._clock() > self._until:
            return Outcome(Lookup(Finding.UNKNOWN, refusal(Look.TOO_FAR)))
        return None

    def _is_final(self, verdict: Lookup, *, reached: bool) -> bool:
        """Whether no further row can change it."""
        if verdict.finding is Finding.ABSENT:
            return False
        if verdict.finding is Finding.UNKNOWN:
            return reached
        return reached or (self._proved and not self._anchored and not self._turned)

    def _calm_s(self, history: History) -> float:
        """How long the rows have stayed as they are."""
        sign = (history["count"], history["first"], history["last"], history["loading"], history["painted"])
        if self._since is None or sign != self._sign or history["loading"]:
            self._sign, self._since = sign, self._clock()
        return self._clock() - self._since

    def _judge(self, history: History, verdict: Lookup) -> Lookup:
        """What a chat says that was read through."""
        if not self._proved and not history["reached"]:
            return Lookup(Finding.UNKNOWN, refusal(Look.NOT_PROVED))
        if self._anchored and not history["reached"]:
            return Lookup(Finding.UNKNOWN, refusal(Look.LAST_GONE))
        if verdict.finding is Finding.UNKNOWN:
            return verdict
        if verdict.finding is not Finding.ABSENT or history["near"]:
            return Lookup(Finding.UNKNOWN, refusal(Look.SIMILAR))
        return verdict


def verdict_of(rows: list[Row], wanted: int) -> Lookup:
    """What the rows after the mark say of a message that shows in `wanted` rows."""
    unclear = any(
        (row["own"] is None and "yes" in row["fits"]) or (row["own"] is not False and "unclear" in row["fits"])
        for row in rows
    )
    best: list[Row | None] = []
    used: set[str] = set()
    for index in range(wanted):
        hits = [row for row in rows if row["own"] and row["fits"][index] == "yes" and row["id"] not in used]
        hit = max(hits, key=lambda row: _ORDER.get(row["ack"] or "pending", 1), default=None)
        if hit:
            used.add(hit["id"])
        best.append(hit)
    found = [row for row in best if row]
    if not found:
        if unclear:
            return Lookup(Finding.UNKNOWN, refusal(Look.UNREADABLE))
        return Lookup(Finding.ABSENT, refusal(Look.ABSENT))
    if len(found) < wanted:
        return Lookup(Finding.UNKNOWN, refusal(Look.ONLY_PARTS, count=len(found), wanted=wanted))
    acks = [row["ack"] or "pending" for row in found]
    failed = acks.count("failed")
    if failed == wanted:
        return Lookup(Finding.FAILED, refusal(Look.FAILED))
    if "pending" in acks:
        return Lookup(Finding.WAITING, refusal(Look.WAITING))
    if failed:  # sent again, the others would arrive twice
        return Lookup(Finding.UNKNOWN, refusal(Look.FAILED_PARTS, count=failed, wanted=wanted))
    worst = min(acks, key=lambda ack: _ORDER[ack])
    return Lookup(Finding.SENT, refusal(Look.SENT), Receipt(found[-1]["id"], ACKS[worst]))
