"""A transport with many lanes, as one that speaks to an interface instead of a page. Run a sender process with it as
`python -m tests.support.many`, or take `Many` in a process of one's own; the product does not offer it.

It is the dry run with latency. Beside its journal, in which stands what was delivered, `flights.jsonl` says when each
hand-over began and ended. The settings are in the environment: MANY_LANES, MANY_LATENCY_S, MANY_PREPARE_S, MANY_SPARE_S
(see `timing.SPARE_S`), and MANY_SCRIPT, a JSON object of telephone number to what happens to it:

- hang: it is delivered, and the answer never comes; stall: nothing is delivered, and no answer comes either
- ambiguous: it is delivered, the answer is lost, and a look-up tells nothing
- refuse: this number cannot be reached
- ban: from this message on the account is banned
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable

from daemon import errors, sender
from daemon.config import Settings
from daemon.delivery import timing
from daemon.states import AccountState, Finding, Hold
from daemon.transports import registry
from daemon.transports.dry_run import DryRunTransport
from daemon.transports.protocol import Health, Lookup, Mark, Outgoing, Receipt, always

FLIGHTS = "flights.jsonl"


class Many(DryRunTransport):
    """See above."""

    concurrency = int(os.environ.get("MANY_LANES", "200"))
    paced = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._latency_s = float(os.environ.get("MANY_LATENCY_S", "0.02"))
        self._prepare_s = float(os.environ.get("MANY_PREPARE_S", "0"))
        self._script: dict[str, str] = json.loads(os.environ.get("MANY_SCRIPT", "{}"))
        self._flights = (settings.data_dir / FLIGHTS).open("ab", buffering=0)
        self._banned = False

    async def health(self) -> Health:
        if self._banned:
            return Health(AccountState.BANNED, Hold.TEMPORARY_BAN, detail="The account is banned.")
        return await super().health()

    async def prepare(self, message: Outgoing) -> Mark:
        if self._script.get(message.number) == "refuse":
            raise errors.Undeliverable("This number is not on WhatsApp.")
        if self._script.get(message.number) == "ban":
            self._banned = True
        if self._banned:
            raise errors.AccountUnready("The account is banned.")
        if self._prepare_s:
            await asyncio.sleep(self._prepare_s)
        return await super().prepare(message)

    async def hand_over(self, message: Outgoing, mark: Mark, held: Callable[[], bool] = always) -> Receipt:
        what = self._script.get(message.number, "ok")
        if not held():
            raise errors.LeaseLost("Time ran out before the message was handed over.")
        self._note("begin", message.number)
        try:
            await asyncio.sleep(self._latency_s)
            if what == "stall":
                await asyncio.Event().wait()
            receipt = await super().hand_over(message, mark, held)  # asked again: only now anything leaves
            if what == "hang":
                await asyncio.Event().wait()
            if what == "ambiguous":
                raise errors.SubmitUnknown("The answer was lost.")
            return receipt
        finally:
            self._note("end", message.number)

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        if self._script.get(message.number) == "ambiguous":
            return Lookup(Finding.UNKNOWN, "it cannot be told")
        return await super().look_up(message, mark)

    def _note(self, what: str, number: str) -> None:
        to = hashlib.sha256(number.encode()).hexdigest()
        with contextlib.suppress(OSError):  # a full disk is the product's matter, not that of this record
            self._flights.write(json.dumps({"what": what, "to": to, "at": time.monotonic()}).encode() + b"\n")


def build_in() -> None:
    """From here on the sender of this process has this transport."""
    timing.SPARE_S = float(os.environ.get("MANY_SPARE_S", timing.SPARE_S))
    registry.make_transport = Many


if __name__ == "__main__":
    build_in()
    timing.LOOK_AGAIN_S = 0.1
    sys.exit(sender.main())
