"""An upload keeps the rows of those who stand in it earlier, for campaigns with a message for each row. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('ALTER TABLE "upload" ADD COLUMN "repeated_set" INTEGER')
