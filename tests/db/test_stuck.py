"""A message that waits for WhatsApp's tick past its deadline: the page is loaded anew, and the others are served."""

from __future__ import annotations

from typing import Any

import pytest

from daemon import errors
from daemon.accounts import commands
from daemon.accounts.commands import What
from daemon.db import clock
from daemon.delivery import timing, trouble
from daemon.delivery.duties import commands as command_duty
from daemon.delivery.duties import doubts
from daemon.models import Evidence, Message
from daemon.states import AccountState, Finding, Hold, JobState
from daemon.transports.protocol import ChatRow, Health, Lookup
from tests.support.hand import account, job_state, states
from tests.support.scripted import READY, ScriptedTransport, until
from tests.support.sending import ABSENT, FIRST, SECOND, SENT, moves

ROW = ChatRow(True, "Hello", "pending")
WAITING = Lookup(Finding.WAITING, "it is on the clock", rows=(ROW,))
FAILED = Lookup(Finding.FAILED, "it failed")
NO_TICK = errors.SubmitUnknown("no tick")


class Clock(ScriptedTransport):
    """Messages to `stuck` stay on the clock; a reload does to the chat what `reload` of the script does."""

    def __init__(self, *stuck: str, **script: list[Any]) -> None:
        super().__init__(**script)
        self.stuck = set(stuck)
        self.found = WAITING

    async def hand_over(self, message: Any, mark: Any, held: Any = None) -> Any:
        if message.number in self.stuck and not self.script.get("hand_over"):
            self.calls.append(("hand_over", message.number))
            raise NO_TICK
        return await super().hand_over(message, mark)

    async def look_up(self, message: Any, mark: Any) -> Lookup:
        self.calls.append(("look_up", message.number))
        return self.found


