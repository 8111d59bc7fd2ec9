"""What ends the waits of one message: a browser that breaks over it, and a person who writes in its chat."""

from __future__ import annotations

import asyncio

import pytest

from daemon import errors
from daemon.db import clock
from daemon.delivery import endings, moves, upkeep
from daemon.delivery.engine import Engine
from daemon.delivery.refusals import Passed
from daemon.i18n.coded import refusal
from daemon.models import Event, Message
from daemon.states import JobState, State
from tests.support.hand import job_state, states
from tests.support.scripted import Hang, ScriptedTransport, until

LOST = errors.BrowserLost("Chrome or its driver failed")
IN_USE = errors.ChatInUse("Somebody has begun to write in this chat.")


class Breaks(ScriptedTransport):
    """The browser breaks each time one of `numbers` is prepared."""

    def __init__(self, *numbers: str) -> None:
        super().__init__()
        self.numbers = numbers

    async def prepare(self, message):
        if message.number in self.numbers:
            self.calls.append(("prepare", message.number))
            raise LOST
        return await super().prepare(message)


async def test_who_breaks_the_browser_is_given_up_over_several_lives(bench):
    """A life of the sender ends after a few lost browsers; what was tried counts all the same; others are served."""
    job = bench.queue(3)
    first = bench.people(1)[0].number
    transports = []
    while job_state(job) != JobState.COMPLETED:
        assert len(transports) < 6, "it never ends"
        transports.append(Breaks(first))
        life = Engine(bench.settings, transports[-1])
        task = asyncio.create_task(life.run())
        await until(lambda task=task: task.done() or job_state(job) == JobState.COMPLETED, "it ends")
        life.stop()
        await task
    lost = sum(one.count("prepare") for one in transports) - 2
    assert ["failed", "sent", "sent"] == states(job)
    assert bench.settings.max_attempts + upkeep.LOSSES - 1 == lost


async def test_the_second_loss_counts_also_in_another_life(bench):
    """The count is kept in the history, not in the process."""
    bench.queue(1)
    bench.set(retry_after_s=3600)
    async with bench.sending(ScriptedTransport(prepare=[LOST], start=[None, Hang()])):
        await until(lambda: _backs(), "it is given back")
    async with bench.sending(ScriptedTransport(prepare=[LOST])):
        await until(lambda: len(_backs()) == 2, "it is given back again")
    assert ["release", "retry"] == [each.move for each in _backs()]
    assert (State.PENDING, 1) == (Message.get().state, Message.get().attempts)


def _backs():
    return list(Event.select().where(Event.move.in_(["release", "retry"])).order_by(Event.id))


async def test_a_chat_in_use_is_come_back_to(bench):
    """The message keeps its attempts and waits some minutes; others are sent to meanwhile."""
    bench.queue(2)
    transport = ScriptedTransport(prepare=[IN_USE])
    began = clock.now_ms()
    async with bench.sending(transport):
        await until(lambda: len(transport.out) == 1, "the other one gets theirs")
    message = Message.get()
    assert (State.PENDING, 0) == (message.state, message.attempts)
    assert began + endings.IN_USE_MS <= message.not_before <= clock.now_ms() + endings.IN_USE_MS
    assert str(IN_USE) == message.events.order_by(Event.id.desc()).get().why


@pytest.mark.parametrize(
    ("hours", "state", "wait_ms"),
    [
        (0.5, State.PENDING, 1_800_000),
        (5, State.PENDING, 3_600_000),
        (24.1, State.FAILED, None),
        (-9000, State.PENDING, 300_000),
    ],
    ids=["half-an-hour", "five-hours", "a-day", "the-clock-was-ahead"],
)
async def test_a_text_that_stays_ends_the_wait_after_a_day(bench, hours, state, wait_ms):
    """The longer it lasts the rarer it is looked at; then the message fails with the sentence that says what to do."""
    bench.queue(1)
    bench.set(retry_after_s=0)
    async with bench.sending(ScriptedTransport(prepare=[IN_USE])):
        await until(lambda: _backs(), "it waits")
    begun = clock.now_ms() - round(hours * 3_600_000)
    Event.update(at=begun).where(Event.move == "release").execute()
    Message.update(not_before=0).execute()

    transport = ScriptedTransport(prepare=[IN_USE])
    async with bench.sending(transport):
        await until(lambda: Message.get().state == State.FAILED or len(_backs()) == 2, "it is looked at once more")

    message = Message.get()
    assert state == message.state
    if wait_ms is None:
        assert str(IN_USE) == message.error
    else:
        assert abs(message.not_before - clock.now_ms() - wait_ms) < 60_000


async def test_only_a_run_of_waits_counts(hand):
    """What came of it before, for another reason or by a person's wish, is past."""
    hand.queue(1)
    message = hand.claim_one()
    once, stopped = Passed.BROWSER_BROKE_DOWN, Passed.SENDER_STOPPED
    assert (0, 0) == moves.put_aside(message, once)
    for why in (once, stopped, once, once):
        hand.clock.advance(1000)
        moves.release(message, refusal(why), hand.clock())
        message = hand.claim_one()
    assert (2, hand.clock() - 1000) == moves.put_aside(message, once)
    assert 4 == moves.put_aside(message, once, stopped)[0]
    moves.fail(message, refusal(once), hand.clock())
    assert (0, 0) == moves.put_aside(message, once)


def test_the_count_goes_by_the_code_not_by_the_words(hand):
    """Whoever words it anew is still understood; the same words without the code are somebody else's."""
    hand.queue(1)
    message = hand.claim_one()
    moves.release(message, refusal(Passed.BROWSER_BROKE_DOWN), hand.clock())
    Event.update(why="Chrome went away.").where(Event.move == "release").execute()
    message = hand.claim_one()
    assert 1 == moves.put_aside(message, Passed.BROWSER_BROKE_DOWN)[0]
    moves.release(message, str(refusal(Passed.BROWSER_BROKE_DOWN)), hand.clock())
    assert (0, 0) == moves.put_aside(message, Passed.BROWSER_BROKE_DOWN)
