"""Uploads of which a person has to say which column has the telephone numbers. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('ALTER TABLE "upload" ADD COLUMN "sheet" TEXT')
    db.execute_sql('ALTER TABLE "upload" ADD COLUMN "candidates" TEXT')
