"""Log lines: their names, their shape, and what must never be in them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from daemon import states
from daemon.delivery import history, job_moves
from daemon.telemetry import logs
from tests.conftest import ROOT

LEVELS = {"debug", "info", "warning", "error", "exception"}

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
logging.getLogger("aiohttp").warning("something %s", "odd")
logging.getLogger("aiohttp").info("chatter")
"""


def run(*arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert "" == done.stderr
    return done.stdout.splitlines()


def names_in_code() -> set[str]:
    """What the code passes to log.<level>(…), directly or through `say`."""
    found = set()
    for path in (ROOT / "daemon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            found |= {each.value.value for each in node.keywords if each.arg == "log_as"}
            parts = [node.func, *node.args[:1]]
            functions = [each.attr for each in parts if isinstance(each, ast.Attribute) and _is_log(each.value)]
            say = [each for each in parts if isinstance(each, ast.Name) and each.id == "say"]
            if (functions and functions[0] in LEVELS) or say:
                texts = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
                found |= {text for text in texts[:1] if isinstance(text, str)}
    return found


def _is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("log", "logger", "_log")


def test_every_event_in_the_code_is_listed_and_every_listed_one_is_used():
    """EVENTS is what somebody who ships the logs builds on."""
    used = names_in_code() | set(history.LOGGED.values()) | set(job_moves.MOVED.values())
    assert sorted(logs.EVENTS) == sorted(used)


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
    assert ["Task exception was never retrieved", "something odd"] == [line["event"] for line in lines[3:]]
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
    assert {"error"} == {json.loads(line)["level"] for line in run("error") if "something odd" not in line}


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
    assert not [word for word in ("secret", "Anna", "4915") if word in str(found)]
    assert found["frames"]
