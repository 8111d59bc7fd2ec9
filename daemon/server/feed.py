"""Changes as they happen, for event streams (SSE): one query of the database for all listeners.

A stream tells two things: the present state of jobs and accounts, whenever it changes, which is what a page needs; and
what has happened, one event after the other (`campaigns/news.py`). Of the latter the feed only says that there is more;
each stream reads it at its own pace, from where its reader is.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from aiohttp import web

from daemon import errors
from daemon.accounts import directory, pacing, rights, status
from daemon.accounts.directory import AccountRow
from daemon.campaigns import news, progress, queries
from daemon.campaigns.news import Position
from daemon.campaigns.progress import Progress
from daemon.campaigns.rows import JobRow
from daemon.config import Settings
from daemon.delivery import unmatched
from daemon.ops import notices

log = structlog.get_logger()

POLL_S = 0.4
WATCHED_JOBS = 50
MOST_STREAMS = 200  # at a time; of one caller:
MOST_OF_ONE = 50


@dataclass(frozen=True)
class AccountSeen(status.Seen):
    """An account without its heartbeat, which changes every few seconds; qr: another value for every QR code."""

    qr: str | None


Change = Progress | AccountSeen | unmatched.Waiting | notices.Newest
OF_ALL = (unmatched.Waiting, notices.Newest)  # about no account
Accounts = frozenset[str] | None  # that somebody may see; None: all


def kind_of(change: Change) -> str:
    """The event's name: `job`, `account`, `chats` or `notices`."""
    if isinstance(change, unmatched.Waiting):
        return "chats"
    if isinstance(change, notices.Newest):
        return "notices"
    return "job" if isinstance(change, Progress) else "account"


def account_of(change: Change) -> str | None:
    """The account that it is about; None: about none."""
    if isinstance(change, OF_ALL):
        return None
    return change.account if isinstance(change, Progress) else change.name


def _key(change: Change) -> tuple[str, int | str]:
    if isinstance(change, OF_ALL):
        return kind_of(change), ""
    return kind_of(change), change.job_id if isinstance(change, Progress) else change.name


@dataclass
class Listener:
    """One event stream: of a job and its account, or of everything. mine: the accounts that its reader may see, None
    for all; seen: what was sent last, by `_key`.

    states: whether it tells the present state; history: whether it tells what has happened; told: up to where it knows
    that there is something to tell.
    """

    job_id: int | None
    states: bool = True
    history: bool = False
    mine: Accounts = None
    seen: dict[tuple[str, int | str], Change] = field(default_factory=dict)
    told: Position | None = None


class Grown:
    """There is more history to tell, up to `Feed.head`."""


GROWN = Grown()


class Queue:
    """What one stream has still to tell. Of each job and account it holds only the newest state: a reader who is slow,
    or has stopped reading, needs no more memory as time passes."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int | str], Change | Grown] = {}
        self._some = asyncio.Event()

    def put(self, change: Change | Grown) -> None:
        """Tell it in place of what is about the same and has not been told yet."""
        self._waiting[("", "") if isinstance(change, Grown) else _key(change)] = change
        self._some.set()

    async def get(self) -> Change | Grown:
        """The next one, once there is any."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        return self._waiting.pop(next(iter(self._waiting)))

    def empty(self) -> bool:
        """Whether there is nothing to tell for now."""
        return not self._waiting


