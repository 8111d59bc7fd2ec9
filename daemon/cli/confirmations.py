"""Jobs that wait for a person after a restore or a long stop."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from daemon.cli import following
from daemon.cli.exits import usage
from daemon.cli.output import output
from daemon.cli.paging import Limit, everything
from daemon.cli.target import command, target
from daemon.cli.words import instant

WHY = {"restored": "restored from a backup", "long_stopped": "stopped for more than a day"}


class Choice(StrEnum):
    """What becomes of a job that waits."""

    GO_ON = "go_on"
    UNCERTAIN = "uncertain"
    STOP = "stop"


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    for work in (confirmations, confirm):
        command(app, rich_help_panel="Campaigns")(work)


def confirmations(limit: Limit = 100) -> None:
    """List the jobs that wait for your decision after a restore or a long stop.

    For each it says how many of the queued messages may have been sent already, unknown to the database.

    Example: wasender confirmations
    """
    found = everything(target.client(), "/confirmations", "jobs", {}, limit)
    rows = [
        (
            each["job_id"],
            each["name"],
            WHY[each["cause"]],
            instant(each["known_until"]),
            f"{each['out']:,}",
            f"{each['pending']:,}",
            f"{each['perhaps_sent']:,}",
        )
        for each in found
    ]
    titles = ("Job", "Name", "Why", "Known until", "Sent", "Queued", "Perhaps sent")
    output.table(titles, rows, {"jobs": found}, "No job waits for a decision.")


def confirm(
    job_id: Annotated[int, typer.Argument(metavar="ID", min=0, help="The job's id.", show_default=False)],
    choice: Annotated[
        Choice,
        typer.Option(
            "--choice",
            help="go_on: send what is queued; uncertain: set aside who may have got it, and decide about each; stop.",
            show_default=False,
        ),
    ],
    first: Annotated[
        int | None,
        typer.Option("--first", metavar="N", min=1, help="With uncertain: only so many, in order of their turn."),
    ] = None,
) -> None:
    """Decide what becomes of a job that waits after a restore or a long stop.

    Example: wasender confirm 1 --choice go_on

    Example: wasender confirm 1 --choice uncertain --first 150
    """
    if first is not None and choice is not Choice.UNCERTAIN:
        raise usage("--first belongs to --choice uncertain.")
    body = {"choice": choice.value} | ({} if first is None else {"first": first})
    job = target.client().once(f"/jobs/{job_id}/confirm", body)
    output.tell(f"{job['message']}\n{following.described(job)}", job)
