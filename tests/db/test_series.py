"""A campaign that repeats by the week: each run once, whatever is killed; none late; the clocks may change."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory
from daemon.campaigns import drafts, leftovers, series
from daemon.campaigns.draft_content import Weekly, When
from daemon.campaigns.weekly import following, times
from daemon.contacts import importer, lists
from daemon.db import clock as db_clock
from daemon.db import connection
from daemon.models import Job, Message, RowSet, Run, Series
from daemon.ops import repeating
from daemon.states import JobState, SeriesState
from tests.support import forks
from tests.support.plans import reading
from tests.support.rehearsing import prepare, rehearse

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
EVERY_DAY = tuple(range(7))


def ms(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc]


def begin(settings: Any, draft: Any = None, **rule: Any) -> int:
    """A series of four people, every day at 9:00 UTC, begun."""
    draft = draft or prepare(settings)
    weekly = Weekly(**{"days": EVERY_DAY, "time": "09:00"} | rule)
    when = When(account="default", delay_min=1, delay_max=1, zone="UTC", weekly=weekly)
    draft = drafts.save(draft.id, draft.version, {"when": when}, db_clock.now_ms())
    rehearse(settings, draft)
    draft = drafts.find(draft.id)
    return series.begin(settings, draft.id, draft.version, "test", db_clock.now_ms())


def next_at(series_id: int) -> int:
    (due, *_) = series.find(series_id).next
    return due


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        ("Europe/Berlin", ms(2030, 3, 25, 12), [ms(2030, 3, 31, 7), ms(2030, 4, 7, 7)]),  # clocks go forward that day
        ("Europe/Berlin", ms(2030, 10, 20, 12), [ms(2030, 10, 27, 8), ms(2030, 11, 3, 8)]),
        ("America/New_York", ms(2030, 3, 4), [ms(2030, 3, 10, 13), ms(2030, 3, 17, 13)]),
        ("Asia/Kolkata", ms(2030, 6, 9, 3, 30), [ms(2030, 6, 16, 3, 30), ms(2030, 6, 23, 3, 30)]),
    ],
)
def test_the_local_time_stays_when_the_clocks_change(zone: str, after: int, expected: list[int]) -> None:
    """Sundays at nine, in the account's zone."""
    rule = Weekly(days=(6,), time="09:00")
    assert expected == list(times(rule, zone, following(rule, zone, after), 2))


def test_a_time_that_the_clocks_leave_out_or_repeat_comes_once() -> None:
    """Half past two in Berlin, on the days on which that does not exist, or twice."""
    rule = Weekly(days=(6,), time="02:30")
    for day, due in ((ms(2030, 3, 30), ms(2030, 3, 31, 1, 30)), (ms(2030, 10, 26), ms(2030, 10, 27, 0, 30))):
        assert due == following(rule, "Europe/Berlin", day)
        assert due + DAY_MS < (following(rule, "Europe/Berlin", due) or 0)


def test_each_run_is_a_campaign_of_its_own_with_the_people_that_were_seen(hand, clock, settings):
    """Once, however often it is looked at; the next times are known; it ends by its count."""
    series_id = begin(settings, most=2)
    assert 0 == series.make_due(settings, clock())
    clock.now = next_at(series_id)
    assert [1, 0] == [series.make_due(settings, clock()) for _ in range(2)]
    assert (1, 4) == (Job.select().count(), Message.select().count())
    clock.advance(DAY_MS)
    assert 1 == series.make_due(settings, clock())
    found = series.find(series_id)
    assert (SeriesState.ENDED, [], 2) == (found.state, found.next, found.made)
    assert [2, 1] == [each.job for each in found.runs]
    assert [1, 1] == [series.of_job(job) for job in (1, 2)]


def test_a_run_that_was_missed_is_left_out_and_not_sent_late(hand, clock, settings):
    """Three days off: three runs with a reason, no burst; a restart of minutes costs none."""
    series_id = begin(settings)
    first = next_at(series_id)
    clock.now = first + 3 * DAY_MS + 600_000
    assert 1 == series.make_due(settings, clock())
    runs = series.find(series_id).runs
    assert [first + n * DAY_MS for n in (3, 2, 1, 0)] == [each.at for each in runs]
    assert [True, False, False, False] == [each.job is not None for each in runs]
    assert "was not running" in str(runs[-1].why)
    assert first + 4 * DAY_MS == next_at(series_id)


def state_of(series_id: int) -> tuple[str, int | None, int]:
    row = Series.get_by_id(series_id)
    return row.state, row.next_at, Run.select().where(Run.series == series_id).count()


