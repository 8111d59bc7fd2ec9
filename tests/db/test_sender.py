"""The sender's loop with a scripted transport: what each failure in each phase comes to."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory
from daemon.campaigns import lifecycle, progress
from daemon.db import clock
from daemon.delivery import job_moves, upkeep
from daemon.delivery.engine import Engine
from daemon.models import Message
from daemon.states import AccountState, Finding, Hold, JobState, State
from daemon.transports.browser.refusals import Lacking
from daemon.transports.protocol import Health, Lookup, Mark
from tests.support.hand import account, job_state, states
from tests.support.scripted import Hang, ScriptedTransport, until
from tests.support.sending import ABSENT, FIRST, SECOND, SENT, UNKNOWN, moves, only

WAITING = Lookup(Finding.WAITING, "it is on the clock")
FAILED = Lookup(Finding.FAILED, "an error is beside it")


async def test_a_job_is_sent_in_order_to_everybody_once(bench):
    """The everyday case."""
    job = bench.queue(5)
    transport = ScriptedTransport()
    await bench.run_out(transport, job)
    assert [person.number for person in bench.people(5)] == transport.out
    assert ["sent"] * 5 == states(job)
    assert ["prepare", "hand_over"] * 5 == [name for name, _ in transport.order("prepare", "hand_over")]


async def test_it_waits_for_the_login_however_long_it_takes_and_then_sends(bench):
    """No timeout, no failure; meanwhile the job says what it waits for, and the QR payload is there to draw."""
    job = bench.queue(2)
    transport = ScriptedTransport()
    transport.health_now = Health(AccountState.NEEDS_LINK, qr="2@secret")
    async with bench.sending(transport):
        await until(lambda: transport.count("health") > 50, "it keeps looking")
        shown = progress.progress(bench.settings, job_moves.job(job.id), clock.now_ms())
        assert (progress.WAITING, 2, None) == (shown.status, shown.pending, shown.eta)
        assert "scan the QR code" in shown.reason
        assert "2@secret" == account().qr
        assert 0 == transport.count("prepare")

        transport.health_now = Health(AccountState.READY)
        await until(lambda: job_state(job) == JobState.COMPLETED)
        assert account().qr is None
    assert ["sent", "sent"] == states(job)


@pytest.mark.parametrize(
    "state",
    [
        Health(AccountState.OFFLINE),
        Health(AccountState.LOADING),
        Health(AccountState.HELD, Hold.CONFLICT, detail="WhatsApp is open in another window."),
        Health(AccountState.BANNED, Hold.TEMPORARY_BAN, 4_000_000_000_000),
    ],
    ids=lambda health: health.state.value,
)
async def test_an_account_that_cannot_send_keeps_everybody_in_the_queue(bench, state):
    """It is nobody's failure; sending goes on by itself."""
    job = bench.queue(1)
    transport = ScriptedTransport()
    transport.health_now = state
    async with bench.sending(transport):
        await until(lambda: account().state == state.state)
        assert (state.hold, state.until_ms, state.detail) == (account().hold, account().until, account().detail)
        shown = progress.progress(bench.settings, job_moves.job(job.id), clock.now_ms())
        assert progress.WAITING == shown.status and shown.reason
        transport.health_now = Health(AccountState.READY)
        await until(lambda: job_state(job) == JobState.COMPLETED)
    assert 1 == only().attempts


async def test_whoever_cannot_get_it_has_failed_with_the_reason(bench):
    """Once, and at once: the next one gets theirs."""
    job = bench.queue(2)
    transport = ScriptedTransport(prepare=[errors.Undeliverable("This number is not on WhatsApp.")])
    await bench.run_out(transport, job)
    first, second = Message.select().order_by(Message.id)
    assert (State.FAILED, 1, "This number is not on WhatsApp.") == (first.state, first.attempts, first.error)
    assert State.SENT == second.state
    assert [SECOND] == transport.out


@pytest.mark.parametrize("phase", ["prepare", "hand_over"])
async def test_what_was_surely_not_sent_is_tried_three_times(bench, phase):
    """Then it has failed, with the last reason."""
    job = bench.queue(1)
    transport = ScriptedTransport(**{phase: [errors.NotSubmitted(f"try {n}") for n in (1, 2, 3)]})
    await bench.run_out(transport, job)
    assert (State.FAILED, 3, "try 3") == (only().state, only().attempts, only().error)
    assert 3 == transport.count(phase)
    assert [] == transport.out


