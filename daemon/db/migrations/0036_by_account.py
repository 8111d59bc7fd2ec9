"""Somebody who may see some accounts only reads their replies without those of all others. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('CREATE INDEX "reply_account_id" ON "reply" ("account", "id")')
