"""A message of several parts: each has its own mark and hand-over, and none goes out twice, whatever breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import cloning, create, fitting, lifecycle, queries
from daemon.contacts import suppression, uploads
from daemon.db import clock
from daemon.db.connection import write
from daemon.delivery import parts, receipts
from daemon.delivery.duties import doubts
from daemon.models import Account, Event, Handover, Job, Message
from daemon.states import Ack, Finding, JobState, State, Status
from daemon.transports.protocol import Lookup, Mark, Outgoing, Receipt, StatusUpdate
from tests.support.attachments import a_png
from tests.support.hand import job_state
from tests.support.scripted import Hang, ScriptedTransport, until
from tests.support.sending import ABSENT, UNKNOWN, moves

NAMES = ["plan.pdf", "map.png", "terms.pdf"]


class Chat(ScriptedTransport):
    """What arrives in the one chat, by the names of files. A hand-over that breaks off has arrived if `arrives` says
    so."""

    def __init__(self, arrives: bool = False, **script: list[Any]) -> None:
        super().__init__(**script)
        self.arrived: list[str] = []
        self.sought: list[tuple[str, str | None]] = []
        self._arrives = arrives

    async def prepare(self, message: Outgoing) -> Mark:
        await super().prepare(message)
        return Mark(f"after {len(self.arrived)}")

    async def hand_over(self, message: Outgoing, mark: Mark, held: Any = None) -> Receipt:
        name = message.attachments[0].filename
        assert mark == Mark(f"after {len(self.arrived)}")
        try:
            await self._next("hand_over", message.number, None)
        except errors.DaemonError:
            self.arrived += [name] if self._arrives else []
            raise
        self.arrived.append(name)
        return Receipt(f"id of {name}", Ack.DELIVERED if name == NAMES[0] else Ack.SENT)

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        name = message.attachments[0].filename
        self.sought.append((name, mark.last_own))
        found = await self._next("look_up", message.number, None)
        if found is not None:
            return found
        if name in self.arrived:
            return Lookup(Finding.SENT, "it is there", Receipt(f"id of {name}", Ack.SENT))
        return ABSENT


@pytest.fixture
def job(bench: Any, tmp_path: Path) -> Job:
    """A document, a picture and another document, for one person."""
    ids = []
    for at, name in enumerate(NAMES):
        place = tmp_path / f"part-{at}"
        place.write_bytes(a_png(at) if name.endswith("png") else b"%PDF-1.4 " + name.encode())
        ids.append(uploads.add_attachment(bench.settings, place, name, now=0).id)
    queued: Job = bench.queue(1, attachments=ids)
    return queued


def state() -> tuple[str, list[str]]:
    message = Message.get()
    return message.state, [each.state for each in parts.shown(message.id, message.state)]


async def test_each_part_is_handed_over_after_the_one_before_it(bench: Any, job: Job) -> None:
    """The message is sent when all have their ticks, and counts once; its history tells of each."""
    chat = Chat()
    await bench.run_out(chat, job)
    message = Message.get()
    assert NAMES == chat.arrived
    assert ("sent", ["sent"] * 3) == state()
    assert ("id of terms.pdf", 1, 1) == (message.transport_id, message.attempts, Handover.select().count())
    assert ["enqueue", "claim", "submit", "part", "part", "part", "confirm"] == moves(message)
    told = [event.why for event in Event.select().where(Event.move == "part").order_by(Event.id)]
    assert [f"Part {at} of 3 is sent: {name}." for at, name in enumerate(NAMES, 1)] == told
    assert receipts.of_another(message, "id of plan.pdf")


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("at", range(3))
async def test_after_a_crash_only_what_is_missing_goes_out(bench: Any, job: Job, at: int, arrives: bool) -> None:
    """Wherever it strikes: the chat is asked about the part in doubt alone, after that part's own mark."""
    chat = Chat(arrives, hand_over=[None] * at + [errors.BrowserLost("Chrome is gone.")])
    await bench.run_out(chat, job)
    assert NAMES == chat.arrived
    assert [(NAMES[at], f"after {at}")] == chat.sought
    assert ("sent", ["sent"] * 3) == state()
    assert 1 == Handover.select().count()


@pytest.mark.parametrize("sent", [True, False])
async def test_a_part_in_doubt_makes_the_message_uncertain_and_says_which(bench: Any, job: Job, sent: bool) -> None:
    """A person decides about that part; the ones after it follow, the one before it does not come again."""
    chat = Chat(sent, hand_over=[None, errors.SubmitUnknown("no tick")], look_up=[UNKNOWN] * 3)
    async with bench.sending(chat):
        await until(lambda: Message.get().state == State.UNCERTAIN, "it is uncertain")
        message = Message.get()
        assert "It is unclear whether part 2 of 3 was sent (map.png): the chat does not load" == message.error
        assert ("uncertain", ["sent", "uncertain", "pending"]) == state()
        lifecycle.settle(message.id, sent, "a person", clock.now_ms())
        await until(lambda: Message.get().state == State.SENT, "the rest is sent")
    assert NAMES == chat.arrived
    assert ("sent", ["sent"] * 3) == state()


