"""Turns what an endpoint returned into the response."""

from __future__ import annotations

import json
from typing import Any

import structlog
from aiohttp import web

from daemon import errors
from daemon.api import tags
from daemon.api.answers import Answer, Blob, Download
from daemon.server.visitors import SAFE, in_db

log = structlog.get_logger()

JSON = "application/json"


async def respond(request: web.Request, made: Answer | Blob | Download) -> web.StreamResponse:
    """The response; that of a download has been sent when this returns."""
    if isinstance(made, Answer):
        return _answer(request, made)
    if isinstance(made, Blob):
        kind = {"Content-Type": made.content_type or made.media_type}
        return web.Response(body=made.data, headers=kind | {"Cache-Control": "no-store"})
    return await _send(request, made)


def _answer(request: web.Request, made: Answer) -> web.Response:
    status = made.http_status()
    if request.method not in SAFE or status != 200:
        return web.Response(text=made.model_dump_json(), status=status, content_type=JSON)
    headers = {tags.HEADER: tags.tag(made)}
    if tags.known(request.headers.get(tags.ASKED), headers[tags.HEADER]):
        return web.Response(status=304, headers=headers)
    return web.Response(text=made.model_dump_json(), headers=headers, content_type=JSON)


def as_json(answer: Any) -> web.Response:
    """A stored answer as a response, written as the first one was."""
    return web.Response(text=json.dumps(answer, ensure_ascii=False, separators=(",", ":")), content_type=JSON)


async def _send(request: web.Request, file: Download) -> web.StreamResponse:
    """Send a download part by part; an error raised by its first part is answered as usual. At a later one the
    connection is cut: nobody takes what has arrived for the whole, or waits for the rest."""
    part = await in_db(request, next, file.parts, None)
    while part == b"":
        part = await in_db(request, next, file.parts, None)
    headers = {"Content-Type": file.content_type, "Content-Disposition": f'attachment; filename="{file.filename}"'}
    if file.size is not None:
        headers["Content-Length"] = str(file.size)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    try:
        while part is not None:
            if part:
                await response.write(part)
            part = await in_db(request, next, file.parts, None)
    except ConnectionResetError:  # the client has gone
        raise
    except Exception as error:
        if request.transport is not None:
            request.transport.abort()
        if isinstance(error, errors.DaemonError):  # others are logged as what nobody foresaw
            log.warning("download.cut", reason=error.told.code)
        raise
    return response
