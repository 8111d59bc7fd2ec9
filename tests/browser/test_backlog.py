"""Replies that are easily missed: far down in the list, far up in a chat, archived, while the account is held, or in a
chat whose title says something else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog.testing

from daemon import errors
from daemon.states import AccountState
from daemon.transports.protocol import Heard, Outgoing, Unread
from standin.client import StandIn
from standin.phone import formatted as shown
from tests.support.driving import ONCE, Driving, a_number
from tests.support.incoming import (
    away,
    overheard,
    said,
    the,
    unread,
    until_shown,
)

ELSEWHERE = True  # see `driving`
MANY = 40  # some three views of the list


def read(driving: Driving, chat: Unread) -> Heard:
    heard = driving.run(driving.transport.read(chat))
    assert heard is not None
    return heard


def texts(heard: Heard) -> list[str]:
    return [each.text for each in heard.rows if not each.own]


def click(driving: Driving, title: str, other: bool = False) -> None:
    """A person opens a chat in the list; other: the one of that title that is not open."""
    page = driving.transport._page
    assert page is not None
    script = """[...document.querySelectorAll('#pane-side [role=row]')].find((row) =>
        row.querySelector('.name')?.title === arguments[0] && !(arguments[1] && row.ariaSelected === 'true')).click()"""
    page._surface._driver.execute_script(script, title, other)


def a_number_of_kind(hidden: bool) -> str:
    """hidden: its chat's id does not tell the number, as the stand-in has it of even ones."""
    while int((number := a_number())[-1]) % 2 == hidden:
        pass
    return number


@pytest.mark.parametrize("missing", [[], ["tabs"]])
def test_all_of_many_unread_chats_are_seen_and_read(
    driving: Driving,
    standin: StandIn,
    missing: list[str],
) -> None:
    """Also those that are not in view; by the list's filter, or by going down the list. Then all is as it was."""
    driving.set(missing=missing)
    numbers = [a_number() for _ in range(MANY)]
    for number in numbers:
        standin.incoming(number, "STOP")
    found = [chat for chat in unread(driving, *map(shown, numbers)) if chat.number in numbers]

    assert sorted(numbers) == sorted(str(chat.number) for chat in found)
    for chat in found[-3:] + found[:3]:
        assert (chat.number, ["STOP"]) == (lambda heard: (heard.number, texts(heard)))(read(driving, chat))
    left = {chat.number for chat in unread(driving)} & set(numbers)
    assert MANY - 6 == len(left)
    page = driving.transport._page
    assert page is not None
    tab = "document.querySelector('[role=tab][aria-selected=true]')?.textContent ?? 'All'"
    script = f"return [document.querySelector('#pane-side').scrollTop, {tab}]"
    assert [0, "All"] == page._surface._driver.execute_script(script)
    driving.send(a_number(), "it sends as before")


@pytest.mark.parametrize("more", [12, 70])
def test_a_stop_far_up_is_heard_before_the_next_message(
    driving: Driving,
    standin: StandIn,
    more: int,
) -> None:
    """They have written more since than the page loads of a chat at once; the message can be sent all the same."""
    number = a_number()
    driving.send(number, "hello")
    away(driving)
    driving.set(history_page=30)
    standin.incoming(number, "STOP")
    for each in range(more):
        standin.incoming(number, f"and another thing {each}")
    message = Outgoing(number, "next campaign")
    mark = driving.prepare(message)
    rows = [each.text for heard in overheard(driving) if heard.number == number for each in heard.rows]

    assert {"hello", "STOP", f"and another thing {more - 1}"} <= set(rows)
    driving.run(driving.transport.hand_over(message, mark))
    assert ["hello", "next campaign"] == [each["text"] for each in driving.got(number)]


@pytest.mark.parametrize("virtualize", [False, True])
def test_an_unread_chat_is_read_back_to_a_row_that_is_known(
    driving: Driving,
    standin: StandIn,
    virtualize: bool,
) -> None:
    """Past what we wrote by hand since, and past rows that are empty shells until they come into view."""
    number = a_number()
    receipt = driving.send(number, "hello")
    away(driving)
    driving.set(history_page=30, virtualize=virtualize)
    standin.incoming(number, "STOP")
    standin.own(number, "by hand")
    for each in range(40):
        standin.incoming(number, f"and another thing {each}")
    chat = the(driving, shown(number))
    known = Unread(chat.title, chat.number, chat.count, landmarks=frozenset({receipt.transport_id}))
    heard = read(driving, known)

    assert ["STOP", *(f"and another thing {each}" for each in range(40))] == texts(heard)
    assert receipt.transport_id == heard.rows[0].key


