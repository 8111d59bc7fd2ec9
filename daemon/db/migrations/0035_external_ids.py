"""What other software calls a job and its recipients. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import CharField


def up(migrator: Any, db: Any) -> None:
    for table in ("job", "message"):
        migrator.migrate(migrator.add_column(table, "external_id", CharField(max_length=255, null=True)))
        db.execute_sql(
            f'CREATE INDEX "{table}_external_id" ON "{table}" ("external_id", "id") WHERE "external_id" IS NOT NULL'
        )
