"""Files that the command is given: what it writes, what it reads, and that each trouble is one sentence."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cli import saving
from daemon.cli.exits import Failure


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
