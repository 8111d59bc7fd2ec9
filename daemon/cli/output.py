"""What a command tells: sentences for a person, or JSON for a program.

Results go to standard output, errors and progress to standard error. With `--json` the result is one JSON document
(where a command goes on, one on each line), and nothing else is written. Away from a terminal there are no colours and
no progress, and a table is lines of fields with tabs between them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from daemon.cli.exits import Exit, Failure
from daemon.errors import DaemonError


@dataclass
class Output:
    """How this run of the command answers. as_json: for a program."""

    as_json: bool = False

    def tell(self, text: str, told: Mapping[str, Any]) -> None:
        """The result: `text`, or `told` for a program."""
        if self.as_json:
            typer.echo(document(told))
        else:
            typer.echo(printable(text))

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[object]], told: Any, empty: str) -> None:
        """The result as a table, or `told` for a program. empty: what to say where there is nothing."""
        shown = [[printable(_cell(each)) for each in row] for row in rows]
        if self.as_json:
            self.tell("", told)
        elif not sys.stdout.isatty():
            for row in shown:
                typer.echo("\t".join(each.replace("\t", " ").replace("\n", " ") for each in row))
        elif not shown:
            typer.echo(empty)
        else:
            from rich.console import Console
            from rich.table import Table
            from rich.text import Text

            table = Table(*titles, box=None, header_style="bold", pad_edge=False)
            for row in shown:
                table.add_row(*map(Text, row))
            Console(highlight=False, markup=False).print(table)

    def note(self, text: str) -> None:
        """Something to know beside the result; a program is not told."""
        if not self.as_json:
            typer.echo(printable(text), err=True)

    def secret(self, title: str, secret: str | None, told: Mapping[str, Any], anew: str) -> None:
        """The result, which is shown only now. secret: None in the answer to a repeat, where the first one did not
        arrive. anew: the command that makes another one. Raises Failure."""
        if secret is None:
            if self.as_json:
                self.tell("", told)
            sentence = f"The answer was lost, and it is shown only once: get a new one with `{anew}`."
            raise Failure("answer_lost", sentence, Exit.NOT_DONE)
        self.note(title)
        self.tell(secret, told)

    def fail(self, error: DaemonError | Failure) -> None:
        """Why it did not work."""
        code = error.code if isinstance(error, Failure) else error.told.code
        if self.as_json:
            told = {"code": code, "detail": str(error), **error.members}
            typer.echo(document({"error": told}), err=True)
        else:
            typer.echo(printable(f"wasender: {error}"), err=True)

    @property
    def live(self) -> bool:
        """Whether somebody looks on, so that progress can be drawn."""
        return not self.as_json and sys.stderr.isatty()


def printable(text: str) -> str:
    """The text without what would steer a terminal: it may come from a file or from a stranger."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def document(told: Any) -> str:
    """JSON on one line, for programs, and for a terminal: what would steer it is escaped."""
    text = json.dumps(told, ensure_ascii=False)
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def _cell(value: object) -> str:
    return "" if value is None else str(value)


output = Output()


def _set_json(value: bool) -> bool:
    output.as_json = output.as_json or value  # said of a group, it is said of its commands, too
    return value


Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.", is_eager=True, callback=_set_json)]
