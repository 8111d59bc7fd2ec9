"""WhatsApp accounts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Phone, Seen, Time, example


class Limits(Body):
    """An account's own limits. Fields that are left out stay as they are; null means the default of the settings."""

    model_config = example(daily_cap=200, quiet_hours="21:00-08:00")

    hourly_cap: Annotated[int, Field(strict=True)] | None = None
    daily_cap: Annotated[int, Field(strict=True)] | None = None
    quiet_hours: StrictStr | None = Field(None, description="Such as `21:00-08:00`; an empty text for none.")
    timezone: StrictStr | None = Field(None, description="Such as `Europe/Berlin`.")
    version: Seen = None


class Link(Body):
    """How to link: with a code for the phone's number, or with the QR code if no number is given."""

    model_config = example(number="+4915110000000")

    number: StrictStr | None = None


class Wish(Answer):
    """The last command to an account's sender."""

    what: str
    stage: str
    who: str
    at: Time
    ended_at: Time | None
    outcome: str | None = Field(description="The outcome, for a person; null until it has ended.")
    code: str | None = Field(description="The same for a program, such as `reloaded` or `sender_busy`.")


class LimitsInForce(Answer):
    """The limits in force for an account, its own and those of the settings."""

    hourly_cap: int
    daily_cap: int
    quiet_hours: str
    timezone: str


class Used(Answer):
    """How many messages an account has handed over in the last hour and the last 24 hours."""

    hour: int
    day: int


class Account(Answer):
    """A WhatsApp account: its state, its limits, and what it waits for."""

    name: str
    state: str
    alive: bool = Field(description="Whether its sender runs.")
    hold: str | None
    detail: str | None
    code: str | None = Field(description="`detail` for a program, where it has a code.")
    until: Time | None
    can_send: bool
    seen_at: Time | None
    next_send_at: Time | None
    next_reason: str
    known_chats: bool
    slow_until: Time | None
    canary_at: Time | None
    link_code_at: Time | None
    hourly_cap: int | None = Field(description="Its own, like the next three; null: the default of the settings.")
    daily_cap: int | None
    quiet_hours: str | None
    timezone: str | None
    version: int = Field(description="Version of its own limits; grows with each change to them.")
    dry_run: bool = Field(description="Whether its sender is a dry run, which sends nothing.")
    limits: LimitsInForce
    used: Used
    opens_at: Time | None
    opens_why: str
    wish: Wish | None
    screenshot_at: Time | None
    page_check_at: Time | None = Field(description="Of `GET /accounts/{name}/page_check.json`.")


class AccountAsked(Account):
    """The account after a command to its sender, which carries it out when no message is being sent."""

    success: Literal[True] = True
    message: str


class Accounts(Answer):
    """All accounts."""

    accounts: list[Account]


class LinkCode(Answer):
    """The code to enter on the phone to link it."""

    code: str
    number: Phone | None
    at: Time | None
