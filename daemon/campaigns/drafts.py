"""Campaigns in preparation, stored on the server step by step, to be left and resumed until they are started.

A save names the version that its caller has read (`db/versions.py`). A start uses the people that the dry run has
frozen, and makes one job however often it is asked for.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import directory, rights
from daemon.campaigns import create, draft_content, draft_files, draft_order, draft_rows, known_columns
from daemon.campaigns.draft_content import (
    Changes,
    ChosenColumns,
    ChosenNumbers,
    Content,
    Report,
    SelfTest,
    SheetSize,
    Source,
    SourceKind,
)  # fmt: skip
from daemon.campaigns.refusals import Why
from daemon.config import Settings
from daemon.contacts import columns as column_mapping
from daemon.contacts import (
    importer,
    lists,
    opt_out_columns,
    phone_column,
    phone_repair,
    row_sets,
    sheet_choice,
    uploads,
)
from daemon.contacts.columns import Candidate, Columns, Decisions
from daemon.contacts.importer import Contact
from daemon.contacts.row_sets import Rows
from daemon.db import versions
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked
from daemon.formats.tabular import Row, Sheet
from daemon.i18n.coded import Phrase
from daemon.models import Answer, KeyScope
from daemon.models import Draft as DraftRow

log = structlog.get_logger()

# Of a sheet on the page: whoever decides about numbers sees what becomes of each row at once, so the rows are judged
# again after each decision (0.1 ms a row) and are in memory with what was found (1 KB). The API takes 1,000,000.
MAX_ROWS = 200_000
MAX_NAME = 120
FIRST_VERSION = 100_000_000
STEPS = ("people", "columns", "numbers", "message", "when", "check", "start")
RECENT_DAYS = 7
SAMPLED = 2_000  # rows whose numbers tell the country
MAX_RECENT_DAYS = 365
_PEOPLE = frozenset({"source", "columns", "numbers"})
"""What decides who gets the message: when one of these changes, the people are counted again."""
_LIGHT = [
    each for name, each in DraftRow._meta.fields.items() if name not in ("sheets", "original", "audience_set", "report")
]

Sheets = Sequence[Sheet]


@dataclass(frozen=True)
class Draft:
    """A draft without its rows, people and report. version: grows with each save; job_id: the job made from it."""

    id: str
    name: str
    data: Content
    version: int
    created_by: str
    updated_at: int
    job_id: int | None


def _read(row: DraftRow) -> Draft:
    data = draft_content.load(row.data)
    return Draft(row.id, row.name, data, row.version, row.created_by, row.updated_at, row.job_id)


def listed() -> list[Draft]:
    """Drafts that have not become a job, most recently changed first, without their people."""
    query = DraftRow.select(*_LIGHT).where(DraftRow.job.is_null()).order_by(DraftRow.updated_at.desc(), DraftRow.id)
    return [draft for row in query if not (draft := _read(row)).data.started and _is_mine(draft)]


def _is_mine(draft: Draft) -> bool:
    """Whether the caller may see it: by its account, or, as long as it has none, by who has begun it."""
    account = draft.data.when.account if draft.data.when else None
    if account is None:
        return not rights.limited() or draft.created_by == rights.caller.get()[:64]
    return rights.may(account)


def begin(
    draft_id: str,
    who: str,
    now: int,
    name: str = "",
    data: Content | None = None,
    sheets: Sheets = (),
    origin: str = "",
) -> Draft:
    """A new draft, under an id that the caller chooses. Asked again with the same id (a double click), it returns the
    draft that exists.

    data, sheets: its first content, as `save` takes them. origin: what it is made from; if the existing draft has
    another origin (the form was changed after going Back), a new draft with its own id is made. Version numbers start
    at a random value, so that a tab which still shows a discarded draft of the same id cannot match one.
    """
    values: dict[str, Any] = {"created_by": who[:64], "created_at": now, "updated_at": now, "name": name[:MAX_NAME]}
    values["version"] = 1 + secrets.randbelow(FIRST_VERSION)
    content = draft_content.dump((data or Content()).model_copy(update={"stamp": _stamp(), "origin": origin}))
    kept = draft_rows.keep_sheets(sheets)
    with write():
        made = DraftRow.insert(id=draft_id, data=content, sheets=kept, **values).on_conflict_ignore()
        if made.as_rowcount().execute():
            draft_rows.hold_sheets(kept)
            after_commit(partial(log.info, "draft.begun", draft_id=draft_id))
    draft = find(draft_id)
    if draft.data.origin == origin:
        return draft
    other = hashlib.sha256(f"{draft_id} {origin}".encode()).hexdigest()[:32]
    return begin(other, who, now, name, data, sheets, origin)


def find(draft_id: str) -> Draft:
    """The draft by that id, without its rows, people and report. Raises NotFound."""
    row = DraftRow.select(*_LIGHT).where(DraftRow.id == draft_id).first()
    draft = _read(row) if row is not None else None
    if draft is None or not _is_mine(draft):
        raise errors.NotFound(Why.DRAFT_DISCARDED)
    return draft


def _locked(draft_id: str) -> Draft:
    """The draft, locked until the transaction ends. Raises NotFound."""
    row = locked(DraftRow.select(*_LIGHT).where(DraftRow.id == draft_id)).first()
    draft = _read(row) if row is not None else None
    return draft if draft is not None and _is_mine(draft) else find(draft_id)


def discard(draft_id: str, who: str) -> None:
    """Delete the draft. Does nothing if it is gone already, has become a campaign, or is none of the caller's."""
    with write():
        row = DraftRow.select(*_LIGHT).where(DraftRow.id == draft_id).first()
        if row is None or not _is_mine(_read(row)):
            return
        draft_rows.let_go((DraftRow.id == draft_id) & DraftRow.job.is_null())
        if DraftRow.delete().where(DraftRow.id == draft_id, DraftRow.job.is_null()).execute():
            after_commit(partial(log.info, "draft.discarded", draft_id=draft_id, who=who))


