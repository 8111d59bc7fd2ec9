"""Create a job: check everything first, then queue one message for each recipient, all or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.accounts import directory, installed, limits, pacing, rights
from daemon.auth import audit
from daemon.campaigns import careful, cloud_templates, external_ids, fitting, scheduling, telling
from daemon.campaigns.dated import Dates
from daemon.campaigns.draft_content import ChosenTemplate, Dated
from daemon.campaigns.each_row import EachRow, counted
from daemon.campaigns.refusals import Part, Why
from daemon.campaigns.scheduling import LONGEST_AHEAD_MS
from daemon.config import ACCOUNT_NAME, Settings
from daemon.contacts import importer, stored, uploads
from daemon.contacts.person import Person
from daemon.contacts.row_sets import Rows
from daemon.db.connection import after_commit, write
from daemon.delivery import chunks, enqueue, job_moves
from daemon.formats import placeholders, styles
from daemon.formats.cloud_template import Filled
from daemon.formats.styles import Column, Styles
from daemon.i18n.coded import refusal
from daemon.models import Answer, Job, KeyScope, Kind
from daemon.states import FILLING, JobState
from daemon.telemetry import traces

log = structlog.get_logger()

MAX_DELAY_S = 24 * 3600
LEAST_TIME_MS = 100_000_000_000  # in 1973: anything smaller was meant in seconds, and would be sent at once
MAX_DAILY_CAP = 1_000_000
PER_NUMBER, PER_ROW = "number", "row"
ANSWERS_MS = 7 * pacing.DAY_MS
UNASKED = frozenset({"audience", "scope", "kind", "cloned_from", "filled"})  # not part of a request
# Not in earlier digests.
ADDED = (
    "window",
    "daily_cap",
    "phone_column",
    "language",
    "columns",
    "replaces",
    "per",
    "dated",
    "external_id",
    "template",
)
ACCOUNTS_NAMED = 20  # in the refusal of an unknown one


@dataclass(frozen=True)
class Order:
    """What a caller asks for: who gets which message, when and how fast. Exactly one source of recipients.

    delay_*: seconds, None for the pace of the settings. schedule_at: UTC epoch ms. key: the Idempotency-Key; scope:
    what kind of caller it belongs to, so that a caller's key never equals one of the page's own. window: such as
    09:00-18:00, in the account's time zone. daily_cap: the most messages of this job in 24 hours. audience: people
    chosen earlier by a draft's dry run; the key ignores them. language: a locale for dates and amounts in the text,
    None for that of the default country; columns: how some fields are written. replaces: the
    scheduled job whose place it takes. per: PER_ROW for a message for each row, also where several have one number;
    else each person gets one. dated: each gets it by a date of theirs, which all of the audience have.
    external_id: what the caller calls the job. template: the WhatsApp template in place of a text; `check` adds its
    text and files, and, filled, what the job keeps.
    """

    text: str
    numbers: Sequence[object] | None = None
    recipients: Sequence[object] | None = None
    upload_id: str | None = None
    phone_column: str | None = None
    attachments: Sequence[str] = ()
    delay_min: float | None = None
    delay_max: float | None = None
    name: str | None = None
    account: str | None = None
    schedule_at: int | None = None
    window: str | None = None
    daily_cap: int | None = None
    audience: Audience | None = None
    key: str | None = None
    scope: KeyScope = KeyScope.SEND
    kind: Kind = Kind.CAMPAIGN
    cloned_from: int | None = None
    language: str | None = None
    columns: tuple[tuple[str, Column], ...] | None = None
    replaces: int | None = None
    per: str | None = None
    dated: Dated | None = None
    external_id: str | None = None
    template: ChosenTemplate | None = None
    filled: Filled | None = None


@dataclass
class Audience:
    """The people an order is for, who may be read from the database each time they are gone through. place: what a
    rejected row's position is called."""

    people: Collection[importer.Contact]
    rejected: list[importer.Rejected]
    duplicates: int
    place: str
    source: str = ""
    note: str = ""
    columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """An order that can be stored as it is: who gets it, the pace (ms), the ids of all files that anybody gets, and how
    many messages WhatsApp makes of it for somebody at most."""

    order: Order
    audience: Audience
    delays: tuple[int, int]
    files: frozenset[str]
    messages: int = 1