def test_a_clock_that_jumps_makes_nothing_and_leaves_nothing_out(hand, clock, settings):
    """Ten minutes: time to set it right. So it is after a long stop; then what is not too late is made."""
    series_id = begin(settings)
    first, now = next_at(series_id), clock()
    assert repeating.make(settings, now)
    for ahead in (30 * DAY_MS, 30 * DAY_MS + 10_000, first - now + DAY_MS, 40 * DAY_MS):
        assert not repeating.make(settings, now + ahead)
    assert repeating.make(settings, now)
    assert (SeriesState.ACTIVE, first, 0) == state_of(series_id)
    for later in (0, 10_000, repeating.DOUBTED_MS - 1):
        assert not repeating.make(settings, first + DAY_MS + repeating.JUMP_MS + later)
    assert repeating.make(settings, first + DAY_MS + repeating.JUMP_MS + repeating.DOUBTED_MS)
    assert (SeriesState.ACTIVE, first + 2 * DAY_MS, 2) == state_of(series_id)
    assert 1 == Job.select().count()


def test_a_short_restart_makes_no_run_wait(hand, clock, settings):
    """Nor leaves any out."""
    series_id = begin(settings)
    first = next_at(series_id)
    assert all(repeating.make(settings, first + at) for at in (-10_000, repeating.JUMP_MS - 20_000))
    assert (1, first + DAY_MS) == (Job.select().count(), next_at(series_id))


def test_what_a_clock_that_was_ahead_has_left_out_is_set_right(hand, clock, settings):
    """The next run is the next one again, also of a series that ended so; one that a person has ended stays so."""
    going, ends, stopped = begin(settings), begin(settings, until=clock() + 20 * DAY_MS), begin(settings)
    first, now = next_at(going), clock()
    for ahead in (30 * DAY_MS, 60 * DAY_MS):
        series.make_due(settings, first + ahead + 2 * series.LATE_MS)
    assert (SeriesState.ENDED, 0) == (state_of(ends)[0], Job.select().count())
    series.end(stopped, "test", now)
    series.make_due(settings, now)
    for each in (going, ends):
        assert (SeriesState.ACTIVE, first, 0) == state_of(each)
    assert SeriesState.ENDED == state_of(stopped)[0]
    assert 2 == series.make_due(settings, first)
    assert (SeriesState.ACTIVE, first + DAY_MS, 1) == state_of(going)


def test_a_run_is_made_once_whatever_the_clock_does(hand, clock, settings):
    """What was left out while it was ahead is made when its time comes; what was made, or made up for, is not again,
    also if its campaign is gone."""
    series_id = begin(settings)
    first, now = next_at(series_id), clock()
    assert 1 == series.make_due(settings, first + 2 * DAY_MS)
    series.make_up(settings, series_id, first + DAY_MS, "test", now)
    series.pause(series_id, "test", now)
    series.resume(series_id, "test", now)
    Run.update(job=None).where(Run.at == first + 2 * DAY_MS).execute()
    assert first == next_at(series_id)
    made = [series.make_due(settings, first + n * DAY_MS) for n in range(5)]
    assert [1, 0, 0, 1, 1] == made
    assert (first + 5 * DAY_MS, 5) == state_of(series_id)[1:]


def test_a_run_that_is_there_already_wedges_nothing(hand, clock, settings):
    """As it is where a version before went on at a time that had one."""
    series_id = begin(settings)
    first = next_at(series_id)
    job = hand.queue(1)
    Run.create(series=series_id, at=first, reason="left out")
    Run.create(series=series_id, at=first + DAY_MS, job=job.id)
    assert 1 == series.make_due(settings, first)
    Series.update(next_at=first + DAY_MS).execute()
    assert 0 == series.make_due(settings, first + DAY_MS)
    assert (SeriesState.ACTIVE, first + 2 * DAY_MS, 2) == state_of(series_id)
    assert job.id == Run.get(Run.at == first + DAY_MS).job_id


def test_it_pauses_resumes_and_ends(hand, clock, settings):
    """What falls into a pause is no missed run; what has ended cannot be resumed."""
    series_id = begin(settings)
    series.pause(series_id, "test", clock())
    next_due = Series.get_by_id(series_id).next_at + WEEK_MS
    clock.now = next_due
    assert 0 == series.make_due(settings, clock())
    series.resume(series_id, "test", clock())
    assert (next_due + DAY_MS, 0) == (next_at(series_id), Run.select().count())
    series.end(series_id, "test", clock())
    clock.advance(WEEK_MS)
    assert 0 == series.make_due(settings, clock())
    with pytest.raises(errors.IllegalMove, match="has ended"):
        series.resume(series_id, "test", clock())
    with pytest.raises(errors.NotFound):
        series.pause(999, "test", clock())


