"""WhatsApp templates of the Cloud API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Phone, Time, example


class Button(Answer):
    """A button of a template. value: what its value is called, null where it takes none."""

    text: str
    kind: str
    value: str | None


class CloudTemplate(Answer):
    """A WhatsApp template, as Meta last told."""

    id: int
    account: str
    name: str
    language: str
    status: str = Field(description="In Meta's words, as `category` and `quality`: only `APPROVED` can be sent.")
    category: str | None
    quality: str | None
    rejected_for: str | None = Field(description="Why Meta has rejected it.")
    usable: bool = Field(description="Whether `POST /send` takes it.")
    reason: str | None = Field(description="Why not.")
    code: str | None = Field(description="The same for a program.")
    header: str | None = Field(description="The text of its header.")
    media: str | None = Field(description="What its header shows instead: `image`, `video`, `document` or `location`.")
    body: str
    footer: str | None
    buttons: list[Button]
    values: list[str] = Field(description="What has to be filled in, as `values` of `POST /send` call it.")
    version: int = Field(description="Grows when its text, header or buttons change.")
    synced_at: Time
    changed_at: Time


class CloudNumber(Answer):
    """A number, as Meta sees it, in Meta's words."""

    number: Phone
    verified_name: str
    status: str
    quality: str
    throughput: str
    limit: str = Field(description="How many people may be written to in 24 hours, such as `TIER_2K`.")
    most_people: int | None = Field(
        description="The same as a number, for all numbers of the business account; null: any number, or not known yet."
    )
    people: int = Field(description="How many of these there were in the last 24 hours.")
    can_send: str = Field(description="`AVAILABLE`, `LIMITED` or `BLOCKED`; empty: Meta does not say.")
    in_the_way: str = Field(description="Why it is limited or blocked, and what to do.")


class CloudStep(Answer):
    """A step of the setup. done: null, if it could not be looked at."""

    step: Literal[
        "ids", "token", "number", "permission", "secrets", "address", "subscription", "webhook", "template"
    ]  # fmt: skip
    done: bool | None
    sentence: str = Field(description="How it is, or what to do.")
    code: str


class CloudSetup(Answer):
    """How far an account of the Cloud API is set up, and its number."""

    account: str
    number: CloudNumber | None
    steps: list[CloudStep]


class SyncTemplates(Body):
    """Whose templates are read from Meta."""

    model_config = example(account="shop")

    account: StrictStr | None = Field(None, description="An account of the Cloud API; without it, the usual one.")


class TemplatesSynced(Answer):
    """The templates are as Meta has them now."""

    success: Literal[True] = True
    account: str
    total: int
    added: int
    changed: int
    gone: int


class NewTemplateButton(Body):
    """A button: with an address it opens that, without one a tap answers with its text."""

    text: StrictStr
    url: StrictStr = Field("", description="It may end with `{{1}}`.")
    example: StrictStr = Field("", description="The whole address, filled in, if it ends so.")


class NewCloudTemplate(Body):
    """A WhatsApp template to hand in to Meta."""

    model_config = example(
        name="order_ready", language="en_US", category="UTILITY", body="Hello {{1}}, your order is ready.",
        examples={"1": "Ada"}, footer="Reply STOP to end",
    )  # fmt: skip

    account: StrictStr | None = Field(None, description="An account of the Cloud API; without it, the usual one.")
    name: StrictStr = Field(description="Small letters, digits and `_`.")
    language: StrictStr = Field(description="As WhatsApp writes it: `en_US`, `de`, `pt_BR`.")
    category: StrictStr = Field(description="`MARKETING` or `UTILITY`. Meta may take it for the other one.")
    body: StrictStr = Field(description="The text, with places `{{1}}`, `{{2}}` … or `{{name}}`.")
    examples: dict[str, StrictStr] = Field(
        {}, max_length=100, description="What may stand in each place of the body, by its number or name."
    )
    header: StrictStr = Field("", description="A text above it, with one place at most.")
    header_example: StrictStr = ""
    footer: StrictStr = ""
    buttons: list[NewTemplateButton] = Field([], max_length=10)


class CloudTemplates(Answer):
    """WhatsApp templates, by account, name and language."""

    templates: list[CloudTemplate]
    next_cursor: str | None = Field(None, description="Where the next page begins; null: this is the last.")
