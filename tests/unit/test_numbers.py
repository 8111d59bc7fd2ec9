"""How text becomes E.164, and what a person is told when it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import errors
from daemon.contacts import phone
from tests.support import growth


def refusal(value: str, country: str = "") -> str:
    with pytest.raises(errors.InvalidNumber) as caught:
        phone.normalise(value, country)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "country", "expected"),
    [
        ("  +49 151 23456789 ", "", "+4915123456789"),
        ("+44 (0)20 7946 0958", "", "+442079460958"),
        ("(+49) 151-2345.6789", "US", "+4915123456789"),
        ("0049 151 23456789", "", "+4915123456789"),
        ("+0049 151 23456789", "", "+4915123456789"),
        ("++4915123456789", "", "+4915123456789"),
        ("\u202a+49\u00a0151\u00a023456789\u202c", "", "+4915123456789"),
        ("\u2066+49\u2011151\u201123456789\ufeff", "", "+4915123456789"),
        ("٠٠٩٧١٥٠١٢٣٤٥٦٧", "", "+971501234567"),
        ("+९१ ९८७६५ ४३२१०", "", "+919876543210"),
        ("＋４９１５１２３４５６７８９", "", "+4915123456789"),
        ("tel:+1-212-555-0123", "", "+12125550123"),
        ("Mobile: +1 212 555 0123", "", "+12125550123"),
        ("whatsapp:+12125550123", "", "+12125550123"),
        ("https://wa.me/919876543210?text=hi", "DE", "+919876543210"),
        ("https://api.whatsapp.com/send?phone=919876543210", "", "+919876543210"),
        ("919876543210@c.us", "", "+919876543210"),
        ("919876543210.0", "", "+919876543210"),
        ("'+919876543210", "", "+919876543210"),
        ('="+919876543210"', "", "+919876543210"),
        ("030/23125001", "DE", "+493023125001"),
        ("09876543210", "IN", "+919876543210"),
        ("09876543210", "in", "+919876543210"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("011 49 30 23125001", "US", "+493023125001"),
        ("+442079460958", "IN", "+442079460958"),
    ],
)
def test_a_number_is_read_however_it_is_written(value: str, country: str, expected: str) -> None:
    """Separators, invisible signs, foreign digits, links and spreadsheet marks do not change the number."""
    assert expected == phone.normalise(value, country)


def test_digits_without_plus_or_country_are_taken_as_international() -> None:
    """Eleven or more digits that are valid behind a + are accepted when no default country is set."""
    assert "+919876543210" == phone.normalise("919876543210", "")
    assert "+12125550123" == phone.normalise("12125550123", "")


def test_ten_digits_without_plus_need_a_country() -> None:
    """Ten digits could be a US number or a short foreign one: nobody is written to on a guess."""
    assert "WASENDER_DEFAULT_COUNTRY" in refusal("2125550123")
    assert "+12125550123" == phone.normalise("2125550123", "US")


def test_a_national_number_without_default_country_names_the_setting() -> None:
    """The predecessor made Iran's +9876543210 out of 09876543210."""
    assert "WASENDER_DEFAULT_COUNTRY" in refusal("09876543210")


def test_the_default_country_comes_first_without_plus() -> None:
    """A mobile with its leading zero lost is the default country's, though it would be valid in the US too."""
    assert "+4915123456789" == phone.normalise("15123456789", "DE")


def test_a_foreign_number_without_plus_is_taken_if_it_cannot_be_national() -> None:
    """A number too long for the default country has its country code already."""
    assert "+4915123456789" == phone.normalise("4915123456789", "US")


@pytest.mark.parametrize(
    ("value", "country"), [("4915123456789", "DE"), ("493023125001", "DE"), ("447911123456", "GB")]
)
def test_the_default_countrys_own_code_without_plus_is_understood(value: str, country: str) -> None:
    """Though German metadata would also take it for an area code."""
    assert f"+{value}" == phone.normalise(value, country)


@pytest.mark.parametrize("value", ["+15551234567", "+447700900123", "0015551234567"])
def test_a_number_with_plus_needs_only_a_possible_length(value: str) -> None:
    """Ranges that no library knows yet are WhatsApp's to judge."""
    assert "+" + value.removeprefix("+").removeprefix("00") == phone.normalise(value, "")


