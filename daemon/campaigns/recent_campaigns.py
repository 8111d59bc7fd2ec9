"""Which campaign somebody got lately, or is queued for: what the dry run shows of those it leaves out for that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from daemon.accounts import rights
from daemon.campaigns.dry_run import QUEUED, real
from daemon.db.clock import lately
from daemon.db.proxy import in_order, tuples
from daemon.models import Handover, Job, Message, Purpose
from daemon.states import OPEN, PersonKey


@dataclass(frozen=True)
class Got:
    """A campaign. at: when it was sent to them, UTC ms; None where it still is to be."""

    job: int
    name: str
    at: int | None


def of(people: Collection[PersonKey], since: int, now: int) -> dict[PersonKey, Got]:
    """Of a few people: the newest campaign that each got since then; of the others, the one they are queued for."""
    if not people:
        return {}
    columns = (Message.person, Message.job, Job.name)
    counts = (Handover.kind == Purpose.CAMPAIGN.value, ~Handover.missed, lately(Handover.at, since, now))
    sent = Handover.select(Handover.person, Job.id, Job.name, Handover.at).join(Message).join(Job)
    sent = sent.where(Handover.person.in_(sorted(people)), *counts).order_by(Handover.at)
    waits = Message.select(*columns).join(Job).where(Message.person.in_(sorted(people)), Message.state.in_(QUEUED))
    waits = waits.where(Job.state.in_(sorted(OPEN)), lately(Job.created_at, since, now), real())
    sent, waits = rights.within(sent, Job.account), rights.within(waits, Job.account)
    with in_order():
        found = {person: Got(job, name, None) for person, job, name in tuples(waits.order_by(Message.id))}
        return found | {person: Got(job, name, at) for person, job, name, at in tuples(sent)}
