"""What an erasure names: copies of earlier moments, wherever this installation has made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon.contacts import uploads
from daemon.db import clock
from daemon.db.proxy import database as connected
from daemon.db.proxy import on_postgres
from daemon.ops import erase


def test_copies_are_named_wherever_the_database_is(database: str, make_settings: Any, tmp_path: Path) -> None:
    """SQLite's file may be in another folder and be called otherwise; PostgreSQL has what a restore has kept in a
    schema, and where it was moved to, the file that it was before is there still. So are
    files that have lost their row."""
    elsewhere = tmp_path / "elsewhere"
    settings = make_settings(database_url=f"sqlite:///{elsewhere}/my[1].sqlite")
    beside = [elsewhere / name for name in ("my[1].sqlite.before-0003", "before-restore-x", ".restore-x")]
    ours = [settings.data_dir / name for name in ("backups/one.backup", "before-restore-x", "attachments/" + "0" * 16)]
    part = tmp_path / "part"
    part.write_bytes(b"of somebody")
    uploads.add_attachment(settings, part, "theirs.pdf", clock.now_ms())
    moved, others = (
        settings.data_dir / "wasender.db",
        [elsewhere / "my[1].sqlite", elsewhere / "my1.sqlite.before-0003"],
    )
    for file in (*beside, *ours, moved, *others):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    if on_postgres():
        connected.execute_sql("CREATE SCHEMA before_restore_test_of_copies")
        try:
            assert {*map(str, ours), str(moved)} == set(found := erase.copies(settings)) - set(schemas(found))
            assert "schema before_restore_test_of_copies" in found
        finally:
            connected.execute_sql("DROP SCHEMA before_restore_test_of_copies")
    else:
        assert sorted(map(str, [*beside, *ours])) == erase.copies(settings)


def schemas(copies: list[str]) -> list[str]:
    return [each for each in copies if each.startswith("schema ")]
