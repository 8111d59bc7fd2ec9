"""What a claim reads does not grow with the queue, whatever the database's statistics say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peewee
import pytest

from daemon.accounts import directory, limits, pacing, rights
from daemon.campaigns import (
    by_account,
    careful,
    failures,
    funnel,
    lifecycle,
    overview,
    progress,
    queries,
    recipients,
    timeline,
)  # fmt: skip
from daemon.campaigns.recipients import Selection
from daemon.config import Settings
from daemon.contacts import list_entries, row_sets, suppression
from daemon.db import connection, proxy
from daemon.delivery import bulk_sends, chunks, claim, eligibility, enqueue, replies, rescue
from daemon.models import (
    Account,
    ContactList,
    Job,
    ListEntry,
    Message,
    Quarter,
    Reason,
    Reply,
    RowSet,
    Suppression,
    Tally,
)
from daemon.ops import retention
from daemon.states import Ack, JobState, PersonKey, State
from daemon.transports.protocol import Receipt
from tests.conftest import NOW
from tests.support.hand import MARK
from tests.support.plans import reading

QUEUED = 20_000
A_FEW = 500  # rows that a claim may look at, those of a hundred jobs among them
DUE = NOW - 1_000

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def fill(database: str) -> Callable[..., Job]:
    """Makes a job with so many messages in one state, by one statement; PostgreSQL counts nothing by itself. Their
    numbers have another notation, which is looked for as well."""
    directory.open_account("default", NOW)
    if proxy.on_postgres():
        for table in ("job", "message"):
            proxy.database.execute_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")

    def fill(count: int, state: State = State.PENDING, first: int = 0) -> Job:
        job = Job.create(
            account="default", name="n", text="t", state=JobState.PENDING if state is State.PENDING else "completed",
            delay_min_ms=0, delay_max_ms=0, created_at=NOW, total=count,
        )  # fmt: skip
        numbers = f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {first + count - 1})"
        if proxy.on_postgres():
            numbers = f"WITH n AS (SELECT generate_series({first}, {first + count - 1}) AS i)"
        number = "'+551198' || substr(CAST(10000000 + i AS TEXT), 2)"
        values = {"job_id": job.id, "account": "'default'", "row": "i", "number": number, "fields": "'{}'"}
        values |= {"person": number, "state": f"'{state.value}'", "attempts": 0, "submissions": 0, "not_before": DUE}
        columns = ", ".join(f'"{name}"' for name in values)
        proxy.database.execute_sql(
            f'INSERT INTO "message" ({columns}) {numbers} SELECT {", ".join(map(str, values.values()))} FROM n'
        )
        Job.update({state.value: count}).where(Job.id == job.id).execute()
        return job

    return fill


def analyze() -> None:
    proxy.database.execute_sql("ANALYZE")


def never(fill: Any) -> None:
    """As right after an import."""
    fill(QUEUED)


def before(fill: Any) -> None:
    """The last time that it looked nothing was queued: a campaign of yesterday was all there was."""
    fill(QUEUED, State.SENT)
    analyze()
    fill(QUEUED, first=QUEUED)


def fresh(fill: Any) -> None:
    """Right after ANALYZE."""
    fill(QUEUED)
    analyze()


def half_sent(fill: Any) -> None:
    """Half of it is sent since: the first half of the table, where nothing is due any more."""
    job = fill(QUEUED)
    analyze()
    first = Message.select(Message.id).where(Message.job == job).order_by(Message.id).limit(QUEUED // 2)
    Message.update(state=State.SENT).where(Message.id.in_(list(first))).execute()


def half_sent_and_fresh(fill: Any) -> None:
    half_sent(fill)
    analyze()


def many_jobs(fill: Any) -> None:
    """A hundred small ones beside it."""
    fill(QUEUED)
    for n in range(100):
        fill(10, State.SENT, first=n * 10)
    analyze()


@pytest.mark.parametrize("counted", [never, before, fresh, half_sent, half_sent_and_fresh, many_jobs])
def test_a_claim_reads_what_it_takes_and_no_more(fill, monkeypatch, counted):
    """Not the queue, and not what is sent already: by what the database counts."""
    counted(fill)
    with reading(monkeypatch) as reads:
        claimed = claim.claim("default", 5, NOW, 60_000, pacing.Rules())
    assert 5 == len(claimed)
    assert not reads.compiled
    assert 0 < reads.rows < A_FEW, reads


@pytest.mark.parametrize("counted", [never, fresh, half_sent])
@pytest.mark.parametrize("count", [1, 40])
def test_moves_of_a_batch_read_what_they_move(fill, monkeypatch, counted, count):
    """Not those that wait for the same account, who may be the same people; nor all that anybody was ever sent."""
    counted(fill)
    claimed = claim.claim("default", count, NOW, 60_000, pacing.Rules())
    rules, gap = pacing.Rules(person_cap=3, person_window_ms=pacing.DAY_MS), pacing.Gap(0, pacing.Why.READY, 0)
    with reading(monkeypatch) as reads, connection.write(), proxy.in_order():
        assert count == len(bulk_sends.submit([(each, MARK) for each in claimed], NOW, gap, rules))
        receipts = [(each, Receipt(f"wamid.{each.id}", Ack.ACCEPTED)) for each in claimed]
        assert count == len(bulk_sends.confirm(receipts, NOW, gap))
    assert 0 < reads.rows < A_FEW + 40 * count, reads


@pytest.mark.parametrize("counted", [never, fresh])
def test_a_claim_does_not_read_those_that_are_due_in_weeks(fill, monkeypatch, counted):
    """Each person of theirs has a date: nobody's has come, and another job goes on beside it."""
    counted(fill)
    Job.update(dated={"field": "termin", "days": -2, "time": "09:00", "order": ""}).execute()
    Message.update(not_before=NOW + 20 * pacing.DAY_MS, not_after=NOW + 21 * pacing.DAY_MS).execute()
    with reading(monkeypatch) as reads:
        assert [] == claim.claim("default", 5, NOW, 60_000, pacing.Rules())
    assert reads.rows < A_FEW, reads
    fill(5, first=QUEUED)
    with reading(monkeypatch) as reads:
        assert 5 == len(claim.claim("default", 5, NOW, 60_000, pacing.Rules()))
    assert reads.rows < A_FEW, reads


