"""http is killed while it takes files and lists in; many more kills are made by hand, see `tests/crash/writes.py`."""

from __future__ import annotations

from pathlib import Path

from tests.crash import writes


def test_what_is_repeated_after_a_kill_is_there_once(tmp_path: Path) -> None:
    outcome = writes.play(tmp_path, None, len(writes.KINDS), 3_000, 2)
    assert [] == outcome.wrong
    assert len(writes.KINDS) == outcome.kills
    assert outcome.hits
