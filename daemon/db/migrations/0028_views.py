"""What the pages of campaigns show and would have to count: why messages failed, how many were sent, delivered, read
and answered when, who has made a campaign, what was done to it, which are archived, and which replies are new. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import SQL, AutoField, BigIntegerField, CharField, CompositeKey, ForeignKeyField, IntegerField, Model
from playhouse.migrate import PostgresqlMigrator

QUARTER_MS = 900_000
OUT = "'sent', 'delivered', 'read'"
TIMES = {  # column of a quarter of an hour: (the states it counts, the time it counts them at)
    "sent": (OUT, "sent_at"),
    "delivered": ("'delivered', 'read'", "delivered_at"),
    "read": ("'read'", "read_at"),
}
CODE = '"code":"'


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Job(Base):
        id = AutoField()

    class Quarter(Base):
        job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
        at = BigIntegerField(index=True)
        sent = IntegerField(constraints=[SQL("DEFAULT 0")])
        delivered = IntegerField(constraints=[SQL("DEFAULT 0")])
        read = IntegerField(constraints=[SQL("DEFAULT 0")])
        replied = IntegerField(constraints=[SQL("DEFAULT 0")])

        class Meta:
            primary_key = CompositeKey("job", "at")

    class Reason(Base):
        job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
        code = CharField(max_length=64)
        count = IntegerField()

        class Meta:
            primary_key = CompositeKey("job", "code")

    class JobStep(Base):
        id = AutoField()
        job = ForeignKeyField(Job, on_delete="CASCADE")
        at = BigIntegerField()
        move = CharField(max_length=16)
        who = CharField()

    db.execute_sql('ALTER TABLE "account" ADD COLUMN "country" VARCHAR(2)')
    db.execute_sql('ALTER TABLE "account" ADD COLUMN "number" VARCHAR(20)')
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "archived_at" BIGINT')
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "made_by" VARCHAR(255)')
    db.execute_sql('ALTER TABLE "job" ADD COLUMN "replied" INTEGER NOT NULL DEFAULT 0')
    db.execute_sql('ALTER TABLE "message" ADD COLUMN "failed_by" VARCHAR(64)')
    db.execute_sql('ALTER TABLE "reply" ADD COLUMN "fresh" BOOLEAN NOT NULL DEFAULT FALSE')
    db.create_tables([Quarter, Reason, JobStep])
    _fill_in(db, "STRPOS" if isinstance(migrator, PostgresqlMigrator) else "INSTR")
    db.execute_sql('CREATE INDEX "job_archived_at_id" ON "job" ("archived_at", "id")')
    db.execute_sql(
        'CREATE INDEX "message_failed_by" ON "message" ("job_id", "failed_by", "id") WHERE ("failed_by" IS NOT NULL)'
    )
    db.execute_sql('CREATE INDEX "reply_fresh" ON "reply" ("id") WHERE "fresh"')


def _fill_in(db: Any, place: str) -> None:
    """place: what the database calls its function that finds one text in another."""
    db.execute_sql(
        'UPDATE "job" SET "made_by" = (SELECT e."who" FROM "event" AS e WHERE e."move" = \'enqueue\' AND e."message_id" '
        '= (SELECT MIN(m."id") FROM "message" AS m WHERE m."job_id" = "job"."id") LIMIT 1)'
    )
    # The code follows its name in the JSON; it has no quotation mark in it.
    rest = f"SUBSTR(\"coded\", {place}(\"coded\", '{CODE}') + {len(CODE)})"
    code = f"SUBSTR({rest}, 1, {place}({rest}, '\"') - 1)"
    db.execute_sql(
        f'UPDATE "message" SET "failed_by" = CASE WHEN "coded" IS NULL OR {place}("coded", \'{CODE}\') = 0 '
        f"THEN 'other' ELSE SUBSTR({code}, 1, 64) END WHERE \"state\" = 'failed'"
    )
    db.execute_sql(
        'INSERT INTO "reason" ("job_id", "code", "count") SELECT "job_id", "failed_by", COUNT(*) FROM "message" '
        "WHERE \"state\" = 'failed' GROUP BY 1, 2"
    )
    for column, (states, time) in TIMES.items():
        found = f'SELECT "job_id", "{time}" FROM "message" WHERE "state" IN ({states}) AND "{time}" > 0'
        _quarters(db, column, found, time)
    who = 'COALESCE(r."person", r."number")'
    answers = 'FROM "reply" AS r INNER JOIN "message" AS m ON r."message_id" = m."id"'
    first = f'SELECT m."job_id", MIN(r."at") AS "first_at" {answers} GROUP BY m."job_id", {who}'
    _quarters(db, "replied", f'SELECT "job_id", "first_at" FROM ({first}) AS firsts', "first_at")
    db.execute_sql(
        f'UPDATE "job" SET "replied" = (SELECT COUNT(DISTINCT {who}) {answers} WHERE m."job_id" = "job"."id") '
        f'WHERE "id" IN (SELECT m."job_id" {answers})'
    )


def _quarters(db: Any, column: str, rows: str, time: str) -> None:
    at = f'"{time}" / {QUARTER_MS} * {QUARTER_MS}'
    db.execute_sql(
        f'INSERT INTO "quarter" ("job_id", "at", "{column}") SELECT "job_id", {at}, COUNT(*) FROM ({rows}) AS found '
        f'GROUP BY 1, 2 ON CONFLICT ("job_id", "at") DO UPDATE SET "{column}" = excluded."{column}"'
    )