class Feed:
    """Looks for changes while anybody listens, and gives each listener those it has not had."""

    def __init__(self, look: Callable[..., list[Change]]) -> None:
        self._look = look
        self._listeners: dict[Queue, Listener] = {}
        self._wanted = asyncio.Event()
        self._horizon = news.horizon()
        self.head: Position | None = None  # up to here everything that has happened can be read; None: not known yet

    @asynccontextmanager
    async def listen(
        self, job_id: int | None = None, states: bool = True, history: bool = False
    ) -> AsyncIterator[Queue]:
        """A queue of changes, of everything or of one job; it starts with the present state. `GROWN` comes when what
        has happened can be read up to a later `head`, for the first time once that is known."""
        queue = Queue()
        self._listeners[queue] = Listener(job_id, states, history, rights.allowed.get())
        self._wanted.set()
        try:
            yield queue
        finally:
            del self._listeners[queue]
            if not self._listeners:
                self._wanted.clear()

    async def run(self, timed: Callable[..., Any]) -> None:
        """Look for changes and pass them on, until cancelled. timed: runs work on a database thread, with the time."""
        while True:
            await self._wanted.wait()
            try:
                told = [each for each in self._listeners.values() if each.states]
                readers = frozenset(each.mine for each in told if each.job_id is None)
                watched = frozenset(each.job_id for each in told if each.job_id is not None)
                changes = await timed(self._look, readers, watched) if told else []
                self._pass_on(changes)
                if any(each.history for each in self._listeners.values()):
                    await timed(self._see_history)
                    self._tell_of_history()
            except Exception:
                log.exception("feed.failed")  # listeners keep waiting; the next look may succeed
            await asyncio.sleep(POLL_S)

    def _pass_on(self, changes: list[Change]) -> None:
        accounts_of = {each.job_id: each.account for each in changes if isinstance(each, Progress)}
        for queue, listener in self._listeners.items():
            for change in changes if listener.states else ():
                key = _key(change)
                own = listener.job_id is None or key in (
                    ("job", listener.job_id),
                    ("account", accounts_of.get(listener.job_id)),
                )
                own = own and (listener.mine is None or account_of(change) in listener.mine)
                lasting = _lasting(change)
                if own and listener.seen.get(key) != lasting:
                    listener.seen[key] = lasting
                    queue.put(change)

    def _see_history(self, now: int) -> None:
        self.head = news.settled(self._horizon)

    def _tell_of_history(self) -> None:
        for queue, listener in self._listeners.items():
            if listener.history and self.head is not None and listener.told != self.head:
                listener.told = self.head
                queue.put(GROWN)


def _lasting(change: Change) -> Change:
    """The state without what only changes with the clock: the estimated end, and the time of a send that is due."""
    if isinstance(change, OF_ALL):
        return change
    due = change.next_reason == pacing.Why.READY
    shown = replace(change, next_send_at=None if due else change.next_send_at)
    return replace(shown, eta=None) if isinstance(shown, Progress) else shown


def look(settings: Settings, readers: Collection[Accounts], watched: Collection[int], now: int) -> list[Change]:
    """The present state of the watched jobs and of all accounts; also of the newest jobs that each of `readers`, who
    follow everything, may see, and of the chats that wait for a person."""
    rows: dict[int, JobRow] = {}
    for mine in readers:
        token = rights.allowed.set(mine)
        rows |= {row.id: row for row in queries.jobs(None, WATCHED_JOBS)[0]}
        rights.allowed.reset(token)
    rows |= {row.id: row for row in queries.some_jobs(frozenset(watched) - rows.keys())}
    jobs = [progress.progress(settings, row, now) for row in rows.values()]
    rest: list[Change] = [unmatched.waiting(), notices.newest()] if readers else []
    return [*jobs, *(_seen(account, now) for account in directory.every()), *rest]


def _seen(account: AccountRow, now: int) -> AccountSeen:
    code = hashlib.sha256(account.qr.encode()).hexdigest()[:8] if account.qr else None
    return AccountSeen(**vars(status.seen(account, now)) | {"seen_at": None, "qr": code})


FEED = web.AppKey("feed", Feed)
# What is open, each with the name of its reader; "" for one who waits for a single change.
STREAMS: web.AppKey[dict[asyncio.Task[Any], str]] = web.AppKey("streams")


def set_up(app: web.Application) -> None:
    """Keep track of open streams and close them at shutdown: they would never end by themselves."""
    app[STREAMS] = {}
    app.on_shutdown.append(_end_streams)


@contextmanager
def open_stream(app: web.Application, task: asyncio.Task[Any], who: str) -> Iterator[None]:
    """It is open while this lasts. Raises TooManyStreams."""
    streams = app[STREAMS]
    readers = [each for each in streams.values() if each]
    if len(readers) >= MOST_STREAMS or readers.count(who) >= MOST_OF_ONE:
        raise errors.TooManyStreams()
    streams[task] = who
    try:
        yield
    finally:
        del streams[task]


async def _end_streams(app: web.Application) -> None:
    for task in app[STREAMS].copy():
        task.cancel()
