"""WhatsApp templates of accounts of the Cloud API: what Meta has approved."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from daemon.cli.client import Client
from daemon.cli.exits import usage
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.paging import everything
from daemon.cli.target import bare, command, target

PANEL = "Accounts and people"
OfAccount = Annotated[str, typer.Option("--account", metavar="NAME", help="Only those of this account.")]
Language = Annotated[
    str, typer.Option("--language", metavar="CODE", help="Its language, where it is there in several, such as en_US.")
]
AName = Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its name or id.", show_default=False)]

group = typer.Typer(cls=Group, help="WhatsApp templates of the Cloud API, which Meta approves.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    bare(group, list_cloud_templates)
    app.add_typer(group, name="cloud-templates", rich_help_panel=PANEL)


@command(group, "list")
def list_cloud_templates(account: OfAccount = "") -> None:
    """List the WhatsApp templates that are known, by account and name.

    Texts kept for reuse are in: wasender templates list

    Example: wasender cloud-templates list --account shop
    """
    found = every(target.client(), account)
    rows = [
        (each["id"], each["account"], each["name"], each["language"], each["status"], each["category"] or "",
         each["quality"] or "", ", ".join(each["values"]))
        for each in found
    ]  # fmt: skip
    titles = ("Template", "Account", "Name", "Language", "Status", "Category", "Quality", "Values")
    output.table(titles, rows, {"templates": found}, "No WhatsApp template is known.")


@command(group)
def sync(
    account: Annotated[str, typer.Option("--account", metavar="NAME", help="Whose; else the usual one.")] = "",
) -> None:
    """Read an account's WhatsApp templates from Meta, with the status that each has now.

    Example: wasender cloud-templates sync --account shop
    """
    done = target.client().once("/cloud/templates/sync", {"account": account} if account else {})
    counts = f"{done['added']:,} new, {done['changed']:,} changed, {done['gone']:,} gone"
    output.tell(f"{done['account']} has {done['total']:,} WhatsApp templates: {counts}.", done)


@command(group, "show")
def show_cloud_template(name: AName, account: OfAccount = "", language: Language = "") -> None:
    """Show a WhatsApp template as people see it, and what it wants filled in.

    Example: wasender cloud-templates show order_ready --language en_US
    """
    found = one(every(target.client(), account), name, language)
    parts = [found["header"] or (f"[{found['media']}]" if found["media"] else ""), found["body"], found["footer"] or ""]
    buttons = [f"[{each['text']}]" + (f"  ({each['value']})" if each["value"] else "") for each in found["buttons"]]
    about = [f"{found['name']} ({found['language']}) of {found['account']}: {found['status']}"]
    about += [found["reason"]] if found["reason"] else []
    values = [f"Values: {', '.join(found['values'])}"] if found["values"] else []
    output.tell("\n".join([*about, "", *filter(None, parts), *buttons, "", *values]).rstrip(), found)


def every(client: Client, account: str) -> list[dict[str, Any]]:
    """Those that are known, of this account or of all."""
    return everything(client, "/cloud/templates", "templates", {"account": account} if account else {}, 0)


def one(rows: list[dict[str, Any]], name: str, language: str) -> dict[str, Any]:
    """The one of that name or id. Raises Failure where there is none, or more than one."""
    found = [row for row in rows if name in (row["name"], str(row["id"])) and language in ("", row["language"])]
    if not found:
        raise usage(f"There is no WhatsApp template {name}: wasender cloud-templates list shows them.")
    if len(found) > 1:
        named = ", ".join(f"{row['id']} ({row['account']}, {row['language']})" for row in found)
        raise usage(f"There are several of that name: give the id of one, {named}.")
    return found[0]