def save(
    draft_id: str,
    version: int,
    changes: Changes,
    now: int,
    name: str | None = None,
    sheets: Sheets | None = None,
    original: bytes | None = None,
) -> Draft:
    """Save the changes if the draft is still the one the caller has read. If nothing changes, the version, and so the
    dry run, stays valid. original: as of `draft_files.packed`. Raises NotFound, EditConflict."""
    kept = None if sheets is None else draft_rows.keep_sheets(sheets)
    with write():
        row = _locked(draft_id)
        _refuse_late(row, version)
        data = row.data.model_copy(update=dict(changes))
        new_name = row.name if name is None else name.strip()[:MAX_NAME]
        if data == row.data and new_name == row.name and sheets is None:
            return row
        if sheets is not None or any(getattr(data, key) != getattr(row.data, key) for key in _PEOPLE):
            data = data.model_copy(update={"stamp": _stamp()})
        values: dict[str, Any] = {
            "data": draft_content.dump(data),
            "name": new_name,
            "version": version + 1,
            "updated_at": now,
        }
        if sheets is not None:
            values["sheets"] = kept
            values["original"] = original
            draft_rows.hold_sheets(kept)
        draft_rows.let_go(DraftRow.id == draft_id, sheets is not None)
        DraftRow.update(audience_set=None, **values).where(DraftRow.id == draft_id).execute()
    return find(draft_id)


def _stamp() -> str:
    """An identifier for the current people, never used twice, because results computed from them are cached under
    it."""
    return secrets.token_hex(8)


def remember(draft_id: str, test: SelfTest) -> None:
    """Remember where test messages go. It is not part of the campaign, so nothing else changes."""
    with write():
        data = _locked(draft_id).data.model_copy(update={"test": test})
        DraftRow.update(data=draft_content.dump(data)).where(DraftRow.id == draft_id).execute()


def _refuse_late(row: Draft, version: int) -> None:
    if row.job_id:
        raise errors.EditConflict(Why.DRAFT_STARTED, job=row.job_id)
    versions.check(Phrase("draft"), row.version, version)


