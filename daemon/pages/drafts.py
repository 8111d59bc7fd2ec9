"""New campaign: the list of drafts, and the first steps of one: its people and its columns."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.accounts import directory
from daemon.campaigns import draft_columns, draft_files, draft_styles, drafts, templates
from daemon.campaigns.draft_columns import Offer
from daemon.campaigns.draft_content import Changes, ChosenColumns, ChosenNumbers, Content, Source
from daemon.campaigns.drafts import Draft, Sheets
from daemon.campaigns.refusals import Why as OfCampaigns
from daemon.campaigns.templates import Template
from daemon.config import Settings
from daemon.contacts import columns as column_mapping
from daemon.contacts import file_reading, importer, lists, phone_column, uploads
from daemon.contacts.lists import Listed
from daemon.formats import encodings, styles, values
from daemon.formats.styles import Column, Styles
from daemon.formats.tabular import Row
from daemon.pages import draft_rules, forms
from daemon.pages.content import PageContent
from daemon.pages.draft_rules import RulesView
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import only, show
from daemon.pages.steps import AS_TYPED, CONTENTS, PATH, TITLES, StepContent, get_step, load, post_step
from daemon.server.visitors import SETTINGS, caller, in_db, require_key, timed
from daemon.states import Role

routes = web.RouteTableDef()

SAMPLES = 3
SAMPLE_ROWS = 50
KIND_ROWS = 2_000  # that say what a column holds
SAMPLE_LENGTH = 40
PASTED = "What you pasted"  # in sentences, in place of a file's name
ROLES = ("field", "number", "second", "file", "ignore")


@dataclass(frozen=True)
class DraftView:
    """A draft that can be continued. title: of the step that comes next; rows: of its sheet."""

    draft: Draft
    title: str
    rows: int
    source: Source | None


@dataclass(frozen=True)
class New(PageContent):
    """starts_with, list: the template and the list that were chosen; fresh_id: of the draft that would be made."""

    template: ClassVar = "new.html"
    here: ClassVar = "new"

    drafts: Sequence[DraftView]
    starts_with: Template | None
    list: Listed | None
    fresh_id: str


@dataclass(frozen=True)
class Discard(PageContent):
    """The question before a draft is deleted."""

    template: ClassVar = "draft_discard.html"
    here: ClassVar = "new"

    draft: Draft


@routes.get("/app/new")
@only(Role.OPERATOR)
async def new(request: web.Request) -> web.StreamResponse:
    """The drafts that can be continued, and the button for a new one (from `?template=` or `?list=`)."""
    return show(request, await in_db(request, _new, forms.asked(request)))


def _new(query: Posted) -> New:
    template, kept = query.index("template"), query.index("list")
    return New(
        drafts=[_view(each) for each in drafts.listed()],
        starts_with=templates.find(template) if template else None,
        list=lists.listed(kept) if kept else None,
        fresh_id=secrets.token_hex(16),
    )


def _view(draft: Draft) -> DraftView:
    source = draft.data.source
    return DraftView(draft, TITLES[drafts.reached(draft)], source.sheets[source.sheet].rows if source else 0, source)


@routes.post("/app/drafts")
async def begin(request: web.Request) -> web.StreamResponse:
    """Create a draft. Its id comes from the page, so that a double click creates only one."""
    require_key(request)
    form = (await forms.read(request)).parsed(forms.NewDraft)
    draft = await timed(request, _begin, request.app[SETTINGS], caller(request), form)
    raise web.HTTPSeeOther(f"/app/drafts/{draft.id}")


def _begin(settings: Settings, who: str, form: forms.NewDraft, now: int) -> Draft:
    template, kept = form.template, form.list
    found = templates.find(template) if template else None
    data = Content(text=found.text, attachments=tuple(found.attachments)) if found else None
    origin = f"template {template} list {kept}" if template or kept else ""
    draft = drafts.begin(form.id, who, now, data=data, origin=origin)
    if kept and not drafts.ready(draft, "people"):
        return drafts.take_list(settings, draft, kept, now)
    return draft


@routes.get(PATH)
@only(Role.OPERATOR)
async def resume(request: web.Request) -> web.StreamResponse:
    """Go to the first step that is not done."""
    draft = await load(request)
    raise web.HTTPSeeOther(f"/app/drafts/{draft.id}/{await in_db(request, drafts.reached, draft)}")


@routes.post(PATH + "/discard")
async def discard(request: web.Request) -> web.StreamResponse:
    """Delete a draft; its button asks first."""
    require_key(request)
    await in_db(request, drafts.discard, request.match_info["id"], caller(request))
    raise web.HTTPSeeOther("/app/new")


@routes.get(PATH + "/discard")
@only(Role.OPERATOR)
async def ask_discard(request: web.Request) -> web.StreamResponse:
    """Ask before a draft is deleted."""
    draft = await load(request)
    return show(request, Discard(draft))


# People


@routes.get(PATH + "/people")
@only(Role.OPERATOR)
async def people(request: web.Request) -> web.StreamResponse:
    """Where the people come from."""
    return await get_step(request, "people")


@routes.post(PATH + "/people")
async def take_people(request: web.Request) -> web.StreamResponse:
    """Use a file, a pasted text, a list, or another sheet of the workbook; without any of these the people stay."""
    return await post_step(request, "people", forms.People, _take_people, _read_people)


@dataclass(frozen=True)
class PeopleStep(StepContent):
    """pasted, chosen_list: what was entered; doubtful: columns that may have the numbers, as of
    draft_columns.doubtful_columns; words: that show whether the encoding is right, where it is a guess."""

    template: ClassVar = "draft_people.html"

    source: Source | None
    lists: Sequence[Listed]
    pasted: str
    chosen_list: str
    max_rows: int
    doubtful: Sequence[tuple[int, str, Sequence[str]]]
    encodings: Sequence[str]
    words: Sequence[str]


def _people(settings: Settings, draft: Draft, entered: Posted, query: Posted) -> PeopleStep:
    source = draft.data.source
    return PeopleStep(
        source=source,
        lists=lists.lists(),
        pasted=entered.text("pasted"),
        chosen_list=(entered or query).text("list"),
        max_rows=drafts.MAX_ROWS,
        doubtful=draft_columns.doubtful_columns(draft),
        encodings=encodings.CHOICES,
        words=[] if source is None or source.encoding_sure else draft_columns.encoded_words(draft),
    )


async def _read_people(request: web.Request, form: forms.People) -> Sheets:
    """The sheets of the file, or of the draft's own in another encoding, or of the pasted text; none for a list."""
    if form.file is not None:
        given = file_reading.File(uploads.safe_name(form.file.filename), form.file.file)
    elif form.pasted.strip():
        given = file_reading.File(PASTED, form.pasted.encode("utf-8", "ignore"))
    elif form.encoding and form.list is None:
        kept = await in_db(request, draft_files.original, request.match_info["id"])
        if kept is None:
            raise errors.InvalidInput(Why.ENCODING_WITHOUT_FILE)
        given = file_reading.File(*kept)
    else:
        return []
    country = await in_db(request, directory.country, request.app[SETTINGS])
    encoding = form.encoding or None
    return await file_reading.sheets(given, country, drafts.MAX_ROWS, encoding)


