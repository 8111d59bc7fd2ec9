"""Queue the recipients of a job."""

from __future__ import annotations

from collections.abc import Iterable

import peewee

from daemon.contacts.person import Person
from daemon.formats.template import Recipient
from daemon.models import Event, Job, Message
from daemon.states import E164, State

BATCH = 500


def enqueue(job: Job, recipients: Iterable[Recipient], who: str, at: int) -> None:
    """Store one pending message for each recipient, in the transaction that creates the job."""
    rows = [
        {
            "job": job,
            "account": job.account,
            "row": r.position,
            "number": r.number,
            "person": Person(E164(r.number)).key,
            "fields": dict(r.fields),
            "attachments": getattr(r, "attachments", None),
        }
        for r in recipients
    ]
    for batch in peewee.chunked(rows, BATCH):
        Message.insert_many(batch).execute()
    created = Message.select(
        Message.id, peewee.Value(at), peewee.Value(who), peewee.Value("enqueue"), peewee.Value(State.PENDING.value)
    ).where(Message.job == job)
    Event.insert_from(created, [Event.message, Event.at, Event.who, Event.move, Event.target]).execute()
    Job.update(pending=len(rows), total=len(rows)).where(Job.id == job.id).execute()
