"""A sender or http process that can be halted at a point, for a fault to strike it there from outside.

Run as `python -m tests.crash.braked http` or `… sender`, as `build_in` has supervisord do. The test holds the other
end of the brake: it says where to halt, and whether the sender may claim anything.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from daemon import config, http, sender
from daemon.campaigns import create as creating
from daemon.delivery import claim as claiming
from daemon.delivery import moves
from tests.crash.victim import on_commits
from tests.support.rig import Rig, eventually

HALT_S = 30.0  # then it goes on by itself: whoever halted it has died


class Brake:
    """Halts the `http` or `sender` process of the instance with this data folder at a point."""

    def __init__(self, data: Path, program: str) -> None:
        self._asked, self._halted, self._held = (data / f"{word}-{program}" for word in ("halt", "halted", "hold"))

    def hold(self, held: bool) -> None:
        """Let the sender claim nothing, or claim again."""
        if held:
            self._held.touch()
        else:
            self._held.unlink(missing_ok=True)

    def halt(self, point: str) -> None:
        """Halt it when it next passes the point."""
        draft = self._asked.with_suffix(".new")
        draft.write_text(point)
        draft.replace(self._asked)

    def wait(self, timeout_s: float) -> None:
        """Returns when it is halted. Raises AssertionError."""
        eventually(self._halted.exists, timeout_s, f"something passes {self._point()}")

    def release(self) -> None:
        """Let it go on."""
        self._asked.unlink(missing_ok=True)
        self._halted.unlink(missing_ok=True)

    # -- in the braked process ---------------------------------------------------------------------------------

    def holds(self) -> bool:
        return self._held.exists()

    def pass_by(self, point: str) -> None:
        if self._point() != point:
            return
        self._asked.rename(self._halted)
        until = time.monotonic() + HALT_S
        while self._halted.exists() and time.monotonic() < until:
            time.sleep(0.01)

    def _point(self) -> str:
        try:
            return self._asked.read_text()
        except FileNotFoundError:
            return ""


def build_in(rig: Rig) -> tuple[Brake, Brake]:
    """Have supervisord start processes with a brake; before the instance is started. Returns http's and sender's."""
    path = rig.root / "etc/supervisord.conf"
    text = path.read_text()
    for program in ("http", "sender"):
        text = text.replace(f"-m daemon.{program} ", f"-m tests.crash.braked {program} ")
    path.write_text(text)
    return Brake(rig.data, "http"), Brake(rig.data, "sender")


def in_the_sender(brake: Brake) -> None:
    claim, submit, confirm = claiming.claim, moves.submit, moves.confirm
    confirming = False

    def claim_with_brake(*arguments: Any, **terms: Any) -> Any:
        if brake.holds():
            return []
        brake.pass_by("before_claim")
        return claim(*arguments, **terms)

    def submit_with_brake(*arguments: Any, **terms: Any) -> None:
        brake.pass_by("composed")
        submit(*arguments, **terms)
        brake.pass_by("before_click")

    def confirm_with_brake(*arguments: Any, **terms: Any) -> None:
        nonlocal confirming
        brake.pass_by("after_tick")
        confirming = True
        try:
            confirm(*arguments, **terms)
        finally:
            confirming = False

    def pass_by(point: str) -> None:
        if confirming and point == "before_commit":
            brake.pass_by("confirming")

    claiming.claim, moves.submit, moves.confirm = claim_with_brake, submit_with_brake, confirm_with_brake
    on_commits(pass_by, lambda: None)


def in_http(brake: Brake) -> None:
    check = creating.check  # the first thing that any order comes to

    def check_with_brake(*arguments: Any, **terms: Any) -> Any:
        brake.pass_by("request_begun")
        return check(*arguments, **terms)

    creating.check = check_with_brake
    on_commits(brake.pass_by, lambda: None)


def main(program: str) -> int:
    brake = Brake(config.load().data_dir, program)
    if program == "http":
        in_http(brake)
        return http.main()
    in_the_sender(brake)
    return sender.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
