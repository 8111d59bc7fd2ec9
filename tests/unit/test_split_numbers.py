"""A number in several columns, and the country of a row: what is dialled before it, and whose country it is."""

from __future__ import annotations

import pytest

from daemon.contacts import columns, importer
from daemon.contacts.columns import Columns, Decisions
from daemon.contacts.reasons import Fault
from tests.support.contacts import numbers_of, read

LISTS = [  # default country, list, numbers
    ("DE", "Name;Vorwahl;Rufnummer\nAnn;0171;3920011\nBen;030;23125010\n", ["+491713920011", "+493023125010"]),
    ("DE", "Name;Vorwahl;Rufnummer\nAnn;0171;0171 3920011\nBen;;0171 3920012\n", ["+491713920011", "+491713920012"]),
    (
        "DE",
        "Name;Landesvorwahl;Handy\nAnn;+43;0664 1234567\nBen;0049;171 3920011\n",
        ["+436641234567", "+491713920011"],
    ),
    ("BR", "Nome;DDD;Celular\nAna;11;98765-4321\nBia;21;98765-4322\n", ["+5511987654321", "+5521987654322"]),
    ("BR", "Nome;DDD;Celular\nAna;11;(11) 98765-4321\n", ["+5511987654321"]),
    ("US", "name,area code,phone\nAnn,202,555-0101\nBen,212,555-0123\n", ["+12025550101", "+12125550123"]),
    ("", "name,country_code,phone\nAnn,44,7700900101\nBen,+44,07700 900102\n", ["+447700900101", "+447700900102"]),
    ("", "name,Country Code,mobile\nAnn,GB,07700 900101\nBen,IN,98765 43210\n", ["+447700900101", "+919876543210"]),
    ("", "nombre,código de país,celular\nAna,52,55 5000 0101\n", ["+525550000101"]),
    ("", "name,country code,phone\nAnn,44,447700900101\nBen,44,+447700900102\n", ["+447700900101", "+447700900102"]),
    ("DE", "Name;Area;Handy\nAnn;5;0171 3920011\nBen;North;0171 3920012\n", ["+491713920011", "+491713920012"]),
    ("DE", "Name;Land;Handy\nAnn;AT;0664 1234567\nBen;Schweiz;079 123 45 67\n", ["+436641234567", "+41791234567"]),
    ("DE", "Name;Land;Handy\nAnn;Atlantis;0171 3920011\nBen;;0171 3920012\n", ["+491713920011", "+491713920012"]),
    ("", "name,country,phone\nAnn,Nigeria,0803 123 4567\nBen,UK,07700 900101\n", ["+2348031234567", "+447700900101"]),
    (
        "TR",
        "Ad,Ülke,Cep Tel\nAli,Almanya,0171 3920011\nCan,TR,0532 123 45 67\n",
        ["+491713920011", "+905321234567"],
    ),
]


@pytest.mark.parametrize(("country", "text", "numbers"), LISTS)
def test_what_stands_in_other_columns_belongs_to_the_number(country: str, text: str, numbers: list[str]) -> None:
    """In a file, and in a draft's sheet."""
    assert numbers == numbers_of(read(text, country=country))
    (sheet,) = importer.sheets(text.encode(), "list.csv", country, 100)
    found = columns.candidates(sheet.rows, Columns(2, ["a", "b", ""], 0), Decisions(country))
    assert numbers == [each.number for each in found]


def test_the_rest_alone_is_never_somebody_elses() -> None:
    """`3920011` is a landline of its own in Germany: with a code that does not fit nobody is written to."""
    found = read("Name;Vorwahl;Rufnummer\nAnn;0171;39200\nBen;0171;3920011\n", country="DE")

    assert (["+491713920011"], [2]) == (numbers_of(found), [each.position for each in found.rejected])


def test_a_number_that_two_countries_have_is_asked_about() -> None:
    """The list's country and the row's, where either may be a mobile; a landline of the one is less likely."""
    text = "nombre,país,celular\nAna,Estados Unidos,331 234 5678\nBeto,México,331 234 5679\nCyd,Suiza,079 123 45 67\n"
    found = read(text, country="MX")

    assert ["+523312345679", "+41791234567"] == numbers_of(found)
    assert [(2, Fault.SEVERAL)] == [(each.position, each.why.code) for each in found.rejected]


@pytest.mark.parametrize("country", ["", "AE"])
def test_a_number_of_a_sales_area_belongs_to_no_telephone_number(country: str) -> None:
    """Where what has its country's code already would be somebody else's with it, abroad."""
    found = read("name,area,mobile\nAnn,4,971501234567\nBen,4,31612345678\n", country=country)

    assert ["+971501234567", "+31612345678"] == numbers_of(found)


def test_of_whom_must_not_be_written_to_as_well() -> None:
    """Else they are written to."""
    found = importer.read(b"Name;Vorwahl;Rufnummer\nAnn;0171;3920011\n", "gone.csv", "DE", trusted=True)

    assert ["+491713920011"] == numbers_of(found)
