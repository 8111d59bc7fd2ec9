"""A new campaign's people: files and what is pasted, the columns, and the numbers that need help."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from typing import Any

import openpyxl
import pytest

from daemon.campaigns import drafts
from daemon.campaigns.draft_content import Content
from daemon.contacts import columns, lists
from daemon.contacts.importer import ContactList
from daemon.db import clock
from tests.support.drafting import (
    CSV,
    Client,
    begin,
    check,
    draft_of,
    look,
    map_columns,
    post,
    refused,
    send,
    with_columns,
    with_message,
    with_people,
)
from tests.support.workbooks import book, saved

# People


@pytest.mark.parametrize(
    ("data", "name", "wanted"),
    [
        (b"", "people.csv", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 50, "people.csv", "is a PNG picture"),
        (b"MZ\x90\x00" + b"x" * 50, "people.xlsx", "is a program"),
        (bytes.fromhex("D0CF11E0A1B11AE1") + b"x" * 600, "people.xlsx", "protected by a password"),
        (b"<!doctype html><script>alert(1)</script>", "people.csv", "is a web page"),
        (b"name,phone\nAnna," + b"9" * 1_000_000 + b"\n", "people.csv", "far too long"),
        (b"name,phone\n" + b"x" * 40_000 + b",+493023125001\n", "people.csv", "more than 32,767 characters"),
        (b",".join([b"c"] * 1000) + b"\n", "people.csv", "more than 200 columns"),
        (b"+493023125001\n" * 200_001, "people.txt", "more than 200,000 rows"),
        (b"PK\x03\x04" + b"x" * 100, "people.xlsx", "is damaged"),
    ],
)
async def test_a_hostile_file_gets_a_clear_sentence(member: Client, data: bytes, name: str, wanted: str) -> None:
    """It names the file and says what to do; the draft stays as it was."""
    base = await begin(member)
    said = await refused(member, f"{base}/people", 422, [("file", data, name)], go="next")
    assert wanted in said
    data = draft_of(base).data
    assert Content(stamp=data.stamp) == data


async def test_a_zip_bomb_is_not_unpacked(member: Client) -> None:
    """An XLSX that would unpack to hundreds of megabytes is refused by what it says of itself."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 210_000_000)
    base = await begin(member)
    said = await refused(member, f"{base}/people", 422, [("file", bomb.getvalue(), "people.xlsx")], go="next")
    assert "unpacks to far more" in said


async def test_formulas_are_text(member: Client) -> None:
    """Neither on the page nor in the rows that come back does anything run."""
    base = await with_message(member, people='name;phone\n=HYPERLINK("http://evil");+493023125001\n@SUM(1);12345\n')
    await check(member, base)
    table = list(csv.reader(io.StringIO(await look(member, f"{base}/left-out.csv"))))
    assert ["'@SUM(1)", "12345"] == table[1][:2]


async def test_a_sheet_of_a_workbook_can_be_chosen(member: Client) -> None:
    """With several that have something in them; choosing another one reads its columns anew."""
    made = openpyxl.Workbook()
    made.active.title = "Old"
    made.active.append(["phone", "name"])
    made.active.append(["+493023125001", "Anna"])
    other = made.create_sheet("New & <b>good")
    for row in (["city", "mobile"], ["Berlin", "+4915112345678"], ["Leeds", "+442079460011"]):
        other.append(row)
    made.create_sheet("Empty")
    data = io.BytesIO()
    made.save(data)
    base = await begin(member)
    assert f"{base}/people" == await post(member, f"{base}/people", [("file", data.getvalue(), "book.xlsx")], go="next")
    page = await look(member, f"{base}/people")
    assert "New &amp; &lt;b&gt;good" in page and "Empty" not in page

    await post(member, f"{base}/people", sheet="1", go="next")
    await map_columns(member, base)

    assert ["+4915112345678", "+442079460011"] == [each.number for each in drafts.people(draft_of(base))]
    assert ["city"] == drafts.fields(draft_of(base))


