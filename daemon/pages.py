"""The web page `/app`: server-rendered, with a small script of our own.

A page that is open stays true by being rendered again: its script listens to `/events`, and when something
has changed it fetches the same address and takes over what differs. So each word stands in one place only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp_sse import sse_response
from markupsafe import Markup, escape
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daemon import accounts, campaigns, config, contacts, errors, evidence, pacing, render, uploads
from daemon.config import Settings
from daemon.db import now_ms
from daemon.feed import FEED
from daemon.models import IN_HAND, JOB_MOVES, OUT, Account, Job, JobState, Message, State
from daemon.transports import AccountState
from daemon.web import API_KEY as KEY
from daemon.web import COOKIE, SESSION_S, SETTINGS, authorized, in_db, new_session, require_key, same

LOGIN_BYTES = 4096

routes = web.RouteTableDef()

UI = Path(__file__).parent / "ui"
JOBS_SHOWN = 20
ROWS_SHOWN = 50
DECISIONS_SHOWN = 20
REJECTED_SHOWN = 50
STATIC = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}  # machines differ about .js
PING_S = 15.0  # shorter than any proxy's patience
STREAMS: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("streams")
OWN_PATH = re.compile(r"/app(?:[/?][\w/?=&%.-]*)?", re.A)

BAR = (  # parts of the progress bar, from the left
    ("out", OUT),
    ("failed", frozenset({State.FAILED})),
    ("uncertain", frozenset({State.UNCERTAIN})),
    ("left-out", frozenset({State.SKIPPED, State.CANCELLED})),
    ("in-hand", IN_HAND),
)
TONES: dict[str, str] = {  # of a status chip, which says the state in words as well
    **dict.fromkeys(OUT | {JobState.COMPLETED, AccountState.READY}, "good"),
    **dict.fromkeys({State.CLAIMED, State.SENDING, JobState.RUNNING}, "busy"),
    **dict.fromkeys({State.FAILED, AccountState.BANNED}, "bad"),
    **dict.fromkeys({State.UNCERTAIN, AccountState.HELD, AccountState.OFFLINE, AccountState.NEEDS_LINK}, "warn"),
    **dict.fromkeys({campaigns.WAITING, JobState.PAUSED}, "warn"),
}
MEANINGS = {
    State.PENDING: "waits for its turn",
    State.CLAIMED: "is being prepared, nothing has left yet",
    State.SENDING: "is on its way to WhatsApp",
    State.SENT: "WhatsApp has it",
    State.DELIVERED: "it is on the recipient's phone",
    State.READ: "the recipient has opened it",
    State.FAILED: "could not be sent",
    State.UNCERTAIN: "nobody can tell whether it went out: you decide",
    State.SKIPPED: "was not to be sent",
    State.CANCELLED: "the campaign was stopped first",
}
STATUSES = {
    JobState.SCHEDULED: "It begins by itself at its time.",
    JobState.PENDING: "It waits for its turn.",
    JobState.RUNNING: "Messages are going out.",
    JobState.PAUSED: "Nothing is sent until you resume.",
    JobState.STOPPED: "It was stopped; what was still queued is cancelled.",
    JobState.COMPLETED: "Nobody is left to send to.",
}
WAITS = {
    pacing.Why.READY: "due now",
    pacing.Why.PAUSE: "the pause between two messages",
    pacing.Why.LONG_PAUSE: "long pause",
    pacing.Why.HOURLY_CAP: "the hourly limit is reached",
    pacing.Why.DAILY_CAP: "the daily limit is reached",
    pacing.Why.QUIET_HOURS: "quiet hours",
}
NAMES = frozenset({
    "name", "names", "fullname", "firstname", "lastname", "forename", "surname", "first", "last", "nome", "sobrenome",
    "nombre", "apellido", "nom", "prénom", "prenom", "vorname", "nachname", "cognome", "navn", "namn", "naam", "imię",
    "имя", "фамилия", "company", "firma",
})  # fmt: skip
"""Words in the title of a column that says who somebody is."""

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def set_up(app: web.Application) -> None:
    """Templates, and the end of all event streams at shutdown."""
    filters: dict[str, Callable[..., str]] = {"iso": _iso, "words": _words, "size": _size, "tone": _tone}
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(UI),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        default_helpers=False,
        filters=filters,
    )
    app[STREAMS] = set()
    app.on_shutdown.append(_end_streams)


async def _end_streams(app: web.Application) -> None:
    for task in app[STREAMS].copy():
        task.cancel()


def members(page: Page) -> Page:
    """Whoever is not logged in is sent to the login, and from there back."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not authorized(request):
            raise web.HTTPFound("/app/login?" + urlencode({"next": request.path_qs}))
        return await page(request)

    return guarded


