"""Consent: recorded and withdrawn for a person in any notation, read from a list, and asked for before a campaign."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import pacing
from daemon.contacts import consent_columns, consent_import, consents, lists, suppression
from daemon.contacts.consent_columns import Columns
from daemon.contacts.consent_import import Wanted
from daemon.contacts.consents import Given
from daemon.contacts.importer import Contact, ContactList
from daemon.contacts.person import Person
from daemon.db import clock as db_clock
from daemon.db import connection, proxy
from daemon.delivery import moves
from daemon.models import Consent, Job, Kind, Message
from daemon.ops import erase, people
from daemon.states import E164, ConsentHow, State
from daemon.telemetry import progress
from daemon.transports.protocol import Mark
from tests.support.hand import Hand
from tests.support.plans import reading
from tests.support.rehearsing import NUMBERS, rehearse

DAY_MS = 86_400_000
TODAY, FORMER = E164("+5511987650077"), E164("+551187650077")  # one person
BY = "kim"


@pytest.fixture
def now(hand: Hand) -> int:
    return int(hand.clock())


def given(at: int, **more: Any) -> Given:
    return Given(**({"at": at, "how": ConsentHow.FORM, "text": "Yes, offers."} | more))


def test_it_is_of_a_person_and_what_was_recorded_stays(hand: Hand, now: int) -> None:
    """In every notation; the same once more is no second one, another one is put beside it."""
    first = consents.record(hand.settings, FORMER, given(now - 5 * DAY_MS), BY, now)
    assert first == consents.record(hand.settings, FORMER, given(now - 5 * DAY_MS), "lee", now + 1)
    found = consents.record(hand.settings, TODAY, given(now - DAY_MS, words="stand", day_only=True), BY, now)
    assert found.rows == consents.of(hand.settings, "+55 11 8765-0077").rows
    assert [(TODAY, "stand", True), (FORMER, "", True)] == [(row.number, row.words, row.counts) for row in found.rows]
    assert found.given and not found.suppressed
    assert {Person(TODAY).key} == consents.among([Person(FORMER).key, Person(E164("+4930123456")).key])


def test_who_withdraws_is_suppressed_and_only_a_later_consent_counts(hand: Hand, now: int) -> None:
    """Also where nothing was recorded before; a new consent does not lift the suppression."""
    consents.record(hand.settings, TODAY, given(now - 5 * DAY_MS), BY, now)
    hand.queue(1, recipients=[{"number": FORMER}], text="Hi")
    found = consents.withdraw(hand.settings, FORMER, now, ConsentHow.SPOKEN, "called", BY, now)
    assert (False, True) == (found.given, found.suppressed)
    assert ("called", BY, consents.WITHDRAWN) == (
        found.rows[0].withdrawn_words, found.rows[0].withdrawn_by, found.entry and found.entry.reason
    )  # fmt: skip
    assert [] == hand.claim() and set() == consents.among([Person(TODAY).key])
    for at in (now, now - DAY_MS):
        assert found == consents.withdraw(hand.settings, FORMER, at, ConsentHow.PAPER, "", "lee", now + 9)

    for at in (now - 5 * DAY_MS, now):
        with pytest.raises(errors.IllegalMove, match="withdrew on"):
            consents.record(hand.settings, TODAY, given(at), BY, now)
    later = consents.record(hand.settings, TODAY, given(now + 1), BY, now)
    assert (True, True) == (later.given, later.suppressed) and 2 == len(later.rows)

    other = consents.withdraw(hand.settings, "+4930123456", now, ConsentHow.MESSAGE, "", BY, now)
    assert [None] == [row.given_at for row in other.rows] and other.suppressed
    suppression.put(E164("+4930123457"), "wrote STOP", suppression.REPLY, now)
    stop = consents.of(hand.settings, "+4930123457")
    assert stop.entry and (suppression.REPLY, []) == (stop.entry.source, stop.rows)


def test_a_consent_between_two_withdrawals_does_not_count(hand: Hand, now: int) -> None:
    """Whoever withdraws once more has done so since then, too; what was recorded before stays."""
    consents.record(hand.settings, TODAY, given(now - 9 * DAY_MS), BY, now)
    consents.withdraw(hand.settings, TODAY, now - 5 * DAY_MS, ConsentHow.SPOKEN, "called", BY, now)
    found = consents.withdraw(hand.settings, FORMER, now - DAY_MS, ConsentHow.PAPER, "a letter", "lee", now)
    assert [("a letter", now - DAY_MS, None), ("called", now - 5 * DAY_MS, now - 9 * DAY_MS)] == [
        (row.withdrawn_words, row.withdrawn_at, row.given_at) for row in found.rows
    ]
    with connection.write():
        since = consents.put([(TODAY, given(now - 3 * DAY_MS, how=ConsentHow.IMPORTED))], BY, now, newer_only=True)
    assert {TODAY: now - DAY_MS} == since
    assert not consents.of(hand.settings, TODAY).given
    assert consents.record(hand.settings, TODAY, given(now), BY, now).given


def test_what_cannot_be_is_refused(hand: Hand, now: int) -> None:
    """A date to come, another way without words, and a novel."""
    for wrong in (
        given(now + 3 * DAY_MS),
        given(now, how=ConsentHow.OTHER),
        given(now, words="x" * (consents.LONGEST_WORDS + 1)),
        given(now, text="x" * (consents.LONGEST + 1)),
    ):
        with pytest.raises(errors.InvalidInput):
            consents.record(hand.settings, TODAY, wrong, BY, now)
    assert 0 == Consent.select().count()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            ("name", "opt_in_date", "opt_in_source", "consent_text"),
            Columns("opt_in_date", "opt_in_source", "consent_text"),
        ),
        (
            ("einwilligung_am", "einwilligung_quelle", "geburtsdatum"),
            Columns("einwilligung_am", "einwilligung_quelle", ""),
        ),
        (("Einwilligungsdatum", "signup_date"), Columns("Einwilligungsdatum", "", "")),
        (("fecha_consentimiento", "canal_consentimiento"), Columns("fecha_consentimiento", "canal_consentimiento", "")),
        (("data_do_consentimento", "data_nascimento"), Columns("data_do_consentimento", "", "")),
        (("सहमति_तिथि",), Columns("सहमति_तिथि", "", "")),
        (("تاريخ_الموافقة", "birthday"), Columns("تاريخ_الموافقة", "", "")),
        (("birthday", "joined_date", "name"), Columns()),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_titles(columns: tuple[str, ...], expected: Columns) -> None:
    """In several languages, and only one with dates says when: no birthday is taken for a consent."""
    wordy = ("source", "quelle", "canal", "text", "name")
    row = {name: "Stand" if any(word in name for word in wordy) else "04.03.2026" for name in columns}
    assert expected == consent_columns.proposed(columns, [row])
    assert "" == consent_columns.proposed(columns, [dict.fromkeys(columns, "yes")]).date


def guests(hand: Hand, *cells: str, now: int) -> tuple[int, list[E164]]:
    numbers = [E164(f"+4930123{n:03}") for n in range(len(cells))]
    rows = [
        Contact(n, number, {"opt_in_date": cell, "opt_in_source": "stand" if n else ""})
        for n, (number, cell) in enumerate(zip(numbers, cells, strict=True))
    ]
    made, _ = lists.create_list("Guests", ContactList(rows, columns=["opt_in_date", "opt_in_source"]), now)
    return made.id, numbers


def test_a_list_says_it_for_all_who_have_a_date(hand: Hand, now: int) -> None:
    """Nothing is recorded as long as a date may be two; nobody without a date, who withdrew or was erased gets one."""
    cells = ("03/04/2025", "2025-06-01T10:30Z", "", "yes", "2025-01-01", "2025-01-01", "2025-01-01", "2099-01-01")
    list_id, numbers = guests(hand, *cells, now=now)
    consents.withdraw(hand.settings, numbers[4], now, ConsentHow.SPOKEN, "", BY, now)
    erase.erase(hand.settings, numbers[5], BY, now)
    consents.record(hand.settings, numbers[6], given(now - DAY_MS), BY, now)
    lists.add_people(list_id, ContactList([Contact(1, numbers[5], {"opt_in_date": "2025-01-01"})]), now)
    wanted = Wanted(consent_import.proposed(list_id), words="list of 2025", text="Yes.")
    assert Columns("opt_in_date", "opt_in_source", "") == wanted.columns
    before = Consent.select().count()
    with pytest.raises(errors.InvalidInput, match="03/04/2025"):
        consent_import.record(hand.settings, list_id, wanted, BY, now)
    assert before == Consent.select().count()

    wanted = replace(wanted, order="dmy")
    said: list[tuple[int, bool]] = []
    with progress.listening(lambda stage, done, total, can_end: said.append((done, can_end))):
        done = consent_import.record(hand.settings, list_id, wanted, BY, now)
    assert [(0, True), (0, False)] == said
    counts = (done.recorded, done.present, done.undated, done.withdrawn, done.unreadable_count)
    assert (2, 1, 1, 2, 2) == counts
    assert {"yes", "2099-01-01"} == {cell for _, cell in done.unreadable}
    (first,), (second,) = (consents.of(hand.settings, number).rows for number in numbers[:2])
    assert (1_743_638_400_000, True, "list of 2025", "Yes.") == (
        first.given_at,
        first.day_only,
        first.words,
        first.text,
    )
    assert (1_748_773_800_000, False, "stand", "imported") == (
        second.given_at,
        second.day_only,
        second.words,
        second.how,
    )
    again = consent_import.record(hand.settings, list_id, wanted, BY, now)
    assert (0, 3) == (again.recorded, again.present)
    for columns in (Columns(), Columns("opt_in_date", "nonsense")):
        with pytest.raises(errors.InvalidInput, match="column"):
            consent_import.record(hand.settings, list_id, Wanted(columns), BY, now)


def test_without_it_nobody_gets_a_campaign_where_it_is_required(hand: Hand, now: int) -> None:
    """At the claim, and again at the hand-over. A test to oneself and an answer need none; by default nothing does."""
    consents.record(hand.settings, hand.people(1)[0].number, given(now - DAY_MS), BY, now)
    hand.rules = pacing.Rules(consent=True)
    job = hand.queue(2)
    (message,) = hand.claim(2)
    skipped = Message.get(Message.job == job.id, Message.state == State.SKIPPED)
    assert ("person_no_consent", "has no recorded consent") == (skipped.coded["code"], skipped.error)
    consents.withdraw(hand.settings, message.number, now, ConsentHow.SPOKEN, "", BY, now)
    suppression.remove(hand.settings, message.number, "for the test", BY, now)
    with pytest.raises(errors.IllegalMove, match="no recorded consent"):
        moves.submit(message, Mark(None), hand.clock(), pacing.Gap(0, pacing.Why.PAUSE, 1), hand.rules)
    moves.release(message, "back", hand.clock())
    assert [] == hand.claim()
    for kind in (Kind.TEST, Kind.ANSWER):
        Job.update(kind=kind).where(Job.id == hand.queue(1, first=10).id).execute()
        assert 1 == len(hand.claim())
    hand.rules = pacing.Rules()
    hand.queue(1, first=20)
    assert 1 == len(hand.claim())


def test_a_dry_run_says_who_has_none(prepared: Any, make_settings: Any, settings: Any) -> None:
    """A notice; with the setting they are left out. Where nothing is ever recorded there is no notice either."""
    now = db_clock.now_ms()
    assert 0 == rehearse(settings, prepared).warnings.unrecorded
    consents.record(settings, NUMBERS[0], given(now - DAY_MS), BY, now)
    found = rehearse(settings, prepared)
    assert (len(NUMBERS), len(NUMBERS) - 1) == (found.people, found.warnings.unrecorded)
    strict = rehearse(make_settings(require_consent=True), prepared)
    assert (1, {"no_consent": len(NUMBERS) - 1}, 0) == (strict.people, strict.counts, strict.warnings.unrecorded)


def test_it_is_handed_out_and_erased_with_the_person(hand: Hand, now: int) -> None:
    """In every notation, with what was recorded before."""
    consents.record(hand.settings, FORMER, given(now - 5 * DAY_MS, day_only=True, words="stand"), BY, now)
    consents.withdraw(hand.settings, TODAY, now, ConsentHow.MESSAGE, "STOP", BY, now)
    (known,) = people.known(hand.settings, FORMER).consents
    assert ("2025-12-27", "stand", "STOP") == (known["given"], known["words"], known["withdrawn_words"])
    erase.erase(hand.settings, TODAY, BY, now)
    assert 0 == Consent.select().count()


def test_the_claim_reads_as_little_whoever_has_agreed(hand: Hand, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not through all consents there are."""
    rows = [
        {"number": f"+49151{n:08}", "person": f"+49151{n:08}", "given_at": now, "recorded_by": BY, "recorded_at": now}
        for n in range(6_000)
    ]
    for at in range(0, len(rows), 500):
        Consent.insert_many(rows[at : at + 500]).execute()
    asked = [Person(E164(f"+49151{n:08}")).key for n in range(5)]
    proxy.database.execute_sql('ANALYZE "consent"')
    consents.among(asked)
    with reading(monkeypatch) as reads:
        assert 5 == len(consents.among(asked))
    assert reads.rows < 300
