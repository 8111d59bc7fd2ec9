"""The form of a new campaign, and what it shows before anything is sent."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daemon import accounts, campaigns, contacts, errors, pacing, render, uploads
from daemon.config import Settings
from daemon.db import now_ms
from daemon.pages.shell import members, show
from daemon.pages.views import who_is
from daemon.pages.words import formatted, lasts
from daemon.web import SETTINGS, in_db, require_key

routes = web.RouteTableDef()

REJECTED_SHOWN = 50


@routes.get("/app/new")
@members
async def new(request: web.Request) -> web.StreamResponse:
    """The form of a new campaign."""
    settings = request.app[SETTINGS]
    known = await in_db(request, accounts.every)
    names = [row.name for row in known if row.name != settings.account]
    context = {"settings": settings, "accounts": [settings.account, *names], "max_caption": render.MAX_CAPTION}
    return show(request, "new.html", context)


@routes.get(r"/app/uploads/{id:[0-9a-f]{1,32}}")
@members
async def upload(request: web.Request) -> web.StreamResponse:
    """What was read of a contacts file: a part of the form."""
    row = await in_db(request, uploads.find, request.match_info["id"])
    found = uploads.describe(row)
    return show(request, "upload.html", {"upload": found, "shown": REJECTED_SHOWN})


class Draft(BaseModel):
    """The body of POST /app/preview: the form as it stands. index: of the contact to show, from 0."""

    model_config = ConfigDict(extra="forbid")

    upload_id: str | None = None
    text: str = ""
    index: int = Field(0, ge=0)
    attachments: int = Field(0, ge=0)
    delay_min: float | None = Field(None, ge=0, le=campaigns.MAX_DELAY_S)
    delay_max: float | None = Field(None, ge=0, le=campaigns.MAX_DELAY_S)


@routes.post("/app/preview")
async def preview(request: web.Request) -> web.StreamResponse:
    """The message as one contact would get it, who cannot get it, and how long all will take."""
    require_key(request)
    try:
        draft = Draft.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "The body"
        raise errors.InvalidInput(f"{place}: {first['msg'].lower()}.") from None
    return web.json_response(await in_db(request, _preview, request.app[SETTINGS], draft))


def _preview(settings: Settings, draft: Draft) -> dict[str, Any]:
    people: list[contacts.Contact] = []
    columns: list[str] = []
    if draft.upload_id:
        row = uploads.find(draft.upload_id)
        people, columns = [contacts.Contact(*each) for each in row.contacts], row.columns
    limit = render.MAX_CAPTION if draft.attachments else render.MAX_TEXT
    chosen = people[min(draft.index, len(people) - 1)] if people else None
    answer: dict[str, Any] = {
        "text": draft.text,
        "error": None,
        "missing": [],
        "problems": {"count": 0, "first": []},
        "who": who_is(chosen, columns) if chosen else None,
        "lasts": lasts(_duration(settings, draft, len(people))) if people else None,
    }
    if draft.text.strip():
        try:
            answer |= _filled_in(draft.text, people, columns, chosen, limit)
        except errors.TemplateError as error:
            answer["error"] = str(error)
    answer["length"] = len(answer["text"].encode("utf-16-le", "surrogatepass")) // 2
    answer["html"] = formatted(answer["text"])
    return answer


def _filled_in(
    text: str, people: list[contacts.Contact], columns: list[str], chosen: contacts.Contact | None, limit: int
) -> dict[str, Any]:
    """The chosen contact's text and everybody's problems. Raises TemplateError for a mistake in the text."""
    template = render.compile(text)
    found: dict[str, Any] = {}
    unknown = sorted(template.fields - {*columns, render.NUMBER})
    if people and unknown:
        has = f"the contacts have {', '.join(columns)}" if columns else "the contacts have numbers only"
        found["error"] = f"There is no field {', '.join(unknown)}: {has}."
    problems = render.problems(template, people, limit)
    found["problems"] = {
        "count": problems.count,
        "first": [
            {"row": each.position, "number": each.number, "missing": each.missing, "reason": each.reason}
            for each in problems.first
        ],
    }
    if chosen:
        own = render.problems(template, [chosen], limit).first
        if own:
            found["missing"] = own[0].missing
            found.setdefault("error", f"This contact cannot get it: {own[0].reason}")
        else:
            found["text"] = render.render(template, chosen.fields, chosen.number, limit)
    return found


def _duration(settings: Settings, draft: Draft, people: int) -> int:
    """How long (ms) it takes to send to so many people at the draft's pace, from now on."""
    low = settings.delay_min if draft.delay_min is None else draft.delay_min
    high = max(low, settings.delay_max if draft.delay_max is None else draft.delay_max)
    now, delays = now_ms(), (round(low * 1000), round(high * 1000))
    end = pacing.eta(people, pacing.Opening(now, pacing.Why.READY), delays, 0, campaigns.rules(settings))
    return (end or now) - now
