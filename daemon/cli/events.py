"""`wasender events`: what happens, as it happens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from daemon.cli.client import Client, Event
from daemon.cli.exits import Exit, Failure, Interrupted, usage
from daemon.cli.output import document, output, printable
from daemon.cli.paging import everything
from daemon.cli.target import command, target
from daemon.cli.words import counts, ended, state_of

Wanted = Mapping[str, Any]  # the query of the stream
AGAIN_S = 2.0  #: after the stream has ended, before it is opened again


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    command(app, rich_help_panel="Campaigns")(events)


def events(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what changes, until Ctrl-C; reconnects by itself.")
    ] = False,
    job: Annotated[int | None, typer.Option("--job", metavar="ID", min=0, help="Only of this job.")] = None,
    account: Annotated[str, typer.Option("--account", metavar="NAME", help="Only this account and its jobs.")] = "",
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="Only of this kind: job, account.")] = "",
    types: Annotated[
        str,
        typer.Option(
            "--types",
            metavar="TYPES",
            help="With --follow: only these, such as message.sent,reply; state: how jobs and accounts are.",
        ),
    ] = "",
) -> None:
    """Show the state of jobs and accounts, and with --follow what happens; with --json one document a line.

    Example: wasender events --follow

    Example: wasender events --follow --job 1 --json

    Example: wasender events --follow --account default --types state,message.failed
    """
    if types and not follow:
        raise usage("--types is about what happens: give it with --follow.")
    client = target.client()
    wanted = {"job": job, "account": account or None, "types": types or None}
    try:
        for event in _events(client, wanted, follow):
            if not kind or event.kind == kind:
                _tell(event)
    except KeyboardInterrupt:
        raise Interrupted("No longer following; nothing else is changed.") from None


def _events(client: Client, wanted: Wanted, follow: bool) -> Iterator[Event]:
    if not follow:
        yield from _present(client, wanted)
        return
    last = ""
    while True:
        try:
            for event in client.events("/events", wanted, last):
                last = event.id or last
                if event.data is not None:
                    yield event
        except Failure as failure:
            if failure.exit_code not in (Exit.UNREACHABLE, Exit.BUSY):
                raise
            output.note(f"{failure} Trying again.")
        time.sleep(AGAIN_S)


def _present(client: Client, wanted: Wanted) -> Iterator[Event]:
    """What is there now."""
    job, account = wanted["job"], wanted["account"]
    if job is None:
        jobs = client.get("/jobs", {"limit": 50, "account": account})["jobs"]
    else:
        jobs = [each for each in [client.get(f"/jobs/{job}")] if account in (None, each["account"])]
        account = jobs[0]["account"] if jobs else account
    yield from (Event("", "job", each) for each in jobs)
    every = everything(client, "/accounts", "accounts", {}, 0)
    yield from (Event("", "account", each) for each in every if account in (None, each["name"]))


def _tell(event: Event) -> None:
    data: dict[str, Any] = event.data if isinstance(event.data, dict) else {"data": event.data}
    if output.as_json:
        typer.echo(document({"event": event.kind, "id": event.id or None, "data": data}))
    elif event.kind == "job":
        typer.echo(printable(f"job {data['job_id']}\t{state_of(data)}\t{ended(data)}/{data['total']}\t{counts(data)}"))
    elif event.kind == "account":
        typer.echo(printable(f"account {data['name']}\t{str(data['state']).replace('_', ' ')}\t{data['detail'] or ''}"))
    else:
        typer.echo(printable(f"{event.kind}\t{json.dumps(data, ensure_ascii=False)}"))
