"""Users, for administrators; and everybody's own page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.accounts import directory
from daemon.auth import passwords, second_factor, sessions, users
from daemon.auth.sessions import Login
from daemon.auth.users import User
from daemon.config import Settings
from daemon.contacts import masking
from daemon.db import clock
from daemon.i18n.languages import N_, gettext
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.login import ONE_BY_ONE
from daemon.pages.refusals import Why
from daemon.pages.shell import ROLES, members, only, show
from daemon.server import access
from daemon.server.visitors import SETTINGS, Visitor, caller, in_db, require, timed, visitor
from daemon.states import Role

routes = web.RouteTableDef()

FORM_BYTES = 8192
ID = r"{id:\d{1,18}}"
MEANINGS = {
    Role.VIEWER: N_("sees campaigns and reports, with phone numbers masked; cannot change anything"),
    Role.OPERATOR: N_("runs campaigns, links the phone, keeps lists, templates and the suppression list"),
    Role.ADMIN: N_("can also manage users and account limits, and do what cannot be undone"),
}
DONE = {
    "added": N_("The user is added and can log in."),
    "accounts": N_("The accounts are changed; the user has to log in again."),
    "role": N_("The role is changed; the user has to log in again."),
    "password": N_("The password is changed; the user has to log in again."),
    "second_factor": N_("The user is asked for no code any more, and has to log in again."),
    "disabled": N_("The user is disabled and logged out."),
    "enabled": N_("The user can log in again."),
    "ended": N_("All sessions were ended."),
    "own": N_("Your password is changed. All your other sessions are ended."),
}


@routes.get("/app/users")
@only(Role.ADMIN, everywhere=True)
async def people(request: web.Request) -> web.StreamResponse:
    """All users, and who is logged in."""
    return await _people(request)


@dataclass(frozen=True)
class UserView:
    """A user as the pages show them. sessions: how many are open; seen_at: when one of them was last used;
    password_until: of a temporary password. UTC ms."""

    id: int
    version: int
    name: str
    role: str
    meaning: str
    disabled_at: int | None
    created_at: int
    sessions: int
    seen_at: int | None
    accounts: list[str] | None
    second_factor: bool
    password_until: int | None


@dataclass(frozen=True)
class SessionView:
    """An open session; times in UTC ms. mine: whether it is the reader's own."""

    created_at: int
    seen_at: int
    mine: bool


@dataclass(frozen=True)
class RoleView:
    """A role that can be given. word: as it is stored; label, meaning: as they are shown."""

    word: str
    label: str
    meaning: str


@dataclass(frozen=True)
class NewUser:
    """What was entered of a new user."""

    name: str = ""
    role: str = "operator"


@dataclass(frozen=True)
class Users(PageContent):
    """by_key: sessions that were opened with the API key; shortest: length of a password."""

    template: ClassVar = "users.html"
    here: ClassVar = "users"

    users: list[UserView]
    by_key: list[SessionView]
    roles: list[RoleView]
    form: NewUser
    error: str
    done: str
    shortest: int


@dataclass(frozen=True)
class OneUser(PageContent):
    """accounts: names of all there are; temporary: a password that was just made, to be shown once; own:
    whether the reader is that user; place: the form that the error is about;
    conflict: whether somebody else has changed them since."""

    template: ClassVar = "user.html"
    here: ClassVar = "users"

    user: UserView
    sessions: list[SessionView]
    roles: list[RoleView]
    accounts: list[str]
    temporary: str
    own: bool
    error: str
    place: str
    conflict: bool
    done: str
    shortest: int


@dataclass(frozen=True)
class Me(PageContent):
    """The reader's own page. label, meaning: of their role; place: the field that the error is about."""

    template: ClassVar = "me.html"
    here: ClassVar = "me"

    label: str
    meaning: str
    sessions: list[SessionView]
    second_factor: bool
    error: str
    place: str
    done: str
    shortest: int


async def _people(request: web.Request, form: NewUser | None = None, error: str = "") -> web.StreamResponse:
    rows, open_now = await in_db(request, users.every), await timed(request, sessions.everybody)
    coded = await in_db(request, second_factor.who_has)
    content = Users(
        users=[_view(row, open_now.get(row.id, []), row.id in coded) for row in rows],
        by_key=_sessions(open_now.get(None, []), visitor.get()),
        roles=_roles(),
        form=form or NewUser(),
        error=error,
        done=_done(request),
        shortest=passwords.SHORTEST,
    )
    return show(request, content, 422 if error else 200)


