"""Test mails, which somebody asks for on the page or by the API: so many in a minute and no more, whoever asks."""

from __future__ import annotations

import time

import structlog
from aiohttp import web

from daemon import errors
from daemon.config import Settings
from daemon.i18n.coded import Refusal
from daemon.ops import mailing

log = structlog.get_logger()

MOST = 3
WITHIN_S = 60.0


class MailTests:
    """Those of one process."""

    def __init__(self) -> None:
        self._sent: list[float] = []

    async def send(self, settings: Settings, now: int) -> Refusal | None:
        """Send one; None, or why that did not work. Raises MailTestsLimited."""
        at = time.monotonic()
        self._sent = [each for each in self._sent if at - each < WITHIN_S]
        if len(self._sent) >= MOST:
            raise errors.MailTestsLimited(MOST, round(WITHIN_S - (at - self._sent[0])) + 1)
        self._sent.append(at)
        problem = await mailing.test(settings, now)
        log.info("mail.tested", problem=problem.code.value if problem else None)
        return problem


MAIL_TESTS = web.AppKey("mail_tests", MailTests)