def _take_people(settings: Settings, draft: Draft, form: forms.People, sheets: Sheets, now: int) -> str | None:
    button, base = form.go.what, f"/app/drafts/{draft.id}"
    if button == AS_TYPED and draft.data.source and not form.fresh and (form.pasted.strip() or form.list is not None):
        raise errors.InvalidInput(Why.PEOPLE_STAY)  # somebody's file is not lost by a slip of the hand
    if sheets and (form.file is not None or not form.pasted.strip()):
        taken = drafts.take_sheets(settings, draft, sheets, now, *_file(draft, form))
        stays = _asks(taken) or (taken.data.source is not None and _tells(taken.data.source))
        return f"{base}/people" if stays and button != "leave" else None
    taken = draft
    if form.pasted.strip():
        taken = drafts.take_sheets(settings, draft, sheets, now)
    elif form.list is not None:
        taken = drafts.take_list(settings, draft, form.list, now)
    elif form.sheet is not None and draft.data.source is not None and form.sheet != draft.data.source.sheet:
        taken = drafts.choose_sheet(settings, draft, form.sheet, now)
    elif form.phone_column is not None:
        taken = drafts.choose_phone_column(settings, draft, form.phone_column, now)
    elif not drafts.ready(draft, "people") and button != "leave":
        raise errors.InvalidInput(Why.NO_PEOPLE_GIVEN)
    elif _asks(draft) and button != "leave":
        raise errors.InvalidInput(OfCampaigns.COLUMN_NOT_CHOSEN)
    return f"{base}/people" if _asks(taken) and button != "leave" else None


