"""Log lines: their names, their shape, and what must never be in them."""

from __future__ import annotations

import configparser
import json
import os
import re
import select
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
import yaml

from daemon import states
from daemon.delivery import history
from daemon.telemetry import logs
from tests.conftest import ROOT
from tests.support import log_docs

SCRIPT = """
import logging, sys
import structlog
from daemon.telemetry import logs
logs.configure("sender", *sys.argv[1:])
structlog.contextvars.bind_contextvars(account="shop")
log = structlog.get_logger()
log.debug("message.handed_over", elapsed_ms=5)
log.info("message.confirmed", message_id=7, job_id=1, attempt=2)
log.warning("message.failed", why="Grüße an\\nalle")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("process.crashed")
    logging.getLogger("asyncio").exception("Task exception was never retrieved")
logging.getLogger("aiohttp").warning("something %s", "Anna")
logging.getLogger("aiohttp").info("chatter")
"""


def run(*arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert "" == done.stderr
    return done.stdout.splitlines()


def test_every_event_in_the_code_is_listed_and_every_listed_one_is_used():
    """EVENTS is what somebody who ships the logs builds on."""
    assert sorted(logs.EVENTS) == sorted(log_docs.found())


def test_the_documentation_has_every_event_with_its_fields() -> None:
    """`python -m tests.support.log_docs` makes it so."""
    text = log_docs.PAGE.read_text()
    assert log_docs.page(text) == text
    assert sorted(log_docs.SPREAD) == sorted(name for name, event in log_docs.found().items() if event.spread)


def test_samples_for_shippers_can_be_read_and_name_fields_that_there_are() -> None:
    """What is no file of ours is at least a file of its kind."""
    folder = ROOT / "etc" / "logging"
    for name in ("vector.yaml", "fluent-bit.yaml"):
        assert yaml.safe_load((folder / name).read_text())
    for name in ("supervisor.conf", "journald.conf"):
        assert configparser.RawConfigParser().read(folder / name)
    line = json.loads(run()[0])
    labels = re.search(r"values = {(.*)}", (folder / "alloy.alloy").read_text())
    assert labels and set(re.findall(r"(\w+) =", labels[1])) < set(line)
    assert "timestamp" in line
    datetime.strptime(line["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)  # as fluent-bit.yaml reads it


def test_every_event_is_a_noun_and_what_happened():
    """`noun.past_verb`, with a meaning beside it."""
    assert not [name for name in logs.EVENTS if not re.fullmatch(r"[a-z]+\.[a-z_]+", name)]
    assert all(logs.EVENTS.values())


def test_every_move_has_its_event():
    """Of messages, and of jobs where a person makes it."""
    assert set(states.MOVES) == set(history.LOGGED)


def test_every_line_is_one_json_object():
    """Also a traceback, also what a library logs; with the time, level, event, process and account."""
    lines = [json.loads(line) for line in run()]
    assert ["message.confirmed", "message.failed", "process.crashed"] == [line["event"] for line in lines[:3]]
    assert [("asyncio", None), ("aiohttp", "something %s")] == [
        (line["logger"], line.get("template")) for line in lines[3:] if line["event"] == logs.FOREIGN
    ]
    assert ["info", "warning", "error", "error", "warning"] == [line["level"] for line in lines]
    assert {("sender", "shop")} == {(line["process"], line["account"]) for line in lines}
    for line in lines:
        assert line["timestamp"].endswith("Z")
        assert abs((datetime.fromisoformat(line["timestamp"]) - datetime.now(UTC)).total_seconds()) < 60
    assert (7, 1, 2) == (lines[0]["message_id"], lines[0]["job_id"], lines[0]["attempt"])
    assert "Grüße an\nalle" == lines[1]["why"]
    for line in lines[2:4]:
        assert "ZeroDivisionError" == line["exception"]
        assert line["frames"]


def test_the_level_is_kept():
    """Debug shows more, error less."""
    assert "message.handed_over" == json.loads(run("debug")[0])["event"]
    assert {"error"} == {json.loads(line)["level"] for line in run("error") if "something" not in line}


def test_for_people_it_is_text():
    """No colours where nobody looks at a terminal."""
    lines = run("info", "console")
    assert "message.confirmed" in lines[0] and "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("+4915123456789"),
        KeyError("secret"),
        RuntimeError("Dear Anna"),
        UnicodeEncodeError("utf-8", "secret", 0, 1, "Anna"),
    ],
)
def test_an_exception_is_told_without_its_text(raised: Exception) -> None:
    """Its type, that of its cause, and where it came through."""
    try:
        try:
            raise LookupError("secret Anna +4915123456789")
        except LookupError as cause:
            raise raised from cause
    except Exception as error:
        found = logs._without_its_text(None, "error", {"event": "x", "exc_info": error})

    assert f"{type(raised).__name__} from LookupError" == found["exception"]
    assert not [word for word in ("secret", "Anna", "4915123") if word in str(found)]
    assert found["frames"]


TEXTS = """
import asyncio, logging, sys, threading, warnings
from daemon.telemetry import logs
logs.configure("http")
SECRET = "Dear Anna +4915123456789"

class Fails:
    def __del__(self): raise ValueError(SECRET)
    def __repr__(self): return SECRET

def fail(*_): raise KeyError(SECRET)

async def main():
    asyncio.get_running_loop().call_soon(fail, SECRET)
    asyncio.create_task(asyncio.to_thread(fail), name=SECRET)
    asyncio.get_running_loop().call_exception_handler({"message": SECRET, "future": SECRET})
    await asyncio.sleep(0.05)

asyncio.run(main())
thread = threading.Thread(target=fail, name=SECRET)
thread.start()
thread.join()
del thread
Fails()
warnings.warn(SECRET)
logging.getLogger("a.library").error("cannot read %r", SECRET)
logging.getLogger("a.library").error(f"cannot read 100% of {SECRET}")
logging.getLogger("a.library").error(SECRET, exc_info=ValueError(SECRET))
raise RuntimeError(SECRET) from ValueError(SECRET)
"""


def test_no_way_out_leads_past_the_log() -> None:
    """Whatever Python or a library has to say, of tasks, threads, warnings and what nobody caught: no texts, and
    nothing on stderr; but where it was, and of which type."""
    done = subprocess.run(
        [sys.executable, "-c", TEXTS], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )

    assert ("", 1) == (done.stderr, done.returncode)
    assert not [word for word in ("Anna", "4915123", "Dear") if word in done.stdout]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    once = ("thread.crashed", "cleanup.failed", "library.warned", "process.crashed")
    assert {logs.FOREIGN: 6} | dict.fromkeys(once, 1) == Counter(line["event"] for line in lines)
    assert "RuntimeError from ValueError" == lines[-1]["exception"]
    assert all(line.get("place") or line.get("frames") for line in lines)


# Lines of several processes in one pipe

WRITER = """
import random, sys
import structlog
from daemon.telemetry import logs
logs.configure(sys.argv[1])
log, dice = structlog.get_logger(), random.Random(sys.argv[1])
for number in range(int(sys.argv[2])):
    length = dice.choice((10, 500, 3_900, 4_100, 9_000, 100_000))
    log.info("message.failed", number=number, why="\u00e4" * (length // 6), list=["x" * 200] * dice.choice((1, 60)))
"""
MANY = 400


def whole(lines: list[str], writers: list[str]) -> None:
    """Every line is one event; none is missing, none longer than a pipe takes at once."""
    found = [json.loads(line) for line in lines]
    assert Counter(dict.fromkeys(writers, MANY)) == Counter(line["process"] for line in found)
    for name in writers:
        assert list(range(MANY)) == [line["number"] for line in found if line["process"] == name]
    assert max(map(len, lines)) < select.PIPE_BUF
    assert {True, None} == {line.get("cut") for line in found}


def test_lines_of_two_processes_in_one_pipe_stay_whole() -> None:
    """However long they would be, and while the pipe is full."""
    out, end = os.pipe()
    names = ["http", "sender", "other"]
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, name, str(MANY)], stdout=end, cwd=ROOT) for name in names
    ]
    os.close(end)
    with os.fdopen(out) as lines:
        whole(lines.read().splitlines(), names)
    assert [0, 0, 0] == [each.wait(60) for each in processes]


