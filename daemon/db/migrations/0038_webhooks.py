"""Webhooks, what they have to be told, and who tells it. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CharField, ForeignKeyField, IntegerField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Webhook(Base):
        id = AutoField()
        name = TextField()
        url = TextField()
        kinds = TextField()
        accounts = TextField(null=True)
        secret = CharField(max_length=80)
        old_secret = CharField(null=True, max_length=80)
        old_until = BigIntegerField(null=True)
        event = BigIntegerField()
        happening = BigIntegerField()
        failures = IntegerField()
        failing_since = BigIntegerField(null=True)
        rest_until = BigIntegerField()
        delivered_at = BigIntegerField(null=True)
        disabled_at = BigIntegerField(null=True)
        disabled_why = CharField(null=True, max_length=16)
        created_at = BigIntegerField()
        created_by = CharField(max_length=64)
        version = IntegerField()

    class Delivery(Base):
        id = AutoField()
        webhook = ForeignKeyField(Webhook, on_delete="CASCADE", index=False)
        source = CharField(max_length=24)
        kind = CharField(max_length=32)
        topic = CharField(max_length=64)
        at = BigIntegerField()
        state = CharField(max_length=16)
        attempts = IntegerField()
        due_at = BigIntegerField()
        tried_at = BigIntegerField(null=True)
        ended_at = BigIntegerField(null=True)
        status = IntegerField(null=True)
        problem = CharField(null=True, max_length=32)
        elapsed_ms = IntegerField(null=True)

        class Meta:
            indexes = ((("webhook", "source"), True), (("webhook", "id"), False), (("webhook", "state", "id"), False))

    class Duty(Base):
        name = CharField(primary_key=True, max_length=32)
        owner = CharField(max_length=32)
        until = BigIntegerField()
        place = TextField(null=True)

    db.create_tables([Webhook, Delivery, Duty])
    waiting = "WHERE (\"state\" = 'waiting')"
    db.execute_sql(f'CREATE INDEX "delivery_due" ON "delivery" ("webhook_id", "due_at", "id") {waiting}')
    db.execute_sql(f'CREATE INDEX "delivery_topic" ON "delivery" ("webhook_id", "topic", "id") {waiting}')
    db.execute_sql('CREATE INDEX "delivery_ended" ON "delivery" ("ended_at") WHERE ("ended_at" IS NOT NULL)')
