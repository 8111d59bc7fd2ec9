"""Pages of a job's recipients in one state, and of replies that say STOP, without looking at all others. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    db.execute_sql('CREATE INDEX "message_job_id_state_id" ON "message" ("job_id", "state", "id")')
    db.execute_sql('CREATE INDEX "reply_stop" ON "reply" ("id") WHERE "stop"')
