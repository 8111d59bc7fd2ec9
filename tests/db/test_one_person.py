"""One person in two notations of their number is one wherever it is asked whether two are the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import handovers, pacing
from daemon.campaigns import create, recipients
from daemon.contacts import importer, list_entries, lists, suppression, uploads
from daemon.contacts.person import Person
from daemon.db import proxy
from daemon.db.prepared import several
from daemon.delivery import claim, eligibility, moves, opened_chats, person_keys, replies
from daemon.delivery.refusals import Passed
from daemon.models import ContactList, Handover, Message, Removal, Reply, RowSet, Suppression
from daemon.states import E164, State
from daemon.transports.protocol import Unread
from tests.support.hand import LEASE_MS, MARK, Hand, job_state, states

PAIRS = {  # as it was written before, and as it is today
    "Brazil": (E164("+551187654321"), E164("+5511987654321")),
    "Mexico": (E164("+5215550000101"), E164("+525550000101")),
    "Argentina": (E164("+541166773399"), E164("+5491166773399")),
    "Benin": (E164("+22997123456"), E164("+2290197123456")),
    "Ivory Coast": (E164("+22507123456"), E164("+2250707123456")),
}
FORMER, TODAY = PAIRS["Brazil"]
GAP = pacing.Gap(0, pacing.Why.PAUSE, 1)
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
        (FORMER, "5511 98"),
        (TODAY, "11 8765"),
        (TODAY, "+55 11 876"),
        ("+525550000101", "52 1 55 50"),
        ("+525550000101", "1 55 5000"),
        ("+5491166773399", "011 15 6677"),
        ("+5491166773399", "+54 11 66"),
        ("+541166773399", "9 11 667"),
        ("+2250707123456", "225 0712"),
        ("+84791234567", "0121 123"),
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
    people = [importer.Contact(n, number, {}) for n, number in enumerate([FORMER, TODAY, E164("+4915110000000")])]
    uploaded = uploads.add_contacts(hand.settings, importer.ContactList(people), "people.csv", hand.clock())
    RowSet.update(distinct=False).execute()  # so the upgrade leaves what earlier versions have kept
    answer = create.create(hand.settings, create.Order("Hello", upload_id=uploaded.id), "test", hand.clock())

    assert (2, 1) == (answer.total, answer.duplicates)
    assert [FORMER, "+4915110000000"] == hand.send_all()


def test_people_who_were_frozen_before_get_it_once(hand: Hand) -> None:
    """A dry run of an earlier version may have found somebody twice."""
    people = [importer.Contact(n, number, {}) for n, number in enumerate([TODAY, FORMER])]
    audience = create.Audience(people, [], 0, "row")
    create.create(hand.settings, create.Order("Hello", audience=audience), "test", hand.clock())

    assert [TODAY] == hand.send_all()


@either
def test_the_cap_counts_a_person_not_a_number(hand: Hand, one: E164, other: E164) -> None:
    """When a message is claimed, and again when it is submitted."""
    hand.rules = pacing.Rules(person_cap=1, person_window_ms=7 * pacing.DAY_MS)
    for number, sent in ((one, [one]), (other, [])):
        hand.queue(recipients=[{"number": number}], text="Hello")
        assert sent == hand.send_all()
    assert "got 1 message within 7 days" == Message.get(Message.number == other).error


def test_two_messages_in_hand_do_not_pass_the_cap_together(hand: Hand) -> None:
    """One for each notation, claimed before either left."""
    hand.rules = pacing.Rules(person_cap=1, person_window_ms=7 * pacing.DAY_MS)
    for number in (FORMER, TODAY):
        hand.queue(recipients=[{"number": number}], text="Hello")
    first, second = hand.claim_one(), hand.claim_one()
    moves.submit(first, MARK, hand.clock(), GAP, hand.rules)

    with pytest.raises(errors.IllegalMove, match="got 1 message"):
        moves.submit(second, MARK, hand.clock(), GAP, hand.rules)
    moves.release(second, "the cap", hand.clock())
    hand.confirm(first)


@either
def test_whom_we_have_written_to_is_known_in_either_notation(hand: Hand, one: E164, other: E164) -> None:
    """Where WhatsApp lets an account write in existing chats only."""
    hand.queue(recipients=[{"number": one}], text="Hello")
    hand.send_all()
    hand.queue(recipients=[{"number": "+4915110000000"}, {"number": other}], text="Again")
    claimed = claim.claim("default", 5, hand.clock(), LEASE_MS, hand.rules, known_only=True)

    assert [other] == [message.number for message in claimed]


@either
def test_a_list_has_a_person_once(hand: Hand, one: E164, other: E164) -> None:
    """Who is on it gets what is new of them; either notation takes them off."""
    made, _ = lists.create_list("Guests", people(one, name="Anna"), 1)
    added = lists.add_people(made.id, people(other, city="Bonn"), 2)

    assert (0, 0, 1) == (added.added, added.present, added.updated)
    (entry,) = lists.people(made.id)
    assert (one, {"name": "Anna", "city": "Bonn"}) == (entry.number, entry.fields)
    assert 1 == lists.remove_people(made.id, 3, numbers=[other])
    assert [] == lists.people(made.id)


def people(number: E164, **fields: str) -> importer.ContactList:
    return importer.ContactList([importer.Contact(1, number, fields)], columns=list(fields))


def test_many_people_are_looked_up_by_person_as_well(hand: Hand) -> None:
    """More than are asked for one by one."""
    made, _ = lists.create_list("Guests", people(FORMER, name="Anna"), 1)
    crowd = [importer.Contact(n, E164(f"+491511{n:07}"), {}) for n in range(list_entries.BATCH)]
    found = importer.ContactList([*crowd, importer.Contact(1_000, TODAY, {"name": "Anna"})], columns=["name"])
    added = lists.add_people(made.id, found, 2)

    assert (len(crowd), 1, 0) == (added.added, added.present, added.updated)


SEARCHES = [
    (FORMER, "+55 11 98765-4321"), (FORMER, "98765-4321"), (FORMER, "(011) 98765-4321"), (FORMER, "8765-4321"),
    (TODAY, "+55 11 8765-4321"), (TODAY, "11 8765-4321"), (TODAY, "551187654321"),
    ("+525550000101", "+52 1 55 5000 0101"), ("+5215550000101", "55 5000 0101"), ("+5491166773399", "011 15 6677 3399"),
    (TODAY, "11 8765"), (TODAY, "55118"), ("+525550000101", "521555"), ("+525550000101", "1 55 5000"),
    ("+5491166773399", "11 15 66"), ("+5491166773399", "54 11 667"), ("+5493511234567", "351 15 123"),
    ("+2250707123456", "22507 12"), ("+84791234567", "0121 123 45"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "search"), SEARCHES)
def test_recipients_and_lists_are_searched_in_either_notation(hand: Hand, number: str, search: str) -> None:
    """A part of it in the notation it was given in or in today's, and all of it in the former one."""
    others = ["+5511912345678", "+551132345678"]
    job = hand.queue(recipients=[{"number": each} for each in [number, *others]], text="Hello")
    made, _ = lists.create_list("Guests", people(E164(number), name="Anna"), 1)
    for other in others:
        lists.add_people(made.id, people(E164(other), name="Somebody else"), 2)

    assert [number] == [row.number for row in recipients.page(job, recipients.Selection(search=search)).rows]
    assert [number] == [row.number for row in list_entries.entries(made.id, search)[0]]


