"""How much a piece of work reads, as the database itself counts it: no clock, so no matter how busy the machine is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from daemon.db import proxy

EVERY = 100  # instructions between two calls of SQLite's handler
OF_A_ROW = 10  # instructions, about, that SQLite takes to look at one


@dataclass
class Reads:
    """by_table: how many rows of each were looked at, whether they were wanted or not (PostgreSQL; `bitmap`: of an
    index, to be sorted by place). instructions: of SQLite's machine, of all statements together."""

    by_table: Counter[str] = field(default_factory=Counter)
    instructions: int = 0
    compiled: int = 0  # queries that PostgreSQL has compiled, which takes longer than most of them

    @property
    def rows(self) -> int:
        """How many rows were looked at, about."""
        return self.by_table.total() or self.instructions // OF_A_ROW


@contextmanager
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    """Count what is read in here."""
    reads = Reads()
    if not proxy.on_postgres():
        connection = proxy.database.connection()

        def count() -> None:
            reads.instructions += EVERY

        connection.set_progress_handler(count, EVERY)
        try:
            yield reads
        finally:
            connection.set_progress_handler(None, 0)
        return
    real = proxy.database.obj.execute_sql

    def execute_sql(sql: str, params: Any = None) -> Any:
        if sql.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")) and ("FROM" in sql or "SET" in sql):
            with proxy.database.atomic() as savepoint:  # where it is made, under the settings of its transaction
                (plan,) = real(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params).fetchone()
                savepoint.rollback()
            _count(plan[0]["Plan"], reads.by_table)
            reads.compiled += "JIT" in plan[0]
        return real(sql, params)

    with monkeypatch.context() as patched:
        patched.setattr(proxy.database.obj, "execute_sql", execute_sql)
        yield reads


def _count(node: dict[str, Any], rows: Counter[str]) -> None:
    if table := node.get("Relation Name"):
        left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        rows[table] += int((node["Actual Rows"] + left_out) * node["Actual Loops"])
    elif node["Node Type"] == "Bitmap Index Scan":
        rows["bitmap"] += int(node["Actual Rows"] * node["Actual Loops"])
    for child in node.get("Plans", ()):
        _count(child, rows)
