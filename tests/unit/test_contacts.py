"""Contacts files and API lists → recipients, rejected rows and counts."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon import errors
from daemon.contacts import importer
from daemon.contacts.importer import ContactList
from daemon.formats import template as message_text
from tests.support import growth

SAMPLE = Path(__file__).parents[2] / "standin" / "sample"
ANNA, BEN, CID = "+4915123456789", "+919876543210", "+12125550123"


def read(text: str | bytes, filename: str = "list.csv", country: str = "") -> ContactList:
    return importer.read(text if isinstance(text, bytes) else text.encode(), filename, country)


def refusal(data: str | bytes, filename: str = "list.csv") -> str:
    with pytest.raises(errors.UnreadableFile) as caught:
        read(data, filename)
    return str(caught.value)


def numbers_of(found: ContactList) -> list[str]:
    return [contact.number for contact in found.contacts]


# Dialects and encodings


@pytest.mark.parametrize("delimiter", list(",;\t|^~:#!&*=%$@_/\\§¦"))
def test_any_delimiter(delimiter: str) -> None:
    """Found by what cuts the rows alike, though other delimiters are in the cells."""
    rows = [["Name", "Phone", "Note"], ["Anna, Dr.", ANNA, "a; b"], ["Ben", BEN, "x | y"], ["Cid", CID, "p, q"]]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)

    found = read(file.getvalue())

    assert [ANNA, BEN, CID] == numbers_of(found)
    assert {"name": "Anna, Dr.", "note": "a; b"} == found.contacts[0].fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            f"Name        Phone           City\nAnna Maria  +49 151 23456789   Bad Ems\nBen   {BEN}  Pune\n",
            "Anna Maria",
        ),
        (f"name:time:phone\nAnna:08:30:{ANNA}\nBen:17:05:{BEN}\n", "Anna"),
        (f"name:children:age:phone\nAnna:1:20:{ANNA}\nBen:2:30:{BEN}\n", "Anna"),
        (f'name:phone\n"Anna: the boss":{ANNA}\nBen:{BEN}\n', "Anna: the boss"),
        (f"Name Phone\nAnna {ANNA}\nBen {BEN}\n", "Anna"),
        (f"Name - Phone\nAnna - {ANNA}\nBen - +91 98765 43210\n", "Anna"),
        (f"Name、Phone\nAnna, Dr.、{ANNA}\nBen、{BEN}\n", "Anna, Dr."),
    ],
    ids=["aligned", "times", "colons", "quoted", "space", "dash", "ideographic comma"],
)
def test_other_signs_that_cut_every_line_alike(text: str, fields: str) -> None:
    """Columns aligned by spaces, and signs that seldom delimit: times and quoted cells stay whole."""
    found = read(text)

    assert [ANNA, BEN] == numbers_of(found)
    assert (fields, 2) == (found.contacts[0].fields["name"], found.total)
    assert "Phone" == (found.phone_column or "").title()


def test_a_time_beside_the_number_stays_whole() -> None:
    """The colon in it does not delimit."""
    assert {"name": "Anna", "time": "08:30"} == read(f"name:time:phone\nAnna:08:30:{ANNA}\n").contacts[0].fields


@pytest.mark.parametrize(
    "text",
    [
        "Anna 0151 23456789\nBen 0151 23456788\n",
        "Anna/0151/23456789\nBen/0151/23456788\n",
        "Anna-0151-23456789\nBen-0151-23456788\n",
        "Anna  0151  23456789\nBen  0151  23456788\n",
        "Anna  (0151)  23456789\nBen  (0151)  23456788\n",
        "Anna  +49  15123456789\nBen  +49  15123456788\n",
    ],
)
def test_a_number_is_never_cut(text: str) -> None:
    """Half a number would be somebody else's; the file is refused instead."""
    with pytest.raises(errors.UnreadableFile, match="looks like telephone numbers"):
        read(text, country="DE")


