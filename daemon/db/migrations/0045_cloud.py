"""What an account of Meta's Cloud API has of its own, the files that Meta has, and how fast a number may send. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CharField, CompositeKey, DoubleField, IntegerField, Model

COLUMNS = {
    "cloud_phone_number_id": "VARCHAR(32)",
    "cloud_business_account_id": "VARCHAR(32)",
    "cloud_throughput": "INTEGER",
    "cloud_token": "TEXT",
    "cloud_app_secret": "TEXT",
    "cloud_verify_token": "TEXT",
}


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class KeptMedia(Base):
        number = CharField(max_length=32)
        attachment = CharField(max_length=32)
        media_id = CharField(max_length=64)
        expires_at = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("number", "attachment")

    class Throughput(Base):
        number = CharField(primary_key=True, max_length=32)
        next_at = DoubleField()
        share = IntegerField()
        lowered_at = BigIntegerField()

    for name, kind in COLUMNS.items():
        db.execute_sql(f'ALTER TABLE "account" ADD COLUMN "{name}" {kind}')
    db.create_tables([KeptMedia, Throughput])
