"""Keys for programs: who may call the API, and what for; for administrators of all accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.accounts import directory
from daemon.auth import keys
from daemon.auth.keys import Key
from daemon.db import clock
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.shell import only, show
from daemon.server.visitors import SETTINGS, caller, in_db, timed
from daemon.states import Role, Scope

routes = web.RouteTableDef()

FORM_BYTES = 16_384
ID = r"{id:\d{1,18}}"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MEANINGS = {
    Scope.READ: N_("sees campaigns, messages, replies and accounts"),
    Scope.SEND: N_("sends messages, uploads files, keeps lists and templates"),
    Scope.CONTROL: N_("pauses, stops, retries and decides, links the phone, adds to the suppression list"),
    Scope.ADMIN: N_("changes limits and keys, logs accounts out, takes people off the suppression list"),
}
ENDS = {  # until when the old secret is taken, in milliseconds from now
    "now": (0, N_("at once")),
    "hour": (HOUR_MS, N_("in an hour")),
    "day": (DAY_MS, N_("in a day")),
    "week": (7 * DAY_MS, N_("in a week")),
}
STAYS = "stays"
LIVES = {
    "": (None, N_("never")),
    "30": (30 * DAY_MS, N_("in 30 days")),
    "90": (90 * DAY_MS, N_("in 90 days")),
    "365": (365 * DAY_MS, N_("in a year")),
}
DONE = {
    "revoked": N_("The key is revoked: it is not taken any more."),
    "changed": N_("The key is changed."),
}


class NewKey(forms.Form):
    """What a key is called, and what it may do; no account chosen: all. expires_at: one of LIVES."""

    name: forms.Line
    scopes: forms.Texts
    accounts: forms.Texts
    addresses: forms.Line
    expires_at: forms.Line
    rate_limit: forms.Rate
    test: forms.Given
    masked: forms.Given


class ChangedKey(forms.Versioned):
    """As of NewKey. expires_at: STAYS to leave it as it is."""

    name: forms.Line
    scopes: forms.Texts
    accounts: forms.Texts
    addresses: forms.Line
    expires_at: forms.Line
    rate_limit: forms.Rate
    masked: forms.Given


class Rotate(forms.Form):
    """When the old secret ends: one of ENDS."""

    ends: forms.Line


@dataclass(frozen=True)
class KeyView:
    """A key as the pages show it. status: active, expired or revoked; limits: its accounts and addresses in a line, ""
    for none; old: the beginnings of those it replaced, each with the time at which it ends. Times in UTC ms."""

    id: int
    name: str
    prefix: str
    status: str
    scopes: list[str]
    accounts: str
    addresses: str
    test: bool
    masked: bool
    rate_limit: int | None
    created_at: int
    created_by: str
    expires_at: int | None
    used_at: int | None
    revoked_at: int | None
    changed_at: int | None
    changed_by: str
    version: int
    old: list[tuple[str, int]]


@dataclass(frozen=True)
class Choice:
    """Something to choose. value: as it is sent; label, meaning: as they are shown; chosen: what was chosen before."""

    value: str
    label: str
    meaning: str
    chosen: bool


@dataclass(frozen=True)
class Entered:
    """What was entered of a key."""

    name: str = ""
    scopes: tuple[str, ...] = (Scope.READ.value,)
    accounts: tuple[str, ...] = ()
    addresses: str = ""
    expires_at: str = ""
    rate_limit: str = ""
    test: bool = False
    masked: bool = False


@dataclass(frozen=True)
class Keys(PageContent):
    """known: those that are not revoked; over: those that are; made: the key that was made just now, with its secret;
    file: where the installation's key is kept, "" where it is a setting."""

    template: ClassVar = "keys.html"
    here: ClassVar = "keys"

    known: list[KeyView]
    over: list[KeyView]
    made: KeyView | None
    secret: str
    file: str
    form: Entered
    scopes: list[Choice]
    accounts: list[Choice]
    lives: list[Choice]
    error: str
    done: str
    longest: int


