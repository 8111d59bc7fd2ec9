"""One person in two notations of their number is one wherever it is asked whether two are the same."""

from __future__ import annotations

from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import create
from daemon.contacts import importer, suppression, uploads
from daemon.delivery import moves
from daemon.models import Handover, Message, Removal, Suppression, Upload
from daemon.states import E164, State
from tests.support.hand import Hand, states

PAIRS = {  # as it was written before, and as it is today
    "Brazil": (E164("+551187654321"), E164("+5511987654321")),
    "Mexico": (E164("+5215550000101"), E164("+525550000101")),
    "Argentina": (E164("+541166773399"), E164("+5491166773399")),
    "Benin": (E164("+22997123456"), E164("+2290197123456")),
    "Ivory Coast": (E164("+22507123456"), E164("+2250707123456")),
}
FORMER, TODAY = PAIRS["Brazil"]
LANDLINE, MOBILE = E164("+551132345678"), E164("+5511932345678")  # somebody's landline, and somebody else's mobile

either = pytest.mark.parametrize(("one", "other"), [*PAIRS.values(), (TODAY, FORMER)], ids=[*PAIRS, "Brazil, turned"])


def listed() -> list[str]:
    return [row.number for row in Suppression.select().order_by(Suppression.number)]


def test_every_row_about_a_person_has_their_key(hand: Hand) -> None:
    """Beside the number, which stays as it was given."""
    hand.queue(recipients=[{"number": FORMER}], text="Hello")
    hand.send_all()
    suppression.put(FORMER, "asked", "test", hand.clock())

    for table in (Message, Handover, Suppression):
        assert [(FORMER, TODAY)] == [(row.number, row.person) for row in table.select()]


@either
def test_who_opted_out_is_not_written_to_under_the_other_notation(hand: Hand, one: E164, other: E164) -> None:
    """Looked at when a message is claimed."""
    suppression.suppress(hand.settings, one, "asked", "test", hand.clock())
    job = hand.queue(recipients=[{"number": other}, {"number": "+4915110000000"}], text="Hello")

    assert ["+4915110000000"] == hand.send_all()
    assert [State.SKIPPED, State.SENT] == states(job)
    assert "is on the suppression list" == Message.get(Message.number == other).error


@either
def test_nor_who_opts_out_while_the_message_is_in_hand(hand: Hand, one: E164, other: E164) -> None:
    """Looked at once more when it is submitted."""
    hand.queue(recipients=[{"number": other}], text="Hello")
    message = hand.claim_one()
    suppression.suppress(hand.settings, one, "asked", "test", hand.clock())

    with pytest.raises(errors.IllegalMove, match="suppression list"):
        hand.submit(message)
    moves.release(message, "opted out", hand.clock())
    assert [] == hand.send_all()


def test_a_landline_is_not_the_mobile_that_looks_like_it(hand: Hand) -> None:
    """In Brazil only what begins with 6 to 9 was given a ninth digit."""
    suppression.suppress(hand.settings, LANDLINE, "asked", "test", hand.clock())
    hand.queue(recipients=[{"number": MOBILE}], text="Hello")

    assert [MOBILE] == hand.send_all()


@either
def test_the_list_has_a_person_once(hand: Hand, one: E164, other: E164) -> None:
    """Added one by one, imported, or by STOP: who is on it stays there as they are."""
    first = suppression.suppress(hand.settings, one, "by letter", "anna", hand.clock())
    again = suppression.suppress(hand.settings, other, "by phone", "ben", hand.clock())
    done = suppression.import_text(hand.settings, f"{other}\n{one}\n+4915110000000", "old list", "ben", hand.clock())

    assert (one, "by letter", "anna") == (again.number, again.reason, again.source)
    assert first == again == suppression.find(other) == suppression.find(one)
    assert not suppression.put(other, "wrote STOP", "reply", hand.clock())
    assert (1, 1, 1) == (done.added, done.present, done.duplicates)
    assert sorted([one, "+4915110000000"]) == listed()
    assert {one, other} == suppression.among([one, other, E164("+4915110000001")])


