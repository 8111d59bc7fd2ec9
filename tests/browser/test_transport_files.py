"""Attachments through a real Chromium: the right menu entry, the right bytes, the name and the caption."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from daemon import errors
from daemon.states import AccountState, Finding, Hold, Kind
from daemon.transports.protocol import Attachment, Mark, Outgoing
from standin.client import StandIn
from tests.support.attachments import a_png, an_attachment
from tests.support.driving import ONCE, Driving, a_number

VIA = {Kind.PHOTO: "media", Kind.VIDEO: "media", Kind.AUDIO: "audio", Kind.DOCUMENT: "document"}


def seen(message: dict[str, object]) -> list[tuple[str, str, str]]:
    """Name, digest and way of each file the stand-in got."""
    files = message["files"]
    assert isinstance(files, list)
    return [(file["name"], file["sha256"], file["via"]) for file in files]


def sent(file: Attachment) -> tuple[str, str, str]:
    return (file.filename, hashlib.sha256(file.path.read_bytes()).hexdigest(), VIA[file.kind])


@pytest.mark.parametrize("kind", [Kind.PHOTO, Kind.VIDEO, Kind.DOCUMENT])
@pytest.mark.parametrize("inputs", ["created", "persistent", "menu"])
def test_a_file_with_a_caption(driving: Driving, standin: StandIn, tmp_path: Path, kind: Kind, inputs: str) -> None:
    """The bytes, the name and the caption arrive by the way that belongs to the kind; never as a sticker."""
    driving.set(file_input=inputs)
    driving.reload()
    number, file = a_number(), an_attachment(tmp_path, kind)

    receipt = driving.send(number, "see here 😀\nsecond line", file)

    (message,) = driving.got(number)
    assert [sent(file)] == seen(message)
    assert ("see here 😀\nsecond line", receipt.transport_id) == (message["text"], message["id"])


def test_audio_and_its_text(driving: Driving, tmp_path: Path) -> None:
    """Audio has no caption: the text follows as a message of its own."""
    number, file = a_number(), an_attachment(tmp_path, Kind.AUDIO, b"ID3 audio")

    driving.send(number, "listen", file)

    first, second = driving.got(number)
    assert ([sent(file)], "", "listen") == (seen(first), first["text"], second["text"])


def test_several_pictures_go_at_once(driving: Driving, tmp_path: Path) -> None:
    """Files of one kind leave together, the caption with the first; another kind follows."""
    number = a_number()
    one, two = (an_attachment(tmp_path, Kind.PHOTO, a_png(n), f"{n}.png") for n in (1, 2))
    paper = an_attachment(tmp_path, Kind.DOCUMENT)

    driving.send(number, "three files", one, two, paper)

    pictures, document = driving.got(number)
    assert ([sent(one), sent(two)], "three files") == (seen(pictures), pictures["text"])
    assert [sent(paper)] == seen(document)


def test_a_file_without_a_text_is_found_again(driving: Driving, tmp_path: Path) -> None:
    """A look tells a sent file from one that was not sent."""
    file = an_attachment(tmp_path, Kind.DOCUMENT)
    message = Outgoing(a_number(), "", (file,))
    mark = driving.prepare(message)
    absent = driving.run(driving.transport.look_up(message, mark))
    receipt = driving.send(message.number, "", file)

    found = driving.run(driving.transport.look_up(message, mark))

    assert [Finding.ABSENT, Finding.SENT] == [absent.finding, found.finding]
    assert receipt == found.receipt
    assert Mark(None) == mark


@ONCE
@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        (Kind.DOCUMENT, b"x" * 5000, "larger than the limit"),
        (Kind.DOCUMENT, b"", "empty"),
        (Kind.PHOTO, b"not a picture, and named so", "not supported"),
    ],
    ids=["too-large", "empty", "unsupported"],
)
def test_a_file_whatsapp_refuses(
    driving: Driving, standin: StandIn, tmp_path: Path, kind: Kind, content: bytes, words: str
) -> None:
    """The reason is WhatsApp's, the message is given up, and the next one goes."""
    driving.set(oversize_bytes=4000)
    number = a_number()
    file = an_attachment(tmp_path, kind, content, "notes.txt")

    for _ in range(2):
        with pytest.raises(errors.Undeliverable, match=words):
            driving.prepare(Outgoing(number, "text", (file,)))
    driving.send(number, "without")

    assert ["without"] == [message["text"] for message in driving.got(number)]


