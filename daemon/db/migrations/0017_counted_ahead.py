"""What claims and progress would have to count: who is known to the account, hand-overs by the minute, leases. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import SQL, BigIntegerField, BooleanField, CharField, CompositeKey, IntegerField, Model


def up(migrator: Any, db: Any) -> None:
    class Minute(Model):
        account = CharField(max_length=32)
        at = BigIntegerField()
        job = IntegerField()
        count = IntegerField()

        class Meta:
            database = db
            legacy_table_names = False
            primary_key = CompositeKey("account", "at", "job")

    known = BooleanField(constraints=[SQL("DEFAULT false")])
    migrator.migrate(migrator.add_column("message", "known", known, True))
    db.execute_sql(
        'UPDATE "message" SET "known" = true '
        "WHERE \"state\" IN ('pending', 'claimed', 'sending', 'failed', 'uncertain') AND EXISTS ("
        'SELECT 1 FROM "message" AS m WHERE m."account" = "message"."account" AND m."person" = "message"."person" '
        "AND m.\"state\" IN ('accepted', 'sent', 'delivered', 'read'))"
    )
    db.execute_sql(
        'CREATE INDEX "message_known" ON "message" ("job_id", "state", "not_before", "id") WHERE "known"'
    )
    db.execute_sql('CREATE INDEX "message_lease_until" ON "message" ("lease_until") WHERE ("lease_until" IS NOT NULL)')
    db.create_tables([Minute])
    db.execute_sql(
        'INSERT INTO "minute" ("account", "at", "job", "count") '
        'SELECT h."account", h."at" / 60000 * 60000, COALESCE(m."job_id", 0), COUNT(*) '
        'FROM "handover" AS h LEFT JOIN "message" AS m ON h."message_id" = m."id" GROUP BY 1, 2, 3'
    )
