"""Does the account still work? Checked by a message to itself, and by chats with people who are known to be there."""

from __future__ import annotations

from functools import partial

import structlog

from daemon import errors
from daemon.accounts import directory, handovers
from daemon.delivery import canary, compose, eligibility, timing
from daemon.delivery.context import Context
from daemon.delivery.refusals import Held
from daemon.i18n.coded import part, refusal
from daemon.models import Message, Purpose
from daemon.states import E164, AccountState, Finding, Hold
from daemon.transports import parts
from daemon.transports.protocol import Health, Mark

log = structlog.get_logger()


class Canary:
    """Checks before others are messaged; if the account does not work, it holds."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> bool:
        """Check if there is reason to."""
        context = self._context
        if not context.standing.open or context.receipted:  # there is no chat to read it back
            return False
        if context.trouble.suspect:
            await self._ask_for_somebody()
            return True
        if context.settings.canary and context.standing.ready and await context.db.timed(self._due):
            await self._fly()
            return True
        return False

    async def _ask_for_somebody(self) -> None:
        """Several people in a row are said not to be on WhatsApp: look for somebody who is. If they are not found
        either, the account is to blame; if nobody is known, it may be."""
        context, life = self._context, self._context.upkeep.life
        known = await context.db.call(eligibility.surely_there, context.account)
        works = None
        try:
            for message in known:
                works = works or await self._is_there(message)
            if not known and context.settings.canary:
                if not await context.db.timed(context.opens):
                    await context.waits.pause(timing.POLL_S)
                    return
                works = await self._fly()
                if works is None:
                    return
        except errors.AccountUnready:
            context.standing.look_soon()
            return
        except errors.BrowserLost as error:
            context.upkeep.lost(error, life)
            return
        log.info("account.checked", works=works)
        if works:
            context.trouble.success()
        elif works is None:
            await context.trouble.hold(refusal(Held.NUMBERS_REFUSED))
        else:
            await context.trouble.hold(refusal(Held.KNOWN_REFUSED))
        await context.trouble.keep()

    async def _is_there(self, message: Message) -> bool:
        """Whether WhatsApp shows the chat with somebody known to be there, and our message in it."""
        context = self._context
        try:
            outgoing = await context.db.call(compose.outgoing, context.settings, message, False)
        except (errors.InvalidInput, errors.NotFound):
            return False
        looking = context.transport.look_up(parts.split(outgoing)[-1], Mark.loads(message.mark or ""))
        found = await context.waits.unless_stopped(looking)
        return found.finding is Finding.SENT

    def _due(self, now: int) -> bool:
        context = self._context
        due = context.standing.linked_anew or directory.canary_due(context.account, canary.EVERY_MS, now)
        return due and context.opens(now)

    async def _fly(self) -> bool | None:
        """Send a message to the account itself before others are messaged; hold if it does not arrive as written.

        Returns whether it did, None if that is unclear for now.
        """
        context, settings, life = self._context, self._context.settings, self._context.upkeep.life
        began = timing.monotonic()
        now = await context.db.now()
        gap = await context.gap()
        await context.set_pace(gap)
        try:
            outgoing = canary.message(E164(settings.canary), now)
            mine = (context.account, outgoing.number, Purpose.CANARY)
            counted = [partial(context.db.timed, what, *mine) for what in (handovers.keep_own, handovers.undo_own)]
            flying = canary.fly(context.transport, outgoing, context.owning.holds, *counted)
            wrong = await context.waits.unless_stopped(flying)
        except errors.LeaseLost:
            return None  # nothing has left; the next claim shows whether the account is still ours
        except errors.AccountUnready:
            context.standing.look_soon()
            return None
        except errors.BrowserLost as error:
            context.upkeep.lost(error, life)
            return None
        if wrong is None:
            context.standing.linked_anew = False
            await context.db.timed(directory.canary_confirmed, context.account)
            log.info("canary.confirmed", elapsed_ms=round((timing.monotonic() - began) * 1000))
        else:
            log.error("canary.failed", why=str(wrong))
            detail = refusal(Held.CANARY, wrong=part(wrong))
            context.standing.hold = Health(AccountState.HELD, Hold.CANARY, now + canary.AGAIN_MS, detail)
            await context.standing.report()
        return wrong is None
