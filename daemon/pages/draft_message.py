"""New campaign, message: the text with its fields, a preview for each recipient, shared and personal attachments."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

from aiohttp import web
from aiohttp.web_request import FileField
from markupsafe import Markup

from daemon import errors
from daemon.accounts import limits
from daemon.campaigns import cloud_templates, draft_files, draft_templates, drafts, dry_run, fitting, templates
from daemon.campaigns.draft_content import Changes, ChosenTemplate
from daemon.campaigns.drafts import Draft
from daemon.campaigns.exclusions import Detail, details
from daemon.campaigns.templates import Template
from daemon.config import Settings
from daemon.contacts import importer, uploads
from daemon.contacts.columns import Candidate, name_columns
from daemon.formats import styles, template, values
from daemon.formats.styles import Styles
from daemon.i18n import languages
from daemon.i18n.coded import Coded
from daemon.i18n.languages import N_, gettext
from daemon.pages import forms, script
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import only
from daemon.pages.steps import PATH, StepContent, get_step, load, post_step
from daemon.pages.words import formatted
from daemon.server.visitors import SETTINGS, in_db, require_key
from daemon.states import E164, Kind, Role
from daemon.transports import parts

routes = web.RouteTableDef()
Kinds = Callable[[Candidate | None], list[Kind]]

MOST_LOOKED_AT = 2_000
"""People whose texts are filled in while somebody writes; the dry run looks at all."""
FILES_SHOWN = 20
STAYS = ("remove", "template", "whatsapp", "keep", "attach", "show")  # buttons after which the step is shown again
MOST_EXAMPLES = 12
SEVERAL = N_(
    "Up to %(count)s messages to each person: files that are no album, and text above 1,024 characters, go by "
    "themselves."
)


@routes.get(PATH + "/message")
@only(Role.OPERATOR)
async def look(request: web.Request) -> web.StreamResponse:
    """The text and its attachments; `?person=` is the index (from 0) of the recipient in the preview."""
    return await get_step(request, "message")


@routes.post(PATH + "/message")
async def keep(request: web.Request) -> web.StreamResponse:
    """Save the text; add or remove an attachment; use or save a template."""
    return await post_step(request, "message", forms.Message, _keep)


@dataclass(frozen=True)
class OwnFiles:
    """The files that the rows name. wanted, there: how many are named, and uploaded; missing: names of some that are
    not, more: how many others; nameless: how many rows name none."""

    wanted: int
    there: int
    missing: list[str]
    more: int
    nameless: int


@dataclass(frozen=True)
class LeftOut:
    """A row that cannot get the message, and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Preview:
    """One person's message as WhatsApp shows it, for the page and, as JSON, for our script. index: of the person, of
    total; problems: how many of those looked at cannot get it, first: the first few of these; missed: whether nobody
    was found."""

    html: Markup
    length: int
    limit: int
    error: str
    warning: str
    who: str
    index: int
    total: int
    problems: int
    looked_at: int
    first: list[LeftOut]
    missed: bool = False


@dataclass(frozen=True)
class Example:
    """A placeholder with a filter, and what it writes for the person in the preview."""

    placeholder: str
    shown: str


@dataclass(frozen=True)
class MessageStep(StepContent):
    """locale: of dates and amounts, one of locales; examples: of what can be written with them; fields: that the
    text may use, whatsapp: templates that Meta has approved, or not, free_text: a text reaches only whoever has
    written; samples: what the message will have there for the first person; files: for everybody; own: None where
    the rows name no files; optional: whether somebody without theirs gets the message; template_name: that was entered
    to save the text."""

    template: ClassVar = "draft_message.html"

    text: str
    locale: str
    locales: Sequence[tuple[str, str]]
    examples: Sequence[Example]
    fields: Sequence[str]
    samples: Mapping[str, str]
    files: Sequence[uploads.Attachment]
    own: OwnFiles | None
    optional: bool
    templates: Sequence[Template]
    whatsapp: Sequence[Offered]
    free_text: bool
    template_name: str
    max_mb: int
    max_caption: int
    preview: Preview


