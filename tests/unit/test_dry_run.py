"""The transport that sends nothing: what it says it has handed over is in its journal, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon import config, errors
from daemon.transports import Finding, Mark, Outgoing
from daemon.transports.dry_run import DryRunTransport

MESSAGE = Outgoing("+4930231250", "Hello")


@pytest.fixture
def transport(tmp_path: Path) -> DryRunTransport:
    return DryRunTransport(config.load(_env_file=None, data_dir=tmp_path, transport="dryrun"))


async def test_on_a_full_disk_nothing_is_handed_over(transport: DryRunTransport) -> None:
    """It says so, and the message may be tried again."""
    transport._journal = Path("/dev/full")

    with pytest.raises(errors.NotSubmitted, match="make room"):
        await transport.hand_over(MESSAGE, Mark("0"))


async def test_half_a_line_is_no_message(transport: DryRunTransport) -> None:
    """As a kill or a full disk may leave one."""
    await transport.hand_over(MESSAGE, Mark("0"))
    whole = transport._journal.read_text()
    transport._journal.write_text(whole[: len(whole) // 2])

    assert Finding.ABSENT is (await transport.look_up(MESSAGE, Mark("0"))).finding
    transport._journal.write_text(whole)
    assert Finding.SENT is (await transport.look_up(MESSAGE, Mark("0"))).finding