def test_the_people_of_one_that_has_ended_are_kept_for_a_while(hand, clock, settings):
    """As long as what nobody uses; how many they were is still shown. One that goes on keeps them, however old."""
    ended, going = begin(settings), begin(settings)
    clock.now = next_at(ended)
    series.make_due(settings, clock())
    series.end(ended, "test", clock())
    kept = settings.keep_unused_days * DAY_MS
    assert 0 == leftovers.forget_people_of_series(settings, clock() + kept)
    assert 1 == leftovers.forget_people_of_series(settings, clock() + kept + 1)
    assert 0 == leftovers.forget_people_of_series(settings, clock() + 2 * kept)
    assert (4, 4) == (series.find(ended).people, series.find(going).people)
    assert [None, True] == [row.audience_set and True for row in Series.select().order_by(Series.id)]
    assert 1 == Series.select().join(RowSet, on=RowSet.id == Series.audience_set).where(RowSet.held).count()
    Run.create(series=ended, at=1)
    with pytest.raises(errors.InvalidInput, match="no longer kept"):
        series.make_up(settings, ended, 1, "test", clock())


def test_a_list_is_read_anew_each_time_if_that_was_chosen(hand, clock, settings):
    """Who is on it then gets it; if it is gone, the run says so and the series goes on."""
    numbers = [f"+491511{n:07}" for n in range(2)]
    kept, _ = lists.create_list("Members", importer.parse_numbers(numbers, ""), clock())
    draft = drafts.take_list(settings, prepare(settings), kept.id, clock())
    columns = draft.data.columns.model_copy(update={"sure": True})
    draft = drafts.save(draft.id, draft.version, {"columns": columns}, clock())
    series_id = begin(settings, draft, anew=True)
    lists.add_people(kept.id, importer.parse_numbers(["+4915110000099"], ""), clock())
    clock.now = next_at(series_id)
    series.make_due(settings, clock())
    assert 3 == Message.select().count()
    lists.delete_list(kept.id)
    clock.advance(DAY_MS)
    assert 0 == series.make_due(settings, clock())
    (run, _) = series.find(series_id).runs
    assert (None, True) == (run.job, bool(run.why)) and next_at(series_id)


def test_a_list_that_is_read_anew_is_chosen_as_the_draft_has_chosen(hand, clock, settings):
    """Whoever its rules or a person have left out gets nothing, wherever they stand by then; a long text is not too
    long for a message without files, and a field may be called otherwise."""
    said = [("+4915110000001", "yes"), ("+4915110000002", ""), ("+4915110000003", ""), ("+4915110000004", "")]
    people = [{"number": number, "vorname": "Anna", "unsubscribed": out} for number, out in said]
    kept, _ = lists.create_list("Members", importer.parse_numbers(people, ""), clock())
    draft = drafts.take_list(settings, prepare(settings), kept.id, clock())
    chosen = draft.data.columns
    assert chosen is not None and 1 == len(chosen.proposed)
    columns = chosen.model_copy(update={"sure": True, "rules": chosen.proposed, "names": ("", "name", "")})
    numbers = draft.data.numbers.model_copy(update={"fixes": {"3": ""}, "seen": True})
    text = "Hi {{ name }} " + "x" * 2_000
    draft = drafts.save(draft.id, draft.version, {"columns": columns, "numbers": numbers, "text": text}, clock())
    series_id = begin(settings, draft, anew=True)
    lists.remove_people(kept.id, clock(), numbers=["+4915110000002"])
    later = [{"number": "+4915110000005", "vorname": "Ben"}, {"number": "+4915110000006", "unsubscribed": "yes"}]
    lists.add_people(kept.id, importer.parse_numbers(later, ""), clock())
    for day in (1, 2):
        clock.now = next_at(series_id)
        assert 1 == series.make_due(settings, clock()), series.find(series_id).runs
        got = [(each.number, each.fields) for each in Message.select().where(Message.job == day).order_by(Message.id)]
        assert [("+4915110000004", {"name": "Anna"}), ("+4915110000005", {"name": "Ben"})] == got
        assert 3 == len(Job.get_by_id(day).rejected)


