"""The event stream: what has happened, and changes as they happen. It also keeps open pages up to date."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict

from aiohttp import web
from aiohttp_sse import sse_response
from pydantic import TypeAdapter

from daemon.accounts import rights
from daemon.api import bodies, endpoint
from daemon.api.answers import EventStream
from daemon.api.endpoint import Caller
from daemon.api.parameters import STATE, Kinds, OfAccount, OfJob, Place
from daemon.campaigns import news, queries
from daemon.campaigns.news import News, Position, Wanted
from daemon.contacts import masking
from daemon.errors import NotFound, TooManyStreams
from daemon.server.access import still_in
from daemon.server.feed import FEED, Change, Grown, account_of, kind_of, open_stream
from daemon.server.scopes import Scope
from daemon.server.visitors import in_db

PING_S = 15.0  # shorter than the idle timeout of usual proxies
LOOK_S = 15.0  # how often it is checked that the reader is still logged in
LAST_ID = "Last-Event-ID"
_PLACE: TypeAdapter[str] = TypeAdapter(Place)


@endpoint.get("/events", scope=Scope.READ, errors=(NotFound, TooManyStreams), tag="events")
async def events(
    caller: Caller,
    request: web.Request,
    *,
    job: OfJob | None = None,
    account: OfAccount | None = None,
    types: Kinds | None = None,
    after: Place | None = None,
) -> EventStream:
    """Server-sent events: what has happened, in order, and the present state of jobs and accounts.

    What has happened has an `id`. Whoever comes back with the last one, in the header `Last-Event-ID` or as `after`, is
    told all that has happened since, in order; without one it begins now. Its names are `message.sent`,
    `job.paused`, `account.held`, `reply.received` and the like, its data the same JSON as of a webhook: `type`,
    `timestamp` and `data`.

    The events `job`, `account`, `chats` and `notices` have no `id`: they are the present state, of everything at first
    and then of what has changed; a job as in `GET /status/{job_id}`, an account as in `GET /accounts/{name}`, without
    its limits; of the chats of `GET /replies/chats` how many wait for a person (`chats`), and in how many of them
    somebody asks for no more (`stops`); of what was last noted for a person the ids and codes, such as
    `notice_logged_out`. The last two are not for callers limited to some accounts.

    With `job` only that job, however old it is, and its account; with `account` only that account and its jobs; with
    `types` only those, such as `types=message.sent,reply`, where `state` stands for the present state. A `ping` means
    that nothing has changed and the connection is alive.
    """
    if job is not None:
        await in_db(request, queries.job, job)
    begin = after
    if given := request.headers.get(LAST_ID):
        begin = bodies.validated(lambda: _PLACE.validate_python(given), LAST_ID, "is the id of an event")
    kinds = None if types is None else frozenset(types.split(","))
    wanted = Wanted(kinds, _accounts(account), job)
    states = kinds is None or STATE in kinds
    with open_stream(request.app, request.task, caller.name):
        async with (
            sse_response(request, response_cls=EventStream, ping_interval=PING_S) as stream,
            request.app[FEED].listen(job, states, wanted.anything) as queue,
        ):
            reader = _Reader(request, stream, wanted, Position.read(begin) if begin else None)
            clock = asyncio.get_running_loop().time
            looked = clock()
            while stream.is_connected():
                if clock() - looked >= LOOK_S:
                    looked = clock()
                    if not await still_in(request):
                        break
                try:
                    async with asyncio.timeout(LOOK_S):  # wait_for loses the end when a change comes with it
                        change = await queue.get()
                except TimeoutError:
                    await stream.send("", event="ping", id=reader.place)
                    continue
                if isinstance(change, Grown):
                    await reader.go_on()
                elif _concerns(change, account):
                    shown = {name: value for name, value in asdict(change).items() if name != "said"}  # it is for pages
                    await stream.send(json.dumps(masking.tree(shown)), event=kind_of(change))
    return stream


def _accounts(account: str | None) -> frozenset[str] | None:
    """Those that the caller wants to hear of, and may; None: all."""
    mine, asked = rights.allowed.get(), None if account is None else frozenset({account})
    return mine if asked is None else asked if mine is None else asked & mine


def _concerns(change: Change, account: str | None) -> bool:
    """Whether the caller wants to hear of it, and may. What is no account's counts those of all."""
    accounts, of = _accounts(account), account_of(change)
    return accounts is None or of in accounts


class _Reader:
    """Tells one stream what has happened, from where its reader is."""

    def __init__(self, request: web.Request, stream: EventStream, wanted: Wanted, begin: Position | None) -> None:
        self._request, self._stream, self._wanted = request, stream, wanted
        self._at = begin
        self._greeted = False

    @property
    def place(self) -> str | None:
        """What the reader has to come back with, if it is known yet."""
        return None if self._at is None else str(self._at)

    async def go_on(self) -> None:
        """Tell everything up to the feed's head."""
        head = self._request.app[FEED].head
        if head is None:
            return
        if self._at is None or head.behind(self._at):  # of a later database than this one, which was restored
            self._at = await in_db(self._request, news.latest, head)
        if not self._greeted:  # sets the reader's last id, and is no event
            self._greeted = True
            await self._stream.write(f"id: {self._at}\r\n\r\n".encode())
        async for each in self._behind(head):
            await self._stream.send(_told(each), event=each.kind, id=str(each.position))

    async def _behind(self, head: Position) -> AsyncIterator[News]:
        more = True
        while more and self._at is not None and self._stream.is_connected():
            page = await in_db(self._request, news.page, self._at, head, self._wanted)
            for each in page.news:
                yield each
            more = page.more
            self._at = page.end


def _told(each: News) -> str:
    """As JSON, as its reader may see it."""
    told = each.told()
    return json.dumps({**told, "data": masking.tree(told["data"])})