@pytest.mark.parametrize("sign", list("/-."))
def test_a_sign_inside_the_numbers_does_not_delimit(sign: str) -> None:
    """The space before them does."""
    found = read(f"Anna 0151{sign}23456789\nBen 0151{sign}23456788\n", country="DE")

    assert [ANNA, "+4915123456788"] == numbers_of(found)


@pytest.mark.parametrize(
    "text", [f"Dear all: call\n{ANNA} or write: soon\nBen: {BEN}: yes\n", "a:b\nc:d\n", ":::\n:::\n"]
)
def test_a_sign_that_does_not_cut_alike_is_no_delimiter(text: str) -> None:
    """Prose with a number in it is no list."""
    assert "looks like telephone numbers" in refusal(text)


def test_lines_that_lack_a_cell_are_few() -> None:
    """One in ten may be short; its row is rejected, the others are read."""
    lines = [f"N{n}  +4915123456{n:03}" for n in range(40)]

    found = read("\n".join(["Name  Phone", *lines, "Nobody"]))

    assert (40, ["The number is missing."]) == (len(found.contacts), [each.reason for each in found.rejected])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_any_encoding(encoding: str) -> None:
    """With and without BOM; old Windows text is not turned into rubbish."""
    found = read(f"Name;Téléphone\r\nHélène Müller;{ANNA}\r\nJosé Muñoz;{BEN}\r\n".encode(encoding))

    assert ["Hélène Müller", "José Muñoz"] == [contact.fields["name"] for contact in found.contacts]
    assert "Téléphone" == found.phone_column


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1251", "Анна Иванова"),
        ("cp1253", "Γιώργος Παπαδόπουλος Μαρία Αθήνα τηλέφωνο"),
        ("cp1256", "محمد علي فاطمة"),
        ("gb18030", "王小明 北京"),
    ],
)
def test_other_code_pages_are_recognised(encoding: str, name: str) -> None:
    """Cyrillic, Greek, Arabic and Chinese files saved by an old spreadsheet."""
    found = read("".join(f"{name};+49151{number}\n" for number in range(20000000, 20000005)).encode(encoding))

    assert name == found.contacts[0].fields["column_1"]


def test_excels_separator_line() -> None:
    """`sep=` names the delimiter; lines are counted as an editor shows them."""
    found = read(f"sep=;\r\nName;Phone\r\nA,B;{ANNA}\r\n")

    assert [(3, ANNA, {"name": "A,B"})] == [(c.position, c.number, c.fields) for c in found.contacts]


def test_quoted_cells_keep_line_ends_and_positions_stay_lines() -> None:
    """A quoted cell may hold delimiters, quotes and line ends; the next row is still found in the file."""
    found = read(f'Name,Phone,Address\n"Anna ""A"" M.",{ANNA},"Street 5,\r\nBerlin"\n\nBen,{BEN},\n')

    assert [2, 5] == [contact.position for contact in found.contacts]
    assert {"name": 'Anna "A" M.', "address": "Street 5,\nBerlin"} == found.contacts[0].fields


def test_sloppy_quotes_are_read() -> None:
    """`"Anna" Maria` is not valid CSV, but harmless."""
    assert ["Anna Maria", ""] == [
        contact.fields["name"] for contact in read(f'Name;Phone\n"Anna" Maria;{ANNA}\n;{BEN}\n').contacts
    ]


@pytest.mark.parametrize(
    "text",
    [
        f'Name;Phone\nBen;{BEN}\n"Anna;{ANNA}\nCid;{CID}\n',
        f'Name;Phone\nBen;{BEN}\n"Anna;{ANNA}\nCid";{CID}\n',
        f'Phone;Name\n{BEN};Ben\n{ANNA};"Anna\n{CID};"Cid"\n',
    ],
)
def test_an_unclosed_quote_swallows_nobody(text: str) -> None:
    """It would make one cell of several rows; the file is refused with the line instead."""
    assert "Line 3 of list.csv has a quotation mark that is not closed" in refusal(text)


