"""Files to send, of each kind."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from daemon.states import Kind
from daemon.transports.protocol import Attachment

MIMES = {Kind.PHOTO: "image/png", Kind.VIDEO: "video/mp4", Kind.AUDIO: "audio/mpeg", Kind.DOCUMENT: "application/pdf"}
NAMES = {Kind.PHOTO: "photo.png", Kind.VIDEO: "film.mp4", Kind.AUDIO: "song.mp3", Kind.DOCUMENT: "Offer 2026 – ä.pdf"}


def a_png(shade: int) -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes([0, shade]))) + chunk(b"IEND", b"")


def an_attachment(folder: Path, kind: Kind, content: bytes | None = None, name: str | None = None) -> Attachment:
    """A stored file, under a name that is not the one to be seen."""
    content = a_png(7) if content is None and kind is Kind.PHOTO else content if content is not None else b"%PDF-1.4 x"
    path = folder / hashlib.sha256(content).hexdigest()[:16]
    path.write_bytes(content)
    return Attachment(path, name or NAMES[kind], kind, MIMES[kind], len(content))
