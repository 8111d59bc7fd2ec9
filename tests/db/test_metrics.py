"""What metrics count and tell: from the history, across processes, and without reading what has been sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon import errors
from daemon.accounts import counting, directory, rights
from daemon.config import Settings
from daemon.db import proxy
from daemon.db.refusals import Unsent
from daemon.delivery import moves
from daemon.models import (
    Delivery,
    Event,
    Job,
    Message,
    MetricCount,
    MetricPosition,
    Webhook,
)
from daemon.ops import figures, measuring
from daemon.server.metrics import exposition
from daemon.states import AccountState, Hold, JobState, Status
from daemon.telemetry import counts, families
from daemon.telemetry.counts import Counted
from daemon.transports.protocol import Health
from tests.conftest import NOW
from tests.support.hand import Hand
from tests.support.plans import reading


@pytest.fixture
def metrics(hand: Hand) -> Callable[[], dict[str, float]]:
    """All samples by name and labels, after all of the history from now on was counted."""
    measure = measuring.Measuring()
    measure.advance(hand.clock())

    def read() -> dict[str, float]:
        while measure.advance(hand.clock()):
            pass
        found = {}
        for family in text_string_to_metric_families(exposition(hand.settings, hand.clock()).decode()):
            for sample in family.samples:
                labels = ",".join(sample.labels[name] for name in sorted(sample.labels))
                found[f"{sample.name}{{{labels}}}"] = sample.value
        return found

    return read


def test_outcomes_are_counted_once_by_account(hand: Hand, metrics: Any) -> None:
    """Each state that a message comes into; what is counted stays, however often it is looked at."""
    hand.queue(3)
    first = hand.confirm(hand.submit(hand.claim_one()))
    moves.fail(hand.claim_one(), "the number is wrong", hand.clock())
    moves.retry(hand.claim_one(), "later", hand.clock(), 3, 1_000)
    hand.receipt(first, Status.READ)
    for _ in range(2):
        found = metrics()
    assert 3 == found["wasender_messages_queued_total{default}"]
    assert 1 == found["wasender_message_retries_total{default}"]
    outcomes = {name: value for name, value in found.items() if name.startswith("wasender_message_outcomes_total")}
    came_into = {name.removesuffix("}").partition("default,")[2]: value for name, value in outcomes.items()}
    assert {"sent": 1, "failed": 1, "read": 1} == {state: value for state, value in came_into.items() if value}
    assert {"uncertain", "skipped"} < set(came_into)  # from 0 on, so that the first one is seen as an increase


def test_durations_are_from_the_claim_until_whatsapp_had_it(hand: Hand, metrics: Any) -> None:
    """In seconds, by bucket; an attempt that failed before does not count into it."""
    hand.queue(2)
    message = hand.claim_one()
    moves.retry(message, "later", hand.clock(), 3, 1_000)
    hand.clock.advance(60_000)
    message = hand.claim_one()
    hand.clock.advance(3_000)
    hand.confirm(hand.submit(message))
    found = metrics()
    name = "wasender_message_duration_seconds"
    assert (1, 3.0) == (found[f"{name}_count{{default}}"], found[f"{name}_sum{{default}}"])
    assert (0, 1, 1) == tuple(found[f"{name}_bucket{{default,{bound}}}"] for bound in ("2.5", "5.0", "+Inf"))


def test_a_long_history_is_counted_piece_by_piece(hand: Hand, metrics: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And by two processes at once, each piece by one of them."""
    monkeypatch.setattr(measuring, "MOST", 4)
    hand.queue(10)
    hand.send_all()
    other = measuring.Measuring()
    real, twice = measuring._moves, []

    def while_another_one_does(begin: int, end: int) -> Any:
        found = real(begin, end)
        if not twice:
            twice.append(True)
            assert other.advance(hand.clock())
        return found

    monkeypatch.setattr(measuring, "_moves", while_another_one_does)
    found = metrics()
    assert twice
    assert (10, 10) == (
        found["wasender_messages_queued_total{default}"],
        found["wasender_message_outcomes_total{default,sent}"],
    )


