"""Chats whose name is not the one we know: those that are found all the same, and those that a person is asked of."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import pacing
from daemon.config import Settings
from daemon.contacts import suppression
from daemon.db import clock
from daemon.delivery import inbox, moves, opened_chats, replies, unmatched
from daemon.models import Reply, UnmatchedChat
from daemon.states import Ack
from daemon.transports.protocol import Heard, Mark, Receipt, Unread
from tests.support.hand import Hand
from tests.support.hearing import DAY_MS, NONE, ONE, STRANGER, TWO, Chats, own, theirs
from tests.support.scripted import until

THREE = "+4917655512345"
GERMAN = Settings(_env_file=None, default_country="DE")


def written(hand: Hand, *people: dict[str, str], chat_name: str | None = None) -> None:
    hand.queue(recipients=list(people), text="Hello")
    for at, _ in enumerate(people):
        message = hand.claim_one()
        moves.submit(message, Mark(None, chat_name), hand.clock(), pacing.Gap(0, pacing.Why.PAUSE, 1))
        moves.confirm(message, Receipt(f"own-{at}", Ack.SENT), hand.clock())


def worth(hand: Hand, *chats: Unread) -> list[str]:
    return [chat.title for chat in replies.worth_opening("default", chats, NONE, hand.clock())]


def shown(hand: Hand) -> list[str]:
    return [chat.title for chat in unmatched.listed(hand.clock())]


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Anna Müller", True),
        ("anna mueller", False),
        ("MÜLLER, Anna", True),
        ("Anna Muller", True),
        ("~Anna Müller", True),
        ("Frau Dr. Anna Müller", True),
        ("Anna Müller Praxis", True),
        ("Müller", True),
        ("Anna Schmidt", False),
        ("Anna", True),
        ("Praxis Berlin", False),
        ("Анна Иванова", False),
        ("0176 555-12345", True),
        ("0049 (0)176 55512345", True),
        ("555 123 99", False),
        ("Annabel", False),
    ],
)
def test_a_name_in_two_columns_and_a_number_in_any_notation(hand: Hand, title: str, found: bool) -> None:
    """In any order, case and with any form of address."""
    written(hand, {"number": THREE, "vorname": "Anna", "nachname": "Müller", "ort": "Ulm"})
    assert ([title] if found else []) == worth(hand, Unread(title, None, 1))


def test_one_word_of_a_name_in_one_column_is_enough_to_look(hand: Hand) -> None:
    """Not of a longer text; whose chat it is, our message in it shows."""
    written(hand, {"number": ONE, "name": "Anna Schäfer", "note": "came by bus on a rainy Monday"})
    chats = [Unread(title, None, 1) for title in ("Schäfer", "anna", "Monday", "Schäf")]
    assert ["Schäfer", "anna"] == worth(hand, *chats)


def test_names_without_a_latin_letter(hand: Hand) -> None:
    written(
        hand, {"number": ONE, "name": "Анна", "surname": "Иванова"}, {"number": TWO, "name": "王", "surname": "小明"}
    )
    assert ["Анна Иванова", "小明 王"] == worth(
        hand, *(Unread(title, None, 1) for title in ("Анна Иванова", "小明 王", "Мама", "小红"))
    )


def test_the_browsers_address_book_and_a_person_know_who_is_called_otherwise(hand: Hand) -> None:
    """Of whom the address book says that we have not written to them, nothing is asked; nor of groups."""
    written(hand, {"number": ONE, "name": "Anna"}, {"number": TWO, "name": "Ben"})
    by_book, stranger = Unread("Sunshine 99", None, 1, hint=ONE), Unread("Mum", None, 1, hint=STRANGER)
    said, group, nobody = Unread("Zahn 7", None, 2), Unread("Family", None, 9, group=True), Unread("???", None, 1)
    every = [by_book, stranger, said, group, nobody]
    assert ["Sunshine 99"] == worth(hand, *every)
    left = replies.unknown("default", every[1:], hand.clock())
    assert [said, nobody] == left

    unmatched.note("default", left, hand.clock())
    unmatched.assign(
        GERMAN, UnmatchedChat.get(UnmatchedChat.title == "Zahn 7").id, "0151 10000001", "anna", hand.clock()
    )
    unmatched.ignore(UnmatchedChat.get(UnmatchedChat.title == "???").id, "anna")
    assert ["Sunshine 99", "Zahn 7"] == worth(hand, *every)
    assert [] == replies.unknown("default", [nobody], hand.clock())
    assert [] == shown(hand)
    assert ["???"] == worth(hand, Unread("???", None, 1, "STOP"))


def test_without_a_campaign_nothing_is_asked(hand: Hand) -> None:
    """Nothing can be an answer: neither to a new account, nor a month later."""
    assert [] == replies.unknown("default", [Unread("Mum", None, 1)], hand.clock())
    written(hand, {"number": ONE, "name": "Anna"})
    hand.clock.advance(replies.ANSWERS_MS + 1)
    assert [] == replies.unknown("default", [Unread("Mum", None, 1)], hand.clock())


def test_of_two_with_the_same_name_none_is_chosen(hand: Hand) -> None:
    """A person is asked, with both to choose from; what they say is heeded at once, and kept."""
    written(hand, {"number": ONE, "name": "Kim Lee"}, {"number": TWO, "name": "Kim Lee"})
    chat = Heard(None, (own("by hand"), theirs("1", "STOP")), "Kim Lee")
    assert replies.Taken(proved=False) == replies.take("default", chat, NONE, hand.clock())
    assert set() == suppression.among([ONE, TWO])

    (asked,) = unmatched.listed(hand.clock())
    assert (True, True, {ONE, TWO}) == (asked.stop, asked.opened, {each.number for each in asked.candidates})
    with pytest.raises(errors.InvalidInput):
        unmatched.assign(GERMAN, asked.id, "", "anna", hand.clock())
    with pytest.raises(errors.InvalidInput):
        unmatched.assign(GERMAN, asked.id, STRANGER, "anna", hand.clock())
    with pytest.raises(errors.InvalidNumber):
        unmatched.assign(GERMAN, asked.id, "Kim", "anna", hand.clock())
    done = unmatched.assign(GERMAN, asked.id, TWO, "anna", hand.clock())

    assert (TWO, True, "anna") == (done.number, done.listed, done.who)
    assert {TWO} == suppression.among([ONE, TWO])
    assert [] == shown(hand)
    assert ["Kim Lee"] == [each.title for _, each in opened_chats.unfinished("default", False)]
    assert replies.Taken(1) == replies.take("default", chat, NONE, hand.clock())
    assert [(TWO, True)] == [(row.number, row.stop) for row in Reply.select()]


def test_rows_of_ours_beat_what_a_person_said(hand: Hand) -> None:
    """Of two chats of one name they have meant the other one."""
    written(hand, {"number": ONE, "name": "Kim"}, {"number": TWO, "name": "Kim"})
    unmatched.note("default", [Unread("Kim", None, 1)], hand.clock())
    unmatched.assign(GERMAN, unmatched.listed(hand.clock())[0].id, ONE, "anna", hand.clock())
    replies.take("default", Heard(None, (own("own-1"), theirs("1", "STOP")), "Kim"), NONE, hand.clock())
    assert {TWO} == suppression.among([ONE, TWO])


def test_a_number_without_its_country_is_one_persons_or_asked_about(hand: Hand) -> None:
    """Where no row of ours is to be seen."""
    written(hand, *({"number": number} for number in (THREE, "+4915176555123", "+4917176555123")))
    replies.take("default", Heard(None, (theirs("1", "STOP"),), "0176 55512345"), NONE, hand.clock())
    assert {THREE} == suppression.among([THREE])
    replies.take("default", Heard(None, (theirs("2", "STOP"),), "7655 5123"), NONE, hand.clock())
    replies.take("default", Heard(None, (theirs("3", "STOP"),), "176 555 123"), NONE, hand.clock())
    assert {"7655 5123", "176 555 123"} == set(shown(hand))
    assert 1 == suppression.count()


def test_a_stop_stands_first_and_is_not_forgotten(hand: Hand) -> None:
    """Neither when the chat is read on the phone, nor in time; one that was ignored stays away, a new one does not."""
    written(hand, {"number": ONE, "name": "Anna"})
    stop = Heard(None, (theirs("1", "Stop!"),), "Nobody knows")
    replies.take("default", stop, NONE, hand.clock())
    hand.clock.advance(1)
    unmatched.note("default", [Unread("Later", None, 1), Unread("Read", None, 1)], hand.clock())
    unmatched.note_unreadable("default", Unread("Shut", None, 1, "STOP"), True, hand.clock())
    assert ["Shut", "Nobody knows", "Read", "Later"] == shown(hand)
    unmatched.forget_read("default", {"Later"}, hand.clock())
    assert ["Shut", "Nobody knows", "Later"] == shown(hand)
    assert 3 == unmatched.count()
    hand.clock.advance(unmatched.KEEP_MS + DAY_MS)
    replies.prune(hand.clock())
    assert ["Shut", "Nobody knows"] == shown(hand)

    chat = unmatched.listed(hand.clock())[1]
    assert "Nobody knows" == unmatched.ignore(chat.id, "anna").title
    replies.take("default", stop, NONE, hand.clock())
    assert ["Shut"] == shown(hand)
    assert ["Nobody knows"] == [each.title for each in unmatched.settled()]
    replies.take("default", Heard(None, (*stop.rows, theirs("2", "STOP")), "Nobody knows"), NONE, hand.clock())
    assert {"Shut", "Nobody knows"} == set(shown(hand))


def test_what_was_said_can_be_taken_back(hand: Hand) -> None:
    """It is asked about again; one that is gone is named so."""
    written(hand, {"number": ONE, "name": "Anna"})
    unmatched.note("default", [Unread("Zahn 7", None, 1)], hand.clock())
    (chat,) = unmatched.listed(hand.clock())
    unmatched.assign(GERMAN, chat.id, ONE, "anna", hand.clock())
    assert (None, None) == (unmatched.reopen(chat.id, "ben").number, unmatched.find(chat.id).who)
    assert ["Zahn 7"] == shown(hand)
    assign = partial(unmatched.assign, GERMAN, 99, ONE, "anna", hand.clock())
    for late in (lambda: unmatched.ignore(99, "anna"), assign):
        with pytest.raises(errors.NotFound):
            late()


def asks(hand: Hand, title: str, key: str) -> None:
    unmatched.note_stop("default", Heard(None, (theirs(key, "STOP"),), title), NONE, hand.clock())


def test_a_stop_that_nobody_saw_is_not_ignored(hand: Hand) -> None:
    """Neither the first one nor another one; the one that was seen is."""
    written(hand, {"number": ONE, "name": "Anna"})
    unmatched.note("default", [Unread("Mum", None, 1)], hand.clock())
    for key in ("1", "2"):
        (seen,) = unmatched.listed(hand.clock())
        asks(hand, "Mum", key)
        with pytest.raises(errors.EditConflict, match="asked to stop"):
            unmatched.ignore(seen.id, "anna", seen.version)
        assert ["Mum"] == shown(hand)
    asks(hand, "Mum", "2")
    unmatched.ignore(seen.id, "anna", unmatched.listed(hand.clock())[0].version)
    assert [] == shown(hand)


def test_a_stop_that_comes_while_the_chat_is_assigned_counts(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever says whose it is may have been asked before it came."""
    written(hand, {"number": ONE, "name": "Anna"})
    unmatched.note("default", [Unread("Mum", None, 1)], hand.clock())
    newest = unmatched._newest
    monkeypatch.setattr(unmatched, "_newest", lambda *whose: (asks(hand, "Mum", "1"), newest(*whose))[1])
    assert unmatched.assign(GERMAN, unmatched.listed(hand.clock())[0].id, ONE, "anna", hand.clock()).listed
    assert {ONE} == suppression.among([ONE])


