"""The lines of a vCard: what they say, and that reading them takes time in proportion to their length."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.formats import vcard
from tests.support import growth


def cards(body: str) -> list[vcard.Card]:
    return list(vcard.read(f"BEGIN:VCARD\nVERSION:3.0\nFN:Anna\n{body}\nEND:VCARD\n"))


HOSTILE: list[Callable[[int], str]] = [
    lambda size: "TEL;" + "CELL;" * size + "x",  # 114 bytes of it once took minutes
    lambda size: "TEL" + ';TYPE="' * size + ":+4915123456789",
    lambda size: "TEL;TYPE=" + "CELL," * size + ":+4915123456789",
    lambda size: "item." * size + "TEL;;;=;;",
    lambda size: "NOTE;ENCODING=QUOTED-PRINTABLE:x" + "=\n =3D" * size + "=",
    lambda size: "N:" + "\\\\;\\" * size + "\nORG:" + ";" * size,
    lambda size: "TEL;A=-" * size,
    lambda size: " \n\t" * size + "BEGIN:VCARD\n" * (size // 10),
]


@pytest.mark.parametrize("make", HOSTILE)
def test_a_hostile_card_costs_no_more_than_its_length(make: Callable[[int], str]) -> None:
    """Many parameters, quotes, groups, folds, escapes or cards in one file."""
    cards(make(40))
    assert growth.in_proportion(cards, make, 2_000)


def test_the_card_that_froze_the_http_process_is_read() -> None:
    """A line that is no property is left out, the others count."""
    (card,) = cards("TEL;" + "TYPE=CELL;" * 10 + "\nTEL:+4915123456789")

    assert ["+4915123456789"] == card.numbers
    assert "Anna" == card.fields["name"]


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ("N:Muster\\, Dr.;Anna;;;", "last_name", "Muster, Dr."),
        ("ORG:ACME\\; Sons;Sales;", "org", "ACME; Sons, Sales"),
        ("TITLE;ENCODING=b:Q2hlZg==", "title", "Chef"),
        ("TITLE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:Gesch=E4ftsf=\n=FChrer", "title", "Geschäftsführer"),
        ("TITLE;QUOTED-PRINTABLE;CHARSET=no-such:Chef=C3=A9", "title", "Chefé"),
        ("TITLE:Head of\n  Sales", "title", "Head of Sales"),
        ("item7.X_ABC:1\nitem7.EMAIL;TYPE=INTERNET:a@example.org", "email", "a@example.org"),
        ('TITLE;X="a:b;c":Chef', "title", "Chef"),
        ("TITLE;ENCODING=b:no base64!", "title", "no base64!"),
    ],
)
def test_values(body: str, field: str, value: str) -> None:
    """Escapes, quoted-printable in its charset, base64, folds, groups and quoted parameters."""
    (card,) = cards(body)

    assert value == card.fields[field]
    assert not card.broken
