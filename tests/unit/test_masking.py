"""What those who may only look see of telephone numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.api.schemas.library import Entry
from daemon.contacts import masking


@pytest.fixture(autouse=True)
def _viewer() -> Iterator[None]:
    """The reader is a viewer."""
    token = masking.hidden.set(True)
    yield
    masking.hidden.reset(token)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+4915110000012", "+49•••••••••12"),
        ("+12125550123", "+1••••••••23"),
        ("+35312345678", "+353••••••78"),
        ("＋4915110000012", "+49•••••••••12"),
        ("4915110000012", "•••••••••••12"),
        ("+1", "+1"),
        ("", ""),
    ],
)
def test_country_code_and_last_two_digits_stay(number: str, shown: str) -> None:
    """Without a + no country code is known."""
    assert shown == masking.phone(number)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Call +49 (151) 1000-0012 now.", "Call +49•••••••••12 now."),
        ("0171/2345678", "•••••••••78"),
        ("tel:+12125550123", "tel:+1••••••••23"),
        ("/app/people/%2B4915110000000?x=1", "/app/people/+49•••••••••00?x=1"),
        ("x4915112345678y", "x•••••••••••78y"),
        ("true_4915112345678@c.us_3EB0", "true_•••••••••••78@c.us_3EB0"),
        ("+49\u202f151\u00a01000\u20110012", "+49•••••••••12"),
        ("\u202a+4915110000012\u202c", "\u202a+49•••••••••12\u202c"),
        ("٠١٧١٢٣٤٥٦٧٨", "•••••••••٧٨"),
        ("01 12 34 56", "••••••56"),
        ("01.12.34.56.78", "••••••••78"),
        ("49151100000.0", "••••••••••00"),
        ("+4915110000012, +4915110000034", "+49•••••••••12, +49•••••••••34"),
        ("1,+4915110000012,sent\r\n2,+4915110000034,read\r\n", "1,+49•••••••••12,sent\r\n2,+49•••••••••34,read\r\n"),
    ],
)
def test_a_number_is_found_however_it_is_written(text: str, shown: str) -> None:
    """In fields, texts, reasons, addresses and tables."""
    assert shown == masking.text(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T10:00:00.123+00:00",
        "2026-01-01 10:00 UTC",
        "31.12.2026, 10:15",
        "12/31/2026",
        "٣١\u200f/١٢\u200f/٢٠٢٦",
        "1767261600000",
        "0.0001234",
        "1,024 of 20,000",
        "row 1234567",
        "0123456789abcdef0123456789abcdef",
        "/app/new/12345678901a",
        "12345",
        "",
    ],
)
def test_what_is_no_number_stays(text: str) -> None:
    """Times, ids, counts."""
    assert text == masking.text(text)


@given(st.text(alphabet="+0123456789 ()-./abc", max_size=60))
def test_no_run_of_eight_digits_is_left(text: str) -> None:
    """Whatever stands around it, unless it is an id, a time, or longer than any number."""
    for run in masking.re.findall(r"(?<![0-9a-c.])\d{8,12}(?![0-9a-c])", masking.text(text)):
        assert run not in text


def test_all_of_an_answer_is_masked() -> None:
    """Texts at any depth and in keys; numbers that are counts or times stay."""
    given_answer = {"number": "+4915110000012", "at": 1767261600000, "rows": [[True, "ring 0171 2345678", None]]}

    assert {
        "number": "+49•••••••••12",
        "at": 1767261600000,
        "rows": [[True, "ring •••••••••78", None]],
    } == masking.tree(given_answer)


def test_others_see_numbers_as_they_are() -> None:
    """Nothing is looked for where nothing is hidden."""
    masking.hidden.set(False)

    assert "+4915110000012" == masking.phone("+4915110000012") == masking.text("+4915110000012")
    assert {"a": ["+4915110000012"]} == masking.tree({"a": ["+4915110000012"]})


def test_a_field_of_numbers_is_masked_whatever_stands_in_it() -> None:
    """Because it is one; the pattern, which goes through any text, is the net behind it."""
    entry = Entry(id=1, number="4915112", fields={"name": "Ada", "other": "call +4915110000012"})
    assert "4915112" == masking.text("4915112")
    dumped = entry.model_dump()
    assert "•••••12" == dumped["number"]
    assert "call +49•••••••••12" == masking.tree(dumped)["fields"]["other"]
    masking.hidden.set(False)
    assert "4915112" == entry.model_dump()["number"]
