"""The fields of a form, read within limits: aiohttp's own reading takes any number of them, and holds the loop up."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy

from daemon import errors
from daemon.formats.storable import storable
from daemon.server.refusals import Why

Fields = MultiDictProxy[str | bytes | bytearray | web.FileField]

MOST_FIELDS = 10_000
MOST_PARTS = 1_000  # of a multipart form, each of which costs far more
QUICK = 64 << 10  # bytes that are taken apart at once
CHUNK = 256 << 10
IN_MEMORY = 1 << 20  # of a file; a larger one goes onto the disk
AS_IT_IS = frozenset({"", "binary", "7bit", "8bit", "identity"})
_KEPT: web.RequestKey[Fields] = web.RequestKey("posted", MultiDictProxy)
_HELD: web.RequestKey[bool] = web.RequestKey("held form", bool)


async def posted(request: web.Request) -> Fields:
    """The fields of a form, each time the same. Raises MalformedRequest when it is cut off or its encoding is invalid,
    TooLarge."""
    if _KEPT in request:
        return request[_KEPT]
    try:
        if request.content_type == "multipart/form-data":
            fields = await _multipart(request)
        elif request.content_type in ("", "application/x-www-form-urlencoded"):
            fields = await _urlencoded(request)
        else:
            fields = MultiDict()
    except (ValueError, LookupError, RuntimeError, BadHttpMessage):  # bad end, charset, encoding, headers
        raise errors.MalformedRequest(Why.FORM_CUT_OFF) from None
    found: Fields = MultiDictProxy(fields)
    request[_KEPT] = found
    return found


def close(request: web.Request) -> None:
    """Close the files of the form, if one was read and nothing holds it."""
    if request.get(_HELD):
        return
    for each in request[_KEPT].values() if _KEPT in request else ():
        if isinstance(each, web.FileField):
            each.file.close()


def hold(request: web.Request) -> None:
    """Keep the files of the form open beyond the request, for work that goes on; until `release`."""
    request[_HELD] = True


def release(request: web.Request) -> None:
    """Close them."""
    request[_HELD] = False
    close(request)


async def parts(form: MultipartReader) -> Any:
    """The parts of a form, one after the other. Raises TooLarge, and ValueError for what no browser sends."""
    count = 0
    while (part := await form.next()) is not None:
        count += 1
        if count > MOST_PARTS:
            raise errors.TooLarge(Why.TOO_MANY_PARTS, most=f"{MOST_PARTS:,}")
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form in a form")
        for header in ("Content-Encoding", "Content-Transfer-Encoding"):
            if part.headers.get(header, "").lower() not in AS_IT_IS:
                raise ValueError("a part that is packed")
        yield part


async def _urlencoded(request: web.Request) -> MultiDict[Any]:
    data = await request.read()
    if data.count(b"&") >= MOST_FIELDS:
        raise errors.TooLarge(Why.FORM_FIELDS_TOO_MANY, most=f"{MOST_FIELDS:,}")
    take = partial(_pairs, data, request.charset or "utf-8")
    return MultiDict(take() if len(data) <= QUICK else await asyncio.to_thread(take))


def _pairs(data: bytes, charset: str) -> list[tuple[str, str]]:
    pairs = parse_qsl(data.rstrip().decode(charset), keep_blank_values=True, encoding=charset)
    return [(readable(name), storable(value)) for name, value in pairs]


async def _multipart(request: web.Request) -> MultiDict[Any]:
    fields: MultiDict[Any] = MultiDict()
    left = request.client_max_size or None
    async for part in parts(await request.multipart()):
        if not part.name:
            raise ValueError("a part without a name")
        is_file = part.filename is not None
        content: Any = tempfile.SpooledTemporaryFile(IN_MEMORY) if is_file else bytearray()  # noqa: SIM115
        while chunk := await part.read_chunk(CHUNK):
            if left is not None and (left := left - len(chunk)) < 0:
                raise web.HTTPRequestEntityTooLarge(max_size=request.client_max_size, actual_size=-left)
            (content.write if is_file else content.extend)(chunk)
        name = readable(part.name)
        if is_file:
            content.seek(0)
            headers = CIMultiDictProxy(CIMultiDict(part.headers))
            kind = part.headers.get("Content-Type", "application/octet-stream")
            fields.add(name, web.FileField(name, readable(part.filename), content, kind, headers))
        else:
            fields.add(name, storable(content.decode(part.get_charset(default="utf-8"))))
    return fields


def readable(name: str) -> str:
    """The name of a field or file, which comes in a header, with � for bytes that are not UTF-8: it can be shown and
    stored."""
    return name.encode(errors="surrogatepass").decode(errors="replace")
