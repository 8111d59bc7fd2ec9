"""Several numbers in one cell: of one person, the one to write to; in a list of nothing else each is a person."""

from __future__ import annotations

import pytest

from daemon.contacts import importer, number_list, several_numbers
from daemon.contacts.reasons import Fault, Reason
from tests.support.contacts import numbers_of, read
from tests.support.workbooks import book, saved

MOBILE, LANDLINE, SECOND = "+491713920011", "+493023125010", "+491713920012"

ONE_PERSON = [  # cell, country, the number to write to; "" where it could be either
    ("030 231250 10 / 0171 3920011", "DE", MOBILE),
    ("0171 3920011, 030 23125010", "DE", MOBILE),
    ("030/23125010; 0171/3920011", "DE", MOBILE),
    ("0171/3920011\n030/23125010", "DE", MOBILE),
    ("Mobil: 0171 3920011 | Festnetz: 030 23125010", "DE", MOBILE),
    ("0171 3920011 (privat), 0171 3920012 (WhatsApp)", "DE", SECOND),
    ("0171 3920012 (bevorzugt) / 0171 3920011", "DE", SECOND),
    ("+49 171 3920011 ::: +49 30 23125010", "", MOBILE),
    ("+49 171 3920011 +49 30 23125010", "", MOBILE),
    ("0171 3920011 oder +49 171 3920011", "DE", MOBILE),
    ("Tel. 030 23125010 Fax 030 23125011, Handy 0171 3920011", "DE", ""),
    ("Tel: 030 23125010, Fax: 030 23125011", "DE", LANDLINE),
    ("Mutter: 0171 3920012, 0171 3920011", "DE", MOBILE),
    ("912 000 001 / 212 000 001", "PT", "+351912000001"),
    ("Cel (11) 98765-4321 e fixo (11) 3234-5678", "BR", "+5511987654321"),
    ("+55 11 98765-4321 / +55 11 8765-4321", "BR", ""),
    ("98765 43210, 011-23456789", "IN", "+919876543210"),
    ("06 12 34 56 78 ou 01 23 45 67 89", "FR", "+33612345678"),
    ("+1 202 555 0101 / +1 202 555 0102", "", ""),
    ("+44 7700 900102 ::: +44 7700 900103", "", ""),
    ("0171 3920011 / 0171 39200", "DE", ""),
    ("0171 3920011, Durchwahl 12", "DE", ""),
    ("0171 3920011; 4711", "DE", ""),
    ("0171 3920011 (do not call); 030 23125010", "DE", ""),
    ("STOP 0171 3920011 / 030 23125010", "DE", ""),
    ("0171 3920011 (kein WhatsApp); 0171 3920012", "DE", ""),
    ("no WhatsApp 0171 3920011; 0171 3920012", "DE", ""),
    ("612 345 678 (sin WhatsApp) / 612 345 679", "ES", ""),
    ("0171 3920011 Peter / 030 23125010 Anna", "DE", ""),
    ("0171 3920011 / 030 23125010 Anna", "DE", MOBILE),
]


@pytest.mark.parametrize(("cell", "country", "number"), ONE_PERSON)
def test_of_several_the_mobile_or_the_preferred_one(cell: str, country: str, number: str) -> None:
    """In a list of people with names; where it could be either the row says so, and nobody is guessed."""
    found = read(f'name;phone\nAnn;"{cell}"\nBen;+12125550123\n', country=country)

    if number:
        assert [number, "+12125550123"] == numbers_of(found)
    else:
        assert ["+12125550123"] == numbers_of(found)
        assert [cell] == [each.value for each in found.rejected]


def test_two_mobiles_say_that_they_are_two() -> None:
    """The reason is the truth, not that there are letters in it."""
    found = several_numbers.read("Mobil 0171 3920011, Mobil 0171 3920012", "DE")

    assert isinstance(found, Reason)
    assert Fault.SEVERAL == found.code


PEOPLE = [  # a list of nothing but numbers, and how many people are on it
    ('"+447700900101, +447700900102"\n"+447700900103"\n', 3),
    ('phone\n"+447700900101; +447700900102; +447700900103"\n+447700900104\n', 4),
    ('WhatsApp\n"+447700900101\n+447700900102"\n"+447700900103, +447700900101"\n', 3),
    ("numbers\n+447700900101 +447700900102\n+447700900103\n", 3),
]


@pytest.mark.parametrize(("text", "people"), PEOPLE)
def test_in_a_list_of_nothing_else_each_is_a_person(text: str, people: int) -> None:
    """Under a title or under none; each counted, and once."""
    found = read(text)

    assert (people, []) == (len(found.contacts), found.rejected)
    positions = [each.position for each in found.contacts]
    assert sorted(set(positions)) == positions


def test_in_a_workbook_and_a_draft_as_well() -> None:
    """A draft tells its rows apart by their places."""
    data = saved(book([["Numbers"], ["+447700900101, +447700900102"], ["+447700900103 or +447700900104"]]))
    (sheet,) = importer.sheets(data, "people.xlsx", "", 100)

    assert ["+447700900101", "+447700900102"] == numbers_of(importer.read(data, "people.xlsx", ""))
    assert [0, 1, 2, 3] == [row.position for row in sheet.rows]


def test_what_has_a_name_beside_it_is_left_as_it_is() -> None:
    """Two numbers beside a name are one person's."""
    found = read('name;phone\nAnn;"+447700900101, +447700900102"\nBen;+447700900103\n')

    assert (["+447700900103"], [Fault.SEVERAL]) == (numbers_of(found), [each.why.code for each in found.rejected])


@pytest.mark.parametrize("cell", ["12025550102,00", "1,234,567", "+447700900101", "Ann, Ben", "4711, 4712", ""])
def test_what_is_not_several_numbers(cell: str) -> None:
    """Decimals, amounts, names and ids."""
    assert len(number_list.in_cell(cell)) < 2
    assert [] == several_numbers.parts(cell)


def test_of_whom_must_not_be_written_to_each_number_counts() -> None:
    """Whatever stands beside it, and whatever is most likely theirs."""
    text = 'name;phone\nAnn;"030 23125010 / 0171 3920011"\nBen;"Mobil: 0171 3920012, Fax: 030 23125011"\n'
    found = importer.read(text.encode(), "gone.csv", "DE", trusted=True)

    assert {MOBILE, LANDLINE, SECOND, "+493023125011"} == set(numbers_of(found))