@pytest.fixture
def quick(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whatever takes a minute takes a moment; what takes longer does not come by itself."""
    for name, seconds in {
        "RELOAD_AFTER_S": 0.02,
        "SETTLE_S": 0.02,
        "ASIDE_S": 0.05,
        "AGAIN_S": 0.05,
        "GONE_S": 0.02,
    }.items():
        monkeypatch.setattr(doubts, name, seconds)
    monkeypatch.setattr(command_duty, "ASK_S", 0.0)
    return bench


def test_the_times_keep_the_promise() -> None:
    """A reload within a minute of the deadline, the others within two; and a page takes its time to load."""
    loading_s = 30.0
    assert doubts.RELOAD_AFTER_S + timing.LOOK_AGAIN_S < 60
    assert doubts.RELOAD_AFTER_S + loading_s + doubts.SETTLE_S + 3 * timing.LOOK_AGAIN_S < 120


async def test_the_page_is_loaded_anew_and_the_others_are_served(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account says what it waits for; beside the one that waits the others go on, and a person decides about it in
    the end, by what the chat shows."""
    job = quick.queue(3)
    transport = Clock(FIRST)
    async with quick.sending(transport):
        await until(lambda: account().hold == Hold.STUCK_ON_CLOCK, "it holds")
        await until(lambda: states(job)[1:] == ["sent", "sent"], "the others are served")
        assert 1 == transport.count("reload")
        assert "sending" == states(job)[0]
        await until(lambda: account().state == AccountState.READY, "it holds no longer")
        looks = transport.count("look_up")
        await until(lambda: transport.count("look_up") > looks, "it is looked at again")
        monkeypatch.setattr(doubts, "GIVE_UP_S", 0.0)
        await until(lambda: job_state(job) == JobState.COMPLETED, "it ends")
    assert ["uncertain", "sent", "sent"] == states(job)
    assert [[True, "Hello", "pending"]] == Evidence.get().rows
    assert [FIRST] == [number for name, number in transport.order("hand_over") if number == FIRST]


@pytest.mark.parametrize(
    ("found", "state", "history"),
    [
        (SENT, "sent", ["enqueue", "claim", "submit", "confirm"]),
        (ABSENT, "sent", ["enqueue", "claim", "submit", "retry", "claim", "submit", "confirm"]),
        (FAILED, "sent", ["enqueue", "claim", "submit", "retry", "claim", "submit", "confirm"]),
        (Lookup(Finding.UNKNOWN, "nobody knows"), "uncertain", ["enqueue", "claim", "submit", "lose"]),
    ],
    ids=["ticked", "lost on the way", "failed", "unknown"],
)  # fmt: skip
async def test_what_a_reload_shows_settles_it(quick: Any, found: Lookup, state: str, history: list[str]) -> None:
    """Lost on the way, it is sent again, once; nothing is sent twice on a guess."""
    job = quick.queue(2)
    transport = Clock(FIRST)

    def loaded() -> None:
        transport.found = found
        transport.stuck.clear()

    transport.script["reload"] = [loaded]
    await quick.run_out(transport, job)
    assert [state, "sent"] == states(job)
    assert history == moves(Message.select().order_by(Message.id).first())
    assert 1 == transport.count("reload")


async def test_its_tick_comes_late(quick: Any) -> None:
    """While the others go on: it is sent, by the same hand-over."""
    job = quick.queue(2)
    transport = Clock(FIRST)
    async with quick.sending(transport):
        await until(lambda: states(job) == ["sending", "sent"], "the other is served")
        transport.found = SENT
        await until(lambda: job_state(job) == JobState.COMPLETED, "it ends")
    assert [FIRST, SECOND] == sorted(number for _, number in transport.order("hand_over"))


async def test_message_after_message_on_the_clock_is_the_accounts_trouble(quick: Any) -> None:
    """Two in a row, and nobody else is burnt: it holds with an end, loads the page anew now and then, and goes on as
    soon as a tick comes."""
    job = quick.queue(5)
    numbers = [person.number for person in quick.people(5)]
    transport = Clock(*numbers)
    async with quick.sending(transport):
        held = await until(lambda: seen if (seen := account()).until else None, "it holds with an end")
        reloads = transport.count("reload")
        await until(lambda: transport.count("reload") > reloads + 1, "it looks at it again")
        assert (Hold.STUCK_ON_CLOCK, True) == (held.hold, held.until > clock.now_ms())
        assert ["sending"] * 2 + ["pending"] * 3 == states(job)
        transport.found = SENT
        transport.stuck.clear()
        await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on")
    assert ["sent"] * 5 == states(job)
    assert numbers == sorted(number for _, number in transport.order("hand_over"))


async def test_when_its_hold_ends_one_more_is_tried(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of the two that wait: an account that works again is not held for ever."""
    monkeypatch.setattr(trouble, "FIRST_HOLD_MS", 100)
    monkeypatch.setattr(trouble, "LONGEST_HOLD_MS", 100)
    job = quick.queue(5)
    numbers = [person.number for person in quick.people(5)]
    transport = Clock(*numbers[:2])
    async with quick.sending(transport):
        await until(lambda: states(job)[2:] == ["sent"] * 3, "the others are served")
    assert 2 == states(job).count("sending")


async def test_those_that_wait_are_not_given_up_while_the_account_is_to_blame(
    quick: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two of its holds it is to blame as well."""
    monkeypatch.setattr(trouble, "FIRST_HOLD_MS", 50)
    monkeypatch.setattr(trouble, "LONGEST_HOLD_MS", 50)
    job = quick.queue(4)
    transport = Clock(*[person.number for person in quick.people(4)])
    async with quick.sending(transport):
        await until(lambda: account().until, "it holds with an end")
        monkeypatch.setattr(doubts, "GIVE_UP_S", 0.0)
        await until(lambda: states(job).count("sending") == 4, "one more is tried when the hold ends, and one more")
        looks = transport.count("look_up")
        await until(lambda: transport.count("look_up") > looks + 8, "all are looked at again")
        assert ["sending"] * 4 == states(job)
        transport.found = SENT
        await until(lambda: job_state(job) == JobState.COMPLETED, "the ticks come")
    assert ["sent"] * 4 == states(job)


async def test_one_that_fails_does_not_end_the_hold_over_several(quick: Any) -> None:
    """It has its own end, and a tick ends it."""
    job = quick.queue(3)
    transport = Clock(*[person.number for person in quick.people(3)])
    async with quick.sending(transport):
        await until(lambda: account().until, "it holds with an end")
        transport.found = FAILED
        await until(lambda: "sending" not in states(job), "both have failed")
        assert (Hold.STUCK_ON_CLOCK, "pending") == (account().hold, states(job)[2])


async def test_one_that_comes_back_after_a_reload_is_not_sent_again(
    quick: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that was just loaded shows it late: only what stays away was lost on the way."""
    monkeypatch.setattr(doubts, "GONE_S", 3600.0)
    job = quick.queue(1)
    transport = Clock(FIRST)
    transport.script["reload"] = [lambda: setattr(transport, "found", ABSENT)]
    async with quick.sending(transport):
        await until(lambda: transport.count("reload"), "the page is loaded anew")
        looks = transport.count("look_up")
        await until(lambda: transport.count("look_up") > looks + 2, "it is looked for again")
        transport.found = SENT
        await until(lambda: job_state(job) == JobState.COMPLETED, "it is there")
    assert ["enqueue", "claim", "submit", "confirm"] == moves(Message.get())


async def test_the_tick_of_another_one_of_the_same_text_is_not_its_own(quick: Any) -> None:
    """It went out beside it: a person decides about the one whose own row nobody has seen."""
    first, second = quick.queue(1), quick.queue(1)
    transport = Clock(FIRST)
    async with quick.sending(transport):
        await until(lambda: account().hold == Hold.STUCK_ON_CLOCK, "it holds")
        transport.stuck.clear()
        await until(lambda: states(second) == ["sent"], "the other one of that text goes out beside it")
        transport.found = SENT
        await until(lambda: job_state(first) == JobState.COMPLETED, "it ends")
    assert ["uncertain"] == states(first)


async def test_one_between_that_goes_through_is_no_run(quick: Any) -> None:
    """Two that wait for ever with a success between them hold nobody else up."""
    job = quick.queue(6)
    numbers = [person.number for person in quick.people(6)]
    transport = Clock(numbers[0], numbers[2], numbers[4])
    async with quick.sending(transport):
        await until(lambda: [states(job)[n] for n in (1, 3, 5)] == ["sent"] * 3, "the others are served")
        assert account().until is None


async def test_a_restart_does_not_begin_the_wait_anew(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that it loads is the reload, others are served at once, and the wait ends as without it."""
    job = quick.queue(2)
    async with quick.sending(Clock(FIRST)):
        await until(lambda: states(job) == ["sending", "sent"], "the other is served")
    monkeypatch.setattr(doubts, "RELOAD_AFTER_S", 60.0)
    monkeypatch.setattr(doubts, "GIVE_UP_S", 300.0)
    Message.update(submitted_at=clock.now_ms() - 200_000).where(Message.number == FIRST).execute()
    more, transport = quick.queue(2), Clock()
    async with quick.sending(transport):
        await until(lambda: states(more) == ["sent", "sent"], "others are served")
        assert ("sending", 0) == (states(job)[0], transport.count("reload"))
    Message.update(submitted_at=clock.now_ms() - 301_000).where(Message.job == job, Message.number == FIRST).execute()
    async with quick.sending(Clock()):
        await until(lambda: job_state(job) == JobState.COMPLETED, "it ends")
    assert ["uncertain", "sent"] == states(job)


async def test_a_restart_does_not_forget_that_several_wait(quick: Any) -> None:
    """The account holds with an end before one more is tried; not where another one has gone through since."""
    await quick.run_out(Clock(), quick.queue(1))
    job = quick.queue(4)
    numbers = [person.number for person in quick.people(4)]
    async with quick.sending(Clock(*numbers)):
        await until(lambda: account().until, "it holds with an end")
    transport = Clock(*numbers)
    async with quick.sending(transport):
        await until(lambda: transport.count("look_up") > 3, "both are looked up")
        await until(lambda: account().until, "it holds with an end again")
    assert (0, ["sending"] * 2 + ["pending"] * 2) == (transport.count("hand_over"), states(job))
    Message.update(submitted_at=clock.now_ms() - 200_000).where(Message.state == "sending").execute()
    async with quick.sending(Clock(*numbers[:2])):
        await until(lambda: states(job)[2] == "sent", "it goes on")
        assert account().until is None


@pytest.mark.parametrize("what", [What.RELOAD, What.LINK_BY_CODE, What.SCREENSHOT])
async def test_a_person_is_served_while_it_waits(quick: Any, monkeypatch: pytest.MonkeyPatch, what: What) -> None:
    """What they ask is granted, whatever is on the clock."""
    monkeypatch.setattr(doubts, "RELOAD_AFTER_S", 3600.0)
    quick.queue(1)
    transport = Clock(FIRST)
    number = "+4915112345678" if what is What.LINK_BY_CODE else None
    async with quick.sending(transport):
        await until(lambda: account().hold == Hold.STUCK_ON_CLOCK, "it holds")
        commands.ask("default", what, "anna", clock.now_ms(), number)
        await until(lambda: commands.last(account(), clock.now_ms()).stage == "done", "it is granted")


async def test_a_person_links_while_a_message_is_in_doubt(quick: Any) -> None:
    """The account was logged out over it: only a link helps."""
    quick.queue(1)
    transport = Clock(FIRST)
    async with quick.sending(transport):
        await until(lambda: account().hold == Hold.STUCK_ON_CLOCK, "it holds")
        transport.health_now = Health(AccountState.NEEDS_LINK)
        await until(lambda: account().state == AccountState.NEEDS_LINK, "it is logged out")
        commands.ask("default", What.LINK_BY_CODE, "anna", clock.now_ms(), "+4915112345678")
        await until(lambda: transport.count("link"), "it is granted")
        transport.health_now, transport.found = READY, SENT
        await until(lambda: Message.get().state == "sent", "and it is found")


def test_a_reload_waits_for_the_longest_send(hand: Any) -> None:
    """It does no harm later; what else was asked for is void after a minute."""
    now = clock.now_ms()
    for what, stage in ((What.RELOAD, "asked"), (What.SCREENSHOT, "missed")):
        row = commands.ask("default", what, "anna", now)
        later = now + commands.WAIT_MS + 1
        assert stage == commands.last(row, later).stage
        assert (stage == "asked") == (commands.take("default", True, later) is not None)
        now = later + commands.WORK_MS + 1
