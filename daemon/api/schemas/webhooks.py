"""Webhooks and what they are told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Id, Seen, Time, example
from daemon.webhooks import subscriptions
from daemon.webhooks.outbox import Stage

MOST_NAMES = 100
Url = Annotated[StrictStr, Field(max_length=2_000, description="`https`, and no private address unless it is allowed.")]
Name = Annotated[StrictStr, Field(max_length=subscriptions.LONGEST_NAME, description="For people.")]
Events = Annotated[
    list[StrictStr],
    Field(
        max_length=MOST_NAMES,
        description="Events (`message.sent`) or families of them (`message`, `job`, `account`, `reply`).",
    ),
]
Accounts = Annotated[
    list[StrictStr], Field(max_length=MOST_NAMES, description="Only what concerns these accounts; empty: all.")
]


class NewWebhook(Body):
    """An address that is to be told what happens."""

    model_config = example(url="https://example.org/wasender", events=["message", "reply"])

    url: Url
    name: Name = ""
    events: Events | None = Field(None, description="Left out: outcomes of messages, jobs, accounts and replies.")
    accounts: Accounts | None = None


class ChangedWebhook(Body):
    """What is to be changed; what is left out stays."""

    model_config = example(enabled=True)

    url: Url | None = None
    name: Name | None = None
    events: Events | None = None
    accounts: Accounts | None = None
    enabled: StrictBool | None = Field(None, description="Enabled again, it goes on where it was.")
    version: Seen = None


class Rotation(Body):
    """How a secret is replaced."""

    model_config = example(hours=24)

    hours: int = Field(
        subscriptions.ROTATION_HOURS, ge=0, le=720, strict=True, description="How long the old secret signs, too."
    )


class Webhook(Answer):
    """An address that is told what happens."""

    webhook_id: int
    url: str
    name: str
    events: list[str]
    accounts: list[str] | None = Field(description="null: all.")
    enabled: bool
    disabled_at: Time | None
    disabled_why: Literal["person", "failing", "gone"] | None = Field(
        description="`failing`: nothing arrived for 5 days; `gone`: it answered 410."
    )
    failures: int = Field(description="In a row.")
    failing_since: Time | None
    delivered_at: Time | None = Field(description="When something arrived last.")
    waiting: int = Field(
        description="Deliveries that are still to be made, as far as they are not only in the history."
    )
    dead: int = Field(description="Deliveries that were given up after three days.")
    old_secret_until: Time | None = Field(description="Until then the secret before this one signs, too.")
    created_at: Time
    created_by: str
    version: int


class WebhookMade(Webhook):
    """A webhook with its secret, which is not shown again."""

    secret: str | None = Field(
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        description="null: this answer repeats an earlier one, see Idempotency-Key; rotate it if it was lost.",
    )

    def kept(self) -> dict[str, Any]:
        """As an answer is kept for a repeat: without the secret."""
        return super().kept() | {"secret": None}


class Webhooks(Answer):
    """All webhooks."""

    webhooks: list[Webhook]


class Delivery(Answer):
    """Something that a webhook is told, or was."""

    delivery_id: int
    webhook_id: int
    event_id: str = Field(description="The header `webhook-id`: the same however often it is sent.")
    type: str
    topic: str = Field(description="What has the same is told in order.", examples=["message:17"])
    at: Time = Field(description="When it happened.")
    state: Stage
    attempts: int
    due_at: Time | None = Field(description="When it is tried next.")
    tried_at: Time | None
    ended_at: Time | None
    status: int | None = Field(description="What was answered last.")
    code: str | None = Field(description="Why it did not arrive, for a program.")
    reason: str | None = Field(description="The same for a person.")
    elapsed_ms: int | None


class Deliveries(Answer):
    """A page of deliveries, newest first."""

    deliveries: list[Delivery]
    next_cursor: Id | None


class Replayed(Answer):
    """How many deliveries are made again."""

    replayed: int
