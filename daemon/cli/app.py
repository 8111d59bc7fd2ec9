"""`wasender`: the command line. One file per noun; what is common to all commands is here.

How it ends is in `exits.py`. What a command needs that takes long to import, it imports itself: half of all calls are
made by a script in a loop, or ask for help.
"""

from __future__ import annotations

import errno
from typing import Annotated, Any

import typer

from daemon import errors
from daemon.cli import (
    accounts,
    audit,
    backups,
    cloud_templates,
    confirmations,
    consent,
    events,
    jobs,
    keys,
    machine,
    notices,
    people,
    privacy,
    selectors,
    sending,
    settings,
    users,
    webhooks,
)
from daemon.cli.exits import MEANING, Exit, Failure, Interrupted, usage
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.target import target
from daemon.files import release, trouble

EPILOG = "Exit codes: " + "; ".join(f"{each.value} {MEANING[each]}" for each in Exit) + "."


class _Commands(Group):
    """Every error of ours becomes its sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        output.as_json = False
        target.clear()
        try:
            return super().invoke(ctx)
        except Failure as failure:
            output.fail(failure)
            raise typer.Exit(failure.exit_code) from None
        except (errors.ConfigError, errors.SetupError) as error:
            output.fail(error)
            raise typer.Exit(Exit.NOT_SET_UP) from None
        except errors.DaemonError as error:
            output.fail(error)
            raise typer.Exit(Exit.REFUSED) from None
        except Interrupted as interrupted:
            output.note(str(interrupted))
            raise typer.Exit(Exit.INTERRUPTED) from None
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None
        except (OSError, UnicodeError) as error:
            if getattr(error, "errno", None) == errno.EPIPE:  # nobody reads any more what is written
                raise
            found = _unforeseen(error)
            output.fail(found)
            raise typer.Exit(found.exit_code) from None


def _unforeseen(error: OSError | UnicodeError) -> Failure:
    """What went wrong with a file or a text where no command has seen to it itself."""
    if isinstance(error, ConnectionError | TimeoutError):
        return Failure("connection_lost", f"A connection broke off ({trouble.reason(error)}): try again.")
    if isinstance(error, OSError):
        told = trouble.unusable(error)
        return Failure(told.code.value, str(told))
    if isinstance(error, UnicodeEncodeError):
        if any("\ud800" <= each <= "\udfff" for each in error.object[error.start : error.end]):
            return usage("A word of this command is not UTF-8: write it in UTF-8.")
        sentence = f"The answer has characters that {error.encoding} lacks: set LANG=C.UTF-8, and run this again."
        return Failure("encoding", sentence, Exit.NOT_SET_UP)
    return Failure("encoding", "What was read is not UTF-8: save the file as UTF-8.")


app = typer.Typer(
    cls=_Commands,
    name="wasender",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="wasender: self-hosted WhatsApp campaigns.",
    epilog=EPILOG,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"{release.NAME} {release.version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Tell which version this is.")
    ] = False,
) -> None:
    """What may stand before any command."""


sending.add_to(app)
jobs.add_to(app)
confirmations.add_to(app)
events.add_to(app)
accounts.add_to(app)
people.add_to(app)
consent.add_to(app)
privacy.add_to(app)
notices.add_to(app)
cloud_templates.add_to(app)
users.add_to(app)
audit.add_to(app)
keys.add_to(app)
webhooks.add_to(app)
machine.add_to(app)
backups.add_to(app)
app.add_typer(selectors.app, name="selectors", rich_help_panel="This machine")


def main() -> None:
    """The command's entry point. Commands tell their result themselves: what the daemon would log is not written."""
    settings.silent = True
    app(prog_name="wasender")
