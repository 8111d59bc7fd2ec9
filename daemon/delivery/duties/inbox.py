"""Read replies when it is time to, also while the account is held."""

from __future__ import annotations

from daemon import errors
from daemon.delivery.context import OURS, Context


class Inbox:
    """held: whether to read while the account is held, or while messages go out; only then may opt-outs be
    confirmed."""

    def __init__(self, context: Context, held: bool) -> None:
        self._context, self._held = context, held

    async def run(self) -> bool:
        """Read replies if it is time to."""
        context, life = self._context, self._context.upkeep.life
        if not (context.standing.held if self._held else context.standing.open):
            return False
        try:
            return await context.listening.turn(
                context.waits.unless_stopped, context.waits.within_grace, tell=not self._held
            )
        except errors.BrowserLost as error:
            context.upkeep.lost(error, life)
            return True
        except OURS:
            raise
        except Exception as error:  # one person's reply must not stop other people's messages
            context.unforeseen.tell(error, "listen")
            return True
