"""What happens to jobs and accounts, and which replies come, beside the history of messages. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CharField, IntegerField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Happening(Model):
        id = AutoField()
        after = BigIntegerField()
        at = BigIntegerField(index=True)
        kind = CharField(max_length=32)
        account = CharField(max_length=32)
        job = IntegerField(null=True)
        about = TextField()

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([Happening])
    db.execute_sql("CREATE INDEX \"event_told\" ON \"event\" (\"id\", \"move\") WHERE (\"move\" <> 'enqueue')")