def _show(
    request: web.Request, template: str, context: dict[str, Any] | None = None, status: int = 200
) -> web.Response:
    context = {"signed_in": True, "version": config.release(), **(context or {})}
    response = aiohttp_jinja2.render_template(template, request, context, status=status)
    response.headers["Referrer-Policy"] = "same-origin"  # with no-referrer a form would be sent without its Origin
    response.enable_compression()
    return response


@routes.get("/")
async def root(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/app")


@routes.get(r"/app/static/{name:[a-z]+\.(?:css|js|svg)}")
async def static(request: web.Request) -> web.StreamResponse:
    """Style, script or icon; revalidated by its ETag, so an update shows at once."""
    path = UI / request.match_info["name"]
    if not path.is_file():
        raise errors.NotFound(f"There is nothing at {request.path}.")
    return web.FileResponse(path, headers={"Cache-Control": "no-cache", "Content-Type": STATIC[path.suffix]})


@routes.get("/app/login")
async def login_page(request: web.Request) -> web.StreamResponse:
    goal = _own_path(request.query.get("next", ""))
    if authorized(request):
        raise web.HTTPFound(goal)
    return _show(request, "login.html", {"signed_in": False, "goal": goal, "wrong": False})


@routes.post("/app/login")
async def login(request: web.Request) -> web.StreamResponse:
    """The right key gets a session; a wrong one the same page again."""
    if request.content_length is None or request.content_length > LOGIN_BYTES:
        raise errors.TooLarge("This is not the login form.")
    form = await request.post()
    goal, key = _own_path(str(form.get("next", ""))), str(form.get("key", "")).strip()
    if not same(key, request.app[KEY]):
        return _show(request, "login.html", {"signed_in": False, "goal": goal, "wrong": True}, status=401)
    response = web.HTTPSeeOther(goal)
    response.set_cookie(
        COOKIE,
        new_session(request),
        max_age=SESSION_S,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=request.secure,
    )
    raise response


@routes.post("/app/logout")
async def logout(request: web.Request) -> web.StreamResponse:
    require_key(request)
    response = web.HTTPSeeOther("/app/login")
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=request.secure)
    raise response


def _own_path(path: str) -> str:
    """Where to go after the login: one of our pages, never another site."""
    return path if OWN_PATH.fullmatch(path) and "//" not in path else "/app"


@routes.get("/app")
@members
async def overview(request: web.Request) -> web.StreamResponse:
    """The accounts and the campaigns."""
    settings = request.app[SETTINGS]
    return _show(request, "campaigns.html", await in_db(request, _overview, settings, _number(request, "cursor")))


def _overview(settings: Settings, cursor: int | None) -> dict[str, Any]:
    rows, after = campaigns.jobs(cursor, JOBS_SHOWN)
    return {
        "accounts": _accounts(settings),
        "jobs": [_job(settings, row) for row in rows],
        "undecided": campaigns.totals()[State.UNCERTAIN],
        "cursor": cursor,
        "after": after,
    }


def _accounts(settings: Settings) -> list[dict[str, Any]]:
    now = now_ms()
    known = [_account(row, now) for row in accounts.every()]
    return known or [
        {
            "name": settings.account,
            "state": "not started",
            "tone": "bad",
            "sentence": "No sender has started yet: scripts/start runs it beside this page.",
            "qr": None,
            "until": None,
        }
    ]


def _account(row: Account, now: int) -> dict[str, Any]:
    """The account in words. qr: changes whenever there is another code to draw, None without one."""
    alive, ready = accounts.alive(row, now), accounts.can_send(row, now)
    slow = "After the restriction it sends at a third of its pace for a day." if row.slow_until > now else ""
    sentence = f"Linked and ready to send. {row.detail or ''} {slow}" if ready else campaigns.explain(row, now)
    code = row.qr if alive and row.state == AccountState.NEEDS_LINK else None
    return {
        "name": row.name,
        "state": row.state if alive else "not running",
        "tone": TONES.get(row.state, "plain") if alive else "bad",
        "sentence": sentence.strip(),
        "qr": hashlib.sha256(code.encode()).hexdigest()[:12] if code else None,
        "until": row.until if alive else None,
    }


