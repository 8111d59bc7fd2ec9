"""That people agreed to be messaged: when, how, to which text, and whether they withdrew it. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, BooleanField, CharField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Consent(Model):
        id = AutoField()
        number = CharField(max_length=20)
        person = CharField(max_length=140, null=True)
        given_at = BigIntegerField(null=True)
        day_only = BooleanField()
        how = CharField(max_length=16)
        words = TextField()
        text = TextField()
        recorded_by = CharField()
        recorded_at = BigIntegerField()
        withdrawn_at = BigIntegerField(null=True)
        withdrawn_how = CharField(max_length=16)
        withdrawn_words = TextField()
        withdrawn_by = CharField()
        latest = BooleanField()

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("person", "id"), False),)

    db.create_tables([Consent])
    db.execute_sql('CREATE UNIQUE INDEX "consent_latest" ON "consent" ("person") WHERE "latest"')
