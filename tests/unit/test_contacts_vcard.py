"""Contacts as plain text and as vCards."""

from __future__ import annotations

import pytest

from daemon.contacts import importer, phone_repair
from tests.support.contacts import ANNA, BEN, CID, numbers_of, read

# Text and vCard


def test_one_number_per_line() -> None:
    """Blank lines and comments of a .txt are skipped, lines counted."""
    found = read(f"# friends\n{ANNA}\n\n{BEN}\r\n# end\n", "list.txt")

    assert [(2, ANNA), (4, BEN)] == [(each.position, each.number) for each in found.contacts]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_with_names(delimiter: str) -> None:
    """`number,name` lines are read as a table without header."""
    found = read(f"{ANNA}{delimiter}Anna\n{BEN}{delimiter}Ben\n", "list.txt")

    assert ["Anna", "Ben"] == [each.fields["column_2"] for each in found.contacts]


VCARDS = f"""BEGIN:VCARD\r
VERSION:3.0\r
FN:Anna Muster\r
N:Muster;Anna;;;\r
ORG:ACME;Sales\r
TEL;TYPE=FAX:+493023125009\r
TEL;TYPE=WORK:+493023125001\r
TEL;TYPE=CELL:0151 nonsense\r
TEL;TYPE=CELL,VOICE:{ANNA}\r
EMAIL:anna@example.org\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:2.1\r
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg;;;\r
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=BC=\r
ller\r
TEL;CELL;PREF:+49 151 23456788\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:3.0\r
FN:Ben\r
item1.TEL;type=CELL;waid=919876543210:+91 98765 43210\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:4.0\r
FN:Cid\r
TEL;VALUE=uri;TYPE="voice,cell":tel:+1-212-555-0123\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:3.0\r
FN:Nobody\r
END:VCARD\r
BEGIN:VCARD\r
FN:Cut off\r
TEL;;;=:::\r
BEGIN:VCARD\r
VERSION:3.0\r
FN:Dora\r
TEL:+442079460011\r
END:VCARD\r
"""


@pytest.mark.parametrize("damaged", ["0151 nonsense", "12345", "n/a", "+49 151", "4.9151E+12", "+999 123 456 789"])
def test_a_card_whose_first_number_is_damaged_is_read_by_its_next(damaged: str) -> None:
    """As a file and in a draft; the order of the card counts among those that are good."""
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:Anna\n" + "".join(
        f"TEL;TYPE=CELL:{number}\n" for number in (damaged, ANNA, "+442079460011")
    )
    card += "END:VCARD\n"
    assert [ANNA] == [each.number for each in read(card, "anna.vcf").contacts]
    (sheet,) = importer.sheets(card.encode(), "anna.vcf", "", 10)
    assert ANNA == sheet.rows[1].cells[0]


def test_vcards() -> None:
    """The first valid mobile of each card, in all three versions; WhatsApp's own `waid` before all."""
    found = read(VCARDS, "contacts.vcf")

    assert [ANNA, "+4915123456788", BEN, CID, "+442079460011"] == numbers_of(found)
    assert [1, 2, 3, 4, 7] == [each.position for each in found.contacts]
    assert ["Anna Muster", "Jörg Müller"] == [each.fields["name"] for each in found.contacts[:2]]
    assert ("ACME, Sales", "anna@example.org") == (found.contacts[0].fields["org"], found.contacts[0].fields["email"])


def card(*lines: str) -> str:
    return "\n".join(["BEGIN:VCARD", "VERSION:3.0", "FN:Ann", *lines, "END:VCARD", ""])


@pytest.mark.parametrize(
    "lines",
    [
        ('TEL;VALUE=uri;PREF=2;TYPE="voice,cell":tel:+44-7911-123451', f'TEL;VALUE=uri;PREF=1;TYPE="cell":tel:{ANNA}'),
        ("TEL;TYPE=CELL:+447911123451", f"TEL;TYPE=CELL,PREF:{ANNA}"),
        ("TEL;CELL:+447911123451", f"TEL;CELL;PREF:{ANNA}"),
        ("TEL;TYPE=HOME;TYPE=PREF:+442079460011", f"TEL;TYPE=CELL:{ANNA}"),
        ("TEL:+442079460011", f"TEL:{ANNA}"),
        (f"TEL;TYPE=CELL:{ANNA}", "TEL;TYPE=CELL:0151 23456789"),
        (f"TEL;TYPE=CELL:{ANNA}", "TEL;TYPE=CELL:0049 151 23456789"),
        ("TEL;TYPE=CELL:+447911123451", f"TEL;TYPE=CELL;waid=4915123456789:{ANNA}"),
    ],
)
def test_of_several_numbers_the_mobile_or_the_preferred_one(lines: tuple[str, ...]) -> None:
    assert [ANNA] == [each.number for each in read(card(*lines), "ann.vcf").contacts]


def test_of_several_mobiles_a_person_chooses() -> None:
    """The row is left out with both, and in a draft there is a suggestion."""
    text = card(f"TEL;TYPE=CELL:{ANNA}", "TEL;TYPE=CELL:+447911123451")
    found = read(text, "ann.vcf")
    assert [(f"{ANNA} / +447911123451", "several_mobiles")] == [(each.value, each.code) for each in found.rejected]
    (sheet,) = importer.sheets(text.encode(), "ann.vcf", "", 10)
    diagnosed = phone_repair.diagnose(sheet.rows[1].cells[0], "")
    assert (phone_repair.Kind.SEVERAL, ANNA) == (diagnosed.kind, diagnosed.suggestion)


def test_a_broken_card_is_rejected_and_the_rest_read() -> None:
    """One without number and one cut off: listed by their place in the file."""
    found = read(VCARDS, "contacts.vcf")

    assert [(5, "Nobody"), (6, "Cut off")] == [(each.position, each.value) for each in found.rejected]
    assert 7 == found.total


def test_the_reader_of_cards_logs_nobodys_data(caplog: pytest.LogCaptureFixture) -> None:
    """The library's complaints quote the lines it skips."""
    read(f"BEGIN:VCARD\nVERSION:3.0\nsecret line\nTEL:{ANNA}\nEND:VCARD\n", "a.vcf")

    assert "" == caplog.text


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("TEL:0171 3920011 / 030 23125010", "+491713920011"),
        ("TEL;TYPE=WORK:030 23125010\\, Mobil 0171 3920011", "+491713920011"),
        ("TEL:0171 3920011 / 0171 3920012", None),
        ("TEL;type=CELL;waid=184512345678901:184512345678901@lid", None),
    ],
)
def test_a_line_with_several_numbers_or_none(line: str, number: str | None) -> None:
    """The mobile of them; where there are two, or a hidden id, nobody is written to."""
    card = f"BEGIN:VCARD\nVERSION:3.0\nFN:Ann\n{line}\nEND:VCARD\n".encode()
    found = importer.read(card, "people.vcf", "DE")

    assert ([number] if number else []) == [each.number for each in found.contacts]
    assert (number is None) == bool(found.rejected)


def test_of_whom_must_not_be_written_to_each_number_of_a_line_counts() -> None:
    """Else one of them is written to."""
    card = b"BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nTEL:0171 3920011 / 030 23125010\nEND:VCARD\n"
    found = importer.read(card, "gone.vcf", "DE", trusted=True)

    assert {"+491713920011", "+493023125010"} == {each.number for each in found.contacts}
