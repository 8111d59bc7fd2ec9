"""The sender when it is told to stop, when it loses its lease, and when the database is away."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon import errors
from daemon.accounts import directory, limits, pacing
from daemon.campaigns import create, lifecycle, progress
from daemon.db import clock
from daemon.db.refusals import Unsent as OfDb
from daemon.delivery import claim as claiming
from daemon.delivery import interruptions, job_moves, owner, timing
from daemon.delivery import moves as message_moves
from daemon.delivery.engine import Engine
from daemon.files import trouble
from daemon.models import Event, Job, Message, Quarter, Tally
from daemon.states import JobState, State
from daemon.transports.protocol import Mark
from tests.support.hand import account, fresh, states
from tests.support.scripted import Hang, ScriptedTransport, until
from tests.support.sending import ABSENT, FIRST, SECOND, SENT, UNKNOWN, moves, only


async def test_stop_during_the_pause_between_two_messages_returns_at_once(bench):
    """Nobody waits a long pause to restart the daemon."""
    bench.set(delay_min=3600, delay_max=3600)
    bench.queue(2)
    transport = ScriptedTransport()
    async with bench.sending(transport) as (running, task):
        await until(lambda: states(job_moves.job(1)) == ["sent", "pending"])
        running.stop()
        assert 0 == await asyncio.wait_for(task, 2)
    assert [FIRST] == transport.out


async def test_stop_while_a_message_is_prepared_releases_it(bench):
    """Nothing has left: it is queued again, its attempt given back."""
    bench.queue(1)
    hang = Hang()
    transport = ScriptedTransport(prepare=[hang])
    async with bench.sending(transport) as (running, task):
        await asyncio.wait_for(hang.entered.wait(), 60)
        running.stop()
        assert 0 == await asyncio.wait_for(task, 2)
    assert (State.PENDING, 0) == (only().state, only().attempts)
    assert ["enqueue", "claim", "release"] == moves(only())


async def test_stop_lets_a_hand_over_finish(bench, monkeypatch):
    """It has a grace; what is confirmed in it is written down."""
    monkeypatch.setattr(timing, "STOP_GRACE_S", 10.0)
    bench.queue(2)
    hang = Hang()
    transport = ScriptedTransport(hand_over=[hang])
    async with bench.sending(transport) as (running, task):
        await asyncio.wait_for(hang.entered.wait(), 60)
        running.stop()
        hang.let_go()
        assert 0 == await asyncio.wait_for(task, 60)
    assert ["sent", "pending"] == states(job_moves.job(1))


async def test_a_hand_over_that_outlasts_the_grace_is_looked_up_in_the_next_life(bench):
    """It stays `sending`; the next sender asks the chat before anything else, and sends nothing twice."""
    job = bench.queue(2)
    hang = Hang()
    async with bench.sending(ScriptedTransport(hand_over=[hang])) as (running, task):
        await asyncio.wait_for(hang.entered.wait(), 60)
        running.stop()
        assert 0 == await asyncio.wait_for(task, 60)
    assert ["sending", "pending"] == states(job)

    transport = ScriptedTransport(look_up=[SENT])
    await bench.run_out(transport, job)
    assert [("look_up", FIRST), ("prepare", SECOND), ("hand_over", SECOND)] == transport.order(
        "prepare", "hand_over", "look_up"
    )
    assert ["sent", "sent"] == states(job)


@pytest.mark.parametrize(("how", "expected"), [(lifecycle.pause, State.PENDING), (lifecycle.stop, State.CANCELLED)])
async def test_a_job_paused_or_stopped_while_a_message_is_prepared_sends_nothing(bench, how, expected):
    """The move to `sending` is refused, and the message goes back, or is cancelled."""
    job = bench.queue(1)
    hang = Hang()
    transport = ScriptedTransport(prepare=[hang])
    async with bench.sending(transport):
        await asyncio.wait_for(hang.entered.wait(), 60)
        how(job.id, "test", clock.now_ms())
        hang.let_go()
        await until(lambda: only().state == expected)
    assert 0 == transport.count("hand_over")
    assert 0 == only().attempts


async def test_a_sender_that_lost_its_lease_hands_nothing_over(bench):
    """Another one may have it in hand already."""
    bench.queue(1)
    hang = Hang()
    transport = ScriptedTransport(prepare=[hang])
    async with bench.sending(transport):
        await asyncio.wait_for(hang.entered.wait(), 60)
        Message.update(lease="another", lease_until=clock.now_ms() + 3_600_000).execute()
        hang.let_go()
        await until(lambda: transport.count("health") > 10)
        looked = transport.count("health")
        await until(lambda: transport.count("health") > looked + 10, "the loop goes on")
    assert 0 == transport.count("hand_over")
    assert (State.CLAIMED, "another") == (only().state, only().lease)


async def test_a_lease_lost_during_the_hand_over_is_not_written_over(bench):
    """Whoever took it over decides what became of it."""
    bench.queue(1)
    hang = Hang()
    transport = ScriptedTransport(hand_over=[hang])
    async with bench.sending(transport):
        await asyncio.wait_for(hang.entered.wait(), 60)
        Message.update(lease="another", lease_until=clock.now_ms() + 3_600_000).execute()
        hang.let_go()
        await until(lambda: transport.out)
        looked = transport.count("health")
        await until(lambda: transport.count("health") > looked + 5, "the loop goes on")
    assert (State.SENDING, "another") == (only().state, only().lease)


async def test_the_heartbeat_renews_the_lease_of_a_slow_send(bench, monkeypatch):
    """And says meanwhile that the sender lives."""
    bench.queue(1)
    hang = Hang()
    transport = ScriptedTransport(hand_over=[hang])
    async with bench.sending(transport):
        await asyncio.wait_for(hang.entered.wait(), 60)
        lease_until, seen_at = only().lease_until, account().seen_at
        await until(lambda: only().lease_until > lease_until, "the lease is renewed")
        await until(lambda: account().seen_at > seen_at, "the account is alive")
        hang.let_go()
        await until(lambda: only().state == State.SENT)


async def test_a_full_disk_ends_no_heartbeat(bench, monkeypatch):
    """That the installation runs cannot be noted: leases are renewed all the same, and it is told once."""
    running, failed = [], []

    def beat(self: Any, now: int) -> None:
        if running:
            failed.append(now)
            with trouble.told():
                raise OSError(errno.ENOSPC, "No space left on device", "/data/.interrupted")

    monkeypatch.setattr(interruptions.Presence, "beat", beat)
    bench.queue(1)
    hang = Hang()
    with capture_logs() as lines:
        async with bench.sending(ScriptedTransport(hand_over=[hang])) as (engine, task):
            await asyncio.wait_for(hang.entered.wait(), 60)
            running.append(engine)
            lease_until = only().lease_until
            await until(lambda: only().lease_until > lease_until + 2_000, "its lease is renewed")
            assert engine.context.owning.holds()
            hang.let_go()
            job = bench.queue(1, first=1)
            await until(lambda: states(job) == ["sent"], "others go out")
            assert not task.done()
    assert len(failed) > 5
    (told,) = [line for line in lines if line["event"] == "heartbeat.failed"]
    assert "No space left on device" in told["reason"]


async def test_a_beat_that_fails_for_an_unforeseen_reason_is_followed_by_others(bench, monkeypatch):
    """Whatever it was, the leases are renewed by the next one."""
    real, failed = message_moves.extend, []

    def extend(*given: Any) -> list[Message]:
        if len(failed) < 2:
            failed.append(given)
            raise ZeroDivisionError
        return real(*given)

    monkeypatch.setattr(message_moves, "extend", extend)
    bench.queue(1)
    hang = Hang()
    async with bench.sending(ScriptedTransport(hand_over=[hang])):
        await asyncio.wait_for(hang.entered.wait(), 60)
        lease_until = only().lease_until
        await until(lambda: only().lease_until > lease_until, "the lease is renewed")
        hang.let_go()
        await until(lambda: only().state == State.SENT)
    assert 2 == len(failed)


async def test_a_sender_without_a_heartbeat_ends(bench, monkeypatch):
    """It would lose its leases: supervisord has to start another one."""

    async def beat(_self: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Engine, "_beat", beat)
    bench.queue(1)
    async with bench.sending(ScriptedTransport()) as (_, task):
        assert 1 == await asyncio.wait_for(task, 60)


async def test_without_the_account_nothing_is_claimed(bench, monkeypatch):
    """It is not surely ours, as its lease could not be renewed: what is claimed would go back at once, for ever."""
    monkeypatch.setattr(owner.Owning, "holds", lambda _: False)
    bench.queue(1)
    transport = ScriptedTransport()
    async with bench.sending(transport):
        await until(lambda: transport.count("health") > 20, "it goes on")
    assert ["enqueue"] == moves(only())


async def test_after_a_lost_lease_there_is_a_pause(bench, monkeypatch):
    """Else a message whose lease is lost each time would be claimed and given back without end. Also where the machine
    was started a moment ago, from when its clock counts."""
    started = time.monotonic()
    monkeypatch.setattr(timing, "monotonic", lambda: time.monotonic() - started)
    monkeypatch.setattr(timing, "LOOK_S", 3_600.0)
    bench.queue(1)
    transport = ScriptedTransport(hand_over=[errors.LeaseLost("It ran out.")] * 100)
    async with bench.sending(transport) as (running, _):
        await until(lambda: moves(only())[-1] == "requeue", "it is given back")
        running.wake()
        await asyncio.sleep(0.5)
        running.wake()
        await asyncio.sleep(0.5)
    assert ["enqueue", "claim", "submit", "requeue"] == moves(only())


async def test_what_no_living_sender_holds_is_taken_back_also_later(bench):
    """A message whose outcome could not be written down is looked up once its lease has run out."""
    bench.queue(1)
    transport = ScriptedTransport(look_up=[SENT])
    lifecycle.pause(1, "test", clock.now_ms())
    async with bench.sending(transport) as (running, _):
        await until(lambda: transport.count("health") > 2)
        lifecycle.resume(1, "test", clock.now_ms())
        await until(lambda: transport.out)
        await until(lambda: only().state == State.SENT)
        mark = Mark("before").dumps()
        Message.update(state=State.SENDING, lease="lost", lease_until=1, mark=mark).execute()
        Job.update(sent=0, sending=1, state=JobState.RUNNING, completed_at=None).execute()
        Tally.delete().execute()
        Quarter.delete().execute()
        event = {"message": 1, "at": 1, "who": "test", "move": "claim", "source": "sent", "target": "sending"}
        Event.create(**event)
        running._rescued_at = -1e9
        await until(lambda: only().state == State.SENT, "it is looked up")
    assert [("look_up", FIRST)] == transport.order("look_up")


async def test_a_busy_database_at_submit_costs_nothing(bench, monkeypatch):
    """The claim is given back and made anew; before, the message hung in the hand until a restart."""
    job = bench.queue(1)
    real, refused = message_moves.submit, []

    def submit(*given: Any, **terms: Any) -> None:
        if not refused:
            refused.append(given)
            raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")
        real(*given, **terms)

    monkeypatch.setattr(message_moves, "submit", submit)
    transport = ScriptedTransport()
    await bench.run_out(transport, job)
    assert ["enqueue", "claim", "release", "claim", "submit", "confirm"] == moves(only())
    assert [FIRST] == transport.out


async def test_an_outcome_is_written_down_when_the_database_answers_again(bench, monkeypatch):
    """It is asked again and again: the receipt is not lost, and nothing is sent twice."""
    job = bench.queue(1)
    real, refused = message_moves.confirm, []

    def confirm(*given: Any, **terms: Any) -> None:
        if len(refused) < 3:
            refused.append(given)
            raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")
        real(*given, **terms)

    monkeypatch.setattr(message_moves, "confirm", confirm)
    transport = ScriptedTransport()
    await bench.run_out(transport, job)
    assert (3, [FIRST]) == (len(refused), transport.out)
    assert State.SENT == only().state


async def test_a_database_that_is_away_for_a_while_stops_nothing_for_good(bench, monkeypatch):
    """The loop goes on by itself."""
    job = bench.queue(1)
    real, refused = claiming.claim, []

    def claim(*given: Any, **terms: Any) -> list[Message]:
        if len(refused) < 3:
            refused.append(given)
            raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")
        return real(*given, **terms)

    monkeypatch.setattr(claiming, "claim", claim)
    await bench.run_out(ScriptedTransport(), job)
    assert 3 == len(refused)


async def test_the_pause_is_counted_from_the_end_of_a_send(bench):
    """A slow send does not eat it up; and every tenth pause is a long one."""
    bench.set(long_pause_every=2, long_pause_min=1000, long_pause_max=1000)
    bench.queue(3)
    async with bench.sending(ScriptedTransport()):
        await until(lambda: states(job_moves.job(1)) == ["sent", "sent", "pending"])
        sent_at = Message.get_by_id(2).sent_at
        await until(lambda: 1_000_000 <= account().next_send_at - sent_at < 1_010_000)
        assert ("long_pause", 0) == (account().next_reason, account().streak)
        assert "long_pause" == progress.progress(bench.settings, job_moves.job(1), clock.now_ms()).next_reason


async def test_single_failures_do_not_hold_the_account(bench):
    """A success in between starts the count anew, and so does somebody who cannot be reached."""
    job = bench.queue(20)
    outcomes: list[Any] = []
    for n in range(10):
        outcomes += [errors.NotSubmitted("no"), Mark("before") if n % 2 else errors.Undeliverable("not on WhatsApp")]
    await bench.run_out(ScriptedTransport(prepare=outcomes), job)
    assert {"sent", "failed"} == set(states(job))


async def test_a_sender_that_dies_with_messages_in_hand_is_followed_by_one_that_clears_up(bench):
    """Both kinds of death at once: the claimed one simply goes out, the other one is asked about first."""
    job = bench.queue(3)
    directory.open_account("default", clock.now_ms())
    sending, claimed = claiming.claim("default", 2, clock.now_ms(), 3_600_000, limits.rules(bench.settings))
    message_moves.submit(sending, Mark("before"), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
    transport = ScriptedTransport(look_up=[UNKNOWN, SENT])
    await bench.run_out(transport, job)
    assert ["look_up", "look_up", "prepare"] == [name for name, _ in transport.order("look_up", "prepare")][:3]
    assert [claimed.number, "+4915110000002"] == transport.out
    assert State.SENT == fresh(sending).state


async def test_people_get_their_own_text(bench):
    """The template is filled in with their fields, and the number."""
    recipients = [{"number": FIRST, "name": "Ada"}, {"number": SECOND, "name": "Bo"}]
    texts = []

    class Noting(ScriptedTransport):
        def prepare(self, message: Any) -> Awaitable[Mark]:
            texts.append((message.number, message.text, message.attachments))
            return super().prepare(message)

    order = create.Order("Dear {{ name }}, you have {{ number }}", recipients=recipients)
    answer = create.create(bench.settings, order, "test", clock.now_ms())
    await bench.run_out(Noting(), job_moves.job(answer.job_id))
    assert [(FIRST, f"Dear Ada, you have {FIRST}", ()), (SECOND, f"Dear Bo, you have {SECOND}", ())] == texts


async def test_without_a_lock_that_proves_a_death_a_person_decides(bench):
    """The silent sender may only sleep, and send when it wakes: no look into the chat could exclude that."""
    job = bench.queue(1)
    (message,) = claiming.claim("default", 1, clock.now_ms() - 10_000, 1, limits.rules(bench.settings))
    message_moves.submit(message, Mark("before"), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
    transport = ScriptedTransport(look_up=[ABSENT])
    transport.exclusive = False
    await bench.run_out(transport, job)
    assert (State.UNCERTAIN, 0, []) == (only().state, transport.count("look_up"), transport.out)


@pytest.mark.parametrize("error", [errors.NotSubmitted("no"), errors.Undeliverable("not on WhatsApp")])
async def test_a_message_that_could_not_be_prepared_is_followed_by_a_pause(bench, error):
    """Its chat was opened: number after number without a pause is how machines probe for accounts."""
    bench.queue(2, delay_min=600, delay_max=600)
    transport = ScriptedTransport(prepare=[error])
    async with bench.sending(transport):
        await until(lambda: transport.count("health") > 50, "it goes on")
    assert (1, 600_000) == (transport.count("prepare"), account().next_send_at - account().paced_at)


class Asking(ScriptedTransport):
    """One that notes whether the message is still its sender's, as is asked right before the click."""

    def __init__(self, **script: list[Any]) -> None:
        super().__init__(**script)
        self.held: list[bool] = []
        self.ask: Any = None

    async def hand_over(self, message: Any, mark: Mark, held: Any = None) -> Any:
        self.ask = held
        self.held.append(held())
        return await super().hand_over(message, mark)


