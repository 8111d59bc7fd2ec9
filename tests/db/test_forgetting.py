"""What is too old goes in small steps, and whoever reads what is left is told so; what is still needed stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory, handovers
from daemon.campaigns import cloning, gone, lifecycle, queries, recipients, report
from daemon.campaigns.recipients import Selection
from daemon.config import Settings
from daemon.db import proxy
from daemon.delivery import forgetting, job_moves, moves, old_history
from daemon.delivery.forgetting import DAY_MS, Kind
from daemon.models import (
    GONE,
    Draft,
    Event,
    Handover,
    Job,
    Kept,
    Message,
    OldHistory,
    Purpose,
    Reply,
    Unfinished,
    Webhook,
)
from daemon.ops import erase, keeping, people, retention
from daemon.states import E164, State, Status
from tests.support.hand import Hand
from tests.support.plans import reading

YEAR = 365


def forget(settings: Settings, clock: Any, *kinds: Kind, steps: int = 1_000) -> int:
    """As the http process does it every hour; so many steps of each kind at most."""
    count = 0
    for kind in kinds or keeping.ORDER:
        sweep = keeping.begin(settings, kind, clock())
        if sweep is None:
            continue
        for _ in range(steps):
            if not keeping.step(sweep, clock()):
                break
        count += sweep.removed
    return count


@pytest.fixture
def old(hand: Hand) -> Job:
    """A job of three that has ended: two are sent, one failed; and a newer one, of which everything is still kept."""
    job = hand.queue(3)
    moves.fail(hand.submit(hand.claim_one()), "+4930 is not on WhatsApp", hand.clock())
    hand.send_all()
    hand.clock.advance(100 * DAY_MS)
    hand.queue(1, first=10)
    hand.send_all()
    return Job.get_by_id(job.id)


@pytest.fixture
def days(make_settings: Callable[..., Settings]) -> Callable[..., Settings]:
    return lambda **ages: make_settings(**{f"{name}_days": count for name, count in ages.items()})


def test_nothing_is_removed_unless_it_is_set(hand: Hand, old: Job, days: Any) -> None:
    """Of what it did not remove before, an upgrade removes nothing."""
    before = list(Message.select().dicts()), list(Job.select(Job.text, Job.rejected).tuples())
    assert 0 == forget(days(archive=0), hand.clock)
    assert before == (list(Message.select().dicts()), list(Job.select(Job.text, Job.rejected).tuples()))


def test_a_text_goes_and_it_is_said(hand: Hand, old: Job, days: Any) -> None:
    """Nothing is sent again that nobody knows any more."""
    Job.update(rejected=[[7, "x", "no"]]).where(Job.id == old.id).execute()
    assert 2 == forget(days(keep_texts=30, keep_rejected=30, archive=0), hand.clock)

    row = queries.job(old.id)
    assert ("", []) == (row.text, row.rejected)
    assert {"texts", "rejected"} == set(gone.removed(row))
    assert "" == gone.text(row, {"name": "Ann"}, row.id)
    with pytest.raises(errors.IllegalMove, match="can be sent again"):
        lifecycle.retry(old.id, "kim", hand.clock())
    with pytest.raises(errors.InvalidInput, match="give a new message"):
        cloning.order(old.id, "all", 0, cloning.Changed())
    assert "Hi {{ name }}" == cloning.order(old.id, "all", 0, cloning.Changed(message="Hi {{ name }}")).text
    assert "Hello {{ name }}" == Job.select(Job.text).order_by(Job.id.desc()).limit(1).scalar()


def test_fields_go_and_it_is_said(hand: Hand, old: Job, days: Any) -> None:
    assert 3 == forget(days(keep_fields=30, archive=0), hand.clock)

    rows = recipients.page(queries.job(old.id), Selection()).rows
    assert [({}, True)] * 3 == [(row.fields, row.fields_removed) for row in rows]
    lines = report.lines(rows, ["name"], hand.clock())
    assert {gone.IN_A_REPORT} == {line[2] for line in lines}
    with pytest.raises(errors.IllegalMove, match="can be sent again"):
        lifecycle.retry(old.id, "kim", hand.clock())
    assert [{}] * 3 == [each.fields for each in cloning.order(old.id, "all", 0, cloning.Changed()).audience.people]
    newest = Message.select().order_by(Message.id.desc()).get()
    assert newest.fields and not recipients.page(queries.job(newest.job_id), Selection()).rows[0].fields_removed


def test_what_may_still_be_needed_stays(hand: Hand, days: Any) -> None:
    """A job that goes on, one about which a person has to decide, and one that ended lately."""
    running, doubtful = hand.queue(2), hand.queue(1, first=5)
    hand.send_all()
    moves.lose(hand.submit(hand.queue(1, first=9) and hand.claim_one()), "who knows", hand.clock())
    paused = hand.queue(2, first=20)
    lifecycle.pause(paused.id, "kim", hand.clock())
    hand.clock.advance(50 * DAY_MS)
    lately = hand.queue(1, first=30)
    hand.send_all()
    hand.clock.advance(3 * DAY_MS)

    forget(days(keep_texts=10, keep_fields=10, keep_history=31, archive=31), hand.clock)
    rows = {job.id: gone.removed(queries.job(job.id)) for job in Job.select()}
    assert {running.id, doubtful.id} == {job_id for job_id, removed in rows.items() if removed}
    assert {} == rows[paused.id] == rows[lately.id]


def test_the_history_is_stored_in_less_room_and_reads_the_same(hand: Hand, old: Job, days: Any) -> None:
    """Also together with what comes later: a late receipt."""
    ids = [message.id for message in Message.select().where(Message.job == old.id)]
    before = {each: queries.message(each) for each in ids}
    assert 3 == forget(days(archive=60), hand.clock)

    assert before == {each: queries.message(each) for each in ids}
    assert 0 == Event.select().where(Event.message.in_(ids)).count()
    assert 3 == OldHistory.select().count()
    sent = next(each for each in ids if before[each][0].state == State.SENT)
    hand.receipt(Message.get_by_id(sent), Status.READ)
    row, steps = queries.message(sent)
    assert (State.READ, "read") == (row.state, steps[-1].move)
    assert before[sent][1] == steps[:-1]
    assert 0 == forget(days(archive=60), hand.clock)


def test_an_interrupted_removal_goes_on(
    hand: Hand, old: Job, days: Any, small_chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is counted is what was removed, once."""
    monkeypatch.setattr(forgetting, "HELD_S", 60.0)
    job = hand.queue(35, first=50)
    hand.send_all()
    hand.clock.advance(50 * DAY_MS)
    settings = days(archive=31)
    forget(settings, hand.clock, steps=2)  # the process is killed here
    assert 1 == Unfinished.select().count()
    (kept,) = Kept.select()
    assert 20 == kept.total == OldHistory.select().count()

    forget(settings, hand.clock)
    assert 0 == Unfinished.select().count()
    assert 39 == Kept.get().total == OldHistory.select().count()
    assert Job.get_by_id(job.id).compacted_at is not None


