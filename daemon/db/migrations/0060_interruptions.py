"""Whether the installation goes on where it stopped, and campaigns that wait for a person because it does not. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CharField, IntegerField, Model

COLUMNS = {"unconfirmed": "VARCHAR(16)", "unconfirmed_at": "BIGINT", "unconfirmed_since": "BIGINT"}


def up(migrator: Any, db: Any) -> None:
    class Installation(Model):
        id = IntegerField(primary_key=True)
        epoch = BigIntegerField()
        seen_at = BigIntegerField()
        boot = CharField(max_length=64)
        up_ms = BigIntegerField()
        interruption = CharField(null=True, max_length=16)
        interrupted_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    for name, kind in COLUMNS.items():
        db.execute_sql(f'ALTER TABLE "job" ADD COLUMN "{name}" {kind}')
    db.execute_sql('CREATE INDEX "job_unconfirmed" ON "job" ("id") WHERE ("unconfirmed" IS NOT NULL)')
    db.create_tables([Installation])
