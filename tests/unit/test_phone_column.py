"""The column of numbers: by the meaning of its title, else by its cells, else a person is asked."""

from __future__ import annotations

import random

import pytest

from daemon import errors
from daemon.contacts import importer, phone_column, titles
from daemon.contacts.columns import Columns, Decisions, candidates
from daemon.contacts.titles import Rank
from tests.support import people_lists
from tests.support.contacts import read

TITLES = {
    Rank.WHATSAPP: ["WhatsApp do responsável", "No. WA", "whatsapp_number", "Celular/WhatsApp", "رقم الواتساب", "wa_id",
                    "WhatsApp-Nummer", "Ватсап", "व्हाट्सएप नंबर"],
    Rank.MOBILE: ["Handynummer", "Mobiltelefon", "Mobilnummer", "الجوال", "رقم الجوال", "手机号码", "行動電話",
                      "Tél. portable",
                  "Telemóvel", "Nº de celular", "Mob. No.", "MobileNo", "mobilePhone", "טלפון נייד", "मोबाइल नंबर",
                  "携帯電話番号", "휴대폰 번호", "มือถือ", "No HP", "Cep telefonu", "Tel. kom.", "Мобильный телефон",
                  "Κινητό",
                  "Matkapuhelin", "GSM-nummer", "Cellulare", "تلفن همراه", "Mobil", "Mobitel", "Schülerhandy", "Cell #",
                  "Kundenmobilnummer", "Customer mobile", "শিক্ষার্থীর মোবাইল"],
    Rank.PHONE: ["Tél.", "Telefon (privat)", "Phone 1 - Value", "Número de teléfono", "Tel.-Nr.", "Contact no",
                      "Kundentelefon",
                 "رقم الهاتف", "מספר טלפון", "फ़ोन नंबर", "联系电话", "電話番号", "전화번호", "เบอร์โทรศัพท์",
                 "Số điện thoại",
                 "Nomor Telepon", "Telefon numarası", "Номер телефона", "Τηλέφωνο", "Puhelinnumero", "Telefonszám",
                 "Telefoonnummer", "Phone (with country code)", "Nambari ya simu", "شماره تماس", "phoneNumber",
                 "MSISDN"],
    Rank.FIXED: ["Tél. fixe", "Festnetz", "Home phone", "Telefone fixo"],
    Rank.NUMBER: ["Nummer", "Contact", "número", "Kontakt"],
    Rank.RECORD: ["Kundennummer", "N° client", "CPF", "NIF", "customerId", "رقم العميل", "رقم الهوية", "מספר לקוח",
                      "ת.ז.",
                  "आधार नंबर", "身份证号", "订单号", "注文番号", "주문번호", "Mã khách hàng", "NIK", "CEP",
                  "Müşteri No", "PESEL",
                  "ИНН", "Номер заказа", "ΑΦΜ", "Asiakasnumero", "Personnummer", "Partita IVA", "Bestellnummer", "IBAN",
                  "USt-IdNr.", "Kd.-Nr.", "Immobiliennummer", "Contact ID", "Order number"],
    Rank.NEVER: ["Fax geschäftlich", "Telefax", "IMEI", "Vertragsnummer", "WhatsApp LID"],
    Rank.UNKNOWN: ["Name", "Phonetic First Name", "Contact Name", "E-Mail", "Ville", "wasender_reason", "Automobil", "",
                   "+49 30 231250 10"],
}  # fmt: skip


@pytest.mark.parametrize(("rank", "title"), [(rank, title) for rank, some in TITLES.items() for title in some])
def test_a_title_counts_by_its_meaning(rank: Rank, title: str) -> None:
    assert rank is titles.meaning(title).rank


OUTLOOK = """Vorname;Fax geschäftlich;Telefon geschäftlich;Telefon (privat);Mobiltelefon
P1;+49 30 23125101;+49 30 23125001;;+49 171 3920001
P2;+49 30 23125102;+49 30 23125002;;+49 171 3920002
"""
IDS = "Kundennummer;Name;Handynummer\n" + "".join(f"302312{n};Kunde {n};17139200{n}\n" for n in range(10, 16))
TAX = "NIF;Nome;Telemóvel;Telefone\n" + "".join(f"20000000{n};P{n};91200000{n};21200000{n}\n" for n in range(1, 6))
CLIENTS = "N° client;Nom;Tél. fixe;Tél. portable\n" + "".join(
    f"012345670{n};N{n};01 99 00 00 0{n};06 12 34 56 0{n}\n" for n in range(1, 6)
)
SPARSE = "CPF;Nome;WhatsApp do responsável\n" + "".join(
    f"1198765431{n};A;{'(11) 98765-001' + str(n) if n % 2 else ''}\n" for n in range(1, 7)
)
PLATES = "Müşteri No;Ad;Cep Tel\n" + "".join(f"5321234{n};A{n};0532 123 45 {n}\n" for n in range(10, 16))
ORDERS = "订单号,姓名,手机\n" + "".join(f"139123400{n},王{n},138123456{n}\n" for n in range(10, 16))
STUDENTS = "Roll No,Name,Mob. No.\n" + "".join(f"98765432{n},S{n},98765001{n}\n" for n in range(10, 16))


