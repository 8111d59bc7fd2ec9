"""A campaign may be relative to a date of each person: each message has its time, and an end of its use. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('ALTER TABLE "message" ADD COLUMN "not_after" BIGINT')
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "dated" TEXT')
