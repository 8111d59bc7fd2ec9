"""What WhatsApp takes as messages of their own: a text and files → the parts that are handed over one by one. Pure.

Pictures and videos that stand beside each other are one part, an album; each other file is one. The text is the caption
of the first part that can have one, or a part of its own. The same message always has the same parts: what was done
of them is kept by their number.
"""

from __future__ import annotations

from daemon.states import Kind
from daemon.transports.protocol import Attachment, Outgoing

CAPTION_MAX = 1_024
FILES_MAX = 30  #: WhatsApp's limit for files at once
_ALBUM = frozenset({Kind.PHOTO, Kind.VIDEO})


def split(message: Outgoing) -> list[Outgoing]:
    """Its parts, in the order in which they are sent; the message itself where it is of one."""
    groups: list[tuple[Attachment, ...]] = []
    for file in message.attachments:
        if groups and file.kind in _ALBUM and groups[-1][0].kind in _ALBUM and len(groups[-1]) < FILES_MAX:
            groups[-1] += (file,)
        else:
            groups.append((file,))
    text = message.text
    captioned = [at for at, files in enumerate(groups) if files[0].kind is not Kind.AUDIO]
    at = captioned[0] if captioned and len(text) <= CAPTION_MAX else None
    parts = [Outgoing(message.number, text if index == at else "", files) for index, files in enumerate(groups)]
    if at is None and (text.strip() or not parts):
        parts.append(Outgoing(message.number, text))
    return parts


def name(part: Outgoing) -> str:
    """What a person calls the part: the name of its first file, "" for text."""
    return part.attachments[0].filename if part.attachments else ""