@ONCE
def test_a_slow_upload(driving: Driving, standin: StandIn, tmp_path: Path) -> None:
    """The clock stays as long as the upload takes; the receipt comes after it."""
    driving.set(upload_ms=1500)
    number, file = a_number(), an_attachment(tmp_path, Kind.DOCUMENT, b"z" * 300_000)

    driving.send(number, "big", file)

    assert [sent(file)] == seen(driving.got(number)[0])


@ONCE
def test_a_preview_left_open_is_put_away(driving: Driving, tmp_path: Path) -> None:
    """What was prepared and not sent does not go out with the next message."""
    number, other = a_number(), a_number()
    driving.prepare(Outgoing(number, "never sent", (an_attachment(tmp_path, Kind.PHOTO),)))

    driving.send(other, "only this")

    assert ([], ["only this"]) == (driving.got(number), [message["text"] for message in driving.got(other)])


@ONCE
def test_a_menu_without_labels(driving: Driving, standin: StandIn, tmp_path: Path) -> None:
    """Entries of older builds: a list of buttons whose only name is one part of what they show."""
    driving.set(attach_menu="plain")
    number = a_number()
    driving.send(number, "Photos & videos")  # words of a message are no entry
    files = [an_attachment(tmp_path, Kind.PHOTO), an_attachment(tmp_path, Kind.DOCUMENT)]

    driving.send(number, "by the old menu", *files)

    _, picture, document = driving.got(number)
    assert [[sent(file)] for file in files] == [seen(picture), seen(document)]


@ONCE
@pytest.mark.parametrize("part", ["attach", "menu"])
def test_a_missing_part_of_attaching(driving: Driving, standin: StandIn, tmp_path: Path, part: str) -> None:
    """It holds the account until the page has changed, and costs no recipient an attempt."""
    driving.set(missing=[part])
    driving.reload()
    message = Outgoing(a_number(), "x", (an_attachment(tmp_path, Kind.PHOTO),))

    with pytest.raises(errors.AccountUnready):
        driving.prepare(message)
    healths = [driving.health() for _ in range(2)]
    driving.set(missing=[])
    driving.reload()
    driving.send(message.number, message.text, *message.attachments)

    assert [(AccountState.HELD, Hold.PAGE_CHANGED)] * 2 == [(health.state, health.hold) for health in healths]
    assert 1 == len(driving.got(message.number))


@ONCE
def test_a_long_caption_goes_as_a_message(driving: Driving, tmp_path: Path) -> None:
    """More than 1,024 characters do not fit under a picture."""
    number, file = a_number(), an_attachment(tmp_path, Kind.PHOTO)

    driving.send(number, "long " * 300, file)

    picture, text = driving.got(number)
    assert ([sent(file)], "") == (seen(picture), picture["text"])
    assert ("long " * 300).strip() == text["text"].strip()


@pytest.mark.parametrize("menu", ["menuitem", "plain"])
def test_a_menu_that_was_left_open(driving: Driving, tmp_path: Path, menu: str) -> None:
    """A person has opened it, or a sender died over it: the file goes out all the same, and the next one, too."""
    driving.set(attach_menu=menu)
    number, file = a_number(), an_attachment(tmp_path, Kind.DOCUMENT)
    driving.prepare(Outgoing(number, "open"))
    page = driving.transport._page
    assert page is not None
    assert page._surface.ask("click", name="attach")

    for text in ("first", "second"):
        driving.send(number, text, file)

    assert [[sent(file)]] * 2 == [seen(message) for message in driving.got(number)]


@ONCE
def test_another_document_is_not_ours(driving: Driving, tmp_path: Path) -> None:
    """A look-up goes by the name: one that somebody has sent from the phone meanwhile proves nothing."""
    number = a_number()
    mark = driving.prepare(Outgoing(number, "x"))
    paper, other = (an_attachment(tmp_path, Kind.DOCUMENT, name.encode(), name) for name in ("ours.pdf", "other.pdf"))
    driving.send(number, "", other)

    look = [driving.run(driving.transport.look_up(Outgoing(number, "", (file,)), mark)) for file in (paper, other)]

    assert [Finding.UNKNOWN, Finding.SENT] == [each.finding for each in look]
