"""What has happened how often, ever: counts that only grow, kept in the database, so that they are right across
processes and outlast them. `GET /metrics` shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import peewee

from daemon.db.connection import write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import tuples
from daemon.models import MetricCount
from daemon.telemetry import counts
from daemon.telemetry.counts import Counted


class Name(StrEnum):
    """What is counted beside `Counted`, and what its label says."""

    STARTS = "starts"  #: of processes, by which
    MOVES = "moves"  #: of messages, by what they are called in the history
    STATES = "states"  #: that an account came into
    HOLDS = "holds"  #: of an account, by why
    JOBS = "jobs"  #: that came into a state
    REPLIES = "replies"
    REMOVED = "removed"  #: because of its age, by its kind
    DURATIONS = "durations"  #: from claim to tick, by how long at most; and SUM_MS


SUM_MS = "sum_ms"
Counts = Mapping[tuple[Name | Counted, str, str], int]  # (what, account, label): how often


def add(found: Counts) -> None:
    """Count so many more; part of the caller's transaction."""
    rows = [
        {"name": name.value, "account": account, "label": label, "count": by}
        for (name, account, label), by in sorted(found.items())  # in one order, as others may write them, too
        if by
    ]
    if rows:
        _add.bound(rows)()


@Prepared
def _add() -> Any:
    new = MetricCount.insert({name: param(name) for name in ("name", "account", "label", "count")})
    more = {MetricCount.count: MetricCount.count + peewee.EXCLUDED["count"]}
    same = [MetricCount.name, MetricCount.account, MetricCount.label]
    return new.on_conflict(conflict_target=same, update=more)


def started(process: str) -> None:
    """A process has started. Raises as `write` does."""
    with write():
        add({(Name.STARTS, "", process): 1})


def store(account: str) -> None:
    """Store what this process has counted since, as of that account. Raises as `write` does; it is kept then."""
    taken = counts.take()
    if not taken:
        return
    try:
        with write():
            add({(what, account, ""): by for what, by in taken.items()})
    except BaseException:
        counts.give_back(taken)
        raise


def of(name: Name, account: str, label: str) -> int:
    """How often that has happened."""
    mine = (MetricCount.name == name.value, MetricCount.account == account, MetricCount.label == label)
    return int(MetricCount.select(MetricCount.count).where(*mine).scalar() or 0)


def every() -> dict[str, dict[tuple[str, str], int]]:
    """All counts: by name, then by (account, label)."""
    found: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    query = MetricCount.select(MetricCount.name, MetricCount.account, MetricCount.label, MetricCount.count)
    for name, account, label, count in tuples(query):
        found[name][account, label] = count
    return found
