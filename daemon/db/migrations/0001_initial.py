"""The first schema. Frozen: the models may change, this step may not."""

from __future__ import annotations

from typing import Any

from peewee import BigIntegerField, CharField, ForeignKeyField, IntegerField, Model, TextField


def up(migrator: Any, db: Any) -> None:
    class Account(Model):
        name = CharField(primary_key=True, max_length=32)
        state = CharField(default='starting')
        hold = CharField(null=True)
        detail = TextField(null=True)
        until = BigIntegerField(null=True)
        qr = TextField(null=True)
        seen_at = BigIntegerField(default=0)
        next_send_at = BigIntegerField(default=0)
        next_reason = CharField(default='ready')
        paced_at = BigIntegerField(default=0)
        streak = IntegerField(default=0)
        class Meta:
            database = db
            table_name = 'account'
    db.create_tables([Account])

    class Answer(Model):
        key = CharField(primary_key=True)
        request = CharField(max_length=64)
        response = TextField()
        created_at = BigIntegerField()
        class Meta:
            database = db
            table_name = 'answer'
    db.create_tables([Answer])

    class Attachment(Model):
        id = CharField(primary_key=True, max_length=32)
        filename = TextField()
        kind = CharField()
        mimetype = CharField()
        size = BigIntegerField()
        sha256 = CharField(max_length=64)
        created_at = BigIntegerField()
        class Meta:
            database = db
            table_name = 'attachment'
    db.create_tables([Attachment])

    class Job(Model):
        account = CharField(max_length=32)
        name = TextField()
        text = TextField()
        attachments = TextField()
        state = CharField()
        reason = TextField(null=True)
        delay_min_ms = IntegerField()
        delay_max_ms = IntegerField()
        schedule_at = BigIntegerField(null=True)
        created_at = BigIntegerField()
        started_at = BigIntegerField(null=True)
        completed_at = BigIntegerField(null=True)
        claimed_at = BigIntegerField(default=0)
        total = IntegerField()
        columns = TextField()
        rejected = TextField()
        pending = IntegerField(default=0)
        claimed = IntegerField(default=0)
        sending = IntegerField(default=0)
        sent = IntegerField(default=0)
        delivered = IntegerField(default=0)
        read = IntegerField(default=0)
        failed = IntegerField(default=0)
        uncertain = IntegerField(default=0)
        skipped = IntegerField(default=0)
        cancelled = IntegerField(default=0)
        class Meta:
            database = db
            table_name = 'job'
            indexes = ((('account', 'state'), False),)
    db.create_tables([Job])

    class Message(Model):
        job = ForeignKeyField(Job, on_delete='CASCADE')
        account = CharField(max_length=32)
        row = IntegerField()
        number = CharField(max_length=20)
        fields = TextField()
        state = CharField(default='pending')
        attempts = IntegerField(default=0)
        not_before = BigIntegerField(default=0)
        lease = CharField(null=True)
        lease_until = BigIntegerField(null=True)
        mark = TextField(null=True)
        error = TextField(null=True)
        transport_id = TextField(null=True)
        submitted_at = BigIntegerField(null=True)
        sent_at = BigIntegerField(null=True)
        delivered_at = BigIntegerField(null=True)
        read_at = BigIntegerField(null=True)
        class Meta:
            database = db
            table_name = 'message'
            indexes = ((('job', 'number'), True), (('job', 'state', 'not_before', 'id'), False), (('account', 'state'), False), (('account', 'submitted_at'), False))
    db.create_tables([Message])

    class Event(Model):
        message = ForeignKeyField(Message, on_delete='CASCADE')
        at = BigIntegerField()
        who = CharField()
        move = CharField()
        source = CharField(null=True)
        target = CharField()
        why = TextField(null=True)
        lease = CharField(null=True)
        class Meta:
            database = db
            table_name = 'event'
    db.create_tables([Event])

    class Suppression(Model):
        number = CharField(primary_key=True, max_length=20)
        reason = TextField()
        source = CharField()
        created_at = BigIntegerField()
        class Meta:
            database = db
            table_name = 'suppression'
    db.create_tables([Suppression])

    class Upload(Model):
        id = CharField(primary_key=True, max_length=32)
        filename = TextField()
        created_at = BigIntegerField()
        total = IntegerField()
        duplicates = IntegerField()
        columns = TextField()
        phone_column = TextField(null=True)
        contacts = TextField()
        rejected = TextField()
        class Meta:
            database = db
            table_name = 'upload'
    db.create_tables([Upload])
