"""What those who may only look see of telephone numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import errors
from daemon.api.schemas.accounts import LinkCode
from daemon.api.schemas.common import Rejected
from daemon.api.schemas.library import Entry
from daemon.campaigns import report
from daemon.contacts import masking
from daemon.models import Message


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [  # letters in it
        ("+49 151 abc 1000 0012", "+49 ••• abc •••• ••12"),
        ("+49x151x1000x0012", "+49x•••x••••x••12"),
        ("call 0151a10000b012", "call ••••a•••••b•12"),
        ("4915110000012a", "•••••••••••12a"),
        ("f4915110000012c", "f•••••••••••12c"),
        ("O151l00OOO12", "••••••••••12"),
        # other separators
        ("0151_1000_0012", "••••••••••12"),
        ("0151*1000*0012", "••••••••••12"),
        ("0151|1000|0012", "••••••••••12"),
        ("0151~1000'0012", "••••••••••12"),
        ("0151,1000,0012", "••••••••••12"),
        ("0151      1000      0012", "••••••••••12"),
        # other scripts
        ("４９１５１１００００１２", "••••••••••１２"),
        ("४९१५११०००००१२", "•••••••••••१२"),
        ("⁴⁹¹⁵¹¹⁰⁰⁰⁰⁰¹²", "•••••••••••¹²"),
        ("₄₉₁₅₁₁₀₀₀₀₀₁₂", "•••••••••••₁₂"),
        ("①⑤①①⓪⓪⓪⓪⓪①②", "•••••••••①②"),
        # as a spreadsheet has rounded it
        ("4.9171E+11", "•.••••E+11"),
        ("4,91511E+12", "•,•••••E+12"),
        ("4.9171e11", "•.••••e11"),
        ("4.9151×10^12", "•.••••×10^12"),
        ("49151E+8", "•••••E+8"),
        # as the title of a column
        ("_49_151_1000_0012", "_•••••••••••12"),
        ("field_4915110000012", "field_•••••••••••12"),
        ("n4915110000012", "n•••••••••••12"),
    ],
)
def test_a_number_is_found_in_disguise(text: str, shown: str) -> None:
    """With letters, signs, digits or an exponent that no number has."""
    assert shown == masking.text(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T10:00:00Z to 2026-01-02T11:30:00Z",
        "21:00-08:00",
        "10:15 – 11:30, 12",
        "1,234,567",
        "job-1234567-rejected.csv",
        "M1,50h8v3h-8zM11,50.5h8v30.2h-8z",
        "2.5e3 or 1x2, 99.5 %",
        "Version 26.1.0, room 7b",
        "rows 12, 13, 14, 15 and 16",
    ],
)
def test_what_looks_like_one_only_at_a_glance_stays(text: str) -> None:
    """Times, amounts, names of files, drawings."""
    assert text == masking.text(text)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("+49151", "+49•51"),
        ("0151", "••51"),
        ("4.9171E+11", "•.••••E+11"),
        ("12a34", "••a••"),
        ("0151 / room 7", "•••1 / room 7"),
        ("Ada", "Ada"),
        ("٠١٥١٢", "•••١٢"),
        ("", ""),
    ],
)
def test_what_stands_in_the_place_of_a_number_is_masked_for_that(cell: str, shown: str) -> None:
    """However short: the net alone would leave it. Letters stay, as it may be a name."""
    assert shown == masking.value(cell)
    assert shown == Rejected(position=1, value=cell, reason="No.").model_dump()["value"]
    assert ["row", "value", "reason"] == next(lines := report.rejected([[1, cell, "No.", "other"]]))
    assert [1, shown, "No."] == next(lines)


@pytest.mark.parametrize("number", ["+4915110000012", "0151", "+1", "4.9171E+11", "12a34", "x49151", "+49123", "٠١٥١٢"])
def test_what_is_masked_stays_as_it_is(number: str) -> None:
    """An answer may go through it twice: by its fields, and through the net."""
    for mask in (masking.phone, masking.value, masking.title, masking.text):
        assert mask(number) == mask(mask(number))


def test_two_titles_that_are_masked_alike_stay_two() -> None:
    """A file without titles has its first row for them."""
    fields = {"n49151": "a", "n49251": "b", "name": "c", "room_1234": "d"}
    assert {"n•••51": "a", "n•••51_": "b", "name": "c", "room_1234": "d"} == masking.fields(fields)
    entry = Entry(id=1, number="+4915110000012", fields=fields)
    assert ["n•••51", "n•••51_", "name", "room_1234"] == list(entry.model_dump()["fields"])


def test_a_report_is_masked_by_its_columns() -> None:
    """The number however short; titles; texts by the net."""
    row = Message(
        row=1, number="+49151", fields={"x49151": "0151/2345678"}, state="failed", attempts=1, error="4.91E+11"
    )
    row.fields_removed = False  # as the rows that reports are made of say
    shown = report.line(row, ["x49151"], 0)
    assert [1, "+49•51", "•••••••••78", "failed", 1, "•.••E+11"] == shown[:6]
    assert ["row", "number", "x•••51"] == report.head(["x49151"])[:3]


def test_a_field_of_an_answer_that_holds_a_number_is_known_by_its_name() -> None:
    """In events and in every other JSON."""
    state = {"number": "49151", "wish": {"link_number": "+49151"}, "hourly_cap": 49151, "number_of": "49151"}
    shown = masking.tree(state)
    assert {"number": "•••51", "wish": {"link_number": "+49•51"}, "hourly_cap": 49151, "number_of": "49151"} == shown
    assert "•••51" == LinkCode(code="ABCD", number="49151", at=None).model_dump()["number"]


@pytest.mark.parametrize("search", ["151", "5", "room 7", "٥", "１", "④", "x²", "+4"])
def test_no_search_of_theirs_has_digits(search: str) -> None:
    """Whatever the script: found or not would say what is in a number."""
    with pytest.raises(errors.InvalidInput, match="Numbers are hidden"):
        masking.searchable(search)
    masking.hidden.set(False)
    assert search == masking.searchable(search)


def test_long_texts_are_masked_in_linear_time() -> None:
    """Whatever they are made of: 100 KB in well under the second that a timeout would notice."""
    for unit in ("1", "1 ", "1,", "+1", "a1", "/a1", "1.1e", "E+1", "1      ", "aaaaaaaaaaaa1", "."):
        started = time.process_time()
        masking.text("1" + unit * (100_000 // len(unit)) + "1")
        assert time.process_time() - started < 2, unit


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
