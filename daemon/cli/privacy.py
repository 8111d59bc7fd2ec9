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
from daemon.cli.words import instant

MANY = 10_000  # up to so many are counted


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    for work in (export, erase, retention):
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


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed now.")] = False,
) -> None:
    """Show what is kept how long, and what was removed last.

    With 0 days something is kept for ever. What is too old is removed every hour; this command removes nothing.

    Example: wasender retention --dry-run
    """
    kinds = target.client().get("/retention")["kinds"]
    if dry_run:
        due = [
            (each["kind"], each["setting"], each["days"], _many(each["due"]), each["due_messages"])
            for each in kinds
            if each["due"]
        ]
        told = {"kinds": [each for each in kinds if each["due"]]}
        due_titles = ("What", "Setting", "Days", "Campaigns or rows", "Messages")
        output.table(due_titles, due, told, "Nothing is old enough to be removed now.")
        return
    titles = ("What", "Setting", "Days", "There", "Removed last", "How much", "In all")
    rows = [
        (
            each["kind"],
            each["setting"],
            each["days"] or "for ever",
            _many(each["there"]),
            instant(each["removed_at"]),
            f"{each['removed']:,}",
            f"{each['total']:,}",
        )
        for each in kinds
    ]
    output.table(titles, rows, {"kinds": kinds}, "")


def _many(count: int) -> str:
    return f"{count:,}" if count < MANY else f"{MANY:,} or more"
