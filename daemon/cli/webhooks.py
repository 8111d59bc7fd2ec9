"""`wasender webhooks`: addresses that are told what happens."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from daemon.cli.exits import Exit, Failure
from daemon.cli.flags import Group
from daemon.cli.output import output
from daemon.cli.paging import Limit, everything
from daemon.cli.target import bare, command, target
from daemon.cli.words import instant

SHOWN = 20  #: deliveries, where no limit is given
Id = Annotated[int, typer.Argument(metavar="ID", min=0, help="The webhook's id.", show_default=False)]
webhooks = typer.Typer(cls=Group, help="Addresses that are told what happens.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    bare(webhooks, list_webhooks)
    app.add_typer(webhooks, name="webhooks", rich_help_panel="Programs")


@command(webhooks, "list")
def list_webhooks() -> None:
    """List the webhooks.

    Example: wasender webhooks list
    """
    found = everything(target.client(), "/webhooks", "webhooks", {}, 0)
    rows = [
        (each["webhook_id"], "enabled" if each["enabled"] else f"disabled ({each['disabled_why']})", each["url"],
         each["waiting"], each["dead"], instant(each["delivered_at"]))
        for each in found
    ]  # fmt: skip
    titles = ("Webhook", "Status", "Address", "Waiting", "Dead", "Last delivery")
    output.table(titles, rows, {"webhooks": found}, "There is no webhook.")


@command(webhooks)
def make(
    address: Annotated[str, typer.Argument(metavar="URL", help="The address.", show_default=False)],
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="EVENT", help="message.sent, reply and the like. May be repeated."),
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="NAME", help="Only of this account. May be repeated.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What it is called.")] = "",
) -> None:
    """Add an address. Its secret is shown now and never again: in a pipe it is all that is written to standard output.

    Example: wasender webhooks make https://example.org/wasender --event message.sent --event reply
    """
    given = {"url": address, "name": name, "events": event, "accounts": account}
    made = target.client().once("/webhooks", {each: value for each, value in given.items() if value})
    _show(made["webhook_id"], made)


@command(webhooks)
def test(webhook_id: Id) -> None:
    """Send an event webhook.test now. The exit code is 7 where it does not arrive.

    Example: wasender webhooks test 1
    """
    found = target.client().call("POST", f"/webhooks/{webhook_id}/test")
    arrived = found["state"] == "delivered"
    output.tell(f"It has arrived ({found['status']})." if arrived else f"It has not arrived: {found['reason']}", found)
    if not arrived:
        raise Failure("not_delivered", "Check the address and what listens there.", Exit.NOT_DONE)


@command(webhooks)
def deliveries(webhook_id: Id, limit: Limit = SHOWN) -> None:
    """List what a webhook is told, or was, newest first.

    Example: wasender webhooks deliveries 1
    """
    found = everything(target.client(), f"/webhooks/{webhook_id}/deliveries", "deliveries", {}, limit)
    rows = [
        (each["delivery_id"], instant(each["at"]), each["type"], each["state"], each["attempts"], each["reason"])
        for each in found
    ]
    titles = ("Delivery", "Happened", "Event", "State", "Attempts", "Why not")
    output.table(titles, rows, {"deliveries": found}, "There is none.")


@command(webhooks)
def replay(webhook_id: Id) -> None:
    """Send everything again that was given up.

    Example: wasender webhooks replay 1
    """
    done = target.client().once(f"/webhooks/{webhook_id}/replay", None)
    output.tell("What was given up is sent again.", done)


@command(webhooks)
def rotate(webhook_id: Id) -> None:
    """Give a webhook a new secret; for a day the old one signs, too.

    Example: wasender webhooks rotate 1
    """
    made = target.client().once(f"/webhooks/{webhook_id}/rotate", None)
    _show(webhook_id, made)


@command(webhooks)
def delete(webhook_id: Id) -> None:
    """Delete a webhook, and what it was still to be told.

    Example: wasender webhooks delete 1
    """
    done = target.client().call("DELETE", f"/webhooks/{webhook_id}")
    output.tell(f"Webhook {webhook_id} is deleted.", done)


def _show(webhook_id: int, made: dict[str, Any]) -> None:
    title = f"The secret of webhook {webhook_id}, which is not shown again:"
    output.secret(title, made["secret"], made, f"wasender webhooks rotate {webhook_id}")
