"""Recipients in a request of the API; and the demonstration's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.contacts import importer
from daemon.formats import template as message_text
from tests.support.contacts import ANNA, BEN, CID, numbers_of

SAMPLE = Path(__file__).parents[2] / "standin" / "sample"

# The API's lists


def test_a_list_of_numbers() -> None:
    """Text and whole numbers; order kept, duplicates counted, positions from 0."""
    found = importer.parse_numbers([ANNA, 919876543210, 12125550123.0, None, "+49 151 23456789", "12345", [1]], "")

    assert [(0, ANNA), (1, BEN), (2, CID)] == [(each.position, each.number) for each in found.contacts]
    assert [3, 5, 6] == [each.position for each in found.rejected]
    assert (1, 7) == (found.duplicates, found.total)


def test_a_list_of_recipients() -> None:
    """Fields beside `number`, as text under template-safe names."""
    found = importer.parse_numbers(
        [
            {"number": ANNA, "First Name": " Anna\0 ", "age": 42, "score": 1.5, "note": None},
            {"number": BEN, "city": "Pune"},
        ],
        "",
    )

    assert {"first_name": "Anna", "age": "42", "score": "1.5", "note": ""} == found.contacts[0].fields
    assert ["first_name", "age", "score", "note", "city"] == found.columns


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, [], [ANNA], [[["x"]]], {}, {"x": 1}, {"number": [ANNA]}, {"number": {"number": ANNA}},
        {"number": True}, 4930231251.5, -4930231251.0, -4915123456789, 0, 1e300, 10**20, 10**5_000, [10**5_000],
        float("nan"), float("inf"), {"number": float("nan")}, {"number": ANNA, "x": 10**5_000},
        {"number": ANNA, "x": float("nan")}, {"number": ANNA, "x": {"y": []}}, {"number": ANNA, "": [1]},
        "4930231251.5", "\ud800", "",
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_whatever_json_holds_is_rejected_by_its_index(value: object) -> None:
    """It never sinks the others, nor becomes somebody's number."""
    found = importer.parse_numbers([BEN, value, {"number": CID}], "DE")

    assert [(0, BEN), (2, CID)] == [(each.position, each.number) for each in found.contacts]
    assert [1] == [each.position for each in found.rejected]
    assert found.rejected[0].reason.endswith((".", "?"))
    assert len(found.rejected[0].value) <= importer.MAX_SHOWN


def test_a_value_nested_deeply_is_rejected() -> None:
    """Not even shown."""
    value: object = ANNA
    for _ in range(100_000):
        value = [value]

    assert [0] == [each.position for each in importer.parse_numbers([value], "").rejected]


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.just(ANNA),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("number"), inner),
        )
    )
)
def test_any_json_is_counted_once(values: list[object]) -> None:
    """A contact, rejected or a duplicate."""
    assert len(values) == importer.parse_numbers(values, "DE").total


def test_a_recipient_that_cannot_be_used_is_rejected_alone() -> None:
    """No number, or a field that is neither text nor a number."""
    found = importer.parse_numbers([{"name": "x"}, {"number": ANNA, "tags": ["a"]}, {"number": BEN}], "")

    assert [BEN] == numbers_of(found)
    assert [(0, "The number is missing."), (1, "The field tags must be text or a number.")] == [
        (each.position, each.reason) for each in found.rejected
    ]


# The sample


@pytest.mark.parametrize("country", ["", "DE", "US", "IN"])
def test_the_demos_contacts_can_be_imported(country: str) -> None:
    """27 people, one duplicate, two bad numbers, whatever the default country."""
    found = importer.read((SAMPLE / "contacts.csv").read_bytes(), "contacts.csv", country)

    assert (27, [29, 30], 1) == (len(found.contacts), [each.position for each in found.rejected], found.duplicates)
    assert ["name", "city", "appointment", "language"] == found.columns
    assert "+12025550199" == found.contacts[-1].number


def test_the_demos_message_fits_its_contacts() -> None:
    """Short enough to be a caption; with an emoji outside the BMP."""
    found = importer.read((SAMPLE / "contacts.csv").read_bytes(), "contacts.csv", "")
    text = (SAMPLE / "message.txt").read_text(encoding="utf-8")

    message_text.check(text, found.contacts, message_text.MAX_CAPTION)

    assert max(text) > "\uffff"


def test_the_demos_attachments_are_what_they_are_called() -> None:
    """A small PDF and a small PNG."""
    assert (SAMPLE / "invitation.pdf").read_bytes().startswith(b"%PDF-1.")
    assert (SAMPLE / "flyer.png").read_bytes().startswith(b"\x89PNG")
    assert (SAMPLE / "invitation.pdf").stat().st_size < 3_000


def test_a_list_takes_numbers_with_plus_that_no_plan_knows() -> None:
    """The predecessor's quick start works as it stands; a file stays strict about them."""
    assert ["+1234567890", "+9876543210"] == [
        contact.number for contact in importer.parse_numbers(["+1234567890", "+9876543210"], "").contacts
    ]
    assert [2, 3] == [row.position for row in importer.read(b"phone\n+1234567890\n+9876543210\n", "a.csv", "").rejected]
