"""People of whom only a digest is left, and the secret that it is made with. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CharField, Model


def up(migrator: Any, db: Any) -> None:
    class Erased(Model):
        digest = CharField(primary_key=True, max_length=64)
        at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False

    db.execute_sql('ALTER TABLE "installation" ADD COLUMN "secret" VARCHAR(64)')
    db.create_tables([Erased])
