"""Workbooks as they are seen: what is hidden, what cells show, merged cells, formulas, which sheet has the people."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from daemon import errors
from daemon.contacts import importer
from daemon.contacts.importer import ContactList, Said
from tests.support.contacts import ANNA, BEN, CID, numbers_of, refusal
from tests.support.workbooks import book, rezipped, saved

PEOPLE = [["name", "phone"], ["Anna", ANNA], ["Ben", BEN], ["Cid", CID]]


def read(made: Any, country: str = "", sheet: str | None = None) -> ContactList:
    return importer.read(saved(made), "list.xlsx", country, said=Said(sheet=sheet))


# Hidden


def hidden_by(how: str) -> Any:
    made = book(PEOPLE)
    rows = made.active.row_dimensions
    if how == "filter":
        made.active.auto_filter.ref = "A1:B4"
        made.active.auto_filter.add_filter_column(0, ["Anna", "Cid"])
        rows[3].hidden = True
    elif how == "group":
        rows.group(3, 3, hidden=True)
    else:
        rows[3].hidden = True
    return made


@pytest.mark.parametrize("how", ["filter", "group", "hidden"])
def test_hidden_rows_are_left_out_and_told(how):
    """However they were hidden: who filters a list and saves it means those whom they see."""
    found = read(hidden_by(how))
    assert ([ANNA, CID], 1, 0) == (numbers_of(found), found.hidden_rows, found.hidden_columns)


@pytest.mark.parametrize("how", ["hidden", "several"])
def test_hidden_columns_are_left_out_and_told(how):
    """An old number that nobody sees any more is not written to."""
    made = book([["name", "Phone (old)", "Mobile (old)", "phone"], ["Anna", BEN, CID, ANNA]])
    columns = made.active.column_dimensions
    for letter in "BC" if how == "several" else "B":
        columns[letter].hidden = True
    if how == "several":
        columns.group("B", "C", hidden=True)
    else:
        made.active.delete_cols(3)
    found = read(made)
    assert ([ANNA], "phone", ["name"]) == (numbers_of(found), found.phone_column, found.columns)
    assert (0, 2 if how == "several" else 1) == (found.hidden_rows, found.hidden_columns)


def test_what_has_no_height_or_width_is_hidden():
    """As some programs write it."""
    made = book([["name", "old", "phone"], ["Anna", BEN, ANNA], ["Cid", BEN, CID]])
    made.active.column_dimensions["B"].width = 9

    def flat(name: str, part: bytes) -> bytes:
        return part.replace(b'<row r="3"', b'<row r="3" ht="0"').replace(b'width="9"', b'width="0"')

    found = importer.read(rezipped(saved(made), flat), "list.xlsx", "")
    assert ([ANNA], 1, 1) == (numbers_of(found), found.hidden_rows, found.hidden_columns)


def test_empty_rows_and_columns_are_not_counted_as_hidden():
    """Nothing is left out with them."""
    made = book(PEOPLE)
    made.active.row_dimensions[9].hidden = made.active.column_dimensions["H"].hidden = True
    found = read(made)
    assert (0, 0) == (found.hidden_rows, found.hidden_columns)


def test_a_list_that_is_hidden_as_a_whole_is_refused():
    """Not taken for an empty one."""
    made = book(PEOPLE)
    for row in range(1, 5):
        made.active.row_dimensions[row].hidden = True
    assert "All rows of list.xlsx are hidden" in refusal(saved(made), "list.xlsx")


# What a cell shows

SHOWN = [
    (7700900101, '"+44 "0', "+44 7700900101"),
    (7700900101, '"+44" 0000 000000', "+44 7700 900101"),
    (2025550101, "[<=9999999]###-####;(###) ###-####", "(202) 555-0101"),
    (171392001, "00000000000", "00171392001"),
    (12025550101, "#,##0", "12025550101"),
    (12025550101, "0.00E+00", "12025550101"),
    (34.3, '"$"#,##0.00', "$34.30"),
    (1234.5, "#,##0.00\\ [$€-407]", "1.234,50 €"),
    (1234.5, '_-* #,##0.00\\ "kr"_-', "1,234.50 kr"),
    (-5.5, "0.00;[Red](0.00)", "(5.50)"),
    (0, '0;-0;"none"', "none"),
    (0.15, "0%", "15%"),
    (0.125, "0.0%", "12.5%"),
    (1234567.5, "#,##0", "1,234,568"),
    (1500000, '0.0,,"M"', "1.5M"),
    (0.1 + 0.2, "General", "0.3"),
    (0.5, "# ?/?", "0.5"),
    (date(2027, 3, 5), "DD/MM/YYYY", "05/03/2027"),
    (date(2027, 3, 5), "[$-407]d. mmmm yyyy", "5. März 2027"),
    (date(2027, 3, 5), "dddd, d mmm yy", "Friday, 5 Mar 27"),
    (date(2027, 3, 5), "mm-dd-yy", "2027-03-05"),  # the one that follows the reader's locale, which is not in the file
    (datetime(2027, 3, 5, 14, 30), "d/m/yy h:mm AM/PM", "5/3/27 2:30 PM"),
    (time(14, 30), "HH:MM", "14:30"),
    (timedelta(hours=36), "[h]:mm:ss", "36:00:00"),
    ("7700 900101", '"+44 "@', "+44 7700 900101"),
    (5, ";;;", ""),
]


@pytest.mark.parametrize(("value", "code", "text"), SHOWN, ids=[f"{value} as {code}" for value, code, _ in SHOWN])
def test_a_cell_is_read_as_it_shows(value, code, text):
    """Numbers, money, parts of a hundred, dates, times: by their format."""
    made = book([["phone", "what"], [ANNA, value]])
    made.active["B2"].number_format = code
    assert text == read(made).contacts[0].fields["what"]


@pytest.mark.parametrize(
    ("cell", "code", "country"),
    [
        (7700900101, '"+44 "0', ""),
        (447700900101, "+00 0000 000000", ""),
        ("7700 900101", '"+44 "@', ""),
        (447700900101, '"+"0', ""),
    ],
)
def test_a_number_is_what_the_cell_shows(cell, code, country):
    """A country code that only the format adds is part of it, and so is a zero."""
    made = book([["name", "phone"], ["A", cell]])
    made.active["B2"].number_format = code
    assert ["+447700900101"] == numbers_of(read(made, country))
    made.active["B2"] = 7911123456
    made.active["B2"].number_format = '"0"0'
    assert ["+447911123456"] == numbers_of(read(made, "GB"))


@pytest.mark.parametrize(("language", "text"), [("de-DE", "05.03.2027"), ("en-GB", "05/03/2027"), ("pt", "05/03/2027")])
def test_a_short_date_is_written_as_the_file_s_language_has_it(language, text):
    """Where the file says which language it is in."""
    made = book([["phone", "day"], [ANNA, date(2027, 3, 5)]])
    made.active["B2"].number_format = "mm-dd-yy"
    made.properties.language = language
    assert text == read(made).contacts[0].fields["day"]


# No names

EMPTY = [
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#NAME?",
    "#DIV/0!",
    "#NUM!",
    "nan",
    "NaN",
    "NULL",
    "null",
    "None",
    "N/A",
    "<NA>",
    "-",
]


@pytest.mark.parametrize("word", EMPTY)
def test_what_programs_write_for_nothing_is_no_name(word):
    """Neither in a workbook, where some are errors, nor in text; nor for the number."""
    made = book([["name", "phone"], [word, ANNA], ["Ben", word]])
    text = f"name,phone\n{word},{ANNA}\nBen,{word}\n".encode()
    for found in (read(made), importer.read(text, "list.csv", "")):
        assert ([{"name": ""}], ["missing"]) == (
            [each.fields for each in found.contacts],
            [each.code for each in found.rejected],
        )


@pytest.mark.parametrize("name", ["Null", "Nan", "Nana", "Jean-Paul", "#1"])
def test_names_that_look_alike_stay(name):
    """There are people who are called so."""
    assert {"name": name} == read(book([["name", "phone"], [name, ANNA]])).contacts[0].fields


# Merged cells


@pytest.mark.parametrize(("area", "classes"), [("A2:A4", "3A 3A 3A"), ("A2:B3", "3A 3A 3B"), ("A3:A4", "3A 3B 3B")])
def test_merged_cells_fill_their_rows(area, classes):
    """Each row has what is shown beside it; a cell to the right of it gets nothing."""
    made = book([["class", "note", "phone"], ["3A", None, ANNA], ["3B", None, BEN], ["3B", None, CID]])
    made.active.merge_cells(area)
    found = read(made)
    assert classes.split() == [each.fields["class"] for each in found.contacts]
    assert {""} == {each.fields["note"] for each in found.contacts}


def test_merged_cells_whose_first_row_is_hidden_are_filled():
    """What is shown there is that row's."""
    made = book([["class", "phone"], ["3A", ANNA], [None, BEN]])
    made.active.merge_cells("A2:A3")
    made.active.row_dimensions[2].hidden = True
    assert [("3A", BEN)] == [(each.fields["class"], each.number) for each in read(made).contacts]


