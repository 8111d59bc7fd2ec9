"""`wasender check`: what it finds without http, on both databases, and that it changes nothing."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon import config
from daemon.campaigns import create
from daemon.config import Settings
from daemon.db import connection, proxy
from daemon.files import data_folder
from daemon.models import Job
from daemon.ops import check as checking
from daemon.ops.findings import Level
from tests.conftest import NOW
from tests.support.commanding import invoke

NOWHERE = Path("/nowhere/wasender.env")


def look(settings: Settings, env_file: Path = NOWHERE) -> dict[str, Any]:
    return {each.what: each for each in checking.check(settings, env_file)}


@pytest.fixture
def there(make_settings: Callable[..., Settings], database: str) -> Settings:
    """An installation with a job."""
    settings = make_settings()
    data_folder.prepare(settings.data_dir)
    config.api_key(settings)
    create.create(settings, create.Order("Hi", numbers=["+4915112345678"]), "test", NOW)
    return settings


def test_all_is_well(there: Settings) -> None:
    found = look(there)
    assert ["settings", "data folder", "key", "database", "counters"] == list(found)
    assert {Level.GOOD} == {each.level for each in found.values()}


def test_a_counter_that_is_wrong(there: Settings) -> None:
    """The job is named."""
    Job.update(pending=7).execute()
    found = look(there)["counters"]
    assert (Level.BAD, (("jobs", [1]),)) == (found.level, found.facts)
    connection.connect(there.db_url)


@pytest.mark.usefixtures("fresh_database")
def test_a_database_of_an_earlier_version_stays_one(there: Settings) -> None:
    """It is told, and not brought up to date."""
    proxy.database.execute_sql("DELETE FROM schema_migration WHERE name = (SELECT max(name) FROM schema_migration)")
    before = proxy.database.execute_sql("SELECT count(*) FROM schema_migration").fetchone()
    found = look(there)
    proxy.database.initialize(connection.opened(there.db_url))
    proxy.database.connect()

    assert Level.ODD is found["database"].level and 1 == len(dict(found["database"].facts)["lacks"])
    assert "counters" not in found
    assert before == proxy.database.execute_sql("SELECT count(*) FROM schema_migration").fetchone()


def test_what_is_not_there_is_not_made(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    """Neither folder, nor key, nor database."""
    settings = make_settings(data_dir=tmp_path / "none", database_url="")
    found = look(settings)
    assert (Level.BAD, Level.ODD) == (found["data folder"].level, found["database"].level)
    (tmp_path / "none").mkdir(mode=0o700)
    found = look(settings)
    assert (Level.ODD, Level.ODD) == (found["key"].level, found["database"].level)
    assert [] == list((tmp_path / "none").iterdir())


def test_a_damaged_file_keeps_every_byte(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    settings = make_settings(data_dir=tmp_path, database_url="")
    file = tmp_path / "wasender.db"
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 8_000)
    before = hashlib.sha256(file.read_bytes()).digest()
    found = look(settings)["database"]

    assert Level.BAD is found.level and before == hashlib.sha256(file.read_bytes()).digest()


def test_settings_folders_and_keys_that_others_can_read(there: Settings, tmp_path: Path) -> None:
    env_file = tmp_path / "wasender.env"
    env_file.write_text("WASENDER_DALIY_CAP=5\n")
    there.data_dir.chmod(0o755)
    (there.data_dir / "api_key").chmod(0o644)
    found = look(there, env_file)

    assert Level.ODD is found["settings"].level and "WASENDER_DAILY_CAP" in found["settings"].says
    assert (Level.ODD, Level.BAD) == (found["data folder"].level, found["key"].level)


@pytest.mark.parametrize("look_at", ["is_dir", "exists"])
def test_a_folder_that_this_user_may_not_look_into(
    look_at: str, make_settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder itself, or what is in it: that is a finding, and no end of the others."""
    settings = make_settings(data_dir=tmp_path, database_url="", api_key="")
    tmp_path.chmod(0o700)

    def refused(self: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, look_at, refused)
        found = look(settings)
    places = {"is_dir": ["data folder"], "exists": ["key", "database"]}[look_at]
    assert ["settings", "data folder", "key", "database"] == list(found)
    assert {Level.UNKNOWN} == {found[each].level for each in places}
    assert all("Permission denied" in found[each].says for each in places)


def test_the_command(there: Settings, database_url: str) -> None:
    """Beside a process that has the database open."""
    env = {"WASENDER_DATA_DIR": str(there.data_dir), "WASENDER_DATABASE_URL": database_url}
    plain, told = invoke("check", **env), json.loads(invoke("check", "--json", **env).stdout)

    assert 0 == plain.exit_code and "ok   counters:" in plain.stdout
    assert told["ok"] and "database" in {each["what"] for each in told["found"]}
    assert 3 == invoke("check", **env, WASENDER_PORT="many").exit_code
