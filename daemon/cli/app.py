"""`wasender`: the command line. One file per noun; what is common to all commands is here.

Exit codes: 0 done; 1 refused, or it did not work; 2 the command line is wrong; 3 the settings, or this machine, do not
allow it; 130 interrupted.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
import typer

from daemon import errors
from daemon.cli import selectors
from daemon.cli.flags import Group
from daemon.cli.output import output

REFUSED, NOT_SET_UP, INTERRUPTED = 1, 3, 130  #: 2 is typer's: the command line is wrong


class _Commands(Group):
    """Every error of ours becomes its sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (errors.ConfigError, errors.SetupError) as error:
            output.fail(error)
            raise typer.Exit(NOT_SET_UP) from None
        except errors.DaemonError as error:
            output.fail(error)
            raise typer.Exit(REFUSED) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    name="wasender",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="wasender: self-hosted WhatsApp campaigns.",
    epilog="Exit codes: 0 done; 1 refused, or it did not work; 2 the command line is wrong; 3 the settings, or this "
    "machine, do not allow it; 130 interrupted.",
)
app.add_typer(selectors.app, name="selectors")


def main() -> None:
    """The command's entry point. Commands tell their result themselves: what the daemon would log is not written."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    app(prog_name="wasender")
