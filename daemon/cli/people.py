"""People kept for reuse, people who must not be messaged, and texts kept for reuse."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli import saving
from daemon.cli.client import Client
from daemon.cli.exits import Failure, usage
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.paging import Limit, everything
from daemon.cli.sending import named, texts_of_rejected
from daemon.cli.target import bare, command, target
from daemon.cli.words import instant, of_people

PANEL = "Accounts and people"
SHOWN = 100  #: of a list, where no limit is given
Search = Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those with this text.")]
ANumber = Annotated[
    str, typer.Argument(metavar="NUMBER", help="The telephone number, in any notation.", show_default=False)
]
PhoneColumn = Annotated[str, typer.Option("--phone-column", metavar="TITLE", help="The file's column of numbers.")]
Encoding = Annotated[str, typer.Option("--encoding", metavar="NAME", help="The file's encoding, such as cp1252.")]
AFile = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX, TXT or vCard.", show_default=False)]
To = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; without it, to the terminal.")
]
AList = Annotated[str, typer.Argument(metavar="LIST", help="The list's name or id.", show_default=False)]
ATemplate = Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its name or id.", show_default=False)]

suppress = typer.Typer(cls=Group, help="People who must not be messaged.")
lists = typer.Typer(cls=Group, help="People kept for reuse.")
templates = typer.Typer(cls=Group, help="Texts kept for reuse.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    shown = ((suppress, "suppress", list_suppressed), (lists, "lists", list_lists))
    for group, name, listing in (*shown, (templates, "templates", list_templates)):
        bare(group, listing)
        app.add_typer(group, name=name, rich_help_panel=PANEL)


@command(suppress)
def add(
    number: ANumber,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever asks later.")] = "",
) -> None:
    """Never message this person again, in whichever notation of their number.

    Example: wasender suppress add +4930231250 --reason "called us"
    """
    body = {"number": number} | ({"reason": reason} if reason else {})
    entry = target.client().once("/suppressions", body)
    output.tell(f"{entry['number']} gets no messages: {entry['reason']}.", entry)


@command(suppress, "list")
def list_suppressed(search: Search = "", limit: Limit = SHOWN) -> None:
    """List who must not be messaged, newest first.

    Example: wasender suppress list

    Example: wasender suppress list --search +4930 --limit 0 --json
    """
    found = everything(target.client(), "/suppressions", "suppressions", {"search": search}, limit)
    rows = [(each["number"], instant(each["created_at"]), each["source"], each["reason"]) for each in found]
    output.table(("Number", "Since", "By", "Reason"), rows, {"suppressions": found}, "Nobody is on the list.")


@command(suppress)
def remove(
    number: ANumber,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, which is kept.")] = "",
) -> None:
    """Take somebody off the list: they may be messaged again. Who did it, and why, is kept.

    Example: wasender suppress remove +4930231250 --reason "wants news again"
    """
    done = target.client().call("DELETE", "/suppressions", {"number": number, "reason": reason})
    output.tell(f"{number} may be messaged again.", done)


@command(suppress, "import")
def import_suppressed(
    file: AFile,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, the same for all.")] = "",
    phone_column: PhoneColumn = "",
    encoding: Encoding = "",
) -> None:
    """Put all numbers of a file on the list.

    The exit code is 1 where rows of it could not be used: each is named.

    Example: wasender suppress import opted-out.csv --reason "asked by e-mail"
    """
    given = {"reason": reason, "phone_column": phone_column, "encoding": encoding}
    done = target.client().upload("/suppressions/import", file, {name: each for name, each in given.items() if each})
    lines = [f"{done['added']:,} added, {done['present']:,} were there, {done['duplicates']:,} came twice"]
    output.tell("\n".join([*lines, *texts_of_rejected(done["rejected"])]), done)
    if done["rejected"]:
        raise Failure(
            "rows_unusable",
            "1 row has no number that could be read: look at it by hand."
            if len(done["rejected"]) == 1
            else f"{len(done['rejected']):,} rows have no number that could be read: look at them by hand.",
        )


@command(suppress)
def export(to: To = None) -> None:
    """Save the whole list as CSV, which can be imported again.

    Example: wasender suppress export -o suppressed.csv
    """
    _save("/suppressions/export.csv", to)


@command(lists, "list")
def list_lists() -> None:
    """List the lists, by name.

    Example: wasender lists list
    """
    found = everything(target.client(), "/lists", "lists", {}, 0)
    rows = [(each["id"], each["name"], f"{each['people']:,}", ", ".join(each["columns"])) for each in found]
    output.table(("List", "Name", "People", "Fields"), rows, {"lists": found}, "There is no list.")


@command(lists, "show")
def show_list(name: AList, search: Search = "", limit: Limit = SHOWN) -> None:
    """Show the people on a list.

    Example: wasender lists show Guests

    Example: wasender lists show Guests --search Berlin --limit 0 --json
    """
    client = target.client()
    found = _list(client, name)
    people = everything(client, f"/lists/{found['id']}/entries", "entries", {"search": search}, limit)
    rows = [(each["number"], *(each["fields"].get(title, "") for title in found["columns"])) for each in people]
    output.table(("Number", *found["columns"]), rows, found | {"entries": people}, "Nobody is on it.")


@command(lists)
def make(name: AList, file: AFile, phone_column: PhoneColumn = "", encoding: Encoding = "") -> None:
    """Make a list of the people in a file.

    Example: wasender lists make Guests contacts.csv
    """
    client = target.client()
    body = {"name": name, "upload_id": _uploaded(client, file, phone_column, encoding)}
    made = client.once("/lists", body)
    text = f"List {made['id']} ({made['name']}): {of_people(made['people'])}"
    output.tell("\n".join([text, *texts_of_rejected(made["rejected"])]), made)


@command(lists, "add")
def add_to_list(name: AList, file: AFile, phone_column: PhoneColumn = "", encoding: Encoding = "") -> None:
    """Add the people of a file to a list. Those already on it get the fields that are new or different.

    Example: wasender lists add Guests contacts.csv
    """
    client = target.client()
    found = _list(client, name)
    body = {"upload_id": _uploaded(client, file, phone_column, encoding)}
    done = client.once(f"/lists/{found['id']}/entries", body)
    text = f"{done['added']:,} added, {done['already_there']:,} were there, {done['updated']:,} of them with new fields"
    output.tell("\n".join([text, *texts_of_rejected(done["rejected"])]), done)


@command(lists, "export")
def export_list(name: AList, to: To = None) -> None:
    """Save a list as CSV, which can be imported again.

    Example: wasender lists export Guests -o guests.csv
    """
    client = target.client()
    _save(f"/lists/{_list(client, name)['id']}/export.csv", to, client)


@command(lists)
def delete(name: AList) -> None:
    """Delete a list. Jobs keep their recipients.

    Example: wasender lists delete Guests
    """
    client = target.client()
    found = _list(client, name)
    done = client.call("DELETE", f"/lists/{found['id']}")
    output.tell(f"The list {found['name']} is deleted.", done)


@command(templates, "list")
def list_templates() -> None:
    """List the templates, by name.

    Example: wasender templates list
    """
    found = everything(target.client(), "/templates", "templates", {}, 0)
    rows = [(each["id"], each["name"], each["text"].partition("\n")[0][:60]) for each in found]
    output.table(("Template", "Name", "Text"), rows, {"templates": found}, "There is no template.")


@command(templates, "show")
def show_template(name: ATemplate) -> None:
    """Show a template's text.

    Example: wasender templates show "Spring sale"
    """
    found = _template(target.client(), name)
    output.tell(found["text"], found)


@command(templates)
def save(name: ATemplate, file: AFile) -> None:
    """Keep the text of a file (in UTF-8; - for the input) as a template; one of that name is replaced.

    Example: wasender templates save "Spring sale" text.txt
    """
    client = target.client()
    try:
        text = (sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")).rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{file} cannot be read ({error}): name a text file in UTF-8.") from None
    every = everything(client, "/templates", "templates", {}, 0)
    there = next((each for each in every if each["name"] == name), None)
    if there:
        body = {"name": name, "text": text, "attachments": there["attachments"], "version": there["version"]}
        kept = client.call("PUT", f"/templates/{there['id']}", body)
    else:
        kept = client.once("/templates", {"name": name, "text": text})
    output.tell(f"Template {kept['id']} ({kept['name']}) is saved.", kept)


@command(templates, "delete")
def delete_template(name: ATemplate) -> None:
    """Delete a template.

    Example: wasender templates delete "Spring sale"
    """
    client = target.client()
    found = _template(client, name)
    done = client.call("DELETE", f"/templates/{found['id']}")
    output.tell(f"The template {found['name']} is deleted.", done)


def _list(client: Client, name: str) -> dict[str, Any]:
    return named(everything(client, "/lists", "lists", {}, 0), name, "list", "wasender lists list")


def _template(client: Client, name: str) -> dict[str, Any]:
    every = everything(client, "/templates", "templates", {}, 0)
    return named(every, name, "template", "wasender templates list")


def _uploaded(client: Client, file: Path, phone_column: str, encoding: str) -> str:
    given = {"phone_column": phone_column, "encoding": encoding}
    upload = client.upload("/upload", file, {name: each for name, each in given.items() if each})
    return str(upload["upload_id"])


def _save(path: str, to: Path | None, client: Client | None = None) -> None:
    if to is None and output.as_json:
        raise usage("With --json, name the file with -o: the list itself is CSV.")
    parts = (client or target.client()).download(path)
    if to is None:
        saving.to_terminal(parts)
        return
    size = saving.to_file(parts, to)
    output.tell(f"{to} is saved ({size:,} bytes).", {"path": str(to.absolute()), "bytes": size})