def test_a_stop_that_comes_while_the_chat_is_read_on_the_phone_stays(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not unread any more is forgotten only without one."""
    unmatched.note("default", [Unread("Mum", None, 1)], hand.clock())
    begin = unmatched.write
    monkeypatch.setattr(unmatched, "write", lambda: (monkeypatch.undo(), asks(hand, "Mum", "1"), begin())[2])
    unmatched.forget_read("default", set(), hand.clock())
    assert ["Mum"] == shown(hand)


def test_a_private_chat_that_is_open_anyway_is_not_noted(hand: Hand) -> None:
    """Only what asks for no more is: a person may have opened it in the sender's browser."""
    written(hand, {"number": ONE, "name": "Anna"})
    replies.take(
        "default", Heard(None, (theirs("1", "Dinner?"), own("x"), theirs("2", "8?")), "Mum"), NONE, hand.clock()
    )
    assert [] == shown(hand)


async def test_the_sender_lists_what_it_cannot_match_and_reads_what_was_assigned(ears: Any, monkeypatch: Any) -> None:
    """Nothing is opened before a person has said whose it is. What is matched by our own rows is listed no more."""
    monkeypatch.setattr(inbox, "AGAIN_S", 0.0)
    await ears.run_out(Chats(), ears.queue(2))
    transport = Chats()
    rows = (own("by hand"), theirs("1", "Nice, thanks"))
    transport.answers("", *rows, title="Sunshine 99")
    transport.answers("", theirs("2", "x"), title="Mum")
    async with ears.sending(transport):
        await until(lambda: unmatched.count() == 2, "both are listed")
        del transport.unread_now["Mum"]
        await until(lambda: unmatched.count() == 1, "what was read on the phone is not")
        transport.unread_now["Choir"] = Unread("Choir", None, 1), None
        await until(lambda: unmatched.count() == 2, "it is listed")
        transport.unread_now["Choir"] = Unread("Choir", None, 1, group=True), None
        await until(lambda: unmatched.count() == 1, "what turns out to be a group is not")
        assert [] == transport.order("read")
        transport.read_before["Sunshine 99"] = Heard(None, rows, "Sunshine 99")
        (chat,) = unmatched.listed(clock.now_ms())
        unmatched.assign(GERMAN, chat.id, ONE, "anna", clock.now_ms())
        await until(lambda: Reply.select().count() == 1, "it is read")
    assert (ONE, "Nice, thanks") == (Reply.get().number, Reply.get().text)


def test_another_accounts_chats_are_its_own(hand: Hand) -> None:
    """What was said of a name counts for one account."""
    written(hand, {"number": ONE, "name": "Anna"})
    unmatched.note("default", [Unread("Kim", None, 1)], hand.clock())
    unmatched.assign(GERMAN, unmatched.listed(hand.clock())[0].id, ONE, "anna", hand.clock())
    assert (ONE, None) == (unmatched.assigned("default", "Kim"), unmatched.assigned("sales", "Kim"))


def test_a_stop_in_one_of_several_chats_of_a_name_is_not_lost(hand: Hand) -> None:
    """Neither where a person has said whose the other one is, nor when that one is matched by its rows."""
    written(hand, {"number": ONE, "name": "Kim"}, {"number": TWO, "name": "Kim"})
    chat, stop = Unread("Kim", None, 1), Heard(None, (theirs("1", "STOP"),))
    unmatched.note_opened("default", chat, stop, NONE, hand.clock())
    assert [("Kim", True)] == [(each.title, each.stop) for each in unmatched.listed(hand.clock())]
    unmatched.matched("default", "Kim")
    assert ["Kim"] == shown(hand)
    unmatched.assign(GERMAN, unmatched.listed(hand.clock())[0].id, ONE, "anna", hand.clock())
    unmatched.note_opened("default", chat, stop, NONE, hand.clock())
    assert [] == shown(hand)
    unmatched.note_opened("default", chat, Heard(None, (theirs("2", "STOP"),)), NONE, hand.clock())
    assert ["Kim"] == shown(hand)
    replies.take("default", Heard(None, (own("own-1"), theirs("2", "STOP")), "Kim"), NONE, hand.clock())
    unmatched.matched("default", "Kim")
    assert ([], {ONE, TWO}) == (shown(hand), suppression.among([ONE, TWO]))


class ByPreview(Chats):
    """Chats that may have one title."""

    async def read(self, chat: Unread) -> Heard | None:
        return self.unread_now.pop(chat.preview)[1]


async def test_of_two_unread_chats_of_a_name_a_stop_is_listed_as_one(ears: Any) -> None:
    """The title does not tell whose it is, and a person is told that somebody asks for no more."""
    await ears.run_out(Chats(), ears.queue(1))
    transport = ByPreview()
    for said in ("Hello", "STOP"):
        transport.unread_now[said] = Unread("Kim", None, 1, said), Heard(None, (theirs(said, said),), "Kim")
    async with ears.sending(transport):
        await until(lambda: any(chat.stop for chat in unmatched.listed(clock.now_ms())), "it is listed as a STOP")
