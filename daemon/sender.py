"""The sender process: builds the account's transport and engine, and runs them."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog

from daemon import process
from daemon.config import Settings
from daemon.delivery.engine import Engine
from daemon.transports import registry


async def _main(settings: Settings) -> int:
    structlog.contextvars.bind_contextvars(account=settings.account)
    engine = Engine(settings, registry.make_transport(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, engine.stop)
    return await engine.run()


def main() -> int:
    """Start the sender of the configured account; returns the exit code."""
    return process.run("sender", _main)


if __name__ == "__main__":
    sys.exit(main())
