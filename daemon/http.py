"""The http process: application factory, start-up and end. Run as `python -m daemon.http`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import structlog
from aiohttp import web

from daemon import api, config, db, errors, feed, logs, pages
from daemon import web as shared
from daemon.config import Settings

log = structlog.get_logger()

DB_THREADS = 4
OVERHEAD = 1024 * 1024  # of a multipart body around its file
STOP_S = 3.0  # for requests that are under way at SIGTERM; event streams are ended at once


def make_app(settings: Settings, key: str) -> web.Application:
    """The whole application; the database must be connected."""
    app = web.Application(
        middlewares=[shared.security, shared.problems], client_max_size=settings.max_upload_mb * 1024 * 1024 + OVERHEAD
    )
    app[shared.SETTINGS] = settings
    app[shared.API_KEY] = key
    app[feed.FEED] = feed.Feed(partial(feed.look, settings))
    pages.set_up(app)
    app.add_routes(api.routes)
    app.add_routes(pages.routes)
    app.cleanup_ctx.append(_threads)
    app.cleanup_ctx.append(_feed)
    return app


async def _threads(app: web.Application) -> AsyncIterator[None]:
    threads = app[shared.THREADS] = ThreadPoolExecutor(DB_THREADS, thread_name_prefix="db")
    yield
    everyone = Barrier(DB_THREADS)  # each thread has a connection of its own, which only it can close

    def close() -> None:
        everyone.wait()
        db.close()

    for _ in range(DB_THREADS):
        threads.submit(close)
    await asyncio.get_running_loop().run_in_executor(None, threads.shutdown)


async def _feed(app: web.Application) -> AsyncIterator[None]:
    async def in_thread(work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(app[shared.THREADS], work)

    task = asyncio.create_task(app[feed.FEED].run(in_thread))
    yield
    task.cancel()


async def _serve(settings: Settings, key: str) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(settings, key), access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise errors.SetupError(
            f"Port {settings.port} on {settings.host} cannot be used ({error.strerror or error}): "
            "stop what uses it, or set WASENDER_PORT."
        ) from error
    log.info("http.listening", url=site.name)
    await stop.wait()
    log.info("process.stopping")
    await runner.cleanup()
    return 0


def main() -> int:
    """Start the http process; returns the exit code."""
    logs.configure("http")
    try:
        settings = config.load()
        logs.configure("http", settings.log_level, settings.log_format)
        config.prepare_data_dir(settings)
        db.connect(settings.db_url)
        db.close()
        log.info("process.started", pid=os.getpid(), version=config.release())
        code = asyncio.run(_serve(settings, config.api_key(settings)))
    except errors.DaemonError as error:
        log.error("process.refused", reason=str(error))
        code = 1
    except Exception:
        log.exception("process.crashed")
        code = 1
    log.info("process.stopped", exit_code=code)
    return code


if __name__ == "__main__":
    sys.exit(main())
