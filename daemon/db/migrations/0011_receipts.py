"""Messages that are accepted or expired, and what receipts need to find them. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import SQL, BooleanField


def up(migrator: Any, db: Any) -> None:
    # Columns that may be empty or have a constant default are added in place, on either database.
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "accepted" INTEGER NOT NULL DEFAULT 0')
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "expired" INTEGER NOT NULL DEFAULT 0')
    db.execute_sql('ALTER TABLE "message" ADD COLUMN "submissions" INTEGER NOT NULL DEFAULT 0')
    db.execute_sql('ALTER TABLE "message" ADD COLUMN "accepted_at" BIGINT')
    db.execute_sql('ALTER TABLE "message" ADD COLUMN "expires_at" BIGINT')
    missed = BooleanField(constraints=[SQL("DEFAULT false")])
    migrator.migrate(migrator.add_column("handover", "missed", missed, True))
    db.execute_sql('CREATE INDEX "message_expires_at" ON "message" ("expires_at") WHERE ("expires_at" IS NOT NULL)')
