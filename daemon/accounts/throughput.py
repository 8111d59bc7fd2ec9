"""How fast a number of the Cloud API sends: a row for each, shared by all senders that use it, on any host.

They take turns in advance, several at once, so that it costs few writes. When Meta says that it was too much, everybody
pauses, and then sends at half the speed, which comes back little by little.
"""

from __future__ import annotations

from typing import Any

from daemon.db.connection import write, write_fleeting
from daemon.db.prepared import Prepared, param, rows_of
from daemon.db.proxy import locked
from daemon.models import Throughput
from daemon.transports.protocol import Turns

WHOLE = 1_000  # per mille
LEAST = 50
BACK_IN_S = 120  # from nothing to the whole
ONCE_MS = 1_000  # messages that were in flight together are refused together: that lowers it once
LONGEST_AHEAD_MS = 300_000  # anything longer was stored while the clock was ahead


def take(number: str, most: int, rate: int, now: int) -> Turns:
    """Take `most` turns. rate: messages a second that Meta allows the number. After a power cut they are over."""
    with write_fleeting():
        row = _row(number)
        gap_ms = 1_000 / (rate * share(row, now) / WHOLE)
        at = max(_next_at(row, now), float(now))
        _take(number=number, next_at=at + most * gap_ms)
    return Turns(most, at - now, gap_ms)


def lower(number: str, pause_ms: int, now: int) -> None:
    """It was too much: nothing goes during the pause, and half as much after it."""
    with write():
        row = _row(number)
        changes: dict[str, float] = {"next_at": max(_next_at(row, now), float(now + pause_ms))}
        if not 0 <= now - row.lowered_at < ONCE_MS:
            changes |= {"share": max(share(row, now) // 2, LEAST), "lowered_at": now}
        Throughput.update(changes).where(Throughput.number == number).execute()


def share(row: Throughput, now: int) -> int:
    """What it may send now of what Meta allows, per mille."""
    if row.lowered_at > now + LONGEST_AHEAD_MS:
        return WHOLE
    return min(WHOLE, row.share + max(now - row.lowered_at, 0) // BACK_IN_S)


def _next_at(row: Throughput, now: int) -> float:
    return row.next_at if row.next_at <= now + LONGEST_AHEAD_MS else 0.0


def _row(number: str) -> Throughput:
    if not (found := rows_of(Throughput, _found(number=number))):
        Throughput.insert(number=number, next_at=0, share=WHOLE, lowered_at=0).on_conflict_ignore().execute()
        found = rows_of(Throughput, _found(number=number))
    row: Throughput = found[0]
    return row


@Prepared
def _found() -> Any:
    return locked(Throughput.select().where(Throughput.number == param("number")))


@Prepared
def _take() -> Any:
    return Throughput.update(next_at=param("next_at")).where(Throughput.number == param("number"))
