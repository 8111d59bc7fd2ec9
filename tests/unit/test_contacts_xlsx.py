"""Workbooks: cell types, sheets, damage and bombs."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from daemon import errors
from daemon.contacts import importer
from daemon.contacts.importer import ContactList
from tests.support.workbooks import rezipped, saved

ANNA, BEN = "+4915123456789", "+919876543210"


def workbook(*sheets: list[list[Any]]) -> bytes:
    book: Any = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    return saved(book)


def read(data: bytes, filename: str = "list.xlsx", country: str = "") -> ContactList:
    return importer.read(data, filename, country)


def refusal(data: bytes) -> str:
    with pytest.raises(errors.UnreadableFile) as caught:
        read(data)
    return str(caught.value)


def test_number_cells_keep_every_digit() -> None:
    """Integers and floats become exact digits: a blank cell made the predecessor add a 0 to each number."""
    found = read(workbook([["Name", "Phone"], ["A", 919876543210], ["B", None], ["C", 919876543211.0], ["D", ANNA]]))

    assert [BEN, "+919876543211", ANNA] == [each.number for each in found.contacts]
    assert [(3, "", "The number is missing.")] == [(each.position, each.value, each.reason) for each in found.rejected]


def test_cells_of_other_types_become_text() -> None:
    """Dates by the format of their cells, whole floats without `.0`, truth as a sheet shows it."""
    day, moment = date(2026, 5, 4), datetime(2026, 5, 4, 9, 30)
    found = read(workbook([["Phone", "Day", "At", "Age", "Score", "VIP"], [ANNA, day, moment, 42.0, 1.5, True]]))

    expected = {"day": "2026-05-04", "at": "2026-05-04 9:30:00", "age": "42", "score": "1.5", "vip": "TRUE"}
    assert expected == found.contacts[0].fields


def test_the_first_sheet_with_anything_in_it() -> None:
    """Empty and hidden sheets are passed over; rows are numbered as the sheet shows them."""
    book = openpyxl.load_workbook(io.BytesIO(workbook([[BEN]], [], [[], [], ["Phone"], [ANNA]])))
    book.worksheets[0].sheet_state = "hidden"

    assert [(4, ANNA)] == [(each.position, each.number) for each in read(saved(book)).contacts]


def test_a_wrong_claim_about_the_size_hides_no_rows() -> None:
    """Some programs write `A1` as the extent of every sheet."""
    data = rezipped(
        workbook([["Name", "Phone"], ["A", ANNA], ["B", BEN]]),
        lambda name, part: part.replace(b'ref="A1:B3"', b'ref="A1"') if "sheet1" in name else part,
    )

    assert [ANNA, BEN] == [each.number for each in read(data).contacts]


def test_a_workbook_under_another_name_is_read() -> None:
    """Content, not the extension, decides; and the other way round."""
    assert 1 == read(workbook([[ANNA]]), "list.csv").total
    assert 1 == read(ANNA.encode(), "list.xlsx").total


def test_an_empty_workbook_is_refused() -> None:
    """No sheet has anything in it."""
    assert "empty" in refusal(workbook([], []))


def test_too_many_columns_are_refused() -> None:
    """As in a CSV."""
    assert "200 columns" in refusal(workbook([[ANNA, *("x" for _ in range(300))]]))


def test_an_old_or_encrypted_workbook_is_refused() -> None:
    """Both are OLE files; the sentence names both ways out."""
    reason = refusal(bytes.fromhex("D0CF11E0A1B11AE1") + bytes(4096))

    assert "save it as .xlsx without a password" in reason


def test_a_cut_or_damaged_workbook_is_refused() -> None:
    """Cut short, rubbish inside, or XML that is none."""
    data = workbook([["Phone"], [ANNA]])

    assert "damaged" in refusal(data[: len(data) // 2])
    assert "damaged" in refusal(b"PK\x03\x04" + bytes(100))
    assert "damaged" in refusal(rezipped(data, lambda name, part: b"<x" if "sheet1" in name else part))


def test_another_archive_is_refused() -> None:
    """A ZIP file, a Word document."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")

    assert "not an .xlsx workbook" in refusal(file.getvalue())


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    """By what it says it unpacks to, in sum and in proportion."""
    bomb = rezipped(workbook([[ANNA]]), lambda name, part: part + b" " * (50 << 20) if "sheet1" in name else part)

    assert len(bomb) < 1 << 20
    assert "unpacks to far more" in refusal(bomb)


def test_entities_are_refused() -> None:
    """A document type could define text that doubles with each level."""
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'

    reason = refusal(rezipped(workbook([[ANNA]]), lambda name, part: laughs if "sheet1" in name else part))

    assert "not written by a spreadsheet" in reason


def test_a_row_far_away_does_not_cost_for_ever() -> None:
    """A sheet cannot have a row of that number: refused, not counted up to."""
    data = rezipped(
        workbook([["Phone"], [ANNA]]),
        lambda name, part: part.replace(b'r="2"', b'r="99999999999"') if "sheet1" in name else part,
    )

    assert "far outside" in refusal(data)
