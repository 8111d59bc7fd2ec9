"""A row for every hand-over: what the caps count; an account's run of failures. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CharField, ForeignKeyField, Model


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Message(Base):
        id = AutoField()

    class Handover(Base):
        account = CharField(max_length=32)
        number = CharField(max_length=20)
        at = BigIntegerField()
        kind = CharField(max_length=16)
        message = ForeignKeyField(Message, null=True, on_delete="SET NULL")

        class Meta:
            indexes = ((("account", "at"), False), (("number", "at"), False))

    db.execute_sql('ALTER TABLE "account" ADD COLUMN "failing" TEXT')
    db.create_tables([Handover])
    # What is failed or queued again has not left, as far as is known. A test to oneself was known by its job's name.
    db.execute_sql(
        'INSERT INTO "handover" ("account", "number", "at", "kind", "message_id") '
        'SELECT m."account", m."number", m."submitted_at", '
        "CASE WHEN SUBSTR(j.\"name\", 1, 6) = 'Test: ' AND j.\"total\" = 1 THEN 'test' ELSE 'campaign' END, m.\"id\" "
        'FROM "message" AS m INNER JOIN "job" AS j ON m."job_id" = j."id" '
        "WHERE m.\"submitted_at\" IS NOT NULL AND m.\"state\" IN ('sending', 'sent', 'delivered', 'read', 'uncertain') "
        'ORDER BY m."id"'
    )
