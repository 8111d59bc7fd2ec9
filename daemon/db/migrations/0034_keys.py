"""Several keys for programs, and which accounts somebody may use. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class ApiKey(Base):
        id = AutoField()
        name = CharField(max_length=50)
        scopes = TextField()
        accounts = TextField(null=True)
        addresses = TextField(null=True)
        test = BooleanField()
        masked = BooleanField()
        rate_limit = IntegerField(null=True)
        created_at = BigIntegerField()
        created_by = CharField()
        expires_at = BigIntegerField(null=True)
        revoked_at = BigIntegerField(null=True)
        revoked_by = CharField(null=True)

    ApiKey.add_index(ApiKey.index(ApiKey.name, unique=True, name="api_key_name", where=ApiKey.revoked_at.is_null()))

    class KeySecret(Base):
        id = AutoField()
        key = ForeignKeyField(ApiKey, on_delete="CASCADE")
        prefix = CharField(max_length=20, index=True)
        digest = CharField(max_length=64)
        created_at = BigIntegerField()
        ends_at = BigIntegerField(null=True)
        used_at = BigIntegerField(null=True)

    db.create_tables([ApiKey, KeySecret])
    migrator.migrate(migrator.add_column("user", "accounts", TextField(null=True)))