@dataclass(frozen=True)
class OneKey(PageContent):
    """secret: the new one, where it was replaced just now."""

    template: ClassVar = "key.html"
    here: ClassVar = "keys"

    key: KeyView
    ends: list[Choice]
    secret: str
    meanings: list[str]
    form: Entered
    scopes: list[Choice]
    accounts: list[Choice]
    lives: list[Choice]
    longest: int
    error: str
    done: str


@routes.get("/app/keys")
@only(Role.ADMIN, everywhere=True)
async def listed(request: web.Request) -> web.StreamResponse:
    """All keys, and the form for a new one."""
    return await _listed(request)


async def _listed(
    request: web.Request, form: Entered | None = None, error: str = "", made: keys.Made | None = None
) -> web.StreamResponse:
    settings, form = request.app[SETTINGS], form or Entered()
    there, gone = await timed(request, keys.shown)
    now = clock.now_ms()
    content = Keys(
        known=[_view(each, now) for each in there],
        over=[_view(each, now) for each in gone],
        made=_view(made.key, now) if made else None,
        secret=made.secret if made else "",
        file="" if settings.api_key else str(settings.data_dir / "api_key"),
        form=form,
        scopes=_scopes(form),
        accounts=await _accounts(request, form),
        lives=[Choice(value, label, "", value == form.expires_at) for value, (_, label) in LIVES.items()],
        error=error,
        done=DONE.get(forms.asked(request).text("done"), ""),
        longest=keys.LONGEST_NAME,
    )
    return show(request, content, 422 if error else 200)


def _scopes(form: Entered) -> list[Choice]:
    return [Choice(each.value, each.value, MEANINGS[each], each.value in form.scopes) for each in Scope]


async def _accounts(request: web.Request, form: Entered) -> list[Choice]:
    """Those to choose from; none where there is only one."""
    known = {request.app[SETTINGS].account, *(row.name for row in await in_db(request, directory.every))}
    names = sorted(known | set(form.accounts))
    return [Choice(each, each, "", each in form.accounts) for each in names] if len(names) > 1 else []


def _view(key: Key, now: int) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        prefix=key.secrets[0].prefix if key.secrets else "",
        status="revoked" if key.revoked_at is not None else "expired" if key.over(now) else "active",
        scopes=[each.value for each in Scope if each in key.scopes],
        accounts=", ".join(key.accounts or ()),
        addresses=", ".join(key.addresses or ()),
        test=key.test,
        masked=key.masked,
        rate_limit=key.rate_limit,
        created_at=key.created_at,
        created_by=key.created_by,
        expires_at=key.expires_at,
        used_at=key.used_at,
        revoked_at=key.revoked_at,
        changed_at=key.changed_at,
        changed_by=key.changed_by or "",
        version=key.version,
        old=[(each.prefix, each.ends_at) for each in key.secrets if each.ends_at is not None],
    )


@routes.post("/app/keys")
@only(Role.ADMIN, everywhere=True)
async def add(request: web.Request) -> web.StreamResponse:
    """Make a key, and show its secret: this answer is the only one that has it."""
    sent = await forms.read(request, FORM_BYTES)
    entered = _entered(sent)
    try:
        form = sent.parsed(NewKey)
        await in_db(request, directory.check_names, request.app[SETTINGS], form.accounts)
        made = await timed(request, keys.create, _terms(form), caller(request))
    except errors.InvalidInput as error:
        return await _listed(request, entered, said(error))
    return await _listed(request, made=made)


def _entered(sent: forms.Posted) -> Entered:
    return Entered(
        sent.text("name"),
        tuple(sent.texts_of("scopes")),
        tuple(sent.texts_of("accounts")),
        sent.text("addresses"),
        sent.text("expires_at"),
        sent.text("rate_limit"),
        bool(sent.text("test")),
        bool(sent.text("masked")),
    )


def _terms(form: NewKey) -> keys.Terms:
    return keys.Terms(
        name=form.name,
        scopes=frozenset(each for each in Scope if each.value in form.scopes),
        accounts=tuple(form.accounts) or None,
        addresses=_networks(form.addresses),
        test=form.test,
        masked=form.masked,
        rate_limit=form.rate_limit,
        expires_at=_end(form.expires_at),
    )