@pytest.fixture
def boot_clock(monkeypatch):
    """The clock that messages' leases are trusted by; it stands still until it is moved. The account is ours all the
    time, and so not what says that a message may be somebody else's."""
    now = [1000.0]
    monkeypatch.setattr(timing, "clock", lambda: now[0])
    monkeypatch.setattr(owner.Owning, "holds", lambda _: True)
    return now


async def test_a_claim_that_was_answered_late_is_not_trusted_longer(bench, boot_clock, monkeypatch):
    """The lease began when the claim was made, not when its answer came: by then it has run out."""
    bench.set(lease_s=600)
    real = claiming.claim

    def slow(*given: Any, **terms: Any) -> list[Message]:
        claimed = real(*given, **terms)
        boot_clock[0] += 601
        return claimed

    monkeypatch.setattr(claiming, "claim", slow)
    monkeypatch.setattr(timing, "REPORT_S", 60.0)  # no heartbeat comes in between and renews the lease
    bench.queue(1)
    transport = Asking()
    async with bench.sending(transport):
        await until(lambda: transport.held, "it is about to click")
    assert [False] == transport.held[:1]


async def test_a_renewal_that_was_answered_late_is_not_trusted_longer(bench, boot_clock, monkeypatch):
    """The same of the heartbeat's."""
    real, renewed = message_moves.extend, []

    def slow(*given: Any, **terms: Any) -> list[Message]:
        kept = real(*given, **terms)
        boot_clock[0] += 6
        renewed.append(kept)
        return kept

    monkeypatch.setattr(message_moves, "extend", slow)
    bench.queue(1)
    hang = Hang()
    transport = Asking(hand_over=[hang])
    async with bench.sending(transport):
        await until(lambda: len(renewed) > 2 and all(renewed), "it is renewed")
        assert not transport.ask()
        hang.let_go()