@dataclass(frozen=True)
class Created:
    """A job that was made. left_out: rows that were rejected; place: what their position is called; note: what happens
    next, for a person, and what the text is warned of; warnings: that, for a program."""

    job_id: int
    scheduled: bool = False
    total: int = 0
    duplicates: int = 0
    left_out: list[importer.Rejected] = field(default_factory=list)
    place: str = "row"
    note: str = ""
    warnings: list[dict[str, str | None]] = field(default_factory=list)


def create(settings: Settings, order: Order, who: str, now: int) -> Created:
    """Check everything, then queue one message for each recipient, all or nothing.

    A repeat with the same key gets the job that is there.
    Raises InvalidInput (nobody left to write to, a mistake in the text…), NotFound, KeyReused.
    """
    if (before := _answered(order)) is not None:
        return before
    checked = check(settings, order, now)
    try:
        with filled(settings, checked, who, now) as job:
            return store(settings, checked, who, now, job)
    except peewee.IntegrityError:  # on PostgreSQL the same request may get here twice at once
        if (before := _answered(order)) is not None:
            return before
        raise


def check(settings: Settings, order: Order, now: int, trial: bool = False) -> Checked:
    """Find everything that is wrong with an order before anything is stored, and outside of a transaction: with many
    people it takes a while. trial: it will not be stored, nor what it says of an upload. Raises as `create`.
    """
    if order.account is not None and not ACCOUNT_NAME.fullmatch(order.account):
        raise errors.InvalidInput(Why.ACCOUNT_UNFIT)
    if order.account is None:
        rights.check_said(settings.account)
        order = replace(order, account=rights.usual(settings.account)) if rights.limited() else order
    _check_account(settings, order.account)
    settings = _own(settings, order)
    if order.schedule_at is not None and order.schedule_at < LEAST_TIME_MS:
        raise errors.InvalidInput(Why.SCHEDULE_UNFIT)
    if order.schedule_at is not None and order.schedule_at > now + LONGEST_AHEAD_MS:
        raise errors.InvalidInput(Why.SCHEDULE_TOO_LATE)
    _check_terms(order)
    order = _with_template(settings, order, now)
    if order.language is not None and not styles.known(order.language):
        raise errors.InvalidInput(Why.LANGUAGE_UNKNOWN, language=repr(order.language[:40]))
    audience = _audience(settings, order, trial)
    external_ids.check(order.external_id, audience.people, audience.columns, audience.place)
    pause = delays(settings, order.delay_min, order.delay_max)
    own = _own_files(order, audience)
    written = styles_of(settings, order)
    messages = fitting.check(settings, order.text, order.attachments, audience.people, own, written, order.filled)
    return Checked(order, audience, pause, frozenset(order.attachments).union(*own), messages)


def _with_template(settings: Settings, order: Order, now: int) -> Order:
    """The order with the text and file of its WhatsApp template, if it has one."""
    if order.template is None:
        return order
    if order.text.strip():
        raise errors.InvalidInput(Why.MESSAGE_AND_TEMPLATE).at("template")
    if order.attachments:
        raise errors.InvalidInput(Why.TEMPLATE_WITH_FILES).at("attachments")
    own = order.audience is not None and any(each.attachments for each in order.audience.people)
    chosen = cloud_templates.choose(order.account or settings.account, settings.transport, order.template, now, own)
    return replace(order, text=chosen.text, attachments=chosen.files, filled=chosen.filled)


def _check_account(settings: Settings, name: str | None) -> None:
    known = [row.name for row in directory.every()]
    if directory.known(settings.account) is None and rights.may(settings.account):  # nothing has been started yet
        known.insert(0, settings.account)
    if (name or settings.account) not in known:
        name = name or settings.account
        shown = ", ".join(known[:ACCOUNTS_NAMED]) + (" …" if len(known) > ACCOUNTS_NAMED else "")
        raise errors.InvalidInput(refusal(Why.NO_SUCH_ACCOUNT, name=name, accounts=shown))


