"""The http process: application factory, start-up and end. Run as `python -m daemon.http`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Barrier
from typing import Any

import structlog
from aiohttp import web, web_protocol

from daemon import config, errors, pages, process
from daemon.accounts import counting, directory
from daemon.api import endpoint
from daemon.config import Settings
from daemon.contacts import file_reading
from daemon.db import clock, connection
from daemon.delivery import interruptions
from daemon.files import trouble
from daemon.i18n.coded import refusal
from daemon.ops import audit_upkeep, heartbeat, mailing, measuring, repeating, retention
from daemon.ops.tracing import Tracing
from daemon.server import (
    access,
    audited,
    cloud_mail,
    connections,
    feed,
    heavy,
    hosts,
    key_use,
    mail_tests,
    problems,
    rates,
    secure,
    traced,
    visitors,
)
from daemon.server.refusals import Why
from daemon.telemetry import unforeseen, watchdog
from daemon.webhooks import cloud
from daemon.webhooks.dispatch import Dispatcher

log = structlog.get_logger()

DB_THREADS = 4
PROBE_S = 10.0
BUSY_LENGTHS = 5.0  # of WASENDER_WATCHDOG_S: some work of theirs takes minutes, but not of all at once
WORKER: web.AppKey[cloud.Worker] = web.AppKey("cloud", cloud.Worker)
TRACING: web.AppKey[Tracing] = web.AppKey("tracing", Tracing)
FAILED: web.AppKey[asyncio.Event] = web.AppKey("failed", asyncio.Event)  # set once something beside the requests ended
OVERHEAD = 1024 * 1024  # of a multipart body around its file
STOP_S = 3.0  # for requests in progress at SIGTERM; event streams end at once


def make_app(settings: Settings, key: str) -> web.Application:
    """The whole application; the database must be connected."""
    tracing = Tracing(settings) if settings.otlp_endpoint else None
    app = web.Application(
        middlewares=[
            *([traced.traced] if tracing else []),
            visitors.speak,
            access.conceal,
            problems.problems,
            hosts.known,
            access.identify,
            audited.noted,
            connections.bound,
            pages.lead_back,
        ],
        client_max_size=settings.max_upload_mb * 1024 * 1024 + OVERHEAD,
    )
    if tracing:
        app[traced.TRACES], app[TRACING] = tracing.traces, tracing
    app[FAILED] = asyncio.Event()
    app[visitors.SETTINGS] = settings
    app[visitors.API_KEY] = key
    app[visitors.SECRET_KEY] = config.secret_key(settings)
    app[pages.ONE_BY_ONE] = pages.Turns()
    app[heavy.GATE] = heavy.Gate()
    app[audited.SELDOM] = audited.Seldom()
    app[rates.RATES] = rates.Rates()
    app[mail_tests.MAIL_TESTS] = mail_tests.MailTests()
    app[key_use.KEY_USE] = key_use.KeyUse()
    app[connections.ANONYMOUS] = endpoint.anonymous_limits()
    worker = app[WORKER] = cloud.Worker(settings)
    app[cloud_mail.MAIL] = cloud_mail.Mail(settings, worker.stored, worker.turn)
    app[feed.FEED] = feed.Feed(partial(feed.look, settings))
    app.on_response_prepare.append(secure.secure)
    app.on_response_prepare.append(rates.tell)
    app.on_response_prepare.append(audited.handed_out)
    app.on_shutdown.append(app[key_use.KEY_USE].finish)
    feed.set_up(app)
    pages.set_up(app)
    app.add_routes(endpoint.routes())
    app.add_routes(pages.routes)
    app.cleanup_ctx.append(_threads)
    app.cleanup_ctx.append(_beside)
    return app


def _refuse_malformed(
    _handler: web_protocol.RequestHandler,
    request: web.BaseRequest,
    status: int = 500,
    error: BaseException | None = None,
    _message: str | None = None,
) -> web.StreamResponse:
    """Refuse what is not HTTP. aiohttp's own answer and log line would repeat the bytes, which may be a key or a
    text. It also comes here when a browser has left a page whose stream is open: then there is nobody to answer."""
    if isinstance(error, ConnectionError):
        raise error
    if isinstance(error, UnicodeError):  # bytes that it could not repeat, such as those of an Expect header
        status = 400
    log.warning("request.malformed", status=status)
    if request.writer is not None and request.writer.output_size:
        raise ConnectionResetError("Part of the answer has already been sent.")
    told = refusal(Why.NOT_HTTP)
    body = problems.problem_body(status, "malformed-request", told, str(told))
    response = web.json_response(body, status=status, content_type=problems.PROBLEM_TYPE)
    response.force_close()
    return response


web_protocol.RequestHandler.handle_error = _refuse_malformed  # type: ignore[method-assign,assignment]


def _first(settings: Settings) -> None:
    """Before anything else is done with the database."""
    directory.ensure(settings.account)  # it is there before its first sender
    interruptions.Presence(settings).beat(clock.now_ms())  # else series could make campaigns that are not held


async def _threads(app: web.Application) -> AsyncIterator[None]:
    threads = app[visitors.THREADS] = ThreadPoolExecutor(DB_THREADS, thread_name_prefix="db")
    await asyncio.get_running_loop().run_in_executor(threads, _first, app[visitors.SETTINGS])
    yield
    everyone = Barrier(DB_THREADS)  # each thread has a connection of its own, which only it can close

    def close() -> None:
        everyone.wait()
        connection.close()

    for _ in range(DB_THREADS):
        threads.submit(close)
    await asyncio.get_running_loop().run_in_executor(None, threads.shutdown)


async def _beside(app: web.Application) -> AsyncIterator[None]:
    """Tasks that run beside the requests."""
    timed = partial(visitors.beside, app)
    settings = app[visitors.SETTINGS]
    hooks, measured = Dispatcher(settings), measuring.Measuring().run
    told = (app[cloud_mail.MAIL].run, app[WORKER].run)
    ours = [partial(each.run, settings) for each in (heartbeat, retention, repeating, audit_upkeep, mailing)]
    works: list[Callable[..., Any]] = [app[feed.FEED].run, *ours, hooks.run, *told, measured, _probe]
    if TRACING in app:
        works.append(app[TRACING].run)
    tasks = [asyncio.create_task(each(timed)) for each in works]
    for task in tasks:
        task.add_done_callback(partial(_ended, app[FAILED]))
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _ended(failed: asyncio.Event, task: asyncio.Task[None]) -> None:
    """What runs beside the requests goes on until it is cancelled: without it the process has to be started anew."""
    if task.cancelled():
        return
    if isinstance(error := task.exception(), Exception):
        unforeseen.Unforeseen().tell(error, "beside the requests")
    failed.set()


async def _probe(timed: Callable[..., Awaitable[Any]]) -> None:
    """Have the watchdog end the process when none of the database threads has been free for long."""
    while True:
        # What the database says is nothing to it: a thread was free.
        with watchdog.watched("database threads", BUSY_LENGTHS), suppress(Exception):
            await timed(lambda now: None)
        await asyncio.sleep(PROBE_S)


async def _serve(settings: Settings, key: str) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = make_app(settings, key)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=STOP_S,
        keepalive_timeout=connections.KEEP_ALIVE_S,
    )
    await runner.setup()
    site = connections.Site(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise errors.PortTaken(settings.host, settings.port, trouble.reason(error)) from error
    log.info("http.listening", url=site.name)
    watching = asyncio.create_task(site.watch())
    watching.add_done_callback(partial(_ended, app[FAILED]))
    waits = [asyncio.create_task(each.wait()) for each in (stop, app[FAILED])]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    log.info("process.stopping")
    code = int(app[FAILED].is_set())
    for task in (watching, *waits):
        task.cancel()
    await runner.cleanup()
    await asyncio.to_thread(file_reading.READER.stop)
    return code


async def _main(settings: Settings) -> int:
    return await _serve(settings, config.api_key(settings))


def main() -> int:
    """Start the http process; returns the exit code."""
    return process.run("http", _main, counting.started)


if __name__ == "__main__":
    sys.exit(main())
