"""Accounts: how they are, and linking a phone."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.client import STDIN, Client, read_text, segment
from daemon.cli.exits import Exit, Failure, Interrupted, usage
from daemon.cli.flags import Group
from daemon.cli.output import output, printable
from daemon.cli.target import bare, command, target
from daemon.cli.words import instant

FEW = 8  #: digits by which two notations of a number are told to be one
DARK_ON_LIGHT, PLAIN = "\x1b[30;47m", "\x1b[0m"
NAME = "default"
NO_CODE_S = 1_800.0  #: without a code to show, before it is given up: WhatsApp's page may load for so long
SOON_S = 180.0  #: the same where only the code is wanted; Chrome is started in less
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]
Title = Annotated[str, typer.Option("--title", metavar="TEXT", help="What people call it.")]
HourlyCap = Annotated[int | None, typer.Option("--hourly-cap", metavar="N", min=0, help="The most in an hour; 0: any.")]
DailyCap = Annotated[int | None, typer.Option("--daily-cap", metavar="N", min=0, help="The most in 24 hours; 0: any.")]
QuietHours = Annotated[
    str | None, typer.Option("--quiet-hours", metavar="HOURS", help='Such as 21:00-08:00; "" for none.')
]
Zone = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Such as Europe/Berlin.")]
accounts_app = typer.Typer(cls=Group, help="The WhatsApp accounts.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    bare(accounts_app, list_accounts)
    app.add_typer(accounts_app, name="accounts", rich_help_panel="Accounts and people")
    command(app, rich_help_panel="Accounts and people")(link)


@command(accounts_app, "list")
def list_accounts() -> None:
    """List the accounts, with their state and how much of their caps is used.

    Example: wasender accounts list
    """
    found = target.client().get("/accounts")["accounts"]
    rows = [(each["name"], standing(each), each["used"]["hour"], each["used"]["day"]) for each in found]
    output.table(
        ("Account", "State", "Last hour", "Last 24 hours"), rows, {"accounts": found}, "There is no account yet."
    )


@command(accounts_app)
def show(name: Name = NAME) -> None:
    """Show one account: its state, its limits, and what it waits for.

    Example: wasender accounts show default
    """
    account = target.client().get(f"/accounts/{segment(name)}")
    limits, used = account["limits"], account["used"]
    lines = [
        f"{account['name']}: {standing(account)}",
        f"in the last hour {used['hour']:,} of {limits['hourly_cap'] or 'any number'}, "
        f"in 24 hours {used['day']:,} of {limits['daily_cap'] or 'any number'}",
    ]
    if limits["quiet_hours"]:
        lines.append(f"quiet from {limits['quiet_hours']} ({limits['timezone']})")
    output.tell("\n".join(lines), account)


@command(accounts_app)
def cloud(
    name: Name = NAME,
    phone_number_id: Annotated[
        str, typer.Option("--phone-number-id", metavar="ID", help="Meta's id of its number; sets it.")
    ] = "",
    business_account_id: Annotated[
        str, typer.Option("--business-account-id", metavar="ID", help="Of its WhatsApp Business account; sets it.")
    ] = "",
    throughput: Annotated[
        int | None, typer.Option("--throughput", metavar="N", min=1, help="Messages a second that Meta allows it.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="A file with its access token; - for the input.")
    ] = None,
    app_secret_file: Annotated[
        Path | None, typer.Option("--app-secret-file", metavar="FILE", help="The same with the secret of Meta's app.")
    ] = None,
    verify_token_file: Annotated[
        Path | None, typer.Option("--verify-token-file", metavar="FILE", help="The same with its verify token.")
    ] = None,
) -> None:
    """Set what an account has of its own for the Cloud API, and ask Meta about it: its number, and which steps of its
    setup are missing.

    What is not named stays; it is an account of the Cloud API from then on. Secrets are read from files or the input,
    so that no list of processes shows them.

    Example: wasender accounts cloud shop

    Example: wasender accounts cloud shop --phone-number-id 106540352242922 --token-file token.txt
    """
    files = {"cloud_token": token_file, "cloud_app_secret": app_secret_file, "cloud_verify_token": verify_token_file}
    if sum(file == STDIN for file in files.values()) > 1:
        raise usage("Only one of the files can be the input.")
    given: dict[str, Any] = {
        "cloud_phone_number_id": phone_number_id or None,
        "cloud_business_account_id": business_account_id or None,
        "cloud_throughput": throughput,
        **{field: read_text(file).strip() for field, file in files.items() if file is not None},
    }
    if given := {field: value for field, value in given.items() if value is not None}:
        target.client().call("PATCH", f"/accounts/{segment(name)}", given | {"transport": "cloud"})
    found = target.client().get(f"/accounts/{segment(name)}/cloud")
    lines = []
    if number := found["number"]:
        lines.append(f"{number['number']} ({number['verified_name']}): {number['status']}, quality {number['quality']}")
        lines.append(f"speed {number['throughput']}, {_limit(number)}, can send: {number['can_send']}")
        lines += [number["in_the_way"]] if number["in_the_way"] else []
    marks = {True: "done", False: "to do", None: "later"}
    lines += [f"{at}. {marks[each['done']]}: {each['sentence']}" for at, each in enumerate(found["steps"], 1)]
    output.tell("\n".join(lines), found)


def _limit(number: dict[str, Any]) -> str:
    if number["most_people"] is None:
        return f"limit {number['limit']}"
    return f"{number['people']:,} of {number['most_people']:,} people in 24 hours"


@command(accounts_app)
def reload(name: Name = NAME) -> None:
    """Ask the account's sender to reload WhatsApp Web.

    Example: wasender accounts reload default
    """
    account = target.client().once(f"/accounts/{segment(name)}/reload", None)
    output.tell(account["message"], account)


@command(accounts_app)
def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Letters, digits, - and _; it is for good.", show_default=False)
    ],
    title: Title = "",
    transport: Annotated[
        str,
        typer.Option(
            "--transport", metavar="KIND", help="browser (WhatsApp Web), cloud (Meta's Cloud API), or dryrun."
        ),
    ] = "",
    hourly_cap: HourlyCap = None,
    daily_cap: DailyCap = None,
    quiet_hours: QuietHours = None,
    timezone: Zone = "",
) -> None:
    """Add an account. A sender that has none takes it; then link its phone.

    Example: wasender accounts add shop --title Shop --daily-cap 200
    """
    given = _own(title, hourly_cap, daily_cap, quiet_hours, timezone) | ({"transport": transport} if transport else {})
    account = target.client().once("/accounts", {"name": name, **given})
    then = f"Link its phone: `wasender link {account['name']}`."
    if account["transport"] == "cloud":
        then = f"Set it up: `wasender accounts cloud {account['name']}`."
    output.tell(f"{account['name']} is added. {then}", account)


@command(accounts_app)
def change(
    name: Name = NAME,
    title: Title = "",
    hourly_cap: HourlyCap = None,
    daily_cap: DailyCap = None,
    quiet_hours: QuietHours = None,
    timezone: Zone = "",
) -> None:
    """Change what an account has of its own, from the next message on. What is not named stays.

    Example: wasender accounts change default --title Reception --daily-cap 300

    Example: wasender accounts change default --quiet-hours 21:00-08:00
    """
    given = _own(title, hourly_cap, daily_cap, quiet_hours, timezone)
    if not given:
        raise usage("Say what to change, such as with --daily-cap.")
    account = target.client().call("PATCH", f"/accounts/{segment(name)}", given)
    output.tell(f"{account['name']} is changed.", account)


@command(accounts_app)
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account.", show_default=False)],
    cancel: Annotated[bool, typer.Option("--cancel", help="Also where campaigns are not over: stop them.")] = False,
) -> None:
    """Remove an account. What was sent from it can still be read; its browser's profile is deleted.

    Example: wasender accounts remove shop
    """
    query = {"cancel": cancel} if cancel else {}
    done = target.client().call("DELETE", f"/accounts/{segment(name)}", query=query)
    output.tell(done["message"], done)


def _own(
    title: str, hourly_cap: int | None, daily_cap: int | None, quiet_hours: str | None, timezone: str
) -> dict[str, Any]:
    given = {
        "title": title or None, "hourly_cap": hourly_cap, "daily_cap": daily_cap, "quiet_hours": quiet_hours,
        "timezone": timezone or None,
    }  # fmt: skip
    return {each: value for each, value in given.items() if value is not None}


def standing(account: dict[str, Any]) -> str:
    """An account's state in words."""
    state = str(account["state"]).replace("_", " ")
    if not account["alive"]:
        return f"{state}; its sender does not run"
    why = account["detail"] or (f"held: {account['hold']}" if account["hold"] else "")
    until = f", until {instant(account['until'])}" if account["until"] else ""
    return (f"{state}: {why}" if why else state) + until


