"""Who agreed to be messaged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.exits import Failure, usage
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.paging import everything
from daemon.cli.people import PANEL, AList, ANumber
from daemon.cli.sending import named
from daemon.cli.target import command, target
from daemon.cli.words import instant
from daemon.states import ConsentHow

Given = Annotated[
    str, typer.Option("--given", metavar="WHEN", help="The day, 2026-03-04, or a time, 2026-03-04T10:30Z.")
]
How = Annotated[ConsentHow, typer.Option("--how", help="How it was said.", show_default=False)]
Words = Annotated[str, typer.Option("--words", metavar="TEXT", help="The same in your own words, such as which form.")]
TextFile = Annotated[
    Path | None, typer.Option("--text-file", metavar="FILE", help="The text that was agreed to, in UTF-8.")
]

consent = typer.Typer(cls=Group, help="People who agreed to be messaged.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    app.add_typer(consent, name="consent", rich_help_panel=PANEL)


@command(consent)
def show(number: ANumber) -> None:
    """Show what is known of one person's consent.

    Example: wasender consent show +4930231250
    """
    _tell(target.client().get("/people/consent", {"number": number}))


@command(consent)
def record(number: ANumber, how: How, given: Given, words: Words = "", text_file: TextFile = None) -> None:
    """Record that somebody agreed: when, how and to which text. What was recorded before is kept.

    Example: wasender consent record +4930231250 --how form --given 2026-03-04 --words "Newsletter form"
    """
    when = {"given_on": given} if len(given) == len("2026-03-04") else {"given_at": given}
    body = {"number": number, "how": how.value, "words": words, "text": _text(text_file), **when}
    _tell(target.client().call("PUT", "/people/consent", body))


@command(consent)
def withdraw(number: ANumber, how: How, words: Words = "") -> None:
    """Record that somebody wants no messages any more: they get none from now on.

    Example: wasender consent withdraw +4930231250 --how spoken --words "called us"
    """
    body = {"number": number, "how": how.value, "words": words}
    _tell(target.client().call("POST", "/people/consent/withdraw", body))


@command(consent, "list")
def of_list(
    name: AList,
    date_column: Annotated[
        str, typer.Option("--date-column", metavar="TITLE", help="The column that says when; found by its title.")
    ] = "",
    how_column: Annotated[str, typer.Option("--how-column", metavar="TITLE", help="The one that says how.")] = "",
    text_column: Annotated[str, typer.Option("--text-column", metavar="TITLE", help="The one with the text.")] = "",
    how: Annotated[ConsentHow, typer.Option("--how", help="How it was said.")] = ConsentHow.IMPORTED,
    words: Words = "",
    text_file: TextFile = None,
    order: Annotated[
        str, typer.Option("--order", metavar="dmy|mdy", help="What comes first in 03/04/2026: the day or the month.")
    ] = "",
) -> None:
    """Record the consents that a list's columns say, for all people on it who have a date.

    The exit code is 1 where dates could not be read: each is named.

    Example: wasender consent list Guests

    Example: wasender consent list Guests --date-column opt_in_date --how form --order dmy
    """
    if (how_column or text_column) and not date_column:
        raise usage("Name the column that says when, with --date-column, too.")
    client = target.client()
    found = named(everything(client, "/lists", "lists", {}, 0), name, "list", "wasender lists list")
    body: dict[str, Any] = {"how": how.value, "words": words, "text": _text(text_file), "order": order}
    if date_column:
        body |= {"date_column": date_column, "how_column": how_column, "text_column": text_column}
    done = client.once(f"/lists/{found['id']}/consent", body)
    lines = [
        f"{done['recorded']:,} recorded, {done['present']:,} were known, {done['undated']:,} have no date, "
        f"{done['withdrawn']:,} withdrew since or were erased"
    ]
    lines += [f"{each['number']}: {each['value']} is no date" for each in done["unreadable"]]
    output.tell("\n".join(lines), done)
    if done["unreadable_total"]:
        raise Failure("dates_unreadable", f"{done['unreadable_total']:,} dates cannot be read: look at them by hand.")


def _text(file: Path | None) -> str:
    try:
        return "" if file is None else file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{file} cannot be read ({error}): name a text file in UTF-8.") from None


def _tell(found: dict[str, Any]) -> None:
    """The newest thing that was recorded, and whether they get anything."""
    number = found["number"]
    lines = [f"No consent of {number} is recorded."] if not found["consents"] else []
    for row in found["consents"][:1]:
        if row["given_at"] is not None:
            when = instant(row["given_at"])
            lines.append(f"{number} agreed on {when[:10] if row['day_only'] else when} ({_how(row, '')}).")
            lines.append(f"Recorded by {row['recorded_by']}, {instant(row['recorded_at'])}.")
            lines += [f"Text: {row['text']}"] if row["text"] else []
        if row["withdrawn_at"] is not None:
            lines.append(f"{number} withdrew on {instant(row['withdrawn_at'])} ({_how(row, 'withdrawn_')}).")
    if entry := found["suppression"]:
        lines.append(f"On the suppression list since {instant(entry['created_at'])}: {entry['reason']}.")
    elif found["suppressed"]:
        lines.append("On the suppression list: their data was erased.")
    output.tell("\n".join(lines), found)


def _how(row: dict[str, Any], prefix: str) -> str:
    return ": ".join(filter(None, (row[f"{prefix}how"], row[f"{prefix}words"])))
