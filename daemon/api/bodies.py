"""JSON bodies: read, checked against their model, and refused with a sentence that names the field."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import BaseModel, ValidationError

from daemon import errors
from daemon.api.refusals import Why
from daemon.campaigns.idempotency import Once, digest, valid_key
from daemon.server import json_bodies
from daemon.server.refusals import Why as OfServer

T = TypeVar("T")

KEY_HEADER = "Idempotency-Key"
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
SHOWN = 40  # characters of a field's name in a sentence


async def read(request: web.Request, model: type[BaseModel], required: bool) -> BaseModel | None:
    """The request's JSON body; None if there is none and it is optional.

    Raises MalformedRequest when it cannot be read, InvalidInput when it does not fit the model.
    """
    json_bodies.refuse_large(request.content_length or 0)
    try:
        data = await request.read()
    except (BadHttpMessage, aiohttp.ClientPayloadError, web.RequestPayloadError):
        raise errors.MalformedRequest(Why.BODY_UNREADABLE) from None
    if not data and not required:
        return None
    if (request.charset or "utf-8").lower() not in CHARSETS:
        raise errors.MalformedRequest(OfServer.NOT_UTF8)
    arguments = (data, request.content_type, _most_values(model))
    if len(data) > json_bodies.SMALL:
        given = await asyncio.to_thread(json_bodies.parse, *arguments)
    else:
        given = json_bodies.parse(*arguments)
    _refuse_unknown(given, model)
    return validated(lambda: model.model_validate(given), "The body")


def _most_values(model: type[BaseModel]) -> int:
    lists = any("list" in str(each.annotation) for each in model.model_fields.values())
    return json_bodies.MOST_VALUES if lists else json_bodies.FEW_VALUES


def _refuse_unknown(given: object, model: type[BaseModel]) -> None:
    """Raise InvalidInput at the first field that the model does not know; pydantic would make an error of each."""
    unknown = (
        next((name for name in given if name not in model.model_fields), None) if isinstance(given, dict) else None
    )
    if unknown is not None:
        raise errors.InvalidInput(Why.UNKNOWN_FIELD, name=unknown[:SHOWN], known=", ".join(model.model_fields))


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
            raise errors.InvalidInput(Why.TOO_MANY_ENTRIES, name=place, most=f"{most:,}") from None
        if says is not None:
            raise errors.InvalidInput(Why.VALUE_UNFIT, name=place, says=says) from None
        wrong = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise errors.InvalidInput(Why.BODY_UNFIT, name=place, reason=wrong) from None


def once(request: web.Request, method: str, path: str, caller: str, given: dict[str, Any]) -> Once:
    """The request with its Idempotency-Key, if it has one. Raises InvalidInput."""
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return Once(f"{method} {path}", caller, None, "")
    if not valid_key(key) or len(request.headers.getall(KEY_HEADER)) > 1:
        raise errors.InvalidInput(Why.IDEMPOTENCY_KEY_UNFIT)
    asked = {
        name: each.model_dump(mode="json") if isinstance(each, BaseModel) else each for name, each in given.items()
    }
    return Once(f"{method} {path}", caller, key, digest(asked), dump=_as_json)


def _as_json(answer: Any) -> Any:
    return answer.model_dump(mode="json")
