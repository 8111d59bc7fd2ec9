"""The WhatsApp accounts side by side: link, watch, limit, help, log out."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from aiohttp import web

from daemon import accounts, errors, standing, wishes
from daemon.config import Settings
from daemon.db import now_ms
from daemon.languages import N_
from daemon.models import Account
from daemon.pages.shell import members, only, show
from daemon.pages.views import account_view, account_views
from daemon.pages.words import WAITS
from daemon.transports import AccountState
from daemon.web import SETTINGS, Role, caller, in_db, posted

routes = web.RouteTableDef()

FORM_FIELDS = ("hourly_cap", "daily_cap", "quiet_hours", "timezone")
NO_HOURS = "off"  # what stands in the form for quiet hours that are switched off
ASKED = {
    wishes.What.SCREENSHOT: N_("Picture of the browser"),
    wishes.What.LOG_OUT: N_("Log out"),
    wishes.What.LINK_BY_CODE: N_("Code for a telephone number"),
    wishes.What.LINK_BY_QR: N_("Back to the QR code"),
    wishes.What.RELOAD: N_("Load the page anew"),
}
UNDER_WAY = {
    wishes.Stage.ASKED: N_("Its sender comes to it when no message is in hand."),
    wishes.Stage.TAKEN: N_("Its sender is at it."),
}
BAD = (wishes.Stage.FAILED, wishes.Stage.MISSED)


@routes.get("/app/accounts")
@members
async def overview(request: web.Request) -> web.StreamResponse:
    """All accounts."""
    return await _overview(request)


async def _overview(
    request: web.Request, name: str = "", form: dict[str, str] | None = None, error: str = "", part: str = ""
) -> web.StreamResponse:
    """The page, with what was wrong in the form of one account: part is `limits` or `link`."""
    context = await in_db(request, _accounts, request.app[SETTINGS])
    typed = dict.fromkeys((*FORM_FIELDS, *map(_was, FORM_FIELDS), "number"), "") | (form or {})
    context |= {"wrong": {"name": name, "part": part, "form": typed, "error": error}}
    context |= {"saved": request.query.get("saved", "")}
    return show(request, "accounts.html", context, 422 if error else 200)


def _accounts(settings: Settings) -> dict[str, Any]:
    now = now_ms()
    rows = accounts.every()
    return {
        "accounts": [_view(settings, row, now) for row in rows],
        "absent": [] if rows else account_views(settings),
        "settings": settings,
    }


def _view(settings: Settings, row: Account, now: int) -> dict[str, Any]:
    """The account as its card shows it."""
    report = standing.report(settings, row, now)
    alive, state = report["alive"], row.state
    unlinked = alive and state == AccountState.NEEDS_LINK
    view = account_view(row, now)
    return view | {
        "sentence": view["sentence"].removesuffix(view["slow"]).strip(),  # the card says it with its end
        "alive": alive,
        "unlinked": unlinked,
        "linked": alive and state in standing.LINKED,
        "code": _code(row) if unlinked and row.link_code else None,
        "slow_until": report["slow_until"],
        "canary_at": report["canary_at"],
        "uses": _uses(report),
        "opens_at": report["opens_at"],
        "waits_for": WAITS[report["opens_why"]],
        "due": report["opens_at"] is None,
        "sends": report["can_send"] or (alive and row.known_chats),
        "jobs": standing.jobs(row),
        "limits": report["limits"],
        "own": _own(row),
        "wish": _wish(report["wish"]),
        "picture_at": report["screenshot_at"],
    }


def _code(row: Account) -> dict[str, Any]:
    code = row.link_code or ""
    return {"parts": [code[:4], code[4:]], "number": row.link_number, "at": row.link_code_at}


def _uses(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What was sent in the last day and hour, against the caps; 0 for none."""
    return [
        {"title": N_("Sent in the last 24 hours"), "used": report["used"]["day"], "cap": report["limits"]["daily_cap"]},
        {"title": N_("Sent in the last hour"), "used": report["used"]["hour"], "cap": report["limits"]["hourly_cap"]},
    ]


def _own(row: Account) -> dict[str, str]:
    """The account's own limits as the form shows them: empty where the settings decide."""
    shown = {name: "" if (value := getattr(row, name)) is None else str(value) for name in FORM_FIELDS}
    shown |= {"quiet_hours": NO_HOURS} if row.quiet_hours == "" else {}
    return shown | {_was(name): value for name, value in shown.items()}


def _was(field: str) -> str:
    """The form's field that says what stood in another one when the page was shown."""
    return f"was-{field}"


def _wish(wish: dict[str, Any] | None) -> dict[str, Any] | None:
    if wish is None:
        return None
    stage = wishes.Stage(wish["stage"])
    sentence = wish["outcome"] or UNDER_WAY[stage]
    at = wish["ended_at"] or wish["at"]
    return {
        "title": ASKED[wish["what"]],
        "sentence": sentence,
        "at": at,
        "open": stage in UNDER_WAY,
        "bad": stage in BAD,
    }


@routes.get("/app/accounts/{name}/{part:link|limits}")
@members
async def back(request: web.Request) -> web.StreamResponse:
    """Where a form stood that was refused, once it is loaded anew."""
    raise web.HTTPFound("/app/accounts")


@routes.post("/app/accounts/{name}/link")
@only(Role.OPERATOR)
async def link(request: web.Request) -> web.StreamResponse:
    """By a code for the number in the form, or without one by the QR code again."""
    name, form = request.match_info["name"], await _form(request)
    number = form.get("number", "").strip()
    what = wishes.What.LINK_BY_QR if "qr" in form else wishes.What.LINK_BY_CODE
    arguments = (request.app[SETTINGS], name, what, caller(request), await in_db(request, now_ms))
    try:
        await in_db(request, standing.wish, *arguments, None if "qr" in form else number)
    except (errors.InvalidInput, errors.IllegalMove) as error:
        return await _overview(request, name, form, str(error), "link")
    raise web.HTTPSeeOther(f"/app/accounts#account-{quote(name)}")


@routes.post("/app/accounts/{name}/limits")
@only(Role.ADMIN)
async def limit(request: web.Request) -> web.StreamResponse:
    """Caps and quiet hours; what is left empty is as the settings say."""
    name, form = request.match_info["name"], await _form(request)
    try:
        await in_db(request, accounts.limit, name, _limits(form), caller(request))
    except errors.InvalidInput as error:
        return await _overview(request, name, form, str(error), "limits")
    raise web.HTTPSeeOther(f"/app/accounts?saved={quote(name)}#account-{quote(name)}")


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await posted(request)).items() if isinstance(value, str)}


def _limits(form: dict[str, str]) -> dict[str, Any]:
    """What the form asks for: the fields that were changed in it. Those that were not may have been changed by
    somebody else since it was shown. Raises InvalidInput."""
    given = {name: form.get(name, "").strip() for name in FORM_FIELDS}
    asked = {
        "hourly_cap": _cap(given["hourly_cap"]),
        "daily_cap": _cap(given["daily_cap"]),
        "quiet_hours": "" if given["quiet_hours"].lower() == NO_HOURS else given["quiet_hours"] or None,
        "timezone": given["timezone"] or None,
    }
    return {name: value for name, value in asked.items() if given[name] != form.get(_was(name))}


def _cap(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise errors.InvalidInput("A cap is a whole number of messages, 0 for no cap; empty: as the settings say.")
    return int(text)
