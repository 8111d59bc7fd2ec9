"""What a file is by its first bytes: an ending is only what somebody called it."""

from __future__ import annotations

HEAD = 4_096
"""Bytes that `sniff` looks at."""

_WORDS = 3  # of which a text has more
_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"%PDF", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0", "application/x-ole-storage"),
    (b"<svg", "image/svg+xml"),
    (b"<?xml", "text/xml"),
    (b"<!DOCTYPE", "text/html"),
    (b"<html", "text/html"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = (  # of ISO media files, by their beginning
    (b"he", "image/heic"),
    (b"mif1", "image/heic"),
    (b"msf1", "image/heic"),
    (b"avi", "image/avif"),
    (b"M4A", "audio/mp4"),
    (b"M4B", "audio/mp4"),
    (b"3g", "video/3gpp"),
    (b"qt", "video/quicktime"),
)


def sniff(head: bytes) -> str | None:
    """The file's media type by its content, None where it cannot be told."""
    if head[4:8] == b"ftyp":
        return next((kind for brand, kind in _BRANDS if head[8:12].startswith(brand)), "video/mp4")
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[:4] == b"OggS":
        return "video/ogg" if b"theora" in head else "audio/ogg"
    if head[:1] == b"\xff" and len(head) > 1:
        if head[1] in (0xF1, 0xF9, 0xF0, 0xF8):
            return "audio/aac"
        if head[1] in (0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2):
            return "audio/mpeg"
    return next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), _text(head))


def _text(head: bytes) -> str | None:
    words = head.decode("ascii", "replace")
    return "text/plain" if len(words.split()) >= _WORDS and words.isprintable() else None
