"""What a job is for; the zone that its opening time was reckoned in; answers to requests by who gave the key. Frozen.

Only what the page itself had sent as a test becomes one: it left a key of this form, whatever the job's name says.
The table `answer` stays as it was, as no step drops one; nothing reads it from here on.
"""

from __future__ import annotations

import json
import re
from typing import Any

from peewee import BigIntegerField, CharField, CompositeKey, Model, TextField

TEST = re.compile(r"test:([0-9a-f]{1,32}:[0-9a-f]{0,40})")
DRAFT = re.compile(r"draft:([0-9a-f]{1,32})")


def up(migrator: Any, db: Any) -> None:
    def ask(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(db.execute_sql(sql.replace("?", db.param), values).fetchall())

    def tell(sql: str, *values: Any) -> None:
        db.execute_sql(sql.replace("?", db.param), values)

    tell("ALTER TABLE \"job\" ADD COLUMN \"kind\" VARCHAR(16) NOT NULL DEFAULT 'campaign'")
    tell('ALTER TABLE "job" ADD COLUMN "opens_zone" VARCHAR(64)')

    class Idempotency(Model):
        scope = CharField(max_length=16)
        key = CharField()
        request = CharField(max_length=64)
        response = TextField()
        created_at = BigIntegerField()

        class Meta:
            database = db
            table_name = "idempotency"
            primary_key = CompositeKey("scope", "key")

    db.create_tables([Idempotency])
    for key, request, response, created_at in ask('SELECT "key", "request", "response", "created_at" FROM "answer"'):
        job_id = _object(response).get("job_id")
        scope, kept = "send", key
        if key.startswith("list:") and job_id is None:
            scope, kept = "list", key.removeprefix("list:")
        elif (test := TEST.fullmatch(key)) and _is_test(ask, job_id):
            scope, kept = "test", test[1]
            tell("UPDATE \"job\" SET \"kind\" = 'test' WHERE \"id\" = ?", job_id)
        elif (draft := DRAFT.fullmatch(key)) and _was_started(ask, draft[1], job_id):
            scope, kept = "draft", draft[1]
        tell(
            'INSERT INTO "idempotency" ("scope", "key", "request", "response", "created_at") VALUES (?, ?, ?, ?, ?)',
            *(scope, kept, request, response, created_at),
        )


def _object(text: str) -> dict[str, Any]:
    """The JSON object, {} where it is none: an upgrade does not fail over a row that nobody can read."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_test(ask: Any, job_id: int | None) -> bool:
    rows = ask('SELECT "name", "total" FROM "job" WHERE "id" = ?', job_id)
    return bool(rows) and rows[0][0].startswith("Test: ") and rows[0][1] == 1


def _was_started(ask: Any, draft_id: str, job_id: int | None) -> bool:
    """Whether the job is what the draft says, and not one that somebody gave the draft's key."""
    drafts = ask('SELECT "data", "job_id" FROM "draft" WHERE "id" = ?', draft_id)
    jobs = ask('SELECT "text" FROM "job" WHERE "id" = ?', job_id)
    if not drafts or not jobs:
        return False
    data, tied = drafts[0]
    return bool(tied == job_id or (tied is None and _object(data).get("text", "") == jobs[0][0]))
