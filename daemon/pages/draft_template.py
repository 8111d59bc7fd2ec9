"""New campaign, message: a WhatsApp template in place of a text, and what each person gets in its places."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web
from markupsafe import Markup

from daemon import errors
from daemon.campaigns import cloud_templates, draft_files, draft_order, draft_templates, drafts, dry_run, fitting
from daemon.campaigns.cloud_templates import CloudTemplate
from daemon.campaigns.draft_content import Changes, ChosenTemplate
from daemon.campaigns.drafts import Draft
from daemon.config import Settings
from daemon.contacts import importer, uploads
from daemon.contacts.columns import Candidate
from daemon.formats import cloud_template, template
from daemon.formats.cloud_template import HEADER, LOCATED, Shape
from daemon.i18n import languages
from daemon.i18n.coded import Coded
from daemon.i18n.languages import N_
from daemon.pages import draft_message, forms
from daemon.pages.draft_message import LeftOut, OwnFiles
from daemon.pages.forms import Posted
from daemon.pages.steps import CONTENTS, PATH, StepContent, post_step
from daemon.pages.words import formatted
from daemon.states import E164

routes = web.RouteTableDef()

LOCATION_WORDS = dict(
    zip(LOCATED, (N_("latitude"), N_("longitude"), N_("name of the place"), N_("address of the place")), strict=True)
)
_OF_FIELD = re.compile(r'\{\{ (\w+)(?: or ("(?:[^"\\]|\\.)*"))? \}\}')


class TemplateForm(forms.Step):
    """What is filled in, by the name of the place: a field, or else a text, and what is taken where a field is empty.
    file: for the header, own: of single people; person: whose message was shown."""

    field: forms.Rows
    value: forms.Rows
    empty: forms.Rows
    file: forms.Files
    own: forms.Files
    person: forms.Perhaps


@dataclass(frozen=True)
class Place:
    """A value of the template. key: what it is called; written: as it stands in the template; kind: header, body or
    button; field, text, empty: of the form."""

    key: str
    written: str
    kind: str
    field: str
    text: str
    empty: str


@dataclass(frozen=True)
class Bubble:
    """The message as WhatsApp shows it to one person. media: what its header shows, "" for none, file: what that is
    called. who, index, total: the person; error: why they cannot get it; problems: how many of those looked at cannot,
    first: the first few of them."""

    header: Markup
    media: str
    file: str
    body: Markup
    footer: str
    buttons: Sequence[str]
    who: str
    index: int
    total: int
    error: str
    problems: int
    looked_at: int
    first: Sequence[LeftOut]


@dataclass(frozen=True)
class TemplateStep(StepContent):
    """chosen: the template; known: as Meta last told of it, None where it is no longer there; unusable: why nothing is
    sent with it, "" where it can be; status: in our words; fields: what a place may be filled with; own: where
    people have files of their own for the header; file: the one for everybody."""

    template: ClassVar = "draft_template.html"

    chosen: ChosenTemplate
    known: CloudTemplate | None
    unusable: Coded | None
    status: str
    media: str
    places: Sequence[Place]
    fields: Sequence[str]
    own: OwnFiles | None
    file: uploads.Attachment | None
    max_mb: int
    preview: Bubble | None


@routes.post(PATH + "/template")
async def keep(request: web.Request) -> web.StreamResponse:
    """Save what is filled in; add or remove the header's file; go back to a text."""
    return await post_step(request, "message", TemplateForm, _keep)


def _keep(settings: Settings, draft: Draft, form: TemplateForm, now: int) -> str | None:
    here, button = f"/app/drafts/{draft.id}/message", form.go.what
    chosen = draft.data.template
    if chosen is None:
        return here
    if button == "text":
        drafts.save(draft.id, draft.version, {"template": None, "text": draft.data.text or ""}, now)
        return here
    values = {name: _value(form, name) for name in {**form.value, **form.field}}
    known = _known(settings, draft)
    if known is not None and known.shape.media:
        values.pop(HEADER, None)
        kept = chosen.values.get(HEADER, "")
        if form.file:
            kept = draft_message.store(settings, form.file[0], now)
            if wrong := fitting.unfit_header(known.shape.media, uploads.attachments([kept])):
                raise errors.InvalidInput(wrong).at("file")
        if kept and button != "remove":
            values[HEADER] = kept
    changes: Changes = {"template": chosen.model_copy(update={"values": values})}
    if form.own:
        changes |= draft_files.attach(
            draft.data, [draft_message.store(settings, each, now) for each in form.own], own=True
        )
    saved = drafts.save(draft.id, draft.version, changes, now)
    if button == "next" and not form.file:
        choice = draft_templates.chosen(settings, saved, now)
        if choice is not None:
            fields = template.compile_for(choice.text, dry_run.styles(settings, saved), choice.filled).fields
            draft_message.refuse_unknown(saved, fields)
        return None
    if button in ("leave", "next") and not form.file:
        return None
    return here if form.person is None else f"{here}?person={form.person}"


def _value(form: TemplateForm, name: str) -> str:
    """The text that stands for what was chosen."""
    field, text = form.field.get(name, ""), form.value.get(name, "")
    empty = " ".join(form.empty.get(name, "").split())
    if not field:
        return text.strip()
    return f"{{{{ {field} or {json.dumps(empty, ensure_ascii=False)} }}}}" if empty else f"{{{{ {field} }}}}"


