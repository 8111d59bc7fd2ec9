"""Contacts files → recipients, rejected rows and counts: dialects, encodings, columns, numbers."""

from __future__ import annotations

import csv
import io

import pytest

from daemon import errors
from daemon.formats import template as message_text
from tests.support.contacts import ANNA, BEN, CID, numbers_of, read, refusal

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


@pytest.mark.parametrize(
    "text",
    [
        f'name,note,phone\nAnn,"order: 1234567, 7654321\nthanks",{ANNA}\nBob,ok,{BEN}\n',
        f'name;note;phone\nAnn;"Rückruf:\n030 231250 10; ab 9 Uhr";{ANNA}\nBob;ok;{BEN}\n',
        f'note;phone\n"call 030 231250 10;\n030 231250 11";{ANNA}\nok;{BEN}\n',
        f'phone,note\n{ANNA},"a, b, c\n+49 30 231250, 7654321,\nd"\n{BEN},ok\n',
    ],
)
def test_a_note_of_several_lines_may_hold_numbers(text: str) -> None:
    """It is no row that was swallowed: its lines are not as wide as rows are."""
    found = read(text)
    assert [ANNA, BEN] == numbers_of(found)
    assert "\n" in found.contacts[0].fields["note"] and "ok" == found.contacts[1].fields["note"]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ('"Anna "Annie" One"', 'Anna "Annie" One'),
        ('"Anna ""Annie"" "One""', 'Anna "Annie" "One"'),
        ('"5" nail"', '5" nail'),
    ],
)
def test_quotation_marks_within_a_cell_stay(cell: str, name: str) -> None:
    """Also where a program did not double them."""
    assert name == read(f"name,phone\n{cell},{ANNA}\nBob,{BEN}\n").contacts[0].fields["name"]


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
    """Valid by chance, but there is a column that says it holds Phone numbers."""
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
