"""Which installation a command talks to, and with which key: that of this machine's settings, or one that is named.

An address is never a credential: the key is in the data folder, in WASENDER_API_KEY, or in a file that is named. The
key of this machine's installation is only ever sent to that installation.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.client import Client
from daemon.cli.exits import Exit, Failure, usage
from daemon.cli.flags import Command
from daemon.cli.output import Json
from daemon.cli.settings import Data

PANEL = "Where"
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  (what listens there is reached here)

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        envvar="WASENDER_URL",
        help="The service's address, where it is not the one of this machine's settings.",
        rich_help_panel=PANEL,
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        envvar="WASENDER_KEY_FILE",
        help="The file with the key, where it is not the one in the data folder.",
        rich_help_panel=PANEL,
    ),
]


@dataclass
class Target:
    """What was said about it in this run of the command."""

    url: str | None = None
    key_file: Path | None = None
    data: Path | None = None

    def clear(self) -> None:
        """Forget what was said in an earlier run."""
        self.url = self.key_file = self.data = None

    def client(self) -> Client:
        """A client of it. Raises Failure, ConfigError."""
        if self.url is not None and self.key_file is None:
            raise usage("An address was given and no key: name the file that has it with --key-file.")
        if self.url is not None and self.key_file is not None:
            return Client(self.url, read_key(self.key_file), "check the address, and that it runs")
        from daemon.cli import settings

        found = settings.load(self.data)
        key = read_key(self.key_file) if self.key_file else found.api_key or read_key(found.data_dir / "api_key", True)
        host = ANYWHERE.get(found.host, f"[{found.host}]" if ":" in found.host else found.host)
        advice = "start it with scripts/start or `wasender start`, or name another address with --url"
        return Client(f"http://{host}:{found.port}", key, advice)


target = Target()


def read_key(file: Path, own: bool = False) -> str:
    """The key in that file. own: it is the one in the data folder. Raises Failure."""
    try:
        key = file.read_text(encoding="utf-8").strip()
        if key.isascii() and key.isprintable():
            return key
        raise Failure("key_unreadable", f"What is in {file} is no key: a key is one line.", Exit.NOT_AUTHORISED)
    except FileNotFoundError:
        advice = "start wasender once, or name its folder with --data" if own else "check its name and folder"
        raise Failure("no_key", f"There is no key in {file}: {advice}.", Exit.NOT_AUTHORISED) from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        advice = "run this as the user that wasender runs as, such as with sudo -u wasender"
        raise Failure("key_unreadable", f"The key in {file} cannot be read ({why}): {advice}.", Exit.NOT_AUTHORISED) \
            from None  # fmt: skip


def _options(url: Url = None, key_file: KeyFile = None, data: Data = None, json: Json = False) -> None:
    """The options of all commands that talk to an installation."""


def command(
    app: typer.Typer, name: str | None = None, **how: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a command that talks to an installation: it has the options that say which one, and --json."""

    def declare(work: Callable[..., Any]) -> Callable[..., Any]:
        app.command(name, cls=Command, **how)(_with_options(work))
        return work

    return declare


def bare(app: typer.Typer, listing: Callable[..., Any]) -> None:
    """Have a group without a command list what there is."""

    def run(ctx: typer.Context) -> None:
        if ctx.invoked_subcommand is None:
            listing()

    run.__doc__ = app.info.help
    app.callback(invoke_without_command=True)(_with_options(run))


def _with_options(work: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with the options that say which installation is meant, and --json."""
    own, common = (inspect.signature(each, eval_str=True) for each in (work, _options))

    @functools.wraps(work)
    def run(**given: Any) -> Any:
        url, key_file, data = (given.pop(each) for each in ("url", "key_file", "data"))
        target.url, target.key_file = url or target.url, key_file or target.key_file
        target.data = data or target.data
        given.pop("json")
        return work(**given)

    del run.__wrapped__
    every = [*own.parameters.values(), *common.parameters.values()]
    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in every]
    run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in every}
    return run
