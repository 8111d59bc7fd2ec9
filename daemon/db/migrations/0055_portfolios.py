"""How many people a business may begin to write to in 24 hours, and to whom it has written. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CharField, IntegerField, Model


def up(migrator: Any, db: Any) -> None:
    class Portfolio(Model):
        business = CharField(primary_key=True, max_length=32)
        most = IntegerField(null=True)
        people = IntegerField(default=0)
        told_at = BigIntegerField()

        class Meta:
            database = db
            legacy_table_names = False

    class PortfolioPerson(Model):
        id = AutoField()
        business = CharField(max_length=32)
        person = CharField(max_length=140)
        at = BigIntegerField()
        before_at = BigIntegerField(null=True)
        message = IntegerField(index=True)

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("business", "person"), True), (("business", "at"), False))

    db.create_tables([Portfolio, PortfolioPerson])
    db.execute_sql('CREATE INDEX "lastwrote_account_at" ON "last_wrote" ("account", "at")')