def _view(row: User, open_now: list[Login], coded: bool) -> UserView:
    return UserView(
        id=row.id,
        version=row.version,
        name=row.name,
        role=row.role,
        meaning=MEANINGS[users.role_of(row.role)],
        disabled_at=row.disabled_at,
        created_at=row.created_at,
        sessions=len(open_now),
        seen_at=open_now[0].seen_at if open_now else None,
        accounts=row.accounts,
        second_factor=coded,
        password_until=row.password_until,
    )


def _sessions(rows: list[Login], who: Visitor | None) -> list[SessionView]:
    mine = who.session if who else None
    return [SessionView(row.created_at, row.seen_at, row.id == mine) for row in rows]


def _roles() -> list[RoleView]:
    return [RoleView(users.word(role), ROLES[role], MEANINGS[role]) for role in Role]


def _done(request: web.Request) -> str:
    return DONE.get(forms.asked(request).text("done"), "")


@routes.post("/app/users")
@only(Role.ADMIN, everywhere=True)
async def add(request: web.Request) -> web.StreamResponse:
    form = await _form(request, forms.NewUser)
    try:
        await timed(request, users.create, form.name, users.role_of(form.role), form.password, caller(request))
    except errors.InvalidInput as error:
        return await _people(request, NewUser(form.name, form.role), said(error))
    raise web.HTTPSeeOther("/app/users?done=added")


@routes.get(f"/app/users/{ID}")
@only(Role.ADMIN, everywhere=True)
async def one(request: web.Request) -> web.StreamResponse:
    """One user: role, password, sessions."""
    return await _one(request)


async def _one(
    request: web.Request, error: str = "", status: int = 422, place: str = "password", temporary: str = ""
) -> web.StreamResponse:
    row = await in_db(request, users.find, int(request.match_info["id"]))
    open_now, who = await timed(request, sessions.sessions, row.id), visitor.get()
    content = OneUser(
        user=_view(row, open_now, await in_db(request, second_factor.is_on, row.id)),
        sessions=_sessions(open_now, who),
        roles=_roles(),
        accounts=await in_db(request, _names, request.app[SETTINGS], row.accounts),
        own=who is not None and who.user_id == row.id,
        error=error,
        place=place if error and status != 409 else "",
        temporary=temporary,
        conflict=status == 409,
        done=_done(request),
        shortest=passwords.SHORTEST,
    )
    return show(request, content, status if error else 200)


@routes.post(f"/app/users/{ID}/role")
@only(Role.ADMIN, everywhere=True)
async def change_role(request: web.Request) -> web.StreamResponse:
    form = await _form(request, forms.Role)
    return await _change(request, form, "role", partial(users.change_role, role=users.role_of(form.role)))


def _names(settings: Settings, chosen: list[str] | None) -> list[str]:
    """The accounts there are, and those that were chosen and are gone."""
    return sorted({settings.account, *(each.name for each in directory.every()), *(chosen or ())})


@routes.post(f"/app/users/{ID}/accounts")
@only(Role.ADMIN, everywhere=True)
async def change_accounts(request: web.Request) -> web.StreamResponse:
    """Which accounts they may see and use."""
    form = await _form(request, forms.UsersAccounts)
    chosen = form.accounts if form.some else None
    try:
        await in_db(request, directory.check_names, request.app[SETTINGS], chosen)
        return await _change(request, form, "accounts", partial(users.limit_to, accounts=chosen))
    except errors.InvalidInput as error:
        return await _one(request, said(error), place="accounts")


@routes.post(f"/app/users/{ID}/password")
@only(Role.ADMIN, everywhere=True)
async def change_password(request: web.Request) -> web.StreamResponse:
    form = await _form(request, forms.Password)
    try:
        return await _change(request, form, "password", partial(users.set_password, password=form.password))
    except errors.InvalidInput as error:
        return await _one(request, said(error))


@routes.post(f"/app/users/{ID}/password/reset")
@only(Role.ADMIN, everywhere=True)
async def reset_password(request: web.Request) -> web.StreamResponse:
    """A temporary password, which is shown once."""
    form, user_id = await _form(request, forms.Versioned), _another(request)
    reset = partial(users.reset_password, user_id, caller(request), version=form.version)
    try:
        made = await timed(request, reset)
    except errors.EditConflict as error:
        return await _one(request, said(error), 409)
    masking.hidden.set(False)  # it may look like a number
    response = await _one(request, temporary=made)
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.post(f"/app/users/{ID}/second_factor/remove")
@only(Role.ADMIN, everywhere=True)
async def remove_second_factor(request: web.Request) -> web.StreamResponse:
    """For a user who has lost their phone."""
    form = await _form(request, forms.Versioned)
    return await _change(request, form, "second_factor", users.remove_second_factor)


