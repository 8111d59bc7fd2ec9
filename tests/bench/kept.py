"""What finished messages cost that are kept: `scripts/bench kept [--messages 10000000] [--postgresql]`.

Makes jobs that have ended within the last year, with so many messages in all, their history (of those that ended more
than 90 days ago in its short form, unless --hot), hand-overs and replies; beside them a job that is being sent. Prints
how long it takes to claim and send, to read what pages and API read, and one step of what removes old things; and what
all that takes on the disk. Each is the median of several, after one that warms up. The files are deleted afterwards.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from daemon import config
from daemon.accounts import directory, pacing
from daemon.campaigns import cloning, news, overview, progress, queries, recipients, report
from daemon.campaigns.queries import Listed, Wanted
from daemon.campaigns.recipients import Selection
from daemon.contacts.person import Person
from daemon.db import clock, connection, proxy
from daemon.delivery import claim, forgetting, moves, old_history, replies, rescue
from daemon.delivery.forgetting import DAY_MS, Kind
from daemon.delivery.old_history import Line
from daemon.files.ages import Ages
from daemon.models import Event, Job, Message
from daemon.ops import figures, keeping, people
from daemon.states import E164, Ack
from daemon.transports.protocol import Mark, Receipt
from tests.support import postgres

YEAR = 365
POOL = 10  # messages to one person
WAITING = 20_000
HISTORY = (  # of each message, seconds after it was queued
    (0, "bench", "enqueue", None, "pending"),
    (60, "sender", "claim", "pending", "claimed"),
    (61, "sender", "submit", "claimed", "sending"),
    (62, "sender", "confirm", "sending", "sent"),
    (64, "receipt", "deliver", "sent", "delivered"),
    (300, "receipt", "read", "delivered", "read"),
)
STATES = "CASE WHEN i % 50 = 7 THEN 'failed' WHEN i % 3 = 0 THEN 'delivered' ELSE 'read' END"
TABLES = ("message", "event", "handover", "old_history", "reply")
RULES = pacing.Rules(person_cap=3, person_window_ms=7 * DAY_MS)


@contextmanager
def database(args: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """Its URL, and how many bytes it takes."""
    if args.url:
        file = Path(args.url.removeprefix("sqlite:///"))
        on_disk = file.exists() or args.url.startswith("sqlite")
        yield args.url, (lambda: _files(file)) if on_disk else _database_size
        return
    if not args.postgresql:
        file = folder / "wasender.db"
        yield f"sqlite:///{file}", lambda: _files(file)
        return
    with postgres.Server(durable=True) as server:
        server.execute("ALTER SYSTEM SET shared_buffers = '512MB'")
        server.execute("ALTER SYSTEM SET max_wal_size = '4GB'")
        server.stop()
        server.start()
        url = server.new_database()
        yield url, _database_size


def _files(file: Path) -> int:
    return sum(each.stat().st_size for each in file.parent.glob(f"{file.name}*"))


def _database_size() -> int:
    return int(_sql("SELECT pg_database_size(current_database())")[0][0])


def _sql(text: str) -> list[Any]:
    cursor = proxy.database.execute_sql(text.replace("%", "%%") if proxy.on_postgres() else text)
    return list(cursor.fetchall()) if cursor.description else []


def _numbers(count: int) -> str:
    if proxy.on_postgres():
        return f"WITH n AS (SELECT generate_series(0, {count - 1}) AS i)"
    return f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1})"


def _put(table: str, values: dict[str, Any], source: str) -> None:
    columns = ", ".join(f'"{name}"' for name in values)
    head, _, tail = source.partition("|")
    _sql(f'INSERT INTO "{table}" ({columns}) {head} SELECT {", ".join(map(str, values.values()))} {tail}')


def fill(args: argparse.Namespace, now: int) -> None:
    """By statements over the whole tables, without their indexes, which are made when all is there."""
    total, each = args.messages, args.per_job
    jobs = max(1, total // each)
    indexes = _drop_indexes()
    began = now - YEAR * DAY_MS
    apart = (YEAR * DAY_MS - DAY_MS) // jobs
    ended = f"({began} + CAST(i AS BIGINT) * {apart})"
    failed = sum(1 for i in range(min(each, 50)) if i % 50 == 7) * max(1, each // 50)
    delivered = sum(1 for i in range(each) if i % 3 == 0 and i % 50 != 7)
    job = {"account": "'default'", "name": "'Campaign ' || i", "text": "'Hello {{ name }}, this is the text.'"}
    job |= {"attachments": "'[]'", "state": "'completed'", "delay_min_ms": 0, "delay_max_ms": 0, "claimed_at": 0}
    job |= {"created_at": f"{ended} - 3600000", "started_at": f"{ended} - 3000000", "completed_at": ended}
    job |= {"total": each, "columns": "'[\"name\"]'", "rejected": "'[]'", "daily_cap": 0, "opens_at": 0}
    job |= {"kind": "'campaign'", "tally_ms": 1000, "for_dry_run": _no(), "dry_run": _no(), "failed": failed}
    job |= {"delivered": delivered, "read": each - failed - delivered, "replied": each // 50}
    job |= dict.fromkeys(("pending", "claimed", "sending", "accepted", "sent", "expired"), 0)
    job |= dict.fromkeys(("uncertain", "skipped", "cancelled"), 0)
    cut = now - 90 * DAY_MS
    if not args.hot:
        job["compacted_at"] = f"CASE WHEN {ended} < {cut} THEN {ended} + {90 * DAY_MS} END"
    _put("job", job, f"{_numbers(jobs)}|FROM n")
    first_job = _sql("SELECT MIN(id) FROM job")[0][0]
    at = f"({began} + CAST(i / {each} AS BIGINT) * {apart} - 3000000 + (i % {each}) * 20)"
    pool = max(1, total // POOL)
    number = f"('+4915' || substr(CAST(1000000000 + (CAST(i AS BIGINT) * 7919) % {pool} AS TEXT), 2))"
    ticked = "CASE WHEN i % 50 = 7 THEN NULL ELSE {0} END".format
    message = {
        "job_id": f"{first_job} + i / {each}",
        "account": "'default'",
        "row": f"i % {each} + 2",
        "number": number,
    }
    message |= {"nth": f"i % {each} / {pool}", "person": number, "fields": "'{\"name\":\"Somebody ' || i || '\"}'"}
    message |= {"state": STATES, "attempts": 1, "submissions": 1, "not_before": 0, "known": _no(), "submitted_at": at}
    message |= {"transport_id": ticked("'true_' || i || '@c.us_3EB0' || i"), "sent_at": ticked(f"{at} + 2000")}
    message |= {"delivered_at": ticked(f"{at} + 4000"), "read_at": f"CASE WHEN {STATES} = 'read' THEN {at} + 9000 END"}
    message |= {
        "failed_by": "CASE WHEN i % 50 = 7 THEN 'not_on_whatsapp' END",
        "ended_at": f"CASE WHEN i % 50 = 7 THEN {at} END",
    }
    _put("message", message, f"{_numbers(total)}|FROM n")
    print(f"  {total:,} messages", flush=True)
    hot = "" if args.hot else f" WHERE m.submitted_at >= {cut}"
    for after, who, move, source, target in HISTORY:
        event = {"message_id": "m.id", "at": f"m.submitted_at + {after * 100}", "who": f"'{who}'", "move": f"'{move}'"}
        event |= {"source": f"'{source}'" if source else "NULL", "target": f"'{target}'"}
        _put("event", event, f'|FROM "message" AS m{hot} ORDER BY m.id')
    if not args.hot:
        lines = [Line(now + after, *told, None, None) for after, *told in HISTORY]
        old_history.put({0: lines})
        cold = f'|FROM old_history AS o, "message" AS m WHERE o.message = 0 AND m.submitted_at < {cut} ORDER BY m.id'
        _put("old_history", {"message": "m.id", "body": "o.body"}, cold)
        _sql("DELETE FROM old_history WHERE message = 0")
    handover = {"account": "m.account", "number": "m.number", "person": "m.person", "at": "m.submitted_at"}
    handover |= {"kind": "'campaign'", "message_id": "m.id", "missed": _no()}
    _put("handover", handover, '|FROM "message" AS m ORDER BY m.id')
    reply = {"account": "m.account", "number": "m.number", "person": "m.person", "text": "'Thank you.'"}
    reply |= {"at": "m.submitted_at + 5000", "key": "'r' || m.id", "stop": _no(), "fresh": _no(), "message_id": "m.id"}
    _put("reply", reply, f'|FROM "message" AS m WHERE m.id % 50 = 3 AND m.submitted_at >= {cut}')
    print("  their history", flush=True)
    for statement in indexes:
        _sql(statement)
    print("  indexes", flush=True)


def _no() -> str:
    return "false" if proxy.on_postgres() else "0"


def _drop_indexes() -> list[str]:
    """Returns what makes them again."""
    if proxy.on_postgres():
        _sql("SET session_replication_role = replica")
        _sql("SET maintenance_work_mem = '512MB'")
        found = _sql(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' "
            f"AND tablename IN {TABLES}"
        )
    else:
        for pragma in ("foreign_keys = 0", "synchronous = 0", "cache_size = -2000000", "journal_mode = OFF"):
            _sql(f"PRAGMA {pragma}")
        found = _sql(f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql > '' AND tbl_name IN {TABLES}")
    for name, _ in found:
        _sql(f'DROP INDEX "{name}"')
    return [sql for _, sql in found]


def measure(settings: config.Settings, args: argparse.Namespace, size: Callable[[], int]) -> dict[str, float]:
    """Milliseconds, by what is done; claims and messages a second; MB."""
    now = clock.now_ms()
    middle = Job.select(Job.id).order_by(Job.id).offset(Job.select().count() // 2).limit(1).scalar()
    job = queries.job(middle)
    ids = [row[0] for row in Message.select(Message.id).where(Message.job == middle).order_by(Message.id).tuples()]
    number = Message.get_by_id(ids[len(ids) // 2]).number
    deep = ids[-min(len(ids), 150)] - 1
    person = Person(E164(number)).key
    newest = Event.select(Event.id).order_by(Event.id.desc()).limit(1).scalar() or 0
    until = news.Position(newest, 0)
    found: dict[str, float] = {}
    reads: dict[str, Callable[[], object]] = {
        "GET /jobs": lambda: queries.jobs(None),
        "GET /jobs, from the middle": lambda: queries.jobs(middle),
        "GET /jobs, completed since a week": lambda: queries.jobs(None, 100, Wanted(since=now - 7 * DAY_MS)),
        "overview": lambda: (queries.overview(Listed()), overview.week(now, "UTC"), overview.needs(settings, now)),
        "job's page": lambda: (progress.progress(settings, job, now), recipients.counts(job, Selection())),
        "recipients, first page": lambda: recipients.page(job, Selection()),
        "recipients, last page": lambda: recipients.page(job, Selection(), after=deep),
        "recipients, failed": lambda: recipients.page(job, Selection("failed")),
        "search of a number in a job": lambda: recipients.page(job, Selection(search=number)),
        "GET /messages?number=": lambda: queries.messages_to(person),
        "GET /messages/{id}": lambda: queries.message(ids[-1]),
        "GET /messages?state=uncertain": lambda: queries.messages_everywhere("uncertain", None),
        "report, 2,000 rows": lambda: report.lines(recipients.page(job, Selection(), limit=2_000).rows, ["name"], now),
        "replies": lambda: replies.page(None, now),
        "clone: who did not get it": lambda: cloning.count(job, "unreached"),
        "clone: who did not answer": lambda: cloning.count(job, "unanswered"),
        "events of the last 500": lambda: news.page(news.Position(max(0, newest - 500), 0), until),
        "metrics": lambda: figures.figures(settings, now),
        "all known of a person": lambda: people.known(settings, number),
        "rescue": lambda: rescue.rescue(now),
        "page of what is kept": lambda: keeping.held(settings, now),
    }
    for name, read in reads.items():
        found[f"{name}, ms"] = 1000 * timed(read)
    found["claims of 20 a second"] = claims()
    found["messages a second, one by one"], found["slowest of a hundred, ms"] = sends()
    told = ("messages a second while history is archived", "slowest of a hundred then, ms", "steps a second then")
    found |= dict(zip(told, beside(settings.db_url), strict=True))
    kept = settings.model_copy(update={"keep_fields_days": 200, "archive_days": 60})
    for kind in (Kind.ARCHIVE, Kind.FIELDS):
        sweep = forgetting.sweep(kept, kind, clock.now_ms())
        assert sweep is not None
        found[f"{kind.value}: looking for what is due, ms"] = 1000 * timed(lambda s=sweep: s.due(10))
        took, steps, begun = [], 0, sweep.removed
        while steps < args.steps:
            before = time.perf_counter()
            more = sweep.step(clock.now_ms(), lambda _: None)
            took.append(time.perf_counter() - before)
            steps += 1
            if not more:
                break
        found[f"{kind.value}: a step, ms"] = 1000 * statistics.median(took)
        found[f"{kind.value}: messages a second"] = (sweep.removed - begun) / sum(took)
    found["size, MB"] = size() / 1e6
    return found


def timed(work: Callable[[], object], times: int = 7) -> float:
    """Seconds: the median, after one time that is not counted."""
    work()
    took = []
    for _ in range(times):
        before = time.perf_counter()
        work()
        took.append(time.perf_counter() - before)
    return statistics.median(took)


def claims() -> float:
    """How many claims of 20 in a second."""
    begun, count = time.perf_counter(), 0
    while count < 50:
        claimed = claim.claim("default", 20, clock.now_ms(), 600_000, RULES)
        assert len(claimed) == 20
        count += 1
    return count / (time.perf_counter() - begun)


def sends(count: int = 300) -> tuple[float, float]:
    """How many messages claimed, submitted and confirmed one by one in a second, and how long the slowest of a hundred
    took, ms."""
    took = []
    for _ in range(count):
        begun = time.perf_counter()
        (message,) = claim.claim("default", 1, clock.now_ms(), 600_000, RULES)
        moves.submit(message, Mark("x"), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1), RULES)
        moves.confirm(message, Receipt(f"sent-{message.id}", Ack.SENT), clock.now_ms())
        took.append(time.perf_counter() - begun)
    return count / sum(took), 1000 * sorted(took)[-max(1, count // 100)]


def sweeping(url: str, begun: Any, ended: Any, steps: Any) -> None:
    """Archive as the http process does it, in a process of its own, until told to end."""
    connection.connect(url)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sweep = forgetting.sweep(Ages(archive_days=60), Kind.ARCHIVE, clock.now_ms())
    assert sweep is not None
    while not ended.is_set() and sweep.step(clock.now_ms(), lambda _: None):
        begun.set()
        steps.value += 1
        time.sleep(keeping.PAUSE_S)


def beside(url: str) -> tuple[float, float, float]:
    """As `sends`, while history is archived; and how many steps of that there were in a second."""
    spawn = multiprocessing.get_context("spawn")
    begun, ended, steps = spawn.Event(), spawn.Event(), spawn.Value("i", 0)
    process = spawn.Process(target=sweeping, args=(url, begun, ended, steps))
    process.start()
    begun.wait(60)
    at = time.perf_counter()
    found = sends()
    ended.set()
    took = time.perf_counter() - at
    process.join(60)
    return *found, steps.value / took


def waiting(settings: config.Settings, now: int) -> None:
    """A job that is being sent."""
    job = {"account": "'default'", "name": "'Now'", "text": "'Hello {{ name }}'", "attachments": "'[]'"}
    job |= {"state": "'pending'", "delay_min_ms": 0, "delay_max_ms": 0, "claimed_at": 0, "created_at": now}
    job |= {"total": WAITING, "columns": "'[\"name\"]'", "rejected": "'[]'", "daily_cap": 0, "opens_at": 0}
    job |= {"kind": "'campaign'", "tally_ms": 1000, "for_dry_run": _no(), "dry_run": _no(), "replied": 0}
    job |= dict.fromkeys(("claimed", "sending", "accepted", "sent", "delivered", "read", "expired", "failed"), 0)
    job |= dict.fromkeys(("uncertain", "skipped", "cancelled"), 0) | {"pending": WAITING}
    _put("job", job, "|")
    number = "('+4917' || substr(CAST(1000000000 + i AS TEXT), 2))"
    job_id = _sql("SELECT MAX(id) FROM job")[0][0]
    message = {"job_id": job_id, "account": "'default'", "row": "i", "number": number, "nth": 0, "person": number}
    message |= {"fields": '\'{"name":"Ann"}\'', "state": "'pending'", "attempts": 0, "submissions": 0}
    message |= {"not_before": 0, "known": _no()}
    _put("message", message, f"{_numbers(WAITING)}|FROM n")
    event = {"message_id": "m.id", "at": now, "who": "'bench'", "move": "'enqueue'", "target": "'pending'"}
    _put("event", event, f'|FROM "message" AS m WHERE m.job_id = {job_id}')


def depths() -> str:
    """How deep the indexes of the messages are, on PostgreSQL."""
    _sql("CREATE EXTENSION IF NOT EXISTS pageinspect")
    names = [name for (name,) in _sql("SELECT indexname FROM pg_indexes WHERE tablename = 'message'")]
    levels = {name: _sql(f"SELECT level + 1 FROM bt_metap('\"{name}\"')")[0][0] for name in names}
    return ", ".join(f"{name} {level}" for name, level in sorted(levels.items()))


def backup(args: argparse.Namespace, url: str, folder: Path) -> float:
    """Seconds that a copy of the whole database takes."""
    begun = time.perf_counter()
    if proxy.on_postgres():
        dump = shutil.which("pg_dump") or "pg_dump"
        subprocess.run([dump, "--format=custom", "--compress=1", f"--file={folder / 'dump'}", url], check=True)
    else:
        _sql(f"VACUUM INTO '{folder / 'copy.db'}'")
    return time.perf_counter() - begun


def begin(settings: config.Settings, args: argparse.Namespace) -> None:
    """Fill the database."""
    now, begun = clock.now_ms(), time.perf_counter()
    directory.open_account("default", now)
    fill(args, now)
    waiting(settings, now)
    connection.close()
    connection.connect(settings.db_url)  # as the daemon has it
    if proxy.on_postgres():
        _sql("VACUUM ANALYZE")
    print(f"  filled in {time.perf_counter() - begun:.0f} s", flush=True)


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    parser = argparse.ArgumentParser(prog="scripts/bench kept", description=__doc__, formatter_class=_Plain)
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many are finished (1,000,000)")
    parser.add_argument("--per-job", type=int, help="in one job (a hundredth, 10,000 at most)")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of its own instead of SQLite")
    parser.add_argument("--hot", action="store_true", help="nothing of the history in its short form")
    parser.add_argument("--steps", type=int, default=100, help="of removing, at most (100)")
    parser.add_argument("--url", default="", help="a database that is filled unless it is already, and left as it is")
    parser.add_argument("--only-fill", action="store_true", help="to measure later, when nothing else runs")
    parser.add_argument("--backup", action="store_true", help="also how long a copy of the database takes")
    args = parser.parse_args()
    args.per_job = args.per_job or max(1, min(10_000, args.messages // 100))
    folder = Path(tempfile.mkdtemp(prefix="wasender-kept-"))
    try:
        with database(args, folder) as (url, size):
            settings = config.load(_env_file=None, data_dir=folder, database_url=url, transport="browser")
            connection.connect(settings.db_url)
            if not Message.select().exists():
                begin(settings, args)
            if args.only_fill:
                return 0
            found = measure(settings, args, size)
            if args.backup:
                found["copy of the database, s"] = backup(args, url, folder)
            for name, value in found.items():
                print(f"{name:45} {value:12,.1f}", flush=True)
            if proxy.on_postgres():
                print(f"depths: {depths()}")
            connection.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


class _Plain(argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    sys.exit(main())
