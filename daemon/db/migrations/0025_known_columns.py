"""What was chosen for the columns of a file, by its row of titles. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CharField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class KnownColumns(Model):
        shape = CharField(primary_key=True, max_length=64)
        columns = TextField()
        country = CharField(max_length=8)
        used_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "known_columns"

    db.create_tables([KnownColumns])