def test_what_is_not_stored_is_not_counted_and_not_passed(
    hand: Hand, metrics: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the two leaves neither."""
    hand.queue(2)

    def killed(found: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(counting, "add", killed)
        with pytest.raises(SystemExit):
            measuring.Measuring().advance(hand.clock())
    assert 2 == metrics()["wasender_messages_queued_total{default}"]


def test_ids_that_are_given_out_again_are_counted(hand: Hand, metrics: Any) -> None:
    """SQLite does that where the newest rows are deleted."""
    hand.queue(5)
    metrics()
    MetricPosition.update(position=MetricPosition.position + 3).execute()
    metrics()
    hand.queue(2, first=10)
    assert 7 == metrics()["wasender_messages_queued_total{default}"]


def test_what_was_there_before_counting_began_is_not_counted(hand: Hand) -> None:
    """After an upgrade it would look as if it had all happened at once."""
    hand.queue(2)
    measure = measuring.Measuring()
    while MetricPosition.select().count() < 2:
        measure.advance(hand.clock())
    hand.queue(1, first=5)
    while measure.advance(hand.clock()):
        pass
    assert 1 == counting.every()["moves"]["default", "enqueue"]


def test_holds_links_and_replies_are_counted(hand: Hand, metrics: Any) -> None:
    """Of the account, by state and by why."""
    directory.open_account("default", hand.clock())
    for health in (
        Health(AccountState.NEEDS_LINK),
        Health(AccountState.READY),
        Health(AccountState.HELD, Hold.CONFLICT),
    ):
        directory.report("default", health, hand.clock())
    found = metrics()
    assert 1 == found["wasender_account_states_total{default,needs_link}"]
    assert 1 == found["wasender_account_holds_total{default,conflict}"]
    assert (1, 0) == (found["wasender_account_state{default,held}"], found["wasender_account_state{default,ready}"])
    assert 1 == found["wasender_account_held{default,conflict}"]


def test_what_transports_count_is_stored_and_kept_while_the_database_is_away(
    hand: Hand, metrics: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is counted twice, and nothing is lost."""
    counts.take()
    counts.count(Counted.ORPHANS, 3)

    def away(found: object) -> None:
        raise errors.DatabaseBusy(Unsent.DATABASE_LOCKED, reason="away")

    with monkeypatch.context() as patched:
        patched.setattr(counting, "add", away)
        with pytest.raises(errors.DatabaseBusy):
            counting.store("default")
    counts.count(Counted.LEASES_LOST)
    counting.store("default")
    counting.store("default")
    counting.started("sender")
    found = metrics()
    assert 3 == found["wasender_orphans_ended_total{default}"]
    assert 1 == found["wasender_leases_lost_total{default}"]
    assert 1 == found["wasender_process_starts_total{sender}"]


def test_the_queue_tells_how_long_it_waits(hand: Hand, metrics: Any) -> None:
    """What is due, and what could have gone by the account's pace; a paused campaign waits for nobody."""
    job = hand.queue(3)
    directory.open_account("default", hand.clock())
    hand.confirm(hand.submit(hand.claim_one(), pause_ms=8_000))
    hand.clock.advance(5_000)
    found = metrics()
    assert 2 == found["wasender_queue_messages{default,running}"]
    assert (5, 0) == (
        found["wasender_queue_oldest_due_seconds{default}"],
        found["wasender_account_overdue_seconds{default}"],
    )
    hand.clock.advance(20_000)
    assert 17 == metrics()["wasender_account_overdue_seconds{default}"]
    for held_back in (
        {"unconfirmed": "restored"},
        {"dry_run": True},
        {"opens_at": hand.clock() + 1_000, "opens_zone": "UTC"},
    ):
        before = {name: getattr(Job.get_by_id(job.id), name) for name in held_back}
        Job.update(held_back).where(Job.id == job.id).execute()
        assert 0 == metrics()["wasender_queue_oldest_due_seconds{default}"]
        Job.update(before).where(Job.id == job.id).execute()
    assert 17 == metrics()["wasender_account_overdue_seconds{default}"]
    Job.update(state=JobState.PAUSED).where(Job.id == job.id).execute()
    found = metrics()
    assert 2 == found["wasender_queue_messages{default,paused}"]
    assert 0 == found["wasender_queue_oldest_due_seconds{default}"] + found["wasender_account_overdue_seconds{default}"]


def test_what_a_webhook_waits_for_is_no_delay(hand: Hand, metrics: Any) -> None:
    """What failed is tried again after minutes or hours; late is what is due and was not told."""
    hook = Webhook.create(
        name="n", url="https://example.org", kinds=[], event=0, happening=0, created_at=NOW, created_by="x", secret="s"
    )
    about = {"webhook": hook, "kind": "job.completed", "topic": "job:1", "at": NOW, "state": "waiting"}
    for number, minutes in ((1, 30), (2, 5)):
        Delivery.create(source=f"j{number}", due_at=NOW + minutes * 60_000, **about)

    def told() -> tuple[float, float]:
        found = metrics()
        return found["wasender_webhook_deliveries_waiting{1}"], found["wasender_webhook_overdue_seconds{1}"]

    assert (2, 0) == told()
    hand.clock.advance(7 * 60_000)
    assert (2, 120) == told()
    Delivery.update(state="delivered").execute()
    assert (0, 0) == told()


def test_nobody_sees_other_accounts(hand: Hand, metrics: Any) -> None:
    """Nor webhooks, which may be told of all of them."""
    hand.queue(1, account="default")
    hand.queue(1, account="south", first=5)
    hook = {"event": 0, "happening": 0, "created_at": NOW, "created_by": "x", "secret": "s"}
    Webhook.create(name="n", url="https://example.org", kinds=[], **hook)
    everything = metrics()
    assert 1 == everything["wasender_messages_queued_total{south}"]
    assert "wasender_webhook_failures{1}" in str(everything)
    token = rights.allowed.set(frozenset({"default"}))
    try:
        found = metrics()
    finally:
        rights.allowed.reset(token)
    assert 1 == found["wasender_messages_queued_total{default}"]
    assert not [name for name in found if "south" in name or "webhook" in name]


def test_names_follow_the_conventions(hand: Hand) -> None:
    """A counter ends in _total, nothing else does; units are base units; every family is declared once."""
    names = [family.name for family in families.FAMILIES]
    assert len(names) == len(set(names))
    for family in families.FAMILIES:
        assert family.name.startswith("wasender_") and family.help.endswith(".")
        assert (family.kind is families.Kind.COUNTER) == family.name.endswith("_total")
        assert not {"ms", "milliseconds", "minutes", "hours", "percent"} & set(family.name.split("_"))
    used = {sample.family for sample in figures.figures(hand.settings, hand.clock())}
    assert used <= set(families.FAMILIES)


# What a scrape costs

MANY, FEW = 5_000, 800


@pytest.fixture
def long_used(database: str) -> Job:
    """An account that has sent MANY messages and has as many to send; as many deliveries and batches wait."""
    directory.open_account("default", NOW)
    if proxy.on_postgres():
        for table in ("job", "message", "event", "delivery", "cloud_batch", "handover"):
            proxy.database.execute_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    made = {"account": "default", "name": "n", "text": "t", "delay_min_ms": 0, "delay_max_ms": 0, "created_at": NOW}
    job: Job = Job.create(state=JobState.RUNNING, total=2 * MANY, sent=MANY, pending=MANY, **made)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {2 * MANY})"
    if proxy.on_postgres():
        numbers = f"WITH n AS (SELECT generate_series(1, {2 * MANY}) AS i)"
    message: dict[str, Any] = {"job_id": job.id, "account": "'default'", "row": "i", "fields": "'{}'", "attempts": 1}
    message |= {"number": "'+49151' || (10000000 + i)", "person": "'+49151' || (10000000 + i)", "submissions": 1}
    message |= {"state": f"CASE WHEN i > {MANY} THEN 'pending' ELSE 'sent' END", "not_before": NOW - 1_000}
    event = {"message_id": "i", "at": f"{NOW} + i", "who": "'sender'", "source": "'sending'", "target": "'sent'"}
    event |= {"move": "'confirm'", "lease": "'l' || i"}
    handover = {"account": "'default'", "number": "'+49151' || i", "at": f"{NOW} - i", "kind": "'campaign'"}
    handover |= {"missed": "false"}
    for table, values in (("message", message), ("event", event), ("handover", handover)):
        columns = ", ".join(f'"{name}"' for name in values)
        proxy.database.execute_sql(
            f'INSERT INTO "{table}" ({columns}) {numbers} SELECT {", ".join(map(str, values.values()))} FROM n'
        )
    return job


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize("counted", [False, True], ids=["never counted", "counted"])
def test_a_scrape_reads_no_queue_and_nothing_that_was_sent(
    long_used: Job, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    """Whatever the database's statistics say."""
    if counted:
        proxy.database.execute_sql("ANALYZE")
    settings = make_settings()
    with reading(monkeypatch) as reads:
        found = figures.figures(settings, NOW)
        figures.durations()
    values = {(each.family, each.labels): each.value for each in found}
    assert MANY == values[families.QUEUE, ("default", "running")]
    assert reads.rows < FEW, reads


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize("counted", [False, True], ids=["never counted", "counted"])
def test_counting_reads_what_is_new(long_used: Job, monkeypatch: pytest.MonkeyPatch, counted: bool) -> None:
    """Not the history before it, nor the messages that are not in it."""
    if counted:
        proxy.database.execute_sql("ANALYZE")
    newest = Event.select(Event.id).order_by(Event.id.desc()).limit(1).scalar()
    MetricPosition.create(history="event", position=newest - 100)
    with reading(monkeypatch) as reads:
        measuring.Measuring().advance(NOW)
    rows = {(each.name, each.label): each.count for each in MetricCount.select()}
    assert 100 == rows["moves", "confirm"]
    assert reads.rows < FEW, reads


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize("counted", [False, True], ids=["never counted", "counted"])
def test_durations_are_counted_without_what_others_did_meanwhile(
    long_used: Job, monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    """Twenty messages were claimed long before they were taken."""
    ids = [each.id for each in Event.select(Event.id).order_by(Event.id)]
    moved = [each.id for each in Message.select(Message.id).order_by(Message.id).limit(20)]
    steps = (("claim", None, "pending", "claimed"), ("submit", "a lease", "claimed", "sending"))
    for nth, (move, lease, source, target) in enumerate((*steps, ("confirm", "a lease", "sending", "sent"))):
        first = -20 if move == "confirm" else 20 * nth
        for message, event in zip(moved, ids[first:], strict=False):
            changes = {"message": message, "move": move, "lease": lease, "source": source, "target": target}
            Event.update(changes, at=NOW + 1_500 * nth).where(Event.id == event).execute()
    MetricPosition.create(history="event", position=ids[-21])
    if counted:
        proxy.database.execute_sql("ANALYZE")
    with reading(monkeypatch) as reads:
        measuring.Measuring().advance(NOW)
    rows = {(each.name, each.label): each.count for each in MetricCount.select()}
    assert 20 * 3_000 == rows["durations", counting.SUM_MS]
    assert reads.rows < FEW, reads
