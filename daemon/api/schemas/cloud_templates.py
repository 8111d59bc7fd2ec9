"""WhatsApp templates of the Cloud API."""

from __future__ import annotations

from pydantic import Field

from daemon.api.answers import Answer
from daemon.api.schemas.common import Time


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
    media: str | None = Field(description="What its header shows instead: `image`, `video` or `document`.")
    body: str
    footer: str | None
    buttons: list[Button]
    values: list[str] = Field(description="What has to be filled in, as `values` of `POST /send` call it.")
    version: int = Field(description="Grows when its text, header or buttons change.")
    synced_at: Time
    changed_at: Time


class CloudTemplates(Answer):
    """WhatsApp templates, by account, name and language."""

    templates: list[CloudTemplate]
    next_cursor: str | None = Field(None, description="Where the next page begins; null: this is the last.")
