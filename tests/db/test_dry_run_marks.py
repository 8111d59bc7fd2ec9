"""A dry run takes what was made for it, and what it has had is marked for good."""

from __future__ import annotations

import pytest

from daemon.accounts import directory, handovers, pacing
from daemon.campaigns import create, lifecycle, progress, queries
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import claim, eligibility, job_moves, moves, rehearsals
from daemon.delivery.claim import SENDS, Takes
from daemon.delivery.refusals import Asks
from daemon.models import Job, Message
from daemon.states import AccountState, Ack, JobState, State
from daemon.transports.protocol import Health, Mark, Receipt

REHEARSES, TAKES_ALL = Takes(rehearses=True), Takes(rehearses=True, all=True)


def make(settings: Settings, transport: str) -> int:
    numbers = ["+4915110000000", "+4915110000001"]
    made = settings.model_copy(update={"transport": transport})
    return create.create(made, Order("Hi", numbers=numbers), "test", clock.now_ms()).job_id


def claims(takes: Takes) -> list[int]:
    now = clock.now_ms()
    return [each.job_id for each in claim.claim("default", 1, now, 60_000, pacing.Rules(), takes=takes)]


@pytest.fixture(autouse=True)
def _ready(database: str) -> None:
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.READY), clock.now_ms())


@pytest.mark.parametrize(("takes", "taken", "marked"), [(REHEARSES, False, False), (TAKES_ALL, True, True)])
def test_a_campaign_made_to_be_sent_is_left_alone_unless_told(
    settings: Settings, takes: Takes, taken: bool, marked: bool
) -> None:
    """It waits and says for what; told to take all, the dry run marks it."""
    job_id = make(settings, "browser")
    directory.open_account("default", clock.now_ms(), dry_run=True)
    told = settings.model_copy(update={"dryrun_takes_all": takes.all})

    assert [job_id] * taken == claims(takes)

    job = Job.get_by_id(job_id)
    shown = progress.progress(told, job_moves.job(job_id), clock.now_ms())
    assert (marked, marked) == (job.dry_run, shown.dry_run)
    assert (shown.code == progress.DRY_RUN) == (not taken)
    assert ("waits for a real sender" in (shown.reason or "")) == (not taken)
    assert None is shown.eta or taken
    sends = settings.model_copy(update={"transport": "browser"})  # by the settings of this process
    assert ["default"] == directory.dry_runs(sends, clock.now_ms())


def test_what_a_dry_run_has_begun_is_never_sent(settings: Settings) -> None:
    """A real sender goes on with the others, and the campaign says why; so do two that take turns."""
    begun = make(settings, "dryrun")
    assert [begun] == claims(REHEARSES)
    other = make(settings, "dryrun")  # made for a dry run, but not begun

    assert [other] == claims(SENDS)
    assert [other] == claims(SENDS)
    assert [] == claims(SENDS)

    assert (True, False) == (Job.get_by_id(begun).dry_run, Job.get_by_id(other).dry_run)
    directory.open_account("default", clock.now_ms(), dry_run=False)
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    shown = progress.progress(settings, job_moves.job(begun), clock.now_ms())
    assert (progress.WAS_DRY_RUN, "waiting_for_login", None) == (shown.code, shown.status, shown.eta)
    sends = settings.model_copy(update={"transport": "browser"})
    assert [] == directory.dry_runs(sends, clock.now_ms())
    assert None is progress.progress(settings, job_moves.job(other), clock.now_ms()).code


