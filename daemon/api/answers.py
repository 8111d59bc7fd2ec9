"""What an endpoint may answer with, beside a model: a picture, a text, a download that is written as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from aiohttp_sse import EventSourceResponse
from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of all models that are answered. Fields are added over time, never renamed or taken away."""

    model_config = ConfigDict(json_schema_mode_override="serialization", serialize_by_alias=True, validate_by_name=True)

    def http_status(self) -> int:
        """The HTTP status it goes out with."""
        return 200


@dataclass
class Blob:
    """Bytes of one kind, never kept by a browser: they may show whom and what."""

    data: bytes
    media_type: ClassVar[str]
    content_type: ClassVar[str | None] = None  # where it says more than the media type


class Png(Blob):
    media_type = "image/png"


class Svg(Blob):
    media_type = "image/svg+xml"


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
    """A file to be saved, in parts that are read one by one while they are written.

    What is refused has to be refused before the first part. An empty part lets other work have its turn. size: in
    bytes, where the parts tell it before the first one that is not empty.
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


class EventStream(EventSourceResponse):
    """Server-sent events, until the client leaves."""

    media_type: ClassVar[str] = "text/event-stream"
