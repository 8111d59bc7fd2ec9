"""A draft's dry run and start on every database: who is frozen, once, and who is left out."""

from __future__ import annotations

from typing import Any

import pytest

from daemon import errors
from daemon.accounts import limits, pacing
from daemon.campaigns import create, drafts, dry_run, lifecycle
from daemon.campaigns.draft_content import Notes, Report
from daemon.campaigns.drafts import Draft
from daemon.contacts import suppression
from daemon.db import clock as db_clock
from daemon.delivery import claim, moves
from daemon.models import Draft as DraftRow
from daemon.models import Job, Kind, Message
from daemon.states import Ack
from daemon.transports.protocol import Mark, Receipt
from tests.support.rehearsing import NUMBERS, rehearse, send_to

DAY_MS = 24 * 3_600_000


def test_a_draft_is_begun_once(database: str) -> None:
    """The same id again is the draft that is there, with what is in it."""
    first = drafts.begin("b" * 32, "test", db_clock.now_ms(), "One")
    again = drafts.begin("b" * 32, "test", db_clock.now_ms(), "Two")
    assert (first.id, "One", 1) == (again.id, again.name, DraftRow.select().count())


def test_the_report_and_the_people_are_frozen_and_started_once(prepared: Draft, settings: Any) -> None:
    """Two starts are one job, for exactly those who were found."""
    suppression.suppress(settings, NUMBERS[0], "asked", "test", db_clock.now_ms())
    found = rehearse(settings, prepared)
    assert (3, {"opted_out": 1}) == (found.people, found.counts)
    draft = drafts.find(prepared.id)
    jobs = {drafts.start(settings, draft.id, draft.version, "test", db_clock.now_ms()) for _ in range(2)}

    assert [job.id for job in Job.select()] == list(jobs)
    numbers = [message.number for message in Message.select().order_by(Message.id)]
    assert NUMBERS[1:] == numbers
    with pytest.raises(errors.EditConflict, match="was started as campaign"):
        drafts.save(draft.id, draft.version, {"text": "Other"}, db_clock.now_ms())


def test_whoever_got_a_campaign_lately_is_left_out_or_not(prepared: Draft, settings: Any) -> None:
    """As is wished; a test to oneself does not count, whatever else is called so does, and so does one in a queue."""
    send_to(settings, NUMBERS[0], name=dry_run.TEST + "x")
    send_to(settings, NUMBERS[1], kind=Kind.TEST)
    create.create(settings, create.Order("x", numbers=[NUMBERS[2]]), "test", db_clock.now_ms())
    assert {"recent": 2} == rehearse(settings, prepared).counts
    assert {} == rehearse(settings, prepared, leave_out=False).counts


def test_who_is_queued_in_a_paused_job_counts_as_one_who_gets_it(prepared: Draft, settings: Any) -> None:
    """It goes on when somebody resumes it."""
    job_id = create.create(settings, create.Order("x", numbers=[NUMBERS[2]]), "test", db_clock.now_ms()).job_id
    lifecycle.pause(job_id, "test", db_clock.now_ms())
    assert {"recent": 1} == rehearse(settings, prepared).counts


def test_whoever_got_as_many_as_one_may_is_told_before(prepared: Draft, make_settings: Any, settings: Any) -> None:
    """They would be skipped when their turn comes: the dry run says it now."""
    send_to(settings, NUMBERS[0])
    capped = make_settings(frequency_cap="1/7")
    assert {"too_often": 1} == rehearse(capped, prepared, leave_out=False).counts


def test_a_change_between_the_look_and_the_freeze_freezes_nothing(prepared: Draft, settings: Any) -> None:
    """What was looked at is not what is there any more."""
    found = Report(
        at=0, total=0, people=0, counts={}, left_out=(), warnings=Notes(), version=prepared.version, starts=None,
        why=pacing.Why.READY, ends=None, jobs=0, messages=0,
    )  # fmt: skip
    drafts.save(prepared.id, prepared.version, {"text": "Other"}, db_clock.now_ms())
    with pytest.raises(errors.EditConflict, match="since you opened it"):
        drafts.freeze(prepared, [], found)
    assert drafts.report(prepared) is None


def test_the_forecast_is_when_the_last_one_really_goes_out(prepared: Draft, settings: Any, clock: Any) -> None:
    """Beside another job that takes turns, at a second each, as a sender would do it."""
    other = create.create(settings, create.Order("x", numbers=[f"+4915119{n:06}" for n in range(9)]), "test", clock())
    Job.update(delay_min_ms=1000, delay_max_ms=1000).where(Job.id == other.job_id).execute()
    found = rehearse(settings, prepared)
    draft = drafts.find(prepared.id)
    mine = drafts.start(settings, draft.id, draft.version, "test", clock())
    now = began = found.starts
    last = 0
    while claimed := claim.claim("default", 1, now, 60_000, limits.rules(settings)):
        moves.submit(claimed[0], Mark(None), now, pacing.Gap(1000, pacing.Why.PAUSE, 1))
        moves.confirm(claimed[0], Receipt("id", Ack.SENT), now)
        last = now if claimed[0].job_id == mine else last
        now += 1000
    assert (7_000, 7_000) == (last - began, found.ends - began)


def test_what_is_shown_is_reckoned_with_the_limits_as_they_are_now(prepared: Draft, settings: Any) -> None:
    """Quiet hours, or a zone, that are set after the dry run: its report is old, what it promises must not be."""
    rehearse(settings, prepared)
    draft = drafts.find(prepared.id)
    limits.set_limits("default", {"daily_cap": 1}, "test")
    found, people = dry_run.current(settings, draft, db_clock.now_ms())
    stored = drafts.report(draft)
    assert found and stored and people
    assert 4 == len(people)
    assert found.ends - found.starts >= 3 * DAY_MS > stored.ends - stored.starts
    drafts.save(draft.id, draft.version, {"text": "Other"}, db_clock.now_ms())
    assert (stored, None) == dry_run.current(settings, drafts.find(draft.id), db_clock.now_ms())


def test_a_window_within_the_quiet_hours_never_opens(prepared: Draft, make_settings: Any) -> None:
    """The dry run says so instead of a time."""
    settings = make_settings(quiet_hours="20:00-08:00")
    assert prepared.data.when is not None
    when = prepared.data.when.model_copy(update={"window": "21:00-23:00"})
    drafts.save(prepared.id, prepared.version, {"when": when}, db_clock.now_ms())
    found = rehearse(settings, prepared)
    assert (None, None) == (found.starts, found.ends)