@pytest.mark.parametrize("counted", [fresh, half_sent_and_fresh])
def test_rescue_reads_what_is_in_hand(fill, monkeypatch, counted):
    """Once in a lease's time, by every sender: not the queue."""
    counted(fill)
    claim.claim("default", 5, NOW, 60_000, pacing.Rules())
    with reading(monkeypatch) as reads:
        assert 5 == rescue.rescue(NOW + 100_000)
    assert 0 < reads.rows < A_FEW, reads


@pytest.fixture
def known(fill: Callable[..., Job]) -> list[str]:
    """A job of QUEUED people: the account has written to its last three; another job's people have got it all."""
    fill(QUEUED, State.SENT, first=QUEUED)
    job = fill(QUEUED)
    newest = Message.select(Message.number).where(Message.job == job).order_by(Message.id.desc()).limit(3)
    numbers = sorted(number for (number,) in proxy.tuples(newest))
    for message in list(Message.select().where(Message.number.in_(numbers))):
        eligibility.now_known(message)
    earlier = Message.select(Message.id).where(Message.job != job).limit(3)
    for number, (message_id,) in zip(numbers, list(proxy.tuples(earlier)), strict=True):
        same = {"number": number, "person": Message.get(Message.number == number).person}
        Message.update(same).where(Message.id == message_id).execute()
    analyze()
    return numbers


def test_while_only_known_people_may_be_written_to_the_others_are_not_looked_at(known, monkeypatch):
    """Twenty thousand wait, and are not asked about four times a second."""
    found = []
    for _ in range(3):
        with reading(monkeypatch) as reads:
            claimed = claim.claim("default", 1, NOW, 60_000, pacing.Rules(), known_only=True)
        found += [message.number for message in claimed]
        assert 0 < reads.rows < A_FEW, reads
    assert known == sorted(found)
    with reading(monkeypatch) as reads:
        assert [] == claim.claim("default", 1, NOW, 60_000, pacing.Rules(), known_only=True)
    assert 0 < reads.rows < A_FEW, reads


