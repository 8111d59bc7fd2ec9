"""Whose an account is, and the hold that outlives a sender. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    # Columns that may be empty or have a constant default are added in place, on either database.
    db.execute_sql('ALTER TABLE "account" ADD COLUMN "owner" VARCHAR(32)')
    db.execute_sql('ALTER TABLE "account" ADD COLUMN "owner_until" BIGINT NOT NULL DEFAULT 0')
    db.execute_sql('ALTER TABLE "account" ADD COLUMN "owner_place" TEXT')
    db.execute_sql('ALTER TABLE "account" ADD COLUMN "kept_hold" TEXT')