@pytest.mark.parametrize(
    ("text", "country", "column"),
    [
        (OUTLOOK, "DE", "Mobiltelefon"),
        (IDS, "DE", "Handynummer"),
        (TAX, "PT", "Telemóvel"),
        (CLIENTS, "FR", "Tél. portable"),
        (SPARSE, "BR", "WhatsApp do responsável"),
        (PLATES, "TR", "Cep Tel"),
        (ORDERS, "CN", "手机"),
        (STUDENTS, "IN", "Mob. No."),
    ],
)
def test_ids_beside_mobiles_are_nobodys_number(text: str, country: str, column: str) -> None:
    """Valid by chance as they are: the title decides, also over a fuller column."""
    found = read(text, country=country)
    assert column == found.phone_column
    assert found.contacts


@pytest.mark.parametrize(
    "text",
    [
        "Clinica Sol - Tel. +52 55 5000 0100,,\n,,\nTelefono,Nombre,Ciudad\n+52 55 5000 0101,Ana,CDMX\n",
        "Kontakt: 030 231250 10\nTelefon;Name\n+525550000101;Ann\n",
        "Lista telefónica 2024;;\n;;\nNombre;Celular;Ciudad\nAna;+525550000101;CDMX\n",
        "Tel: +49 30 231250 10;\n;\nName;Mobil\nAnn;+525550000101\n",
        "Praxis Dr. Handy;\nStand 11.2026;\nName;Telefon\nAnn;+525550000101\n",
    ],
)
def test_a_heading_with_a_number_is_nobody(text: str) -> None:
    """The row of titles is the one that has the most of them; what stands above it is left out."""
    found = read(text)
    assert ["+525550000101"] == [each.number for each in found.contacts]
    assert not found.rejected


ASKED = [
    ("Buyer;Seller\n" + "".join(f"+49171392{n:04};+49171393{n:04}\n" for n in range(6)), "", ["Buyer", "Seller"]),
    ("".join(f"+49171392{n:04};+49171393{n:04}\n" for n in range(6)), "", ["column_1", "column_2"]),
    ("Kundennummer;Name\n" + "".join(f"302312{n};K\n" for n in range(10, 16)), "DE", ["Kundennummer"]),
    ("Nummer;Name\n" + "".join(f"302312{n};K\n" for n in range(10, 16)), "DE", ["Nummer"]),
    ("Handy 1;Handy beruflich;N\n" + "".join(f"0171392{n:04};0171393{n:04};K\n" for n in range(6)), "DE",
     ["Handy 1", "Handy beruflich"]),
    ("Fax;Name\n" + "".join(f"+4930231{n:04};K\n" for n in range(6)), "", ["Fax"]),
    ("Phone;Parent WhatsApp\n" + "".join(f"+4930231{n:04};+49171392{n:04}\n" for n in range(6)), "",
     ["Phone", "Parent WhatsApp"]),
    ("Telefon;Wert\n" + "".join(f"siehe Akte;30231{n:04}\n" for n in range(6)), "DE", ["Wert", "Telefon"]),
    ("x;x\n" + "".join(f"30231{n:04};171392{n:04}\n" for n in range(6)), "DE", ["column_1", "column_2"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "country", "columns"), ASKED)
def test_doubt_is_asked_and_the_answer_taken(text: str, country: str, columns: list[str]) -> None:
    """Never guessed; whichever column is named then is the one."""
    with pytest.raises(errors.ChoosePhoneColumn) as asked:
        read(text, country=country)
    assert columns == asked.value.candidates
    for column in columns:
        found = importer.read(text.encode(), "list.csv", country, said=importer.Said(column))
        assert column == found.phone_column or column.startswith("column_")
        assert 6 == found.total


@pytest.mark.parametrize(
    ("text", "column", "numbers"),
    [
        ("name;Telefon;Handy\nA;030 231250 10;\nB;;0171 3920011\nC;030 231250 12;0171 3920012\n", "Handy", 2),
        ("name;Handy beruflich;Handy\nA;0171 3920010;\nB;;0171 3920011\nC;0171 3920012;\n", "Handy beruflich", 2),
        ("name;Telefon;Emergency phone\nA;030 231250 10;\nB;;0171 3920011\nC;030 231250 12;\n", "Telefon", 2),
        ("Teléfono;Celular;Teléfono casa\n030 231250 10;0171 3920011;\n;;030 231250 12\n", "Celular", 1),
    ],
)
def test_columns_that_fill_each_others_gaps_are_no_doubt(text: str, column: str, numbers: int) -> None:
    """One is used; a row that it leaves out names the other one that has a number."""
    found = read(text, country="DE")
    assert (column, numbers) == (found.phone_column, len(found.contacts))
    for each in found.rejected:
        other = next(iter({"Telefon", "Handy", "Teléfono casa"} - {column}))
        named = any(title in each.reason for title in ("Telefon", "Handy", "Teléfono casa"))
        assert named or "Emergency" in text, (other, each.reason)


def test_a_draft_names_the_other_column_too() -> None:
    """As the file does; an emergency contact is not offered."""
    (sheet,) = importer.sheets(b"name;Telefon;Handy\nA;030 231250 10;\nB;;0171 3920011\n", "a.csv", "DE", 10)
    first, second = candidates(sheet.rows, Columns(2, ["name", "", ""], 0), Decisions("DE"))
    assert first.reason.endswith("This row has a number in the column Telefon: move it, or choose that column.")
    assert "+491713920011" == second.number


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("Name;Handy;Festnetz\nA;+49 151 12345678;\nB;;+49 30 23125001\n", 2),
        ("Name;Handy;Festnetz\nA;0151 12345678;\nB;;030 23125001\n", 2),
        ("Name;Handy;Festnetz\nA;+49 151 12345678;+49 30 23125001\nB;+49 151 12345679;\n", None),
        ("Name;Handy;Festnetz\nA;+49 151 12345678;\nB;;none\n", None),
        ("Name;Handy;Notfallkontakt Telefon\nA;+49 151 12345678;\nB;;+49 30 23125001\n", None),
    ],
    ids=["a gap is filled", "of the default country", "no gap", "nothing to fill it", "somebody else's"],
)
def test_the_column_that_fills_gaps_is_found(text: str, second: int | None) -> None:
    """Only one of people's own numbers, and only where somebody is helped by it."""
    (sheet,) = importer.sheets(text.encode(), "a.csv", "DE", 10)
    found = importer.layout(sheet.rows, "DE")
    assert (0, 1) == (found.header, found.phone)
    assert second == phone_column.filling(sheet.rows, 0, 1, "DE")


