"""Answers to writes that came with an Idempotency-Key, by operation and caller. Frozen.

What `POST /send` answered before goes on to be given to its repeats, whoever the caller is: nobody was told apart.
"""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CharField, CompositeKey, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class KeptAnswer(Model):
        operation = CharField(max_length=80)
        caller = CharField(max_length=64)
        key = CharField(max_length=255)
        request = CharField(max_length=64)
        response = TextField(null=True)
        created_at = BigIntegerField(index=True)

        class Meta:
            database = db
            table_name = "kept_answer"
            primary_key = CompositeKey("operation", "caller", "key")

    db.create_tables([KeptAnswer])
    db.execute_sql(
        'INSERT INTO "kept_answer" ("operation", "caller", "key", "request", "response", "created_at") '
        "SELECT 'POST /send', '', \"key\", '', \"response\", \"created_at\" FROM \"idempotency\" WHERE \"scope\" = 'send'"
    )
