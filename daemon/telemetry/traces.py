"""Traces for OpenTelemetry, off unless an address is set; its packages (the extra `otel`) are loaded only then.

Whose span a span belongs to is reckoned from the ids of jobs and messages, so nothing has to be handed from the http
process to senders, and what is exported twice is the same span.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

NEEDS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
PATH = "/v1/traces"
SERVICE = "wasender"
REQUEST = "request"
MS = 1_000_000  # in nanoseconds


@dataclass(frozen=True)
class Span:
    """Something that took time. ids: of its trace and its own; parent: 0 for the first of a trace; times: UTC ms;
    failed: why, by code. attributes: no text, no number."""

    name: str
    trace: int
    id: int
    parent: int
    start: int
    end: int
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    failed: str | None = None


def trace_of(job_id: int, created_at: int) -> int:
    """The trace of a job: another one in another installation, as jobs are made at other times there."""
    return _hashed(f"job {job_id} {created_at}", 16)


def span_of(trace: int, what: str) -> int:
    """The id of a span of that trace."""
    return _hashed(f"{trace:032x} {what}", 8)


def _hashed(text: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big") or 1


@dataclass(frozen=True)
class Made:
    """A job that a request has made."""

    job_id: int
    created_at: int
    account: str
    total: int


_made: ContextVar[list[Made] | None] = ContextVar("made", default=None)


@contextmanager
def noting() -> Iterator[list[Made]]:
    """The jobs that are made in here, also on threads that this context is handed to."""
    found: list[Made] = []
    token = _made.set(found)
    try:
        yield found
    finally:
        _made.reset(token)


def made(job_id: int, created_at: int, account: str, total: int) -> None:
    """A job has been made: noted where somebody wants to know."""
    if (noted := _made.get()) is not None:
        noted.append(Made(job_id, created_at, account, total))


def request(route: str, status: int, job: Made, since: int, until: int) -> Span:
    """The request that made a job: what its messages belong to. route: such as `POST /send`."""
    trace = trace_of(job.job_id, job.created_at)
    told: dict[str, str | int] = {"http.route": route.partition(" ")[2], "http.response.status_code": status}
    told |= {"wasender.account": job.account, "wasender.job_id": job.job_id, "wasender.messages": job.total}
    return Span(route, trace, span_of(trace, REQUEST), 0, since, until, told)


def missing() -> str | None:
    """What has to be installed first; None: nothing."""
    for name in NEEDS:
        try:
            if importlib.util.find_spec(name) is None:
                return name
        except ModuleNotFoundError:
            return name
    return None


class Traces:
    """Where spans go. exporter: an OpenTelemetry `SpanExporter`."""

    def __init__(self, exporter: Any, release: str) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import IdGenerator

        class Planned(IdGenerator):
            """Gives out ids that were reckoned."""

            trace = span = 0

            def generate_trace_id(self) -> int:
                return self.trace

            def generate_span_id(self) -> int:
                return self.span

        self._planned, self._one_by_one = Planned(), threading.Lock()
        resource = Resource.create({"service.name": SERVICE, "service.version": release})
        self._provider = TracerProvider(resource=resource, id_generator=self._planned, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE)

    @classmethod
    def to(cls, address: str, release: str) -> Traces:
        """To a collector, by OTLP over HTTP. address: such as `http://localhost:4318`."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return cls(OTLPSpanExporter(endpoint=address.rstrip("/") + PATH), release)

    def export(self, spans: Iterable[Span]) -> None:
        """Hand them over; they are sent a little later, on a thread of OpenTelemetry's."""
        from opentelemetry import trace
        from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

        for each in spans:
            context = None
            if each.parent:
                of = SpanContext(each.trace, each.parent, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
                context = trace.set_span_in_context(NonRecordingSpan(of))
            kind = SpanKind.INTERNAL if each.parent else SpanKind.SERVER
            with self._one_by_one:
                self._planned.trace, self._planned.span = each.trace, each.id
                told = dict(each.attributes)
                made = self._tracer.start_span(each.name, context, kind, told, start_time=each.start * MS)
            if each.failed is not None:
                made.set_status(Status(StatusCode.ERROR, each.failed))
            made.end(max(each.end, each.start) * MS)

    def close(self) -> None:
        """Send what is left; waits for the collector for some seconds at most."""
        self._provider.force_flush(3_000)
        self._provider.shutdown()
