"""`wasender keys`: keys for programs, each for what it may do."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from daemon.cli.exits import usage
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.paging import everything
from daemon.cli.sending import named
from daemon.cli.target import bare, command, target
from daemon.cli.words import instant, moment

NEVER = "never"
Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE", help="What it may do: read, send, control, admin. May be repeated."),
]
Only = Annotated[
    list[str] | None, typer.Option("--account", metavar="NAME", help="Only this account. May be repeated.")
]
From = Annotated[
    list[str] | None,
    typer.Option("--address", metavar="NETWORK", help="Only from this address or network. May be repeated."),
]
Which = Annotated[str, typer.Argument(metavar="KEY", help="The key's name or id.", show_default=False)]
keys = typer.Typer(cls=Group, help="Keys for programs.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    bare(keys, list_keys)
    app.add_typer(keys, name="keys", rich_help_panel="Programs")


@command(keys, "list")
def list_keys() -> None:
    """List the keys, newest first, also those that are revoked; last that of the installation.

    Example: wasender keys list
    """
    found = _every()
    rows = [
        (each["id"], each["name"], each["prefix"] or "", each["status"], " ".join(each["scopes"]),
         " ".join(each["accounts"] or ["all"]), instant(each["last_used_at"]))
        for each in found
    ]  # fmt: skip
    titles = ("Key", "Name", "Begins", "Status", "May", "Accounts", "Last used")
    output.table(titles, rows, {"keys": found}, "There is no key.")


@command(keys)
def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.", show_default=False)],
    scope: Scopes = None,
    account: Only = None,
    address: From = None,
    expires: Annotated[str, typer.Option("--expires", metavar="TIME", help="Until when, such as 2030-12-01.")] = "",
    rate: Annotated[
        int | None, typer.Option("--rate", metavar="N", min=1, help="The most requests in a minute.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="It sends and changes nothing.")] = False,
) -> None:
    """Make a key. It is shown now and never again: in a pipe it is all that is written to standard output.

    Without --scope it may read.

    Example: wasender keys make shop --scope send --scope read --account default

    Example: wasender keys make monitor --scope read --rate 60 --expires 2030-12-01 --json
    """
    body: dict[str, Any] = {"name": name, "scopes": scope or ["read"], "test": test}
    given = {"accounts": account, "addresses": address, "expires_at": moment(expires), "rate_limit": rate}
    made = target.client().once("/keys", body | {each: value for each, value in given.items() if value})
    _show(made)


@command(keys)
def edit(
    key: Which,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is called from now on.")] = "",
    scope: Scopes = None,
    account: Only = None,
    every_account: Annotated[bool, typer.Option("--every-account", help="Also those that are added later.")] = False,
    address: From = None,
    any_address: Annotated[bool, typer.Option("--any-address", help="From anywhere.")] = False,
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="Until when, such as 2030-12-01, or never.")
    ] = "",
    rate: Annotated[
        int | None, typer.Option("--rate", metavar="N", min=0, help="The most requests in a minute; 0: no limit.")
    ] = None,
) -> None:
    """Change what a key is called and may do, from its next request on. Its secret stays.

    What is not named stays. What is named takes the place of what there was: name every scope that it is to have.

    Example: wasender keys edit shop --scope read --rate 60

    Example: wasender keys edit shop --every-account --expires never
    """
    if (account and every_account) or (address and any_address):
        raise usage("Say which ones, or all of them.")
    given: dict[str, Any] = {"name": name, "scopes": scope, "accounts": account, "addresses": address}
    given = {each: value for each, value in given.items() if value}
    given |= {"accounts": None} if every_account else {}
    given |= {"addresses": None} if any_address else {}
    given |= {"expires_at": None if expires == NEVER else moment(expires)} if expires else {}
    given |= {"rate_limit": rate or None} if rate is not None else {}
    if not given:
        raise usage("Say what to change, such as with --scope.")
    found = _one(key)
    changed = target.client().call("PATCH", f"/keys/{found['id']}", given | {"version": found["version"]})
    output.tell(f"The key {changed['name']} is changed; it may {' '.join(changed['scopes'])}.", changed)


@command(keys)
def rotate(
    key: Which,
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="When the old one ends, such as 2030-12-01; without: now.")
    ] = "",
) -> None:
    """Give a key a new secret; all else stays.

    Example: wasender keys rotate shop --until 2030-12-01T09:00
    """
    body = {"ends_at": moment(until)} if until else {}
    _show(target.client().once(f"/keys/{_one(key)['id']}/rotate", body))


@command(keys)
def revoke(key: Which) -> None:
    """Revoke a key: from now on it is not taken.

    Example: wasender keys revoke shop
    """
    found = target.client().call("DELETE", f"/keys/{_one(key)['id']}")
    output.tell(f"The key {found['name']} is revoked.", found)


def _show(made: dict[str, Any]) -> None:
    title = f"The key {made['name']}, which is not shown again:"
    output.secret(title, made["key"], made, f"wasender keys rotate {made['id']}")


def _every() -> list[dict[str, Any]]:
    return everything(target.client(), "/keys", "keys", {}, 0)


def _one(wanted: str) -> dict[str, Any]:
    """The key of that name or id; of several of that name the one that is still taken."""
    found = sorted(_every(), key=lambda each: each["status"] != "active")
    return named(found, wanted, "key", "wasender keys list")
