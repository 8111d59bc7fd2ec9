"""WhatsApp's server refuses a message, which proves that nothing was sent: whose trouble it is decides what follows."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.contacts import suppression
from daemon.delivery.trouble import REFUSED_LIMIT
from daemon.errors import Blame
from daemon.models import Message, Suppression
from daemon.states import JobState, State
from tests.support.hand import job_state
from tests.support.scripted import RECEIPT, ScriptedTransport, until
from tests.support.sending import only

PHASES = ("prepare", "hand_over")


def refused(blame: Blame, wait_ms: int = 0) -> errors.Refused:
    return errors.Refused("It is refused.", blame, wait_ms)


@pytest.mark.parametrize("phase", PHASES)
async def test_a_recipients_own_trouble_fails_them_alone(bench, phase):
    """At once, with the reason, and never as a doubt."""
    job = bench.queue(2)
    transport = ScriptedTransport(**{phase: [refused(Blame.RECIPIENT)]})
    await bench.run_out(transport, job)
    first, second = Message.select().order_by(Message.id)
    assert (State.FAILED, 1, "It is refused.", State.SENT) == (first.state, first.attempts, first.error, second.state)
    assert 0 == transport.count("look_up")


async def test_who_has_stopped_marketing_gets_nothing_more(bench):
    """WhatsApp refuses it for that: they are on the list with the move; others who are refused are not."""
    first = bench.queue(2)
    stopped = errors.Refused("They have stopped it.", Blame.RECIPIENT, opted_out=True)
    await bench.run_out(ScriptedTransport(hand_over=[stopped, refused(Blame.RECIPIENT)]), first)
    message = Message.get(Message.error == "They have stopped it.")
    (entry,) = Suppression.select()
    assert (message.number, suppression.WHATSAPP) == (entry.number, entry.source)
    second = bench.queue(2)
    transport = ScriptedTransport()
    await bench.run_out(transport, second)
    states = {each.number: each.state for each in Message.select().where(Message.job == second.id)}
    assert (State.SKIPPED, 1) == (states[message.number], len(transport.out))


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("blame", [Blame.NOBODY, Blame.ACCOUNT])
async def test_what_is_nobodys_trouble_uses_no_attempt(bench, phase, blame):
    """However often it happens; it is sent in the end, once."""
    job = bench.queue(1)
    transport = ScriptedTransport(**{phase: [refused(blame) for _ in range(7)]})
    await bench.run_out(transport, job)
    assert (State.SENT, 1, 1) == (only().state, only().attempts, len(transport.out))


async def test_a_message_waits_as_long_as_it_is_told_to(bench):
    """Only this one: the next goes out meanwhile."""
    bench.queue(2)
    transport = ScriptedTransport(hand_over=[refused(Blame.NOBODY, 3_600_000)])
    async with bench.sending(transport):
        await until(lambda: transport.out, "the other one is sent")
    first, second = Message.select().order_by(Message.id)
    assert (State.PENDING, 0, True) == (first.state, first.attempts, first.not_before > first.submitted_at + 3_500_000)
    assert State.PENDING != second.state


@pytest.mark.parametrize("phase", PHASES)
async def test_a_campaigns_trouble_pauses_it_and_nobody_fails(bench, phase):
    """Everybody keeps their place; another campaign goes on."""
    job, other = bench.queue(3), bench.queue(1, first=100)
    transport = ScriptedTransport(**{phase: [refused(Blame.CAMPAIGN)]})
    await bench.run_out(transport, other)
    assert (JobState.PAUSED, JobState.COMPLETED) == (job_state(job), job_state(other))
    of_job = Message.select().where(Message.job == job.id)
    assert [(State.PENDING, 0)] * 3 == [(each.state, each.attempts) for each in of_job]


async def test_one_refusal_after_the_other_for_one_reason_pauses_the_campaign(bench):
    """It is the campaign's trouble, or ours; a single message that goes through in between shows that it is not."""
    job = bench.queue(2 * REFUSED_LIMIT + 5)
    always = [refused(Blame.RECIPIENT) for _ in range(2 * REFUSED_LIMIT)]
    transport = ScriptedTransport(hand_over=[*always[1:REFUSED_LIMIT], RECEIPT, *always[REFUSED_LIMIT:]])
    async with bench.sending(transport):
        await until(lambda: job_state(job) == JobState.PAUSED, "it is paused")
    assert 2 * REFUSED_LIMIT - 1 == Message.select().where(Message.state == State.FAILED).count()
