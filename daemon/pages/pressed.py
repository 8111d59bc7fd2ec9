"""What the buttons that act at once do where the page's script is off: their forms are sent here.

With the script, the same buttons call the API and ask in a dialog. Without it the question is a page of its own, in the
words that the button's form brought along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote, urlsplit

from aiohttp import web

from daemon import errors
from daemon.accounts import commands, status
from daemon.campaigns import lifecycle
from daemon.delivery import reasons
from daemon.pages import forms
from daemon.pages.content import PageContent
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import only, own_path, show
from daemon.server.visitors import SETTINGS, caller, timed
from daemon.states import Role

routes = web.RouteTableDef()

KEPT = ("search", "code", "sent", "number", "reason")  # what such a form sends besides its question
HELP = {each.value: each for each in (commands.What.SCREENSHOT, commands.What.RELOAD)}
HELP["page_check"] = commands.What.CHECK_PAGE


@dataclass(frozen=True)
class Sure(PageContent):
    """The question before something is done. given: what is sent again with the answer; back: where Cancel leads."""

    template: ClassVar = "sure.html"

    ask: str
    more: str
    verb: str
    action: str
    given: dict[str, str]
    back: str


def question(request: web.Request, form: Posted) -> web.StreamResponse | None:
    """The question that the form asks first; None where there is none, or it has been answered."""
    words = form.texts(("ask", "more", "verb"))
    if not words["ask"]:
        return None
    back = _back(request, form)
    given = {name: text for name, text in form.texts(KEPT).items() if text} | {"next": back}
    return show(request, Sure(**words, action=request.path, given=given, back=back))


def _back(request: web.Request, form: Posted) -> str:
    """The page with the button."""
    came = urlsplit(request.headers.get("Referer", ""))
    return own_path(form.text("next") or came.path + (f"?{came.query}" if came.query else ""))


@routes.post(r"/app/jobs/{id:\d{1,18}}/{what:pause|resume|stop|retry}")
@only(Role.OPERATOR)
async def steer(request: web.Request) -> web.StreamResponse:
    """Pause, resume or stop a campaign, or send again what failed: all, what `search` finds, or for one reason."""
    form = await forms.read(request)
    if (asked := question(request, form)) is not None:
        return asked
    given = (request.match_info["what"], int(request.match_info["id"]), form, caller(request))
    await timed(request, _steer, *given)
    raise web.HTTPSeeOther(_back(request, form))


def _steer(what: str, job_id: int, form: Posted, who: str, now: int) -> None:
    if what == "pause":
        lifecycle.pause(job_id, who, now)
    elif what == "resume":
        lifecycle.resume(job_id, who, now)
    elif what == "stop":
        lifecycle.begin_stop(job_id, who, now)
        lifecycle.finish_stop(job_id, who, now)
    else:
        search, code = " ".join(form.text("search").split()), form.text("code")[: reasons.LONGEST]
        lifecycle.retry(job_id, who, now, search, code or None)


@routes.post(r"/app/messages/{id:\d{1,18}}/decide")
@only(Role.OPERATOR)
async def decide(request: web.Request) -> web.StreamResponse:
    """Say of an uncertain message that it was sent, or have it sent again."""
    form = await forms.read(request)
    if (asked := question(request, form)) is not None:
        return asked
    if (sent := form.text("sent")) not in ("yes", "no"):
        raise errors.MalformedRequest(Why.NOT_OUR_FORM)
    await timed(request, _settle, int(request.match_info["id"]), sent == "yes", caller(request))
    raise web.HTTPSeeOther(_back(request, form))


def _settle(message_id: int, sent: bool, who: str, now: int) -> None:
    lifecycle.settle(message_id, sent, who, now)


@routes.post("/app/accounts/{name}/ask/{what}")
@only(Role.OPERATOR)
async def ask(request: web.Request) -> web.StreamResponse:
    """Ask the account's sender for help: a screenshot, the page anew, how the page is built."""
    await forms.read(request)
    what = HELP.get(request.match_info["what"])
    if what is None:
        raise errors.NotFound(Why.PAGE_NOT_FOUND, path=request.path)
    raise await _asked(request, what)


@routes.post("/app/accounts/{name}/logout")
@only(Role.ADMIN)
async def log_out(request: web.Request) -> web.StreamResponse:
    """Unlink the account's phone."""
    form = await forms.read(request)
    if (sure := question(request, form)) is not None:
        return sure
    raise await _asked(request, commands.What.LOG_OUT)


async def _asked(request: web.Request, what: commands.What) -> web.HTTPSeeOther:
    name = request.match_info["name"]
    await timed(request, status.ask, request.app[SETTINGS], name, what, caller(request))
    return web.HTTPSeeOther(f"/app/accounts#account-{quote(name)}")
