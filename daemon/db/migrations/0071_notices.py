"""What people are to be told by mail. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CharField, IntegerField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Notice(Model):
        id = AutoField()
        subject = CharField(max_length=100)
        account = CharField(max_length=32)
        at = BigIntegerField()
        words = TextField()
        coded = TextField(null=True)
        count = IntegerField()
        due_at = BigIntegerField()
        tries = IntegerField()
        ended_at = BigIntegerField(null=True)
        problem = CharField(null=True, max_length=32)

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("subject", "id"), False), (("at",), False))

    db.create_tables([Notice])
    db.execute_sql('CREATE INDEX "notice_due" ON "notice" ("due_at", "id") WHERE ("ended_at" IS NULL)')