def _own(settings: Settings, order: Order) -> Settings:
    """The settings of the account that it is sent from."""
    return limits.settings_of(settings, order.account or settings.account)


def _digest(order: Order) -> str:
    """A hash of everything that makes two requests the same."""
    asked = {name: value for name, value in order.__dict__.items() if name not in UNASKED}
    for name in ADDED:
        if asked[name] is None:
            del asked[name]
    if order.template is not None:  # what follows from it
        asked |= {"text": "", "attachments": ()}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _check_terms(order: Order) -> None:
    try:
        pacing.window(order.window)
    except ValueError:
        raise errors.InvalidInput(Why.WINDOW_UNFIT) from None
    if order.daily_cap is not None and not 0 <= order.daily_cap <= MAX_DAILY_CAP:
        raise errors.InvalidInput(Why.DAILY_CAP_UNFIT, most=f"{MAX_DAILY_CAP:,}")


@contextmanager
def filled(settings: Settings, checked: Checked, who: str, now: int) -> Iterator[int | None]:
    """Store the messages of a large order first, chunk by chunk, and give the id of what will be its job: `store` makes
    a job of it; where that was not called by the end, it is deleted. None for a small order, which `store` stores as a
    whole. What is left of a job that it replaces is cancelled at the end. Not to be called in a transaction. Raises
    DatabaseBusy.
    """
    settings, people = _own(settings, checked.order), checked.audience.people
    if len(people) <= chunks.CHUNK:
        yield None
        scheduling.finish_replacing(checked.order.replaces, who, now)
        return
    with audit.aside():  # nothing of it is done before the job is opened
        job = _job(settings, checked, FILLING, who, now)
    try:
        with audit.aside():
            enqueue.fill(job, people, who, now, _due(settings, checked.order))
        yield job.id
    finally:
        with (
            suppress(errors.DatabaseBusy),
            audit.aside(),
        ):  # then it is swept later; and a job that was opened must not be discarded
            enqueue.discard(job.id)
    scheduling.finish_replacing(checked.order.replaces, who, now)


def _job(settings: Settings, checked: Checked, state: str, who: str, now: int) -> Job:
    order, audience, pause = checked.order, checked.audience, checked.delays
    with write():
        return Job.create(
            account=order.account or settings.account,
            name=((order.name or "").strip() or audience.source or "Campaign")[:120],
            text=order.text,
            attachments=list(order.attachments),
            state=state,
            delay_min_ms=pause[0],
            delay_max_ms=pause[1],
            own_delays=named(order),
            schedule_at=order.schedule_at,
            created_at=now,
            made_by=who,
            total=0,
            columns=audience.columns,
            rejected=[each.stored() for each in audience.rejected],
            window=order.window or None,
            daily_cap=order.daily_cap or 0,
            kind=order.kind,
            cloned_from=order.cloned_from,
            for_dry_run=settings.transport == "dryrun",
            formats=styles_of(settings, order).stored(),
            dated=order.dated.model_dump(mode="json") if order.dated else None,
            external_id=order.external_id or None,
            template=order.filled,
        )


def dates_of(settings: Settings, order: Order) -> Dates | None:
    """When each gets it, where that is by a date of theirs."""
    if order.dated is None:
        return None
    styles = styles_of(settings, order)
    return Dates(order.dated, styles.zone, styles.language)


def _due(settings: Settings, order: Order) -> enqueue.Due | None:
    dates = dates_of(settings, order)
    if dates is None:
        return None

    def due(fields: Mapping[str, str]) -> tuple[int, int]:
        found = dates.due(fields)
        return found.at, found.until

    return due


def styles_of(settings: Settings, order: Order) -> Styles:
    """How the order's text writes dates and amounts."""
    settings = _own(settings, order)
    language = order.language or styles.usual(settings.default_country, "en")
    zone = limits.rules_of(settings, order.account or settings.account).zone
    return Styles(language, str(zone), order.columns or ())


