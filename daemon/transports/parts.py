"""What WhatsApp takes as messages of their own: a text and files → the parts that are handed over one by one. Pure.

Pictures and videos that stand beside each other are one part, an album, where the transport has albums; each other file
is one. The text is the caption
of the first part that can have one, or a part of its own. The same message always has the same parts: what was done
of them is kept by their number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from daemon.states import Kind
from daemon.transports.protocol import Attachment, Outgoing

CAPTION_MAX = 1_024
"""UTF-16 units of a text beside a file."""
FILES_MAX = 30  #: WhatsApp's limit for files at once
_ALBUM = frozenset({Kind.PHOTO, Kind.VIDEO})


def typed(text: str) -> str:
    """The text in a form the editor accepts: `\\n` line ends, no tabs or other control characters."""
    text = re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text).replace("\t", "    ")
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", "", text)


def captions(text: str) -> bool:
    """Whether it can stand beside a file, in the form in which it is typed."""
    if len(text) * 4 <= CAPTION_MAX:  # each sign a tab, or an emoji
        return True
    return len(typed(text).encode("utf-16-le", "surrogatepass")) // 2 <= CAPTION_MAX


def count(text: str, kinds: Sequence[Kind], albums: bool = True) -> int:
    """How many messages WhatsApp makes of a text and files of these kinds."""
    groups = _groups(kinds, albums)
    return len(groups) + (_captioned(text, groups) is None and (bool(text.strip()) or not groups))


def split(message: Outgoing, albums: bool = True) -> list[Outgoing]:
    """Its parts, in the order in which they are sent; the message itself where it is of one, or a template."""
    if message.template is not None:
        return [message]
    left, text = iter(message.attachments), message.text
    groups = _groups([file.kind for file in message.attachments], albums)
    at = _captioned(text, groups)
    files: list[tuple[Attachment, ...]] = [tuple(next(left) for _ in group) for group in groups]
    found = [(text if index == at else "", some) for index, some in enumerate(files)]
    if at is None and (text.strip() or not found):
        found.append((text, ()))
    # What is reported of the last part is reported of the message.
    names = [f"{message.callback}:p:{index}" if message.callback else None for index in range(len(found) - 1)]
    return [
        replace(message, text=text, attachments=some, callback=name)
        for (text, some), name in zip(found, [*names, message.callback], strict=True)
    ]


def _groups(kinds: Sequence[Kind], albums: bool) -> list[list[Kind]]:
    """The kinds of the files of each part."""
    groups: list[list[Kind]] = []
    for kind in kinds:
        if albums and groups and kind in _ALBUM and groups[-1][0] in _ALBUM and len(groups[-1]) < FILES_MAX:
            groups[-1].append(kind)
        else:
            groups.append([kind])
    return groups


def _captioned(text: str, groups: Sequence[Sequence[Kind]]) -> int | None:
    """The part whose caption the text is; None where it is a part of its own."""
    can = [at for at, kinds in enumerate(groups) if kinds[0] is not Kind.AUDIO]
    return can[0] if can and captions(text) else None


def name(part: Outgoing) -> str:
    """What a person calls the part: the name of its first file, "" for text."""
    return part.attachments[0].filename if part.attachments else ""
