"""The text file of a draft as it was uploaded, to read it again in another encoding. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    kind = "BYTEA" if db.param == "%s" else "BLOB"
    db.execute_sql(f'ALTER TABLE "draft" ADD COLUMN "original" {kind}')
