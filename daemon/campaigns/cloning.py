"""Duplicate a campaign: a draft with the text, files, pace and recipients of a job, to be changed and started."""

from __future__ import annotations

from daemon import errors
from daemon.campaigns import drafts
from daemon.campaigns.draft_content import (
    ChosenColumns,
    ChosenNumbers,
    Content,
    SheetSize,
    Source,
    SourceKind,
    When,
)
from daemon.campaigns.drafts import Draft
from daemon.campaigns.refusals import Why
from daemon.contacts import uploads
from daemon.delivery import job_moves
from daemon.formats import tabular
from daemon.formats.tabular import Row, Sheet
from daemon.models import Job, Message
from daemon.states import State

PEOPLE: dict[str, frozenset[State]] = {  # which recipients; nobody who may have got the message is in two of them
    "all": frozenset(State),
    "failed": frozenset({State.FAILED}),
    "unreached": frozenset({State.FAILED, State.EXPIRED, State.CANCELLED}),
}


def clone(job_id: int, draft_id: str, people: str, who: str, now: int) -> Draft:
    """A draft made of the job, under an id that the caller chooses. Asked again with the same id and the same people,
    it returns the draft that exists.

    people: one of PEOPLE. Raises NotFound, InvalidInput (that group is empty or too large).
    """
    if people not in PEOPLE:
        raise errors.InvalidInput(Why.PEOPLE_UNFIT, choices=", ".join(PEOPLE))
    job = job_moves.job(job_id)
    states = sorted(PEOPLE[people])
    count = sum(getattr(job, state) for state in states)
    if not count:
        raise errors.InvalidInput(Why.GROUP_EMPTY)
    if count > drafts.MAX_ROWS:
        raise errors.InvalidInput(Why.TOO_MANY_PEOPLE, most=f"{drafts.MAX_ROWS:,}")
    query = Message.select().where(Message.job == job_id, Message.state.in_(states)).order_by(Message.id)
    rows = list(query)
    files = _own_files(job, rows)
    sheet = [Row(0, ["number", *job.columns, *(["file"] if files else [])])]
    for row in rows:
        cells = [row.number, *(tabular.harmless(str(row.fields.get(name, ""))) for name in job.columns)]
        sheet.append(Row(row.row, [*cells, files.get(_own(job, row), "")] if files else cells))
    data = _data(job, len(sheet), files, all(_own(job, row) for row in rows))
    return drafts.begin(draft_id, who, now, job.name, data, [Sheet("", sheet)], f"campaign {job_id} {people}")


def _data(job: Job, height: int, files: dict[str, str], all_have_one: bool) -> Content:
    return Content(
        source=Source(kind=SourceKind.CAMPAIGN, name=job.name, sheets=(SheetSize("", height),)),
        columns=ChosenColumns(
            phone=0,
            header=0,
            names=("", *job.columns, *([""] if files else [])),
            files=len(job.columns) + 1 if files else None,
            sure=True,
        ),
        numbers=ChosenNumbers(seen=True),
        text=job.text,
        attachments=tuple(job.attachments),
        files={name.casefold(): file_id for file_id, name in files.items()},
        files_optional=bool(files) and not all_have_one,
        when=When(
            account=job.account,
            delay_min=job.delay_min_ms / 1000,
            delay_max=job.delay_max_ms / 1000,
            window=job.window,
            daily_cap=job.daily_cap,
        ),
        cloned_from=job.id,
    )


def _own(job: Job, row: Message) -> str:
    """The id of the recipient's own file, "" for none."""
    return next((each for each in row.attachments or () if each not in job.attachments), "")


def _own_files(job: Job, rows: list[Message]) -> dict[str, str]:
    """The recipients' own files: a different name for each id."""
    ids = list(dict.fromkeys(own for row in rows if (own := _own(job, row))))
    names: dict[str, str] = {}
    taken: set[str] = set()
    for file in uploads.attachments(ids):
        name = file.filename if file.filename.casefold() not in taken else f"{file.id}-{file.filename}"
        taken.add(name.casefold())
        names[file.id] = name
    return names
