"""Inputs as people have them, found where other tools went wrong: every file in `cases/` is read by the real code.

For each: in which default country, and what comes of it. A file without a line here fails the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon import errors
from daemon.contacts import importer, uploads
from daemon.contacts.reasons import Fault
from daemon.formats import media, placeholders, template
from daemon.states import E164, Kind
from tests.support.contacts import numbers_of

CASES = Path(__file__).with_name("cases")
US = "+1202555"
GB = "+4477009001"


@dataclass(frozen=True)
class Case:
    """numbers: who is written to, in order; refused: codes of the rows that are not; duplicates: how many were left
    out as such. column: title of the column of numbers. field: (name, the values that it has)."""

    name: str
    numbers: list[str]
    refused: tuple[Fault, ...] = ()
    duplicates: int = 0
    country: str = ""
    column: str = "phone"
    field: tuple[str, list[str]] | None = None


HEBREW = ["דנה לוי", "משה כהן", "רות ישראלי"]
NO_NAMES = ("name", [""] * 4)
ACCENTS = ("name", ["José", "Zoë", "Müller", "Ana", "Bob"])
LISTS = [
    Case("ar.csv", ["+5491166773399"], (), 3, "AR", "celular"),
    Case("br.csv", ["+5511987654321"], (Fault.UNASSIGNED,), 4, "BR", "celular"),
    Case("br-cpf2.csv", [], (Fault.MISSING, Fault.UNASSIGNED) * 3, 0, "BR", "WhatsApp do responsável"),
    Case("comma-line.txt", [f"{US}0101", f"{US}0102", f"{US}0103"], column="column_1"),
    Case("cp1255.csv", [f"+97250123456{n}" for n in "789"], column="טלפון", field=("שם", HEBREW)),
    Case("cp850.csv", [f"{US}010{n}" for n in range(5)], field=ACCENTS),
    Case("mac-roman.csv", [f"{US}010{n}" for n in range(5)], field=ACCENTS),
    Case(
        "excel2.csv", [f"{US}0102", f"{US}0106", f"{US}0111", f"{US}0112"],
        (Fault.SCIENTIFIC, Fault.LETTERS, Fault.LETTERS, Fault.LETTERS, Fault.LETTERS), 1,
    ),
    Case("fr.csv", [], (Fault.UNASSIGNED,) * 5, 0, "FR", "Tél. portable"),
    Case(
        "google.csv", [f"{GB}01", f"{GB}04", f"{GB}05", f"{GB}06"], (Fault.SEVERAL,), column="Phone 1 - Value",
        field=("first_name", ["Ana", "Cy", "Di", "Ed"]),
    ),
    Case("kundennummer.csv", [f"+49171392001{n}" for n in range(6)], (), 0, "DE", "Handynummer"),
    Case("lids.txt", [], (Fault.HIDDEN_ID,) * 3, column="column_1"),
    Case(
        "links.csv", [f"{GB}0{n}" for n in (1, 2, 3, 4, 5, 6, 8)],
        (Fault.GROUP, Fault.GROUP, Fault.BROADCAST, Fault.GROUP, Fault.LINK, Fault.HIDDEN_ID), column="whatsapp",
    ),
    Case("mx.csv", ["+525550000101"], (Fault.TOO_MANY_DIGITS,) * 3, 1, "MX", "cel"),
    Case("names-nan.csv", [f"{GB}0{n}" for n in range(1, 5)], field=NO_NAMES),
    Case("note-list.csv", [f"{US}0101", f"{US}0102"], field=("note", ["order: 1234567, 7654321\nthanks", "ok"])),
    Case(
        "note-list-semicolon.csv", [f"{US}0101", f"{US}0102"],
        field=("note", ["Rückruf:\n030 231250 10; ab 9 Uhr", "ok"]),
    ),
    Case("outlook-de.csv", [f"+49171392000{n}" for n in range(1, 7)], (), 0, "DE", "Mobiltelefon"),
    Case("prefix.csv", [f"+4670174060{n}" for n in range(1, 7)]),
    Case("pt.csv", [f"+35191200000{n}" for n in range(1, 6)], (), 0, "PT", "Telemóvel"),
    Case("qatar.csv", ["+97455123456"], (), 1),
    Case("quotes.csv", [f"{US}0101", f"{US}0102"], field=("name", ['Anna "Annie" One', "Bob"])),
    Case("short.csv", [], (Fault.TOO_FEW_DIGITS, Fault.TOO_MANY_DIGITS) * 2 + (Fault.TOO_FEW_DIGITS, Fault.UNASSIGNED)
         + (Fault.TOO_FEW_DIGITS,) * 8),
    Case("title-number.csv", ["+525550000101", "+525550000102"], column="Telefono", field=("nombre", ["Ana", "Beto"])),
    Case("title2.csv", ["+491713920011", "+491713920012"], (), 0, "DE", "Telefon", ("name", ["Ann", "Bob"])),
    Case("two-cols.csv", ["+491713920011", "+491713920012"], (Fault.MISSING,) * 4, 0, "DE", "Handy"),
    Case("units.txt", [f"{US}0101"], (Fault.LETTERS,) * 2, column="column_1"),
    Case("v4.vcf", [f"{GB}02", f"{GB}04"], column="TEL", field=("name", ["Ann One", "Bob Two"])),
    Case("zeros.csv", [
        "+97455123456", "+6581234567", "+85291234567", "+34612345678", "+351912345678", "+306912345678", "+48501234567",
        "+420601234567", "+4520123456", "+4741234567", "+573109876543", "+51912345678", "+96550012345", "+96892123456",
        "+97336001234", "+50370123456", f"{US}0123", "+6281234500001", "+971501234567", "+2348031234567",
        "+237671234567", "+221701234567",
    ], (Fault.ZERO,)),
    Case("formats2.xlsx", [f"{US}0101"], field=("amount", ["$34.30"])),
    Case("hidden-column.xlsx", [f"{US}0201", f"{US}0202", f"{US}0203"], column="Phone"),
    Case("instructions-first.xlsx", [f"{GB}01"], field=("name", ["Ann"])),
    Case("merged.xlsx", [f"{GB}0{n}" for n in range(5)], field=("class", ["3A", "3A", "3A", "3B", "3B"])),
    Case("na.xlsx", [f"{GB}01", f"{GB}02", f"{GB}03"], field=("name", ["Ann", "", ""])),
]  # fmt: skip
UNREAD = {  # refused as a whole, with the words that say why
    "formula-nocache.xlsx": "a formula without a result",
    "formula-only.xlsx": "a formula without a result",
}
ELSEWHERE = {"placeholders-other.txt", "template-errors.txt", "names-joiner.txt", "heic-called.jpg"}
REQUESTS = {"form.txt", "bom.json", "schedule-naive.json", "send-brazil.json", "send-mexico-argentina.json"}
"""Those are in tests/http/test_case_requests.py."""


def test_every_case_is_tried() -> None:
    """None is only stored."""
    tried = [*(case.name for case in LISTS), *UNREAD, *ELSEWHERE, *REQUESTS]

    assert sorted(path.name for path in CASES.iterdir()) == sorted(tried)


@pytest.mark.parametrize("case", LISTS, ids=lambda case: case.name)
def test_a_list_comes_to_the_people_who_are_meant(case: Case) -> None:
    """By the right column, in the right letters; whoever is left out is told why."""
    found = importer.read((CASES / case.name).read_bytes(), case.name, case.country)

    assert case.numbers == numbers_of(found)
    assert list(case.refused) == [each.why.code for each in found.rejected]
    assert (case.duplicates, case.column) == (found.duplicates, found.phone_column)
    if case.field:
        name, values = case.field
        assert values == [each.fields[name] for each in found.contacts]


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_says_what_to_do(name: str) -> None:
    """In one sentence."""
    with pytest.raises(errors.UnreadableFile, match=UNREAD[name]):
        importer.read((CASES / name).read_bytes(), name, "")


def lines(name: str) -> list[str]:
    return (CASES / name).read_text(encoding="utf-8").splitlines()


def test_placeholders_of_other_tools_are_warned_of() -> None:
    """With the column that is meant, or that words are not chosen from."""
    for text in lines("placeholders-other.txt"):
        (found,) = placeholders.foreign(text, ["name", "city"])
        assert found.choices or "name" == found.field, text


def test_a_broken_template_says_in_plain_words_what_is_wrong() -> None:
    """None of the template language's own words, none of its names."""
    ann = importer.Contact(1, E164("+12025550101"), {"first_name": "Ann", "name": "Ann"})
    for text in lines("template-errors.txt"):
        with pytest.raises(errors.TemplateError) as caught:
            template.check(text, [ann])
        said = str(caught.value)
        for jargon in ("jinja", "unexpected", "expected token", "Traceback", "got '"):
            assert jargon not in said.lower(), (text, said)


def test_joiners_in_the_names_of_files_stay() -> None:
    """A family in one sign, and Persian words."""
    for name in lines("names-joiner.txt"):
        assert name == uploads.safe_name(name)


def test_a_picture_that_phones_cannot_show_is_a_document() -> None:
    """Whatever it is called."""
    data = (CASES / "heic-called.jpg").read_bytes()
    _, mimetype = uploads.by_content("photo.jpg", data[: media.HEAD])

    assert Kind.DOCUMENT == uploads.kind_of(mimetype, len(data))
