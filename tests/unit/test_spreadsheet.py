"""Spreadsheets: what is written is what a reader of such files finds, and never a formula."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.formats import workbook
from daemon.formats.workbook import Workbook

HEAD = ["row", "name"]


def written(*batches: list[list[object]], head: list[str] | None = None) -> Any:
    """The workbook as openpyxl reads it back."""
    file = io.BytesIO()
    book = Workbook(file, "People", head or HEAD)
    for rows in batches:
        book.add(rows)
    book.close()
    file.seek(0)
    return openpyxl.load_workbook(file)


def cells(sheet: Any) -> list[tuple[object, ...]]:
    return list(sheet.iter_rows(values_only=True))


def test_rows_come_back_as_they_were_written():
    """Numbers as numbers, all else as text, batch after batch."""
    book = written([[1, "Ada"], [2, "Grüße 🎉\nline"]], [[3, ""]])

    assert ["People"] == book.sheetnames
    assert [("row", "name"), (1, "Ada"), (2, "Grüße 🎉\nline"), (3, None)] == cells(book["People"])


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")'])
def test_nothing_is_a_formula(text):
    """It is a text, and marked so that editing the cell leaves it one."""
    cell = written([[1, text]])["People"]["B2"]

    assert ("s", text) == (cell.data_type, cell.value)
    assert cell.quotePrefix


def test_what_xml_does_not_take_is_left_out():
    """Control characters and lone surrogates; the rest of the text stays."""
    assert "ab<&>\"'" == written([[1, "a\x00\x0b\ud800b<&>\"'"]])["People"]["B2"].value


def test_what_looks_like_a_coded_character_stays_as_it_is():
    """`_x0041_` would be read as A: the sign before it is coded itself, as ECMA-376 (22.9.2.19) has it."""
    assert "_x005F_x0041_" == written([[1, "_x0041_"]])["People"]["B2"].value


def test_a_text_is_as_long_as_a_cell_takes():
    """Excel calls a file with more broken."""
    assert workbook.MAX_CELL == len(written([[1, "x" * 40_000]])["People"]["B2"].value)


def test_the_titles_stay_in_sight():
    """Frozen, bold, with filters; columns as wide as their contents, within limits."""
    sheet = written([[1, "x" * 30], [2, "y" * 500]])["People"]

    assert "A2" == sheet.freeze_panes
    assert "A1:B3" == sheet.auto_filter.ref
    assert sheet["A1"].font.b
    assert not sheet["A2"].font.b
    widths = [sheet.column_dimensions[name].width for name in "AB"]
    assert [workbook.NARROWEST, workbook.WIDEST] == widths


def test_nobody_is_a_table_without_rows():
    """Still a file that opens."""
    assert [("row", "name")] == cells(written()["People"])


def test_more_rows_than_a_sheet_takes_go_on_the_next(monkeypatch):
    """Each sheet with its titles, nothing lost where one ends."""
    monkeypatch.setattr(workbook, "ROWS_PER_SHEET", 3)
    rows: list[list[object]] = [[n, f"n{n}"] for n in range(8)]

    book = written(rows[:2], rows[2:])

    assert ["People", "People 2", "People 3"] == book.sheetnames
    found = [cells(sheet) for sheet in book]
    assert [("row", "name")] * 3 == [each[0] for each in found]
    assert list(range(8)) == [row[0] for each in found for row in each[1:]]


def test_there_are_columns_beyond_z():
    """AA follows Z."""
    head = [f"c{n}" for n in range(60)]
    sheet = written([list(range(60))], head=head)["People"]

    assert (26, 59) == (sheet["AA2"].value, sheet["BH2"].value)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_any_text_makes_a_file_that_opens(texts):
    """Whatever is in a name."""
    assert len(texts) + 1 == len(cells(written([[n, text] for n, text in enumerate(texts)])["People"]))
