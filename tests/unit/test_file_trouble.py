"""Files in the way of a start: both processes say so in one line, with the file and what to do, and end with 1."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import config, errors
from daemon.db import presence
from daemon.files import credentials, data_folder, trouble
from tests.conftest import ROOT


def folder_for_a_file(name: str) -> Callable[[Path], None]:
    return lambda data: (data / name).mkdir(parents=True)


def circle(name: str) -> Callable[[Path], None]:
    def make(data: Path) -> None:
        data.mkdir(exist_ok=True)
        (data / name).symlink_to(name)

    return make


IN_THE_WAY: dict[str, tuple[Callable[[Path], Any], str]] = {
    "data folder is a file": (lambda data: data.touch(), "file is where a folder has to be"),
    "data folder is a circle": (lambda data: data.symlink_to(data), "links go round in a circle"),
    "data folder leads into a file": (
        lambda data: (data.with_name("f").touch(), data.symlink_to(data.with_name("f") / "x")),
        "file is where a folder has to be",
    ),
    "data folder leads nowhere": (lambda data: data.symlink_to(data.with_name("gone")), "leads to where nothing is"),
    "lock is a folder": (folder_for_a_file("wasender.db-in-use"), "a folder is where a file has to be"),
    "lock is a circle": (circle("wasender.db-in-use"), "links go round in a circle"),
    "database is a folder": (folder_for_a_file("wasender.db"), "a folder is where a file has to be"),
    "database is a circle": (circle("wasender.db"), "see that it is a file"),
    "log of the database is a folder": (folder_for_a_file("wasender.db-wal"), "The database cannot be used"),
}
OF_HTTP = {
    "key is a folder": (folder_for_a_file("api_key"), "a folder is where a file has to be"),
    "key is a circle": (circle("api_key"), "links go round in a circle"),
}
OF_THE_SENDER = {
    "lock of the account is a folder": (folder_for_a_file("dryrun-default.lock"), "a folder is where a file has to be"),
    "journal is a folder": (folder_for_a_file("dryrun.jsonl"), "a folder is where a file has to be"),
    "journal is a circle": (circle("dryrun.jsonl"), "links go round in a circle"),
}


CASES = [(process, what) for process in ("http", "sender") for what in IN_THE_WAY]
CASES += [("http", what) for what in OF_HTTP] + [("sender", what) for what in OF_THE_SENDER]
STARTS = """
import json, os, sys
from daemon import http, sender
from daemon.transports import dry_run
for process, folder in json.load(sys.stdin):
    if not os.fork():
        out = os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1), os.dup2(out, 2)
        os.environ["WASENDER_DATA_DIR"] = f"{folder}/data"
        os._exit({"http": http, "sender": sender}[process].main())
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[int, str]]:
    """The exit code and the log of each of CASES; all are forked from one process, which has loaded everything."""
    folder, asked = tmp_path_factory.mktemp("starts"), []
    for number, (process, what) in enumerate(CASES):
        (folder / str(number)).mkdir()
        (IN_THE_WAY | OF_HTTP | OF_THE_SENDER)[what][0](folder / str(number) / "data")
        asked.append((process, str(folder / str(number))))
    settings = {"WASENDER_TRANSPORT": "dryrun", "WASENDER_PORT": "0", "WASENDER_LOG_FORMAT": "json"}
    ended = subprocess.run(
        [sys.executable, "-c", STARTS],
        env=os.environ | settings | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    codes = map(int, ended.stdout.split())
    logs = ((folder / str(number) / "log").read_text() for number in range(len(CASES)))
    return dict(zip(CASES, zip(codes, logs, strict=True), strict=True))


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_what_is_in_the_way_is_told(case: tuple[str, str], starts: dict[tuple[str, str], tuple[int, str]]) -> None:
    """In one line, which names it, and without a traceback."""
    code, log = starts[case]
    *_, refused, stopped = map(json.loads, log.splitlines())
    assert (1, "process.refused", "process.stopped") == (code, refused["event"], stopped["event"])
    assert (IN_THE_WAY | OF_HTTP | OF_THE_SENDER)[case[1]][1] in refused["reason"]
    assert "Traceback" not in log


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.ESTALE])
def test_what_only_the_disk_knows_is_told_with_the_file(number: int) -> None:
    """A sentence about the file, in which something can be done."""
    with pytest.raises(errors.SetupError) as told, trouble.told():
        raise OSError(number, os.strerror(number), "/data/api_key")
    assert f"/data/api_key cannot be used ({os.strerror(number)}): " in str(told.value)
    assert str(told.value).endswith(".")
    assert (trouble.OTHERWISE in str(told.value)) == (number == errno.ESTALE)


@pytest.mark.parametrize("error", [ConnectionRefusedError("x"), TimeoutError("x")])
def test_what_is_no_files_trouble_is_left_alone(error: OSError) -> None:
    with pytest.raises(type(error)), trouble.told():
        raise error


def test_a_disk_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network disks: the database relies on locks, too."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(presence.fcntl, "flock", refuse)
    url = f"sqlite:///{tmp_path / 'a.sqlite3'}"
    with (
        pytest.raises(errors.SetupError, match=r"a\.sqlite3-in-use cannot be used .* knows no locks"),
        trouble.told(),
        presence.present(url),
    ):
        pass


# Disks that keep no modes: vfat and some of a network show every file as open to all


@pytest.fixture
def modeless() -> Iterator[None]:
    """Every file is as open as if the disk were formatted for Windows, and has one name only."""
    real_stat, real_fstat = Path.stat, os.fstat

    def opened(found: os.stat_result) -> os.stat_result:
        return os.stat_result((found.st_mode | 0o777, *found[1:]))

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", "a")

    with pytest.MonkeyPatch.context() as patched:  # pytest itself closes folders at the end
        patched.setattr(Path, "stat", lambda self, **how: opened(real_stat(self, **how)))
        patched.setattr(os, "fstat", lambda handle: opened(real_fstat(handle)))
        patched.setattr(Path, "hardlink_to", refuse)
        patched.setattr(Path, "chmod", refuse)
        yield


@pytest.mark.usefixtures("modeless")
def test_where_chmod_changes_nothing_it_is_not_advised(tmp_path: Path) -> None:
    settings = config.load(_env_file=None, data_dir=tmp_path)
    data_folder.prepare(settings.data_dir)
    with pytest.raises(errors.SetupError, match=r"keeps no permissions.*another disk") as told:
        config.api_key(settings)
    assert "run chmod" not in str(told.value)
    assert ["api_key"] == [each.name for each in tmp_path.iterdir()]
    assert len((tmp_path / "api_key").read_text()) > credentials.SHORTEST_KEY


def test_where_a_file_has_one_name_only_the_key_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    settings = config.load(_env_file=None, data_dir=tmp_path)
    assert config.api_key(settings) == config.api_key(settings)


def test_where_chmod_helps_it_is_advised(tmp_path: Path) -> None:
    assert trouble.keeps_modes(tmp_path)
    (tmp_path / "api_key").write_text("k" * 5 + "3Jq9_xW2mP7sLdR4tV8zB1n")
    (tmp_path / "api_key").chmod(stat.S_IRUSR | stat.S_IROTH)
    with pytest.raises(errors.SetupError, match="run chmod 600"):
        config.api_key(config.load(_env_file=None, data_dir=tmp_path))
