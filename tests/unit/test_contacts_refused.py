"""What is no list of contacts, and whatever else a file may hold."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon import errors
from daemon.contacts import importer
from daemon.contacts.importer import ContactList
from tests.support import growth
from tests.support.contacts import ANNA, BEN, CID, numbers_of, read, refusal

# What is not a list of contacts


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b";;;\n;;\n", "empty"),
        (b"Name;Phone\r\n", "only a header"),
        (b"Name;City\nAnna;Rome\n", "looks like telephone numbers"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"<html><table><tr><td>1</td></tr></table>", "web page"),
        (b"\x00\x00\x00\x18ftypmp42", "video"),
        (bytes.fromhex("D0CF11E0A1B11AE1") + b"\0" * 600, "without a password"),
        (bytes(range(256)) * 20, "not a text file"),
    ],
)
def test_what_is_no_list_is_refused_with_advice(data: bytes, words: str) -> None:
    """Named .csv all the same: the content counts."""
    reason = refusal(data)

    assert words in reason
    assert "list.csv" in reason


def test_a_cell_of_a_megabyte_is_refused() -> None:
    """In a field or swallowed by a quote: one clear sentence."""
    assert "below line 1" in refusal(f'Name;Phone\n"{"x" * 1_000_000}";{ANNA}\n')
    assert "32,767 characters" in refusal(f"Name;Phone\n{'x' * 40_000};{ANNA}\n")


def test_a_cell_of_spaces_and_line_ends_costs_nothing() -> None:
    """Looking for swallowed rows takes time in proportion to the cell."""

    def cell(size: int) -> str:
        return f'Phone;Note\n{ANNA};"x{" " * 14 * size};{chr(10) * 14 * size};{" 1" * size}y"\n'

    assert 1 == read(cell(1_000)).total
    assert growth.in_proportion(read, cell, 125)


def test_a_thousand_columns_are_refused() -> None:
    """Unless all but a few are empty."""
    assert "200 columns" in refusal(ANNA + ";x" * 1_000)
    assert [ANNA] == numbers_of(read(f"Phone{';' * 1_000}\n{ANNA}{';' * 1_000}\n"))


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the file is refused, not cut."""
    monkeypatch.setattr("daemon.formats.tabular.MAX_ROWS", 10)

    assert "more than 10 rows" in refusal(f"{ANNA}\n" * 11)
    assert 10 == read(f"{ANNA}\n" * 10).total


# Properties


def counted(found: ContactList) -> bool:
    return found.total == len(found.contacts) + len(found.rejected) + found.duplicates


@given(st.binary(), st.sampled_from(["a.csv", "a.xlsx", "a.txt", "a.vcf"]))
def test_any_bytes_are_read_or_refused(data: bytes, filename: str) -> None:
    """Nothing but UnreadableFile comes out of random bytes."""
    try:
        assert counted(importer.read(data, filename, "DE"))
    except errors.UnreadableFile as error:
        assert filename in str(error)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([b"PK\x03\x04", b"BEGIN:VCARD\n", b"sep=", b"\xff\xfe", b'"']), st.binary())
def test_bytes_that_begin_like_a_format_are_read_or_refused(head: bytes, data: bytes) -> None:
    """The same behind the first bytes of each format."""
    try:
        importer.read(head + data, "a.csv", "")
    except errors.UnreadableFile as error:
        assert str(error)


CELLS = st.sampled_from([ANNA, BEN, "12345", "", "9.1E+11"]) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8
)


@given(st.lists(st.lists(CELLS, max_size=4), max_size=12), st.sampled_from(";,\t|"))
def test_every_row_is_counted_once(rows: list[list[str]], delimiter: str) -> None:
    """Behind a known header: each row with anything in it is a contact, rejected or a duplicate."""
    file = io.StringIO()
    table = [["Name", "Phone"], *[["x", CID]] * 20, *(["row", *row] for row in rows)]
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)

    try:
        found = read(f"sep={delimiter}\n" + file.getvalue())
    except errors.UnreadableFile as error:
        assert "quotation mark" in str(error)  # a cell that looks like swallowed rows
    else:
        assert counted(found)
        assert 20 + len(rows) == found.total
