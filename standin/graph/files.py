"""Media and samples: uploads, what is known about a file, its content.

Sources: business-phone-numbers/media (2026-09-11): types, sizes, 30 days, an address for 5 minutes; the words of a
wrong type by public reports; resumable uploads by the Graph API's guide of that name (2026-09).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web
from multidict import MultiMapping

from standin.graph.asking import no_more_than
from standin.graph.errors import GraphError, unknown
from standin.graph.world import Media

if TYPE_CHECKING:
    from standin.graph.server import Graph
    from standin.graph.world import Number, World

MB = 2**20
OFFICE = "application/vnd.openxmlformats-officedocument"
#: kind of message: the types that it takes
TYPES = {
    "audio": ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
    "image": ("image/jpeg", "image/png"),
    "video": ("video/mp4", "video/3gpp"),
    "sticker": ("image/webp",),
    "document": (
        "text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint", f"{OFFICE}.wordprocessingml.document", f"{OFFICE}.spreadsheetml.sheet",
        f"{OFFICE}.presentationml.presentation",
    ),
}  # fmt: skip
MOST = {"audio": 16 * MB, "image": 5 * MB, "video": 16 * MB, "sticker": 500 * 1024, "document": 100 * MB}
#: how files of these types begin: one that does not is found out only after it was accepted
BEGINNINGS = {
    "image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "application/pdf": b"%PDF-",
    "audio/ogg": b"OggS", "audio/amr": b"#!AMR",
}  # fmt: skip
URL_S = 300


def kind_of(mimetype: str) -> str | None:
    """The kind of message that a type belongs to."""
    return next((kind for kind, types in TYPES.items() if mimetype in types), None)


def sound(media: Media, kind: str) -> bool:
    """Whether Meta can send it: it is what it says it is, and of the kind that was asked for.

    A document may be of any type.
    """
    beginning = BEGINNINGS.get(media.mimetype, b"")
    return media.content.startswith(beginning) and (kind == "document" or media.mimetype in TYPES[kind])


async def uploaded(graph: Graph, request: web.BaseRequest, number: Number) -> dict[str, Any]:
    """`POST /{number}/media`."""
    fields, file = await _parts(request)
    if fields.get("messaging_product") != "whatsapp":
        raise GraphError(100, message="(#100) The parameter messaging_product is required.")
    for name in fields:
        if name not in ("messaging_product", "type"):
            raise GraphError(100, message=f"(#100) The parameter {name} is unsupported.")
    if file is None:
        raise GraphError(100, message="(#100) The parameter file is required.")
    mimetype, content = file
    kind = kind_of(mimetype)
    if graph.world.switches["sizes"]:
        if kind is None:
            every = ", ".join(each for types in TYPES.values() for each in types)
            text = f"Param file must be a file with one of the following types: {every}. Received file of type"
            raise GraphError(100, message=f"(#100) {text} '{mimetype}'.")
        if not content or len(content) > MOST[kind]:
            raise GraphError(131053, f"File of {len(content)} bytes; {kind} may have up to {MOST[kind]}.")
    return {"id": graph.world.add_media(number, mimetype, content).id}


async def _parts(request: web.BaseRequest) -> tuple[dict[str, str], tuple[str, bytes] | None]:
    """The fields of a form, and its file with the type it has there."""
    if not request.content_type.startswith("multipart/"):
        raise GraphError(100, message="(#100) The parameter file is required.")
    fields: dict[str, str] = {}
    file = None
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise GraphError(100, message="(#100) Invalid parameter")
        content = bytes(await part.read())
        if part.name == "file":
            if part.filename is None:
                raise GraphError(100, message="(#100) The parameter file is required.")
            file = (part.headers.get("Content-Type", "application/octet-stream").split(";")[0].strip(), content)
        else:
            fields[part.name] = content.decode()
    return fields, file


async def shown(graph: Graph, request: web.BaseRequest, media: Media) -> dict[str, Any]:
    """`GET /{media}`: where its content is for the next five minutes."""
    no_more_than(request, "phone_number_id")
    _check(graph.world, media, request.query)
    until = int(graph.world.clock()) + URL_S
    return {
        "messaging_product": "whatsapp", "id": media.id, "mime_type": media.mimetype, "sha256": media.sha256,
        "file_size": len(media.content),
        "url": f"{graph.url}/whatsapp_business/attachments/?mid={media.id}&ext={until}",
    }  # fmt: skip


async def removed(graph: Graph, request: web.BaseRequest, media: Media) -> dict[str, Any]:
    """`DELETE /{media}`."""
    no_more_than(request, "phone_number_id")
    _check(graph.world, media, request.query)
    del graph.world.media[media.id]
    return {"success": True}


def _check(world: World, media: Media, query: MultiMapping[str]) -> None:
    """Raises GraphError when it is another number's, or too old."""
    if query.get("phone_number_id", media.number.id) != media.number.id or not world.has_media(media.id, media.number):
        raise unknown(media.id)


def content(world: World, query: MultiMapping[str]) -> web.Response:
    """What is at the address of a file, as long as it holds."""
    media = world.media.get(query.get("mid", ""))
    until = query.get("ext", "")
    if media is None or not until.isdecimal() or int(until) < world.clock():
        raise GraphError(100, http=404, message="(#100) The media is not there any more")
    return web.Response(body=media.content, content_type=media.mimetype)


async def upload_begun(graph: Graph, request: web.BaseRequest, app: None) -> dict[str, Any]:
    """`POST /{app}/uploads`: a sample for a template, told before it comes."""
    no_more_than(request, "file_length", "file_type", "file_name", "access_token")
    for name in ("file_length", "file_type"):
        if name not in request.query:
            raise GraphError(100, message=f"(#100) The parameter {name} is required.")
    id = f"upload:{graph.world.next_id()}"
    graph.world.uploads[id] = (id, int(request.query["file_length"]))
    return {"id": id}


async def upload_filled(graph: Graph, request: web.BaseRequest, begun: tuple[str, int]) -> dict[str, Any]:
    """`POST /upload:…`: its content; the handle is what a template is made with."""
    if request.headers.get("file_offset") != "0" or len(await request.read()) != begun[1]:
        raise GraphError(100, "file_offset or length do not fit.", message="(#100) Invalid parameter")
    handle = f"4::{graph.world.next_id()}"
    graph.world.handles.add(handle)
    return {"h": handle}
