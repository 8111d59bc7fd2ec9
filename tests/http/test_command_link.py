"""`wasender link` against the API: what it draws, for how long it waits, and whose code it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import Result

from daemon.accounts import commands, directory
from daemon.cli import accounts
from daemon.cli.exits import Exit
from daemon.db import clock, connection
from daemon.formats import qr as qr_code
from daemon.models import Account
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health
from tests.http.conftest import KEY
from tests.support.commanding import invoke

FIRST, SECOND, CODE, OURS = "2@payload", "2@another", "ABCD1234", "+4930231250"
Link = Callable[..., Any]


def report(qr: str | None = None, code: str | None = None, state: AccountState = AccountState.NEEDS_LINK) -> None:
    """What its sender sees."""
    directory.report("default", Health(state, qr=qr, link_code=code), clock.now_ms())


@pytest.fixture
def link(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Link:
    """Runs the command. moments: what happens while it waits, one after the other; then it fails.

    step: how many seconds pass with each.
    """
    file = tmp_path / "key"
    file.write_text(KEY)
    url = f"http://127.0.0.1:{client.port}"
    directory.open_account("default", clock.now_ms())

    async def run(*words: object, moments: tuple[Callable[[], object], ...] = (), step: float = 1) -> Result:
        left = list(moments)

        passed = [0.0]

        def wait(_: float) -> None:
            passed[0] += step
            try:
                left.pop(0)()
            finally:
                connection.close()  # of the command's thread

        monkeypatch.setattr(accounts, "time", SimpleNamespace(sleep=wait, monotonic=lambda: passed[0]))
        with capture_logs():  # of the server, which writes where the command does
            done = await asyncio.to_thread(invoke, "link", *words, "--url", url, "--key-file", file, color=True)
        assert [] == left
        return done

    return run


async def test_the_code_is_drawn(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe as it is; in a terminal dark on light, whatever its colours, and how to go on."""
    report(FIRST)
    piped = await link("--no-wait")
    told = await link("--no-wait", "--json")
    monkeypatch.setattr(accounts, "sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    drawn = await link("--no-wait")

    lines = qr_code.characters(FIRST).splitlines()
    assert lines == piped.stdout.splitlines()
    assert {"account": "default", "qr": qr_code.characters(FIRST)} == json.loads(told.stdout)
    assert [f"{accounts.DARK_ON_LIGHT}{line}{accounts.PLAIN}" for line in lines] == drawn.stdout.splitlines()
    assert "Linked devices" in drawn.stderr
    assert FIRST not in piped.output + drawn.output


async def test_it_waits_until_the_phone_is_linked(link: Link) -> None:
    """Nothing to show at first; a code once, the next one when it changes; then that it is linked."""
    report(None)
    moments = [
        lambda: report(FIRST), lambda: report(FIRST), lambda: report(SECOND),
        lambda: report(state=AccountState.READY),
    ]  # fmt: skip
    done = await link(moments=tuple(moments))

    drawn = [*qr_code.characters(FIRST).splitlines(), *qr_code.characters(SECOND).splitlines()]
    assert (0, [*drawn, "default is linked."]) == (done.exit_code, done.stdout.splitlines())
    again = await link()
    assert "default is linked.\n" == again.stdout


async def test_a_code_for_a_number(link: Link) -> None:
    """It is asked for; an earlier one of another phone is not shown."""
    report(None, "OLDCODE1")
    Account.update(link_number="+4915112345678").execute()

    def theirs() -> None:
        command = commands.take("default", True, clock.now_ms())
        assert command is not None and OURS == command.number

    def shown() -> None:
        Account.update(link_number=OURS).execute()
        report(None, CODE)

    done = await link("default", "--number", OURS, moments=(theirs, shown, lambda: report(state=AccountState.READY)))
    assert "Enter this code on the phone: ABCD-1234\ndefault is linked.\n" == done.stdout


async def test_there_is_nobody_to_link(link: Link) -> None:
    """Neither a sender that runs, nor such an account; and Ctrl-C ends the waiting only."""
    report(FIRST)

    def ctrl_c() -> None:
        raise KeyboardInterrupt

    interrupted = await link(moments=(ctrl_c,))
    Account.update(seen_at=1).execute()
    silent, nobody = await link("--json"), await link("nobody", "--json")

    assert 130 == interrupted.exit_code and "`wasender link default` goes on" in interrupted.stderr
    assert (Exit.NOT_DONE, "no_sender") == (silent.exit_code, json.loads(silent.stderr)["error"]["code"])
    assert Exit.NOT_FOUND == nobody.exit_code


@pytest.mark.parametrize("words", [(), ("--no-wait",), ("--number", OURS)])
async def test_a_banned_account_is_not_waited_for(words: tuple[str, ...], link: Link) -> None:
    """Whether it is at first, or meanwhile; what WhatsApp says is told."""
    directory.report(
        "default", Health(AccountState.BANNED, Hold.TEMPORARY_BAN, detail="Banned for spam."), clock.now_ms()
    )
    done = await link(*words)
    report()
    later = await link(*words, moments=(lambda: report(state=AccountState.BANNED),))
    assert Exit.NOT_DONE == done.exit_code == later.exit_code
    assert "default cannot be linked (banned: Banned for spam.)" in done.stderr


async def test_an_account_without_a_phone(link: Link) -> None:
    """The Cloud API has no code to show."""
    Account.update(transport="cloud").execute()
    report(state=AccountState.OFFLINE)
    done = await link("--no-wait")
    assert Exit.NOT_DONE == done.exit_code and "wasender accounts cloud default" in done.stderr


@pytest.mark.parametrize(("words", "step"), [(("--no-wait",), 61), ((), 601)])
async def test_no_code_is_not_waited_for_for_ever(words: tuple[str, ...], step: float, link: Link) -> None:
    """It is said what the account waits for, and how it was when that was given up. A code begins the wait anew."""

    def offline() -> None:
        report(state=AccountState.OFFLINE)

    offline()
    done = await link(*words, moments=(offline,) * 3, step=step)
    told = await link(*words, "--json", moments=(offline,) * 3, step=step)
    assert Exit.NOT_DONE == done.exit_code
    assert ["default is offline.", "wasender: There is no code to link default by (offline): try again later."] \
        == done.stderr.splitlines()  # fmt: skip
    error = json.loads(told.stderr)["error"]
    assert ("no_code", "offline") == (error["code"], error["state"])


async def test_a_code_may_be_looked_at_for_long(link: Link) -> None:
    """The wait is for a code; how long somebody takes to find the phone is theirs."""
    report(FIRST)
    moments = [lambda: report(FIRST)] * 3 + [lambda: report(state=AccountState.READY)]
    assert 0 == (await link(moments=tuple(moments), step=1_000)).exit_code
