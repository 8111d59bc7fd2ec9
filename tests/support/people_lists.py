"""Contact lists as companies and clubs of many countries keep them, made by chance: ids beside mobiles, titles in their
language, sometimes without a title that tells. For the test of the column of numbers, and by hand:

    python -m tests.support.people_lists 20000
"""

from __future__ import annotations

import csv
import io
import random
import sys
from collections import Counter
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from daemon import errors
from daemon.contacts import importer


@dataclass(frozen=True)
class Country:
    """How its lists look. mobile, phone, ids: titles; id_digits: of the ids, each with its first digits."""

    code: str
    names: tuple[str, ...]
    whatsapp: tuple[str, ...]
    mobile: tuple[str, ...]
    phone: tuple[str, ...]
    ids: tuple[tuple[str, str, int], ...]
    delimiter: str = ","


COUNTRIES = (
    Country("DE", ("Name", "Vorname", "Nachname", "Ort"), ("WhatsApp", "WhatsApp-Nummer"),
            ("Handynummer", "Mobiltelefon", "Mobilnummer", "Handy", "Mobil", "Mobilfunknr.",
             "Handy (privat)"),
            ("Telefon", "Tel.", "Telefonnummer", "Tel.-Nr.", "Festnetz", "Rufnummer"),
            (("Kundennummer", "302", 8), ("Auftragsnr.", "89", 9), ("Mitgliedsnummer", "40", 8), ("Steuer-ID", "6", 11),
             ("Kd.-Nr.", "1", 10), ("IBAN", "DE", 20), ("Rechnungsnummer", "2024", 10)), ";"),
    Country("BR", ("Nome", "Sobrenome", "Cidade"), ("WhatsApp", "Whats", "Zap", "WhatsApp do cliente"),
            ("Celular", "Cel.", "Telefone celular", "Nº celular", "Celular/WhatsApp"),
            ("Telefone", "Fone", "Tel.", "Telefone fixo", "Telefone (com DDD)"),
            (("CPF", "119", 11), ("CNPJ", "11", 14), ("Pedido", "1198", 8), ("Código do cliente", "21", 10),
             ("Matrícula", "31", 10), ("CEP", "01", 8)), ";"),
    Country("IN", ("Name", "City", "Village"), ("WhatsApp No", "Whatsapp number", "WhatsApp"),
            ("Mobile No", "Mob. No.", "Mobile", "Mobile Number", "मोबाइल नंबर", "Cell"),
            ("Phone", "Phone Number", "Contact No", "Contact Number", "फ़ोन नंबर", "Landline"),
            (("Customer ID", "98", 10), ("Aadhaar No", "9", 12), ("Order No", "70", 10), ("Account Number", "91", 12),
             ("Roll No", "20", 8))),
    Country("MX", ("Nombre", "Apellidos", "Ciudad"), ("WhatsApp", "Núm. de WhatsApp"),
            ("Celular", "Cel", "Teléfono celular", "Móvil", "Tel. móvil"),
            ("Teléfono", "Tel.", "Número de teléfono", "Tel. casa"),
            (("Pedido", "55", 10), ("No. de cliente", "33", 10), ("Folio", "81", 10), ("CLABE", "0", 18),
             ("Factura", "2", 8))),
    Country("ES", ("Nombre", "Apellidos", "Población"), ("WhatsApp",), ("Móvil", "Teléfono móvil", "Tel. móvil"),
            ("Teléfono", "Tfno.", "Tlf.", "Teléfono fijo"),
            (("Nº cliente", "6", 9), ("Pedido", "9", 9), ("Código", "7", 9), ("DNI", "5", 8), ("Nº socio", "91", 9)),
            ";"),
    Country("FR", ("Nom", "Prénom", "Ville"), ("WhatsApp", "N° WhatsApp"),
            ("Tél. portable", "Portable", "Mobile", "N° de portable", "Téléphone mobile"),
            ("Téléphone", "Tél.", "Tél. fixe", "N° de téléphone"),
            (("N° client", "01", 10), ("SIRET", "8", 14), ("N° commande", "6", 9), ("Facture", "04", 10),
             ("Matricule", "7", 9)), ";"),
    Country("IT", ("Nome", "Cognome", "Città"), ("WhatsApp",),
            ("Cellulare", "Cell.", "Telefono cellulare", "N. cellulare"),
            ("Telefono", "Tel.", "N. telefono", "Telefono fisso"),
            (("Partita IVA", "0", 11), ("Ordine", "34", 10), ("Codice cliente", "33", 10), ("Fattura", "06", 9)), ";"),
    Country("PT", ("Nome", "Apelido", "Localidade"), ("WhatsApp",), ("Telemóvel", "Nº telemóvel", "Tlm.", "Telemovel"),
            ("Telefone", "Tel.", "Telefone fixo"),
            (("NIF", "2", 9), ("Nº cliente", "9", 9), ("Encomenda/Pedido", "91", 9), ("Contribuinte NIF", "21", 9)),
            ";"),
    Country("TR", ("Ad", "Soyad", "Şehir"), ("WhatsApp", "Whatsapp No"), ("Cep telefonu", "Cep Tel", "Cep No", "GSM"),
            ("Telefon", "Tel", "Telefon numarası", "Ev telefonu"),
            (("TC Kimlik No", "5", 11), ("Müşteri No", "53", 10), ("Sipariş No", "21", 10), ("Vergi No", "3",
            10)), ";"),
    Country("ID", ("Nama", "Kota"), ("No. WA", "Nomor WhatsApp", "WA", "No WhatsApp"),
            ("No HP", "Nomor HP", "Handphone", "HP"),
            ("Telepon", "No. Telp", "Nomor telepon"),
            (("NIK", "3", 16), ("ID Pelanggan", "81", 10), ("No. Pesanan", "8", 11), ("No. Rekening", "81", 12))),
    Country("EG", ("الاسم", "المدينة"), ("واتساب", "رقم الواتساب"), ("الجوال", "رقم الموبايل", "المحمول", "موبايل"),
            ("الهاتف", "رقم الهاتف", "تليفون"),
            (("رقم العميل", "10", 10), ("رقم الطلب", "11", 10), ("رقم الهوية", "2", 14), ("كود", "12", 10))),
    Country("CN", ("姓名", "城市"), ("WhatsApp", "WhatsApp号码"), ("手机", "手机号码", "手机号", "移动电话"),
            ("电话", "联系电话", "固定电话", "电话号码"),
            (("身份证号", "4", 18), ("订单号", "13", 11), ("客户编号", "15", 11), ("会员号", "18", 11))),
)  # fmt: skip
UNTOLD = ("Kontaktdaten", "A", "Feld 3", "Info", "x2", "Spalte")
DESIGNS = ("plain", "mobile and phone", "whatsapp and phone", "phone", "untold", "gaps")


