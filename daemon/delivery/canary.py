"""The canary: a message to the account itself that shows whether WhatsApp Web still works as this program expects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from daemon import errors
from daemon.delivery.refusals import Held
from daemon.i18n.coded import Told, refusal
from daemon.states import E164, Finding
from daemon.telemetry import unforeseen
from daemon.transports.protocol import Outgoing, Transport

EVERY_MS = 3_600_000  # between two of them
AGAIN_MS = 600_000  # after one that failed


def message(number: E164, now: int) -> Outgoing:
    """The text for the account's own number: never the same twice, and with everything that is hard to type."""
    at = datetime.fromtimestamp(now / 1000, UTC)
    return Outgoing(
        number,
        f"wasender canary, {at:%Y-%m-%d %H:%M:%S} UTC 🐤\nA second line: äßé ñ 中文 हिन्दी العربية 👩‍👧\nThe last line.",
    )


async def fly(
    transport: Transport,
    outgoing: Outgoing,
    held: Callable[[], bool],
    leaving: Callable[[], Awaitable[None]],
    stayed: Callable[[], Awaitable[None]],
) -> Told | None:
    """Send it and read it back from the chat. Returns what is wrong, None when all is well.

    held: whether the account is still ours; if not, LeaseLost is raised. leaving: called right before the hand-over;
    stayed: called if it is then certain that nothing has left. Raises AccountUnready, BrowserLost: they say nothing
    about the page.
    """
    try:
        mark = await transport.prepare(outgoing)
        await leaving()
        try:
            await transport.hand_over(outgoing, mark, held)
        except (errors.NotSubmitted, errors.LeaseLost):
            await stayed()
            raise
        found = await transport.look_up(outgoing, mark)
    except (errors.NotSubmitted, errors.SubmitUnknown, errors.Undeliverable) as error:
        return error.told
    except (errors.AccountUnready, errors.BrowserLost, errors.LeaseLost):
        raise
    except Exception as error:  # something does not work as it should
        return refusal(Held.CANARY_FAILED, kind=unforeseen.Unforeseen().tell(error, "canary"))
    return None if found.finding is Finding.SENT else found.evidence
