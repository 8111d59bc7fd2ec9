"""Which jobs have messages that wait for a decision: every page counts them. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('CREATE INDEX "job_undecided" ON "job" ("account", "uncertain") WHERE ("uncertain" > 0)')
