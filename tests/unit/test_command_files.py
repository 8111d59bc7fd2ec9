"""Files that the command is given: what it writes, what it reads, and that each trouble is one sentence."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import config, errors
from daemon.cli import saving, settings
from daemon.cli.exits import Exit, Failure
from daemon.ops import preflight
from tests.support.commanding import invoke

LATIN = os.fsdecode(b"caf\xe9")  #: a word that is not UTF-8, as Python has it


def test_what_is_no_ordinary_file_is_written_into(tmp_path: Path) -> None:
    """A device or a pipe stays what it is: /dev/null is the whole machine's."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert 4 == saving.to_file([b"re", b"ad"], pipe)
        assert b"read" == os.read(reading, 100)
    finally:
        os.close(reading)
    assert stat.S_ISFIFO(pipe.stat().st_mode) and [pipe] == list(tmp_path.iterdir())


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that it leads to is written, also one that is not there yet."""
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    for text in (b"first", b"second"):
        saving.to_file([text], link)
        assert (True, text, 0o600) == (link.is_symlink(), target.read_bytes(), stat.S_IMODE(target.stat().st_mode))
    assert {target, link} == set(tmp_path.iterdir())


def test_what_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    """And nothing beside it."""

    def parts() -> Iterator[bytes]:
        yield b"half"
        raise Failure("cut_off", "The answer was cut off: try again.")

    file = tmp_path / "file"
    file.write_text("whole")
    with pytest.raises(Failure, match="cut off"):
        saving.to_file(parts(), file)
    assert ("whole", [file]) == (file.read_text(), list(tmp_path.iterdir()))


@pytest.mark.parametrize("name", [".", "..", "file/below", "nowhere/file", "x" * 300, "round", "folder"])
def test_a_place_that_cannot_be_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the reason, whatever is wrong there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "round").symlink_to("round")
    before = set(tmp_path.iterdir())
    with pytest.raises(Failure, match=r"cannot be written .*: name another place"):
        saving.to_file([b"x"], Path(name))
    assert before == set(tmp_path.iterdir())


def test_a_long_name_that_is_allowed(tmp_path: Path) -> None:
    """It is no longer than the disk takes."""
    file = tmp_path / ("x" * 255)
    assert 1 == saving.to_file([b"x"], file) == file.stat().st_size


@pytest.fixture
def where(tmp_path: Path) -> tuple[str, ...]:
    """An installation elsewhere, which is never asked."""
    (tmp_path / "key").write_text("k" * 40)
    return ("--url", "http://127.0.0.1:1", "--key-file", str(tmp_path / "key"))


@pytest.mark.parametrize(
    "words", [("accounts", "show", LATIN), ("jobs", "--search", LATIN), ("status", "7", LATIN), (LATIN,)],
    ids=["a name", "an option", "one too many", "a command"],
)  # fmt: skip
def test_words_that_are_not_utf8(words: tuple[str, ...], where: tuple[str, ...]) -> None:
    """The command line is wrong: no traceback."""
    done = invoke(*words, *where)
    assert Exit.USAGE == done.exit_code and "Traceback" not in done.output
    if len(words) > 1 and words[0] != "status":
        assert "not UTF-8" in done.stderr
        told = json.loads(invoke(*words, *where, "--json").stderr)["error"]
        assert "usage" == told["code"]


def test_a_file_of_a_name_that_is_not_utf8(tmp_path: Path, where: tuple[str, ...]) -> None:
    """It is read and sent; here nobody takes it."""
    file = tmp_path / LATIN
    file.write_text("phone\n+4930231250\n")
    assert Exit.UNREACHABLE == invoke("send", file, "-m", "Hi", *where).exit_code


def test_an_answer_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    """It says so, in place of a traceback."""
    words = [sys.executable, "-m", "daemon.cli", "check", "--data", str(tmp_path / "łódź")]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (3, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
    assert "LANG=C.UTF-8" in done.stderr


def test_a_folder_in_place_of_a_backup(tmp_path: Path) -> None:
    """It says what it is."""
    (tmp_path / "backups").mkdir()
    done = invoke("restore", tmp_path / "backups", "--data", tmp_path / "data")
    assert (Exit.REFUSED, "") == (done.exit_code, done.stdout)
    assert "is a folder: name the file of a backup" in done.stderr


def test_trouble_that_no_command_has_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which file, why, and what to do; a pipe that nobody reads is no trouble."""

    def fails(number: int) -> None:
        def load(*_: object) -> None:
            raise OSError(number, os.strerror(number), "/somewhere")

        monkeypatch.setattr(settings, "load", load)

    fails(errno.EROFS)
    done, told = invoke("retention"), invoke("retention", "--json")
    assert (1, 1) == (done.exit_code, done.stderr.count("\n"))
    assert done.stderr.startswith("wasender: /somewhere cannot be used (Read-only file system): ")
    assert "file_unusable" == json.loads(told.stderr)["error"]["code"]
    fails(errno.ECONNRESET)
    assert "try again" in invoke("retention").stderr
    fails(errno.EPIPE)
    assert (1, "") == (invoke("retention").exit_code, invoke("retention").stderr)


def test_settings_that_are_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for the command nor for what starts wasender a traceback; it is said which file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    (tmp_path / "wasender.env").write_bytes(b"WASENDER_MAIL_FROM=caf\xe9@example.org\n")
    done = invoke("jobs")
    assert Exit.NOT_SET_UP == done.exit_code and "wasender.env is not UTF-8" in done.stderr
    monkeypatch.setattr("sys.argv", ["preflight"])
    assert 1 == preflight.main()
    with pytest.raises(errors.ConfigError, match=r"wasender\.env is not UTF-8"):
        config.load()
    (tmp_path / "wasender.env").unlink()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "api_key").write_bytes(b"caf\xe9")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "secrets"))
    with pytest.raises(errors.ConfigError, match=r"A secret in .* is not UTF-8"):
        config.load()


def test_settings_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not read them is told as whom to run it."""
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    own = Path.is_file

    def is_file(self: Path) -> bool:
        if self.name == "wasender.env":
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return own(self)

    monkeypatch.setattr(Path, "is_file", is_file)
    done = invoke("jobs")
    assert Exit.NOT_SET_UP == done.exit_code and 1 == done.stderr.count("\n")
    assert "sudo -u wasender" in done.stderr
