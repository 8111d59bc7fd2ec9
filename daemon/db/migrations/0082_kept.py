"""What was removed from campaigns because of its age, and the history of their messages in less room. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, BlobField, CharField, CompositeKey, IntegerField, Model

MARKS = ("texts_gone_at", "fields_gone_at", "rejected_gone_at", "history_gone_at", "recipients_gone_at", "compacted_at")


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class OldHistory(Base):
        message = IntegerField(primary_key=True)
        body = BlobField()

    class Unfinished(Base):
        kind = CharField(max_length=16)
        job = IntegerField()
        position = IntegerField()

        class Meta:
            primary_key = CompositeKey("kind", "job")

    class Kept(Base):
        kind = CharField(primary_key=True, max_length=16)
        run_at = BigIntegerField()
        removed_at = BigIntegerField(null=True)
        removed = BigIntegerField()
        total = BigIntegerField()

    db.create_tables([OldHistory, Unfinished, Kept])
    for mark in MARKS:
        db.execute_sql(f'ALTER TABLE "job" ADD COLUMN "{mark}" BIGINT')
        since = f'"completed_at" IS NOT NULL AND ("{mark}" IS NULL OR "{mark}" < "completed_at")'
        db.execute_sql(f'CREATE INDEX "job_{mark[:-3]}" ON "job" ("completed_at", "id") WHERE ({since})')
    db.execute_sql('CREATE INDEX "evidence_at" ON "evidence" ("at")')
    db.execute_sql('CREATE INDEX "draft_updated_at" ON "draft" ("updated_at")')
