"""Cells that a spreadsheet must not take for a formula."""

from __future__ import annotations

import pytest

from daemon.formats import tabular


@pytest.mark.parametrize("cell", ["=1+1", "\uff1d1+1", "\uff0bcmd", "\uff0d2", "\uff20SUM(A1)", "@x", "'=1", "\t=1"])
def test_a_formula_is_written_as_text_and_read_back(cell: str) -> None:
    """Also with the full-width signs of East Asian keyboards."""
    assert "'" + cell == tabular.harmless(cell)
    assert cell == tabular.plain(tabular.harmless(cell))


@pytest.mark.parametrize("cell", ["Anna", "", "'Anna", "1-2", "a@b"])
def test_other_text_is_left_as_it_is(cell: str) -> None:
    assert cell == tabular.harmless(cell) == tabular.plain(cell)