def _job(settings: Settings, row: Job) -> dict[str, Any]:
    """A job as pages show it: its progress, the bar's parts and what may be done with it."""
    found = campaigns.progress(settings, row)
    found["done"] = row.total - sum(found[state] for state in (State.PENDING, *IN_HAND))
    found["sentence"] = found["reason"] or STATUSES[JobState(row.state)]
    found["waits_for"] = WAITS[found["next_reason"]] if found["next_reason"] else ""
    found["bar"] = _bar(found)
    found["left"] = _lasts(found["eta"] - now_ms()) if found["eta"] else ""
    found["may"] = {
        "pause": row.state in JOB_MOVES["pause"][0],
        "resume": row.state in JOB_MOVES["resume"][0],
        "stop": row.state in JOB_MOVES["stop"][0],
        "retry": row.failed > 0 and row.state in JOB_MOVES["retry"][0],
        "resend": row.state != JobState.STOPPED,
    }
    return found


def _bar(found: dict[str, Any]) -> list[dict[str, str]]:
    """Parts of the progress bar, in percent of its width."""
    parts, at = [], 0.0
    for name, states in BAR:
        width = 100 * sum(found[state] for state in states) / max(1, found["total"])
        parts.append({"name": name, "at": f"{at:.4g}", "width": f"{width:.4g}"})
        at += width
    return parts


@routes.get(r"/app/jobs/{id:\d{1,18}}")
@members
async def job(request: web.Request) -> web.StreamResponse:
    """One campaign and its recipients, `?state=` and a page at a time."""
    state = request.query.get("state") or None
    arguments = (request.app[SETTINGS], int(request.match_info["id"]), state, _number(request, "cursor"))
    return _show(request, "job.html", await in_db(request, _job_page, *arguments))


def _job_page(settings: Settings, job_id: int, state: str | None, cursor: int | None) -> dict[str, Any]:
    row = campaigns.job(job_id)
    found = _job(settings, row)
    messages, after = campaigns.messages(job_id, state, cursor, ROWS_SHOWN)
    columns = _name_columns(row.columns)
    return {
        "job": found,
        "text": row.text,
        "attachments": uploads.attachments(row.attachments),
        "delays": [_seconds(row.delay_min_ms), _seconds(row.delay_max_ms)],
        "rejected": len(row.rejected),
        "counts": [(each.value, found[each.value], MEANINGS[each]) for each in State if found[each.value]],
        "state": state,
        "cursor": cursor,
        "after": after,
        "messages": [_message(each, columns) for each in messages],
    }


def _message(row: Message, columns: list[str]) -> dict[str, Any]:
    who = " ".join(filter(None, (row.fields.get(name, "") for name in columns)))
    return {
        "id": row.id,
        "row": row.row,
        "who": who,
        "number": row.number,
        "state": row.state,
        "meaning": MEANINGS[State(row.state)],
        "attempts": row.attempts,
        "error": row.error,
        "again_at": row.not_before if row.state == State.PENDING and row.not_before > now_ms() else None,
        "at": row.sent_at,
    }


def _name_columns(columns: list[str]) -> list[str]:
    """The columns that say who somebody is."""
    return [name for name in columns if NAMES & set(name.split("_"))][:2] or columns[:1]


@routes.get(r"/app/messages/{id:\d{1,18}}")
@members
async def message(request: web.Request) -> web.StreamResponse:
    """What happened to one recipient."""
    arguments = (request.app[SETTINGS], int(request.match_info["id"]))
    return _show(request, "message.html", await in_db(request, _message_page, *arguments))


def _message_page(settings: Settings, message_id: int) -> dict[str, Any]:
    row, events = campaigns.message(message_id)
    found = campaigns.job(row.job_id)
    return {
        "job": _job(settings, found),
        "message": _message(row, _name_columns(found.columns)),
        "fields": row.fields,
        "evidence": evidence.newest(message_id),
        "events": events,
        "delivered_at": row.delivered_at,
        "read_at": row.read_at,
    }


@routes.get("/app/decisions")
@members
async def decisions(request: web.Request) -> web.StreamResponse:
    """The uncertain messages of all campaigns, each with what its chat looked like."""
    cursor = _number(request, "cursor")
    return _show(request, "decisions.html", await in_db(request, _decisions, request.app[SETTINGS], cursor))


def _decisions(settings: Settings, cursor: int | None) -> dict[str, Any]:
    rows, after = campaigns.messages_everywhere(State.UNCERTAIN, cursor, DECISIONS_SHOWN)
    cases = [
        {
            "message": _message(row, _name_columns(row.job.columns)),
            "job": {"job_id": row.job_id, "name": row.job.name, "may": {"resend": row.job.state != JobState.STOPPED}},
            "submitted_at": row.submitted_at,
            "text": _text(row),
            "evidence": evidence.newest(row.id),
        }
        for row in rows
    ]
    return {"cases": cases, "cursor": cursor, "after": after}


