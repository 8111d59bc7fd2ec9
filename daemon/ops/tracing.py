"""Traces of campaigns, from `POST /send` to the tick, made of the history: a trace for each job, in it a span for each
message, in that one for each step. So those who send do nothing for it, and it does not matter in which process, or on
which host, a step was taken. Runs in the http process, only where an address for traces is set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from daemon.config import Settings
from daemon.db.connection import write
from daemon.db.proxy import in_order, tuples
from daemon.db.settled import Horizon
from daemon.files import release
from daemon.i18n.coded import code_of
from daemon.models import Event, Job, Message, MetricPosition
from daemon.states import NOT_OUT, OUT, UNFINISHED, State
from daemon.telemetry import traces
from daemon.telemetry.traces import Span, Traces

log = structlog.get_logger()

EVERY_S = 2.0
MOST = 1_000  # lines of the history that are looked at at once
LAST_S = 3.0  # how long a look that has begun may still take at the end
STALE = 100_000  # lines behind which it begins anew: traces were off, or nobody took them
HISTORY = "traces"
STEPS = {  # what comes to its end with a move
    "claim": "queued", "submit": "prepared", "confirm": "handed over", "accept": "handed over", "tick": "accepted",
    "deliver": "delivered", "read": "read", "retry": "attempt", "fail": "attempt", "lose": "attempt",
    "bounce": "accepted", "expire": "accepted", "release": "released", "requeue": "looked up", "skip": "queued",
    "cancel": "queued", "part": "part",
}  # fmt: skip
_ENDED = OUT | NOT_OUT | {State.ACCEPTED}


class Tracing:
    """Goes through the history; one in a process."""

    def __init__(self, settings: Settings, to: Traces | None = None) -> None:
        self.traces = to or Traces.to(settings.otlp_endpoint, release.version())
        self._share = settings.otlp_ratio
        self._horizon = Horizon(Event)

    def advance(self, now: int) -> bool:
        """Export what has happened since, at most MOST lines; whether there is more."""
        ends = self._horizon.look()
        if ends is None:
            return False
        (end,) = ends
        row = MetricPosition.get_or_none(MetricPosition.history == HISTORY)
        begin = row.position if row else end
        if not row or not 0 <= end - begin <= STALE:
            _begin(end)
            return False
        until = min(end, begin + MOST)
        spans = list(_spans(begin, until, self._share)) if begin < until else []
        with write():
            there = (MetricPosition.history == HISTORY, MetricPosition.position == begin)
            if not MetricPosition.update(position=until).where(*there).execute():
                return True  # another process was first
        self.traces.export(spans)
        return until < end

    async def run(self, timed: Callable[..., Any]) -> None:
        """Export every few seconds until cancelled. timed: runs work on a database thread, with the time."""
        look: asyncio.Future[bool] | None = None
        try:
            while True:
                try:
                    while await asyncio.shield(look := asyncio.ensure_future(timed(self.advance))):
                        pass
                except Exception:
                    log.exception("traces.failed")
                await asyncio.sleep(EVERY_S)
        finally:
            if look:  # its lines are not looked at again, and what comes of them would not be taken after the end
                await asyncio.wait([look], timeout=LAST_S)
            await asyncio.to_thread(self.traces.close)


def _begin(end: int) -> None:
    """Go on from there."""
    with write():
        new = MetricPosition.insert(history=HISTORY, position=end)
        new.on_conflict(conflict_target=[MetricPosition.history], update={MetricPosition.position: end}).execute()


def _spans(begin: int, end: int, share: float) -> Iterator[Span]:
    """Those that end with the lines between. share: of the messages that are traced."""
    mine = Event.select(Event.message).where(Event.id > begin, Event.id <= end, Event.move != "enqueue").distinct()
    with in_order():
        ids = [message_id for (message_id,) in tuples(mine) if traced(message_id, share)]
        lines = Event.select().where(Event.message.in_(ids), Event.id <= end).order_by(Event.message, Event.id)
        columns = (Message.id, Message.account, Job.id, Job.created_at)
        about = {row[0]: row[1:] for row in tuples(Message.select(*columns).join(Job).where(Message.id.in_(ids)))}
        found = list(lines) if ids else []
    before: dict[int, Event] = {}
    first: dict[int, int] = {}
    for line in found:
        message_id = line.message_id
        last = before.get(message_id)
        before[message_id] = line
        first.setdefault(message_id, line.at)
        if line.id <= begin or message_id not in about or last is None:
            continue
        yield from _of_line(line, last.at, first[message_id], *about[message_id])


def traced(message_id: int, share: float) -> bool:
    """Whether this message is among those that are traced; the same wherever it is asked."""
    return traces.span_of(0, f"message {message_id}") / 2**64 < share


def _of_line(line: Event, since: int, first: int, account: str, job_id: int, created_at: int) -> Iterator[Span]:
    """The step that the line ends, and the message itself where it has come to an end."""
    trace = traces.trace_of(job_id, created_at)
    message = traces.span_of(trace, f"message {line.message_id}")
    source, target = State(line.source or line.target), State(line.target)
    failed = (code_of(line.coded) or "failed") if target in NOT_OUT else None
    known: dict[str, str | int] = {
        "wasender.account": account,
        "wasender.job_id": job_id,
        "wasender.message_id": line.message_id,
    }
    step = STEPS.get(line.move, line.move)
    told = known | {"wasender.move": line.move, "wasender.state": line.target}
    yield Span(step, trace, traces.span_of(trace, f"line {line.id}"), message, since, line.at, told, failed)
    if source in UNFINISHED and target in _ENDED:
        whole = known | {"wasender.state": line.target}
        yield Span("message", trace, message, traces.span_of(trace, traces.REQUEST), first, line.at, whole, failed)