@ONCE
def test_the_pages_own_address_book_says_whose_an_unread_chat_is(driving: Driving, standin: StandIn) -> None:
    """Where its id shows the number and no other unread chat has the name; of a group that it is one."""
    number, hidden, one, other = (
        a_number_of_kind(False),
        a_number_of_kind(True),
        *(a_number_of_kind(False) for _ in "ab"),
    )
    driving.set(names={number: "Sunshine 99", hidden: "Hidden", one: "Kim", other: "Kim"}, group_names=["Choir"])
    for each in (number, hidden, one, other, "group:Choir"):
        standin.incoming(each, "hi")
    for _ in range(100):  # WhatsApp's own database comes a moment later than its list
        found = {chat.title: chat for chat in unread(driving, "Sunshine 99", "Hidden", "Kim", "Choir")}
        if found["Choir"].group:
            break
    assert (number, None, None, None) == tuple(found[name].hint for name in ("Sunshine 99", "Hidden", "Kim", "Choir"))
    assert [False, False, True] == [found[name].group for name in ("Sunshine 99", "Kim", "Choir")]


@ONCE
def test_an_archived_chat_is_read(driving: Driving, standin: StandIn) -> None:
    """It is in no list; the page's own database knows that it is unread, and mostly whose it is."""
    number, hidden = a_number_of_kind(False), a_number_of_kind(True)
    for each in (number, hidden):
        driving.send(each, "hello")
    away(driving)
    driving.set(archived=[number, hidden])
    for each in (number, hidden):
        standin.incoming(each, "STOP")
    with structlog.testing.capture_logs() as lines:
        for _ in range(100):
            found = driving.run(driving.transport.unread())
            if {number} <= {chat.number for chat in found} and any(x["event"] == "reply.out_of_reach" for x in lines):
                break
            driving.run(asyncio.sleep(0.02))
    (chat,) = (chat for chat in found if chat.number == number)

    assert ("", 1) == (chat.title, chat.count)
    heard = read(driving, chat)
    assert (number, [(True, "hello"), (False, "STOP")]) == (heard.number, said(heard))
    assert number not in {each.number for each in driving.run(driving.transport.unread())}
    assert [1] == [line["count"] for line in lines if line["event"] == "reply.out_of_reach"]


@ONCE
@pytest.mark.parametrize("held", [{"restricted": True}, {"unknown_dialog": "Something nobody knows"}])
def test_it_listens_while_the_account_is_held(
    driving: Driving,
    standin: StandIn,
    held: dict[str, Any],
) -> None:
    """The page shows its chats: who must not send can read all the same."""
    number = a_number()
    driving.send(number, "hello")
    away(driving)
    driving.set(**held)
    driving.until(AccountState.HELD)
    standin.incoming(number, "STOP")

    assert ["STOP"] == texts(read(driving, the(driving, shown(number))))


@ONCE
def test_a_read_that_was_given_up_is_made_up_for(driving: Driving, standin: StandIn) -> None:
    """SIGTERM comes while the rows are on their way: the chat is unread no more, and is opened once more by its number,
    or by its name."""
    number, named = a_number(), a_number()
    driving.set(names={named: "Ann with a name"})
    receipts = [driving.send(each, "hello") for each in (number, named)]
    away(driving)
    for each in (number, named):
        standin.incoming(each, "STOP")
    chats = [the(driving, title) for title in (shown(number), "Ann with a name")]
    driving.set(rows_ms=1_500)

    async def give_up(chat: Unread) -> None:
        standin.forget()
        task = asyncio.ensure_future(driving.transport.read(chat))
        await asyncio.to_thread(standin.wait, "chat.opened")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for chat in chats:
        driving.run(give_up(chat))
    driving.set(rows_ms=0)
    away(driving)
    assert not {shown(number), "Ann with a name"} & {chat.title for chat in unread(driving)}

    for chat, receipt in zip(chats, receipts, strict=True):
        again = Unread(chat.title, chat.number, 0, landmarks=frozenset({receipt.transport_id}))
        assert [(True, "hello"), (False, "STOP")] == said(read(driving, again))