def _text(row: Message) -> str:
    """What the message says, for who has to find it in the chat."""
    text = row.job.text
    return render.render(render.compile(text), row.fields, row.number) if text.strip() else ""


@routes.get("/app/new")
@members
async def new(request: web.Request) -> web.StreamResponse:
    """The form of a new campaign."""
    settings = request.app[SETTINGS]
    known = await in_db(request, accounts.every)
    names = [row.name for row in known if row.name != settings.account]
    context = {"settings": settings, "accounts": [settings.account, *names], "max_caption": render.MAX_CAPTION}
    return _show(request, "new.html", context)


@routes.get(r"/app/uploads/{id:[0-9a-f]{1,32}}")
@members
async def upload(request: web.Request) -> web.StreamResponse:
    """What was read of a contacts file: a part of the form."""
    row = await in_db(request, uploads.find, request.match_info["id"])
    found = uploads.describe(row)
    return _show(request, "upload.html", {"upload": found, "shown": REJECTED_SHOWN})


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
        "who": _who(chosen, columns) if chosen else None,
        "lasts": _lasts(_duration(settings, draft, len(people))) if people else None,
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


def _who(contact: contacts.Contact, columns: list[str]) -> str:
    names = [contact.fields.get(name, "") for name in _name_columns(columns)]
    return " ".join(filter(None, [*names, contact.number]))


def _duration(settings: Settings, draft: Draft, people: int) -> int:
    """How long (ms) it takes to send to so many people at the draft's pace, from now on."""
    low = settings.delay_min if draft.delay_min is None else draft.delay_min
    high = max(low, settings.delay_max if draft.delay_max is None else draft.delay_max)
    now, delays = now_ms(), (round(low * 1000), round(high * 1000))
    end = pacing.eta(people, pacing.Opening(now, pacing.Why.READY), delays, 0, campaigns.rules(settings))
    return (end or now) - now


@routes.get("/events")
async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events `job` and `account`: everything as it is now, then what changes."""
    require_key(request)
    task = request.task
    async with sse_response(request, ping_interval=PING_S) as stream, request.app[FEED].listen() as queue:
        request.app[STREAMS].add(task)
        try:
            while stream.is_connected():
                try:
                    kind, state = await asyncio.wait_for(queue.get(), PING_S)
                except TimeoutError:
                    continue
                await stream.send(json.dumps(state), event=kind)
        finally:
            request.app[STREAMS].discard(task)
    return stream


_CODE = re.compile(r"```(.+?)```|`([^`\n]+)`", re.S)
_MARK = re.compile(r"(?<!\w)([*_~])(?=\S)([^\n]{1,1000}?)(?<=\S)\1(?!\w)")
_SHOWN = {"*": Markup("<strong>{}</strong>"), "_": Markup("<em>{}</em>"), "~": Markup("<s>{}</s>")}
_DEEPEST = 6


def formatted(text: str) -> Markup:
    """The text as WhatsApp shows it: *bold*, _italic_, ~struck~, `code`; all else stays text."""
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_marked(text[at : code.start()]), Markup("<code>{}</code>").format(code[1] or code[2])]
        at = code.end()
    return Markup("").join([*parts, _marked(text[at:])])


def _marked(text: str, depth: int = 0) -> Markup:
    if depth == _DEEPEST:
        return escape(text)
    parts, at = [], 0
    for mark in _MARK.finditer(text):
        inner = _marked(mark[2], depth + 1)
        parts += [escape(text[at : mark.start()]), _SHOWN[mark[1]].format(inner)]
        at = mark.end()
    return Markup("").join([*parts, escape(text[at:])])


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _words(state: str) -> str:
    return state.replace("_", " ")


def _tone(state: str) -> str:
    return TONES.get(state, "plain")


def _size(count: int) -> str:
    return f"{count / 1_048_576:.1f} MB" if count >= 1_048_576 else f"{max(1, round(count / 1024))} KB"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:g}"


def _lasts(ms: int) -> str:
    """A duration in words, as exactly as anybody wants to know it."""
    minutes = round(ms / 60_000)
    if ms < 60_000:
        return "less than a minute"
    if minutes < 90:
        return f"about {minutes} min"
    hours = round(minutes / 60)
    return f"about {hours} hours" if hours < 48 else f"about {round(hours / 24)} days"


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None