GOOGLE = """First Name,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value
Ana,Mobile,+44 7911 123451,,
Cy,Home,+44 20 7946 0101,Mobile,+44 7911 123454
Di,,,Mobile,+44 7911 123455
Ed,Mobile,+44 7911 123456,Work,+44 7911 123457
"""


def test_of_a_persons_several_columns_the_mobile_is_taken() -> None:
    """Exports spread a person's numbers over columns of one title: the first mobile, else the first there is."""
    wanted = ["+447911123451", "+447911123454", "+447911123455", "+447911123456"]
    assert wanted == [each.number for each in read(GOOGLE).contacts]
    (sheet,) = importer.sheets(GOOGLE.encode(), "a.csv", "", 10)
    found = importer.layout(sheet.rows, "")
    assert found.phone is not None
    people = candidates(sheet.rows, Columns(found.phone, found.names, found.header), Decisions())
    assert wanted == [each.number for each in people]


@pytest.mark.parametrize(
    "text",
    [
        "+12025550101,+12025550102,+12025550103\n",
        "+12025550101;+12025550102;+12025550103",
        "+12025550101 +12025550102 +12025550103",
        "+1 202 555 0101, +1 202 555 0102, +1 202 555 0103",
        "+1 202 555 0101 +1 202 555 0102 +1 202 555 0103",
        "12025550101 12025550102 12025550103",
        "numbers\n+12025550101,+12025550102,+12025550103\n",
        "+12025550101, +12025550102,\n+12025550103\n",
        "# mine\n0012025550101\t0012025550102\t0012025550103\n",
    ],
)
def test_each_number_of_a_line_is_a_person(text: str) -> None:
    wanted = ["+12025550101", "+12025550102", "+12025550103"]
    assert wanted == [each.number for each in read(text, "list.txt").contacts]
    (sheet,) = importer.sheets(text.encode(), "What you pasted", "", 10)
    assert wanted == [each.number for each in candidates(sheet.rows, Columns(0, [""]), Decisions())]


def test_two_numbers_on_each_line_may_be_one_persons() -> None:
    """Without titles nobody knows."""
    with pytest.raises(errors.ChoosePhoneColumn):
        read("+12025550101,+12025550102\n+12025550103,+12025550104\n")
    with pytest.raises(errors.ChoosePhoneColumn):
        read("30231260;1713920010\n", country="DE")


def test_lines_with_more_than_a_number_are_refused_one_by_one() -> None:
    found = read("# my list\n+12025550101\n+12025550102 Bob\nAnn +12025550103\n", "units.txt")
    assert ["+12025550101"] == [each.number for each in found.contacts]
    assert [3, 4] == [each.position for each in found.rejected]


def test_generated_lists_of_many_countries() -> None:
    """Short here; `python -m tests.support.people_lists 20000` measures it."""
    found = people_lists.measure(120, seed=random.Random("columns").randrange(1_000))
    told = found[True]
    assert told["wrong"] == 0
    assert told["asked"] <= 0.05 * told.total()
    assert found[False]["wrong"] <= 1
