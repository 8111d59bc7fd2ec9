"""A key can be changed: its version, and who changed it last. Frozen."""

from __future__ import annotations

from typing import Any

COLUMNS = {"version": "INTEGER NOT NULL DEFAULT 1", "changed_at": "BIGINT", "changed_by": "VARCHAR(255)"}


def up(migrator: Any, db: Any) -> None:
    for name, kind in COLUMNS.items():
        db.execute_sql(f'ALTER TABLE "api_key" ADD COLUMN "{name}" {kind}')