# People


def take_sheets(
    settings: Settings, draft: Draft, sheets: Sheets, now: int, filename: str | None = None, original: bytes = b""
) -> Draft:
    """Take what a contacts file holds into the draft, and guess what its columns are. Raises EditConflict.

    filename: None for what was pasted. original: the file, which is kept if it may be in another encoding.
    """
    source = Source(kind=SourceKind.PASTED)
    if filename is not None:
        source = Source(kind=SourceKind.FILE, name=uploads.safe_name(filename))
    return _take(settings, draft, source, sheets, now, original=draft_files.packed(sheets, original))


def take_list(settings: Settings, draft: Draft, list_id: int, now: int) -> Draft:
    """Use the people of a saved list. Raises NotFound, InvalidInput (the list is empty), EditConflict."""
    kept = lists.listed(list_id)
    people = lists.people(list_id)
    if not people:
        raise errors.InvalidInput(Why.LIST_EMPTY, name=kept.name)
    if len(people) > MAX_ROWS:
        raise errors.InvalidInput(Why.LIST_TOO_LONG, most=f"{MAX_ROWS:,}")
    rows = [Row(0, ["number", *kept.columns])]
    rows += [Row(each.position, [each.number, *(each.fields.get(c, "") for c in kept.columns)]) for each in people]
    source = Source(kind=SourceKind.LIST, name=kept.name, list_id=list_id)
    return _take(settings, draft, source, [Sheet("", rows)], now, phone=0)


def _take(
    settings: Settings,
    draft: Draft,
    source: Source,
    sheets: Sheets,
    now: int,
    phone: int | None = None,
    original: bytes | None = None,
) -> Draft:
    sizes = tuple(SheetSize(each.title, len(each.rows), each.hidden_rows, each.hidden_columns) for each in sheets)
    settings = directory.with_country(settings)
    at = sheet_choice.likeliest(sheets, settings.default_country)
    changes = _guesses(settings, sheets[at].rows, phone)
    read = {"encoding": sheets[at].encoding, "encoding_sure": sheets[at].encoding_sure}
    changes["source"] = source.model_copy(update={"sheets": sizes, "sheet": at, **read})
    name = draft.name or source.name.rpartition(".")[0] or source.name
    return save(draft.id, draft.version, changes, now, name, sheets, original)


def choose_sheet(settings: Settings, draft: Draft, sheet: int, now: int) -> Draft:
    """Use another sheet of the workbook. Raises InvalidInput, EditConflict."""
    source = draft.data.source
    if source is None or not 0 <= sheet < len(source.sheets):
        raise errors.InvalidInput(Why.SHEET_NOT_CHOSEN)
    if sheet == source.sheet:
        return draft
    changed = _guesses(settings, _sheet(draft.id, draft.data.stamp, sheet))
    changed["source"] = source.model_copy(update={"sheet": sheet})
    return save(draft.id, draft.version, changed, now)


def choose_phone_column(settings: Settings, draft: Draft, column: int, now: int) -> Draft:
    """Take this column of those that may have the numbers. Raises InvalidInput, DraftChanged."""
    before = draft.data.columns
    if before is None or column not in before.doubt:
        raise errors.InvalidInput(Why.COLUMN_NOT_CHOSEN)
    return save(draft.id, draft.version, _guesses(settings, rows(draft), column), now)


def _guesses(settings: Settings, sheet: Sequence[Row], phone: int | None = None) -> Changes:
    """The most likely columns and country."""
    width = max(len(row.cells) for row in sheet)
    country = directory.country(settings)
    found = importer.layout(sheet, country)
    if phone is not None:
        found = replace(found, phone=phone)
    empty = column_mapping.empty_columns(sheet, found.header, width)
    files = column_mapping.files_column(sheet, found.header, width, found.phone)
    titles = sheet[found.header].cells if found.header is not None else []
    ignored = empty | {at for at, title in enumerate(titles) if title == column_mapping.REASON}
    names = ["" if at in ignored or at in (found.phone, files) else name for at, name in enumerate(found.names)]
    columns = ChosenColumns(
        phone=found.phone,
        header=found.header,
        names=tuple(names),
        files=files,
        doubt=found.doubt,
        proposed=opt_out_columns.proposed(sheet, found.header, width, found.phone),
        shape=known_columns.shape(titles),
    )
    at = found.phone
    cells = [] if at is None else list(islice((row.cells[at] for row in sheet if at < len(row.cells)), SAMPLED))
    likely = phone_repair.guess_country(cells, country) or country
    if found.phone is not None:
        columns = columns.model_copy(update=_second(sheet, found, columns, likely))
    return {"columns": columns, "numbers": ChosenNumbers(country=likely)}


