"""The installation that a command is about: the settings that its daemon has, wherever the command is run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon import errors
from daemon.cli.exits import Exit, Failure
from daemon.files import release

if TYPE_CHECKING:
    from daemon.config import Settings

ROOT = release.root()  #: where the daemon is run, so that its relative paths begin there

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data folder, where it is not the one that the settings name.",
        rich_help_panel="Where",
    ),
]


silent = False  #: whether what the daemon's code would log is left out: the command tells its result itself


def hush() -> None:
    """Log nothing, where this is the whole process. To be called before daemon code that may log is used."""
    if silent:
        import logging
        import sys

        import structlog

        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )


def load(data: Path | None) -> Settings:
    """The settings. Raises ConfigError, Failure."""
    from daemon import config  # takes longer to import than all else: only where it is needed

    hush()
    file = ROOT / config.ENV_FILE
    try:
        settings = config.load(_env_file=file, **({"data_dir": data.absolute()} if data else {}))
    except errors.ConfigError as error:
        if not isinstance(error.__cause__, PermissionError):
            raise
        advice = "run this as the user that wasender runs as, such as with sudo -u wasender"
        sentence = f"The settings in {file} cannot be read ({error.__cause__.strerror}): {advice}."
        raise Failure("settings_unreadable", sentence, Exit.NOT_SET_UP) from None
    database = settings.database_url
    if database.startswith("sqlite:///"):  # a relative path begins there, too; an absolute one stays as it is
        database = f"sqlite:///{ROOT / database.removeprefix('sqlite:///')}"
    return settings.model_copy(update={"data_dir": ROOT / settings.data_dir, "database_url": database})
