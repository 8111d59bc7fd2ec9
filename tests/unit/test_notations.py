"""Lists and requests in which people stand in two notations: each of them once, or told what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.contacts import importer
from daemon.contacts.person import Person

BRAZIL = "+5511987654321"
MEXICO = "+525550000101"
ARGENTINA = "+5491166773399"
BENIN = "+2290197123456"
IVORY_COAST = "+2250707123456"

Cell = tuple[str, str | None]
FILES: list[tuple[str, str, list[Cell]]] = [  # country, number it is all about, cells: None: it is read as that number
    ("BR", BRAZIL, [
        ("(0xx11) 98765-4321", None), ("011 98765-4321", None), ("021 11 98765-4321", None),
        ("11 8765-4321", BRAZIL), ("+55 11 98765 4321", None), ("5511987654321", None),
    ]),
    ("BR", BRAZIL, [("0XX 11 98765.4321", None), ("0**11 98765-4321", None), ("0xx 11 98765 4321", None)]),
    ("BR", BRAZIL, [("(11) 8765-4321", BRAZIL), ("551187654321", BRAZIL), ("0055 11 8765 4321", BRAZIL)]),
    ("BR", "+5511977771234", [("11 7777-1234", None), ("+55 11 97777-1234", None), ("5511977771234", None)]),
    ("MX", MEXICO, [
        ("+52 1 55 5000 0101", MEXICO), ("+52 55 5000 0101", None), ("5215550000101", MEXICO),
        ("044 55 5000 0101", MEXICO), ("5550000101", None),
    ]),
    ("MX", "+526641234567", [
        ("045 664 123 4567", "+526641234567"), ("01 664 123 4567", "+526641234567"), ("(664) 123-4567", None),
    ]),
    ("MX", MEXICO, [("00 52 1 55 5000 0101", MEXICO), ("1 55 5000 0101", MEXICO), ("+52 044 5550000101", MEXICO)]),
    ("AR", ARGENTINA, [("11 6677-3399", None), ("011 15 6677-3399", None), ("+54 9 11 6677-3399", None)]),
    ("AR", ARGENTINA, [("5491166773399", None), ("+54 11 6677 3399", None), ("0054 9 11 6677 3399", None)]),
    ("AR", ARGENTINA, [("11 15 6677-3399", None), ("+54 11 15 6677-3399", None), ("+54 9 11 15 66773399", ARGENTINA)]),
    ("BJ", BENIN, [("97 12 34 56", BENIN), ("+229 97123456", BENIN), ("01 97 12 34 56", None)]),
    ("CI", IVORY_COAST, [("07 12 34 56", IVORY_COAST), ("+225 07123456", IVORY_COAST), ("0707123456", None)]),
]  # fmt: skip


@pytest.mark.parametrize(("country", "number", "cells"), FILES)
def test_a_list_in_all_notations_has_one_person(country: str, number: str, cells: list[Cell]) -> None:
    """Who can be read is there once; whose number is of no plan any more is told today's."""
    rows = "".join(f'Anna,"{cell}"\n' for cell, _ in cells)
    found = importer.read(f"nome,celular\n{rows}".encode(), "people.csv", country)
    refused = [cell for cell, suggestion in cells if suggestion]

    assert min(1, len(cells) - len(refused)) == len(found.contacts)
    assert max(0, len(cells) - len(refused) - 1) == found.duplicates
    assert {number} >= {Person(each.number).key for each in found.contacts}
    assert refused == [each.value for each in found.rejected]
    for each in found.rejected:
        assert f"Did you mean {number}?" in each.reason


REQUESTS: list[tuple[list[Any], int]] = [  # numbers, how many people they are
    (["+5511987654321", "+551187654321"], 1),
    (["+551187654321", "+55 11 8765-4321", "+55 (11) 98765-4321"], 1),
    (["+551132345678", "+5511932345678"], 2),
    (["+5215550000101", "+525550000101", "+541166773399", "+5491166773399"], 2),
    (["+52 1 664 123 4567", "+526641234567"], 1),
    (["+525550000101", "+525550000102", "+5215550000102"], 2),
    (["+54 351 15 123-4567", "+54 9 351 123-4567", "+54 351 123-4567"], 1),
    (["+543511234567", "+543511234568"], 2),
    (["+22997123456", "+2290197123456", "+2290197123457"], 2),
    (["+22507123456", "+2250707123456", "+2250507123456"], 2),
    (["+841211234567", "+84791234567"], 1),
    (["+24106031730", "+2416031730", "+24166031730"], 1),
]


@pytest.mark.parametrize(("numbers", "people"), REQUESTS)
def test_a_request_has_each_person_once(numbers: list[Any], people: int) -> None:
    """Programs give numbers from systems of theirs: none that is well formed is refused."""
    found = importer.parse_numbers(numbers, "")

    assert (people, len(numbers) - people, []) == (len(found.contacts), found.duplicates, found.rejected)