@either
def test_a_person_is_taken_off_by_either_notation(hand: Hand, one: E164, other: E164) -> None:
    """With the entry as it was in the trace."""
    suppression.suppress(hand.settings, one, "by letter", "anna", hand.clock())
    suppression.remove(hand.settings, other, "wants news again", "ben", hand.clock())

    assert [] == listed()
    assert [(one, "by letter")] == [(row.number, row.reason) for row in Removal.select()]
    with pytest.raises(errors.NotFound):
        suppression.find(one)


def test_two_entries_from_before_are_taken_off_together(hand: Hand) -> None:
    """Earlier versions took two notations for two people: each entry leaves its trace, none stays behind."""
    rows = [
        {"number": number, "person": TODAY, "reason": reason, "source": "test", "created_at": n}
        for n, (number, reason) in enumerate([(FORMER, "wrote STOP"), (TODAY, "by letter")])
    ]
    Suppression.insert_many(rows).execute()

    assert ["wrote STOP", "by letter"] == [suppression.find(number).reason for number in (FORMER, TODAY)]
    suppression.remove(hand.settings, FORMER, "a mistake", "ben", hand.clock())
    assert [] == listed()
    assert {(FORMER, "wrote STOP"), (TODAY, "by letter")} == {(row.number, row.reason) for row in Removal.select()}


@pytest.mark.parametrize(
    ("entry", "search"),
    [
        (FORMER, "+55 11 98765-4321"),
        (FORMER, "11 98765-4321"),
        (FORMER, "011 8765-4321"),
        (TODAY, "+55 11 8765-4321"),
        (TODAY, "(11) 8765-4321"),
        ("+5215550000101", "+52 55 5000 0101"),
        ("+525550000101", "52 1 55 5000 0101"),
        ("+5491166773399", "011 15 6677-3399"),
        ("+541166773399", "+54 9 11 6677-3399"),
    ],
)
def test_the_list_is_searched_in_either_notation(hand: Hand, entry: str, search: str) -> None:
    """As somebody has it in front of them."""
    suppression.put(E164(entry), "asked", "test", hand.clock())
    suppression.put(E164("+5511912345678"), "asked", "test", hand.clock())

    assert [entry] == [row.number for row in suppression.page(search)[0]]


@either
def test_a_request_names_a_person_once(hand: Hand, one: E164, other: E164) -> None:
    """The first notation is the one that is written to."""
    answer = create.create(hand.settings, create.Order("Hello", numbers=[one, other]), "test", hand.clock())

    assert (1, 1, []) == (answer.total, answer.duplicates, answer.left_out)
    assert [one] == hand.send_all()


@either
def test_a_file_names_a_person_once(one: E164, other: E164) -> None:
    """A suppression list, as every number that stands there counts, and contacts where both are good numbers."""
    found = importer.read(f"name,phone\nAnna,{one}\nAnna,{other}\n".encode(), "people.csv", "", trusted=True)

    assert ([one], 1, []) == ([each.number for each in found.contacts], found.duplicates, found.rejected)


def test_an_upload_from_before_names_a_person_once(hand: Hand) -> None:
    """It was read by a version that took two notations for two people."""
    found = importer.read(f"name,phone\nAnna,{TODAY}\nBen,+4915110000000\n".encode(), "people.csv", "")
    uploaded = uploads.add_contacts(hand.settings, found, "people.csv", hand.clock())
    contacts: Any = [[2, FORMER, {"name": "Anna"}], [3, TODAY, {"name": "Anna"}], [4, "+4915110000000", {}]]
    Upload.update(contacts=contacts).execute()
    answer = create.create(hand.settings, create.Order("Hello", upload_id=uploaded.id), "test", hand.clock())

    assert (2, 1) == (answer.total, answer.duplicates)
    assert [FORMER, "+4915110000000"] == hand.send_all()
