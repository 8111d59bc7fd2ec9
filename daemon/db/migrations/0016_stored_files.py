"""How much room uploads take, and which of them nobody has used. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('ALTER TABLE "upload" ADD COLUMN "size" BIGINT NOT NULL DEFAULT 0')
    db.execute_sql('ALTER TABLE "upload" ADD COLUMN "used_at" BIGINT NOT NULL DEFAULT 0')
    db.execute_sql('UPDATE "upload" SET "size" = LENGTH("contacts") + LENGTH("rejected"), "used_at" = "created_at"')
    # What stands behind the contacts is slow to reach in SQLite: both sums and searches are answered by this.
    db.execute_sql('CREATE INDEX "upload_used_at_size" ON "upload" ("used_at", "size")')
    # Which of them are in a campaign was not written down: all are kept.
    db.execute_sql('ALTER TABLE "attachment" ADD COLUMN "used_at" BIGINT')
    db.execute_sql('UPDATE "attachment" SET "used_at" = "created_at"')
