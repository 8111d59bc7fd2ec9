"""Every request that changes something, and every file that is handed out, leaves an entry in the audit log.

It is one place for API and pages, so that a new address is covered without being listed. What an action is called comes
from its address (`action_of`): `POST /pause/{job_id}` and `POST /app/jobs/{id}/pause` are both `jobs.pause`. Strangers
leave none here, or they could fill the log; logins are noted where they are checked (`auth/sessions.py`).
"""

from __future__ import annotations

import asyncio
import re
import time
from functools import cache

import structlog
from aiohttp import web

from daemon import errors
from daemon.auth import audit
from daemon.auth.audit import Deed
from daemon.contacts import masking
from daemon.db import clock
from daemon.server import proxies
from daemon.server.visitors import SAFE, SECRET_KEY, Handler, Visitor, in_db, visitor
from daemon.states import AuditResult

log = structlog.get_logger()

QUIET = {  # what changes nothing but what the reader sees, or notes itself
    "drafts.preview",
    "drafts.columns_counts",
    "templates.preview",
    "checklist.create",
    "consent.create",  # somebody is looked up
    "language.create",
}
STRANGERS = {"login", "login.step"}  # note themselves whether they leave an entry
FEW, AGAIN_S = 20, 60.0  # refused keys that leave an entry: at once, and after how long one more
LONG = 256  # characters of a target that are looked at
ONE_BY_ONE: dict[str, str] = {  # addresses from which the rules below make something else than it is called elsewhere
    "POST /send": "jobs.send",
    "POST /upload": "uploads.create",
    "POST /upload_attachment": "uploads.attach",
    "POST /suppressions": "suppressions.add",
    "DELETE /suppressions": "suppressions.remove",
    "POST /app/suppressions": "suppressions.add",
    "POST /lists/{list_id}/entries": "lists.add",
    "DELETE /lists/{list_id}/entries": "lists.remove",
    "POST /app/jobs/{id}/clone": "jobs.duplicate",
    "POST /app/accounts/{name}/limits": "accounts.change",
    "POST /app/accounts/{name}/remove": "accounts.delete",
    "DELETE /keys/{key_id}": "keys.revoke",
    "POST /app/privacy/export": "people.export",
    "POST /app/privacy/erase": "people.erase",
    "GET /people/export": "people.export",
    "PUT /people/consent": "people.consent",
    "POST /people/consent/withdraw": "people.withdraw",
    "POST /app/consent/record": "people.consent",
    "POST /app/consent/withdraw": "people.withdraw",
    "POST /app/login": "login",
    "POST /app/logout": "logout",
    "POST /cloud/templates": "cloud-templates.create",
    "POST /cloud/templates/sync": "cloud-templates.sync",
    "PUT /lists/{list_id}": "lists.rename",
}
SAME = {"new": "create", "ask_screenshot": "screenshot", "ask_reload": "reload", "ask_page_check": "page_check"}
_TASKS: set[asyncio.Task[None]] = set()  # so that they are not forgotten before they end
_PLACE = re.compile(r"{(\w+)}")


class Seldom:
    """Lets few things through: strangers decide how often they happen. By the clock of this machine."""

    def __init__(self) -> None:
        self._left, self._at = float(FEW), time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left, self._at = min(FEW, self._left + (now - self._at) / AGAIN_S), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


SELDOM = web.AppKey("seldom", Seldom)


def refused_key(request: web.Request) -> bool:
    """Whether a key that is not taken leaves an entry: nobody is locked out by wrong keys, so most leave none."""
    return request.app[SELDOM].take()


async def note_key(request: web.Request, code: str, who: str = "", identity: str = "") -> None:
    """A key was sent that is not taken. who: whose it is, where that is known."""
    if request.match_info.route.resource is not None and refused_key(request):
        deed = deed_of(request, None)
        deed.action, deed.who, deed.identity, deed.silent = "keys.use", who, identity, False
        await _ended(request, deed, AuditResult.REFUSED, code)


