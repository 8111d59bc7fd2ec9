"""Jobs: which there are, how one is doing, and what can be done to it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli import following, saving
from daemon.cli.client import segment
from daemon.cli.exits import usage
from daemon.cli.output import output
from daemon.cli.paging import Limit, everything
from daemon.cli.target import command, target
from daemon.cli.words import counts, moment, state_of

Id = Annotated[int, typer.Argument(metavar="ID", min=0, help="The job's id.", show_default=False)]
Account = Annotated[str, typer.Option("--account", metavar="NAME", help="Only those of this account.")]
Since = Annotated[
    str, typer.Option("--since", metavar="TIME", help="Only those made from then on, such as 2030-01-31.")
]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Only those made before.")]


class JobState(StrEnum):
    """The states of a job."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETED = "completed"


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    for work in (jobs, status, pause, resume, stop, retry, report):
        command(app, rich_help_panel="Campaigns")(work)


def jobs(
    state: Annotated[JobState | None, typer.Option("--state", help="Only those in this state.")] = None,
    account: Account = "",
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those with this in their name.")] = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
) -> None:
    """List jobs, newest first.

    Example: wasender jobs

    Example: wasender jobs --state running --account default

    Example: wasender jobs --since 2030-01-01 --limit 100 --json
    """
    query = {"state": state, "account": account, "search": search, "since": moment(since), "until": moment(until)}
    found = everything(target.client(), "/jobs", "jobs", query, limit)
    rows = [(each["job_id"], state_of(each), each["name"], f"{each['total']:,}", counts(each)) for each in found]
    output.table(("Job", "Status", "Name", "People", "So far"), rows, {"jobs": found}, "There are no such jobs.")


def status(
    job_id: Id,
    watch: Annotated[bool, typer.Option("--watch", help="Show each change until the job is over.")] = False,
) -> None:
    """Show how a job is doing.

    With --watch the exit code says how it ended: 0 completed with everybody reached, or skipped by a rule, 7 otherwise.
    Ctrl-C ends the watching; the job goes on.

    Example: wasender status 1

    Example: wasender status 1 --watch
    """
    client = target.client()
    if watch:
        following.watch(client, job_id)
        return
    job = client.get(f"/jobs/{job_id}")
    output.tell(following.described(job), job)


def pause(job_id: Id) -> None:
    """Pause a job. The message being sent is finished first.

    Example: wasender pause 1
    """
    _changed(job_id, "pause")


def resume(job_id: Id) -> None:
    """Resume a paused job.

    Example: wasender resume 1
    """
    _changed(job_id, "resume")


def stop(job_id: Id) -> None:
    """Stop a job permanently. Messages that are still queued are cancelled.

    Example: wasender stop 1
    """
    _changed(job_id, "stop")


def retry(
    job_id: Id,
    code: Annotated[str, typer.Option("--code", metavar="CODE", help="Only those that failed for this reason.")] = "",
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those with this text.")] = "",
) -> None:
    """Queue a job's failed messages again.

    Example: wasender retry 1

    Example: wasender retry 1 --code not_on_whatsapp
    """
    _changed(job_id, "retry", {"code": code, "search": search})


def _changed(job_id: int, what: str, query: dict[str, Any] | None = None) -> None:
    job = target.client().once(f"/{what}/{job_id}", None, query=query)
    output.tell(f"{job['message']}\n{following.described(job)}", job)


def report(
    job_id: Id,
    to: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to: .csv or .xlsx; - or nothing: CSV to the terminal."
        ),
    ] = None,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="Only those in this state.")] = "",
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those with this text.")] = "",
    code: Annotated[str, typer.Option("--code", metavar="CODE", help="Only those that failed for this reason.")] = "",
    zone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="Times in this zone, such as Europe/Berlin.")
    ] = "",
) -> None:
    """Save a job's report: each recipient with the outcome and the reply.

    With --json the file is needed, and the answer says where it is.

    Example: wasender report 1 -o report.csv

    Example: wasender report 1 -o failed.xlsx --state failed --zone Europe/Berlin
    """
    plain = to is None or str(to) == "-"
    if plain and output.as_json:
        raise usage("With --json, name the file with -o: the report itself is not JSON.")
    kind = "csv" if plain or to is None else to.suffix.lower().removeprefix(".")
    if kind not in ("csv", "xlsx"):
        raise usage("Name a file that ends in .csv or .xlsx.")
    query = {"state": state, "search": search, "code": code, "zone": zone}
    parts = target.client().download(f"/jobs/{segment(job_id)}/report.{kind}", query)
    if plain or to is None:
        saving.to_terminal(parts)
        return
    size = saving.to_file(parts, to)
    output.tell(f"{to} is saved ({size:,} bytes).", {"path": str(to.absolute()), "bytes": size})
