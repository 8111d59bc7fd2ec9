"""`wasender users`: who may use the page, and a way in again for who has lost theirs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import settings
from daemon.cli.exits import Exit, Failure
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.sending import named
from daemon.cli.target import bare, command, target
from daemon.cli.words import instant

if TYPE_CHECKING:
    from daemon.auth.users import User

AUser = Annotated[str, typer.Argument(metavar="USER", help="The user's name or id.", show_default=False)]
Local = Annotated[
    bool, typer.Option("--local", help="On this machine's database, whether or not wasender runs, and without a key.")
]
users = typer.Typer(cls=Group, help="People who log in to the page.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    bare(users, list_users)
    app.add_typer(users, name="users", rich_help_panel="Users")


@command(users, "list")
def list_users() -> None:
    """List the users, by name.

    Example: wasender users list
    """
    found = target.client().get("/users")["users"]
    rows = [
        (each["id"], each["name"], each["role"], " ".join(each["accounts"] or ["all"]),
         "on" if each["second_factor"] else "", instant(each["disabled_at"]))
        for each in found
    ]  # fmt: skip
    titles = ("User", "Name", "Role", "Accounts", "Second factor", "Disabled")
    output.table(titles, rows, {"users": found}, "There is no user.")


@command(users, "reset-password")
def reset_password(name: AUser, local: Local = False) -> None:
    """Give a user a temporary password, for 24 hours. At the login they choose their own; their sessions end.

    In a pipe it is all that is written to standard output. With --local it is the way in where nobody can log in.

    Example: wasender users reset-password Anna

    Example: sudo -u wasender wasender users reset-password Anna --local --data /var/lib/wasender
    """
    if local:
        from daemon.auth import users as stored

        with _here(name, "users.password_reset") as (user, who, now):
            made, until = stored.reset_password(user.id, who, now), now + stored.TEMPORARY_MS
            told: dict[str, Any] = {"success": True, "user_id": user.id, "password": made, "password_until": until}
    else:
        told = target.client().once(f"/users/{_id(name)}/password/reset", None)
    title = f"A temporary password, until {instant(told['password_until'])}; it is not shown again:"
    output.secret(title, told["password"], told, f"wasender users reset-password {shlex.quote(name)}")


@command(users, "remove-second-factor")
def remove_second_factor(name: AUser, local: Local = False) -> None:
    """Ask a user for no code any more who has lost phone and recovery codes. Their sessions end.

    Example: wasender users remove-second-factor Anna
    """
    if local:
        from daemon.auth import users as stored

        with _here(name, "users.second_factor_remove") as (user, who, _):
            stored.remove_second_factor(user.id, who)
            told: dict[str, Any] = {"success": True}
    else:
        told = target.client().once(f"/users/{_id(name)}/second_factor/remove", None)
    output.tell(f"{name} is asked for no code any more.", told)


def _id(name: str) -> int:
    return int(named(target.client().get("/users")["users"], name, "user", "wasender users list")["id"])


@contextmanager
def _here(name: str, action: str) -> Iterator[tuple[User, str, int]]:
    """The database of this machine's installation, in which the user of that name or id is changed; who changes them,
    and now. It is one transaction, in which it is noted for the audit log, whose key only the service may have."""
    found = settings.load(target.data)
    from daemon.auth import users as stored
    from daemon.db import clock, connection, presence
    from daemon.files import data_folder, trouble
    from daemon.ops import audit_upkeep

    data_folder.prepare(found.data_dir)
    with presence.present(found.db_url) as seat:
        connection.connect(found.db_url, seat.sound)
        try:
            seat.share()
            user = _of(stored.every(), name)
            now = clock.now_ms()
            with connection.write():
                yield user, audit_upkeep.on_this_machine(), now
                with trouble.told():
                    audit_upkeep.change(found, action, now, "user", str(user.id))
        finally:
            connection.close()


def _of(every: list[User], name: str) -> User:
    for each in every:
        if name in (each.name, str(each.id)):
            return each
    names = ", ".join(each.name for each in every) or "there are none"
    raise Failure("no_such_user", f"There is no user {name} ({names}).", Exit.NOT_FOUND)