def store(settings: Settings, checked: Checked, who: str, now: int, filled_job: int | None = None) -> Created:
    """Make the job and queue its messages, in one transaction. Raises KeyReused, and IllegalMove when the job that it
    replaces has begun.

    filled_job: the one of `filled`, which has its messages already.
    """
    settings, order, audience = _own(settings, checked.order), checked.order, checked.audience
    scheduled = order.schedule_at is not None and order.schedule_at > now
    state = JobState.SCHEDULED if scheduled else JobState.PENDING
    asked = _digest(order) if order.key else ""  # it takes a while, so not in the transaction
    much = _much(settings, checked, filled_job, now)
    with write():
        if (before := _answered(order)) is not None:
            return before
        stored.use(order.upload_id, checked.files, now)
        if order.replaces is not None:  # before there is another job, which might have the id that was given
            scheduling.check_replace(order.replaces)
        if filled_job is None:
            job = _job(settings, checked, state, who, now)
            enqueue.enqueue(job, audience.people, who, now, _due(settings, order))
        else:
            job = enqueue.open_job(filled_job, state, now)
        audit.about("job", job.id)
        installed.require(job.account)
        if order.replaces is not None:
            scheduling.replace(order.replaces, job.id, who, now)
        job_moves.tell(job.id, "create", who, now)
        after_commit(partial(traces.made, job.id, job.created_at, job.account, len(audience.people)))
        foreign = placeholders.foreign(order.text, audience.columns)
        created = Created(
            job_id=job.id,
            scheduled=scheduled,
            total=len(audience.people),
            duplicates=audience.duplicates,
            left_out=audience.rejected,
            place=audience.place,
            note=" ".join(
                [
                    *filter(None, [audience.note]),
                    telling.note(job.account, now, scheduled),
                    *fitting.several(checked.messages),
                    *telling.free_text(settings.transport, order.template is not None),
                    *much,
                    *(str(each.told) for each in foreign),
                ]
            ),
            warnings=[telling.warning(each) for each in foreign],
        )
        if order.key:
            kept = {"scope": order.scope, "key": order.key, "request": asked, "response": _kept(created)}
            Answer.create(**kept, created_at=now)
        counts = {"total": len(audience.people), "duplicates": audience.duplicates}
        after_commit(
            partial(
                log.info, "job.created", account=job.account, job_id=job.id, rejected=len(audience.rejected), **counts
            )
        )
    return created


def _much(settings: Settings, checked: Checked, filled_job: int | None, now: int) -> list[str]:
    """What a program is told that starts a large campaign; a person was asked."""
    order, account, people = checked.order, checked.order.account or settings.account, checked.audience.people
    if order.scope != KeyScope.SEND:
        return []

    def fresh() -> int:
        if filled_job is not None:
            return careful.new_in(filled_job)
        return careful.never_written(account, {Person(each.number).key for each in people})

    terms = pacing.Terms(pacing.window(order.window), order.daily_cap or 0)
    apart = limits.spacing(limits.settings_of(settings, account), checked.delays, named(order))
    return list(filter(None, [careful.note(settings, account, len(people), fresh, apart, terms, now)]))


def _kept(created: Created) -> dict[str, Any]:
    """As JSON, which `_answered` reads."""
    return vars(created) | {"left_out": [each.stored() for each in created.left_out]}


def _answered(order: Order) -> Created | None:
    """The job that the same request made; None if it comes for the first time or has no key. Raises KeyReused."""
    row = Answer.get_or_none(Answer.scope == order.scope, Answer.key == order.key) if order.key else None
    if row is None:
        return None
    if row.request != _digest(order):
        raise errors.KeyReused(Why.IDEMPOTENCY_KEY_REUSED)
    kept = dict(row.response)  # earlier versions stored other fields, of which only the job's id is useful
    if "left_out" in kept:
        kept["left_out"] = importer.restored(kept["left_out"])
    return Created(**{each.name: kept[each.name] for each in fields(Created) if each.name in kept})


