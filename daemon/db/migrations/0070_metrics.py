"""What has happened how often, for metrics, and up to where the history is counted in it. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CharField, CompositeKey, Model


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class MetricCount(Base):
        name = CharField(max_length=32)
        account = CharField(max_length=32)
        label = CharField(max_length=64)
        count = BigIntegerField()

        class Meta:
            primary_key = CompositeKey("name", "account", "label")

    class MetricPosition(Base):
        history = CharField(primary_key=True, max_length=16)
        position = BigIntegerField()

    db.create_tables([MetricCount, MetricPosition])
