"""JSON bodies: read, checked against their model, and refused with a sentence that names the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import BaseModel, ValidationError

from daemon import errors
from daemon.campaigns.idempotency import Once, digest, valid_key

T = TypeVar("T")

KEY_HEADER = "Idempotency-Key"
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
SHOWN = 40  # characters of a field's name in a sentence


async def read(request: web.Request, model: type[BaseModel], required: bool) -> BaseModel | None:
    """The request's JSON body; None if there is none and it is optional.

    Raises MalformedRequest when it cannot be read, InvalidInput when it does not fit the model.
    """
    try:
        data = await request.read()
    except (BadHttpMessage, aiohttp.ClientPayloadError, web.RequestPayloadError):
        raise errors.MalformedRequest("The body cannot be read: its encoding does not match its headers.") from None
    if not data and not required:
        return None
    if (request.charset or "utf-8").lower() not in CHARSETS:
        raise errors.MalformedRequest("The body is not UTF-8: send JSON in UTF-8.")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise errors.MalformedRequest("The body is not UTF-8: send JSON in UTF-8.") from None
    known = ", ".join(model.model_fields)
    return validated(lambda: model.model_validate_json(text or "null"), "The body", known=known)


def validated(validate: Callable[[], T], name: str, says: str | None = None, known: str = "") -> T:
    """What `validate` returns, or its first error as a sentence.

    name: of the value, unless the error names it. says: what the value has to be. known: the possible fields.
    Raises MalformedRequest for invalid JSON, otherwise InvalidInput.
    """
    try:
        return validate()
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise errors.MalformedRequest(f"The body is not valid JSON: {first['ctx']['error']}.") from None
        place = ".".join(str(part) for part in first["loc"][:2]) or name
        if first["type"] == "extra_forbidden":
            raise errors.InvalidInput(f"The field {place[:SHOWN]} is unknown: use {known}.") from None
        wrong = f" {says}" if says is not None else f": {first['msg'].lower()}"
        raise errors.InvalidInput(f"{place}{wrong}.") from None


def once(request: web.Request, method: str, path: str, caller: str, given: dict[str, Any]) -> Once:
    """The request with its Idempotency-Key, if it has one. Raises InvalidInput."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return Once(f"{method} {path}", caller, None, "")
    if not valid_key(key) or len(request.headers.getall(KEY_HEADER)) > 1:
        raise errors.InvalidInput("The Idempotency-Key must be 1 to 255 ASCII characters.")
    asked = {
        name: each.model_dump(mode="json") if isinstance(each, BaseModel) else each for name, each in given.items()
    }
    return Once(f"{method} {path}", caller, key, digest(asked), dump=_as_json)


def _as_json(answer: Any) -> Any:
    return answer.model_dump(mode="json")
