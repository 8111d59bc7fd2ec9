"""What a program is told of an order that it has sent."""

from __future__ import annotations

from daemon.accounts import directory
from daemon.formats import placeholders


def warning(found: placeholders.Foreign) -> dict[str, str | None]:
    """A part of the text that is perhaps a mistake, for a program."""
    told = found.told
    return {"code": told.code, "placeholder": found.written, "field": found.field or None, "sentence": str(told)}


def free_text(transport: str, with_template: bool) -> list[str]:
    """What is said of a text that the Cloud API is given."""
    if transport != "cloud" or with_template:
        return []
    return ["A text reaches only people who have written to this account in the last 24 hours: send others a template."]


def note(account: str, now: int, scheduled: bool) -> str:
    """When sending begins, and what it waits for."""
    if scheduled:
        return f"Sending starts at the scheduled time, as soon as account {account} can send."
    if directory.can_send(directory.known(account), now):
        return f"Account {account} is linked: sending starts right away, at its pace."
    return (
        f"Sending starts automatically once account {account} can send: GET /accounts/{account} shows what it waits "
        "for."
    )
