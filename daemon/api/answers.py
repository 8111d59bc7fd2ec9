"""What an endpoint may answer with, other than a model: a picture, a text, or a download written while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp_sse import EventSourceResponse
from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of all models in answers. Fields may be added over time, but are never renamed or removed."""

    model_config = ConfigDict(
        json_schema_mode_override="serialization", serialize_by_alias=True, validate_by_name=True, from_attributes=True
    )

    def lasting(self) -> str:
        """What its ETag is made of: all of it but what changes with the clock alone."""
        return self.model_dump_json()

    def http_status(self) -> int:
        """The HTTP status of the response."""
        return 200

    def kept(self) -> dict[str, Any]:
        """As JSON, for a repeat of the request."""
        return self.model_dump(mode="json")


@dataclass
class Blob:
    """Bytes of one content type, never cached by a browser, because they may show people or texts."""

    data: bytes
    media_type: ClassVar[str]
    content_type: ClassVar[str | None] = None  # if it is more than the media type


class Png(Blob):
    media_type = "image/png"


class Svg(Blob):
    media_type = "image/svg+xml"


class Text(Blob):
    media_type = "text/plain"
    content_type = "text/plain; charset=utf-8"


class Metrics(Blob):
    media_type = "text/plain"
    content_type = "text/plain; version=0.0.4; charset=utf-8"


class Document(Blob):
    media_type = "application/json"


class Html(Blob):
    media_type = "text/html"
    content_type = "text/html; charset=utf-8"


@dataclass
class Download:
    """A file to be saved, in parts that are read one by one while they are sent.

    Errors can only be raised before the first part. An empty part lets other work have a turn. size: in bytes, if it is
    known before the first part that is not empty.
    """

    filename: str
    parts: Iterator[bytes]
    size: int | None = field(default=None)
    media_type: ClassVar[str]
    content_type: ClassVar[str]


class Csv(Download):
    media_type = "text/csv"
    content_type = "text/csv; charset=utf-8"


class Xlsx(Download):
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    content_type = media_type


class JsonLines(Download):
    media_type = "application/x-ndjson"
    content_type = media_type


class EventStream(EventSourceResponse):
    """Server-sent events, until the client leaves."""

    media_type: ClassVar[str] = "text/event-stream"
