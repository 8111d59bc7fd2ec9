"""`wasender audit`: who has done what, and whether the log of it is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli import saving
from daemon.cli.client import SLOW_S
from daemon.cli.exits import Exit, Failure, usage
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.paging import Limit, everything
from daemon.cli.people import To
from daemon.cli.target import bare, command, target
from daemon.cli.words import instant, moment

SHOWN = 50  #: where no limit is given
Who = Annotated[str, typer.Option("--who", metavar="NAME", help="Only what this user or key (key:NAME) has done.")]
Action = Annotated[str, typer.Option("--action", metavar="ACTION", help="Only this, such as jobs.pause.")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Only from then on, such as 2030-12-01.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Only before.")]

audit = typer.Typer(cls=Group, help="Who has done what, and from where.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    bare(audit, list_entries)
    app.add_typer(audit, name="audit", rich_help_panel="Users")


@command(audit, "list")
def list_entries(
    who: Who = "", action: Action = "", since: Since = "", until: Until = "", limit: Limit = SHOWN
) -> None:
    """List what was done, newest first.

    Example: wasender audit list

    Example: wasender audit list --who Anna --since 2030-12-01 --limit 0 --json
    """
    found = everything(target.client(), "/audit", "entries", _wanted(who, action, since, until), limit)
    rows = [
        (instant(each["at"]), each["who"], each["action"], " ".join(filter(None, (each["kind"], each["target"]))),
         each["address"], " ".join(filter(None, (each["result"], each["code"]))))
        for each in found
    ]  # fmt: skip
    titles = ("When", "Who", "What", "To what", "From where", "Result")
    output.table(titles, rows, {"entries": found}, "There is no such entry.")


@command(audit)
def export(
    who: Who = "",
    action: Action = "",
    since: Since = "",
    until: Until = "",
    csv: Annotated[bool, typer.Option("--csv", help="As CSV; else as JSON, one entry on each line.")] = False,
    to: To = None,
) -> None:
    """Save entries, newest first. That they were handed out is an entry, too.

    Example: wasender audit export --since 2030-12-01 -o audit.jsonl

    Example: wasender audit export --csv -o audit.csv
    """
    if to is None and output.as_json:
        raise usage("With --json, name the file with -o.")
    path = "/audit/export.csv" if csv else "/audit/export.jsonl"
    parts = target.client().download(path, _wanted(who, action, since, until))
    if to is None:
        saving.to_terminal(parts)
        return
    size = saving.to_file(parts, to)
    output.tell(f"{to} is saved ({size:,} bytes).", {"path": str(Path(to).absolute()), "bytes": size})


@command(audit)
def verify(
    known: Annotated[
        str, typer.Option("--known", metavar="ID:DIGEST", help="An entry noted earlier, which has to be there.")
    ] = "",
) -> None:
    """Check that all entries are as they were written, and that none is missing.

    The exit code is 7 where they are not. It prints the newest one as ID:DIGEST: noted elsewhere, it shows later
    whether entries at the end were taken away.

    Example: wasender audit verify
    """
    found: dict[str, Any] = target.client().call("GET", "/audit/check", query={"known": known}, patience=SLOW_S)
    if not found["sound"]:
        why = (
            f"Entry {found['broken']} of the audit log is not as it was written, or missing: keep a copy of the "
            "database and of secret_key, and find out who had access to them."
        )
        raise Failure("audit_broken", why, Exit.NOT_DONE, found)
    output.tell(f"{found['count']:,} entries are as they were written. {found['last']}:{found['digest']}", found)


def _wanted(who: str, action: str, since: str, until: str) -> dict[str, str]:
    return {"who": who, "action": action, "since": moment(since), "until": moment(until)}