@pytest.mark.parametrize("own_cap", [0, 50_000])
@pytest.mark.parametrize("cap", [QUEUED - 1, 10 * QUEUED])
def test_progress_and_claims_with_caps_do_not_count_a_days_hand_overs(fill, make_settings, monkeypatch, cap, own_cap):
    """They are counted by the minute; of the one that decides the moment they are looked at one by one."""
    job, sent = fill(10), fill(QUEUED, State.SENT, first=QUEUED)
    Job.update(daily_cap=own_cap).where(Job.id == job.id).execute()
    every = 80_000_000 // QUEUED  # through most of a day
    proxy.database.execute_sql(
        "INSERT INTO handover (account, number, person, at, kind, message_id) SELECT account, number, person, "
        f"{NOW} - (id - id / {QUEUED} * {QUEUED}) * {every}, 'campaign', id FROM message WHERE job_id = {sent.id}"
    )
    proxy.database.execute_sql(
        "INSERT INTO minute (account, at, job, count) SELECT account, at / 60000 * 60000, 7, COUNT(*) FROM handover "
        "GROUP BY 1, 2"
    )
    analyze()
    Account.update(state="ready", seen_at=NOW).execute()
    found, settings = Job.get_by_id(job.id), make_settings(daily_cap=cap, hourly_cap=cap)
    with reading(monkeypatch) as reads:
        shown = progress.progress(settings, found, NOW)
    assert shown.eta is not None
    assert 0 < reads.rows < QUEUED // 2, reads
    with reading(monkeypatch) as reads:
        claimed = claim.claim("default", 5, NOW, 60_000, limits.rules(settings))
    assert (5 if cap > QUEUED else 0) == len(claimed)
    assert 0 < reads.rows < QUEUED // 2, reads


@pytest.mark.parametrize("counted", [never, before, fresh])
def test_a_chunk_of_a_new_job_costs_what_it_holds(fill, people, monkeypatch, counted):
    """However many messages there are already, of whom some are asked whether they are known."""
    counted(fill)
    fill(QUEUED, State.SENT, first=2 * QUEUED)
    job = fill(1, first=9_000_000)
    with reading(monkeypatch) as reads, connection.write():
        enqueue.enqueue(job, people(100, first=8_000_000), "test", NOW)
    assert 0 < reads.rows < QUEUED // 2, reads


def test_how_many_of_a_job_are_new_is_counted_by_its_own_messages(known, monkeypatch):
    """Once, and those who are known by an index of their own; other jobs' people are not looked at."""
    job = Job.select(Job.id).order_by(Job.id.desc()).limit(1).scalar()
    with reading(monkeypatch) as reads:
        assert QUEUED - 3 == careful.new_in(job)
    each = 2 if proxy.on_postgres() else 1  # which may sort them by place first
    assert 0 < reads.rows < each * QUEUED + A_FEW, reads


@pytest.mark.parametrize(("name", "state"), [("stop", State.PENDING), ("retry", State.FAILED)])
def test_a_stop_and_a_retry_cost_what_they_move(fill, monkeypatch, name: str, state: State):
    """And not, with each chunk, all that those before it have written."""
    job = fill(3_000, state)
    fill(3_000, state, first=3_000)
    monkeypatch.setattr(chunks, "GAP_S", 0.0)
    with reading(monkeypatch) as reads:
        getattr(lifecycle, name)(job.id, "test", NOW)
    assert reads.rows < 60 * 3_000, reads


def test_a_jobs_page_draws_from_its_tallies(fill, monkeypatch):
    """However many were sent: not one of them is looked at, but for those of the last five minutes."""
    job = fill(QUEUED, State.SENT)
    Message.update(sent_at=NOW - 7_200_000 + Message.row).where(Message.job == job).execute()
    Job.update(state=JobState.RUNNING, started_at=NOW - 7_200_000).where(Job.id == job.id).execute()
    for second in range(20):
        Tally.create(job=job, at=NOW - 7_200_000 + second * 1_000, out=1_000)
    analyze()
    with reading(monkeypatch) as reads:
        went = timeline.course(Job.get_by_id(job.id), NOW)
    assert QUEUED == sum(stretch.out for stretch in went.stretches)
    assert 0 < reads.rows < A_FEW, reads


A_PAGE = 50


def after(job: Job) -> Job:
    """The one that was made next."""
    found: Job = Job.get_by_id(job.id + 1)
    return found