@dataclass(frozen=True)
class Offered:
    """A WhatsApp template that can be chosen; unusable: why it cannot be."""

    id: int
    name: str
    language: str
    account: str
    unusable: Coded | None


def content(settings: Settings, draft: Draft, entered: Posted, query: Posted) -> MessageStep:
    """The step with a text; `draft_template` has the one with a WhatsApp template."""
    text = entered.text("text") if entered else draft.data.text or ""
    people = reachable(draft)
    index = (entered or query).index("person")
    names = drafts.fields(draft)
    files = draft_files.attached(draft.data)
    personal = drafts.own_files(draft)
    styles = _styles(settings, draft, entered.text("language"))
    shown = _shown(text, people, index, names, _kinds(draft), styles)
    return MessageStep(
        text=text,
        locale=styles.language,
        locales=_languages(styles.language),
        examples=_examples(people, shown.index, names, styles),
        fields=["number", *names],
        samples=_samples(people[0], names, styles) if people else {},
        files=files,
        own=own(draft, people) if personal else None,
        optional=draft.data.files_optional,
        templates=templates.every(),
        whatsapp=_offered(settings),
        free_text=draft_templates.is_free_text(settings, draft),
        template_name=entered.text("template_name"),
        max_mb=settings.max_upload_mb,
        max_caption=template.MAX_CAPTION,
        preview=shown,
    )


def _offered(settings: Settings) -> list[Offered]:
    """Of all accounts that can send one."""
    rows = cloud_templates.every()
    usual = {row.account: limits.settings_of(settings, row.account).transport for row in rows}
    able = [row for row in rows if usual[row.account] in cloud_templates.TRANSPORTS]
    return [Offered(row.id, row.name, row.language, row.account, row.unusable) for row in able]


def _styles(settings: Settings, draft: Draft, language: str) -> Styles:
    """How the message writes dates and amounts. language: what was chosen just now, "" for nothing."""
    chosen = dry_run.styles(settings, draft)
    return replace(chosen, language=language) if language and styles.known(language) else chosen


def _languages(chosen: str) -> list[tuple[str, str]]:
    """The languages of dates and amounts: (locale, what it is called in itself)."""
    return [(each, styles.called(each)) for each in dict.fromkeys((chosen, *styles.OFFERED))]


def _examples(people: Sequence[Candidate], index: int, names: Sequence[str], chosen: Styles) -> list[Example]:
    """What can be written for the fields that hold a date, a time, a number or an amount."""
    found = []
    for name in names:
        cells = [each.fields.get(name, "") for each in people[: values.SAMPLED]]
        kind, unclear = values.kind(cells, chosen.language)
        for form in styles.FORMS.get(kind, ()) if kind and not (unclear and not chosen.of(name).order) else ():
            text = f"{{{{ {name} | {form} }}}}"
            given = next((cell for cell in [*cells[index : index + 1], *cells] if cell.strip()), "")
            with contextlib.suppress(errors.TemplateError):
                shown = template.render(template.compile(text, chosen), {name: given}, "")
                found.append(Example(text, shown))
    return found[:MOST_EXAMPLES]


def _samples(person: Candidate, names: Sequence[str], styles: Styles) -> dict[str, str]:
    """What the message will have for each field of this person: as in the file where it cannot be written as chosen."""
    found = {"number": str(person.number)} | {name: person.fields.get(name, "") for name in names}
    for name in names:
        with contextlib.suppress(errors.TemplateError):
            found[name] = template.render(template.compile(f"{{{{ {name} }}}}", styles), person.fields, "")
    return found


def reachable(draft: Draft) -> list[Candidate]:
    """The people with a number, for whom a message can be previewed."""
    return [each for each in drafts.people(draft) if each.number]


