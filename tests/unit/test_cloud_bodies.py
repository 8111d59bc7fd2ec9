"""A message as the Cloud API takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.states import E164, Kind
from daemon.transports import parts
from daemon.transports.cloud import bodies
from daemon.transports.cloud.codes import plain
from daemon.transports.protocol import Attachment, Outgoing, TemplateButton, Templated, TemplateValue

TO = E164("+491512345678")


def file(kind: Kind, mimetype: str, name: str = "a file") -> Attachment:
    return Attachment(Path("data/attachments/abc"), name, kind, mimetype, 5)


def content(message: Outgoing) -> dict[str, Any]:
    """The body without what all have."""
    body = bodies.body(message, "77")
    assert ("whatsapp", "individual", TO) == tuple(
        body.pop(name) for name in ("messaging_product", "recipient_type", "to")
    )
    return body


@pytest.mark.parametrize(
    ("kind", "mimetype", "text", "expected"),
    [
        (Kind.PHOTO, "image/png", "Look", {"type": "image", "image": {"id": "77", "caption": "Look"}}),
        (Kind.VIDEO, "video/mp4", "", {"type": "video", "video": {"id": "77"}}),
        (Kind.AUDIO, "audio/ogg; codecs=opus", "", {"type": "audio", "audio": {"id": "77"}}),
        (Kind.DOCUMENT, "application/pdf", "Hi",
         {"type": "document", "document": {"id": "77", "filename": "a file", "caption": "Hi"}}),
        (Kind.PHOTO, "image/webp", "", {"type": "document", "document": {"id": "77", "filename": "a file"}}),
    ],
)  # fmt: skip
def test_a_file_goes_as_what_meta_takes_it_for(kind: Kind, mimetype: str, text: str, expected: dict[str, Any]) -> None:
    """A picture of a kind that Meta does not show is a document."""
    assert expected == content(Outgoing(TO, text, (file(kind, mimetype),)))


def test_a_text_has_its_callback_data() -> None:
    """Meta repeats it in every receipt; a template and a file have it, too."""
    expected = {"type": "text", "text": {"body": "Hello", "preview_url": False}, "biz_opaque_callback_data": "m:1:a:1"}
    assert expected == content(Outgoing(TO, "Hello", callback="m:1:a:1"))
    template = Outgoing(TO, "", template=Templated("plain", "de"), callback="m:2:a:3")
    photo = Outgoing(TO, "", (file(Kind.PHOTO, "image/png"),), callback="m:3:a:1")
    assert ["m:2:a:3", "m:3:a:1"] == [content(each)["biz_opaque_callback_data"] for each in (template, photo)]


def test_a_template_has_its_values_by_place_or_name() -> None:
    """Header, body and buttons; a file in the header is named by its id there."""
    message = Templated(
        "spring", "en_US",
        (TemplateValue("Ann"), TemplateValue("10 %")),
        file(Kind.PHOTO, "image/jpeg"),
        (TemplateButton(0, "url", "ann"), TemplateButton(1, "quick_reply", "STOP")),
    )  # fmt: skip
    components = [
        {"type": "header", "parameters": [{"type": "image", "image": {"id": "77"}}]},
        {"type": "body", "parameters": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "10 %"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "ann"}]},
        {
            "type": "button",
            "sub_type": "quick_reply",
            "index": "1",
            "parameters": [{"type": "payload", "payload": "STOP"}],
        },
    ]
    expected = {"name": "spring", "language": {"code": "en_US"}, "components": components}
    assert {"type": "template", "template": expected} == content(Outgoing(TO, "", template=message))

    named = Templated("hello", "de", (TemplateValue("Ann", "first"),), TemplateValue("Today", "day"))
    components = [
        {"type": "header", "parameters": [{"type": "text", "parameter_name": "day", "text": "Today"}]},
        {"type": "body", "parameters": [{"type": "text", "parameter_name": "first", "text": "Ann"}]},
    ]
    found = content(Outgoing(TO, "", template=named))["template"]
    assert {"name": "hello", "language": {"code": "de"}, "components": components} == found
    assert {"name": "plain", "language": {"code": "de"}} == content(
        Outgoing(TO, "", template=Templated("plain", "de"))
    )["template"]


def test_each_file_is_a_message_of_its_own_with_its_own_callback_data() -> None:
    """There are no albums; a template is of one part."""
    photo = file(Kind.PHOTO, "image/png")
    split = parts.split(Outgoing(TO, "Look", (photo, photo), callback="m:1:a:2"), albums=False)
    assert [("Look", 1, "m:1:a:2:p:0"), ("", 1, "m:1:a:2")] == [
        (each.text, len(each.attachments), each.callback) for each in split
    ]
    alone = Outgoing(TO, "x", (photo,), Templated("a", "de"), "m:1:a:1")
    assert ([alone], 2) == (parts.split(alone, albums=False), parts.count("Look", [Kind.PHOTO] * 2, albums=False))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Parameter +49 151 2345678 is wrong", "Parameter +… is wrong"),
        ("body: number of params (1)\ndoes not match (3)", "body: number of params (1) does not match (3)"),
    ],
)
def test_metas_words_are_shown_without_numbers(words: str, expected: str) -> None:
    """They may repeat whom it was for."""
    assert expected == plain(words)
