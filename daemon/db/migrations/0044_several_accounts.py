"""An account has settings of its own, a name that is shown, the folder that has its profile, and can be removed.
Frozen."""

from __future__ import annotations

from typing import Any

COLUMNS = {
    "title": "VARCHAR(64)",
    "transport": "VARCHAR(16)",
    "delay_min": "DOUBLE PRECISION",
    "delay_max": "DOUBLE PRECISION",
    "long_pause_every": "INTEGER",
    "long_pause_min": "DOUBLE PRECISION",
    "long_pause_max": "DOUBLE PRECISION",
    "canary": "VARCHAR(20)",
    "home": "VARCHAR(32)",
    "removed_at": "BIGINT",
}


def up(migrator: Any, db: Any) -> None:
    for name, kind in COLUMNS.items():
        db.execute_sql(f'ALTER TABLE "account" ADD COLUMN "{name}" {kind}')
    db.execute_sql('CREATE INDEX "job_account_id" ON "job" ("account", "id")')
