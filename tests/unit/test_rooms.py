"""Where things belong: what lies directly in daemon/, who writes a message, how long a file may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

DAEMON = ROOT / "daemon"
WRITES = {
    *("update", "insert", "insert_many", "insert_from", "create", "get_or_create", "save", "delete", "replace"),
    *("replace_many", "bulk_create", "bulk_update", "delete_by_id", "delete_instance", "set_by_id", "truncate_table"),
}
SQL = re.compile(r'\b(?:UPDATE|INSERT\s+INTO|DELETE\s+FROM|REPLACE\s+INTO|TRUNCATE)\s+(?:TABLE\s+)?"?message"?\b', re.I)
MOST_LINES = 500


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def is_message(node: ast.expr) -> bool:
    """`Message` or `models.Message`, also as the class of a new one."""
    if isinstance(node, ast.Call):
        return is_message(node.func)
    return (isinstance(node, ast.Name) and node.id == "Message") or (
        isinstance(node, ast.Attribute) and node.attr == "Message"
    )


def messages_in(tree: ast.Module) -> set[str]:
    """Names to which a new `Message(…)` or the class itself is given."""
    given = [(node.targets, node.value) for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    return {name.id for names, value in given if is_message(value) for name in names if isinstance(name, ast.Name)}


def writes_of(path: Path) -> Iterator[str]:
    """Where that file writes rows of messages: by the model, under another name, or in SQL."""
    tree = ast.parse(path.read_text())
    aliases = messages_in(tree) | {
        alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
        if alias.name == "Message" and alias.asname
    }  # fmt: skip
    for node in ast.walk(tree):
        what = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            of = node.func.value
            if is_message(of) or (isinstance(of, ast.Name) and of.id in aliases):
                what = f"Message.{node.func.attr}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
            what = "SQL"
        if what:
            yield f"{path.relative_to(ROOT)}:{node.lineno} {what}"


def test_only_delivery_writes_messages() -> None:
    """So every move of a message is one of the table's, in one folder; steps of the schema come before any of it."""
    elsewhere = [path for path in files("daemon") if not path.is_relative_to(DAEMON / "delivery")]
    others = [path for path in elsewhere if not path.is_relative_to(DAEMON / "db" / "migrations")]

    assert [] == [write for path in others for write in writes_of(path)]
    assert [] != [write for path in files("daemon/delivery") for write in writes_of(path)]


@pytest.mark.parametrize(
    "code",
    [
        "Message.update(state='sent').execute()",
        "models.Message.delete().execute()",
        "Message(number='x').save()",
        "row = Message(number='x')\nrow.save()",
        "from daemon.models import Message as M\nM.insert_many([])",
        "db.execute_sql('UPDATE message SET state = 1')",
        "db.execute_sql(f'''DELETE\n FROM \"message\" WHERE id = {1}''')",
    ],
)
def test_a_write_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """In each form in which it could be written."""
    monkeypatch.setattr("tests.unit.test_rooms.ROOT", tmp_path)
    file = tmp_path / "module.py"
    file.write_text(code)

    assert 1 == len(list(writes_of(file)))


def test_what_lies_directly_in_daemon() -> None:
    """The two processes and what everything shares; all else has a room."""
    modules = {path.stem for path in DAEMON.glob("*.py")}

    assert {"__init__", "http", "sender", "models", "states", "errors", "config", "process"} == modules


def test_a_file_has_one_job() -> None:
    """One that needs more lines than that has several."""
    scripts = sorted(path for folder in ("daemon", "standin") for path in (ROOT / folder).rglob("*.js"))
    every = [*files("daemon", "standin", "tests"), *scripts]
    lines = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in every}

    assert {} == {path: count for path, count in lines.items() if count > MOST_LINES and path.name != "models.py"}


def test_no_test_is_another_ones_helper() -> None:
    """What two files share is in the folder's conftest or in tests/support."""
    imports = re.compile(r"^\s*from (tests(?:\.\w+)*\.test_\w+) import|^\s*import (tests\S*\.test_\w+)", re.M)

    assert {} == {path.name: found for path in files("tests") if (found := imports.findall(path.read_text()))}


ON_THE_EDGE = {"api", "cli", "pages", "server", "http.py", "sender.py", "process.py"}  # they ask the clock
CLOCKS = {"now_ms", "time", "time_ns", "now", "utcnow", "today"}
OF_CLOCKS = {"clock", "db_clock", "time", "datetime", "date"}
OWN_TIME = {
    "contacts/row_sets.py": "a set is filled in many transactions, for longer than any time that was handed in is true",
    "db/clock.py": "the clock itself",
    "delivery/db_thread.py": "the sender's edge: its database thread asks the clock for all that it runs",
    "ops/doctor.py": "it is this machine's clock that is looked at",
    "ops/retention.py": "files have the time of this machine, not of the database",
    "transports/browser/screens.py": "WhatsApp's page tells how long, by the time of this machine",
}


def clocks_in(tree: ast.Module) -> list[int]:
    """The lines on which a clock that tells the time of day is asked, or handed on to be asked later."""
    asked = [
        node.lineno for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS
        and isinstance(node.value, ast.Name) and node.value.id in OF_CLOCKS
    ]  # fmt: skip
    imported = [
        node.lineno for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("daemon.db.clock", "time")
        and any(alias.name in ("now_ms", "time", "time_ns") for alias in node.names)
    ]  # fmt: skip
    return sorted(asked + imported)


def test_below_the_edge_the_time_is_an_argument() -> None:
    """So one piece of work has one time, and a test can be at any."""
    below = [path for path in files("daemon") if path.relative_to(DAEMON).parts[0] not in ON_THE_EDGE]
    found = {str(path.relative_to(DAEMON)): clocks_in(ast.parse(path.read_text())) for path in below}

    assert set(OWN_TIME) == {path for path, lines in found.items() if lines}


@pytest.mark.parametrize(
    "code",
    [
        "clock.now_ms()",
        "work(clock.now_ms)",
        "from daemon.db.clock import now_ms",
        "time.time_ns() // 1_000_000",
        "datetime.now(UTC)",
    ],
)
def test_a_clock_is_seen(code: str) -> None:
    """However it is asked."""
    assert [1] == clocks_in(ast.parse(code))
