"""The transport that sends nothing: what it says it has handed over is in its journal, whole."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from daemon import config, errors
from daemon.states import Finding
from daemon.transports.dry_run import DryRunTransport
from daemon.transports.protocol import Mark, Outgoing

MESSAGE = Outgoing("+4930231250", "Hello")


@pytest.fixture
def transport(tmp_path: Path) -> DryRunTransport:
    return DryRunTransport(config.load(_env_file=None, data_dir=tmp_path, transport="dryrun"))


class Full:
    """A file on a disk that has room for half of what is written; said by the count, or by an error behind it."""

    def __init__(self, file: BinaryIO, error: OSError | None) -> None:
        self._file, self._error = file, error

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, line: bytes) -> int:
        written = self._file.write(line[: len(line) // 2])
        if self._error:
            raise self._error
        return written


@pytest.mark.parametrize("error", [None, OSError(errno.ENOSPC, "No space left on device")], ids=["count", "error"])
async def test_on_a_full_disk_nothing_is_handed_over(
    transport: DryRunTransport, monkeypatch: pytest.MonkeyPatch, error: OSError | None
) -> None:
    """It says so, and leaves no half line in which the next message would be lost."""
    await transport.hand_over(MESSAGE, Mark("0"))
    before = transport._journal.read_bytes()
    opened = Path.open
    with monkeypatch.context() as full:
        full.setattr(Path, "open", lambda *given, **options: Full(opened(*given, **options), error))
        with pytest.raises(errors.NotSubmitted, match="make room"):
            await transport.hand_over(replace(MESSAGE, text="Bye"), Mark("0"))
    assert before == transport._journal.read_bytes()

    last = replace(MESSAGE, text="And once more")
    await transport.hand_over(last, Mark("0"))
    assert Finding.SENT is (await transport.look_up(last, Mark("0"))).finding


async def test_half_a_line_is_no_message(transport: DryRunTransport) -> None:
    """As a kill or a full disk may leave one."""
    await transport.hand_over(MESSAGE, Mark("0"))
    whole = transport._journal.read_text()
    transport._journal.write_text(whole[: len(whole) // 2])

    assert Finding.ABSENT is (await transport.look_up(MESSAGE, Mark("0"))).finding
    transport._journal.write_text(whole)
    assert Finding.SENT is (await transport.look_up(MESSAGE, Mark("0"))).finding


@pytest.mark.parametrize("mark", [Mark(None), Mark("3EB0C767D26A1B2C3D4E")], ids=["new chat", "known chat"])
async def test_of_what_a_real_sender_handed_over_it_knows_nothing(transport: DryRunTransport, mark: Mark) -> None:
    """Otherwise a message that is out would be queued again, and a real sender would send it twice."""
    assert Finding.UNKNOWN is (await transport.look_up(MESSAGE, mark)).finding
    await transport.hand_over(MESSAGE, Mark("0"))
    assert Finding.UNKNOWN is (await transport.look_up(MESSAGE, mark)).finding


def test_marks_of_earlier_versions_load() -> None:
    """What stands in a database stays readable, and what is not known is not written."""
    assert Mark("A1", "Kim") == Mark.loads('{"last_own": "A1", "name": "Kim"}')
    assert '{"last_own": null}' == Mark(None).dumps()
    assert "B2" == Mark.loads(Mark(None, "Kim", "B2").dumps()).last
