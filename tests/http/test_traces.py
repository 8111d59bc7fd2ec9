"""Traces, from `POST /send` to the tick: of http and sender, in one trace."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from typing import Any

import peewee
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from daemon import http
from daemon.accounts import directory, pacing
from daemon.config import load
from daemon.db import clock
from daemon.delivery import claim as claiming
from daemon.delivery import moves
from daemon.errors import ConfigError
from daemon.models import Event, Message, MetricPosition
from daemon.ops import tracing
from daemon.ops.tracing import Tracing, traced
from daemon.states import Ack
from daemon.telemetry import traces
from daemon.telemetry.traces import Traces
from daemon.transports.protocol import Mark, Receipt
from tests.conftest import ROOT
from tests.http.conftest import KEY, Caller


def claim() -> Message:
    directory.open_account("default", clock.now_ms())
    (message,) = claiming.claim("default", 1, clock.now_ms(), 60_000, pacing.Rules())
    return message


def send_one() -> None:
    message = claim()
    moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
    moves.confirm(message, Receipt("id-1", Ack.DELIVERED), clock.now_ms())


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a collector would get."""
    found = InMemorySpanExporter()
    monkeypatch.setattr(traces, "missing", lambda: None)
    monkeypatch.setattr(Traces, "to", classmethod(lambda cls, address, release: cls(found, release)))
    yield found


@pytest.fixture
async def app(exporter: Any, make_settings: Any, database: str, aiohttp_client: Any) -> Any:
    return await aiohttp_client(http.make_app(make_settings(otlp_endpoint="http://localhost:4318"), KEY))


async def spans(app: Any, exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    """All that was exported, after all of the history was looked at."""
    its = app.app[http.TRACING]
    while its.advance(clock.now_ms()):
        pass
    its.traces._provider.force_flush()
    return list(exporter.get_finished_spans())


async def test_a_message_is_one_trace_from_the_request_to_the_tick(app: Any, exporter: InMemorySpanExporter) -> None:
    """Each step under its message, and that under the request; no number and no text in it."""
    await spans(app, exporter)  # from here on
    order = {"numbers": ["+4915112345678"], "message": "Dear Anna"}
    job_id = (await Caller(app, KEY).post("/send", order))["job_id"]
    send_one()
    found = {span.name: span for span in await spans(app, exporter)}
    assert {"POST /send", "message", "queued", "prepared", "handed over", "delivered"} == set(found)
    assert 1 == len({span.context.trace_id for span in found.values()})
    request, message = found["POST /send"], found["message"]
    assert request.parent is None
    assert message.parent.span_id == request.context.span_id
    for step in ("queued", "prepared", "handed over", "delivered"):
        assert found[step].parent.span_id == message.context.span_id
    assert request.attributes == {
        "http.route": "/send", "http.response.status_code": 200, "wasender.account": "default",
        "wasender.job_id": job_id, "wasender.messages": 1,
    }  # fmt: skip
    assert message.start_time == found["queued"].start_time
    assert found["queued"].end_time == found["prepared"].start_time
    assert message.end_time == found["handed over"].end_time
    for text in ("Anna", "15112345678"):
        assert text not in "".join(span.to_json() for span in found.values())


async def test_it_is_exported_by_itself(
    exporter: InMemorySpanExporter, make_settings: Any, database: str, aiohttp_client: Any, monkeypatch: Any
) -> None:
    """Beside the requests, and what is left when the process ends."""
    monkeypatch.setattr(tracing, "EVERY_S", 0.01)
    app = await aiohttp_client(http.make_app(make_settings(otlp_endpoint="http://localhost:4318"), KEY))
    async with asyncio.timeout(60):
        while not MetricPosition.select().where(MetricPosition.history == tracing.HISTORY).count():
            await asyncio.sleep(0.01)
        await Caller(app, KEY).post("/send", {"numbers": ["+4915112345678"], "message": "Dear Anna"})
        send_one()
        newest = Event.select(peewee.fn.MAX(Event.id)).scalar()
        while MetricPosition.get(MetricPosition.history == tracing.HISTORY).position < newest:
            await asyncio.sleep(0.01)
    await app.close()
    assert {"POST /send", "message"} < {span.name for span in exporter.get_finished_spans()}


async def test_a_look_that_has_begun_is_exported_before_the_end(app: Any, exporter: InMemorySpanExporter) -> None:
    """Its lines are not looked at a second time."""
    await spans(app, exporter)
    await Caller(app, KEY).post("/send", {"numbers": ["+4915112345678"], "message": "Dear Anna"})
    send_one()
    its, looks, ends = app.app[http.TRACING], asyncio.Event(), asyncio.Event()

    async def timed(advance: Any) -> bool:
        looks.set()
        await ends.wait()
        more: bool = advance(clock.now_ms())
        return more

    running = asyncio.create_task(its.run(timed))
    await looks.wait()
    running.cancel()
    await asyncio.sleep(0)
    ends.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "message" in {span.name for span in exporter.get_finished_spans()}


async def test_what_fails_says_why_by_code(app: Any, exporter: InMemorySpanExporter) -> None:
    """In the status of the step and of the message."""
    await spans(app, exporter)
    await Caller(app, KEY).post("/send", {"numbers": ["+4915112345678"], "message": "Dear Anna"})
    moves.fail(claim(), "Anna's number is wrong", clock.now_ms())
    found = {span.name: span for span in await spans(app, exporter)}
    assert ["ERROR", "ERROR"] == [found[name].status.status_code.name for name in ("attempt", "message")]
    assert "Anna" not in "".join(span.to_json() for span in found.values())


async def test_only_a_share_is_traced_and_the_same_one_everywhere(make_settings: Any, exporter: Any) -> None:
    """Whoever looks, and however often."""
    chosen = [traced(number, 0.1) for number in range(10_000)]
    assert 800 < sum(chosen) < 1_200
    assert chosen == [traced(number, 0.1) for number in range(10_000)]
    assert all(traced(number, 1.0) for number in range(1_000))


async def test_another_process_exports_nothing_twice(
    app: Any, exporter: InMemorySpanExporter, make_settings: Any
) -> None:
    """What one has taken is not taken by the other."""
    await spans(app, exporter)
    other = Tracing(make_settings(otlp_endpoint="http://localhost:4318"))
    await Caller(app, KEY).post("/send", {"numbers": ["+4915112345678"], "message": "Dear Anna"})
    send_one()
    await spans(app, exporter)
    while other.advance(clock.now_ms()):
        pass
    other.traces._provider.force_flush()
    ids = [span.context.span_id for span in exporter.get_finished_spans()]
    assert len(ids) == len(set(ids))
    assert 1 == Message.select().count()


def test_nothing_is_loaded_where_traces_are_off() -> None:
    """OpenTelemetry is named in one file, inside of what is only called where an address is set."""
    for path in (ROOT / "daemon").rglob("*.py"):
        tree = ast.parse(path.read_text())
        inner = {id(node) for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) for node in ast.walk(each)}
        for node in ast.walk(tree):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.startswith("opentelemetry") for name in names):
                assert (path.name, True) == ("traces.py", id(node) in inner)


def test_without_its_packages_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """At the start, and not when the first span is due."""
    monkeypatch.setattr(traces, "NEEDS", ("opentelemetry.sdk", "opentelemetry.nothing_of_the_kind"))
    with pytest.raises(ConfigError, match=r"wasender\[otel\]"):
        load(_env_file=None, data_dir=tmp_path, otlp_endpoint="http://localhost:4318")
    assert "" == load(_env_file=None, data_dir=tmp_path).otlp_endpoint