@pytest.mark.parametrize("transport", ["browser", "dryrun"])
def test_a_series_that_was_begun_in_a_dry_run_sends_nothing_for_real_unasked(hand, clock, settings, transport):
    """It waits for a person, as its campaigns do, and goes on when they say so; also where only the sender was started
    anew since."""
    series_id = begin(settings.model_copy(update={"transport": "dryrun"}))
    clock.now = next_at(series_id)
    directory.open_account("default", clock())
    assert 0 == series.make_due(settings.model_copy(update={"transport": transport}), clock())
    found = series.find(series_id)
    assert (SeriesState.PAUSED, 0) == (found.state, Job.select().count())
    assert "during a dry run" in str(found.runs[0].why)
    series.resume(series_id, "test", clock())
    clock.now = next_at(series_id)
    assert 1 == series.make_due(settings.model_copy(update={"transport": "browser"}), clock())


def test_what_has_begun_to_repeat_does_not_start_as_well(hand, clock, settings):
    """Nor the other way round: both buttons in two tabs."""
    draft = prepare(settings)
    series_id = begin(settings, draft)
    found = drafts.find(draft.id)
    with pytest.raises(errors.EditConflict):
        drafts.start(settings, found.id, found.version, "test", clock())
    with pytest.raises(errors.EditConflict):
        other = prepare(settings)
        rehearse(settings, other)
        other, report = drafts.find(other.id), drafts.report(other)
        drafts.start(settings, other.id, other.version, "test", clock())
        drafts.begin_series(other, other.version, report)
    assert [series_id] == [each.id for each in Series.select()]


def test_a_double_click_makes_one_series_and_a_late_change_none(hand, clock, settings):
    """As with the start of a campaign."""
    draft = prepare(settings)
    series_id = begin(settings, draft)
    assert series_id == series.begin(settings, draft.id, draft.version, "test", clock())
    other = prepare(settings)
    with pytest.raises(errors.EditConflict):
        series.begin(settings, other.id, other.version, "test", clock())
    assert 1 == Series.select().count()


def test_several_processes_make_a_run_once(hand, clock, settings):
    """Real threads: the lock and the key of the run decide."""
    series_id = begin(settings)
    clock.now = next_at(series_id)
    together = Barrier(4)

    def make() -> int:
        together.wait()
        try:
            return series.make_due(settings, clock())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert 1 == sum(each.result() for each in [threads.submit(make) for _ in range(4)])
    assert (1, 4) == (Job.select().count(), Message.select().count())


MAKER = """
import sys
from daemon.campaigns import create, series
from daemon.config import Settings
from daemon.db import connection
connection.connect(sys.argv[1])
place = sys.argv[4]
def brake(module, name, when):
    work = getattr(module, name)
    def braked(*given, **more):
        if when == "before":
            print("before", flush=True); sys.stdin.readline()
        found = work(*given, **more)
        if when == "after":
            print("after", flush=True); sys.stdin.readline()
        return found
    setattr(module, name, braked)
if place != "done":
    brake(create if place.startswith("store") else series, *place.split())
series.make_due(Settings(data_dir=sys.argv[2]), int(sys.argv[3]))
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("place", ["store before", "store after", "_record after", "done"])
def test_a_kill_makes_no_run_twice_and_loses_none(hand, clock, settings, database, environment, tmp_path: Path, place):
    """A real process, SIGKILL, wherever it is: the next one makes the run, or finds it made."""
    series_id = begin(settings)
    clock.now = next_at(series_id)
    words = ["-c", MAKER, database, str(settings.data_dir), str(clock()), place]
    with forks.start(words, environment, tmp_path, subprocess.PIPE, subprocess.PIPE) as process:
        wanted = place.split()[-1]
        assert any(line.strip() == wanted for line in process.stdout or ())
        process.kill()
    assert (place == "done") == (Job.select().where(Job.state == JobState.PENDING).count() == 1)
    series.make_due(settings, clock())
    assert [1] == [each.job is not None for each in series.find(series_id).runs]
    assert 4 == Message.select().count()


def test_looking_for_due_runs_reads_no_others(hand, clock, settings, monkeypatch):
    """Every ten seconds: not those that wait, ended long ago or are paused."""
    begin(settings)
    row = Series.get()
    values = {**row.__data__, "id": None, "next_at": clock() + WEEK_MS}
    states = (SeriesState.ACTIVE, SeriesState.ENDED, SeriesState.PAUSED)
    Series.insert_many(
        [{**values, "id": n + 10, "draft": f"{n:032}", "state": states[n % 3]} for n in range(2_000)]
    ).execute()
    with reading(monkeypatch) as reads:
        assert [] == series.due(clock())
    assert reads.rows < 20, reads