def _networks(entered: str) -> tuple[str, ...] | None:
    return tuple(entered.replace(",", " ").split()) or None


def _end(chosen: str) -> int | None:
    lives = LIVES.get(chosen, LIVES[""])[0]
    return clock.now_ms() + lives if lives else None


@routes.get(f"/app/keys/{ID}")
@only(Role.ADMIN, everywhere=True)
async def one(request: web.Request) -> web.StreamResponse:
    """One key: what it may do, a new secret for it, and its end."""
    return await _one(request)


async def _one(
    request: web.Request, secret: str = "", error: str = "", status: int = 200, form: Entered | None = None
) -> web.StreamResponse:
    found = await timed(request, keys.find, int(request.match_info["id"]))
    form = form or _as_entered(found)
    stays = found.expires_at is not None
    content = OneKey(
        key=_view(found, clock.now_ms()),
        ends=[Choice(value, label, "", value == "day") for value, (_, label) in ENDS.items()],
        secret=secret,
        meanings=[MEANINGS[each] for each in Scope if each in found.scopes],
        form=form,
        scopes=_scopes(form),
        accounts=await _accounts(request, form),
        lives=[
            *([Choice(STAYS, N_("as it is"), "", form.expires_at == STAYS)] if stays else []),
            *(Choice(value, label, "", value == form.expires_at) for value, (_, label) in LIVES.items()),
        ],
        longest=keys.LONGEST_NAME,
        error=error,
        done=DONE.get(forms.asked(request).text("done"), ""),
    )
    return show(request, content, status)


def _as_entered(key: Key) -> Entered:
    return Entered(
        key.name,
        tuple(each.value for each in key.scopes),
        key.accounts or (),
        " ".join(key.addresses or ()),
        STAYS if key.expires_at is not None else "",
        str(key.rate_limit or ""),
        masked=key.masked,
    )


@routes.post(f"/app/keys/{ID}")
@only(Role.ADMIN, everywhere=True)
async def change(request: web.Request) -> web.StreamResponse:
    """Change what it is called and what it may do."""
    sent, key_id = await forms.read(request, FORM_BYTES), int(request.match_info["id"])
    entered = _entered(sent)
    try:
        form = sent.parsed(ChangedKey)
        await in_db(request, directory.check_names, request.app[SETTINGS], form.accounts)
        changes = keys.Changes(
            name=form.name,
            scopes=frozenset(each for each in Scope if each.value in form.scopes),
            accounts=tuple(form.accounts) or None,
            addresses=_networks(form.addresses),
            masked=form.masked,
            rate_limit=form.rate_limit,
        )
        if form.expires_at != STAYS:
            changes["expires_at"] = _end(form.expires_at)
        await timed(request, keys.change, key_id, changes, caller(request), seen=form.version)
    except (errors.InvalidInput, errors.EditConflict, errors.IllegalMove) as error:
        status = 422 if isinstance(error, errors.InvalidInput) else 409
        return await _one(request, error=said(error), status=status, form=entered)
    raise web.HTTPSeeOther(f"/app/keys/{key_id}?done=changed")


@routes.post(f"/app/keys/{ID}/rotate")
@only(Role.ADMIN, everywhere=True)
async def rotate(request: web.Request) -> web.StreamResponse:
    """Give it a new secret, and show that."""
    form = (await forms.read(request, FORM_BYTES)).parsed(Rotate)
    left, key_id = ENDS.get(form.ends, ENDS["now"])[0], int(request.match_info["id"])
    try:
        made = await timed(request, keys.rotate, key_id, clock.now_ms() + left if left else None, caller(request))
    except errors.IllegalMove as error:
        return await _one(request, error=said(error), status=409)
    return await _one(request, made.secret)


@routes.post(f"/app/keys/{ID}/revoke")
@only(Role.ADMIN, everywhere=True)
async def revoke(request: web.Request) -> web.StreamResponse:
    """Take it back, for good."""
    await timed(request, keys.revoke, int(request.match_info["id"]), caller(request))
    raise web.HTTPSeeOther("/app/keys?done=revoked")
