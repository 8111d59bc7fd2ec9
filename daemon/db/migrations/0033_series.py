"""Campaigns that repeat: each run is remembered, so that none is made twice. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CharField, CompositeKey, ForeignKeyField, IntegerField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Job(Base):
        id = AutoField()

    class Series(Base):
        id = AutoField()
        draft = CharField(unique=True, max_length=32)
        name = TextField()
        order = TextField()
        weekly = TextField()
        zone = CharField(max_length=64)
        audience_set = IntegerField(null=True)
        list_id = IntegerField(null=True)
        state = CharField(max_length=16)
        next_at = BigIntegerField(null=True)
        made = IntegerField()
        created_at = BigIntegerField()
        created_by = CharField(max_length=64)

        class Meta:
            indexes = ((("state", "next_at"), False),)

    class Run(Base):
        series = ForeignKeyField(Series, on_delete="CASCADE", index=False)
        at = BigIntegerField()
        job = ForeignKeyField(Job, null=True, on_delete="SET NULL")
        reason = TextField(null=True)
        coded = TextField(null=True)

        class Meta:
            primary_key = CompositeKey("series", "at")

    db.create_tables([Series, Run])