def forget_answers(now: int) -> int:
    """Delete answers that nobody repeats any more, because they contain rejected numbers; returns how many. A started
    draft knows its job without them."""
    with write():
        return int(Answer.delete().where(Answer.created_at < now - ANSWERS_MS).execute())


def _audience(settings: Settings, order: Order, trial: bool = False) -> Audience:
    if order.audience is not None and order.audience.people:
        return _once_each(order.audience, order.per)
    given = [source for source in (order.numbers, order.recipients, order.upload_id) if source is not None]
    if len(given) != 1:
        raise errors.InvalidInput(Why.RECIPIENTS_GIVEN_OTHERWISE)
    if order.phone_column is not None and order.upload_id is None:
        raise errors.InvalidInput(Why.PHONE_COLUMN_WITHOUT_UPLOAD)
    if order.upload_id is not None:
        upload = uploads.find(order.upload_id)
        read: uploads.Upload | importer.ContactList
        if trial and upload.sheet is not None and order.phone_column:  # what is chosen in earnest stays chosen
            read = uploads.found_in(upload, settings.default_country, order.phone_column)
        else:
            read = uploads.chosen(order.upload_id, settings.default_country, order.phone_column)
        people: Collection[importer.Contact] = read.contacts
        rejected, duplicates, place = list(read.rejected), read.duplicates, "row"
        source, columns, note = upload.filename, read.columns, ""
        if order.per == PER_ROW and duplicates:
            repeated = read.repeated if isinstance(read, uploads.Upload) else None
            if repeated is None:
                raise errors.InvalidInput(Why.PER_ROW_OF_UPLOAD)
            people, duplicates = EachRow(read.contacts, repeated), 0
    else:
        values: Sequence[object] = order.numbers if order.numbers is not None else order.recipients or ()
        found = importer.parse_numbers(values, settings.default_country, each_row=order.per == PER_ROW)
        people, rejected, duplicates, place = found.contacts, found.rejected, found.duplicates, "index"
        source, columns, note = "", found.columns, ""
    if not people:
        first = [(each.position, each.why) for each in rejected[:3]]
        reasons = tuple(refusal(Part.REJECTED_AT, place=place, position=at, reason=why) for at, why in first)
        raise errors.InvalidInput(refusal(Why.NOBODY_FITS, reasons=reasons) if reasons else refusal(Why.NOBODY))
    return _once_each(Audience(people, rejected, duplicates, place, source, note, columns), order.per)


def _once_each(audience: Audience, per: str | None) -> Audience:
    """The audience with each person once: what was kept by earlier versions may hold somebody in two notations. Or with
    each row, counted by their number, which all rows of one person write as the first one does."""
    if per == PER_ROW and isinstance(audience.people, EachRow):
        return audience
    if per == PER_ROW:
        return replace(audience, people=list(counted(audience.people)))
    if isinstance(audience.people, Rows) and audience.people.distinct:
        return audience
    people = list({Person(each.number).key: each for each in reversed(list(audience.people))}.values())[::-1]
    left = len(audience.people) - len(people)
    return replace(audience, people=people, duplicates=audience.duplicates + left) if left else audience


def delays(settings: Settings, delay_min: float | None, delay_max: float | None) -> tuple[int, int]:
    """The shortest and longest pause in ms, of those in seconds; None for the settings'. Raises InvalidInput."""
    low = settings.delay_min if delay_min is None else delay_min
    high = max(low, settings.delay_max) if delay_max is None else delay_max
    if delay_min is None:
        low = min(low, high)
    if not 0 <= low <= high <= MAX_DELAY_S:
        raise errors.InvalidInput(Why.DELAYS_UNFIT, most=MAX_DELAY_S)
    return round(low * 1000), round(high * 1000)


def named(order: Order) -> bool:
    """Whether it says itself how long to pause."""
    return order.delay_min is not None or order.delay_max is not None


def _own_files(order: Order, audience: Audience) -> set[tuple[str, ...]]:
    """The ids of the files that some get instead of everybody's. Rows of an upload have none."""
    if order.audience is None and order.upload_id is not None:
        return set()
    return {tuple(person.attachments) for person in audience.people if person.attachments is not None}