@pytest.mark.parametrize(
    ("pasted", "numbers"),
    [
        ("+49 30 23125 001\n+44 20 7946 0011", ["+493023125001", "+442079460011"]),
        ("+493023125001\tAnna\n+442079460011\tBen\n", ["+493023125001", "+442079460011"]),
        ("Anna, +493023125001", ["+493023125001"]),
    ],
)
async def test_numbers_or_rows_are_pasted(member: Client, pasted: str, numbers: list[str]) -> None:
    """One in each line, with or without something beside it."""
    base = await begin(member)
    await post(member, f"{base}/people", pasted=pasted, go="next")
    await map_columns(member, base)
    assert numbers == [each.number for each in drafts.people(draft_of(base))]


async def test_a_kept_list_is_chosen(member: Client, people: Any) -> None:
    """Its people with their fields; /app/new?list= begins with it."""
    kept, _ = lists.create_list("Friends", ContactList(people(3), columns=["name"]), clock.now_ms())
    base = await begin(member)
    await post(member, f"{base}/people", list=str(kept.id), go="next")
    await map_columns(member, base)
    assert [p.number for p in people(3)] == [each.number for each in drafts.people(draft_of(base))]

    assert "the list <bdi>Friends</bdi>" in await look(member, f"/app/new?list={kept.id}")
    other = await post(member, "/app/drafts", list=str(kept.id))
    assert "Friends" == draft_of(other).name


async def test_nothing_chosen_is_said_where_it_is_missing(member: Client) -> None:
    """On Next; leaving an empty draft is fine."""
    base = await begin(member)
    assert "Choose a file" in await refused(member, f"{base}/people", 422, go="next")
    assert "/app/new" == await post(member, f"{base}/people", go="leave")


async def test_a_vcard_file_becomes_a_table(member: Client) -> None:
    """Its mobile is the number; what is empty on all cards is ignored."""
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:Anna\nTEL;TYPE=HOME:+493023125001\nTEL;TYPE=CELL:+4915112345678\nEND:VCARD\n"
    base = await with_columns(member, card, "anna.vcf")
    (anna,) = drafts.people(draft_of(base))
    assert ("+4915112345678", {"name": "Anna"}) == (anna.number, anna.fields)


# Columns


async def test_columns_are_guessed_and_can_be_changed(member: Client) -> None:
    """Another column of numbers, another name, one ignored."""
    people = "id,home,mobile\n1,+493023125001,+4915112345678\n2,+442079460011,+447911123456\n"
    base = await with_people(member, people)
    assert 2 == draft_of(base).data.columns.phone
    await map_columns(member, base, role__0="ignore", role__1="number", role__2="field", name__2="cell")

    draft = draft_of(base)
    assert ["cell"] == drafts.fields(draft)
    assert ["+493023125001", "+442079460011"] == [each.number for each in drafts.people(draft)]


async def test_two_hundred_columns_are_one_page(member: Client) -> None:
    """As many as there may be, and it stays below 100 KB on its way."""
    titles = ["phone", *(f"Column number {n}" for n in range(199))]
    cells = ["+493023125001", *(f"value {n}" for n in range(199))]
    base = await with_people(member, ";".join(titles) + "\n" + ";".join(cells) + "\n")
    page = await look(member, f"{base}/columns")
    assert 200 == page.count('<select name="role-')
    assert len(zlib.compress(page.encode())) < 100_000
    await map_columns(member, base)
    assert 199 == len(drafts.fields(draft_of(base)))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"role__1": "field"}, "exactly one column"),
        ({"role__0": "number"}, "exactly one column"),
        ({"name__0": "city"}, "Two columns cannot both be called"),
        ({"name__0": "number"}, "Two columns cannot both be called"),
        ({"name__0": "first name"}, "cannot be used"),
        ({"name__0": ""}, "Give column 1 a name"),
    ],
)
async def test_columns_that_make_no_sense_are_refused(member: Client, changes: dict[str, str], wanted: str) -> None:
    """With what was entered still there."""
    base = await with_people(member)
    good = {"header": "0", "role-0": "field", "role-1": "number", "role-2": "field", "name-0": "name", "name-2": "city"}
    fields = good | {"name-1": "phone"} | {name.replace("__", "-"): value for name, value in changes.items()}
    assert wanted in await refused(member, f"{base}/columns", 422, **fields)


