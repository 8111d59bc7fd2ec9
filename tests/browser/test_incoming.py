"""Replies through a real Chromium: which chats are seen to be unread, what stands in them, and what is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import config, errors
from daemon.accounts import directory
from daemon.campaigns import create
from daemon.contacts.suppression import page
from daemon.db import clock, connection
from daemon.delivery import inbox, job_moves
from daemon.delivery.duties import follow
from daemon.delivery.engine import Engine
from daemon.files import data_folder
from daemon.models import Job, Message, Reply
from daemon.states import AccountState, JobState
from daemon.transports.protocol import Outgoing, Unread
from standin.client import StandIn
from standin.phone import formatted as shown
from tests.support.driving import ONCE, Driving, a_number
from tests.support.incoming import away, overheard, said, the, unread, until_shown

ELSEWHERE = True  # see `driving`


def test_an_unread_chat_is_seen_and_read(driving: Driving, standin: StandIn) -> None:
    """Number, count and rows, ours by their ids; a picture of nothing is taken before it is asked for."""
    number = a_number()
    receipt = driving.send(number, "hello")
    away(driving)
    standin.incoming(number, "first")
    second = standin.incoming(number, "second\nline 😀")
    standin.forget()
    chat = the(driving, shown(number))
    assert [] == [event for event in standin.events() if event["event"] == "chat.opened"]

    heard = driving.run(driving.transport.read(chat))

    assert (number, number) == (chat.number, heard.number if heard else None)
    assert chat.count >= 1
    assert [(True, "hello"), (False, "first"), (False, "second\nline 😀")] == said(heard)
    assert heard and (receipt.transport_id, second["id"]) == (heard.rows[0].key, heard.rows[2].key)
    assert shown(number) not in {each.title for each in unread(driving)}


def test_most_rows_show_no_preview(driving: Driving, standin: StandIn) -> None:
    """Where there is one it is known without opening the chat; the chat is unread either way."""
    numbers = [a_number() for _ in range(8)]
    for number in numbers:
        standin.incoming(number, "Stop it")
    found = [chat for chat in unread(driving, *map(shown, numbers)) if chat.number in numbers]

    assert {"Stop it", ""} == {chat.preview for chat in found}
    assert {1} == {chat.count for chat in found}


def test_what_is_quoted_was_not_said(driving: Driving, standin: StandIn) -> None:
    """Our own words, with STOP in them, above "Yes, please"."""
    number = a_number()
    driving.send(number, "Answer STOP to get nothing more")
    away(driving)
    standin.incoming(number, "Yes, please", quoted="STOP")

    heard = driving.run(driving.transport.read(the(driving, shown(number))))

    assert (False, "Yes, please") == said(heard)[-1]


def test_a_chat_with_a_name_is_known_by_our_message_in_it(driving: Driving, standin: StandIn) -> None:
    """The title proves nothing; the mark of the message remembers what the chat was called."""
    number = a_number()
    driving.set(names={number: "Anna ♥"})
    mark = driving.prepare(Outgoing(number, "hello"))
    receipt = driving.run(driving.transport.hand_over(Outgoing(number, "hello"), mark))
    away(driving)
    standin.incoming(number, "STOP")
    chat = the(driving, "Anna ♥")
    heard = driving.run(driving.transport.read(chat))

    assert ("Anna ♥", None) == (mark.name, chat.number)
    assert heard and heard.number is None
    assert (receipt.transport_id, True) == (heard.rows[0].key, heard.rows[0].own)
    assert (False, "STOP") == said(heard)[-1]


def test_two_chats_of_one_name(driving: Driving, standin: StandIn) -> None:
    """The open one has the same title: what is read is the other one's, as its rows say."""
    one, other = a_number(), a_number()
    driving.set(names={one: "Kim", other: "Kim"})
    first = driving.send(one, "for the first")
    driving.send(other, "for the second")
    overheard(driving)
    standin.incoming(one, "answer of the first")

    heard = driving.run(driving.transport.read(the(driving, "Kim")))

    assert heard and first.transport_id in {row.key for row in heard.rows}
    assert (False, "answer of the first") == said(heard)[-1]
    driving.send(other, "again for the second")
    assert ["for the second", "again for the second"] == [each["text"] for each in driving.got(other)]
    assert ["for the first"] == [each["text"] for each in driving.got(one)]


def test_groups_are_left_alone(driving: Driving, standin: StandIn) -> None:
    """Even where somebody writes STOP in one."""
    driving.set(group_names=["Family"])
    standin.incoming("group:Family", "STOP")

    assert driving.run(driving.transport.read(the(driving, "Family"))) is None


def test_what_we_write_on_the_phone_is_no_reply(driving: Driving, standin: StandIn) -> None:
    """Its row is ours, though it did not come from here; and nothing is unread by it."""
    number = a_number()
    driving.send(number, "hello")
    away(driving)
    standin.own(number, "STOP")
    driving.run(asyncio.sleep(0.2))
    assert shown(number) not in {each.title for each in unread(driving)}
    standin.incoming(number, "ok")
    heard = driving.run(driving.transport.read(the(driving, shown(number))))

    assert [(True, "hello"), (True, "STOP"), (False, "ok")] == said(heard)


def test_what_comes_into_the_open_chat_is_overheard(driving: Driving, standin: StandIn) -> None:
    """It is never unread in the list: it is read before another chat takes its place."""
    number, other = a_number(), a_number()
    driving.send(number, "hello")
    overheard(driving)
    standin.incoming(number, "STOP")
    until_shown(driving, "STOP")
    driving.prepare(Outgoing(other, "for somebody else"))

    (heard,) = overheard(driving)
    assert (number, [(True, "hello"), (False, "STOP")]) == (heard.number, said(heard))
    assert [] == overheard(driving)


