"""Commands from a person to the account's sender, carried out between two messages."""

from __future__ import annotations

from daemon import errors
from daemon.accounts import commands
from daemon.delivery import timing
from daemon.delivery.context import Context
from daemon.delivery.refusals import Missing
from daemon.transports.protocol import Inspectable, Linkable

SEEN = (commands.What.SCREENSHOT, commands.What.CHECK_PAGE)
ASK_S = 1.0  # the shortest time between two looks for a command


class Commands:
    """One account's commands, and the transport that carries them out."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asked_at, self._woken = float("-inf"), 0

    async def run(self) -> bool:
        """Carry out a command if there is one."""
        context, life = self._context, self._context.upkeep.life
        woken = context.waits.woken
        if timing.monotonic() - self._asked_at < ASK_S and woken == self._woken:
            return False
        self._asked_at, self._woken = timing.monotonic(), woken
        if not await context.db.call(commands.waiting, context.account):
            return False
        if context.lanes.sending:  # a command needs the transport for itself: nothing new is claimed before
            await context.lanes.some_end()
            self._asked_at = float("-inf")
            return True
        command = await context.db.timed(commands.take, context.account, context.lanes.empty)
        if command is None:
            return False
        try:
            await self._carry_out(command)
        except errors.BrowserLost as error:
            context.upkeep.lost(error, life)
        context.standing.look_soon()
        return True

    async def _carry_out(self, command: commands.Command) -> None:
        context = self._context
        try:
            found = await context.waits.unless_stopped(self._do(command))
        except errors.BrowserLost:
            await context.db.timed(commands.fail, context.account, command, commands.Outcome(commands.Code.BROKEN))
            raise
        except errors.TransportError as error:
            await context.db.timed(commands.fail, context.account, command, commands.refused(error))
        except Exception:  # the sender was stopped, or is about to end
            await context.db.timed(commands.fail, context.account, command, commands.Outcome(commands.Code.STOPPED))
            raise
        else:
            await context.db.timed(commands.fulfil, context.account, command, found=found)

    async def _do(self, command: commands.Command) -> bytes | str | None:
        """Returns what was asked to be seen. Raises NotOffered where the transport cannot do it."""
        transport, what = self._context.transport, command.what
        if what in SEEN:
            if not isinstance(transport, Inspectable):
                raise errors.NotOffered(Missing.NO_BROWSER)
            return await (transport.screenshot() if what is commands.What.SCREENSHOT else transport.structure())
        if what is commands.What.RELOAD:
            if not isinstance(transport, Inspectable):
                raise errors.NotOffered(Missing.NO_PAGE)
            await transport.reload()
        elif what is commands.What.LOG_OUT:
            if not isinstance(transport, Linkable):
                raise errors.NotOffered(Missing.NO_PHONE)
            await transport.log_out()
        elif not isinstance(transport, Linkable):
            raise errors.NotOffered(Missing.NOTHING_TO_LINK)
        else:
            await transport.link(command.number)
        return None
