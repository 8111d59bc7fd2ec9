"""The reference part of docs/cli.md, made from the commands themselves: `python -m tests.support.command_docs`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from daemon.cli.app import app
from daemon.cli.exits import MEANING, Exit
from tests.support.rig import ROOT

PAGE = ROOT / "docs" / "cli.md"
BEGIN = "<!-- made by python -m tests.support.command_docs -->"
COMMON = {"url", "key_file", "data", "json", "help"}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words by which it is called, in the order of the help."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def every() -> list[tuple[tuple[str, ...], Any]]:
    """All commands."""
    return list(commands(typer.main.get_command(app)))


def examples(command: Any) -> list[str]:
    """The command lines that its help gives as examples."""
    return re.findall(r"^Example: (.+(?:\n(?!\n).+)*)", inspect.cleandoc(command.help or ""), re.M)


def reference() -> str:
    """The exit codes and all commands, as Markdown."""
    parts = ["## Exit codes", "", "| Code | Meaning |", "|---|---|"]
    parts += [f"| {each.value} | {MEANING[each]} |" for each in Exit]
    parts += ["", "## Commands", ""]
    for path, command in every():
        text = inspect.cleandoc(command.help or "")
        said = re.split(r"\n*^Example: ", text, maxsplit=1, flags=re.M)[0]
        shown = [" ".join(each.split()) for each in examples(command)]
        parts += [f"### wasender {' '.join(path)}", "", said, "", "```sh", *shown, "```", ""]
        rows = [_row(each) for each in command.params if each.name not in COMMON and not each.hidden]
        if rows:
            parts += ["| Argument | Meaning |", "|---|---|", *rows, ""]
    return "\n".join(parts).rstrip() + "\n"


def _row(param: Any) -> str:
    value = "" if getattr(param, "is_flag", False) else f" {param.metavar or param.name.upper()}"
    names = param.metavar if param.param_type_name == "argument" else ", ".join(param.opts) + value
    return f"| `{names}` | {(param.help or '').replace('|', '/')} |"


def page(text: str) -> str:
    """The page, with the reference as it is now."""
    return f"{text.partition(BEGIN)[0]}{BEGIN}\n\n{reference()}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
