"""Whether a campaign's pauses were given for it: then they hold where no others are made. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "own_delays" BOOLEAN')
