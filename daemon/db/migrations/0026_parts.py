"""How a job's text writes dates and amounts, and the parts of a message that are sent one after another. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CharField, CompositeKey, ForeignKeyField, IntegerField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Message(Base):
        id = AutoField()

    class MessagePart(Base):
        message = ForeignKeyField(Message, on_delete="CASCADE", index=False)
        part = IntegerField()
        of = IntegerField()
        what = TextField()
        mark = TextField(null=True)
        transport_id = TextField(null=True)
        ack = CharField(null=True, max_length=16)
        submitted_at = BigIntegerField(null=True)
        sent_at = BigIntegerField(null=True)

        class Meta:
            primary_key = CompositeKey("message", "part")

    migrator.migrate(migrator.add_column("job", "formats", TextField(null=True)))
    db.create_tables([MessagePart])
    db.execute_sql(
        'CREATE INDEX "message_part_transport_id" ON "message_part" ("transport_id") '
        'WHERE ("transport_id" IS NOT NULL)'
    )