async def test_a_duplicate_says_who_gets_a_part_again(bench: Any, job: Job) -> None:
    """Of those who failed with a part of theirs out; to retry them sends the rest only."""
    bench.set(max_attempts=2)
    await bench.run_out(Chat(prepare=[None, errors.NotSubmitted("no menu"), errors.NotSubmitted("no menu")]), job)
    assert (1, 1) == (Job.get_by_id(job.id).failed, cloning.in_part(queries.job(job.id)))
    for people, said in (("failed", True), ("all", True)):
        order = cloning.order(job.id, people, 0, cloning.Changed())
        made = create.create(bench.settings, order, "test", clock.now_ms())
        assert said == made.note.startswith("Already got a part of the message, and get all of it again: 1. Retry")
        assert 0 == cloning.in_part(queries.job(made.job_id))


@pytest.mark.parametrize("method", ["prepare", "hand_over"])
async def test_another_sender_goes_on_where_the_first_was_stopped(bench: Any, job: Job, method: str) -> None:
    """Between two parts nothing is in doubt; in the middle of one the chat is asked."""
    chat, hang = Chat(), Hang()
    chat.script[method] = [None, hang]
    async with bench.sending(chat):
        await until(lambda: hang.entered.is_set(), "the second part is begun")
    assert NAMES[:1] == chat.arrived
    second = Chat()
    second.arrived = chat.arrived
    await bench.run_out(second, job)
    assert NAMES == second.arrived
    assert (method == "hand_over") == bool(second.sought)


async def test_a_part_that_cannot_be_prepared_is_tried_again_alone(bench: Any, job: Job) -> None:
    """As often as a message is; what is out stays out, and counts against the caps."""
    bench.set(max_attempts=2)
    chat = Chat(prepare=[None, errors.NotSubmitted("no menu"), errors.NotSubmitted("no menu")])
    await bench.run_out(chat, job)
    assert NAMES[:1] == chat.arrived
    assert ("failed", ["sent", "pending", "pending"]) == state()
    assert 1 == Handover.select().count()
    lifecycle.retry(job.id, "a person", clock.now_ms())
    again = Chat()
    again.arrived = chat.arrived
    await bench.run_out(again, job)
    assert NAMES == again.arrived
    assert 1 == Handover.select().count()


async def test_nothing_follows_a_stop_but_a_pause_lets_it_finish(bench: Any, job: Job) -> None:
    """Whoever writes STOP after the first part gets no second one."""
    hang = Hang()
    chat = Chat()
    chat.script["prepare"] = [None, hang, None]
    async with bench.sending(chat):
        await until(lambda: hang.entered.is_set(), "the second part is begun")
        with write():
            suppression.put(Message.get().number, "asked to stop", "reply", clock.now_ms())
        hang.let_go()
        await until(lambda: job_state(job) == JobState.COMPLETED, "it ends")
    assert NAMES[:1] == chat.arrived
    assert ("failed", ["sent", "pending", "pending"]) == state()
    assert "suppression list" in Message.get().error


async def test_of_a_stopped_job_nobody_has_got_what_never_went_out(bench: Any, job: Job) -> None:
    """A person says that the part in doubt was sent: the ones after it stay, and the message is no sent one."""
    chat = Chat(True, hand_over=[None, errors.SubmitUnknown("no tick")], look_up=[UNKNOWN] * 3)
    async with bench.sending(chat):
        await until(lambda: Message.get().state == State.UNCERTAIN, "it is uncertain")
    Job.update(state=JobState.STOPPED).where(Job.id == job.id).execute()  # by a person, with others still waiting
    Account.update(removed_at=clock.now_ms()).execute()  # with its campaigns: the decision is still to be made
    with pytest.raises(errors.IllegalMove):
        lifecycle.settle(Message.get().id, False, "a person", clock.now_ms())
    lifecycle.settle(Message.get().id, True, "a person", clock.now_ms())
    assert ("cancelled", ["sent", "sent", "cancelled"]) == state()
    assert "Only a part of it was sent: the campaign was stopped before the rest." == Message.get().error
    assert (None, 1) == (Message.get().sent_at, Handover.select().count())
    assert NAMES[:2] == chat.arrived


