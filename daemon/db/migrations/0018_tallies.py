"""What came of each job's messages, by stretches of time: its page counts them no more. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import SQL, AutoField, BigIntegerField, CompositeKey, ForeignKeyField, IntegerField, Model

KINDS = {  # column: (the states it counts, the time it counts them at)
    "out": ("'sent', 'delivered', 'read'", "sent_at"),
    "accepted": ("'accepted'", "accepted_at"),
    "failed": ("'failed'", "ended_at"),
    "other": ("'expired', 'uncertain', 'skipped', 'cancelled'", "ended_at"),
}


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Job(Base):
        id = AutoField()

    class Tally(Base):
        job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
        at = BigIntegerField()
        out = IntegerField(constraints=[SQL("DEFAULT 0")])
        accepted = IntegerField(constraints=[SQL("DEFAULT 0")])
        failed = IntegerField(constraints=[SQL("DEFAULT 0")])
        other = IntegerField(constraints=[SQL("DEFAULT 0")])

        class Meta:
            primary_key = CompositeKey("job", "at")

    db.execute_sql('ALTER TABLE "job" ADD COLUMN "tally_ms" INTEGER NOT NULL DEFAULT 1000')
    db.create_tables([Tally])
    # How long a job has gone on decides how fine its page draws.
    last = 'COALESCE("completed_at", (SELECT MAX("sent_at") FROM "message" WHERE "job_id" = "job"."id"), 0)'
    over = f'({last} - COALESCE("started_at", "created_at"))'
    db.execute_sql(
        f'UPDATE "job" SET "tally_ms" = CASE WHEN {over} >= 1036800000 THEN 3600000 '
        f"WHEN {over} >= 28800000 THEN 60000 ELSE 1000 END"
    )
    for column, (states, time) in KINDS.items():
        stretch = f'm."{time}" / j."tally_ms" * j."tally_ms"'
        db.execute_sql(
            f'INSERT INTO "tally" ("job_id", "at", "{column}") '
            f'SELECT m."job_id", {stretch}, COUNT(*) FROM "message" AS m INNER JOIN "job" AS j ON m."job_id" = j."id" '
            f'WHERE m."state" IN ({states}) AND m."{time}" > 0 GROUP BY 1, 2 '
            f'ON CONFLICT ("job_id", "at") DO UPDATE SET "{column}" = excluded."{column}"'
        )
