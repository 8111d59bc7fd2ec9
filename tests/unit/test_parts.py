"""What WhatsApp takes as messages of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.states import E164, Kind
from daemon.transports import parts
from daemon.transports.browser import composing
from daemon.transports.protocol import Attachment, Outgoing

PHOTO, VIDEO, PAPER, SOUND = Kind.PHOTO, Kind.VIDEO, Kind.DOCUMENT, Kind.AUDIO


def split(text: str, *kinds: Kind) -> list[tuple[str, list[Kind]]]:
    files = tuple(Attachment(Path("x"), f"{at}", kind, "", 1) for at, kind in enumerate(kinds))
    found = parts.split(Outgoing(E164("+49"), text, files))
    assert list(files) == [file for part in found for file in part.attachments]
    return [(part.text, [file.kind for file in part.attachments]) for part in found]


@pytest.mark.parametrize(
    ("text", "kinds", "expected"),
    [
        ("a", [], [("a", [])]),
        ("a", [PAPER], [("a", [PAPER])]),
        ("a", [PAPER, PHOTO], [("a", [PAPER]), ("", [PHOTO])]),
        ("a", [PAPER, PAPER], [("a", [PAPER]), ("", [PAPER])]),
        ("a", [PHOTO, VIDEO, PHOTO], [("a", [PHOTO, VIDEO, PHOTO])]),
        ("a", [PHOTO, PAPER, PHOTO], [("a", [PHOTO]), ("", [PAPER]), ("", [PHOTO])]),
        ("a", [SOUND], [("", [SOUND]), ("a", [])]),
        ("a", [SOUND, PAPER], [("", [SOUND]), ("a", [PAPER])]),
        ("", [SOUND], [("", [SOUND])]),
        ("a" * 1025, [PHOTO], [("", [PHOTO]), ("a" * 1025, [])]),
        ("\N{GRINNING FACE}" * 513, [PHOTO], [("", [PHOTO]), ("\N{GRINNING FACE}" * 513, [])]),
        ("a" * 1021 + "\t", [PHOTO], [("", [PHOTO]), ("a" * 1021 + "\t", [])]),
        ("a" * 1020 + "\t", [PHOTO], [("a" * 1020 + "\t", [PHOTO])]),
        ("a\r\n" * 512, [PAPER], [("a\r\n" * 512, [PAPER])]),
        ("a", [PHOTO] * 31, [("a", [PHOTO] * 30), ("", [PHOTO])]),
    ],
)
def test_the_parts_of_a_message(text: str, kinds: list[Kind], expected: list[tuple[str, list[Kind]]]) -> None:
    """An album is one; a text is a caption where it can be one, as it is typed."""
    assert expected == split(text, *kinds)
    assert len(expected) == parts.count(text, kinds)
    if kinds and PHOTO in kinds and len(kinds) == 1:  # each part leaves with one click
        pieces = parts.split(Outgoing(E164("+49"), text, (Attachment(Path("x"), "x", PHOTO, "", 1),)))
        assert [1] * len(pieces) == [len(composing.plan(each)) for each in pieces]
