"""What pages show and nobody counts: why messages failed, what happened when, who has answered, what is archived."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daemon import errors
from daemon.accounts import directory, limits
from daemon.campaigns import failures, lifecycle, overview, queries, recipients, timeline
from daemon.campaigns.queries import Listed
from daemon.campaigns.recipients import Selection
from daemon.delivery import job_moves, moves, quarters, replies
from daemon.delivery.refusals import Passed
from daemon.i18n.coded import code_of, refusal
from daemon.models import Job, Message, Reply
from daemon.states import AccountState, Ack, Status
from daemon.transports.protocol import Health, Heard, Said
from tests.support.hand import Hand

QUARTER = quarters.LENGTH_MS


def fail(hand: Hand, *whys: object) -> None:
    for why in whys:
        moves.fail(hand.submit(hand.claim_one()), why, hand.clock())


def counted(job: Job) -> dict[str, int]:
    return {each.code: each.count for each in failures.of(job_moves.job(job.id))}


def test_failures_are_grouped_by_their_reason_and_retried_by_it(hand: Hand):
    """The most frequent first, each in the words of one of its messages; only those of the group are queued again."""
    job = hand.queue(6)
    silent, broken = refusal(Passed.NOT_SENT), refusal(Passed.BROWSER_BROKE_DOWN)
    fail(hand, silent, broken, silent, "No words of ours.", "Others of theirs.")
    assert {"other": 2, "whatsapp_says_not_sent": 2, "browser_broke_down": 1} == counted(job)
    assert [failures.OTHER, silent, broken] == [each.why for each in failures.of(job_moves.job(job.id))]

    chosen = Selection("failed", code="whatsapp_says_not_sent")
    rows = recipients.page(job_moves.job(job.id), chosen).rows
    assert [silent.code] * 2 == [code_of(row.coded) for row in rows]
    assert 2 == recipients.counts(job_moves.job(job.id), chosen)["failed"]
    assert [] == recipients.page(job_moves.job(job.id), Selection("sent", code="other")).rows

    assert 2 == lifecycle.retry(job.id, "page", hand.clock(), code="whatsapp_says_not_sent")
    assert {"other": 2, "browser_broke_down": 1} == counted(job)
    with pytest.raises(errors.IllegalMove, match="no failed messages that match"):
        lifecycle.retry(job.id, "page", hand.clock(), code="whatsapp_says_not_sent")
    assert 3 == lifecycle.retry(job.id, "page", hand.clock())
    assert {} == counted(job)


def test_a_late_delivery_takes_a_failure_out_of_its_group(hand: Hand):
    """The receipt counts more than what was said before."""
    job = hand.queue(1)
    message = hand.confirm(hand.submit(hand.claim_one()))
    hand.receipt(message, Status.FAILED)
    assert {"not_delivered": 1} == counted(job)
    hand.receipt(message, Status.DELIVERED)
    assert {} == counted(job)


def test_a_week_is_added_up_by_the_days_of_the_readers_zone(hand: Hand):
    """Where it is tomorrow already, it counts as tomorrow; what was only a dry run counts as nothing."""
    job = hand.queue(3)
    start = hand.clock()
    midnight = int(datetime(2030, 1, 10, 18, 40, tzinfo=UTC).timestamp() * 1000)
    hand.clock.advance(midnight - start)
    for ack in (Ack.SENT, Ack.READ):
        hand.confirm(hand.submit(hand.claim_one()), ack)
    now = hand.clock()

    def found(zone: str) -> list[tuple[int, int, int, int]]:
        return [(day.on.day, day.sent, day.delivered, day.read) for day in overview.week(now, zone) if day.sent]

    assert [(10, 2, 1, 1)] == found("UTC") == found("America/Lima")
    assert [(11, 2, 1, 1)] == found("Asia/Kolkata")
    assert 7 == len(overview.week(now, "UTC"))
    Job.update(dry_run=True).where(Job.id == job.id).execute()
    assert [] == found("UTC")


def hear(message: Message, number: str, text: str, now: int) -> None:
    rows = [Said(str(message.transport_id), True, ""), Said(f"{number}-{text}", False, text)]
    replies.take("default", Heard(number, rows), frozenset(), now)


def test_who_has_answered_counts_once_and_is_new_until_read(hand: Hand):
    """However often they write; and once somebody has read it, it is not new again."""
    job = hand.queue(2)
    first, second = (hand.confirm(hand.submit(hand.claim_one())) for _ in range(2))
    for message, text in ((first, "Yes"), (first, "Thank you"), (second, "No")):
        hear(message, message.number, text, hand.clock())
    assert 2 == Job.get_by_id(job.id).replied
    assert 2 == sum(each.replied for each in quarters.since(0))
    assert 3 == replies.fresh(100)
    replies.now_read([row.id for row in Reply.select().limit(2)])
    assert 1 == replies.fresh(100)
    assert ["Yes", "Thank you"] == [each.text for each in replies.to_messages([first.id])[first.id]]


def test_a_stop_long_after_the_last_message_leaves_the_course_to_be_seen(hand: Hand):
    """What it cancels is no bar, and the time until it does not press all others into one; a pause is marked."""
    job = hand.queue(40)
    Job.update(started_at=hand.clock()).where(Job.id == job.id).execute()
    for n in range(20):
        if n == 10:
            lifecycle.pause(job.id, "page", hand.clock())
            hand.clock.advance(1_200_000)
            lifecycle.resume(job.id, "page", hand.clock())
        hand.confirm(hand.submit(hand.claim_one()))
        hand.clock.advance(10_000)
    hand.clock.advance(12 * 3_600_000)
    lifecycle.stop(job.id, "page", hand.clock())
    went = timeline.course(queries.some_jobs([job.id])[0], hand.clock())
    assert 20 == sum(each.total for each in went.stretches)
    assert len([each for each in went.stretches if each.total]) > 4
    assert [(1_200_000, True)] == [(each.until - each.at, each.paused) for each in went.breaks]


def test_only_what_is_over_is_archived_and_the_overview_leaves_it_out(hand: Hand):
    """It comes back unharmed; names are searched in any case, a page at a time."""
    jobs = [hand.queue(1, name=name) for name in ("Spring", "Émile", "Summer")]
    with pytest.raises(errors.IllegalMove, match="not over yet"):
        lifecycle.archive(jobs[0].id, "page", hand.clock())
    lifecycle.stop(jobs[0].id, "page", hand.clock())
    lifecycle.archive(jobs[0].id, "page", hand.clock())

    def names(cursor: int | None = None, limit: int = 10, **listed: object) -> list[str]:
        return [job.name for job in queries.overview(Listed(**listed), cursor, limit)[0]]

    assert ["Summer", "Émile"] == names()
    assert ["Spring"] == names(archived=True)
    assert 1 == queries.archived()
    assert ["Émile"] == names(search="émile") == names(jobs[2].id, 1)
    assert [] == names(over=True)
    lifecycle.unarchive(jobs[0].id, "page")
    assert ["Spring"] == names(over=True)
    assert ["Summer", "Émile"] == names(over=False)
    assert "test" == jobs[0].made_by


def test_what_needs_somebody_is_named_until_it_is_done(hand: Hand, settings):
    """An account that cannot send while somebody waits, and a campaign that its sender has paused."""
    now = hand.clock()
    directory.report("default", Health(AccountState.READY), now)
    assert not overview.needs(settings, now)
    job = hand.queue(1, name="Party")
    directory.report("default", Health(AccountState.OFFLINE), now)
    assert ["default"] == [each.name for each in overview.needs(settings, now).held]
    directory.report("default", Health(AccountState.READY), now)
    assert not overview.needs(settings, now)
    job_moves.suspend(job.id, "The file is gone.", now)
    assert [("Party", ("The file is gone.",))] == [(e.name, e.why) for e in overview.needs(settings, now).stalled]
    lifecycle.resume(job.id, "page", now)
    later = now + overview.STALLED_MS + 60_000
    directory.report("default", Health(AccountState.READY), later)
    assert [("Party", ())] == [(e.name, e.why) for e in overview.needs(settings, later).stalled]
    assert ["pause", "resume"] == [step.move for step in job_moves.steps(job.id)]


def test_the_country_of_an_account_is_that_of_numbers_without_one(hand: Hand, make_settings):
    """Only one there is; the first step is done when both are known."""
    settings = make_settings(timezone="")
    with pytest.raises(errors.InvalidInput, match="Choose a country"):
        limits.set_limits("default", {"country": "XX"}, "page")
    assert "" == directory.country(settings)
    limits.set_limits("default", {"country": "DE"}, "page")
    assert "DE" == directory.country(settings) == directory.country(settings, "default")
    assert not overview.steps(settings, hand.clock()).zone
    limits.set_limits("default", limits.Limits(timezone="Europe/Berlin"), "page")
    assert overview.steps(settings, hand.clock()).zone
