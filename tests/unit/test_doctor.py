"""The number doctor: damage of all kinds and of many countries, named, and undone where it can be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import errors
from daemon.contacts import phone, phone_repair
from daemon.contacts.phone_repair import Kind, diagnose

MOBILE = "+4915112345678"

READ = [  # cell, country, kind, the number it is read as
    ("+49 151 12345678", "", Kind.GOOD, MOBILE),
    ("0151 / 12345678", "DE", Kind.GOOD, MOBILE),
    ("+91 98765 43210", "", Kind.GOOD, "+919876543210"),
    ("98765 43210", "IN", Kind.GOOD, "+919876543210"),
    ("(202) 555-0123", "US", Kind.GOOD, "+12025550123"),
    ("612 34 56 78", "ES", Kind.GOOD, "+34612345678"),
    ("8 (912) 345-67-89", "RU", Kind.GOOD, "+79123456789"),
    ("11 98765-4321", "BR", Kind.GOOD, "+5511987654321"),
    ("0412 345 678", "AU", Kind.GOOD, "+61412345678"),
    ("4915112345678.0", "", Kind.DECIMAL, MOBILE),
    ("4915112345678,00", "", Kind.DECIMAL, MOBILE),
    ("4915112345678", "", Kind.NO_PLUS, MOBILE),
    ("919876543210", "", Kind.NO_PLUS, "+919876543210"),
    ("15112345678", "DE", Kind.NO_ZERO, MOBILE),
    ("7911123456", "GB", Kind.NO_ZERO, "+447911123456"),
    ("612345678", "FR", Kind.NO_ZERO, "+33612345678"),
    ("0049 151 12345678", "", Kind.PREFIX, MOBILE),
    ("011 49 151 12345678", "US", Kind.PREFIX, MOBILE),
    ("8 10 49 151 12345678", "RU", Kind.PREFIX, MOBILE),
    ("+49 (0)151 12345678", "", Kind.TRUNK, MOBILE),
    ("+44 07911 123456", "", Kind.TRUNK, "+447911123456"),
    ("+٤٩١٥١١٢٣٤٥٦٧٨", "", Kind.SIGNS, MOBILE),
    ("०९८७६५४३२१०", "IN", Kind.SIGNS, "+919876543210"),
    ("\u202a+49 151 12345678\u202c", "", Kind.SIGNS, MOBILE),
    ("Tel. +49 151 12345678", "", Kind.SIGNS, MOBILE),
    ("+49 151 12345678 / +49 30 23125001", "", Kind.SEVERAL, MOBILE),
    ("+49 30 23125001, 0151 12345678", "DE", Kind.SEVERAL, MOBILE),
    ("+447911 123456 or 020 7946 0011", "GB", Kind.SEVERAL, "+447911123456"),
]
SUGGESTED = [  # cell, country, kind, the number it most likely was
    ("4.915112345678E+12", "", Kind.ROUNDED, MOBILE),
    ("4,915112345678e12", "", Kind.ROUNDED, MOBILE),
    ("1.5112345678E+10", "DE", Kind.ROUNDED, MOBILE),
    ("+49 30 23125001+4915112345678", "", Kind.SEVERAL, MOBILE),
    ("+49 151 12345678 / +49 151 12345679", "", Kind.SEVERAL, MOBILE),
    ("+49 30 23125001 oder +49 30 23125002", "", Kind.SEVERAL, "+493023125001"),
    ("+49 30 23125 001 ext. 12", "", Kind.EXTENSION, "+493023125001"),
    ("(202) 555-0123 x77", "US", Kind.EXTENSION, "+12025550123"),
    ("011 49 151 12345678", "", Kind.PREFIX, MOBILE),
    ("0011 49 151 12345678", "", Kind.PREFIX, MOBILE),
    ("8~10 49 151 12345678", "RU", Kind.PREFIX, MOBILE),
    ("+49l51l2345678", "", Kind.SIGNS, MOBILE),
    ("+49 151 I2345678", "", Kind.SIGNS, MOBILE),
    ("Anna +4915112345678", "", Kind.SIGNS, MOBILE),
    ("0151 12345678 (Anna)", "DE", Kind.SIGNS, MOBILE),
    ("=+4915112345678", "", Kind.SIGNS, MOBILE),
    ("+52 1 55 1234 5678", "", Kind.MOBILE_RULE, "+525512345678"),
    ("+55 11 8765-4321", "", Kind.MOBILE_RULE, "+5511987654321"),
    ("11 8765-4321", "BR", Kind.MOBILE_RULE, "+5511987654321"),
    ("612345678", "IT", Kind.NO_ZERO, "+390612345678"),
    ("919876543210", "DE", Kind.AMBIGUOUS, "+919876543210"),
]
HOPELESS = [
    ("", "", Kind.MISSING),
    ("  ", "DE", Kind.MISSING),
    ("hello", "", Kind.SIGNS),
    ("12345", "", Kind.INVALID),
    ("4.9151E+12", "", Kind.ROUNDED),
    ("4.91511234567E+12", "", Kind.ROUNDED),  # one digit is lost: ten numbers are as likely
    ("4,91511234567e12", "DE", Kind.ROUNDED),
    ("5e300", "", Kind.ROUNDED),
    ("0151 12345678", "", Kind.COUNTRY),
    ("98765 43210", "", Kind.COUNTRY),
    ("2026-01-02", "", Kind.INVALID),
    ("491511234567.8", "", Kind.INVALID),
    ("+999 123 456 789", "", Kind.INVALID),
    ("+49 151 1", "", Kind.INVALID),
]


@pytest.mark.parametrize(("cell", "country", "kind", "number"), READ)
def test_what_can_be_read_is_read_and_the_damage_is_named(cell, country, kind, number):
    """As `numbers.normalise` reads it; beside it, what had to be undone."""
    found = diagnose(cell, country)
    assert (kind, number, None) == (found.kind, found.number, found.suggestion)


@pytest.mark.parametrize(("cell", "country", "kind", "suggestion"), SUGGESTED)
def test_what_cannot_be_read_has_a_suggestion(cell, country, kind, suggestion):
    """It is not taken by itself: a person decides."""
    found = diagnose(cell, country)
    assert (kind, None, suggestion) == (found.kind, found.number, found.suggestion)


@pytest.mark.parametrize(("cell", "country", "kind"), HOPELESS)
def test_what_nobody_can_know_has_none(cell, country, kind):
    """Lost digits, a missing country, no number at all: a reason, and no guess."""
    found = diagnose(cell, country)
    assert (kind, None, None) == (found.kind, found.number, found.suggestion)
    assert found.reason or phone_repair.REASONS[kind]


def test_argentinas_nine_is_only_suggested():
    """Without it the number may be a landline that has WhatsApp: it can be written to as it is."""
    found = diagnose("+54 11 2345-6789", "")
    assert (Kind.MOBILE_RULE, "+541123456789", "+5491123456789") == (found.kind, found.number, found.suggestion)
    assert Kind.NO_PLUS == diagnose("5491123456789", "").kind


@pytest.mark.parametrize(
    ("cell", "landline"),
    [("+49 30 23125001", True), ("+49 151 12345678", False), ("+1 202 555 0123", False), ("+33 1 23 45 67 89", True)],
)
def test_a_landline_is_a_note_and_no_refusal(cell, landline):
    """It can be written to; where one cannot tell it from a mobile nothing is said."""
    found = diagnose(cell, "")
    assert found.number
    assert landline == found.landline


def test_every_kind_has_a_title_and_all_but_good_a_reason():
    """For the page."""
    assert set(Kind) == set(phone_repair.TITLES)
    assert set(Kind) - {Kind.GOOD} == set(phone_repair.REASONS)


@pytest.mark.parametrize(
    ("cells", "country"),
    [
        (["+49 30 23125001", "0049 151 12345678", "+33612345678", "12"], "DE"),
        (["0151 12345678"], ""),
        ([], ""),
        (["+800 1234 5678"], ""),
    ],
)
def test_the_country_is_guessed_from_those_who_say_it(cells, country):
    """The one that most numbers with a country code have; worldwide ones have none."""
    assert country == phone_repair.guess_country(cells)


@settings(max_examples=400, deadline=None)
@given(st.text("0123456789+.,E()-/ extoO~\u200e٣\n", max_size=40), st.sampled_from(["", "DE", "BR", "IN", "US", "AR"]))
def test_whatever_is_in_a_cell_it_has_a_diagnosis(cell, country):
    """Nothing raises; what counts as readable is what `normalise` reads, and a suggestion is a number itself."""
    found = diagnose(cell, country)
    try:
        expected = phone.normalise(cell, country)
    except errors.InvalidNumber:
        expected = None
    assert expected == found.number
    if found.suggestion:
        assert found.suggestion == phone.normalise(found.suggestion, "")


def test_the_country_is_guessed_by_what_is_dialled_in_ones_own():
    """001 is dialled in Hong Kong, and is no +1."""
    cells = ["001 65 9234 5678", "001 49 151 23456789", "001 1 305 555 1234", "001 49 151 23456788"]
    assert ["DE", ""] == [phone_repair.guess_country(cells, "HK"), phone_repair.guess_country(cells[:1], "HK")]