def test_an_archived_person_is_erased_and_their_history_handed_out(hand: Hand, old: Job, days: Any) -> None:
    """What the history says of them is gone; that there was one stays."""
    message = Message.get(Message.job == old.id, Message.state == State.FAILED)
    forget(days(archive=60), hand.clock)
    known = people.known(hand.settings, message.number)
    assert ["enqueue", "claim", "submit", "fail"] == [each["move"] for each in known.messages[0]["history"]]
    assert "+4930 is not on WhatsApp" == known.messages[0]["history"][-1]["why"]

    erase.erase(hand.settings, message.number, "kim", hand.clock())
    row, steps = queries.message(message.id)
    assert ["enqueue", "claim", "submit", "fail"] == [each.move for each in steps]
    assert [None] * 4 == [each.why for each in steps]
    assert f"erased {message.id}" == row.number


def test_a_history_goes_and_a_late_receipt_begins_a_new_one(hand: Hand, old: Job, days: Any) -> None:
    """Also one that was archived before. Whatever the age that is set, a webhook is told first."""
    webhook = {
        "name": "w",
        "url": "https://a.example",
        "kinds": [],
        "secret": "s",
        "created_at": 0,
        "created_by": "kim",
    }
    behind = Webhook.create(**webhook, event=0, happening=0)
    assert 0 == forget(days(keep_history=60), hand.clock)
    Webhook.update(event=10_000_000).where(Webhook.id == behind.id).execute()
    assert 3 == forget(days(archive=31), hand.clock, Kind.ARCHIVE)
    assert 3 == forget(days(keep_history=60), hand.clock, Kind.HISTORY)

    sent = Message.get(Message.job == old.id, Message.state == State.SENT)
    assert [] == queries.message(sent.id)[1]
    assert {"history"} == set(gone.removed(queries.job(old.id)))
    hand.receipt(sent, Status.DELIVERED)
    assert ["deliver"] == [each.move for each in queries.message(sent.id)[1]]


