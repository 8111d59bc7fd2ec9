"""Duplicate a campaign: a draft with the text, files, pace and recipients of a job, to be changed and started; or, for
the API, an order of the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from daemon import errors
from daemon.campaigns import cloud_templates, create, drafts, queries
from daemon.campaigns.draft_content import (
    ChosenColumns,
    ChosenNumbers,
    ChosenTemplate,
    Content,
    Dated,
    SheetSize,
    Source,
    SourceKind,
    When,
)
from daemon.campaigns.drafts import Draft
from daemon.campaigns.refusals import Why
from daemon.campaigns.rows import JobRow
from daemon.contacts import list_entries, uploads
from daemon.contacts.importer import Contact
from daemon.contacts.person import Person
from daemon.delivery import job_moves, parts, replies
from daemon.formats import styles, tabular
from daemon.formats.tabular import Row, Sheet
from daemon.models import Message
from daemon.states import E164, OUT, State

PEOPLE: dict[str, frozenset[State]] = {  # which recipients; nobody who may have got the message is in two of them
    "all": frozenset(State),
    "failed": frozenset({State.FAILED}),
    "unreached": frozenset({State.FAILED, State.EXPIRED, State.CANCELLED}),
    "unread": OUT - {State.READ},
    "unanswered": OUT,
    "replied": OUT,
}
REPLIED = {"unanswered": False, "replied": True}  # groups of those only who have, or have not, replied


@dataclass(frozen=True)
class Changed:
    """What an order made of a job has of its own; None for what the job had."""

    message: str | None = None
    name: str | None = None
    account: str | None = None
    schedule_at: int | None = None


def count(job: JobRow, people: str) -> int:
    """How many are in that group now."""
    everybody: int = sum(getattr(job, state) for state in PEOPLE[people])
    if people not in REPLIED or not everybody:
        return everybody
    have: int = Message.select(Message.id).where(*_chosen(job, "replied")).count()
    return have if REPLIED[people] else everybody - have


def clone(job_id: int, draft_id: str, people: str, who: str, now: int, but: int = 0) -> Draft:
    """A draft made of the job, under an id that the caller chooses. Asked again with the same id and the same people,
    it returns the draft that exists.

    people: one of PEOPLE. but: the list whose people are left out, 0 for none. Raises NotFound, InvalidInput (that
    group is empty or too large).
    """
    job, rows = _group(job_id, people, but)
    sheet, data = _made(job, rows)
    origin = f"campaign {job_id} {people}" + (f" but {but}" if but else "")
    return drafts.begin(draft_id, who, now, job.name, data, [Sheet("", sheet)], origin)


def _made(job: JobRow, rows: list[Message]) -> tuple[list[Row], Content]:
    """A sheet of these people, and the rest of a draft."""
    files = _own_files(job, rows)
    sheet = [Row(0, ["number", *job.columns, *(["file"] if files else [])])]
    for row in rows:
        cells = [row.number, *(tabular.harmless(str(row.fields.get(name, ""))) for name in job.columns)]
        sheet.append(Row(row.row, [*cells, files.get(_own(job, row), "")] if files else cells))
    data = _data(job, len(sheet), files, all(_own(job, row) for row in rows))
    if any(row.nth for row in rows):
        data = data.model_copy(update={"numbers": ChosenNumbers(seen=True, per=create.PER_ROW)})
    return sheet, data


def edit(job_id: int, draft_id: str, zone: str, who: str, now: int) -> Draft:
    """A draft that takes the place of a scheduled job when it is started, and has its people and its time. Until then
    the job stays as it is. zone: in which that time is shown. Raises NotFound, IllegalMove (it has begun)."""
    job, rows = _group(job_id, "all", 0)
    if not job_moves.waits_to_begin(job.started_at, job.schedule_at, job.state):
        raise job_moves.refusal(job_id, job.state, "replace")
    sheet, data = _made(job, rows)
    when = (data.when or When()).model_copy(update={"at": job.schedule_at, "zone": zone})
    data = data.model_copy(update={"when": when, "replaces": job.id, "cloned_from": job.cloned_from})
    return drafts.begin(draft_id, who, now, job.name, data, [Sheet("", sheet)], f"edit {job_id} {job.schedule_at}")


def order(job_id: int, people: str, but: int, changed: Changed) -> create.Order:
    """The same as an order, which is sent as soon as it is stored. Raises as `clone`."""
    job, rows = _group(job_id, people, but)
    if job.texts_gone_at is not None and changed.message is None:
        raise errors.InvalidInput(Why.TEXT_REMOVED, job=job_id)
    kept = styles.restored(job.formats) if job.formats else None
    template = cloud_templates.of_job(job.template, job.attachments) if changed.message is None else None
    everybody = [Contact(row.row, row.number, row.fields, row.attachments) for row in rows]
    return create.Order(
        per=create.PER_ROW if any(row.nth for row in rows) else None,
        text=("" if template else job.text) if changed.message is None else changed.message,
        template=template,
        audience=create.Audience(everybody, [], 0, "row", job.name, note=_again(job, people), columns=job.columns),
        attachments=[] if template else list(job.attachments),
        delay_min=_delays(job)[0],
        delay_max=_delays(job)[1],
        name=job.name if changed.name is None else changed.name,
        account=changed.account or job.account,
        schedule_at=changed.schedule_at,
        window=job.window,
        daily_cap=job.daily_cap,
        cloned_from=job.id,
        language=kept.language if kept else None,
        columns=kept.columns if kept else None,
        dated=_dated(job),
    )


def in_part(job: JobRow) -> int:
    """How many of those who failed or were cancelled have got a part of the message, which a duplicate repeats."""
    return parts.in_part(job.id) if job.failed or job.cancelled or job.expired else 0


def _again(job: JobRow, people: str) -> str:
    """What a program is told of them."""
    if not PEOPLE[people] & {State.FAILED, State.CANCELLED, State.EXPIRED} or not (count := in_part(job)):
        return ""
    return f"Already got a part of the message, and get all of it again: {count}. Retry sends only what is missing."


def _dated(job: JobRow) -> Dated | None:
    return Dated.model_validate(job.dated) if job.dated else None


def _group(job_id: int, people: str, but: int) -> tuple[JobRow, list[Message]]:
    """The job, and those of the group who are not on that list."""
    if people not in PEOPLE:
        raise errors.InvalidInput(Why.PEOPLE_UNFIT, choices=", ".join(PEOPLE))
    job = queries.job(job_id)
    if job.recipients_gone_at is not None:  # some may be there still
        raise errors.InvalidInput(Why.RECIPIENTS_REMOVED, job=job_id)
    if count(job, people) > drafts.MAX_ROWS:
        raise errors.InvalidInput(Why.TOO_MANY_PEOPLE, most=f"{drafts.MAX_ROWS:,}")
    if job.fields_gone_at is not None:
        job = replace(job, columns=[], dated=None)
    left = list_entries.persons(but) if but else frozenset()
    rows = list(Message.select().where(*_chosen(job, people)).order_by(Message.id))
    rows = [row for row in rows if (row.person or Person(E164(row.number)).key) not in left]
    if not rows:
        raise errors.InvalidInput(Why.GROUP_EMPTY)
    return job, rows


def _chosen(job: JobRow, people: str) -> Iterator[Any]:
    """What the messages of the group have in common, as conditions."""
    yield Message.job == job.id
    if PEOPLE[people] != frozenset(State):
        yield Message.state.in_(sorted(PEOPLE[people]))
    if people in REPLIED:
        answered = replies.answered(job.id)
        yield answered if REPLIED[people] else ~answered


def _data(job: JobRow, height: int, files: dict[str, str], all_have_one: bool) -> Content:
    return Content(
        source=Source(kind=SourceKind.CAMPAIGN, name=job.name, sheets=(SheetSize("", height),)),
        columns=ChosenColumns(
            phone=0,
            header=0,
            names=("", *job.columns, *([""] if files else [])),
            files=len(job.columns) + 1 if files else None,
            styles=_styles(job),
            sure=True,
        ),
        numbers=ChosenNumbers(seen=True),
        text="" if job.template else job.text,
        template=_template(job),
        language=styles.restored(job.formats).language if job.formats else "",
        attachments=() if job.template else tuple(job.attachments),
        files={name.casefold(): file_id for file_id, name in files.items()},
        files_optional=bool(files) and not all_have_one,
        when=When(
            account=job.account,
            delay_min=_delays(job)[0],
            delay_max=_delays(job)[1],
            window=job.window,
            daily_cap=job.daily_cap,
            dated=_dated(job),
        ),
        cloned_from=job.id,
    )


def _delays(job: JobRow) -> tuple[float, float] | tuple[None, None]:
    """Its pauses in seconds; None where it is known that they are those of the settings."""
    if job.own_delays is False:
        return None, None
    return job.delay_min_ms / 1000, job.delay_max_ms / 1000


def _template(job: JobRow) -> ChosenTemplate | None:
    found = cloud_templates.of_job(job.template, job.attachments)
    return found.model_copy(update={"account": job.account}) if found else None


def _styles(job: JobRow) -> dict[int, tuple[str, str]]:
    """By the index of the column in the sheet, where the number comes first."""
    by_name = dict(styles.restored(job.formats).columns)
    columns = ((at, by_name[name]) for at, name in enumerate(job.columns, 1) if name in by_name)
    return {at: (column.style, column.order) for at, column in columns}


def _own(job: JobRow, row: Message) -> str:
    """The id of the recipient's own file, "" for none."""
    return next((each for each in row.attachments or () if each not in job.attachments), "")


def _own_files(job: JobRow, rows: list[Message]) -> dict[str, str]:
    """The recipients' own files: a different name for each id."""
    ids = list(dict.fromkeys(own for row in rows if (own := _own(job, row))))
    names: dict[str, str] = {}
    taken: set[str] = set()
    for file in uploads.attachments(ids):
        name = file.filename if file.filename.casefold() not in taken else f"{file.id}-{file.filename}"
        taken.add(name.casefold())
        names[file.id] = name
    return names