async def test_titles_can_be_in_another_row_or_nowhere(member: Client) -> None:
    """Without a row of titles the first row is a person."""
    base = await with_people(member, "Anna;+493023125001\nBen;+442079460011\n")
    await map_columns(member, base, header="none")
    assert 2 == len(drafts.people(draft_of(base)))

    base = await with_people(member, CSV)
    await post(member, f"{base}/columns", header="none", go="header")
    assert "column_1" in await look(member, f"{base}/columns")


# Numbers


DAMAGED = """name;phone;mail
Ada;4915112345670.0;a@x
Bea;4.915112345671E+12;b@x
Cem;4.9151E+12;c@x
Dan;015112345673;d@x
Eva;+49 151 12345674 / +49 151 12345675;e@x
Fay;+52 1 55 1234 5678;f@x
Gil;+4915112345676;g@x
"""


def used(base: str) -> dict[str, str]:
    """Who is written to, by name."""
    return {each.fields["name"]: each.number for each in drafts.people(draft_of(base)) if each.number}


async def test_the_doctor_groups_and_suggests(member: Client) -> None:
    """What can be read is used; a suggestion is used only when it was accepted."""
    base = await with_columns(member, DAMAGED)
    page = await look(member, f"{base}/numbers")
    for words in ("Shortened by the spreadsheet", "Ends in .0", "Several numbers in one cell", "Mexico"):
        assert words in page
    assert {"Ada", "Dan", "Gil"} == set(used(base))  # the others say that they are German

    await post(member, f"{base}/numbers", go="accept-all:rounded")
    assert "+4915112345671" == used(base)["Bea"]
    assert "Cem" not in used(base)
    await post(member, f"{base}/numbers", go="accept:6", **{"number-6": "+49 30 23125001"})
    assert "+493023125001" == used(base)["Eva"]
    await post(member, f"{base}/numbers", go="leave-out:8")
    assert "Gil" not in used(base)
    await post(member, f"{base}/numbers", go="undo:8")
    assert "Gil" in used(base)
    await post(member, f"{base}/numbers", go="leave-all:decimal")
    assert "Ada" not in used(base)
    await post(member, f"{base}/numbers", go="undo-all:decimal")
    assert "Ada" in used(base)


async def test_the_country_reads_what_has_none(member: Client) -> None:
    """Chosen by a person; what was accepted under another one is asked for again."""
    base = await with_columns(member, "name;phone\nDan;015112345673\nEva;4.915112345671E+12\n")
    assert {} == used(base)
    await post(member, f"{base}/numbers", go="accept-all:rounded")
    assert {"Eva"} == set(used(base))
    await post(member, f"{base}/numbers", country="DE", go="country")
    assert {"Dan": "+4915112345673"} == used(base)
    assert "Choose one of the countries" in await refused(member, f"{base}/numbers", 422, country="XX", go="country")


async def test_a_number_typed_by_hand_must_be_one(member: Client) -> None:
    """The sentence says what is wrong, and what was typed is still there."""
    base = await with_columns(member, DAMAGED)
    response = await send(member, f"{base}/numbers", go="accept:4", group="rounded", page="0", **{"number-4": "+49 1"})
    text = await response.text()
    assert 422 == response.status
    assert "Row 4: The number" in text and 'value="+49 1"' in text