def _place(shape: Shape, key: str, text: str, fields: Sequence[str]) -> Place:
    found = _OF_FIELD.fullmatch(text)
    kind = "header" if key in (HEADER, *LOCATED) else "body" if key in shape.places else "button"
    written = f"{{{{{key}}}}}"
    if kind == "header":
        written = languages.gettext(LOCATION_WORDS[key]) if key in LOCATION_WORDS else shape.header
    elif kind == "button":
        written = next((each.text for each in shape.buttons if cloud_template.button(each.index) == key), key)
    if found and found[1] in fields:
        return Place(key, written, kind, found[1], "", json.loads(found[2]) if found[2] else "")
    return Place(key, written, kind, "", text, "")


def _known(settings: Settings, draft: Draft) -> CloudTemplate | None:
    chosen = draft.data.template
    if chosen is None:
        return None
    try:
        return cloud_templates.find(draft_order.account(settings, draft.data), chosen.name, chosen.language)
    except errors.InvalidInput:
        return None


def _content(settings: Settings, draft: Draft, entered: Posted, query: Posted) -> StepContent:
    chosen = draft.data.template
    if chosen is None:
        return draft_message.content(settings, draft, entered, query)
    if entered:
        form = entered.parsed(TemplateForm)
        typed = {name: _value(form, name) for name in {**form.value, **form.field}}
        chosen = chosen.model_copy(update={"values": chosen.values | typed})
    known, names, people = _known(settings, draft), drafts.fields(draft), draft_message.reachable(draft)
    shape = known.shape if known else cloud_template.shape(())
    fields = ["number", *names]
    keys = [*shape.texts_wanted, *sorted(shape.taken - set(shape.wanted))]
    file_id = chosen.values.get(HEADER, "") if shape.media else ""
    file = next(iter(uploads.those([file_id] if file_id else [])), None)
    return TemplateStep(
        chosen=chosen,
        known=known,
        unusable=known.unusable if known else None,
        status=cloud_templates.called(known.status) if known else "",
        media=shape.media,
        places=[_place(shape, key, chosen.values.get(key, ""), fields) for key in keys],
        fields=fields,
        own=draft_message.own(draft, people) if shape.media and drafts.own_files(draft) else None,
        file=file,
        max_mb=settings.max_upload_mb,
        preview=_bubble(settings, draft, known, chosen, file, (entered or query).index("person")) if known else None,
    )


def _bubble(
    settings: Settings, draft: Draft, known: CloudTemplate, chosen: ChosenTemplate, file: uploads.Attachment | None,
    index: int,
) -> Bubble:  # fmt: skip
    """What has no value yet stands there as in the template."""
    shape, people, names = known.shape, draft_message.reachable(draft), drafts.fields(draft)
    index = min(index, max(0, len(people) - 1))
    who = people[index] if people else None
    person = importer.Contact(who.position, who.number or E164(""), who.fields) if who else None
    written = dry_run.styles(settings, draft)
    values = {name: text for name, text in chosen.values.items() if text}
    body = cloud_template.text_of(shape, values)
    shown = dry_run.preview(body, person, names, written)
    header = cloud_template.header_of(shape, values)
    problems, error, looked_at = list[template.Problem](), shown.error, people[: draft_message.MOST_LOOKED_AT]
    if not error and all(values.get(name) for name in shape.texts_wanted):
        problems, error = _problems(known, draft, chosen, looked_at, settings)
    mine = draft.data.files.get(who.file.casefold()) if who and who.file else None
    own = next(iter(uploads.those([mine] if mine else [])), None) or file
    return Bubble(
        header=formatted(dry_run.preview(header, person, names, written).text),
        media=shape.shows,
        file=own.filename if own else dry_run.preview(values.get(LOCATED[2], ""), person, names, written).text,
        body=formatted(shown.text),
        footer=shape.footer,
        buttons=[each.text for each in shape.buttons],
        who=draft_message.called(who, names) if who else "",
        index=index,
        total=len(people),
        error=languages.say(error) if error else "",
        problems=len(problems),
        looked_at=len(looked_at),
        first=[LeftOut(each.position, languages.say(each.reason)) for each in problems[:5]],
    )


def _problems(
    known: CloudTemplate, draft: Draft, chosen: ChosenTemplate, people: Sequence[Candidate], settings: Settings
) -> tuple[list[template.Problem], Coded | None]:
    """Who cannot get it as it is filled in now; or what is wrong with it."""
    try:
        choice = cloud_templates.fill(known, _without_file(known.shape, chosen.values), own_files=True)
        compiled = template.compile_for(choice.text, dry_run.styles(settings, draft), choice.filled)
    except (errors.InvalidInput, errors.TemplateError) as refused:
        return [], refused.told
    persons = [importer.Contact(each.position, each.number or E164(""), each.fields) for each in people]
    return template.problems(compiled, persons, first=draft_message.MOST_LOOKED_AT).first, None


def _without_file(shape: Shape, values: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in values.items() if not (shape.media and name == HEADER)}


CONTENTS["message"] = _content
