"""Which hand-overs have no message, by age: those that are too old are deleted every hour. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('CREATE INDEX "handover_alone" ON "handover" ("at") WHERE ("message_id" IS NULL)')