@dataclass(frozen=True)
class Made:
    """A list: its file, the country that is set, the title of the right column, and whether a title tells it."""

    data: bytes
    country: str
    right: str
    told: bool


def make(chance: random.Random) -> Made:
    """A list of a dozen to a few dozen people."""
    country = chance.choice(COUNTRIES)
    design = chance.choices(DESIGNS, (30, 25, 10, 15, 10, 10))[0]
    rows = range(chance.randint(8, 40))
    written = chance.choice(("plus", "plus", "national", "digits", "spaced"))
    ids = chance.sample(country.ids, chance.randint(1, min(3, len(country.ids))))
    columns = [(title, [_id(chance, first, digits, row) for row in rows]) for title, first, digits in ids]
    columns += [(title, [f"{title[:3]} {row}" for row in rows]) for title in country.names[: chance.randint(1, 3)]]
    mobiles = [_number(chance, country.code, PhoneNumberType.MOBILE, written) for _ in rows]
    phones = [_number(chance, country.code, PhoneNumberType.FIXED_LINE, written) for _ in rows]
    if design == "gaps":
        mobiles = [each if chance.random() < 0.5 else "" for each in mobiles]
        mobiles[chance.choice(rows)] = _number(chance, country.code, PhoneNumberType.MOBILE, written)
        phones = [each if not mobiles[row] else "" for row, each in enumerate(phones)]
    if chance.random() < 0.3:
        more = [_number(chance, country.code, PhoneNumberType.FIXED_LINE, written) for _ in rows]
        columns.append((chance.choice(("Fax", "Telefax", "Fax 2")), more))
    if chance.random() < 0.2:
        columns.append(("E-Mail", [f"p{row}@example.org" for row in rows]))
        columns.append(("Date", [f"{chance.randint(1950, 2020)}-{chance.randint(1, 12):02}-11" for _ in rows]))
    right = chance.choice(country.mobile)
    if design == "whatsapp and phone":
        right = chance.choice(country.whatsapp)
    elif design == "phone":
        right = chance.choice(country.phone)
    elif design == "untold":
        right = chance.choice(UNTOLD)
    columns.append((right, mobiles))
    if " and " in design or design == "gaps":
        columns.append((chance.choice([title for title in country.phone if title != right]), phones))
    chance.shuffle(columns)
    text = io.StringIO()
    csv.writer(text, delimiter=country.delimiter).writerows([
        [title for title, _ in columns], *([cells[row] for _, cells in columns] for row in rows)
    ])  # fmt: skip
    known = country.code if chance.random() < 0.8 or written not in ("plus", "spaced") else ""
    return Made(text.getvalue().encode(), known, right, design != "untold")


def _id(chance: random.Random, first: str, digits: int, row: int) -> str:
    left = digits - len(first)
    if chance.random() < 0.5:
        return first + str(10 ** (left - 1) + row).zfill(left)[:left]
    return first + "".join(chance.choice("0123456789") for _ in range(left))


def _number(chance: random.Random, country: str, kind: int, written: str) -> str:
    """A valid number of that country, as it is written there."""
    example = phonenumbers.example_number_for_type(country, kind)
    while True:
        national = str(example.national_number)
        keep = len(national) - 6
        changed = int(national[:keep] + "".join(chance.choice("0123456789") for _ in range(6)))
        number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=changed)
        number.italian_leading_zero = example.italian_leading_zero
        if phonenumbers.is_valid_number(number):
            break
    if written == "plus":
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if written == "spaced":
        return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    text = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    if written == "digits":  # as a spreadsheet leaves it
        return "".join(filter(str.isdigit, text)).lstrip("0")
    return text


def outcome(made: Made) -> str:
    """What the reader makes of it: right, wrong or asked."""
    try:
        found = importer.read(made.data, "list.csv", made.country)
    except errors.ChoosePhoneColumn:
        return "asked"
    return "right" if found.phone_column == made.right else "wrong"


def measure(count: int, seed: int = 1) -> dict[bool, Counter[str]]:
    """How often which outcome, where a title tells, and where none does."""
    chance = random.Random(seed)
    found: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for _ in range(count):
        made = make(chance)
        found[made.told][outcome(made)] += 1
    return found


if __name__ == "__main__":
    for told, counts in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000).items():
        shares = ", ".join(f"{name} {counts[name] / counts.total():.2%}" for name in ("right", "asked", "wrong"))
        print(f"{'a title tells' if told else 'no title tells'}: {counts.total():,} lists, {shares}")
