"""How people are told what needs them: in this browser, and by mail; both can be tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.accounts import rights
from daemon.db import clock
from daemon.i18n import languages
from daemon.ops.refusals import MailProblem, MailTest
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.shell import only, show
from daemon.server.mail_tests import MAIL_TESTS
from daemon.server.visitors import SETTINGS
from daemon.states import Role

routes = web.RouteTableDef()


@dataclass(frozen=True)
class Notices(PageContent):
    """everywhere: the reader may use all accounts, and is told of them; mailed: to how many mails go; problem: why a
    test mail did not go out; done: what came of it."""

    template: ClassVar = "notices.html"
    here: ClassVar = "notices"

    everywhere: bool
    mailed: int
    problem: str = ""
    done: str = ""


@routes.get("/app/notices")
@only(Role.VIEWER)
async def notices(request: web.Request) -> web.StreamResponse:
    """Both ways, and their tests."""
    return show(request, _content(request))


def _content(request: web.Request, problem: str = "", done: str = "") -> Notices:
    return Notices(rights.allowed.get() is None, len(request.app[SETTINGS].mail_addresses), problem, done)


@routes.post("/app/notices/test")
@only(Role.ADMIN, everywhere=True)
async def tested(request: web.Request) -> web.StreamResponse:
    """Send a test mail, and say what the mail server answered."""
    try:
        problem = await request.app[MAIL_TESTS].send(request.app[SETTINGS], clock.now_ms())
    except errors.MailTestsLimited as error:
        return show(request, _content(request, said(error)), 429)
    if problem is not None:
        status = 409 if problem.code is MailProblem.NOT_SET else 502
        return show(request, _content(request, languages.say(problem)), status)
    return show(request, _content(request, done=MailTest.TAKEN.sentence))