@web.middleware
async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have what somebody does leave its entry."""
    deed = None
    if request.method not in SAFE and request.match_info.route.resource is not None:
        deed = deed_of(request, visitor.get())
    if deed is None or deed.action in QUIET or (visitor.get() is None and not deed.silent):
        return await handler(request)
    with audit.done_by(deed):
        try:
            response = await handler(request)
        except web.HTTPRedirection:
            await _done(request, deed)
            raise
        except errors.DaemonError as error:
            await _ended(request, deed, AuditResult.REFUSED, error.told.code)
            raise
        except web.HTTPError as error:
            await _ended(request, deed, AuditResult.REFUSED, deed.code or f"http_{error.status}")
            raise
        except Exception:
            await _ended(request, deed, AuditResult.FAILED, "unforeseen")
            raise
        if response.status >= 400:
            await _ended(request, deed, AuditResult.REFUSED, deed.code or f"http_{response.status}")
        else:
            await _done(request, deed)
        return response


async def _done(request: web.Request, deed: Deed) -> None:
    """It went well: without a transaction that has its entry, it is added now."""
    if not deed.kept and not deed.goes_on:
        await _ended(request, deed, AuditResult.DONE)


def goes_on() -> None:
    """What the request does goes on beside it, and `ended_beside` tells its end."""
    if (deed := audit.doing.get()) is not None:
        deed.goes_on = True


def ended_beside(request: web.Request, error: BaseException | None) -> None:
    """It is over, and has failed with that error, if with any. On the event loop."""
    deed = audit.doing.get()
    if deed is None or (error is None and deed.kept):
        return
    result, code = AuditResult.DONE, ""
    if isinstance(error, errors.DaemonError):
        result, code = AuditResult.REFUSED, error.told.code
    elif error is not None:
        result, code = AuditResult.FAILED, "unforeseen"
    task = asyncio.create_task(_ended(request, deed, result, code))
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)


async def _ended(request: web.Request, deed: Deed, result: AuditResult, code: str = "") -> None:
    if deed.silent:
        return
    try:
        await in_db(request, deed.over, result, code)
    except errors.DaemonError as error:
        log.error("audit.entry_lost", action=deed.action, result=result.value, reason=str(error))


async def handed_out(request: web.Request, response: web.StreamResponse) -> None:
    """A file is about to be sent: that is noted before its first byte. Raises DatabaseBusy: then it is not sent."""
    if response.status != 200 or not _is_file(request, response):
        return
    deed, who = audit.doing.get(), visitor.get()
    if deed is None and who is not None:
        await in_db(request, deed_of(request, who).over, AuditResult.DONE)


def _is_file(request: web.Request, response: web.StreamResponse) -> bool:
    named = response.headers.get("Content-Disposition", "").startswith("attachment")
    return request.method == "GET" and (named or request.path == "/people/export")


def deed_of(request: web.Request, who: Visitor | None) -> Deed:
    """What the request is about to do."""
    resource = request.match_info.route.resource
    address = resource.canonical if resource else ""
    action = action_of(request.method, address, request.match_info.get("what", ""))
    kind, target = _target(address, dict(request.match_info))
    stranger = action in STRANGERS or who is None
    return Deed(
        who=who.name if who and not stranger else "",
        action=action,
        key=request.app[SECRET_KEY],
        now=clock.now_ms,
        address=proxies.address(request),
        identity=_identity(who) if who and not stranger else "",
        kind=kind,
        target=target,
        silent=action in STRANGERS,
    )


def _identity(who: Visitor) -> str:
    if who.key is not None:
        return f"key:{who.key.id}"
    return f"user:{who.user_id}" if who.user_id is not None else ""


@cache
def action_of(method: str, address: str, what: str = "") -> str:
    """What doing that is called: the noun of the address, and the verb behind it or, where there is none, that of the
    method. what: of an address in which the verb is variable."""
    if known := ONE_BY_ONE.get(f"{method} {address}"):
        return known
    parts = [part for part in address.replace("{what}", what).split("/") if part and part != "app"]
    words = [part.partition(".")[0] for part in parts if not _PLACE.search(part)]
    place = _PLACE.search(address)
    if place is not None and place[1].endswith("_id") and len(words) == 1 and words[0] + "/" not in _plural(place[1]):
        return f"{_plural(place[1])[:-1]}.{words[0]}"
    verb = "_".join(words[1:])
    if method in ("PATCH", "PUT"):
        verb = f"{verb}_change" if verb else "change"
    elif method == "DELETE":
        verb = f"{verb}_delete" if verb else "delete"
    elif not verb:
        verb = "read" if method in SAFE else "change" if place else "create"
    return f"{words[0] if words else 'page'}.{SAME.get(verb, verb)}"


def _plural(place: str) -> str:
    """`job_id` as `jobs/`."""
    noun = place.removesuffix("_id")
    return (noun if noun.endswith("s") else f"{noun}s") + "/"


def _target(address: str, given: dict[str, str]) -> tuple[str, str]:
    """What it is done to: the first variable part of the address, and what it names. A number is masked in it."""
    place = _PLACE.search(address.replace("{what}", ""))
    if place is None or place[1] not in given:
        return "", ""
    words = [part for part in address[: place.start()].split("/") if part and part != "app"]
    noun = place[1].removesuffix("_id") if place[1].endswith("_id") else words[-1] if words else ""
    kind = noun if noun == "series" else noun.removesuffix("s")
    return kind, unmarked(given[place[1]][:LONG])


def unmarked(text: str) -> str:
    """The text without numbers, whoever reads it."""
    token = masking.hidden.set(True)
    try:
        return masking.text(text)
    finally:
        masking.hidden.reset(token)