def test_ragged_rows_and_trailing_delimiters() -> None:
    """Short rows get empty fields, long ones a numbered column, empty columns at the end vanish."""
    found = read(f"Name;Phone;City;;;\nAnna;{ANNA};;;;\nBen;{BEN}\nCid;{CID};Rome;x;;\n")

    assert ["name", "city", "column_4"] == found.columns
    assert [
        {"name": "Anna", "city": "", "column_4": ""},
        {"name": "Ben", "city": "", "column_4": ""},
        {"name": "Cid", "city": "Rome", "column_4": "x"},
    ] == [contact.fields for contact in found.contacts]


def test_control_characters_are_removed() -> None:
    """NUL and its like reach neither the database nor the page; formulas and markup stay the text they are."""
    found = read(f"Name;Phone\nAn\0na\x07\u200d👩‍💻;{ANNA}\n=1+1<script>;{BEN}\n")

    assert ["Anna\u200d👩‍💻", "=1+1<script>"] == [contact.fields["name"] for contact in found.contacts]


# Header and columns


def test_a_file_without_header() -> None:
    """A first row with a number in it is a person, not a title."""
    found = read(f"Anna;{ANNA}\nBen;{BEN}\n")

    assert [1, 2] == [contact.position for contact in found.contacts]
    assert (["column_1"], "column_2") == (found.columns, found.phone_column)


def test_a_bad_number_in_the_first_row_is_not_a_header() -> None:
    """The row is rejected, not swallowed."""
    found = read(f"Anna;9.19877E+11\nBen;{BEN}\nCid;{CID}\n")

    assert [(1, "9.19877E+11")] == [(each.position, each.value) for each in found.rejected]
    assert 3 == found.total


def test_a_heading_above_the_header_is_left_out() -> None:
    """Many sheets begin with a title and a blank line."""
    found = read(f"Customers 2024;;\n;;\nName;Phone;City\nAnna;{ANNA};Bonn\n")

    assert [(4, {"name": "Anna", "city": "Bonn"})] == [(each.position, each.fields) for each in found.contacts]


def test_the_phone_column_is_found_by_content() -> None:
    """Neither "Contact Name" in first place nor a column of counts, ids or dates is taken (as the predecessor did)."""
    rows = "".join(f"P{n};{n % 4};2024{n:08};2024-01-{n % 28 + 1:02};0151 2345{n:04}\n" for n in range(50))

    found = read("Contact Name;Number of children;Order number;Birthday;Rückruf\n" + rows, country="DE")

    assert "Rückruf" == found.phone_column
    assert 50 == len(found.contacts)


def test_a_plus_decides_between_columns_without_titles() -> None:
    """Ids may be valid numbers by chance."""
    rows = "".join(f"2024011{n:05};+49151234567{n:02}\n" for n in range(20))

    assert "column_2" == read(rows, country="DE").phone_column


def test_the_title_decides_between_equal_columns() -> None:
    """A WhatsApp number is preferred to a telephone, a telephone to a fax."""
    rows = "".join(f"+4930231250{n:02};+4930231251{n:02};+4915123456{n:03}\n" for n in range(20))

    assert "WhatsApp" == read("Fax;Phone;WhatsApp\n" + rows).phone_column
    assert "Telefono" == read("Fax;Telefono;Invoice\n" + rows).phone_column


def test_numbers_without_country_are_rejected_one_by_one() -> None:
    """The column is still recognised, and each row says which setting is missing."""
    found = read("Name;Phone\nAnna;0151 23456789\nBen;0151 23456788\n")

    assert [2, 3] == [each.position for each in found.rejected]
    assert all("WASENDER_DEFAULT_COUNTRY" in each.reason for each in found.rejected)


@pytest.mark.parametrize("title", ["phone", "Mobile no.", "WhatsApp", "Telefon (privat)"])
def test_a_titled_column_of_bad_numbers_is_rejected_row_by_row(title: str) -> None:
    """The title tells which column is meant, though nothing in it looks like a number."""
    found = read(f"name,{title}\nAnna,12345\nBen,99\nCid,\n")

    assert [(2, "12345"), (3, "99"), (4, "")] == [(each.position, each.value) for each in found.rejected]
    assert (title, ["name"], 3) == (found.phone_column, found.columns, found.total)


