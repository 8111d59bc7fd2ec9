"""Notices: mails that tell what needs a person."""

from __future__ import annotations

import typer

from daemon.cli.exits import Failure
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.target import command, target

notices = typer.Typer(cls=Group, help="Mails that tell what needs a person.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    app.add_typer(notices, name="notices", rich_help_panel="This machine")


@command(notices)
def test() -> None:
    """Send a mail, as a test, to all who get notices, from the installation that is asked.

    The exit code is 1 where the mail server does not take it.

    Example: wasender notices test
    """
    done = target.client().call("POST", "/notices/test")
    if not done["success"]:
        raise Failure(done["code"], done["message"])
    output.tell(done["message"], done)