def own(draft: Draft, people: Sequence[Candidate]) -> OwnFiles:
    """The files named in the rows: how many are uploaded, which are missing, and how many rows name none."""
    have = draft.data.files
    wanted = dict.fromkeys(each.file for each in people if each.file)
    missing = [name for name in wanted if name.casefold() not in have]
    return OwnFiles(
        wanted=len(wanted),
        there=len(wanted) - len(missing),
        missing=missing[:FILES_SHOWN],
        more=max(0, len(missing) - FILES_SHOWN),
        nameless=sum(not each.file for each in people),
    )


def _shown(
    text: str, people: Sequence[Candidate], index: int, names: Sequence[str], kinds: Kinds, styles: Styles
) -> Preview:
    """One person's message as WhatsApp shows it, and who cannot get it."""
    index = min(index, max(0, len(people) - 1))
    who = people[index] if people else None
    person = importer.Contact(who.position, who.number or E164(""), who.fields) if who else None
    found = dry_run.preview(text, person, names, styles)
    messages = parts.count(found.text, kinds(who))
    looked_at = people[:MOST_LOOKED_AT]
    wrong = [] if found.error and not who else _problems(text, looked_at, styles)
    return Preview(
        html=formatted(found.text),
        length=len(found.text.encode("utf-16-le", "surrogatepass")) // 2,
        limit=template.MAX_TEXT,
        error=languages.say(found.error) if found.error else "",
        warning=" ".join([*(languages.say(each.told) for each in found.foreign), *_several(messages)]),
        who=called(who, names) if who else "",
        index=index,
        total=len(people),
        problems=len(wrong),
        looked_at=len(looked_at),
        first=[LeftOut(each.position, languages.say(each.reason)) for each in wrong[:5]],
    )


def _several(messages: int) -> list[str]:
    """How many messages it is, where it is more than one."""
    return [gettext(SEVERAL) % {"count": messages}] if messages > 1 else []


def _kinds(draft: Draft) -> Kinds:
    """Tells what files somebody gets; those that are missing are no part of a preview."""
    files = {file.id: file.kind for file in uploads.those([*draft.data.attachments, *draft.data.files.values()])}

    def kinds(who: Candidate | None) -> list[Kind]:
        mine = draft.data.files.get(who.file.casefold()) if who and who.file else None
        return [files[each] for each in [*draft.data.attachments, *([mine] if mine else [])] if each in files]

    return kinds


def _problems(text: str, people: Sequence[Candidate], styles: Styles) -> list[template.Problem]:
    if not text.strip():
        return []
    try:
        persons = [importer.Contact(each.position, each.number or E164(""), each.fields) for each in people]
        return template.problems(template.compile(text, styles), persons, first=MOST_LOOKED_AT).first
    except errors.TemplateError:
        return []


def called(who: Candidate, names: Sequence[str]) -> str:
    """The person in words: their name and number."""
    words = " ".join(filter(None, (who.fields.get(name, "") for name in name_columns(list(names)))))
    return f"{words}, {who.number}" if words else str(who.number)


@routes.post(PATH + "/preview")
async def preview(request: web.Request) -> web.StreamResponse:
    """The message as one recipient would get it, while it is being written; nothing is saved."""
    require_key(request)
    asked = await forms.body(request, script.AskedMessage)
    draft = await load(request)
    return web.json_response(asdict(await in_db(request, _preview, request.app[SETTINGS], draft, asked)))


def _preview(settings: Settings, draft: Draft, asked: script.AskedMessage) -> Preview:
    people = reachable(draft)
    index, missed = asked.index, False
    if asked.find.strip():
        found = _find(people, asked.find.strip().casefold(), index)
        index, missed = (index, True) if found is None else (found, False)
    styles = _styles(settings, draft, asked.language)
    return replace(_shown(asked.text, people, index, drafts.fields(draft), _kinds(draft), styles), missed=missed)