def link(
    name: Name = NAME,
    number: Annotated[
        str, typer.Option("--number", metavar="NUMBER", help="Of the phone: link by a code instead of the QR code.")
    ] = "",
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Stay until the phone is linked; a new code is shown when it changes."),
    ] = True,
) -> None:
    """Link a phone: draws the QR code in the terminal, or shows the code to enter on the phone.

    On the phone: WhatsApp, Settings, Linked devices. Whoever sees the code can link their phone: in a pipe, and with
    --json, it is given as it is. It is waited for half an hour, with --no-wait for three minutes; the exit code is 7
    where none comes.

    Example: wasender link

    Example: wasender link default --number +4930231250

    Example: wasender link --no-wait --json
    """
    client = target.client()
    path = f"/accounts/{segment(name)}"
    account = client.get(path)
    if _linked(account):
        output.tell(f"{account['name']} is linked.", account)
        return
    _may_be_linked(account)
    before = account["link_code_at"]
    if number or before:
        client.once(f"{path}/link", {"number": number} if number else {})
    shown, said, tag = "", "", ""
    since = time.monotonic()  # when there was a code last
    try:
        while not _linked(account):
            code = _code(client, path, number, before)
            if code and code != shown:
                shown = code
                _show(code, bool(number), account)
                if not wait:
                    return
            since = time.monotonic() if code else since
            if time.monotonic() > since + (NO_CODE_S if wait else SOON_S):
                raise _unlinked("no_code", f"There is no code to link {name} by", "try again later", account)
            how = "" if code or account["state"] == "needs_link" else f"{name} is {standing(account)}."
            if how not in ("", said):
                said = how
                output.note(how)
            account, tag = _next(client, path, account, tag)
    except KeyboardInterrupt:
        raise Interrupted(f"{name} is not linked yet; `wasender link {name}` goes on.") from None
    output.tell(f"{name} is linked.", account)


