"""All that an installation knows of one person: found, and handed out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from daemon import errors
from daemon.accounts import directory
from daemon.campaigns import gone
from daemon.campaigns.rows import JobRow
from daemon.config import Settings
from daemon.contacts import importer, mentions, phone, unfinished_lists
from daemon.contacts.mentions import Sought
from daemon.db.proxy import tuples
from daemon.db.records import record
from daemon.delivery import erasing, old_history
from daemon.i18n.instants import instant
from daemon.models import (
    Account,
    Attachment,
    CloudStanding,
    Consent,
    ContactList,
    Draft,
    Handover,
    Job,
    KeptRow,
    ListEntry,
    Message,
    Notice,
    Removal,
    Reply,
    Run,
    Series,
    Suppression,
    Upload,
)
from daemon.states import E164

PIECE = 2_000  # rows that are read at once

#: Sentences and names in which a number may stand, beside what is somebody's own.
WORDS: tuple[Any, ...] = (
    Job.name,
    Job.reason,
    Draft.name,
    Series.name,
    Run.reason,
    Upload.filename,
    Attachment.filename,
    Account.detail,
    CloudStanding.detail,
    Notice.words,
)


@dataclass(frozen=True)
class Known:
    """What is known of somebody, each part as JSON with times in ISO 8601."""

    number: str
    notations: list[str]
    messages: list[dict[str, Any]]
    replies: list[dict[str, Any]]
    handovers: list[dict[str, Any]]
    lists: list[dict[str, Any]]
    suppressions: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    rows: list[Any]
    mentions: list[dict[str, str]]


def sought(settings: Settings, number: str) -> Sought:
    """Who has that number, as a campaign would read it. Raises InvalidNumber."""
    country = directory.with_country(settings).default_country
    try:
        plain = importer.one(number, country)
    except errors.InvalidNumber:
        given = phone.as_given(number, country)
        if not given:
            raise
        plain = E164(given)
    return mentions.of(plain, erasing.known_as(mentions.of(plain)))


def known(settings: Settings, number: str) -> Known:
    """Everything. Raises InvalidNumber."""
    who = sought(settings, number)
    persons, numbers = list(who.persons), list(who.numbers)
    replies = Reply.select().where(Reply.person.in_(persons) | Reply.number.in_(numbers)).order_by(Reply.id)
    handovers = Handover.select().where(Handover.person.in_(persons)).order_by(Handover.id)
    entries = ListEntry.select(ListEntry, ContactList).join(ContactList)
    entries = entries.where(ListEntry.person.in_(persons), unfinished_lists.there())
    off = Removal.select().where(Removal.number.in_(numbers)).order_by(Removal.id)
    on = Suppression.select().where(Suppression.person.in_(persons))
    return Known(
        number=who.number,
        notations=[str(each) for each in who.numbers],
        messages=list(_messages(who)),
        replies=[
            {"account": row.account, "number": row.number, "at": _time(row.at), "text": row.text, "stop": row.stop}
            for row in replies
        ],
        handovers=[{"account": row.account, "at": _time(row.at), "kind": row.kind} for row in handovers],
        lists=[{"list": row.list.name, "number": row.number, "fields": row.fields} for row in entries],
        suppressions=[
            *({"number": row.number, "reason": row.reason, "since": _time(row.created_at)} for row in on),
            *(
                {"number": row.number, "reason": row.reason, "since": _time(row.created_at),
                 "removed": _time(row.removed_at), "why": row.why}
                for row in off
            ),
        ],
        consents=[_consent(row) for row in Consent.select().where(Consent.person.in_(persons)).order_by(Consent.id)],
        rows=[json.loads(body) for _, _, body in kept_rows(who)],
        mentions=[*_said(who), *_words(who)],
    )  # fmt: skip


def is_of(who: Sought, key: str) -> bool:
    """Whether that key of a person, as a series keeps what was said of them, is one of theirs."""
    return key in who.persons or who.is_in(key)


def _said(who: Sought) -> Iterator[dict[str, str]]:
    """What a person has said of them when a series was made."""
    for row in Series.select(Series.name, Series.order).order_by(Series.id):
        _, _, fixes = row.order.get("choice") or ({}, [], {})
        yield from (
            {"where": "series", "name": row.name, "words": said} for key, said in fixes.items() if is_of(who, key)
        )


def _words(who: Sought) -> Iterator[dict[str, str]]:
    for column in WORDS:
        where = column.model._meta.table_name
        for (words,) in tuples(column.model.select(column).where(column.is_null(False))):
            if who.is_in(words):
                yield {"where": where, "name": column.name, "words": words}


def _consent(row: Consent) -> dict[str, Any]:
    given = _time(row.given_at)
    told = {"number": row.number, "given": given[:10] if given and row.day_only else given, "how": row.how}
    told |= {"words": row.words, "text": row.text, "recorded": _time(row.recorded_at), "recorded_by": row.recorded_by}
    if row.withdrawn_at is None:
        return told
    by = {"withdrawn_how": row.withdrawn_how, "withdrawn_words": row.withdrawn_words, "withdrawn_by": row.withdrawn_by}
    return told | {"withdrawn": _time(row.withdrawn_at)} | by


def _messages(who: Sought) -> Iterator[dict[str, Any]]:
    accounts = Account.select(Account.name)
    query = Message.select(Message, Job).join(Job)
    query = query.where(Message.account.in_(accounts), Message.person.in_(list(who.persons)))
    for row in query.order_by(Message.id):
        job = record(JobRow, row.job)
        yield {
            "job": row.job_id,
            "name": row.job.name,
            "account": row.account,
            "number": row.number,
            "fields": row.fields,
            "text": gone.text(job, row.fields, row.number),
            "removed": gone.removed(job),
            "state": row.state,
            "error": row.error,
            "sent": _time(row.sent_at),
            "delivered": _time(row.delivered_at),
            "read": _time(row.read_at),
            "history": [
                {"at": _time(each.at), "who": each.who, "move": each.move, "to": each.target, "why": each.why}
                for each in old_history.of(row.id)
            ],
        }


def kept_rows(who: Sought) -> Iterator[tuple[int, int, str]]:
    """The rows of uploads, drafts and audiences that name them: set, place, JSON."""
    last = (0, -1)
    while True:
        behind = (KeptRow.set > last[0]) | ((KeptRow.set == last[0]) & (KeptRow.n > last[1]))
        query = KeptRow.select(KeptRow.set, KeptRow.n, KeptRow.body).where(behind)
        piece = tuples(query.order_by(KeptRow.set, KeptRow.n).limit(PIECE))
        if not piece:
            return
        for set_id, n, body in piece:
            if who.may_be_in(body) and who.stands_in(json.loads(body)):
                yield set_id, n, body
        last = piece[-1][:2]


def _time(ms: int | None) -> str | None:
    return None if ms is None else instant(ms).isoformat(timespec="seconds")
