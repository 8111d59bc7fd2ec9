"""Reading a contacts file in a test."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.contacts import importer
from daemon.contacts.importer import ContactList
from daemon.formats.tabular import Row

ANNA, BEN, CID = "+4915123456789", "+919876543210", "+12125550123"


def read(text: str | bytes, filename: str = "list.csv", country: str = "") -> ContactList:
    return importer.read(text if isinstance(text, bytes) else text.encode(), filename, country)


def refusal(data: str | bytes, filename: str = "list.csv") -> str:
    with pytest.raises(errors.UnreadableFile) as caught:
        read(data, filename)
    return str(caught.value)


def pasted(numbers: list[str]) -> list[tuple[str, list[Row]]]:
    """The one sheet that is read of numbers pasted below each other."""
    return importer.sheets("\n".join(numbers).encode(), "What you pasted", "", 1_000)


def numbers_of(found: ContactList) -> list[str]:
    return [contact.number for contact in found.contacts]
