"""A message as the Cloud API takes it; pure."""

from __future__ import annotations

from typing import Any

from daemon.states import Kind
from daemon.transports.protocol import Attachment, Location, Outgoing, Templated, TemplateValue

TEXT_MAX = 4_096
KINDS = {Kind.PHOTO: "image", Kind.VIDEO: "video", Kind.AUDIO: "audio", Kind.DOCUMENT: "document"}
TAKEN = {  # what Meta takes as such; anything else goes as a document
    "image": frozenset({"image/jpeg", "image/png"}),
    "video": frozenset({"video/mp4", "video/3gpp"}),
    "audio": frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}),
}

GIVEN = {"url": "text", "quick_reply": "payload", "copy_code": "coupon_code"}  # as what a button's value is sent


def file_of(message: Outgoing) -> Attachment | None:
    """The file that has to be uploaded for it."""
    if message.template is not None:
        header = message.template.header
        return header if isinstance(header, Attachment) else None
    return message.attachments[0] if message.attachments else None


def body(message: Outgoing, media_id: str | None) -> dict[str, Any]:
    """What is posted. media_id: of its file."""
    made: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": message.number}
    if message.callback is not None:
        made["biz_opaque_callback_data"] = message.callback
    if message.template is not None:
        return made | {"type": "template", "template": _template(message.template, media_id)}
    if not message.attachments:
        return made | {"type": "text", "text": {"body": message.text, "preview_url": "://" in message.text}}
    file = message.attachments[0]
    kind = kind_of(file)
    media = _media(kind, file, media_id)
    if message.text.strip() and kind != "audio":
        media["caption"] = message.text
    return made | {"type": kind, kind: media}


def kind_of(file: Attachment) -> str:
    """As what it is sent."""
    kind = KINDS[file.kind]
    return kind if kind == "document" or file.mimetype.partition(";")[0] in TAKEN[kind] else "document"


def _media(kind: str, file: Attachment, media_id: str | None) -> dict[str, Any]:
    return {"id": media_id} | ({"filename": file.filename} if kind == "document" else {})


def _template(template: Templated, media_id: str | None) -> dict[str, Any]:
    components: list[dict[str, Any]] = []
    header = template.header
    if isinstance(header, Attachment):
        kind = kind_of(header)
        components.append({"type": "header", "parameters": [{"type": kind, kind: _media(kind, header, media_id)}]})
    elif isinstance(header, Location):
        components.append({"type": "header", "parameters": [{"type": "location", "location": vars(header)}]})
    elif header is not None:
        components.append({"type": "header", "parameters": [_value(header)]})
    if template.body:
        components.append({"type": "body", "parameters": [_value(each) for each in template.body]})
    for button in template.buttons:
        kind = GIVEN[button.kind]
        value = {"type": kind, kind: button.text}
        place = {"type": "button", "sub_type": button.kind, "index": str(button.index)}
        components.append(place | {"parameters": [value]})
    made: dict[str, Any] = {"name": template.name, "language": {"code": template.language}}
    return made | ({"components": components} if components else {})


def _value(value: TemplateValue) -> dict[str, str]:
    named = {} if value.name is None else {"parameter_name": value.name}
    return {"type": "text", **named, "text": value.text}
