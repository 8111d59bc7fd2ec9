"""Which jobs are dry runs, which accounts send nothing, and how long a send takes. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('ALTER TABLE "account" ADD COLUMN "send_ms" INTEGER NOT NULL DEFAULT 0')
    db.execute_sql('ALTER TABLE "account" ADD COLUMN "dry_run" BOOLEAN NOT NULL DEFAULT FALSE')
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "for_dry_run" BOOLEAN NOT NULL DEFAULT FALSE')
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "dry_run" BOOLEAN NOT NULL DEFAULT FALSE')
    # What a dry run has handed over bears its name.
    db.execute_sql(
        'UPDATE "job" SET "dry_run" = TRUE, "for_dry_run" = TRUE '
        "WHERE \"id\" IN (SELECT \"job_id\" FROM \"message\" WHERE SUBSTR(\"transport_id\", 1, 7) = 'dryrun-')"
    )
