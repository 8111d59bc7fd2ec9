"""What both processes do before and after their work: settings, log, data folder, database, exit code."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any

import structlog

from daemon import config, errors
from daemon.config import Settings
from daemon.db import connection, presence
from daemon.files import data_folder, release, trouble
from daemon.telemetry import logs, watchdog

log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1
# Each statement of a database thread gives Python's lock away and has to wait for it again, by default for up to 5 ms,
# while it holds the database's: a transaction of twenty statements would take 100 ms beside a busy event loop.
SWITCH_S = 0.0005
# Python looks for garbage after so many new objects, not after 700: a sender has a thousand messages in hand, of a
# hundred objects each, and would go through all of them again and again.
GARBAGE_AFTER = 20_000


def run(
    name: str, work: Callable[[Settings], Coroutine[Any, Any, int]], started: Callable[[str], None] = lambda _: None
) -> int:
    """Run `work` with the settings and an up-to-date database; returns the exit code. started: told of the name once
    the database is open, before the work.

    A DaemonError is one line in the log, not a traceback.
    """
    if "SUPERVISOR_ENABLED" in os.environ:
        _end_with_supervisord()
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(GARBAGE_AFTER)
    os.umask(0o077)  # all files are for their owner only: they hold numbers, texts, a WhatsApp login
    logs.configure(name)
    try:
        with ExitStack() as stack:
            with trouble.told():
                settings = config.load()
                logs.configure(name, settings.log_level, settings.log_format)
                for unknown, meant in config.unknown_settings(os.environ).items():
                    log.warning("setting.ignored", name=unknown, **({"meant": meant} if meant else {}))
                data_folder.prepare(settings.data_dir)
                seat = stack.enter_context(presence.present(settings.db_url))
                data_folder.see_that_it_is_whole(settings.data_dir)  # a restore that was waited for may have died
                connection.connect(settings.db_url, seat.sound)
                connection.see_that_it_is_whole()
                started(name)
                connection.close()
                seat.share()
            log.info("process.started", pid=os.getpid(), version=release.version())
            code = asyncio.run(watchdog.watching(settings.watchdog_s, work(settings)))
    except errors.DaemonError as error:
        log.error("process.refused", reason=str(error))
        code = 1
    except Exception:
        log.exception("process.crashed")
        code = 1
    log.info("process.stopped", exit_code=code)
    return code


def _end_with_supervisord() -> None:
    """Have the kernel tell us to stop when supervisord dies: without it nobody restarts or stops this process any more,
    and the next start would find port and account taken."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
