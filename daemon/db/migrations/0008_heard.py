"""What of replies outlives them: the ids of STOPs that were heeded; and chats that are open until they are stored. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, BooleanField, CharField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        id = AutoField()

        class Meta:
            database = db
            legacy_table_names = False

    class OldStop(Base):
        account = CharField(max_length=32)
        key = CharField(max_length=64)

        class Meta:
            indexes = ((("account", "key"), True),)

    class OpenedChat(Base):
        account = CharField(max_length=32)
        title = TextField()
        number = CharField(max_length=20)
        at = BigIntegerField()
        stored = BooleanField(default=False)

        class Meta:
            indexes = ((("account", "number"), False),)

    db.create_tables([OldStop, OpenedChat])
    db.execute_sql(
        'CREATE INDEX "message_transport_id" ON "message" ("transport_id") WHERE ("transport_id" IS NOT NULL)'
    )