def test_a_well_formed_number_may_be_taken_as_it_is() -> None:
    """8 to 15 digits behind a plus, whatever the numbering plan says; anything else is None."""
    assert ["+1234567890", "+9876543210"] == [phone.as_given("+1234567890"), phone.as_given("+98 76543210")]
    assert [None] * 4 == [phone.as_given(value) for value in ("1234567890", "+1234567", "+0123456789", "+" + "1" * 16)]


def test_a_number_with_two_meanings_is_refused_with_both() -> None:
    """`919876543210` is an Indian mobile and a German landline: the person decides, not the daemon."""
    reason = refusal("919876543210", "DE")

    assert "+919876543210" in reason
    assert "+49919876543210" in reason


@pytest.mark.parametrize(
    ("value", "country", "words"),
    [
        ("9.19877E+11", "", "rounded"),
        ("9,19877E+11", "DE", "format the column as text"),
        ("4.9E11", "", "rounded"),
        ("+4915123456789 / +4915123456788", "", "more than one number"),
        ("919876543210, 919876543211", "", "more than one number"),
        ("919876543210\n919876543211", "", "more than one number"),
        ("+1 212 555 0123 or +1 212 555 0124", "", "more than one number"),
        ("919876543210 919876543211", "", "two numbers"),
        ("+1 212 555 0123 ext. 5", "", "extension"),
        ("+1 212 555 0123 x5", "", "extension"),
        ("12345", "", "too short"),
        ("12345", "DE", "too short"),
        ("+49 151 2345678912345", "", "too many digits"),
        ("+91 98765", "", "too few digits"),
        ("+999 123456789", "", "country code"),
        ("5555550123", "US", "check its digits"),
        ("2024-01-15", "DE", "date"),
        ("15.01.2024", "DE", "date"),
        ("4930231251.5", "", "decimals"),
        ("4930231251,50", "DE", "decimals"),
        ("hello", "", "letters"),
        ("1-800-FLOWERS", "US", "letters"),
        ("<script>alert(1)</script>", "", "letters"),
        ("=HYPERLINK(1)", "", "letters"),
        ("", "", "missing"),
        ("\u200b \u00a0", "DE", "missing"),
        ("+", "", "not a telephone number"),
        ("9" * 1_000_000, "DE", "too long"),
    ],
)
def test_a_refusal_says_what_is_wrong(value: str, country: str, words: str) -> None:
    """Damaged, fused, short, long and foreign-looking values each get their own sentence."""
    reason = refusal(value, country)

    assert words in reason
    assert reason.endswith((".", "?"))


@pytest.mark.parametrize(("old", "new"), [("+5215512345678", "+525512345678"), ("+551187654321", "+5511987654321")])
def test_numbers_from_before_a_renumbering_get_a_suggestion(old: str, new: str) -> None:
    """Mexico's former 1 and Brazil's ninth digit are suggested, never changed silently."""
    assert f"Did you mean {new}?" in refusal(old)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+4915123456789", 1),
        ("015123456789", 0.5),
        ("9.19877E+11", 0.5),
        ("919876543210", 0.9),
        ("2024-01-15", 0),
        ("3", 0),
        ("52.520008", 0),
    ],
)
def test_resemblance_tells_numbers_from_other_digits(value: str, expected: float) -> None:
    """Dates, coordinates and counts do not look like telephone numbers; damaged ones do."""
    assert expected == phone.resemblance(value, "")


@given(st.text() | st.text("0123456789+-(). E/"), st.sampled_from(["", "DE", "US", "BR", "IN"]))
def test_any_text_is_a_number_or_a_reason(value: str, country: str) -> None:
    """Whatever is in a cell: E.164 that stays itself when read again, or InvalidNumber."""
    try:
        number = phone.normalise(value, country)
    except errors.InvalidNumber as error:
        assert str(error)
    else:
        assert number == phone.normalise(number, "")


@pytest.mark.parametrize(
    "cell",
    [
        lambda size: "1" * size + "x",
        lambda size: "(" * size,
        lambda size: " " * size + "+",
        lambda size: "1 " * (size // 2),
        lambda size: "1" + " " * size + "1",
        lambda size: "1" + " " * size + "x",
        lambda size: "1" + " " * (size // 100) + "x",
    ],
)
def test_a_huge_cell_is_refused_at_once(cell: Callable[[int], str]) -> None:
    """No pattern takes longer than in proportion to the cell."""
    refusal(cell(200_000), "DE")

    assert growth.in_proportion(lambda value: refusal(value, "DE"), cell, 25_000)