QUESTIONS: dict[str, tuple[Callable[[], Any], str]] = {  # asked of tables that grow, and the index that answers
    "who opted out": (
        lambda: eligibility._opted_out(among=several([TODAY]), digests=several([""])), "suppression_person",
    ),
    "whom an import has there": (lambda: suppression._present([TODAY]), "suppression_person"),
    "who of these opted out": (lambda: suppression.among([FORMER]), "suppression_person"),
    "who may be written to again": (lambda: handovers.got([Person(TODAY).key], 0, 1, 1), "handover_person_at"),
    "who was written to": (lambda: replies._last_to("default", Person(TODAY).key, 0), "message_.*person"),
    "what stands in a chat": (lambda: replies.landmarks("default", Unread("", TODAY, 0), 1), "reply_account_person"),
    "which chat was opened": (lambda: opened_chats.begin("default", Unread("", TODAY, 0), 1), "opened_chat_account_p"),
    "who is on a list": (lambda: lists._known(ContactList(id=1), [Person(TODAY).key]), "list_entry_list_id_person"),
    "who is known": (
        lambda: list(Message.select().where(Message.job == 1, eligibility.known(Message))), "message_account_person"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_who_somebody_is_is_answered_by_an_index(hand: Hand, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the database says it would do, where the account has replies of many."""
    ask, index = QUESTIONS[name]
    others = [f"+4915110000{n:03}" for n in range(300)]
    Reply.insert_many(
        {"account": "default", "number": each, "person": each, "text": "Hi", "at": 1, "key": each} for each in others
    ).execute()
    proxy.database.execute_sql("ANALYZE reply")
    asked: list[tuple[str, Any]] = []
    real = proxy.database.obj.execute_sql
    with monkeypatch.context() as patch:
        patch.setattr(
            proxy.database.obj, "execute_sql", lambda sql, values=None: asked.append((sql, values)) or real(sql, values)
        )
        ask()
    found = "\n".join(plan(sql, values) for sql, values in asked if sql.lstrip("(").startswith("SELECT"))

    assert re.search(index, found), found


def plan(sql: str, values: Any) -> str:
    if not proxy.on_postgres():
        rows = proxy.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        return "\n".join(row[3] for row in rows)
    with proxy.database.atomic():
        for way in ("seqscan", "bitmapscan"):  # of a small table PostgreSQL reads all else
            proxy.database.execute_sql(f"SET LOCAL enable_{way} = off")
        return "\n".join(row[0] for row in proxy.database.execute_sql(f"EXPLAIN {sql}", values).fetchall())


def without_person(table: Any) -> None:
    """As a process of an earlier version writes, while it still runs beside this one."""
    table.update(person=None).execute()


def test_an_opt_out_that_an_earlier_version_stored_counts_once_it_is_said_again(hand: Hand) -> None:
    """Its row has no person yet: a repeated STOP finds it, and is not taken for done."""
    suppression.put(FORMER, "asked", "test", hand.clock())
    without_person(Suppression)
    hand.queue(recipients=[{"number": TODAY}], text="Hello")

    assert suppression.put(FORMER, "asked again", "test", hand.clock())

    assert [] == hand.send_all()
    assert [("asked", TODAY)] == [(row.reason, row.person) for row in Suppression.select()]


def test_rows_of_an_earlier_version_get_their_person(hand: Hand) -> None:
    """Once: the next look finds none."""
    hand.queue(recipients=[{"number": FORMER}], text="Hello")
    hand.send_all()
    suppression.put(FORMER, "asked", "test", hand.clock())
    for table in (Message, Handover, Suppression):
        without_person(table)

    assert (3, 0) == (person_keys.complete(hand.clock()), person_keys.complete(hand.clock()))

    assert [TODAY] * 3 == [row.person for table in (Message, Handover, Suppression) for row in table.select()]


def test_a_message_that_an_earlier_version_queued_is_not_sent_to_who_opted_out(hand: Hand) -> None:
    """Before anybody has said whose it is."""
    job = hand.queue(recipients=[{"number": FORMER}], text="Hello")
    without_person(Message)
    suppression.put(TODAY, "asked", "test", hand.clock())

    assert [] == hand.send_all()
    assert [State.SKIPPED] == states(job)


def queued_before(hand: Hand, *numbers: E164) -> Any:
    """A job as versions before this rule made them: each notation is a recipient."""
    job = hand.queue(recipients=[{"number": f"+49151100000{n:02}"} for n, _ in enumerate(numbers)], text="Hello")
    for row, number in zip(Message.select().where(Message.job == job).order_by(Message.id), numbers, strict=True):
        Message.update(number=number, person=Person(number).key).where(Message.id == row.id).execute()
    return job


@either
def test_a_job_from_before_writes_to_a_person_once(hand: Hand, one: E164, other: E164) -> None:
    """The second notation is skipped, and says why; others go on, and the job ends."""
    elsewhere = E164("+4915110000099")
    job = queued_before(hand, one, elsewhere, other)

    assert [one, elsewhere] == hand.send_all()
    assert [State.SENT, State.SENT, State.SKIPPED] == states(job)
    assert Passed.REPEATED.sentence == Message.get(Message.number == other).error
    assert "completed" == job_state(job)


def test_all_of_many_notations_are_one_person(hand: Hand) -> None:
    """Argentina has five, whichever comes first."""
    ways = [E164(f"+54{way}") for way in ("351151234567", "93511234567", "3511234567", "9351151234567")]
    job = queued_before(hand, *ways)

    assert ways[:1] == hand.send_all()
    assert [State.SENT, *[State.SKIPPED] * 3] == states(job)


def test_the_first_may_wait_for_its_next_attempt(hand: Hand) -> None:
    """Then the second is not taken for it: somebody would get both."""
    job = queued_before(hand, TODAY, FORMER)
    first = hand.claim_one()
    moves.submit(first, MARK, hand.clock(), GAP, hand.rules)
    moves.retry(first, "the page was slow", hand.clock(), 3, 60_000)

    assert [] == hand.send_all()
    assert [State.PENDING, State.SKIPPED] == states(job)
    hand.clock.now += 60_000
    assert [TODAY] == hand.send_all()


def test_who_did_not_get_it_may_under_the_other_notation(hand: Hand) -> None:
    """WhatsApp may know somebody by the former one only: nobody is written to twice by that."""
    job = queued_before(hand, TODAY, FORMER)
    moves.fail(hand.claim_one(), "is not on WhatsApp", hand.clock())

    assert [FORMER] == hand.send_all()
    assert [State.FAILED, State.SENT] == states(job)


def test_two_jobs_may_each_write_to_a_person(hand: Hand) -> None:
    """Another campaign is another message."""
    for number in (FORMER, TODAY):
        hand.queue(recipients=[{"number": number}], text="Hello")

    assert [FORMER, TODAY] == hand.send_all()
