"""`wasender selectors`: the file that says what is looked for on WhatsApp's page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import settings
from daemon.cli.flags import Command, Group
from daemon.cli.output import Json, output
from daemon.cli.settings import Data

if TYPE_CHECKING:
    from daemon.transports.browser.installing import Version

app = typer.Typer(cls=Group, no_args_is_help=True, help="What is looked for on WhatsApp's page (selectors.toml).")

File = Annotated[Path, typer.Argument(metavar="FILE", help="A selectors.toml.", show_default=False)]
NOTE = "CSS that the browser does not understand is found when the page is loaded; the built-in file is used then."


@app.command(cls=Command)
def check(file: File, json: Json = False) -> None:
    """Check a file without installing it.

    It has to have every part that this version looks for, each of the right kind.

    Example: wasender selectors check selectors.toml
    """
    from daemon.transports.browser import installing

    settings.hush()
    found, ours = installing.check(file), installing.built_in()
    newer = found.date > ours.date
    use = "newer than" if newer else "not newer than"
    text = f"{file} is sound. Its date, {found.date}, is {use} that of the built-in one, {ours.date}."
    if not newer:
        text += " It would not be used."
    output.tell(f"{text}\n{NOTE}" if newer else text, {"sound": True, "newer": newer, **_told(found)})


@app.command(cls=Command)
def install(
    file: File,
    data: Data = None,
    older: Annotated[bool, typer.Option("--older", help="Also in place of an installed one that is newer.")] = False,
    json: Json = False,
) -> None:
    """Check a file and put it into the data folder.

    It is used from the next time WhatsApp's page is loaded: reload it on the page of the accounts to use it at once.
    Nothing is changed when the file is not sound, or not newer than the built-in one.

    Example: wasender selectors install selectors.toml

    Example: sudo wasender selectors install selectors.toml --data /var/lib/wasender
    """
    from daemon.db import clock
    from daemon.files import data_folder
    from daemon.ops import audit_upkeep
    from daemon.transports.browser import installing

    found = settings.load(data)
    data_folder.prepare(found.data_dir)
    with audit_upkeep.noted(found, "selectors.install", clock.now_ms(), file.name):
        now = installing.install(file, found.data_dir, older=older)
    output.tell(
        f"{now.place} is installed ({now.used.date}). It is used from the next time WhatsApp's page is loaded: reload "
        f"it on the page of the accounts to use it at once.\n{NOTE}",
        {"installed": True, "path": str(now.place), **_told(now.used)},
    )


@app.command(cls=Command)
def show(data: Data = None, json: Json = False) -> None:
    """Show which file is used, and why one in the data folder is not.

    Example: wasender selectors show

    Example: wasender selectors show --json
    """
    from daemon.transports.browser import installing

    now = installing.standing(settings.load(data).data_dir)
    whose = f"{now.place} is used" if now.used.own else "The built-in file is used"
    lines = [f"{whose} ({now.used.date})."]
    if now.refused:
        lines.append(f"{now.place} is not: {now.refused}")
    if now.outdated:
        lines.append(f"{now.place} is not: its date, {now.outdated}, is not newer. It can be deleted.")
    outdated = now.outdated.isoformat() if now.outdated else None
    told = {**_told(now.used), "path": str(now.place), "refused": now.refused, "outdated": outdated}
    output.tell("\n".join(lines), told)


def _told(found: Version) -> dict[str, Any]:
    return {"date": found.date.isoformat(), "own": found.own}