def test_order_numbers_are_nobodys_telephone() -> None:
    """Valid by chance, but there is a column that says it holds the telephone numbers."""
    found = read("Order;Phone\n4930231250;12345\n4930231251123;99\n", country="DE")

    assert ("Phone", 0, 2) == (found.phone_column, len(found.contacts), len(found.rejected))


def test_a_sentence_is_no_title() -> None:
    """A word for telephone in a text does not make the text a column."""
    assert "looks like telephone numbers" in refusal("Please call my phone before ten\nThank you\n")


def test_field_names_are_identifiers_and_unique() -> None:
    """Titles in any script, repeated, empty, numeric or reserved by the template language."""
    titles = "First Name;FIRST-NAME;;2nd;if;नाम;Größe (cm);Number;Phone"

    found = read(f"{titles}\na;b;c;d;e;f;g;h;{ANNA}\n")

    names = ["first_name", "first_name_2", "column_3", "_2nd", "if_", "नाम", "größe_cm", "number_2"]
    assert names == found.columns
    template = message_text.compile(" ".join(f"{{{{ {name} }}}}" for name in names))
    assert "a b c d e f g h" == message_text.render(template, found.contacts[0].fields, ANNA)


# Numbers


def test_duplicates_are_counted_and_the_first_kept() -> None:
    """Equal after normalising, however they are written."""
    found = read(f"Name;Phone\nAnna;{ANNA}\nBen;{BEN}\nAgain;0049 (151) 234-56789\n")

    assert ([ANNA, BEN], 1, 3) == (numbers_of(found), found.duplicates, found.total)
    assert "Anna" == found.contacts[0].fields["name"]


def test_bad_rows_never_sink_the_good_ones() -> None:
    """Each bad row is listed with its line, value and reason."""
    found = read(f"Name;Phone\nA;{ANNA}\nB;12345\nC;\nD;9.19877E+11\nE;{BEN} / {CID}\nF;919876543210.0\n")

    assert [ANNA, BEN] == numbers_of(found)
    assert [(3, "12345"), (4, ""), (5, "9.19877E+11"), (6, f"{BEN} / {CID}")] == [
        (each.position, each.value) for each in found.rejected
    ]
    assert 6 == found.total


def test_ten_thousand_rows_give_ten_thousand_recipients() -> None:
    """None is dropped: the predecessor sent to the first 100."""
    rows = "Name;City;Phone\n" + "".join(f"N{n};Rome;+49151{n + 20000000}\n" for n in range(10_000))

    found = read(rows)

    assert [f"+49151{n + 20000000}" for n in range(10_000)] == numbers_of(found)


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
    ((_, rows),) = importer.sheets(card.encode(), "anna.vcf", "", 10)
    assert ANNA == rows[1].cells[0]


def test_vcards() -> None:
    """The first valid mobile of each card, in all three versions; WhatsApp's own `waid` before all."""
    found = read(VCARDS, "contacts.vcf")

    assert [ANNA, "+4915123456788", BEN, CID, "+442079460011"] == numbers_of(found)
    assert [1, 2, 3, 4, 7] == [each.position for each in found.contacts]
    assert ["Anna Muster", "Jörg Müller"] == [each.fields["name"] for each in found.contacts[:2]]
    assert ("ACME, Sales", "anna@example.org") == (found.contacts[0].fields["org"], found.contacts[0].fields["email"])


def test_a_broken_card_is_rejected_and_the_rest_read() -> None:
    """One without number and one cut off: listed by their place in the file."""
    found = read(VCARDS, "contacts.vcf")

    assert [(5, "Nobody"), (6, "Cut off")] == [(each.position, each.value) for each in found.rejected]
    assert 7 == found.total


def test_the_reader_of_cards_logs_nobodys_data(caplog: pytest.LogCaptureFixture) -> None:
    """The library's complaints quote the lines it skips."""
    read(f"BEGIN:VCARD\nVERSION:3.0\nsecret line\nTEL:{ANNA}\nEND:VCARD\n", "a.vcf")

    assert "" == caplog.text