def _file(draft: Draft, form: forms.People) -> tuple[str, bytes]:
    """The name and the bytes of the file that was given, or of the one that the draft has."""
    if form.file is None:
        return draft_files.original(draft.id) or ("", b"")
    form.file.file.seek(0)
    return form.file.filename, form.file.file.read(draft_files.MAX_ORIGINAL + 1)


def _tells(source: Source) -> bool:
    """Whether there is something to see or to choose about how the file was read."""
    sheet = source.sheets[source.sheet]
    return len(source.sheets) > 1 or not source.encoding_sure or bool(sheet.hidden_rows or sheet.hidden_columns)


def _asks(draft: Draft) -> bool:
    """Whether a person has to say which column has the numbers."""
    return draft.data.columns is not None and draft.data.columns.phone is None and bool(draft.data.columns.doubt)


# Columns


@routes.get(PATH + "/columns")
@only(Role.OPERATOR)
async def columns(request: web.Request) -> web.StreamResponse:
    """What each column of the sheet is."""
    return await get_step(request, "columns")


@routes.post(PATH + "/columns")
async def map_columns(request: web.Request) -> web.StreamResponse:
    """Save what each column is."""
    return await post_step(request, "columns", draft_rules.Columns, _map_columns)


@dataclass(frozen=True)
class ColumnView:
    """A column of the sheet. at: its index; samples: some of its cells; role: one of ROLES; name: in the message.

    style: how it is written there, styles: the choices, with what one of its cells becomes; order: of its days and
    months, unclear: whether that has to be said."""

    at: int
    title: str
    samples: list[str]
    role: str
    name: str
    style: str
    styles: list[tuple[str, str]]
    order: str
    unclear: bool


@dataclass(frozen=True)
class Head:
    """A row that may have the titles. at: its index; position: in the file; text: how it begins."""

    at: int
    position: int
    text: str


@dataclass(frozen=True)
class ColumnsStep(StepContent):
    """header: index of the row of titles, None for none; rows: how many rows of people there are; offer: what was
    chosen before for such a file."""

    template: ClassVar = "draft_columns.html"

    columns: list[ColumnView]
    heads: list[Head]
    header: int | None
    rows: int
    rules: RulesView
    offer: Offer | None


def _columns(settings: Settings, draft: Draft, entered: Posted, query: Posted) -> ColumnsStep:
    rows, chosen = drafts.rows(draft), draft.data.columns or ChosenColumns()
    width = len(chosen.names)
    header = chosen.header
    body = draft_columns.below(rows, chosen)
    names = importer.field_names(rows[header].cells if header is not None else [], width)
    found = []
    language = draft_styles.language(settings, draft.data)
    for at in range(width):
        cells = [cell for row in body[:SAMPLE_ROWS] if (cell := _cell(row, at))]
        style, order = chosen.styles.get(at, ("", ""))
        order = entered.text(f"order-{at}") if entered else order
        looked_at = body[:KIND_ROWS] if at != chosen.phone else []
        kind, unclear = values.kind([_cell(row, at) for row in looked_at], language)
        found.append(
            ColumnView(
                at=at,
                title=_cell(rows[header], at) if header is not None else "",
                samples=[cell[:SAMPLE_LENGTH] for cell in dict.fromkeys(cells)][:SAMPLES],
                role=_role(entered.text(f"role-{at}")) or _role_of(chosen, at),
                name=entered.text(f"name-{at}") if entered else chosen.names[at] or names[at],
                style=entered.text(f"style-{at}") if entered else style,
                styles=_choices(kind, cells, Styles(language), order),
                order=order,
                unclear=unclear,
            )
        )
    first = enumerate(rows[: draft_columns.HEADERS])
    heads = [Head(at, row.position, " · ".join(filter(None, row.cells))[:60]) for at, row in first]
    titles = rows[header].cells if header is not None else []
    called = [title or str(at + 1) for at, title in enumerate(phone_column.labels(titles, width))]
    rules = draft_rules.entered(entered.parsed(draft_rules.Columns), width) if entered else chosen.rules
    offer = draft_columns.offer(draft, rows)
    return ColumnsStep(found, heads, header, len(body), draft_rules.view(rules, chosen, body, called), offer)


def _choices(kind: values.Kind | None, cells: list[str], language: Styles, order: str) -> list[tuple[str, str]]:
    """How the column can be written, each with one of its cells so written; none where it holds no such values."""
    found = []
    for style in styles.CHOICES[kind] if kind else ():
        for cell in cells:
            try:
                found.append((style, styles.shown(cell, language, Column(style, order or values.Order.DAY))))
                break
            except values.Unreadable:
                continue
    return found


