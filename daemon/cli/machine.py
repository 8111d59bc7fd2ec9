"""Commands about this machine: starting wasender, and checking what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import packaged, saving, settings
from daemon.cli.exits import Exit, Failure, usage
from daemon.cli.flags import Command
from daemon.cli.output import Json, output
from daemon.cli.settings import Data
from daemon.cli.target import Target

if TYPE_CHECKING:
    from daemon.ops.findings import Finding

PANEL = "This machine"
SIGNS = {"good": "ok", "odd": "look", "bad": "BAD", "unknown": "?"}
PAGE_S = 60  #: for an account's sender to look at WhatsApp's page
LOOK_S = 1.0
NOT_LOOKED = "WhatsApp's page was not looked at"
AGAIN = "Start wasender, and run this again."


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    for work in (start, check, doctor):
        app.command(cls=Command, rich_help_panel=PANEL)(work)


def start(
    demo: Annotated[bool, typer.Option("--demo", help="A stand-in replaces WhatsApp; a sample is sent to it.")] = False,
    once: Annotated[bool, typer.Option("--once", help="With --demo: print the report and end.")] = False,
    cloud: Annotated[
        bool, typer.Option("--cloud", help="With --demo: over a stand-in for Meta's Cloud API, without a browser.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="In the background.")] = False,
    port: Annotated[int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="The page's port.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Prepare what is missing, and run wasender: the same as scripts/start.

    In the foreground it runs until Ctrl-C. With --json it has to end by itself: with --detach, or --demo --once.
    Installed by pip, it runs in the foreground, in the current folder, and prepares nothing.

    Example: wasender start

    Example: wasender start --demo

    Example: wasender start --detach --port 8090
    """
    script = settings.ROOT / "scripts" / "start"
    if not script.is_file():
        if demo or detach or json:
            why = "Installed by pip, it has no demonstration, and only runs in the foreground: those need a checkout."
            raise Failure("no_script", why, Exit.NOT_SET_UP)
        packaged.run(data, port)
    if json and not (detach or (demo and once)):
        raise usage("With --json, add --detach: in the foreground it does not end by itself.")
    flags = {"--demo": demo, "--once": once, "--cloud": cloud, "-d": detach}
    words = [str(script), *(flag for flag, given in flags.items() if given)]
    words += [] if port is None else ["--port", str(port)]
    words += [] if data is None else ["--data", str(data.absolute())]
    if not json:
        sys.stdout.flush()
        os.execv(script, words)  # noqa: S606  (the script is ours)
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    if done.returncode:
        why = next((each for each in reversed(lines) if each.startswith("wasender: ")), "it ended with an error")
        raise Failure("not_started", why.removeprefix("wasender: "), Exit.NOT_SET_UP)
    said = [each.removeprefix("wasender: ") for each in lines]
    page = next((each.removeprefix("page ") for each in said if each.startswith("page ")), None)
    output.tell("", {"started": True, "page": page, "said": said})


def check(data: Data = None, json: Json = False) -> None:
    """Check the settings, the data folder, the key, the database and its counters, on this machine and without http.

    Nothing is changed, and it may be run at any time. The exit code is 7 where something is bad.

    Example: wasender check

    Example: sudo -u wasender wasender check --data /var/lib/wasender
    """
    found = settings.load(data)
    from daemon.ops import check as checking

    _tell(list(checking.check(found, settings.ROOT / "wasender.env")))


def doctor(
    to: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Also write it there, to send it to somebody who helps."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask WhatsApp's server for the time.")] = False,
    mail: Annotated[bool, typer.Option("--mail", help="Also send a mail, as a test, to all who get notices.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Look at what sending needs: Chrome, driver, sandbox, screen, selectors, WhatsApp's page, disk, clock, zone, port.

    Each says how it is, and how to mend it. WhatsApp's page is looked at by the senders that run. The report has no
    numbers, texts, names or secrets. The exit code is 7 where something is bad.

    Example: wasender doctor

    Example: wasender doctor --report report.json

    Example: wasender doctor --mail
    """
    found = settings.load(data)
    from daemon.ops import doctor as examining

    every = list(examining.examine(found, network=not offline))
    if found.transport == "browser":
        every += _pages(data)
    if mail:
        every.append(examining.mailed(found))
    if to is not None:
        text = examining.report(found, every, datetime.now(UTC).isoformat(timespec="seconds"))
        saving.to_file([text.encode()], to)
        output.note(f"{to} is written: look at it before you send it.")
    _tell(every)


def _pages(data: Path | None) -> list[Finding]:
    """What the senders that run find on WhatsApp's page."""
    import time

    from daemon.cli.client import segment
    from daemon.ops import doctor as examining
    from daemon.ops.findings import unknown

    try:
        client = Target(data=data).client()
        accounts = client.get("/accounts")["accounts"]
    except Failure as failure:
        return [unknown("page", f"{NOT_LOOKED}: {failure}", AGAIN)]
    found = []
    for account in accounts:
        path = f"/accounts/{segment(account['name'])}"
        before, checked = account["page_check_at"], None
        try:
            if account["alive"]:
                client.once(f"{path}/page_check", None)
                until = time.monotonic() + PAGE_S
                while client.get(path)["page_check_at"] == before and time.monotonic() < until:
                    time.sleep(LOOK_S)
            checked = client.get(f"{path}/page_check.json")
        except Failure as failure:
            if failure.exit_code not in (Exit.NOT_FOUND, Exit.REFUSED):
                found.append(unknown(f"page of {account['name']}", f"{NOT_LOOKED}: {failure}", AGAIN))
                if failure.exit_code is Exit.BUSY:
                    continue
                break  # it would be the same with the others
        found.append(examining.page(checked, account["name"]))
    return found


def _tell(found: Iterable[Finding]) -> None:
    every = list(found)
    told: dict[str, Any] = {
        "ok": not any(each.level == "bad" for each in every),
        "found": [
            {"what": each.what, "level": each.level.value, "says": each.says, "mend": each.mend, **dict(each.facts)}
            for each in every
        ],
    }
    lines = []
    for each in every:
        lines.append(f"{SIGNS[each.level]:<5}{each.what}: {each.says}")
        if each.mend and each.level != "good":
            lines.append(f"     {each.mend}")
    output.tell("\n".join(lines), told)
    bad = [each.what for each in every if each.level == "bad"]
    if bad:
        raise Failure("found_bad", f"Not as it should be: {', '.join(bad)}.", Exit.NOT_DONE, {"what": bad})