async def test_whoever_is_held_up_past_their_turn_takes_another_one(bench):
    """A number has its speed, and what the database has held up would go out all at once. The wait for it is twice as
    long each time: at last it goes."""
    job = bench.queue(1)
    late = [Mark("before", turn_at=time.monotonic() - ago_s) for ago_s in (60.0, 60.0)]
    transport = ScriptedTransport(prepare=[*late, lambda: Mark("before", turn_at=time.monotonic() - 1.0)])
    await bench.run_out(transport, job)
    message = only()
    assert (3, [FIRST]) == (transport.count("prepare"), transport.out)
    assert (State.SENT, 1) == (message.state, message.attempts)
    assert ["enqueue", "claim", "submit", "confirm"] == moves(message)


async def test_what_failed_once_succeeds_the_second_time(bench):
    """The error does not stay with a message that was sent."""
    job = bench.queue(1)
    await bench.run_out(ScriptedTransport(prepare=[errors.NotSubmitted("no")]), job)
    assert (State.SENT, 2, None) == (only().state, only().attempts, only().error)


async def test_an_account_that_becomes_unready_costs_nobody_an_attempt(bench):
    """Released, and tried again when the account can send."""
    job = bench.queue(1)
    transport = ScriptedTransport(prepare=[errors.AccountUnready("logged out")] * 4)
    await bench.run_out(transport, job)
    assert (State.SENT, 1) == (only().state, only().attempts)
    assert ["enqueue", *["claim", "release"] * 4, "claim", "submit", "confirm"] == moves(only())


async def test_a_browser_lost_before_submit_costs_nobody_an_attempt(bench):
    """The transport is started anew, and the message goes out once."""
    job = bench.queue(1)
    transport = ScriptedTransport(prepare=[errors.BrowserLost("Chrome has died")])
    await bench.run_out(transport, job)
    assert (State.SENT, 1) == (only().state, only().attempts)
    assert ["start", "close", "start"] == [name for name, _ in transport.order("start", "close")][:3]
    assert [FIRST] == transport.out


@pytest.mark.parametrize("phase", ["prepare", "hand_over"])
async def test_a_message_that_breaks_the_browser_each_time_does_not_block_the_others(bench, phase):
    """The second time counts as tried in vain, and the account goes on with the next."""
    bench.set(retry_after_s=3600)
    bench.queue(2)
    transport = ScriptedTransport(**{phase: [errors.BrowserLost("Chrome has died")] * 2}, look_up=[ABSENT] * 2)
    async with bench.sending(transport):
        await until(lambda: transport.out == [SECOND], "the second one gets theirs")
    first = Message.get(Message.number == FIRST)
    assert (State.PENDING, 1) == (first.state, first.attempts)
    assert "retry" == moves(first)[-1]


@pytest.mark.parametrize(
    "error", [errors.BrowserLost("Chrome has died"), errors.SubmitUnknown("no tick"), errors.AccountUnready("?")]
)
async def test_what_may_be_out_is_looked_up_before_anything_else_is_sent(bench, error):
    """It is in the chat: confirmed, and sent once."""
    job = bench.queue(2)
    transport = ScriptedTransport(hand_over=[error], look_up=[SENT])
    await bench.run_out(transport, job)
    assert [("hand_over", FIRST), ("look_up", FIRST), ("prepare", SECOND), ("hand_over", SECOND)] == transport.order(
        "prepare", "hand_over", "look_up"
    )[1:]
    assert ["sent", "sent"] == states(job)
    assert "id-1" == Message.get().transport_id


async def test_after_a_crash_what_is_provably_not_out_is_queued_again(bench):
    """The attempt is given back: the crash was not the recipient's fault."""
    job = bench.queue(1)
    transport = ScriptedTransport(hand_over=[errors.BrowserLost("Chrome has died")], look_up=[ABSENT])
    await bench.run_out(transport, job)
    assert (State.SENT, 1) == (only().state, only().attempts)
    assert ["enqueue", "claim", "submit", "requeue", "claim", "submit", "confirm"] == moves(only())
    assert [FIRST] == transport.out


@pytest.mark.parametrize(("finding", "why"), [(ABSENT, "never appeared"), (FAILED, "says it was not sent")])
async def test_without_a_crash_what_is_not_out_counts_as_a_try(bench, finding, why):
    """Else a message that never arrives would be tried for ever."""
    job = bench.queue(1)
    transport = ScriptedTransport(hand_over=[errors.SubmitUnknown("no tick")] * 3, look_up=[finding] * 3)
    await bench.run_out(transport, job)
    assert (State.FAILED, 3) == (only().state, only().attempts)
    assert why in only().error