def _find(people: Sequence[Candidate], wanted: str, after: int) -> int | None:
    """Index of the next person after `after` whose number or fields contain the text; the search wraps around."""
    digits = "".join(filter(str.isdigit, wanted))
    for step in range(1, len(people) + 1):
        each = people[(after + step) % len(people)]
        number = len(digits) > 2 and digits in (each.number or "")
        if number or any(wanted in value.casefold() for value in each.fields.values()):
            return (after + step) % len(people)
    return None


def _keep(settings: Settings, draft: Draft, form: forms.Message, now: int) -> str | None:
    button, which = form.go.what, form.go.which
    here = f"/app/drafts/{draft.id}/message"
    changes: Changes = {"text": form.text, "template": None}
    if button == "whatsapp" and form.whatsapp:
        row = cloud_templates.by_id(form.whatsapp)
        changes["template"] = ChosenTemplate(name=row.name, language=row.language, account=row.account)
        if draft.data.when is not None:
            changes["when"] = draft.data.when.model_copy(update={"account": row.account})
    if styles.known(form.language):
        changes["language"] = form.language
    if drafts.own_files(draft):
        changes["files_optional"] = form.optional
    files, own = form.file, form.own
    if len(files) > fitting.MAX_ATTACHMENTS:
        raise errors.InvalidInput(details(Detail.TOO_MANY_FILES, most=str(fitting.MAX_ATTACHMENTS)))
    if files:
        changes |= draft_files.attach(draft.data, [store(settings, each, now) for each in files], own=False)
    if own:
        changes |= draft_files.attach(draft.data, [store(settings, each, now) for each in own], own=True)
    if button == "remove":
        changes["attachments"] = tuple(each for each in draft.data.attachments if each != which)
    if button == "template" and form.template:
        kept = templates.find(form.template)
        changes["text"], changes["attachments"] = kept.text, tuple(kept.attachments) or draft.data.attachments
    if button in ("keep", "next"):
        _see_to_files(settings, draft, changes)
    if button == "keep":
        templates.keep(form.template_name, changes["text"], now, draft.data.attachments)
    if button == "next" and not files and not own:
        _check(draft, changes["text"])
    drafts.save(draft.id, draft.version, changes, now)
    stays = button in STAYS or (button == "next" and (files or own))
    if not stays:
        return None
    return here if form.person is None else f"{here}?person={form.person}"


def _see_to_files(settings: Settings, draft: Draft, changes: Changes) -> None:
    """Report a damaged file now, while it can be uploaded again. Raises AttachmentLost."""
    kept = draft.data.model_copy(update=dict(changes))
    own = kept.files.values() if drafts.own_files(draft) else ()
    uploads.intact(settings, list(dict.fromkeys([*kept.attachments, *own])))


def _check(draft: Draft, text: str) -> None:
    """Report mistakes in the text itself; the dry run reports who cannot get it."""
    if not text.strip():
        if not draft.data.attachments and not drafts.own_files(draft):
            raise errors.InvalidInput(Why.NOTHING_WRITTEN)
        return
    refuse_unknown(draft, template.compile(text).fields)


def refuse_unknown(draft: Draft, fields: Collection[str]) -> None:
    """Raises TemplateError for a field that the people do not have."""
    unknown = sorted(set(fields) - {*drafts.fields(draft), template.NUMBER})
    if unknown:
        raise errors.TemplateError(Why.FIELD_NOT_LISTED, names=", ".join(unknown))


def store(settings: Settings, upload: FileField, now: int) -> str:
    """Store an uploaded file; returns its id. Raises UnreadableFile, TooLarge."""
    place = uploads.new_part(settings)
    try:
        with place.open("wb") as file:
            shutil.copyfileobj(upload.file, file)
        if place.stat().st_size > settings.max_upload_mb * 1024 * 1024:
            raise errors.TooLarge(Why.FILE_ABOVE_LIMIT, file=upload.filename, limit=settings.max_upload_mb)
        return uploads.add_attachment(settings, place, upload.filename, now).id
    finally:
        place.unlink(missing_ok=True)
