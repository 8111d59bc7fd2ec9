"""What Meta has posted and nobody has worked through yet, and what is remembered of what it told. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, BlobField, CharField, CompositeKey, IntegerField, Model, TextField
from playhouse.migrate import PostgresqlMigrator


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class CloudBatch(Base):
        id = AutoField()
        at = BigIntegerField()
        body = BlobField()

    class CloudProgress(Base):
        batch = IntegerField(primary_key=True)
        at = BigIntegerField()
        done = IntegerField()
        aside = CharField(null=True, max_length=32)

    class CloudSeen(Base):
        key = CharField(primary_key=True, max_length=64)
        at = BigIntegerField(index=True)

    class CloudCount(Base):
        account = CharField(max_length=32)
        kind = CharField(max_length=32)
        count = IntegerField()
        at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("account", "kind")

    class CloudStanding(Base):
        account = CharField(primary_key=True, max_length=32)
        heard_at = BigIntegerField()
        asked_at = BigIntegerField()
        hold = CharField(null=True, max_length=32)
        until = BigIntegerField(null=True)
        detail = TextField(null=True)
        coded = TextField(null=True)
        told_at = BigIntegerField()

    class LastWrote(Base):
        account = CharField(max_length=32)
        person = CharField(max_length=140)
        at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("account", "person")

    class KnownUser(Base):
        bsuid = CharField(primary_key=True, max_length=140)
        number = CharField(max_length=20)
        at = BigIntegerField(index=True)

    db.create_tables([CloudBatch, CloudProgress, CloudSeen, CloudCount, CloudStanding, LastWrote, KnownUser])
    if isinstance(migrator, PostgresqlMigrator):  # PostgreSQL would compress each body, which takes longer than to store it
        db.execute_sql('ALTER TABLE "cloud_batch" ALTER COLUMN "body" SET STORAGE EXTERNAL')
    accepted = "WHERE (\"state\" = 'accepted')"
    db.execute_sql(f'CREATE INDEX "message_accepted" ON "message" ("account", "accepted_at") {accepted}')
