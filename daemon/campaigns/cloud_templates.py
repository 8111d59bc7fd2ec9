"""WhatsApp templates: the message templates that Meta has approved for an account of the Cloud API, as it last told.

Not to be confused with `templates`, which are texts that somebody saved here. What Meta refuses or pauses holds the
campaigns that are sent with it, since it would refuse each of their messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import rights
from daemon.campaigns.draft_content import ChosenTemplate
from daemon.campaigns.refusals import Stands, Why
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked, tuples
from daemon.db.records import record
from daemon.delivery import job_moves, unreported
from daemon.formats import cloud_template
from daemon.formats import template as message_text
from daemon.formats.cloud_template import HEADER, Component, Filled, Shape
from daemon.formats.new_cloud_template import NewTemplate
from daemon.formats.styles import Styles
from daemon.i18n.coded import Coded, Phrase, refusal
from daemon.models import CloudTemplate as Row
from daemon.models import Job
from daemon.states import JOB_MOVES

log = structlog.get_logger()

APPROVED = "APPROVED"
MARKETING = "MARKETING"
GONE = "DELETED"
BARRED = frozenset({"PAUSED", "DISABLED", "REJECTED", GONE})  #: Meta sends nothing with one of these
TRANSPORTS = frozenset({"cloud", "dryrun"})  #: those that can send one, or rehearse it
SHOWN = 20  # names in a refusal
STATUSES = {  # in our words; any other is shown as Meta calls it
    APPROVED: Phrase("approved"),
    "PENDING": Phrase("in review"),
    "IN_APPEAL": Phrase("in appeal"),
    "REJECTED": Phrase("rejected"),
    "PAUSED": Phrase("paused"),
    "DISABLED": Phrase("disabled"),
    GONE: Phrase("deleted"),
}
UNSUPPORTED = {  # in our words; any other is shown as Meta calls it
    "carousel": Phrase("a carousel"),
    "catalog": Phrase("a catalogue"),
    "mpm": Phrase("products of a catalogue"),
    "spm": Phrase("a product of a catalogue"),
    "product": Phrase("a product of a catalogue"),
    "limited_time_offer": Phrase("an offer with an end"),
    "flow": Phrase("a form (Flow)"),
    "otp": Phrase("a one-time password"),
}
# What a webhook calls an event → the status that a template has then; None: as it was, until it is synchronised.
EVENTS: dict[str, str | None] = {"REINSTATED": APPROVED, "UNARCHIVED": None, "FLAGGED": None}


def called(status: str) -> Phrase:
    """A status in our words."""
    return STATUSES.get(status, Phrase(status.lower().replace("_", " ")))


@dataclass(frozen=True)
class CloudTemplate:
    """A WhatsApp template of an account. status, category, quality, reason: in Meta's words; version: grows when its
    components change; times in UTC ms."""

    id: int
    account: str
    template_id: str | None
    name: str
    language: str
    status: str
    category: str | None
    quality: str | None
    reason: str | None
    parameter_format: str | None
    components: list[Component]
    version: int
    synced_at: int
    changed_at: int

    @property
    def shape(self) -> Shape:
        return cloud_template.shape(self.components, self.parameter_format)

    @property
    def unusable(self) -> Coded | None:
        """Why nothing can be sent with it; None where it can."""
        if self.status != APPROVED:
            return refusal(Why.TEMPLATE_NOT_APPROVED, name=self.name, status=called(self.status))
        if unsupported := self.shape.unsupported:
            kind = unsupported.split(", ")[0]
            return refusal(Why.TEMPLATE_UNSUPPORTED, name=self.name, what=UNSUPPORTED.get(kind, Phrase(kind)))
        return None


@dataclass(frozen=True)
class Fetched:
    """A template as Meta lists it."""

    template_id: str | None
    name: str
    language: str
    status: str
    category: str | None = None
    quality: str | None = None
    reason: str | None = None
    parameter_format: str | None = None
    components: tuple[Component, ...] = ()


@dataclass(frozen=True)
class Synced:
    """What a synchronisation has found: how many there are, and how many of them are new, changed, or gone since."""

    total: int
    added: int
    changed: int
    gone: int


@dataclass(frozen=True)
class Choice:
    """A template with what is filled in: the message as a text with fields, what the job keeps, and the ids of the
    files of its header."""

    text: str
    filled: Filled
    files: tuple[str, ...]


def every(account: str | None = None) -> list[CloudTemplate]:
    """All that the caller may use, by account, name and language."""
    rows = Row.select().order_by(Row.account, Row.name, Row.language)
    rows = rows if account is None else rows.where(Row.account == account)
    return [record(CloudTemplate, row) for row in rights.within(rows, Row.account)]


def by_id(template_id: int) -> CloudTemplate:
    """The one by that id. Raises NotFound."""
    row = Row.get_or_none(Row.id == template_id)
    if row is None or not rights.may(row.account):
        raise errors.NotFound(Why.NO_CLOUD_TEMPLATE, template=template_id)
    return record(CloudTemplate, row)


def find(account: str, name: str, language: str) -> CloudTemplate:
    """One of them. Raises InvalidInput, at the field of an order that names none there is."""
    rows = every(account)
    of_name = {row.language: row for row in rows if row.name == name}
    if not of_name:
        known = list(dict.fromkeys(row.name for row in rows))
        shown = ", ".join(known[:SHOWN]) + (" …" if len(known) > SHOWN else "")
        told = refusal(Why.TEMPLATE_UNKNOWN, account=account, name=repr(name[:80]), names=shown or Phrase("none"))
        raise errors.InvalidInput(told).at("template.name")
    if language not in of_name:
        told = refusal(Why.TEMPLATE_LANGUAGE_UNKNOWN, name=name, language=repr(language[:40]), known=", ".join(of_name))
        raise errors.InvalidInput(told).at("template.language")
    return of_name[language]


# What Meta tells


def sync(account: str, found: Sequence[Fetched], now: int) -> Synced:
    """Take over all templates of an account as Meta lists them. Campaigns whose template cannot be used any more are
    paused."""
    listed = {(each.name, each.language): each for each in found}
    with write():
        before = {(row.name, row.language): row for row in locked(Row.select().where(Row.account == account))}
        gone = [row for key, row in before.items() if key not in listed]
        altered = 0
        for key, each in listed.items():
            altered += _take(account, each, before.get(key), now)
        if gone:
            Row.delete().where(Row.id.in_([row.id for row in gone])).execute()
        synced = Synced(len(listed), len(listed.keys() - before.keys()), altered, len(gone))
        after_commit(partial(log.info, "templates.synced", account=account, **vars(synced)))
    for row in gone:
        _hold(account, row.name, row.language, GONE, now)
    for each in listed.values():
        _hold(account, each.name, each.language, each.status, now)
    return synced


def _take(account: str, found: Fetched, before: Row | None, now: int) -> bool:
    """Whether it was there and has changed."""
    values: dict[str, Any] = {
        "template_id": found.template_id,
        "status": found.status,
        "category": found.category,
        "quality": found.quality,
        "reason": found.reason,
        "parameter_format": found.parameter_format,
        "components": [dict(each) for each in found.components],
    }
    if before is None:
        Row.create(account=account, name=found.name, language=found.language, version=1, synced_at=now, changed_at=now,
                   **values)  # fmt: skip
        return False
    other = any(getattr(before, name) != value for name, value in values.items())
    rewritten = any(getattr(before, name) != values[name] for name in ("components", "parameter_format"))
    if other:
        values |= {"changed_at": now, "version": before.version + rewritten}
    Row.update(synced_at=now, **values).where(Row.id == before.id).execute()
    return other


def changed(
    account: str,
    name: str,
    language: str,
    status: str | None = None,
    quality: str | None = None,
    category: str | None = None,
    now: int = 0,
) -> bool:
    """Take over what a webhook tells of a template; None: nothing of that. status: or the event. Campaigns whose
    template cannot be used any more are paused. Whether it is known here; one that is not comes with the next
    synchronisation."""
    event = (status or "").upper()
    status = EVENTS.get(event, event or None)
    told = {"status": status, "quality": quality, "category": category}
    values: dict[str, Any] = {key: value for key, value in told.items() if value is not None}
    known = (Row.account == account, Row.name == name, Row.language == language)
    with write():
        there = bool(values) and Row.update(changed_at=now, **values).where(*known).execute()
    if there:
        log.info("template.changed", account=account, status=status, quality=quality, category=category)
    if status is not None:
        _hold(account, name, language, status, now)
    return bool(there)


def made(account: str, template: NewTemplate, template_id: str, status: str, category: str, now: int) -> CloudTemplate:
    """Remember one that was handed in to Meta just now."""
    definition = template.definition()
    found = Fetched(
        template_id or None,
        template.name,
        template.language,
        status or "PENDING",
        category or template.category,
        None,
        None,
        definition["parameter_format"],
        tuple(definition["components"]),
    )
    same = (Row.account == account, Row.name == template.name, Row.language == template.language)
    with write():
        _take(account, found, locked(Row.select().where(*same)).first(), now)
        row = Row.get(*same)
        after_commit(partial(log.info, "template.handed_in", account=account, status=found.status))
    return record(CloudTemplate, row)


def _hold(account: str, name: str, language: str, status: str, now: int) -> None:
    """Pause what is sent with it, if Meta sends nothing with it."""
    if status not in BARRED:
        return
    why = refusal(Stands.TEMPLATE_BARRED, name=name, language=language, status=called(status))
    going = Job.state.in_(sorted(JOB_MOVES["pause"][0]))
    for job_id, kept in tuples(
        Job.select(Job.id, Job.template).where(Job.account == account, going, Job.template.is_null(False))
    ):
        if (kept["name"], kept["language"]) == (name, language):
            job_moves.suspend(job_id, why, now, job_moves.DAEMON)


def barred(account: str, kept: Filled) -> Coded | None:
    """Why a job that is sent with it cannot go on: Meta sends nothing with it, as far as is known."""
    same = (Row.account == account, Row.name == kept["name"], Row.language == kept["language"])
    status = Row.select(Row.status).where(*same).scalar() or GONE
    if status not in BARRED:
        return None
    name, language = kept["name"], kept["language"]
    return refusal(Stands.TEMPLATE_BARRED, name=name, language=language, status=called(status))


def forget(account: str) -> None:
    """Of an account that was removed."""
    Row.delete().where(Row.account == account).execute()


# What an order fills in


def choose(account: str, transport: str, chosen: ChosenTemplate, now: int, own_files: bool = False) -> Choice:
    """The template with what is filled in. own_files: people have files of their own for its header.

    Raises InvalidInput, at the field that is wrong: it is not there or not approved, it is marketing and nobody would
    hear of those who want none, a value is missing or there is none of that name; TemplateError, likewise: a text is
    wrong.
    """
    if transport not in TRANSPORTS:
        raise errors.InvalidInput(Why.TEMPLATE_NEEDS_CLOUD, account=account).at("account")
    row = find(account, chosen.name, chosen.language)
    if told := row.unusable:
        raise errors.InvalidInput(told).at("template.name")
    if transport == "cloud" and row.category == MARKETING and unreported.polls(account, now):
        raise errors.InvalidInput(Why.MARKETING_UNHEARD, account=account).at("template.name")
    return fill(row, chosen.values, own_files)


def fill(row: CloudTemplate, values: Mapping[str, str], own_files: bool = False) -> Choice:
    """As `choose`, of that template."""
    shape = row.shape
    given = {name: text.strip() for name, text in values.items()}
    for name in given:
        if name not in shape.taken:
            known = ", ".join(shape.wanted) or Phrase("none")
            told = refusal(Why.TEMPLATE_VALUE_SURPLUS, name=row.name, value=repr(name[:40]), values=known)
            raise errors.InvalidInput(told).at(_field(name))
    for name in shape.wanted:
        if not given.get(name) and not (own_files and shape.media and name == HEADER):
            raise errors.InvalidInput(Why.TEMPLATE_VALUE_MISSING, name=row.name, value=name).at(_field(name))
    given = {name: text for name, text in given.items() if text}
    file = given.pop(HEADER, None) if shape.media else None
    for name, text in given.items():
        try:
            message_text.compile(text)
        except errors.TemplateError as error:
            raise error.at(_field(name)) from None
    kept = cloud_template.filled(row.name, row.language, shape, given)
    return Choice(cloud_template.text_of(shape, given), kept, (file,) if file else ())


def _field(value: str) -> str:
    return f"template.values.{value[:40]}"


def of_job(kept: Filled | None, files: Sequence[str]) -> ChosenTemplate | None:
    """What a job was sent with, to be chosen again. files: the ids of the files that everybody gets."""
    if kept is None:
        return None
    values = dict(cloud_template.values(kept))
    if kept["media"] and files:
        values[HEADER] = files[0]
    return ChosenTemplate(name=kept["name"], language=kept["language"], values=values)


def for_one(chosen: ChosenTemplate, fields: Mapping[str, str], number: str, styles: Styles) -> ChosenTemplate:
    """With what this person gets in place of the fields. Raises TemplateError."""
    found = {}
    for name, text in chosen.values.items():
        said = message_text.render(message_text.compile(text, styles), fields, number) if text.strip() else ""
        found[name] = cloud_template.literal(said)
    return chosen.model_copy(update={"values": found})
