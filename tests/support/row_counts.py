"""How many rows there are, to see what a request has done."""

from __future__ import annotations

import operator
from collections import Counter
from functools import reduce
from typing import Any

import peewee

from daemon.db.prepared import Prepared
from daemon.models import (
    AuditEntry,
    AuditHead,
    Duty,
    Kept,
    KeptAnswer,
    MetricCount,
    MetricPosition,
    Notice,
    Table,
    Tally,
)  # fmt: skip

# Rows that are there once they are needed.
AS_NEEDED = (KeptAnswer, Tally, Duty, MetricCount, MetricPosition, AuditEntry, AuditHead, Kept, Notice)


@Prepared
def _counts() -> Any:
    """One query for all tables: they are counted some hundred times."""
    asked = [
        each.select(peewee.Value(name, converter=False), how)
        for each in Table.__subclasses__()
        for name, how in (
            *([(each.__name__, peewee.fn.COUNT(peewee.SQL("*")))] if each not in AS_NEEDED else []),
            *([(f"changed {each.__name__}", peewee.fn.SUM(each.version))] if hasattr(each, "version") else []),
        )
    ]
    return reduce(operator.add, asked)


def rows() -> Counter[str]:
    """How many there are in each table, and how often they were changed, where that is counted."""
    return Counter({name: int(count or 0) for name, count in _counts()})