async def test_of_a_stopped_job_the_last_part_makes_it_a_sent_message(bench: Any, job: Job) -> None:
    """Nothing is left that could follow."""
    chat = Chat(True, hand_over=[None, None, errors.SubmitUnknown("no tick")], look_up=[UNKNOWN] * 3)
    async with bench.sending(chat):
        await until(lambda: Message.get().state == State.UNCERTAIN, "it is uncertain")
    Job.update(state=JobState.STOPPED).where(Job.id == job.id).execute()  # by a person, with others still waiting
    lifecycle.settle(Message.get().id, True, "a person", clock.now_ms())
    assert ("sent", ["sent"] * 3) == state()


async def test_a_part_that_is_found_after_a_stop_is_the_last_one(bench: Any, job: Job) -> None:
    """Chrome is gone in the second, and the campaign is stopped meanwhile: the chat has it, and that is all."""
    hang = Hang()
    chat = Chat(True, hand_over=[None, errors.BrowserLost("Chrome is gone.")])
    chat.script["look_up"] = [hang]
    async with bench.sending(chat):
        await until(lambda: hang.entered.is_set(), "the chat is asked")
        lifecycle.stop(job.id, "a person", clock.now_ms())
        hang.let_go()
        await until(lambda: Message.get().state == State.CANCELLED, "it is cancelled")
    assert ("cancelled", ["sent", "sent", "cancelled"]) == state()
    assert "Only a part of it was sent" in Message.get().error


async def test_a_paused_job_finishes_the_message_in_hand(bench: Any, job: Job) -> None:
    """Half a message is nobody's wish."""
    hang = Hang()
    chat = Chat()
    chat.script["prepare"] = [None, hang]
    async with bench.sending(chat):
        await until(lambda: hang.entered.is_set(), "the second part is begun")
        lifecycle.pause(job.id, "a person", clock.now_ms())
        hang.let_go()
        await until(lambda: Message.get().state == State.SENT, "it is sent")
    assert NAMES == chat.arrived


async def test_a_message_that_an_earlier_version_handed_over_is_looked_for_as_a_whole(bench: Any, job: Job) -> None:
    """It knew no parts, so that nothing is known of them: what is not found as it was sent is a person's to decide."""
    message = Message.select(Message, Job).join(Job).get()
    Message.update(state=State.SENDING, lease="gone", lease_until=1, mark=Mark("before").dumps(), attempts=1).execute()
    Job.update(state=JobState.RUNNING, pending=0, sending=1).execute()
    for source, target, move in (("pending", "claimed", "claim"), ("claimed", "sending", "submit")):
        Event.create(message=message, at=1, who="sender", move=move, source=source, target=target)
    chat = Chat(look_up=[UNKNOWN] * 3)
    async with bench.sending(chat):
        await until(lambda: Message.get().state == State.UNCERTAIN, "it is uncertain")
    assert [] == chat.arrived
    assert {("plan.pdf", "before")} == set(chat.sought)


async def test_a_part_on_the_clock_has_the_patience_that_a_message_has(bench: Any, job: Job, monkeypatch: Any) -> None:
    """Counted from its own hand-over: the parts before it may have taken long."""
    monkeypatch.setattr(doubts, "SETTLE_S", 0.0)
    monkeypatch.setattr(doubts, "ASIDE_S", 0.0)
    hang, chat = Hang(), Chat()
    chat.script["hand_over"] = [None, hang]
    async with bench.sending(chat):
        await until(lambda: hang.entered.is_set(), "the second part is on its way")
    Message.update(submitted_at=Message.submitted_at - 2 * 3_600_000).execute()
    second = Chat(look_up=[Lookup(Finding.WAITING, "it is on the clock")] * 3)
    second.arrived = [*NAMES[:2]]
    await bench.run_out(second, job)
    assert NAMES == second.arrived


def test_a_combination_of_files_is_taken(bench: Any, job: Job) -> None:
    """Whatever kinds they are of."""
    assert fitting.unfit(["document", "photo", "audio"]) is None


async def test_a_retry_sends_the_last_part_alone_and_no_other_one_twice(bench: Any, job: Job) -> None:
    """What was not delivered of the message is its last part; where it is another one, the message fails again."""
    await bench.run_out(Chat(), job)
    for part, again in ((None, [NAMES[2]]), (1, [])):
        told = StatusUpdate(Status.FAILED, clock.now_ms(), f"id of {NAMES[part or 2]}", Message.get().id, part=part)
        receipts.take("default", [told], clock.now_ms())
        assert State.FAILED == state()[0]
        chat = Chat()
        lifecycle.retry(job.id, "test", clock.now_ms())
        await bench.run_out(chat, job)
        assert again == chat.arrived
    assert (State.FAILED, ["sent", "failed", "sent"]) == state()
    error = Message.get().error
    assert "Part 2 of 3 was not delivered (map.png): WhatsApp accepted" in error
    assert "message. A retry" not in error and "A retry cannot send that part alone" in error
