"""WhatsApp's message templates as Meta has them, and the one that a job is sent with. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CharField, IntegerField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class CloudTemplate(Model):
        id = AutoField()
        account = CharField(max_length=32)
        template_id = CharField(null=True, max_length=64)
        name = CharField(max_length=512)
        language = CharField(max_length=16)
        status = CharField(max_length=32)
        category = CharField(null=True, max_length=32)
        quality = CharField(null=True, max_length=16)
        reason = TextField(null=True)
        parameter_format = CharField(null=True, max_length=16)
        components = TextField()
        version = IntegerField()
        synced_at = BigIntegerField()
        changed_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("account", "name", "language"), True),)

    db.create_tables([CloudTemplate])
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "template" TEXT')