def _may_be_linked(account: dict[str, Any]) -> None:
    """Raises Failure where no code would ever come."""
    name = account["name"]
    if account["transport"] == "cloud":
        sentence = (
            f"{name} sends through the Cloud API, for which no phone is linked: "
            f"`wasender accounts cloud {name}` says what is missing."
        )
        raise Failure("no_phone", sentence, Exit.NOT_DONE, {"account": name})
    if account["alive"] and account["state"] == "banned":
        raise _unlinked("banned", f"{name} cannot be linked", "see what WhatsApp says on its phone", account)


def _unlinked(code: str, what: str, advice: str, account: dict[str, Any]) -> Failure:
    members = {"account": account["name"], "state": account["state"]}
    return Failure(code, f"{what} ({standing(account)}): {advice}.", Exit.NOT_DONE, members)


def _linked(account: dict[str, Any]) -> bool:
    return account["state"] in ("ready", "held")


def _next(client: Client, path: str, account: dict[str, Any], tag: str) -> tuple[dict[str, Any], str]:
    """The account a moment later."""
    if not account["alive"]:
        sentence = f"The sender of {account['name']} does not run, so there is no code: start it, then try again."
        raise Failure("no_sender", sentence, Exit.NOT_DONE)
    _may_be_linked(account)
    time.sleep(1)
    found, tag = client.changed(path, tag, 0)
    return found or account, tag


def _code(client: Client, path: str, number: str, before: int | None) -> str:
    """What is to be shown now, "" where there is nothing yet. before: since when there is an earlier code, which may be
    another phone's."""
    try:
        if not number:
            return b"".join(client.download(f"{path}/qr.txt")).decode()
        code = client.get(f"{path}/link_code")
        theirs = _digits(number)[-FEW:] == _digits(code["number"] or "")[-FEW:]
        return str(code["code"]) if theirs or code["at"] != before else ""
    except Failure as failure:
        if failure.exit_code is Exit.NOT_FOUND:
            return ""
        raise


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _show(code: str, by_number: bool, account: dict[str, Any]) -> None:
    if by_number:
        shown = f"{code[:4]}-{code[4:]}" if len(code) == 8 else code
        output.tell(f"Enter this code on the phone: {shown}", {"account": account["name"], "link_code": code})
    else:
        if sys.stdout.isatty() and not output.as_json:
            typer.echo("\n".join(f"{DARK_ON_LIGHT}{printable(line)}{PLAIN}" for line in code.splitlines()))
            output.note("Scan it with the phone: WhatsApp, Settings, Linked devices.")
        else:
            output.tell(code, {"account": account["name"], "qr": code})