def _chosen_style(form: draft_rules.Columns, at: int) -> tuple[str, str]:
    style, order = form.style.get(str(at), ""), form.order.get(str(at), "")
    known = {each for choices in styles.CHOICES.values() for each in choices}
    return style if style in known else "", order if order in styles.ORDERS else ""


def _role(role: str) -> str:
    return role if role in ROLES else ""


def _role_of(chosen: ChosenColumns, at: int) -> str:
    roles = {chosen.second: "second", chosen.files: "file", chosen.phone: "number"}
    return roles.get(at) or ("field" if chosen.names[at] else "ignore")


def _cell(row: Row, at: int) -> str:
    return row.cells[at] if at < len(row.cells) else ""


def _map_columns(settings: Settings, draft: Draft, form: draft_rules.Columns, now: int) -> str | None:
    rows, before, button = drafts.rows(draft), draft.data.columns or ChosenColumns(), form.go.what
    here = f"/app/drafts/{draft.id}/columns"
    if button == "known":
        draft_columns.take_over(draft, now)
        return here
    changed = _entered(form, before, rows)
    if button == "header":
        names = importer.field_names(
            rows[changed.header].cells if changed.header is not None else [], len(before.names)
        )
        kept = tuple(new if old else "" for old, new in zip(before.names, names, strict=True))
        changed = draft_columns.with_header(rows, changed, changed.header, kept)
    elif button in draft_rules.BUTTONS:
        changed = draft_rules.pressed(form, changed)
    elif button == AS_TYPED:
        _check_columns(form, changed)
        whole = not changed.proposed and all(rule.finished for rule in changed.rules)
        changed = changed.model_copy(update={"sure": before.sure and whole})
    elif button != "leave" or changed.phone is not None:
        _check_columns(form, changed)
        if button != "leave":
            draft_rules.check(changed, draft_columns.below(rows, changed))
        changed = changed.model_copy(update={"sure": not changed.proposed, "doubt": ()})
    changes: Changes = {"columns": changed}
    if (changed.phone, changed.header, changed.second) != (before.phone, before.header, before.second):
        changes["numbers"] = ChosenNumbers(country=draft.data.numbers.country)  # earlier decisions: about other cells
    drafts.save(draft.id, draft.version, changes, now)
    if button == "header":
        return here
    return f"{here}#rules" if button in draft_rules.BUTTONS else None


def _entered(form: draft_rules.Columns, before: ChosenColumns, rows: Sequence[Row]) -> ChosenColumns:
    """What was entered so far, complete or not."""
    width = len(before.names)
    header = form.header if form.header is not None and form.header < min(len(rows), draft_columns.HEADERS) else None
    titles = rows[header].cells if header is not None else []
    roles = [_role(form.role.get(str(at), "")) or _role_of(before, at) for at in range(width)]
    given = [form.name.get(str(at), "").strip() for at in range(width)]
    named = zip(roles, given, importer.field_names(list(titles), width), strict=True)
    phone = _only(roles, "number")
    written = {at: _chosen_style(form, at) for at, role in enumerate(roles) if role == "field"}
    return before.model_copy(
        update={
            "phone": phone,
            "second": _only(roles, "second"),
            "files": _only(roles, "file"),
            "header": header,
            "names": tuple(name or usual if role == "field" else "" for role, name, usual in named),
            "styles": {at: style for at, style in written.items() if any(style)},
            "sure": False,
            "rules": draft_rules.entered(form, width),
            "proposed": tuple(each for each in before.proposed if each.column != phone),
        }
    )


def _only(roles: Sequence[str], role: str) -> int | None:
    """The one column with that role; None where there is none, or more."""
    return roles.index(role) if roles.count(role) == 1 else None


def _check_columns(form: draft_rules.Columns, changed: ChosenColumns) -> None:
    """Raises InvalidInput."""
    roles = list(form.role.values())
    if changed.phone is None:
        raise errors.InvalidInput(Why.PHONE_COLUMN_NOT_ONE)
    if roles.count("second") > 1:
        raise errors.InvalidInput(Why.SECOND_COLUMN_NOT_ONE)
    if roles.count("file") > 1:
        raise errors.InvalidInput(Why.ATTACHMENT_COLUMN_NOT_ONE)
    for at, role in form.role.items():
        if role == "field" and not form.name.get(at, "").strip():
            raise errors.InvalidInput(Why.COLUMN_WITHOUT_NAME, column=int(at) + 1)
    column_mapping.column_names(list(changed.names), [changed.phone])


CONTENTS["people"] = _people
CONTENTS["columns"] = _columns