PAGES: dict[str, Callable[[Job, int], object]] = {  # of a job and the id in its middle
    "campaigns": lambda job, _: queries.jobs(None, A_PAGE),
    "an account's campaigns": lambda job, _: by_account.jobs(Account.get()),
    "recipients": lambda job, _: recipients.page(job, Selection(), limit=A_PAGE),
    "recipients, on": lambda job, middle: recipients.page(job, Selection("sent"), after=middle, limit=A_PAGE),
    "recipients, back": lambda job, middle: recipients.page(job, Selection("sent"), before=middle, limit=A_PAGE),
    "those that wait": lambda job, _: recipients.page(job, Selection("pending"), limit=A_PAGE),
    "those that wait, back": lambda job, middle: recipients.page(
        job, Selection("pending"), before=middle, limit=A_PAGE
    ),
    "the next and the last": lambda job, middle: recipients.neighbours(job, middle, Selection("pending")),
    "why some failed": lambda job, _: failures.of(after(job)),
    "those that failed for one reason": lambda job, _: recipients.page(
        after(job), Selection("failed", code="rare"), limit=A_PAGE
    ),
    "those that failed for most": lambda job, middle: recipients.page(
        after(job), Selection("failed", code="common"), after=middle, limit=A_PAGE
    ),
    "a job's funnel": lambda job, _: funnel.funnel(job, NOW),
    "the overview": lambda job, _: (overview.week(NOW, "Asia/Kolkata"), overview.needs(Settings(_env_file=None), NOW)),
    "the overview's campaigns": lambda job, _: queries.overview(queries.Listed()),
    "the archive": lambda job, _: queries.overview(queries.Listed(archived=True)),
    "the campaigns of an account": lambda job, _: (
        queries.overview(queries.Listed(account="default")),
        queries.jobs(None, wanted=queries.Wanted(account="default")),
    ),
    "decisions": lambda job, _: queries.messages_everywhere("uncertain", None, A_PAGE),
    "decisions, on": lambda job, middle: queries.messages_everywhere("uncertain", middle, A_PAGE),
    "a job's decisions": lambda job, _: queries.messages_everywhere("uncertain", None, A_PAGE, job.id),
    "all that was sent": lambda job, _: queries.messages_everywhere("sent", None, A_PAGE),
    "messages to a person": lambda job, _: queries.messages_to(PersonKey("+55119810000007"), limit=A_PAGE),
    "an account's decisions": lambda job, _: queries.messages_everywhere("uncertain", None, A_PAGE, account="default"),
    "an account's, all that was sent": lambda job, _: queries.messages_everywhere(
        "sent", None, A_PAGE, account="default"
    ),
    "campaigns in a state": lambda job, _: queries.jobs(None, A_PAGE, queries.Wanted(JobState.PAUSED, "default")),
    "campaigns of a name and a time": lambda job, _: queries.jobs(
        None, A_PAGE, queries.Wanted(search="nothing", since=NOW - 1, until=NOW)
    ),
    "a person's replies": lambda job, _: replies.page(
        None, NOW, limit=A_PAGE, wanted=replies.Wanted(person=PersonKey("+55119810000007"))
    ),
    "an account's replies": lambda job, _: replies.page(None, NOW, limit=A_PAGE, wanted=replies.Wanted("default")),
    "replies of a minute": lambda job, _: replies.page(
        None, NOW, limit=A_PAGE, wanted=replies.Wanted(since=NOW - 60_000)
    ),
    "replies of a day": lambda job, _: replies.page(
        None, NOW, limit=A_PAGE, wanted=replies.Wanted(since=NOW - 86_400_000)
    ),
    "replies before a time": lambda job, _: replies.page(
        None, NOW, limit=A_PAGE, wanted=replies.Wanted(until=NOW - 1_500_000)
    ),
    "a person on the suppression list": lambda job, _: suppression.page(
        limit=A_PAGE, wanted=suppression.Wanted(PersonKey("+55119810000007"))
    ),
    "the suppression list of a time": lambda job, _: suppression.page(
        limit=A_PAGE, wanted=suppression.Wanted(since=NOW - 10_000, until=NOW - 9_000)
    ),
    "a message": lambda job, middle: queries.message(middle),
    "replies": lambda job, _: replies.page(None, NOW, limit=A_PAGE),
    "opt-outs": lambda job, _: replies.page(None, NOW, stops=True, limit=A_PAGE),
    "a job's replies": lambda job, _: (replies.page(None, NOW, job_id=job.id), replies.count(job.id, NOW)),
    "a list": lambda job, _: list_entries.entries(1, limit=A_PAGE),
    "a list, on": lambda job, _: list_entries.entries(1, cursor=QUEUED // 2, limit=A_PAGE),
    "rows of an upload": lambda job, _: row_sets.rows(1, str)[QUEUED * 3 // 2 : QUEUED * 3 // 2 + A_PAGE],
    "the suppression list": lambda job, _: suppression.page(cursor=f"{NOW - 10_000}.0", limit=A_PAGE),
}


def a_full_house(fill: Callable[..., Job]) -> tuple[Job, int]:
    """A job half sent, of which a few are uncertain at its end, behind a whole one that many have answered: they, too,
    are on a list and on the suppression list; many of a third one have failed. Returns the first, and the id in its
    middle."""
    before, job = fill(QUEUED, State.SENT, first=QUEUED), fill(QUEUED)
    middle = Message.get(Message.job == job, Message.row == QUEUED // 2).id
    last = Message.id > Message.get(Message.job == job, Message.row == QUEUED - 4).id
    Message.update(state=State.SENT).where(Message.job == job, Message.id < middle).execute()
    Message.update(state=State.UNCERTAIN).where(Message.job == job, last).execute()
    half = {"sent": QUEUED // 2, "uncertain": 3, "pending": QUEUED // 2 - 3}
    Job.update(half).where(Job.id == job.id).execute()
    at = [NOW - n * 900_000 for n in range(100)] + [NOW - 9 * 86_400_000 - n * 900_000 for n in range(5_000)]
    Quarter.insert_many([{"job": before.id, "at": each, "sent": 1} for each in at]).execute()
    unhappy = fill(QUEUED // 4, State.FAILED, first=3 * QUEUED)
    code = peewee.Case(None, [(Message.row < 3 * QUEUED + 4, "rare")], "common")
    Message.update(failed_by=code).where(Message.job == unhappy).execute()
    for name, count in (("rare", 4), ("common", QUEUED // 4 - 4)):
        Reason.create(job=unhappy, code=name, count=count)
    ContactList.create(name="All", columns=[], created_at=NOW, updated_at=NOW)
    RowSet.create(touched_at=NOW, held=True, count=2 * QUEUED, size=0, distinct=True)
    theirs = f"FROM message WHERE job_id = {before.id}"
    for table, columns, values in (
        (Reply, "account, key, text, message_id, at, stop", f"account, number, 'Yes', id, {NOW} - row * 50, false"),
        (ListEntry, "list_id, fields", "1, '{}'"),
        (Suppression, "reason, source, created_at", f"'r', 's', {NOW} - row"),
    ):
        name = table._meta.table_name
        proxy.database.execute_sql(
            f"INSERT INTO {name} (number, person, {columns}) SELECT number, person, {values} {theirs}"
        )
    proxy.database.execute_sql(f"INSERT INTO kept_row (set_id, n, body) SELECT 1, row, '[]' {theirs}")
    return Job.get_by_id(job.id), middle


@pytest.mark.parametrize("counted", [True, False])
def test_a_page_reads_what_it_shows(fill, monkeypatch, counted):
    """However many others there are, and wherever in the queue those lie that it shows; the database may have counted
    them or not."""
    job, middle = a_full_house(fill)
    if counted:
        analyze()
    for name, look in PAGES.items():
        with reading(monkeypatch) as reads:
            look(job, middle)
        assert not reads.compiled, name
        assert reads.rows < 20 * A_PAGE, (name, reads)


def test_what_is_deleted_in_time_is_found_without_the_queue(fill, settings, monkeypatch):
    """Once an hour, where nothing is old enough."""
    a_full_house(fill)
    analyze()
    with reading(monkeypatch) as reads:
        retention.prune(settings, NOW)
    assert reads.rows < A_FEW, reads


def test_what_other_software_asks_for_is_found_by_its_id(
    fill: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among many others, with such an id and without; for whoever may see one account only, too."""
    job = fill(QUEUED)
    Job.update(external_id="order").where(Job.id == job.id).execute()
    Message.update(external_id="other").where(Message.row < QUEUED // 2).execute()
    wanted = Message.select(Message.id).where(Message.job == job.id).order_by(Message.id).limit(3)
    Message.update(external_id="crm-7").where(Message.id.in_(list(wanted))).execute()
    for mine in (None, frozenset({"default"})):
        token = rights.allowed.set(mine)
        with reading(monkeypatch) as reads:
            assert 3 == len(queries.messages_called("crm-7", None, None, None)[0])
            assert [job.id] == [each.id for each in queries.jobs(None, 10, queries.Wanted(external_id="order"))[0]]
        rights.allowed.reset(token)
        assert reads.rows < A_FEW


def test_the_jobs_and_replies_of_one_account_are_found_among_those_of_others(
    fill: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For somebody who may see that account only, whose jobs are the oldest."""
    mine = fill(2)
    Reply.create(account="default", number="+4915110000000", text="Hi", at=NOW, key="k")
    others = {"account": "other", "name": "n", "text": "t", "state": "completed", "created_at": NOW, "total": 0}
    rows = [others | {"delay_min_ms": 0, "delay_max_ms": 0} for _ in range(2_000)]
    Job.insert_many(rows).execute()
    said = [{"account": "other", "number": "+49151", "text": "x", "at": NOW, "key": str(n)} for n in range(5_000)]
    Reply.insert_many(said).execute()
    proxy.database.execute_sql("ANALYZE")
    token = rights.allowed.set(frozenset({"default"}))
    with reading(monkeypatch) as reads:
        assert [mine.id] == [each.id for each in queries.jobs(None, 10)[0]]
        assert 1 == len(replies.page(None, NOW)[0])
    rights.allowed.reset(token)
    assert reads.rows < A_FEW