def test_what_stands_in_the_chat_is_overheard_by_prepare(driving: Driving, standin: StandIn) -> None:
    """Before anything is handed over: the sender can still refuse."""
    number = a_number()
    driving.send(number, "hello")
    away(driving)
    standin.incoming(number, "Unsubscribe")
    driving.prepare(Outgoing(number, "once more"))

    assert [(number, [(True, "hello"), (False, "Unsubscribe")])] == [
        (each.number, said(each)) for each in overheard(driving)
    ]


def test_nothing_is_sent_into_a_chat_that_was_opened_to_be_read(driving: Driving, standin: StandIn) -> None:
    """What was prepared before is void; the next one is prepared anew, in its own chat."""
    number, other = a_number(), a_number()
    message = Outgoing(other, "for the other")
    mark = driving.prepare(message)
    standin.incoming(number, "hi")
    driving.run(driving.transport.read(the(driving, shown(number))))

    with pytest.raises(errors.NotSubmitted):
        driving.run(driving.transport.hand_over(message, mark))
    driving.send(other, "for the other")
    assert ([], ["for the other"]) == (driving.got(number), [each["text"] for each in driving.got(other)])


@ONCE
def test_in_another_language(driving: Driving, standin: StandIn) -> None:
    """The badge is told by its number where its words are strange."""
    number = a_number()
    driving.set(locale="pt")
    standin.incoming(number, "oi")
    assert 1 == the(driving, shown(number)).count


@ONCE
def test_a_chat_that_has_gone_from_the_list(driving: Driving, standin: StandIn) -> None:
    """Somebody has read it on the phone meanwhile."""
    assert driving.run(driving.transport.read(Unread("Nobody", None, 1))) is None


@pytest.fixture(params=["B", "C"])
def campaign(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A sender with a browser of its own, which listens and looks for ticks twice a second."""
    monkeypatch.setattr(inbox, "EVERY_S", 0.5)
    monkeypatch.setattr(follow, "LOOK_S", 0.5)
    driving = Driving(tmp_path, generation=request.param)
    settings = config.load(
        data_dir=tmp_path / "data", whatsapp_url=driving.standin.url, delay_min=0.3, delay_max=0.3,
        long_pause_every=0, stop_confirm="You get nothing more from us.",
    )  # fmt: skip
    data_folder.prepare(settings.data_dir)
    connection.connect(settings.db_url)
    directory.open_account("default", clock.now_ms())
    yield driving, settings
    connection.close()
    driving.close()


def test_a_reply_while_a_campaign_runs(campaign: tuple[Driving, config.Settings]) -> None:
    """STOP: nothing more for them, but one word that it is so. What others answer is kept. The campaign goes on. Who
    reads it is followed: in an open chat, or by the list, for which their chat is not opened again."""
    driving, settings = campaign
    standin = driving.standin
    stops, answers, quiet, last = a_number(), a_number(), a_number(), [a_number() for _ in range(4)]

    def queue(*numbers: str) -> Job:
        made = create.create(settings, create.Order("Hello", numbers=numbers), "test", clock.now_ms())
        return job_moves.job(made.job_id)

    async def run() -> None:
        sender = Engine(settings, driving.transport)
        task = asyncio.create_task(sender.run())
        try:
            first = queue(stops, answers, quiet, last[0])
            await done(first)
            standin.tick(quiet, 2)
            standin.tick(last[0], 3)
            await wait_for(lambda: (1, 1) == (job_moves.job(first.id).delivered, job_moves.job(first.id).read))
            standin.tick(quiet, 3)
            await wait_for(lambda: job_moves.job(first.id).read == 2)
            standin.incoming(stops, "Stop, please!")
            standin.incoming(answers, "Thank you", quoted="STOP")
            await wait_for(lambda: Reply.select().count() == 2)
            second = queue(*last, stops)
            await done(second)
            await wait_for(lambda: len(driving.got(stops)) == 2)
        finally:
            sender.stop()
            assert 0 == await asyncio.wait_for(task, 60)

    driving.runner.run(run())

    (row,) = page()[0]
    assert (stops, "reply") == (row.number, row.source) and row.confirmed_at
    assert ["Hello", "You get nothing more from us."] == [each["text"] for each in driving.got(stops)]
    assert ["Hello"] == [each["text"] for each in driving.got(answers)]
    assert "skipped" == Message.select().where(Message.number == stops).order_by(Message.id.desc()).get().state
    assert {("Stop, please!", True), ("Thank you", False)} == {(each.text, each.stop) for each in Reply.select()}
    assert 1 == sum((each["event"], each.get("number")) == ("chat.opened", quiet) for each in standin.events(after=0))
    assert [] == standin.record()["violations"]


async def wait_for(ask: Any, seconds: float = 40) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not ask():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen"
        await asyncio.sleep(0.1)


async def done(job: Job) -> None:
    await wait_for(lambda: job_moves.job(job.id).state == JobState.COMPLETED)


@ONCE
def test_the_account_must_be_usable(driving: Driving, standin: StandIn) -> None:
    """Offline there is nothing to be heard, and no chat is opened."""
    driving.set(offline=True)
    driving.until(AccountState.OFFLINE)

    with pytest.raises(errors.AccountUnready):
        driving.run(driving.transport.unread())
    with pytest.raises(errors.AccountUnready):
        driving.run(driving.transport.read(Unread("Anna", None, 1)))
