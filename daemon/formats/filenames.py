"""Names of files that people give, made fit for a path; pure."""

from __future__ import annotations

MAX_BYTES = 140  #: of UTF-8: what every file system takes (255 are usual, an encrypted home folder takes 143)
MAX_ENDING = 24  #: bytes; what is longer is no ending


def short(name: str, most: int = MAX_BYTES) -> str:
    """`name` in at most `most` bytes: the middle goes, the ending stays, and no character is cut in two."""
    if len(name.encode()) <= most:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = dot + ending
    if not stem or len(tail.encode()) > MAX_ENDING:
        stem, tail = name, ""
    kept = stem.encode()[: most - len(tail.encode())].decode(errors="ignore")
    return kept.rstrip(" .\u200d") + tail
