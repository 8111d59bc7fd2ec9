"""One recipient, or one file, that brings the code down: others are served, and it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from daemon import errors
from daemon.campaigns import lifecycle, progress
from daemon.contacts import uploads
from daemon.db import clock
from daemon.delivery import breaker, canary, claim, engine, job_moves, moves, replies, rescue
from daemon.delivery.engine import Engine
from daemon.models import Attachment, Message
from daemon.states import AccountState, Finding, Hold, JobState
from daemon.transports.protocol import Heard, Lookup, Said
from tests.support.hand import account, job_state, states
from tests.support.scripted import RECEIPT, Hang, ScriptedTransport, until

FIRST, SECOND = "+4915110000000", "+4915110000001"
SECRET = "Anna Smith, Hello"


def unforeseen() -> Exception:
    return KeyError(SECRET)


class Poisoned(ScriptedTransport):
    """One that breaks in a way unexpectedly, in one phase, with one recipient or with all."""

    def __init__(self, phase: str, number: str | None = FIRST, **script: list[Any]) -> None:
        super().__init__(**script)
        self.phase, self.number = phase, number

    async def _next(self, method: str, number: str, default: Any) -> Any:
        if method == self.phase and number and self.number in (number, None):
            self.calls.append((method, number))
            raise unforeseen()
        return await super()._next(method, number, default)


def crashes(lines: Any) -> list[Any]:
    return [line for line in lines if line["event"] == "work.crashed"]


async def test_before_the_hand_over_it_counts_as_a_try_and_the_next_one_is_served(bench: Any) -> None:
    """It fails with its kind, after as many tries as anybody has; nothing of its text is told anywhere."""
    job = bench.queue(3)
    transport = Poisoned("prepare")
    with structlog.testing.capture_logs() as lines:
        await bench.run_out(transport, job)

    assert ["failed", "sent", "sent"] == states(job)
    first = Message.get_by_id(1)
    assert 3 == first.attempts
    assert "unexpectedly (KeyError, test_poison.py line" in first.error
    assert ["frames" in line for line in crashes(lines)] == [True] + [False] * (transport.count("prepare") - 3)
    assert SECRET not in str(lines) + first.error
    assert crashes(lines)[0]["frames"][-1].endswith("in _next")


async def test_after_it_the_chat_is_asked(bench: Any) -> None:
    """It may be out: it was, and nobody gets it twice."""
    job = bench.queue(2)
    transport = Poisoned("hand_over", look_up=[Lookup(Finding.SENT, "it is in the chat", RECEIPT)])
    await bench.run_out(transport, job)

    assert ["sent", "sent"] == states(job)
    assert 1 == sum(call == ("hand_over", FIRST) for call in transport.calls)


async def test_a_look_up_that_breaks_each_time_leaves_it_to_a_person(bench: Any) -> None:
    """After as many looks as tell nothing; before, the account stood still for ever."""
    job = bench.queue(2)
    transport = Poisoned("look_up", hand_over=[errors.SubmitUnknown("no tick")])
    await bench.run_out(transport, job)

    assert ["uncertain", "sent"] == states(job)
    assert 3 == transport.count("look_up")


async def test_what_cannot_be_written_down_is_left_to_a_person(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt that the database does not take: WhatsApp has the message, so it is not sent again."""
    job = bench.queue(2)
    real = moves.confirm

    def confirm(message: Message, *rest: Any, **terms: Any) -> None:
        if message.number == FIRST:
            raise unforeseen()
        real(message, *rest, **terms)

    monkeypatch.setattr(moves, "confirm", confirm)
    transport = ScriptedTransport(look_up=[Lookup(Finding.SENT, "it is in the chat", RECEIPT)] * 5)
    await bench.run_out(transport, job)

    assert ["uncertain", "sent"] == states(job)
    assert [FIRST, SECOND] == transport.out


