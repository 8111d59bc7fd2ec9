"""What is known of one person: handed out, or erased."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from daemon.cli import saving
from daemon.cli.exits import usage
from daemon.cli.output import output
from daemon.cli.people import PANEL, ANumber, To
from daemon.cli.target import command, target


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    for work in (export, erase):
        command(app, rich_help_panel=PANEL)(work)


def export(number: ANumber, to: To = None) -> None:
    """Write all that is known of one person as JSON: messages, replies, lists, files, suppression.

    Example: wasender export +4930231250 -o person.json
    """
    known = target.client().get("/people/export", {"number": number})
    text = json.dumps(known, ensure_ascii=False, indent=2) + "\n"
    if to is None:
        output.tell(text.rstrip("\n"), known)
        return
    saving.to_file([text.encode()], to)
    output.tell(f"{to} is written.", {"file": str(to)})


def erase(
    number: ANumber,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: it cannot be undone.")] = False,
) -> None:
    """Remove one person everywhere, and never message them again.

    Of their messages stays that there was one, when and with which outcome; of their number a keyed digest.

    Example: wasender erase +4930231250 --yes
    """
    if not yes:
        raise usage("This cannot be undone: add --yes to do it.")
    done = target.client().once("/people/erase", {"number": number})
    lines = [f"Erased: {done['messages']:,} messages, {done['rows']:,} rows."]
    lines += [f"{each} may still have them: delete it when you can." for each in done["copies"]]
    output.tell("\n".join(lines), done)
