"""Versions of what several people edit, for the optimistic lock (`db/versions.py`). Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    # Columns that have a constant default are added in place, on either database.
    db.execute_sql('ALTER TABLE "template" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1')
    db.execute_sql('ALTER TABLE "contact_list" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1')
    db.execute_sql('ALTER TABLE "user" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1')
    db.execute_sql('ALTER TABLE "account" ADD COLUMN "limits_version" INTEGER NOT NULL DEFAULT 1')