@routes.post(f"/app/users/{ID}/disable")
@only(Role.ADMIN, everywhere=True)
async def disable(request: web.Request) -> web.StreamResponse:
    return await _change(request, await _form(request, forms.Versioned), "disabled", _disable)


def _disable(user_id: int, who: str, version: int | None) -> None:
    users.disable(user_id, who, clock.now_ms(), version)


@routes.post(f"/app/users/{ID}/enable")
@only(Role.ADMIN, everywhere=True)
async def enable(request: web.Request) -> web.StreamResponse:
    return await _change(request, await _form(request, forms.Versioned), "enabled", users.enable)


@routes.post(f"/app/users/{ID}/sessions/end")
@only(Role.ADMIN, everywhere=True)
async def end_sessions(request: web.Request) -> web.StreamResponse:
    user_id = int(request.match_info["id"])
    await in_db(request, sessions.close_all, user_id)
    raise web.HTTPSeeOther(f"/app/users/{user_id}?done=ended")


@routes.post("/app/users/key/sessions/end")
@only(Role.ADMIN, everywhere=True)
async def end_key_sessions(request: web.Request) -> web.StreamResponse:
    """Log out everybody who came in with the API key."""
    await in_db(request, sessions.close_all, None)
    raise web.HTTPSeeOther("/app/users?done=ended")


async def _change(
    request: web.Request, form: forms.Versioned, done: str, change: Callable[..., None]
) -> web.StreamResponse:
    """Change another user."""
    user_id = _another(request)
    try:
        await in_db(request, partial(change, user_id, who=caller(request), version=form.version))
    except errors.EditConflict as error:
        return await _one(request, said(error), 409)
    raise web.HTTPSeeOther(f"/app/users/{user_id}?done={done}")


def _another(request: web.Request) -> int:
    """The id of a user who is not the reader: nobody can lock themselves out by mistake. Raises IllegalMove."""
    user_id = int(request.match_info["id"])
    if require(request, Role.ADMIN).user_id == user_id:
        raise errors.IllegalMove(Why.THIS_IS_YOU)
    return user_id


# One's own


@routes.get("/app/me")
@members
async def me(request: web.Request) -> web.StreamResponse:
    """The reader's own page: role, password and sessions."""
    return await _me(request)


async def _me(request: web.Request, error: str = "", place: str = "") -> web.StreamResponse:
    who = require(request, Role.VIEWER)
    rows = await timed(request, sessions.sessions, who.user_id)
    content = Me(
        label=ROLES[who.role],
        meaning=MEANINGS[who.role],
        sessions=_sessions(rows, who),
        second_factor=who.user_id is not None and await in_db(request, second_factor.is_on, who.user_id),
        error=error,
        place=place,
        done=_done(request),
        shortest=passwords.SHORTEST,
    )
    return show(request, content, 422 if error else 200)


@routes.post("/app/me/password")
@members
async def own_password(request: web.Request) -> web.StreamResponse:
    """Somebody who knows the present password may change it. All sessions end; this browser gets a new one."""
    who, form = require(request, Role.VIEWER), await _form(request, forms.OwnPassword)
    if who.user_id is None:
        raise errors.IllegalMove(Why.KEY_IS_NO_PASSWORD)
    if form.new != form.again:
        return await _me(request, gettext("The two passwords differ: enter the new password twice."), "again")
    try:
        origin = access.origin_of(request, who.name)
        async with request.app[ONE_BY_ONE].known:
            was = await timed(request, sessions.confirm, origin, who.user_id, form.password)
            await in_db(request, partial(users.set_password, who.user_id, form.new, who.name, was.version))
    except (errors.Unauthorized, errors.EditConflict):  # wrong, or changed a moment ago
        return await _me(request, gettext("This is not your current password."), "password")
    except errors.InvalidInput as error:
        return await _me(request, said(error), "new")
    opened = await timed(request, sessions.open_session, await in_db(request, users.find, who.user_id))
    response = web.HTTPSeeOther("/app/me?done=own")
    access.let_in(request, response, opened)
    raise response


@routes.post("/app/me/logout")
@members
async def log_out_everywhere(request: web.Request) -> web.StreamResponse:
    who = require(request, Role.VIEWER)
    await in_db(request, sessions.close_all, who.user_id)
    response = web.HTTPSeeOther("/app/login")
    access.let_out(request, response)
    raise response


async def _form(request: web.Request, model: type[forms.Model]) -> forms.Model:
    return (await forms.read(request, FORM_BYTES)).parsed(model)
