"""How the page of an account's browser was built when a person asked for it. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CharField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class PageCheck(Model):
        account = CharField(primary_key=True, max_length=32)
        at = BigIntegerField()
        body = TextField()

        class Meta:
            database = db
            table_name = "page_check"

    db.create_tables([PageCheck])
