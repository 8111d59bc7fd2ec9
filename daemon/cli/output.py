"""What a command tells: sentences for a person, or one JSON document for a program.

Results go to standard output, errors to standard error; with `--json` each is JSON, and nothing else is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

from daemon.errors import DaemonError


@dataclass
class Output:
    """How this run of the command answers. as_json: for a program."""

    as_json: bool = False

    def tell(self, text: str, told: Mapping[str, Any]) -> None:
        """The result: `text`, or `told` for a program."""
        if self.as_json:
            typer.echo(json.dumps(told, ensure_ascii=False))
        else:
            Console(soft_wrap=True, highlight=False, markup=False).print(text)

    def fail(self, error: DaemonError) -> None:
        """Why it did not work."""
        if self.as_json:
            told = {"code": error.told.code, "detail": str(error), **error.members}
            typer.echo(json.dumps({"error": told}, ensure_ascii=False), err=True)
        else:
            Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"wasender: {error}")


output = Output()


def _set_json(value: bool) -> bool:
    output.as_json = value
    return value


Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.", is_eager=True, callback=_set_json)]