@pytest.mark.parametrize("schedule_at", [None, 4_000_000_000_000])
def test_after_a_dry_run_what_it_has_not_begun_waits_for_a_person(settings: Settings, schedule_at: int | None) -> None:
    """It says so, also where it is scheduled; resumed, it is sent, and no later dry run takes it."""
    begun, waits = make(settings, "dryrun"), make(settings, "dryrun")
    real = make(settings, "browser")
    Job.update(schedule_at=schedule_at).where(Job.id == waits).execute()
    assert [begun] == claims(REHEARSES)
    directory.open_account("default", clock.now_ms(), dry_run=True)

    rehearsals.end("default", clock.now_ms())
    directory.open_account("default", clock.now_ms(), dry_run=False)
    directory.report("default", Health(AccountState.READY), clock.now_ms())

    shown = progress.progress(settings, queries.job(waits), clock.now_ms())
    assert (JobState.PAUSED, Asks.MADE_FOR_DRY_RUN.sentence) == (shown.status, shown.reason)
    assert [real, real] == [*claims(SENDS), *claims(SENDS)]
    assert [] == claims(SENDS)
    lifecycle.resume(waits, "Ada", clock.now_ms())
    now, state = queries.job(waits), JobState.SCHEDULED if schedule_at else JobState.RUNNING
    assert (state, None, False) == (now.state, now.reason, now.for_dry_run)
    assert [begun] == claims(REHEARSES)
    assert [] == claims(REHEARSES)
    assert [waits] * (not schedule_at) == claims(SENDS)


@pytest.mark.parametrize("known", [True, False])
def test_what_was_made_while_only_http_ran_dry_waits_for_a_person(settings: Settings, known: bool) -> None:
    """No sender was there to rehearse it: the first one that sends asks, too."""
    made, real = make(settings, "dryrun"), make(settings, "browser")
    if known:
        directory.open_account("default", clock.now_ms())
    for _ in range(2):
        rehearsals.end("default", clock.now_ms())
    found = job_moves.job(made)
    assert (JobState.PAUSED, Asks.MADE_FOR_DRY_RUN.sentence) == (found.state, found.reason)
    assert [real, real] == [*claims(SENDS), *claims(SENDS)]
    assert [] == claims(SENDS)
    lifecycle.resume(made, "Ada", clock.now_ms())
    rehearsals.end("default", clock.now_ms())
    assert [made] == claims(SENDS)


def test_what_a_dry_run_handed_over_leaves_room_in_the_caps(settings: Settings) -> None:
    """Once the account sends again; what it has really sent still counts."""
    make(settings, "dryrun")
    real = make(settings, "browser")
    now = clock.now_ms()
    for takes, sent_as in [(REHEARSES, "dryrun-0"), (SENDS, "3EB0"), (REHEARSES, "dryrun-1")]:
        (message,) = claim.claim("default", 1, now, 60_000, pacing.Rules(), takes=takes)
        moves.submit(message, Mark("0"), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
        moves.confirm(message, Receipt(sent_as, Ack.SENT), now)
    directory.open_account("default", now, dry_run=True)
    assert 3 == handovers.count("default", now - pacing.DAY_MS, now)

    rehearsals.end("default", now)

    assert [1, 1] == [handovers.count("default", now - span, now) for span in (pacing.DAY_MS, 1)]
    assert 1 == handovers.count("default", now - pacing.DAY_MS, now, real)


def test_nobody_has_got_anything_by_a_dry_run(settings: Settings) -> None:
    """They are no known chats, to which a restricted account may write, the cap per person has room for the real
    message, and a check of the account looks for none of them."""
    waits = make(settings, "browser")
    make(settings, "dryrun")
    now = clock.now_ms()
    for _ in range(2):
        (rehearsed,) = claim.claim("default", 1, now, 60_000, pacing.Rules(), takes=REHEARSES)
        moves.submit(rehearsed, Mark("0"), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
        moves.confirm(rehearsed, Receipt("dryrun-0", Ack.SENT), now)
    later = make(settings, "browser")

    assert [] == eligibility.surely_there("default")
    assert not Message.select().where(Message.known).exists()
    assert [] == claim.claim("default", 1, now, 60_000, pacing.Rules(), known_only=True)
    rules = pacing.Rules(person_cap=1, person_window_ms=7 * pacing.DAY_MS)
    assert [waits, waits] == [each.job_id for each in claim.claim("default", 2, now, 60_000, rules)]
    assert not Message.select().where(Message.job.in_([waits, later]), Message.state == State.SKIPPED).exists()
