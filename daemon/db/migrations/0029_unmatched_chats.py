"""Chats of which nobody knows yet whose they are, and what people have said about them. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, BooleanField, CharField, IntegerField, Model


def up(migrator: Any, db: Any) -> None:
    class UnmatchedChat(Model):
        id = AutoField()
        account = CharField(max_length=32)
        title = CharField(max_length=200)
        first_at = BigIntegerField()
        seen_at = BigIntegerField()
        count = IntegerField()
        opened = BooleanField()
        stop = BooleanField()
        stop_key = CharField(max_length=64, null=True)
        hint = CharField(max_length=20, null=True)
        number = CharField(max_length=20, null=True)
        ignored = BooleanField()
        who = CharField(max_length=64, null=True)

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("account", "title"), True),)

    db.create_tables([UnmatchedChat])
