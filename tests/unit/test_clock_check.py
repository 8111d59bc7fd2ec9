"""Whether a sender believes the clock: not for ten minutes after a jump, whatever the clock does meanwhile."""

from __future__ import annotations

import pytest
import structlog.testing

from daemon.delivery import timing
from daemon.delivery.clock_check import DOUBTED_MS, JUMP_MS, ClockCheck
from tests.conftest import NOW

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
YEAR_MS = 365 * 24 * HOUR_MS


class Machine:
    """What the clock says, and how long it has run."""

    def __init__(self) -> None:
        self.now, self.up_ms = NOW, 5 * HOUR_MS
        self.check = ClockCheck()

    def believed(self, jump_ms: int = 0, passed_ms: int = MINUTE_MS) -> bool:
        """A while later the clock jumps, and is looked at."""
        self.up_ms += passed_ms
        self.now += passed_ms + jump_ms
        return self.check.believes(self.now)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """It has been looked at once."""
    found = Machine()
    monkeypatch.setattr(timing, "clock", lambda: found.up_ms / 1000)
    assert found.believed()
    return found


@pytest.mark.parametrize("jump_ms", [YEAR_MS, -YEAR_MS, JUMP_MS + MINUTE_MS, -JUMP_MS - MINUTE_MS])
def test_a_jump_is_believed_after_ten_minutes(machine: Machine, jump_ms: int) -> None:
    """By how long the machine has run; it is said once. The next one has a wait of its own."""
    with structlog.testing.capture_logs() as lines:
        assert not machine.believed(jump_ms)
        assert machine.check.doubts
        assert not machine.believed(passed_ms=DOUBTED_MS - 1)
        assert machine.believed(passed_ms=1)
        assert not machine.check.doubts
        assert machine.believed()
    assert [("clock.jumped", jump_ms / 1000)] == [(each["event"], each["ahead_s"]) for each in lines]
    assert not machine.believed(-jump_ms)


@pytest.mark.parametrize("jump_ms", [YEAR_MS, -YEAR_MS])
def test_a_clock_that_returns_is_believed_at_once(machine: Machine, jump_ms: int) -> None:
    assert not machine.believed(jump_ms)
    assert machine.believed(-jump_ms)
    assert not machine.believed(jump_ms, DOUBTED_MS), "a new jump, though the last one was as long ago as a wait lasts"


def test_a_clock_that_jumps_again_and_again_makes_nobody_wait_for_longer(machine: Machine) -> None:
    """Up to the tenth minute each jump is doubted; then that of the moment is believed."""
    assert [False] * 10 + [True] == [machine.believed(YEAR_MS) for _ in range(11)]


@pytest.mark.parametrize("jump_ms", [HOUR_MS, -HOUR_MS])
def test_up_to_an_hour_it_is_believed_again_and_again(machine: Machine, jump_ms: int) -> None:
    """Somebody sets it by hand, or it is slow: that does not add up."""
    assert [True] * 5 == [machine.believed(jump_ms) for _ in range(5)]
    assert [True] * 5 == [machine.believed(jump_ms, 30 * 24 * HOUR_MS) for _ in range(5)]


def test_a_machine_that_slept_has_a_clock_that_is_believed(machine: Machine) -> None:
    """Both have gone on."""
    assert machine.believed(passed_ms=YEAR_MS)


def test_what_was_decided_by_a_wrong_clock_is_put_right_after_each_doubt(machine: Machine) -> None:
    """And at the beginning, as the process before may have had one."""
    assert machine.check.anew
    machine.check.anew = False
    assert machine.believed() and not machine.check.anew
    assert not machine.believed(YEAR_MS) and not machine.check.anew
    assert machine.believed(-YEAR_MS) and machine.check.anew
