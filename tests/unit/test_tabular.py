"""Cells that a spreadsheet must not take for a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.formats import tabular

BEGINNINGS = ["=1+1", "\uff1d1+1", "\uff0bcmd", "\uff0d2", "\uff20SUM(A1)", "@x", "'=1", '"=1', " =1", "\u00a0-1"]
BEGINNINGS += ["\ufe661", "\ufe62cmd", "\ufe632", "\ufe6bSUM(A1)", "\u207c1", "\u207a1", "\u208b2", "\u22121"]


@pytest.mark.parametrize("cell", BEGINNINGS)
def test_a_formula_is_written_as_text_and_read_back(cell: str) -> None:
    """Also with the full-width signs of East Asian keyboards."""
    assert "'" + cell == tabular.harmless(cell)
    assert cell == tabular.plain(tabular.harmless(cell))


@pytest.mark.parametrize("cell", ["Anna", "", "'Anna", "1-2", "a@b"])
def test_other_text_is_left_as_it_is(cell: str) -> None:
    assert cell == tabular.harmless(cell) == tabular.plain(cell)


@pytest.mark.parametrize("parts", [";", "\t", "|", "\r", "\n", "\uff1b"])
@pytest.mark.parametrize("begins", BEGINNINGS)
def test_no_formula_stands_behind_what_parts_cells_elsewhere(parts: str, begins: str) -> None:
    """A `;` parts them in half of the world, and quotation marks do not help where they are not at the begin."""
    cell = f"Hello{parts}{begins}"
    assert f"Hello{parts}'{begins}" == tabular.harmless(cell)
    assert cell == tabular.plain(tabular.harmless(cell))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@given(st.lists(st.text(alphabet=";,|=+-@'\" \t\nx1\uff1d\uff0b", max_size=12), min_size=1, max_size=4))
def test_no_reader_finds_a_formula(delimiter: str, cells: list[str]) -> None:
    """However it parts the cells; and read as it was written it is what it was."""
    text = io.StringIO()
    csv.writer(text).writerow([tabular.harmless(cell) for cell in cells])
    for row in csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=delimiter):
        assert not [cell for cell in row if cell.startswith(tuple("=+-@\uff1d\uff0b"))]
    (row,) = csv.reader(io.StringIO(text.getvalue(), newline=""))
    assert cells == [tabular.plain(cell) for cell in row] or not any(cells)