@ONCE
def test_of_several_chats_of_one_name_the_one_with_our_row_is_read_again(
    driving: Driving,
    standin: StandIn,
) -> None:
    """Nothing else tells them apart."""
    ours, private = a_number(), a_number()
    driving.set(names={ours: "Kim of two", private: "Kim of two"})
    receipt = driving.send(ours, "hello")
    standin.incoming(ours, "STOP")
    standin.incoming(private, "dinner?")
    away(driving)
    heard = read(driving, Unread("Kim of two", None, 0, landmarks=frozenset({receipt.transport_id})))

    assert [(True, "hello"), (False, "STOP")] == said(heard)


@ONCE
def test_what_comes_into_a_chat_that_was_opened_to_be_read_is_overheard(
    driving: Driving,
    standin: StandIn,
) -> None:
    """It is still open then, so nothing of it is ever unread."""
    number = a_number()
    driving.send(number, "hello")
    away(driving)
    standin.incoming(number, "Hi")
    read(driving, the(driving, shown(number)))
    standin.incoming(number, "STOP")
    until_shown(driving, "STOP")
    driving.run(driving.transport.unread())

    assert (number, "STOP") == (overheard(driving)[-1].number, "STOP")


@ONCE
def test_rows_of_a_chat_that_a_person_opened_are_nobodys_by_its_title(
    driving: Driving,
    standin: StandIn,
) -> None:
    """Neither of the one that was proved last, nor of the number that the title shows: it was not opened for them."""
    proved, other = a_number(), a_number()
    standin.incoming(other, "STOP")
    driving.send(proved, "hello")
    overheard(driving)
    click(driving, shown(other))
    until_shown(driving, "STOP")
    driving.run(driving.transport.unread())

    assert [(None, ["STOP"])] == [(each.number, texts(each)) for each in overheard(driving)]


@ONCE
def test_two_chats_of_one_name_are_told_apart_by_our_rows(driving: Driving, standin: StandIn) -> None:
    """The title of the other one is the proved one's: what stands there is not booked on that."""
    one, other = a_number(), a_number()
    driving.set(names={one: "Kim again", other: "Kim again"})
    theirs = driving.send(other, "for the other")
    driving.send(one, "for the first")
    overheard(driving)
    click(driving, "Kim again", other=True)
    driving.run(asyncio.sleep(0.1))
    standin.incoming(other, "STOP")
    until_shown(driving, "STOP")
    driving.run(driving.transport.unread())

    heard = overheard(driving)[-1]
    assert (None, ["STOP"]) == (heard.number, texts(heard))
    assert theirs.transport_id in {row.key for row in heard.rows}


@ONCE
def test_a_contact_that_is_saved_under_anothers_number(driving: Driving, standin: StandIn) -> None:
    """Our row in the chat says whose it is; it is read along."""
    one, two = a_number(), a_number()
    driving.send(two, "seed two")
    receipt = driving.send(one, "seed one")
    driving.set(names={one: shown(two)})
    away(driving)
    standin.incoming(one, "STOP")
    chat = next(each for each in unread(driving, shown(two)) if each.title == shown(two))

    assert receipt.transport_id in {row.key for row in read(driving, chat).rows}


@ONCE
def test_what_was_noted_outlives_the_browser(driving: Driving, standin: StandIn) -> None:
    """Chrome dies before anybody has asked for it."""
    number = a_number()
    driving.send(number, "hello")
    overheard(driving)
    standin.incoming(number, "STOP")
    until_shown(driving, "STOP")
    driving.prepare(Outgoing(a_number(), "for somebody else"))
    driving.transport._chrome.kill()
    with pytest.raises(errors.BrowserLost):
        driving.health()

    assert (number, ["STOP"]) == (lambda heard: (heard.number, texts(heard)))(overheard(driving)[0])
    driving.ensure()
