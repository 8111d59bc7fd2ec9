"""WhatsApp accounts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Phone, Seen, Time, example

Whole = Annotated[int, Field(strict=True)]
Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class OwnSettings(Body):
    """Settings of an account's own; null, or left out for a new account, means the default of the installation."""

    title: StrictStr | None = Field(None, description="What people call it; null: its name.")
    transport: StrictStr | None = Field(None, description="`browser` (WhatsApp Web), `cloud` (Cloud API) or `dryrun`.")
    hourly_cap: Whole | None = None
    daily_cap: Whole | None = None
    quiet_hours: StrictStr | None = Field(None, description="Such as `21:00-08:00`; an empty text for none.")
    timezone: StrictStr | None = Field(None, description="Such as `Europe/Berlin`.")
    country: StrictStr | None = Field(None, description="Of numbers written without one: an ISO code, such as `DE`.")
    delay_min: Seconds | None = Field(None, description="Shortest pause between two messages, in seconds.")
    delay_max: Seconds | None = None
    long_pause_every: Whole | None = Field(None, description="Messages between two long pauses; 0: no long pause.")
    long_pause_min: Seconds | None = None
    long_pause_max: Seconds | None = None
    canary: StrictStr | None = Field(None, description="Its own number, which gets a test message every hour.")
    cloud_phone_number_id: StrictStr | None = Field(None, description="Meta's id of the telephone number that sends.")
    cloud_business_account_id: StrictStr | None = Field(None, description="Of its WhatsApp Business account.")
    cloud_throughput: Whole | None = Field(None, description="Messages a second that Meta allows it.")
    cloud_token: StrictStr | None = Field(None, description="Access token of a system user; it is not answered.")
    cloud_app_secret: StrictStr | None = Field(None, description="Secret of Meta's app; it is not answered.")
    cloud_verify_token: StrictStr | None = Field(None, description="For Meta's check; it is not answered.")


class NewAccount(OwnSettings):
    """An account to be added. Its name is for good; its title can be changed."""

    model_config = example(name="shop", title="Shop", daily_cap=200)

    name: StrictStr = Field(description="Letters, digits, `-` and `_`, 32 at most.")


class Limits(OwnSettings):
    """What to change about an account. Fields that are left out stay as they are."""

    model_config = example(title="Shop", daily_cap=200, quiet_hours="21:00-08:00")

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
    title: str = Field(description="What people call it: its name, as long as nothing else was set.")
    number: Phone | None = Field(description="Its own telephone number, where it is known: when it was linked by it.")
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
    hourly_cap: int | None = Field(
        description="Its own, like all up to `cloud_throughput`; null: the default of the settings."
    )
    daily_cap: int | None
    quiet_hours: str | None
    timezone: str | None
    country: str | None
    transport: str | None
    delay_min: float | None
    delay_max: float | None
    long_pause_every: int | None
    long_pause_min: float | None
    long_pause_max: float | None
    canary: Phone | None
    cloud_phone_number_id: str | None
    cloud_business_account_id: str | None
    cloud_throughput: int | None
    cloud_token_set: bool = Field(description="Whether it has a token of its own; likewise the next two.")
    cloud_app_secret_set: bool
    cloud_verify_token_set: bool
    version: int = Field(description="Version of its own settings; grows with each change to them.")
    dry_run: bool = Field(description="Whether its sender is a dry run, which sends nothing.")
    limits: LimitsInForce
    used: Used
    opens_at: Time | None
    opens_why: str
    wish: Wish | None
    screenshot_at: Time | None
    page_check_at: Time | None = Field(description="Of `GET /accounts/{name}/page_check.json`.")

    def lasting(self) -> str:
        return self.model_dump_json(exclude={"seen_at"})  # its sender's heartbeat


class AccountAsked(Account):
    """The account after a command to its sender, which carries it out when no message is being sent."""

    success: Literal[True] = True
    message: str


class Accounts(Answer):
    """All accounts."""

    accounts: list[Account]
    next_cursor: str | None = Field(None, description="Where the next page begins; null: this is the last.")
    senders: int = Field(description="How many senders the settings ask for (`WASENDER_SENDERS`).")
    without_sender: list[str] = Field(description="Accounts that no sender drives now: nothing is sent from them.")
    note: str | None = Field(description="What to do when there are more accounts than senders.")

    def lasting(self) -> str:
        rest = self.model_dump_json(exclude={"accounts"})
        return f"{rest} {[each.lasting() for each in self.accounts]}"


class AccountRemoved(Answer):
    """The account is removed."""

    success: Literal[True] = True
    message: str


class LinkCode(Answer):
    """The code to enter on the phone to link it."""

    code: str
    number: Phone | None
    at: Time | None
