"""File names given by people, made safe to use in a path; pure."""

from __future__ import annotations

MAX_BYTES = 140  #: of UTF-8, which every file system accepts (usually 255, but 143 in an encrypted home folder)
MAX_ENDING = 24  #: bytes; anything longer is not a file extension


def short(name: str, most: int = MAX_BYTES) -> str:
    """`name` shortened to at most `most` bytes: cut in the middle, with its extension kept and no character split."""
    if len(name.encode()) <= most:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = dot + ending
    if not stem or len(tail.encode()) > MAX_ENDING:
        stem, tail = name, ""
    kept = stem.encode()[: most - len(tail.encode())].decode(errors="ignore")
    return kept.rstrip(" .\u200d") + tail