@pytest.mark.parametrize("names", [1, 5, 25])
@pytest.mark.parametrize("value", ["x" * 100_000, "\u00e4" * 50_000, ["x" * 200] * 900, {"a": "x" * 9_000}])
def test_a_line_that_is_too_long_keeps_the_beginnings(names: int, value: object) -> None:
    """Of every field, as much as there is room for."""
    event = {"event": "x", "number": 7} | {f"name{n}": value for n in range(names)}

    line = logs._Line()(None, "info", event)

    assert len(line) < select.PIPE_BUF
    assert set(json.loads(line)) == {*event, "cut"}
    assert 7 == json.loads(line)["number"]


SUPERVISED = """
[supervisord]
nodaemon=true
silent=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
"""
PROGRAM = """
[program:{name}]
command={python} {script} {name} {many}
directory={root}
autorestart=false
startsecs=0
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
"""


def test_lines_that_supervisord_passes_on_stay_whole(tmp_path: Path) -> None:
    """It reads a pipe of each program as far as it is filled, and writes that."""
    (tmp_path / "writer.py").write_text(WRITER)
    names, config = ["http", "sender"], SUPERVISED.format(folder=tmp_path)
    for name in names:
        config += PROGRAM.format(name=name, python=sys.executable, script=tmp_path / "writer.py", many=MANY, root=ROOT)
    (tmp_path / "supervisord.conf").write_text(config)
    command = [Path(sys.executable).with_name("supervisord"), "-c", tmp_path / "supervisord.conf"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        lines = list(islice(process.stdout or (), len(names) * MANY))
        process.terminate()
    whole([line.rstrip("\n") for line in lines], names)
