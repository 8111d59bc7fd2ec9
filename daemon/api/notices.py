"""Notices: whether mails arrive."""

from __future__ import annotations

from aiohttp import web

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.schemas.notices import MailTested
from daemon.db import clock
from daemon.ops.refusals import MailTest
from daemon.server.mail_tests import MAIL_TESTS
from daemon.server.scopes import Scope
from daemon.server.visitors import require_all_accounts


@endpoint.post("/notices/test", scope=Scope.ADMIN, tag="health")
async def test_notices(caller: Caller, request: web.Request) -> MailTested:
    """Send a mail, as a test, to all who get notices, and tell what the mail server says. Three a minute at most."""
    require_all_accounts()
    problem = await request.app[MAIL_TESTS].send(caller.settings, clock.now_ms())
    code = MailTest.TAKEN if problem is None else problem.code
    return MailTested(success=problem is None, message=str(problem or MailTest.TAKEN.sentence), code=str(code.value))
