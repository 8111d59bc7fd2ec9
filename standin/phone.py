"""Phone numbers as the page shows and hides them."""

from __future__ import annotations

import hashlib

import phonenumbers


def plain(number: str) -> str:
    """Reduce what a caller wrote to `+<digits>`; a group (`group:<name>`) stays what it is."""
    if number.startswith("group:"):
        return number
    return "+" + "".join(char for char in number if char.isdigit())


def formatted(number: str) -> str:
    """Write a number as a chat title does, for example `+49 1512 3456789`."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def jid(number: str) -> str:
    """Name the chat inside ids: the phone for odd numbers, a LID that hides it for even ones."""
    if not number.startswith("+"):
        return str(int(hashlib.sha256(number.encode()).hexdigest()[:15], 16)) + "@g.us"
    if int(number[-1]) % 2:
        return number[1:] + "@c.us"
    return str(int(hashlib.sha256(number.encode()).hexdigest()[:13], 16)).zfill(15)[:15] + "@lid"
