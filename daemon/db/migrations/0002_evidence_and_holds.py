"""Evidence for uncertain messages; what restrictions and canaries leave behind. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import SQL, AutoField, BigIntegerField, BlobField, BooleanField, ForeignKeyField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    migrator.migrate(
        migrator.add_column("account", "known_chats", BooleanField(constraints=[SQL("DEFAULT false")]), True),
        migrator.add_column("account", "slow_until", BigIntegerField(constraints=[SQL("DEFAULT 0")]), True),
        migrator.add_column("account", "canary_at", BigIntegerField(constraints=[SQL("DEFAULT 0")]), True),
        migrator.add_index("message", ("account", "number"), False),
    )

    class Message(Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "message"

    class Evidence(Model):
        message = ForeignKeyField(Message, on_delete="CASCADE")
        at = BigIntegerField()
        finding = TextField()
        rows = TextField()
        screenshot = BlobField(null=True)

        class Meta:
            database = db
            table_name = "evidence"

    db.create_tables([Evidence])
