"""When each person gets a message of a campaign that is relative to a date of theirs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from daemon.campaigns.draft_content import Dated
from daemon.formats import values
from daemon.formats.values import Fault, Kind, Unreadable

FARTHEST_MS = 3_653 * 86_400_000  # from now, ten years: a date beyond is a slip of the pen


@dataclass(frozen=True)
class Due:
    """at: when the message is due; until: when it is of no use any more, UTC ms. The end of that day, or the time of
    the date itself where that comes before."""

    at: int
    until: int


class Missed(StrEnum):
    """Why somebody has no such time."""

    NO_DATE = "no_date"
    PASSED = "passed"
    TOO_FAR = "too_far"


class Dates:
    """The rule of one campaign. zone: the account's; language: in which months are named."""

    def __init__(self, rule: Dated, zone: str, language: str) -> None:
        self._rule, self._zone, self._language = rule, zone, language
        self._here, self._time = ZoneInfo(zone), time.fromisoformat(rule.time)

    def due(self, fields: Mapping[str, str]) -> Due:
        """Raises Unreadable."""
        text, order = fields.get(self._rule.field, ""), self._rule.order
        at = values.moment(text, self._language, self._zone, order)
        if at.day is None:
            raise Unreadable(Fault.NOT_A_DATE)
        try:
            day = at.day + timedelta(days=self._rule.days)
            begins, ends = self._ms(day, self._time), self._ms(day + timedelta(days=1), time()) - 1
            event = self._ms(at.day, at.clock) if at.clock else ends
        except (OverflowError, ValueError):
            raise Unreadable(Fault.NOT_A_DATE) from None
        return Due(begins, event if begins < event < ends else ends)

    def _ms(self, day: date, clock: time) -> int:
        return round(datetime.combine(day, clock, self._here).timestamp() * 1000)

    def missed(self, fields: Mapping[str, str], now: int) -> Missed | None:
        """Why a message to them could not be due at its time; None where it can."""
        try:
            at = self.due(fields).at
        except Unreadable:
            return Missed.NO_DATE
        return Missed.PASSED if at <= now else Missed.TOO_FAR if at > now + FARTHEST_MS else None


def doubtful(cells: list[str], language: str) -> bool | None:
    """Whether it is unclear what comes first in the dates of a column; None for one that has no dates."""
    kind, unclear = values.kind(cells, language)
    return unclear if kind in (Kind.DATE, Kind.MOMENT) else None