async def test_rejected_rows_come_back_as_a_file_that_reads_again(member: Client) -> None:
    """The same columns and the reason, which is ignored then; corrected, they are people."""
    base = await with_columns(member, DAMAGED)
    text = await look(member, f"{base}/rejected.csv")
    table = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert ["name", "phone", "mail", columns.REASON] == table[0]
    assert ["Bea", "Cem", "Eva", "Fay"] == [row[0] for row in table[1:]]
    assert "'+52 1 55 1234 5678" == table[4][1]

    corrected = text.replace("4.9151E+12", "+4915112345672")
    again = await with_columns(member, corrected, "rejected.csv")
    assert ["name", "mail"] == drafts.fields(draft_of(again))
    assert {"Cem": "+4915112345672"} == used(again)


async def test_ten_thousand_rows_are_shown_a_page_at_a_time(member: Client) -> None:
    """50 on a page, which stays small; the last page has the rest."""
    rows = "".join(f"Person {n};4915{n:09}.0\n" for n in range(10_000))
    base = await with_columns(member, "name;phone\n" + rows)
    assert "10000" in await look(member, f"{base}/numbers")
    page = await look(member, f"{base}/numbers?group=decimal&page=1")
    assert 50 == page.count('<tr id="row-')
    assert len(page.encode()) < 100_000


async def test_a_guessed_encoding_is_shown_and_can_be_changed(member: Client) -> None:
    """The step stays, with the words that show it; the file that was uploaded is read again in the chosen one."""
    data = "name;phone\nZieliński;+48512345678\n".encode("cp1250")
    base = await begin(member)
    assert f"{base}/people" == await post(member, f"{base}/people", [("file", data, "list.csv")], go="next")
    page = await look(member, f"{base}/people")
    assert "The encoding is a guess (cp1252)" in page and "Zieliñski" in page
    assert f"{base}/columns" == await post(member, f"{base}/people", encoding="cp1250", go="next")
    await map_columns(member, base)
    assert ["Zieliński"] == [each.fields["name"] for each in drafts.people(draft_of(base))]


async def test_a_wrong_choice_of_encoding_can_be_changed_again(member: Client) -> None:
    """Also one in which the columns are others; what is no text file of this draft has to be chosen again."""
    data = "名前|携帯\n田中ソ|090-1234-5678\n表示能|090-1234-5679\n".encode("cp932")
    base = await begin(member)
    await post(member, f"{base}/people", [("file", data, "list.csv")], go="next", encoding="cp1252")
    assert "cp1252" == source_of(base).encoding
    await post(member, f"{base}/people", encoding="cp932", go="next")
    assert ("cp932", "list.csv", True) == (
        source_of(base).encoding,
        source_of(base).name,
        source_of(base).encoding_sure,
    )
    assert [["名前", "携帯"], ["田中ソ", "090-1234-5678"], ["表示能", "090-1234-5679"]] == [
        row.cells for row in drafts.rows(draft_of(base))
    ]
    assert "is not in the encoding" in await refused(member, f"{base}/people", 422, encoding="utf-8", go="next")

    await post(member, f"{base}/people", pasted="+4915112345678", go="next")
    assert "Choose the file again" in await refused(member, f"{base}/people", 422, encoding="cp1250", go="next")


def source_of(base: str) -> Any:
    return draft_of(base).data.source


async def test_what_is_hidden_in_the_file_is_told(member: Client) -> None:
    """And the sheet that has the people is chosen, wherever it stands."""
    made = book([["How to use this list"]], [["name", "phone"], ["Ann", "+447700900101"], ["Bob", "+447700900102"]])
    made.worksheets[1].row_dimensions[3].hidden = True
    base = await begin(member)
    assert f"{base}/people" == await post(member, f"{base}/people", [("file", saved(made), "list.xlsx")], go="next")
    page = await look(member, f"{base}/people")
    assert "1 row that is hidden or filtered out in the file is left out." in page
    assert f"{base}/columns" == await post(member, f"{base}/people", go="next")
    await map_columns(member, base)
    assert ["+447700900101"] == [each.number for each in drafts.people(draft_of(base))]