async def test_what_nobody_can_tell_is_left_to_a_person(bench):
    """Three looks that tell nothing: uncertain, never sent again by itself; the others go on."""
    job = bench.queue(2)
    transport = ScriptedTransport(hand_over=[errors.SubmitUnknown("no tick")], look_up=[UNKNOWN] * 3)
    await bench.run_out(transport, job)
    assert ["uncertain", "sent"] == states(job)
    assert UNKNOWN.evidence == Message.get().error
    assert 3 == transport.count("look_up")
    assert [SECOND] == transport.out


async def test_a_message_on_the_clock_holds_the_account_until_its_tick_comes(bench):
    """Held with the reason, nothing else goes out; then confirmed, and the hold is lifted."""
    job = bench.queue(2)
    transport = ScriptedTransport(hand_over=[errors.SubmitUnknown("no tick")], look_up=[WAITING] * 5)
    hang = Hang(SENT)
    transport.script["look_up"].append(hang)
    async with bench.sending(transport):
        await asyncio.wait_for(hang.entered.wait(), 60)
        assert (AccountState.HELD, Hold.STUCK_ON_CLOCK) == (account().state, account().hold)
        assert progress.WAITING == progress.progress(bench.settings, job_moves.job(job.id), clock.now_ms()).status
        assert 1 == transport.count("prepare")
        hang.let_go()
        await until(lambda: job_state(job) == JobState.COMPLETED)
        await until(lambda: account().state == AccountState.READY, "the hold is lifted")
    assert ["sent", "sent"] == states(job)


async def test_a_lookup_waits_for_an_account_that_cannot_look(bench):
    """Logged out in between: the message stays `sending`, and is looked up when it can be."""
    job = bench.queue(1)
    transport = ScriptedTransport(
        hand_over=[errors.SubmitUnknown("no tick")], look_up=[errors.AccountUnready("logged out")] * 5 + [SENT]
    )
    await bench.run_out(transport, job)
    assert ["enqueue", "claim", "submit", "confirm"] == moves(only())


async def test_a_browser_lost_during_a_lookup_is_started_anew_and_asked_again(bench):
    """No outcome is invented."""
    job = bench.queue(1)
    transport = ScriptedTransport(
        hand_over=[errors.SubmitUnknown("no tick")], look_up=[errors.BrowserLost("gone"), SENT]
    )
    await bench.run_out(transport, job)
    assert (State.SENT, 2) == (only().state, transport.count("start"))


async def test_a_browser_that_does_not_stay_up_ends_the_process(bench):
    """supervisord then starts sender and Chrome anew; everybody keeps their place."""
    bench.queue(1)
    transport = ScriptedTransport(start=[errors.BrowserLost("no")] * upkeep.MAX_RESTARTS)
    async with bench.sending(transport) as (_, task):
        assert 1 == await asyncio.wait_for(task, 60)
    assert upkeep.MAX_RESTARTS == transport.count("start")
    assert (State.PENDING, 0) == (only().state, only().attempts)


async def test_a_browser_that_hangs_now_and_then_is_forgiven_after_a_success(bench):
    """Only restarts in a row count."""
    job = bench.queue(8)
    lost: list[Any] = []
    for _ in range(8):
        lost += [errors.BrowserLost("hangs"), Mark("before")]
    await bench.run_out(ScriptedTransport(prepare=lost), job)
    assert ["sent"] * 8 == states(job)


@pytest.mark.parametrize("error", [errors.SetupError(Lacking.NO_CHROME), errors.AccountInUse("another sender")])
async def test_what_a_restart_cannot_mend_is_raised_at_start(bench, error):
    """`main` prints it as one line; what the account holds is left to its sender."""
    bench.queue(1)
    transport = ScriptedTransport(start=[error])
    with pytest.raises(type(error)):
        await Engine(bench.settings, transport).run()
    assert "close" == transport.calls[-1][0]
    assert State.PENDING == only().state


async def test_after_a_dry_run_a_real_sender_asks_before_it_sends(bench):
    """Its campaign waits until somebody resumes it; then it goes out."""
    directory.open_account("default", clock.now_ms(), dry_run=True)
    bench.set(transport="dryrun")
    job = bench.queue(1)
    async with bench.sending(ScriptedTransport()):
        await until(lambda: JobState.PAUSED == job_moves.job(job.id).state)
        assert State.PENDING == only().state
        lifecycle.resume(job.id, "Ada", clock.now_ms())
        await until(lambda: State.SENT == only().state)


async def test_how_long_a_send_takes_is_measured(bench):
    """From before it is prepared to its tick: the end of a campaign is reckoned with it."""

    class Slow(ScriptedTransport):
        async def hand_over(self, *given: Any, **more: Any) -> Any:
            await asyncio.sleep(0.2)
            return await super().hand_over(*given, **more)

    job = bench.queue(2)
    await bench.run_out(Slow(), job)
    assert 200 <= account().send_ms <= 30_000