# Formulas


@pytest.mark.parametrize("formula", ["=B2&C2", '="+1"&"2025550101"', "=VLOOKUP(A2,A:B,2)"])
def test_formulas_without_results_are_told(formula):
    """The cell is named, and what to do; another column is not taken in its place."""
    made = book([["name", "cc", "local", "phone"], ["Anna", "+44", "7700900101", formula]])
    said = refusal(saved(made), "list.xlsx")
    assert "The cell D2 of list.xlsx is a formula without a result" in said and "save it there" in said


def test_formulas_on_another_sheet_or_that_nobody_sees_do_not_matter():
    """The people are there without them."""
    made = book([["=1+1"]], [[*row, "=1+1"] for row in PEOPLE])
    made.worksheets[1].column_dimensions["C"].hidden = True
    assert 3 == len(read(made).contacts)


# Which sheet


@pytest.mark.parametrize(
    "first",
    [[["How to fill in this list"], ["1. One person per row"]], [["Total", 3]], [["Cities"], ["Rome"], ["Bonn"]]],
)
def test_the_sheet_with_the_people_is_found(first):
    """Whatever stands before it."""
    found = read(book(first, PEOPLE))
    assert ([ANNA, BEN, CID], "Sheet2") == (numbers_of(found), found.sheet)


def test_several_sheets_with_people_are_asked_about():
    """Both are named; with the title of one it is taken, however it is written."""
    made = book(PEOPLE, [["phone"], [BEN]])
    assert "'Sheet1', 'Sheet2': say which one with sheet" in refusal(saved(made), "list.xlsx")
    assert [BEN] == numbers_of(read(made, sheet=" sheet2 "))
    with pytest.raises(errors.UnreadableFile, match="no sheet 'Guests': use one of 'Sheet1', 'Sheet2'"):
        read(made, sheet="Guests")


def test_a_hidden_sheet_is_no_reason_to_ask():
    """It is read where there is no other, or where its title is given."""
    made = book(PEOPLE, [["phone"], [BEN]])
    made.worksheets[1].sheet_state = "hidden"
    assert [ANNA, BEN, CID] == numbers_of(read(made))
    assert [BEN] == numbers_of(read(made, sheet="Sheet2"))