def _second(sheet: Sequence[Row], found: importer.Layout, columns: ChosenColumns, country: str) -> dict[str, Any]:
    """The column whose number is taken where there is none, if there is one of people's own that fills such gaps."""
    at = None if found.header is None else phone_column.filling(sheet, found.header, found.phone or 0, country)
    if at is None or columns.files == at:
        return {}
    return {"second": at, "names": tuple("" if place == at else name for place, name in enumerate(columns.names))}


def rows(draft: Draft) -> Rows[Row]:
    """The rows of the chosen sheet, read when they are looked at. Raises EditConflict when they were changed since."""
    return _sheet(draft.id, draft.data.stamp, draft.data.source.sheet if draft.data.source else 0)


def _sheet(draft_id: str, stamp: str, sheet: int) -> Rows[Row]:
    kept = DraftRow.select(DraftRow.sheets, DraftRow.data).where(DraftRow.id == draft_id).first()
    if kept is None or kept.data.get("stamp") != stamp or kept.sheets is None:
        raise errors.EditConflict(Why.DRAFT_CHANGED)
    return draft_rows.sheet(kept.sheets, sheet)


def people(draft: Draft) -> list[Candidate]:
    """Every row of the sheet and what it becomes; [] until the columns are known."""
    return _people(draft.id, draft.data.stamp) if ready(draft, "columns") else []


@lru_cache(4)
def _people(draft_id: str, stamp: str) -> list[Candidate]:
    draft = find(draft_id)
    if draft.data.stamp != stamp:
        raise errors.EditConflict(Why.DRAFT_CHANGED)
    return column_mapping.candidates(rows(draft), columns(draft), decisions(draft))


def columns(draft: Draft) -> Columns:
    """The chosen columns."""
    chosen = draft.data.columns
    if chosen is None or chosen.phone is None:
        raise errors.InvalidInput(Why.COLUMN_NOT_SAID)
    return Columns(chosen.phone, list(chosen.names), chosen.header, chosen.files, chosen.second, chosen.rules)


def decisions(draft: Draft) -> Decisions:
    """What was decided about the numbers."""
    chosen = draft.data.numbers
    return Decisions(chosen.country, chosen.fixes, frozenset(chosen.accepted), frozenset(chosen.left))


def fields(draft: Draft) -> list[str]:
    """Names that the message may use, without the number, in the order of the sheet."""
    chosen = draft.data.columns or ChosenColumns()
    return [name for at, name in enumerate(chosen.names) if name and at != chosen.phone]


# Steps


def ready(draft: Draft, step: str) -> bool:
    """Whether everything that the step needs is there."""
    data = draft.data
    if step == "people":
        return data.source is not None
    if step == "columns":
        return (
            data.source is not None
            and data.columns is not None
            and data.columns.sure
            and data.columns.phone is not None
        )
    if step == "message":
        return data.written or (data.text is not None and own_files(draft))
    if step == "when":
        return data.when is not None
    if step == "check":
        return bool(audience_frozen(draft))
    return data.numbers.seen if step == "numbers" else False


def reached(draft: Draft) -> str:
    """The first step that is not done yet."""
    return next((step for step in STEPS if not ready(draft, step)), STEPS[-1])


def own_files(draft: Draft) -> bool:
    """Whether each person gets a personal attachment."""
    return draft.data.columns is not None and draft.data.columns.files is not None