async def test_when_it_happens_with_everybody_the_account_holds(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The breaker ends it: nobody has lost a try, and all get theirs when it is over."""
    monkeypatch.setattr(breaker, "FIRST_HOLD_MS", 50)
    job = bench.queue(8)
    transport = Poisoned("prepare", None)
    async with bench.sending(transport):
        held = await until(lambda: seen if (seen := account()).hold == Hold.FAILURES else None, "it holds")
        transport.phase = ""
        await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on by itself")

    assert AccountState.HELD == held.state
    assert "unexpectedly" in held.detail
    assert ["sent"] * 8 == states(job)


async def test_somebody_whose_answer_breaks_the_code_does_not_stop_the_account(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is heard between two messages is nobody's failure who is to get one."""

    def take(*_: Any, **__: Any) -> None:
        raise unforeseen()

    monkeypatch.setattr(replies, "take", take)
    transport = ScriptedTransport(unread=[[]], overheard=[[Heard(SECOND, (Said("1", False, SECRET),))]])
    with structlog.testing.capture_logs() as lines:
        await bench.run_out(transport, bench.queue(2))

    assert "listen" in {line["work"] for line in crashes(lines)}
    assert ["sent", "sent"] == states(job_moves.job(1))


async def test_a_canary_that_breaks_holds_the_account(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other that does not come back."""
    monkeypatch.setattr(canary, "AGAIN_MS", 50)
    bench.set(canary="+4915119999999")
    transport = Poisoned("prepare", "+4915119999999")
    async with bench.sending(transport):
        held = await until(lambda: seen if (seen := account()).hold == Hold.CANARY else None, "it holds")
    assert "unexpectedly" in held.detail


@pytest.fixture
def file(bench: Any, tmp_path: Path) -> Callable[[str], str]:
    """A factory of attachments; gives the id."""

    def add(name: str) -> str:
        part = tmp_path / f"{name}.part"
        part.write_bytes(name.encode())
        added: str = uploads.add_attachment(bench.settings, part, name, now=0).id
        return added

    return add


def gone(bench: Any, one: str) -> Path:
    """Take the file away; where it was."""
    place = uploads.attachment_path(bench.settings, one)
    place.rename(place.with_name("away"))
    return place


async def test_a_job_whose_file_is_gone_waits_for_a_person(bench: Any, file: Any) -> None:
    """It is paused and says why; nobody has lost a place or a try, other jobs go on, and it goes on when resumed."""
    one = file("a.pdf")
    job = bench.queue(3, attachments=[one])
    place = gone(bench, one)
    other = bench.queue(1, first=50)
    transport = ScriptedTransport()
    async with bench.sending(transport):
        await until(lambda: job_state(job) == JobState.PAUSED, "it is paused")
        await until(lambda: job_state(other) == JobState.COMPLETED, "the other one goes on")
        shown = progress.progress(bench.settings, job_moves.job(job.id), clock.now_ms())
        assert ("paused", 3) == (shown.status, shown.pending)
        assert "missing or damaged: restore it" in shown.reason
        assert {0} == {message.attempts for message in Message.select().where(Message.job == job)}
        place.with_name("away").rename(place)
        lifecycle.resume(job.id, "test", clock.now_ms())
        await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on")
    assert ["sent"] * 3 == states(job)
    assert job_moves.job(job.id).reason is None
    assert 1 == transport.count("prepare") - 3


async def test_a_file_of_another_size_is_not_sent(bench: Any, file: Any) -> None:
    """A power cut may have left half of it."""
    one = file("a.pdf")
    job = bench.queue(1, attachments=[one])
    uploads.attachment_path(bench.settings, one).write_bytes(b"")
    transport = ScriptedTransport()
    async with bench.sending(transport):
        await until(lambda: job_state(job) == JobState.PAUSED, "it is paused")
    assert 0 == transport.count("prepare")


async def test_one_who_has_no_file_of_their_own_goes_without_and_two_pause_the_job(bench: Any, file: Any) -> None:
    """One may be damaged; when the next one's is missing, too, it is not theirs but the folder's trouble."""
    job = bench.queue(5)
    ids = [file(f"{n}.pdf") for n in range(5)]
    for message, one in zip(Message.select().order_by(Message.id), ids, strict=True):
        Message.update(attachments=[one]).where(Message.id == message.id).execute()
    for n in (0, 2, 3):
        uploads.attachment_path(bench.settings, ids[n]).unlink()
    async with bench.sending(ScriptedTransport()):
        await until(lambda: job_state(job) == JobState.PAUSED, "it is paused")
    assert ["failed", "sent", "failed", "pending", "pending"] == states(job)
    assert "missing or damaged" in Message.get_by_id(1).error


async def test_what_may_be_out_is_looked_for_without_its_file(bench: Any, file: Any) -> None:
    """Its name will do; and without even that, a person decides. Before, the sender crashed over it for ever."""
    one = file("a.pdf")
    job = bench.queue(1, attachments=[one])
    async with bench.sending(ScriptedTransport(hand_over=[hang := Hang()])):
        await until(hang.entered.is_set, "it is handed over")
    gone(bench, one)
    transport = ScriptedTransport(look_up=[Lookup(Finding.SENT, "it is in the chat", RECEIPT)])
    await bench.run_out(transport, job)
    assert ["sent"] == states(job)

    again = bench.queue(2, first=10, attachments=[file("b.pdf")])
    async with bench.sending(ScriptedTransport(hand_over=[hang := Hang()])):
        await until(hang.entered.is_set, "it is handed over")
    Attachment.delete().execute()
    async with bench.sending(ScriptedTransport()):
        await until(lambda: job_state(again) == JobState.PAUSED, "the rest waits")
    assert ["uncertain", "pending"] == states(again)


@pytest.mark.parametrize("work", ["health", "claim", "rescue"])
async def test_the_loop_outlives_what_nobody_foresaw(bench: Any, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """A look, a claim or a rescue that fails is made again; each is one line with its kind, and the campaign ends."""
    job, failures = bench.queue(2), [unforeseen() for _ in range(engine.MOST_CRASHES - 1)]
    transport = ScriptedTransport(health=failures if work == "health" else [])
    if work != "health":
        module = {"claim": claim, "rescue": rescue}[work]
        original = getattr(module, work)

        def fail_first(*arguments: Any, **terms: Any) -> Any:
            if failures:
                raise failures.pop()
            return original(*arguments, **terms)

        monkeypatch.setattr(module, work, fail_first)
    with structlog.testing.capture_logs() as lines:
        async with bench.sending(transport) as (running, _):
            await until(lambda: transport.count("health"), "it runs")
            running._rescued_at = 0.0  # it is time for a rescue
            await until(lambda: not failures and job_state(job) == JobState.COMPLETED, "it goes on")

    assert ["sent", "sent"] == states(job)
    assert engine.MOST_CRASHES - 1 == len(crashes(lines))
    assert SECRET not in str(lines)


async def test_the_loop_ends_where_it_never_works_again(bench: Any) -> None:
    """Then supervisord starts another process; the one that ended has closed its transport and given the account up."""
    transport = ScriptedTransport()
    transport.health_now = unforeseen()
    sender = Engine(bench.settings, transport)
    with pytest.raises(KeyError):
        await sender.run()

    assert engine.MOST_CRASHES == transport.count("health")
    assert "close" == transport.calls[-1][0]
    assert account().owner is None
