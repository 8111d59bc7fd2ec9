"""JSON bodies: read, checked against their model, and refused with a sentence that names the field."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import BaseModel, ValidationError

from daemon import errors
from daemon.api import forms
from daemon.api.refusals import Why
from daemon.campaigns.idempotency import Once, digest, valid_key
from daemon.contacts import list_entries, uploads
from daemon.server import json_bodies
from daemon.server.refusals import Why as OfServer

T = TypeVar("T")

KEY_HEADER = "Idempotency-Key"
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
WIDE = 10_000  # fields of one entry; what takes people takes far fewer
SHOWN = 40  # characters of a field's name in a sentence


async def received(request: web.Request) -> bytes:
    """The request's body. Raises MalformedRequest, TooLarge."""
    json_bodies.refuse_large(request.content_length or 0)
    request._client_max_size = min(request._client_max_size, json_bodies.MAX_BYTES)  # also of what it unpacks to
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        json_bodies.refuse_large(request._client_max_size + 1)
        raise
    except (BadHttpMessage, aiohttp.ClientPayloadError, web.RequestPayloadError):
        raise errors.MalformedRequest(Why.BODY_UNREADABLE) from None


async def read(request: web.Request, data: bytes, model: type[BaseModel], required: bool) -> BaseModel | None:
    """The JSON that the body is; None if there is none and it is optional.

    Raises MalformedRequest when it cannot be read, InvalidInput when it does not fit the model.
    """
    if not data and not required:
        return None
    if (request.charset or "utf-8").lower() not in CHARSETS:
        raise errors.MalformedRequest(OfServer.NOT_UTF8)
    parse = partial(_parse, data, request.content_type, _most_values(model))
    given = await asyncio.to_thread(parse) if len(data) > json_bodies.SMALL else parse()
    _refuse_unknown(given, model)
    return validated(lambda: model.model_validate(given), "The body")


def _parse(data: bytes, content_type: str, most: int) -> object:
    given = json_bodies.parse(data, content_type, most)
    lists = (
        [(name, value) for name, value in given.items() if isinstance(value, list)] if isinstance(given, dict) else ()
    )
    for name, value in lists:
        wide = (at for at, each in enumerate(value) if isinstance(each, dict) and len(each) > WIDE)
        if (at := next(wide, None)) is not None:
            raise errors.InvalidInput(Why.ENTRY_TOO_WIDE, position=str(at), name=name[:SHOWN])
    return given


def _most_values(model: type[BaseModel]) -> int:
    lists = any("list" in str(each.annotation) for each in model.model_fields.values())
    return json_bodies.MOST_VALUES if lists else json_bodies.FEW_VALUES


def _refuse_unknown(given: object, model: type[BaseModel]) -> None:
    """Raise InvalidInput at the first field that the model does not know; pydantic would make an error of each."""
    unknown = (
        next((name for name in given if name not in model.model_fields), None) if isinstance(given, dict) else None
    )
    if unknown is not None:
        raise errors.InvalidInput(Why.UNKNOWN_FIELD, name=unknown[:SHOWN], known=", ".join(model.model_fields)).at(
            unknown[:SHOWN]
        )


def validated(validate: Callable[[], T], name: str, says: str | None = None) -> T:
    """What `validate` returns, or its first error as a sentence.

    name: of the value, unless the error names it. says: what the value has to be. Raises InvalidInput.
    """
    try:
        return validate()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][:2]) or name
        if first["type"] == "too_long":
            most = first["ctx"]["max_length"]
            raise errors.InvalidInput(Why.TOO_MANY_ENTRIES, name=place, most=f"{most:,}").at(place) from None
        if says is not None:
            raise errors.InvalidInput(Why.VALUE_UNFIT, name=place, says=says).at(place) from None
        wrong = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise errors.InvalidInput(Why.BODY_UNFIT, name=place, reason=wrong).at(place) from None


def once(request: web.Request, operation: str, caller: str, given: dict[str, Any]) -> Once:
    """The request with its Idempotency-Key, if it has one. Raises InvalidInput."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return Once(operation, caller, None, "")
    if not valid_key(key) or len(request.headers.getall(KEY_HEADER)) > 1:
        raise errors.InvalidInput(Why.IDEMPOTENCY_KEY_UNFIT)
    asked = {name: _asked(each) for name, each in given.items()}
    return Once(operation, caller, key, digest(asked), dump=_as_json)


def _asked(value: Any) -> Any:
    """What was sent, as JSON; of a form with a file its digest instead of its content."""
    if isinstance(value, BaseModel):
        return _as_sent(value)
    return value.asked if isinstance(value, forms.Form) else value


def named(body: BaseModel) -> int:
    """What a body is about that only names it, in bytes; 0 for none. Database work."""
    upload_id, list_id = getattr(body, "upload_id", None), getattr(body, "list_id", None)
    return uploads.size(upload_id) if upload_id else list_entries.size(list_id) if list_id else 0


def _as_sent(body: BaseModel) -> dict[str, Any]:
    """The body as JSON; long lists are what was parsed, and copying them would hold other threads up."""
    lists = {name: value for name, value in body if isinstance(value, list)}
    long = {name: value for name, value in lists.items() if not any(isinstance(each, BaseModel) for each in value)}
    return body.model_dump(mode="json", exclude=set(long)) | long


def _as_json(answer: Any) -> Any:
    return answer.kept()
