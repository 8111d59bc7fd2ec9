"""What the campaign desk keeps: drafts, lists, templates, users, replies; wishes and caps of accounts. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


def up(migrator: Any, db: Any) -> None:
    columns: dict[str, dict[str, Any]] = {
        "account": {
            "hourly_cap": IntegerField(null=True),
            "daily_cap": IntegerField(null=True),
            "quiet_hours": CharField(null=True, max_length=11),
            "timezone": CharField(null=True, max_length=64),
            "wish": TextField(null=True),
            "link_number": CharField(null=True, max_length=20),
            "link_code": CharField(null=True, max_length=16),
            "link_code_at": BigIntegerField(null=True),
            "screenshot_at": BigIntegerField(null=True),
        },
        "job": {
            "window": CharField(null=True, max_length=11),
            "daily_cap": IntegerField(constraints=[SQL("DEFAULT 0")]),
            "opens_at": BigIntegerField(constraints=[SQL("DEFAULT 0")]),
            "cloned_from": IntegerField(null=True),
        },
        "message": {"attachments": TextField(null=True), "ended_at": BigIntegerField(null=True)},
        "suppression": {"confirmed_at": BigIntegerField(null=True)},
    }
    for table, fields in columns.items():
        migrator.migrate(*(migrator.add_column(table, name, field, True) for name, field in fields.items()))
    migrator.migrate(
        migrator.add_index("message", ("job_id", "sent_at"), False),
        migrator.drop_index("message", "message_job_id"),  # the next one does all that it did
        migrator.add_index("message", ("job_id", "id"), False),
        migrator.add_index("suppression", ("created_at", "number"), False),
    )
    db.execute_sql(
        "UPDATE message SET ended_at = (SELECT MAX(at) FROM event WHERE message_id = message.id AND target = state) "
        "WHERE state IN ('failed', 'uncertain', 'skipped', 'cancelled')"
    )

    db.execute_sql(
        'CREATE INDEX "message_number_submitted_at" ON "message" ("number", "submitted_at") '
        'WHERE ("submitted_at" IS NOT NULL)'
    )

    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Message(Base):
        id = AutoField()

    class Job(Base):
        id = AutoField()

    class Picture(Base):
        account = CharField(primary_key=True, max_length=32)
        at = BigIntegerField()
        png = BlobField()

    class Removal(Base):
        number = CharField(max_length=20)
        reason = TextField()
        source = CharField()
        created_at = BigIntegerField()
        removed_at = BigIntegerField()
        removed_by = CharField()
        why = TextField()

        class Meta:
            indexes = ((("number",), False),)

    class Reply(Base):
        account = CharField(max_length=32)
        number = CharField(max_length=20)
        text = TextField()
        at = BigIntegerField()
        key = CharField(max_length=64)
        stop = BooleanField(default=False)
        message = ForeignKeyField(Message, null=True, on_delete="SET NULL")

        class Meta:
            indexes = ((("account", "key"), True), (("at",), False))

    class User(Base):
        name = CharField(unique=True, max_length=64)
        role = CharField(max_length=16)
        password = CharField()
        language = CharField(null=True, max_length=8)
        created_at = BigIntegerField()
        disabled_at = BigIntegerField(null=True)

    class Session(Base):
        id = CharField(primary_key=True, max_length=64)
        user = ForeignKeyField(User, null=True, on_delete="CASCADE")
        role = CharField(max_length=16)
        csrf = CharField(max_length=64)
        created_at = BigIntegerField()
        seen_at = BigIntegerField()
        expires_at = BigIntegerField()

    class LoginFailure(Base):
        key = CharField(primary_key=True, max_length=80)
        count = IntegerField()
        at = BigIntegerField()

    class Draft(Base):
        id = CharField(primary_key=True, max_length=32)
        name = TextField(default="")
        data = TextField(default="{}")
        version = IntegerField(default=1)
        created_by = CharField(max_length=64)
        created_at = BigIntegerField()
        updated_at = BigIntegerField()
        sheet = TextField(null=True)
        audience = TextField(null=True)
        report = TextField(null=True)
        job = ForeignKeyField(Job, null=True, on_delete="SET NULL")

    class Template(Base):
        name = CharField(unique=True, max_length=120)
        text = TextField()
        attachments = TextField(default="[]")
        created_at = BigIntegerField()
        updated_at = BigIntegerField()

    class ContactList(Base):
        name = CharField(unique=True, max_length=120)
        columns = TextField(default="[]")
        created_at = BigIntegerField()
        updated_at = BigIntegerField()

    class ListEntry(Base):
        list = ForeignKeyField(ContactList, on_delete="CASCADE", index=False)
        number = CharField(max_length=20)
        fields = TextField(default="{}")

        class Meta:
            indexes = ((("list", "number"), True), (("list", "id"), False))

    db.create_tables([Picture, Removal, Reply, User, Session, LoginFailure, Draft, Template, ContactList, ListEntry])
