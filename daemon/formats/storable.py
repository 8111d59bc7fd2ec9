"""Texts as every database stores them. Pure."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without zero bytes, and with ? for halves of a character that was cut in two."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
