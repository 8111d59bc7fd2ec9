"""The installation that a command is about: the settings that its daemon has, wherever the command is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon import config

ROOT = Path(__file__).resolve().parents[2]  #: where the daemon is run, so that its relative paths begin there

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The data folder, where it is not the one that the settings name."),
]


def load(data: Path | None) -> config.Settings:
    """The settings. Raises ConfigError."""
    settings = config.load(_env_file=ROOT / config.ENV_FILE, **({"data_dir": data.absolute()} if data else {}))
    return settings.model_copy(update={"data_dir": ROOT / settings.data_dir})
