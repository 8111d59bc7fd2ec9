"""Restart a transport that says it is worn out, while nothing is in hand."""

from __future__ import annotations

import structlog

from daemon import errors
from daemon.delivery import timing
from daemon.delivery.context import Context
from daemon.delivery.refusals import Held
from daemon.i18n.coded import refusal
from daemon.states import AccountState
from daemon.transports.protocol import Health, Wears

log = structlog.get_logger()


class Wear:
    """Asks the transport now and then, more often while it is in use."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._transport = context.transport if isinstance(context.transport, Wears) else None
        self._asked_at = timing.monotonic()

    async def run(self) -> bool:
        """Restart the transport if it says that it needs it."""
        context, upkeep = self._context, self._context.upkeep
        wait_s = timing.WEAR_S if upkeep.used else timing.IDLE_WEAR_S
        if self._transport is None or not context.standing.open or timing.monotonic() - self._asked_at < wait_s:
            return False
        if context.lanes.sending:  # wait for them first
            await context.lanes.some_end()
            return True
        self._asked_at, life = timing.monotonic(), upkeep.life
        try:
            why = await context.waits.unless_stopped(self._transport.worn_out())
        except errors.BrowserLost as error:
            upkeep.lost(error, life)
            return True
        if why:
            log.info("transport.renewed", reason=why)
            await context.standing.report(Health(AccountState.STARTING, detail=refusal(Held.BROWSER_RESTARTS)))
            await context.transport.close()
            await upkeep.bring_up()
            context.begin_anew()
            upkeep.used = False
        return why is not None