# What is not a list of contacts


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b";;;\n;;\n", "empty"),
        (b"Name;Phone\r\n", "only a header"),
        (b"Name;City\nAnna;Rome\n", "looks like telephone numbers"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"<html><table><tr><td>1</td></tr></table>", "web page"),
        (b"\x00\x00\x00\x18ftypmp42", "video"),
        (bytes.fromhex("D0CF11E0A1B11AE1") + b"\0" * 600, "without a password"),
        (bytes(range(256)) * 20, "not a text file"),
    ],
)
def test_what_is_no_list_is_refused_with_advice(data: bytes, words: str) -> None:
    """Named .csv all the same: the content counts."""
    reason = refusal(data)

    assert words in reason
    assert "list.csv" in reason


def test_a_cell_of_a_megabyte_is_refused() -> None:
    """In a field or swallowed by a quote: one clear sentence."""
    assert "below line 1" in refusal(f'Name;Phone\n"{"x" * 1_000_000}";{ANNA}\n')
    assert "32,767 characters" in refusal(f"Name;Phone\n{'x' * 40_000};{ANNA}\n")


def test_a_cell_of_spaces_and_line_ends_costs_nothing() -> None:
    """Looking for swallowed rows takes time in proportion to the cell."""

    def cell(size: int) -> str:
        return f'Phone;Note\n{ANNA};"x{" " * 14 * size};{chr(10) * 14 * size};{" 1" * size}y"\n'

    assert 1 == read(cell(1_000)).total
    assert growth.in_proportion(read, cell, 125)


def test_a_thousand_columns_are_refused() -> None:
    """Unless all but a few are empty."""
    assert "200 columns" in refusal(ANNA + ";x" * 1_000)
    assert [ANNA] == numbers_of(read(f"Phone{';' * 1_000}\n{ANNA}{';' * 1_000}\n"))


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the file is refused, not cut."""
    monkeypatch.setattr("daemon.formats.xlsx.MAX_ROWS", 10)

    assert "more than 10 rows" in refusal(f"{ANNA}\n" * 11)
    assert 10 == read(f"{ANNA}\n" * 10).total


# Properties


def counted(found: ContactList) -> bool:
    return found.total == len(found.contacts) + len(found.rejected) + found.duplicates


@given(st.binary(), st.sampled_from(["a.csv", "a.xlsx", "a.txt", "a.vcf"]))
def test_any_bytes_are_read_or_refused(data: bytes, filename: str) -> None:
    """Nothing but UnreadableFile comes out of random bytes."""
    try:
        assert counted(importer.read(data, filename, "DE"))
    except errors.UnreadableFile as error:
        assert filename in str(error)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([b"PK\x03\x04", b"BEGIN:VCARD\n", b"sep=", b"\xff\xfe", b'"']), st.binary())
def test_bytes_that_begin_like_a_format_are_read_or_refused(head: bytes, data: bytes) -> None:
    """The same behind the first bytes of each format."""
    try:
        importer.read(head + data, "a.csv", "")
    except errors.UnreadableFile as error:
        assert str(error)


CELLS = st.sampled_from([ANNA, BEN, "12345", "", "9.1E+11"]) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8
)


@given(st.lists(st.lists(CELLS, max_size=4), max_size=12), st.sampled_from(";,\t|"))
def test_every_row_is_counted_once(rows: list[list[str]], delimiter: str) -> None:
    """Behind a known header: each row with anything in it is a contact, rejected or a duplicate."""
    file = io.StringIO()
    table = [["Name", "Phone"], *[["x", CID]] * 20, *(["row", *row] for row in rows)]
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)

    try:
        found = read(f"sep={delimiter}\n" + file.getvalue())
    except errors.UnreadableFile as error:
        assert "quotation mark" in str(error)  # a cell that looks like swallowed rows
    else:
        assert counted(found)
        assert 20 + len(rows) == found.total


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
