"""A job may have several messages to one number, where each row of its people gets its own. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('ALTER TABLE "message" ADD COLUMN "nth" INTEGER NOT NULL DEFAULT 0')
    db.execute_sql('CREATE UNIQUE INDEX "message_job_id_number_nth" ON "message" ("job_id", "number", "nth")')
    db.execute_sql('DROP INDEX "message_job_id_number"')