def report(draft: Draft) -> Report | None:
    """The result of the latest dry run, whether it still holds or not."""
    row = DraftRow.select(DraftRow.report).where(DraftRow.id == draft.id).first()
    return Report.model_validate(row.report) if row and row.report else None


def audience_frozen(draft: Draft) -> Sequence[Contact] | None:
    """Who will get it, if nothing was changed after the dry run; read from the database whenever they are gone
    through."""
    columns = (DraftRow.report, DraftRow.audience_set, DraftRow.version)
    row = DraftRow.select(*columns).where(DraftRow.id == draft.id).first()
    if row is None or row.audience_set is None or row.report is None or row.report["version"] != draft.version:
        return None
    return draft_rows.audience(row.audience_set)


def freeze(draft: Draft, audience: Sequence[Contact], found: Report) -> None:
    """Store what the dry run found, if the draft is still the one it looked at. Raises EditConflict."""
    people = draft_rows.keep_audience(audience, draft.data.numbers.per != create.PER_ROW)
    values = {"audience_set": people, "report": found.model_dump(mode="json")}
    with write():
        _refuse_late(_locked(draft.id), draft.version)
        draft_rows.let_go(DraftRow.id == draft.id, sheets=False)
        row_sets.hold(people)
        DraftRow.update(**values).where(DraftRow.id == draft.id).execute()


# Start


def start(settings: Settings, draft_id: str, version: int, who: str, now: int) -> int:
    """Make a job from what the dry run has frozen; asked again, it returns the same job. Returns its id.

    Everything is checked first, and many messages are stored, because that takes a while. Then, in one transaction,
    the draft is locked, checked again and turned into the job. Raises EditConflict when anything was changed after the
    dry run, NotFound when the draft was discarded, IllegalMove when the scheduled job that it replaces has begun.
    """
    draft = find(draft_id)
    if job_id := draft.job_id or _started(draft_id):
        return int(job_id)
    _refuse_late(draft, version)
    checked, found = checked_order(settings, draft, now)
    with create.filled(settings, checked, who, now) as job, write():
        row = _locked(draft_id)
        if row.job_id:  # the button was pressed twice
            return int(row.job_id)
        _refuse_late(row, version)
        if row.data.started or report(row) != found:  # it repeats since, or a new dry run has frozen others
            raise _stale()
        job_id = create.store(settings, checked, who, now, job).job_id
        _end(row, job_id)
        known_columns.remember(row.data.columns, row.data.numbers.country, now)
    return job_id


def begin_series(draft: Draft, version: int, found: Report) -> bool:
    """Start it as something that is no job, as part of the transaction that makes that; whether it was not started
    yet. Raises as `start`."""
    row = _locked(draft.id)
    if row.data.started and not row.job_id:
        return False
    _refuse_late(row, version)
    if report(row) != found:
        raise _stale()
    _end(row, None)
    return True


def _end(row: Draft, job_id: int | None) -> None:
    data = draft_content.dump(row.data.model_copy(update={"started": True}))
    draft_rows.let_go(DraftRow.id == row.id)
    values = {"job": job_id, "sheets": None, "original": None, "audience_set": None, "data": data}
    DraftRow.update(**values).where(DraftRow.id == row.id).execute()


def checked_order(settings: Settings, draft: Draft, now: int) -> tuple[create.Checked, Report]:
    """The order for the people that the dry run has frozen, and its report. Raises EditConflict when there is none
    that still holds."""
    audience, found = audience_frozen(draft), report(draft)
    if not audience or found is None:
        raise _stale()
    order = draft_order.whole(settings, draft, fields(draft), audience, found)
    return create.check(settings, order, now), found


def _started(draft_id: str) -> int | None:
    """The job of a draft that has lost its reference to it."""
    made = Answer.get_or_none(Answer.scope == KeyScope.DRAFT, Answer.key == draft_id)
    return int(made.response["job_id"]) if made else None


def _stale() -> errors.EditConflict:
    return errors.EditConflict(Why.DRY_RUN_OUTDATED)