def test_recipients_go_and_counts_stay(hand: Hand, old: Job, days: Any) -> None:
    """What they got lately still counts, and the newest message keeps its id for itself."""
    number = Message.get(Message.job == old.id, Message.state == State.SENT).number
    newest = Message.select().order_by(Message.id.desc()).get()
    settings = days(keep_recipients=90)
    assert 3 == forget(settings, hand.clock)

    row = queries.job(old.id)
    assert (3, 2, 1) == (row.total, row.sent, row.failed)
    assert [] == recipients.page(row, Selection()).rows
    with pytest.raises(errors.InvalidInput, match="only counts are left"):
        cloning.order(old.id, "all", 0, cloning.Changed(message="Hi"))
    with pytest.raises(errors.IllegalMove):
        lifecycle.retry(old.id, "kim", hand.clock())
    assert 1 == Handover.select().where(Handover.number == number, Handover.message.is_null()).count()
    hand.clock.advance(300 * DAY_MS)
    forget(settings, hand.clock)  # the clock may have jumped
    forget(settings, hand.clock)
    assert [newest.id] == [message.id for message in Message.select()]
    forget(settings, hand.clock)
    assert [newest.id] == [message.id for message in Message.select()]


@pytest.fixture
def half_removed(hand: Hand, days: Any, small_chunks: int, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job of 25 that failed, of which some recipients are removed."""
    monkeypatch.setattr(forgetting, "HELD_S", 60.0)
    job = hand.queue(25)
    while claimed := hand.claim():
        moves.fail(hand.submit(claimed[0]), "no", hand.clock())
    hand.clock.advance(100 * DAY_MS)
    hand.queue(1, first=50)
    hand.send_all()
    assert 10 == forget(days(keep_recipients=90), hand.clock, Kind.RECIPIENTS, steps=1)
    return Job.get_by_id(job.id)


def test_what_is_being_removed_is_neither_retried_nor_cloned(hand: Hand, half_removed: Job, days: Any) -> None:
    """From the first recipient that is gone on, as nobody would know who is missing; and the removal goes on."""
    with pytest.raises(errors.IllegalMove, match="can be sent again") as refused:
        lifecycle.retry(half_removed.id, "kim", hand.clock())
    assert "content_removed" == refused.value.told.code
    with pytest.raises(errors.InvalidInput, match="only counts are left"):
        cloning.order(half_removed.id, "all", 0, cloning.Changed())
    assert 15 == forget(days(keep_recipients=90), hand.clock, Kind.RECIPIENTS)
    with pytest.raises(errors.IllegalMove, match="can be sent again"):
        lifecycle.retry(half_removed.id, "kim", hand.clock())


def test_nothing_is_removed_of_a_job_that_was_reopened_meanwhile(
    hand: Hand, half_removed: Job, days: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an earlier version, which allowed it. Once it has ended again it is as old as that end."""
    settings = days(keep_recipients=90)
    monkeypatch.setattr(job_moves, "sendable", lambda job: True)
    assert 15 == lifecycle.retry(half_removed.id, "kim", hand.clock())
    message = hand.submit(hand.claim_one())
    hand.clock.advance(3_600_000)
    assert 0 == forget(settings, hand.clock, Kind.RECIPIENTS)
    hand.confirm(message)
    hand.send_all()
    hand.queue(1, first=60)
    assert 0 == forget(settings, hand.clock, Kind.RECIPIENTS)
    assert 15 == Message.select().where(Message.job == half_removed.id).count()
    for later in (91 * DAY_MS, 3_600_000):  # the clock may have jumped
        hand.clock.advance(later)
        forget(settings, hand.clock, Kind.RECIPIENTS)
    assert 0 == Message.select().where(Message.job == half_removed.id).count() == Unfinished.select().count()


def test_the_newest_message_goes_once_there_is_a_newer_one(hand: Hand, days: Any) -> None:
    """Until then its job is not done."""
    settings = days(keep_recipients=90)
    job = hand.queue(3)
    hand.send_all()
    hand.clock.advance(100 * DAY_MS)
    for _ in range(2):
        forget(settings, hand.clock)
        assert 1 == Message.select().where(Message.job == job.id).count() == Unfinished.select().count()
    hand.queue(1, first=10)
    assert 1 == forget(settings, hand.clock)
    assert 0 == Message.select().where(Message.job == job.id).count() == Unfinished.select().count()


def test_a_clock_that_jumps_removes_nothing_at_once(hand: Hand, old: Job, days: Any) -> None:
    """Somebody has an hour to set it, whichever process looks meanwhile, or is started anew; also if it jumps again."""
    settings, hour = days(keep_texts=365, archive=0), 3_600_000
    forget(settings, hand.clock)
    hand.clock.advance(YEAR * DAY_MS)
    for later in (0, 1_000, hour // 2, 3 * DAY_MS, hour // 2, -2 * DAY_MS, 1_000):
        hand.clock.advance(later)
        assert 0 == forget(settings, hand.clock)
    hand.clock.advance(hour)
    assert 2 == forget(settings, hand.clock)

    Reply.create(account="default", key="k", number="+4930", text="Hi", at=hand.clock())
    for later, left in ((0, 1), (YEAR * DAY_MS, 1), (0, 1), (1 - YEAR * DAY_MS, 1), (YEAR * DAY_MS, 1), (hour, 0)):
        hand.clock.advance(later)
        retention.prune(settings, hand.clock())
        assert left == Reply.select().count()
    assert not [each.kind for each in Kept.select() if each.kind == f"replies{keeping.DOUBT}"]


def test_drafts_replies_and_evidence_have_their_ages(hand: Hand, days: Any) -> None:
    """0: they stay."""
    now = hand.clock()
    for name, job in (("old", None), ("started", hand.queue(1).id)):
        Draft.create(id=name, created_by="kim", created_at=now, updated_at=now, job=job)
    Reply.create(account="default", key="k", number="+4930", text="Hi", at=now)
    later = now + 200 * DAY_MS
    retention.prune(days(keep_replies=0, keep_unused=3_650), later)
    assert (2, 1) == (Draft.select().count(), Reply.select().count())
    retention.prune(days(keep_drafts=201, keep_replies=201, keep_unused=3_650), later)
    assert (2, 1) == (Draft.select().count(), Reply.select().count())
    retention.prune(days(keep_drafts=199, keep_replies=199, keep_unused=3_650), later)
    assert (["started"], 0) == ([row.id for row in Draft.select()], Reply.select().count())
    assert {"drafts": 1, "replies": 1} == {row.kind: row.total for row in Kept.select() if row.total}


def test_handovers_outlive_their_message_for_a_year(hand: Hand, old: Job, days: Any, small_chunks: int) -> None:
    """Those that never had one, too; as long as the message is there they stay with it."""
    settings = days(keep_recipients=90)
    now = hand.clock()
    for purpose in (Purpose.CANARY, Purpose.CONFIRMATION):
        handovers.keep_own("default", E164("+4930"), purpose, now)
    forget(settings, hand.clock)
    alone = Handover.select().where(Handover.message.is_null())
    assert 4 == alone.count()
    for advance, left in ((265, 4), (0, 4), (1, 2), (99, 2), (1, 0)):  # the clock may have jumped
        hand.clock.advance(advance * DAY_MS or 3_600_000)
        retention.prune(settings, hand.clock())
        assert left == alone.count()
    assert 1 == Handover.select().count()


@pytest.mark.usefixtures("fresh_database", "database")
def test_handovers_that_are_too_old_are_found_without_a_look_at_the_rest(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are."""
    now = clock()
    columns = 'account, number, person, "at", kind, missed'
    false = "false" if proxy.on_postgres() else "0"
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    values = f"'a' || i, '+4930', '+49' || i, {now} - i, 'canary', {false}"
    proxy.database.execute_sql(f"INSERT INTO handover ({columns}) {numbers} SELECT {values} FROM n")
    old = now - 367 * DAY_MS
    proxy.database.execute_sql(f'UPDATE handover SET "at" = {old} WHERE id <= 3')
    proxy.database.execute_sql("ANALYZE")
    with reading(monkeypatch) as reads:
        assert 3 == forgetting.handovers(now)
    assert reads.rows < 500


@pytest.mark.usefixtures("fresh_database", "database")
def test_what_is_due_is_found_without_a_look_at_the_rest(
    clock: Any, days: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that are done, and those that ended lately, cost nothing, however many there are."""
    columns = "account, name, text, state, delay_min_ms, delay_max_ms, created_at, completed_at, total, claimed_at, "
    columns += "attachments, columns, rejected, daily_cap, opens_at, kind, tally_ms, for_dry_run, dry_run, replied, "
    columns += ", ".join(state.value for state in State)
    false = "false" if proxy.on_postgres() else "0"
    marks = ", ".join(mark.name for mark in GONE)
    now = clock()
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    ended = f"CASE WHEN i <= 10000 THEN {now - 500 * DAY_MS} ELSE {now} END"
    done = f"CASE WHEN i <= 10000 THEN {now} END"
    values = f"'default', 'n', '', 'completed', 0, 0, 0, {ended}, 0, 0, '[]', '[]', '[]', 0, 0, 'campaign', 1000, "
    values += f"{false}, {false}, 0, {', '.join('0' for _ in State)}, {', '.join(done for _ in GONE)}"
    proxy.database.execute_sql(f"INSERT INTO job ({columns}, {marks}) {numbers} SELECT {values} FROM n")
    proxy.database.execute_sql("ANALYZE")
    settings = days(**{f"keep_{kind.value}": 400 for kind in Kind if kind is not Kind.ARCHIVE}, archive=400)
    with reading(monkeypatch) as reads:
        assert 0 == forget(settings, clock)
    assert reads.rows < 1_000


@pytest.mark.usefixtures("fresh_database", "database")
def test_a_step_reads_nothing_of_other_jobs(
    settings: Settings, clock: Any, people: Any, days: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long their histories are."""
    directory.open_account("default", clock())
    hand = Hand(settings, clock, people)
    hand.queue(3)
    hand.send_all()
    clock.advance(50 * DAY_MS)
    hand.queue(3_000, first=10)
    proxy.database.execute_sql("ANALYZE")
    with reading(monkeypatch) as reads:
        assert 3 == forget(days(archive=31), clock)
    assert reads.rows < 1_500
    with reading(monkeypatch) as reads:
        assert 12 == sum(len(old_history.of(each)) for each in (1, 2, 3))
    assert reads.rows < 500
