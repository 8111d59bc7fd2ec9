"""One reader of contacts: whichever way a number comes in, the same becomes of it.

What a person has in a sheet has to be a number of some numbering plan; a program's own number, and whoever must not be
written to, is taken with a plus as it is, if it has as many digits as its country's. One that has not is added to the
suppression list by an import, and named. Of several in a cell of one person one is written to. Nothing else differs.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import FormData

from daemon.contacts import columns, importer, suppression
from daemon.contacts.columns import Columns, Decisions
from daemon.contacts.reasons import SENTENCES, Fault
from daemon.models import KeptRow, Message, Suppression, Upload
from tests.http.conftest import form

GOOD = "+4915112345678"  # a row beside each, so that a column of numbers is there and somebody is left to write to


@dataclass(frozen=True)
class Case:
    """What stands in the cell, and what it comes to: a number, or the code of the reason. trusted: where that is
    another one for programs and for the suppression list. listed: what an import puts on that, of several numbers
    each; one whose digits are too few or many is named as well."""

    cell: str
    read: str
    trusted: str = ""
    listed: tuple[str, ...] = ()


CASES = [
    Case("+49 151 23456789", "+4915123456789"),
    Case("0049 151 23456789", "+4915123456789"),
    Case("919876543210", "+919876543210"),
    Case("919876543210.0", "+919876543210"),
    Case("'+919876543210", "+919876543210"),
    Case("https://wa.me/919876543210?text=" + "hello " * 40, "+919876543210"),
    Case("+٤٩١٥١١٢٣٤٥٦٧٩", "+4915112345679"),
    Case("+54 11 2345 6789", "+541123456789"),
    Case("+1234567890", Fault.TOO_FEW_DIGITS, "+1234567890"),
    Case("+44 7911 12345", Fault.TOO_FEW_DIGITS, listed=("+44791112345",)),
    Case("+91 98765 000011", Fault.TOO_MANY_DIGITS, listed=("+9198765000011",)),
    Case("+974 0 5512 3456", "+97455123456"),
    Case("+56 0 9 1234 5678", Fault.ZERO),
    Case("919876543210@lid", Fault.HIDDEN_ID),
    Case("919876543210@g.us", Fault.GROUP),
    Case("1.2025550101E+10", Fault.SCIENTIFIC),
    Case("+999 123 456 789", Fault.UNKNOWN_COUNTRY, "+999123456789"),
    Case("+4915123456780" + " " * 300 + "x", Fault.TEXT_TOO_LONG),
    Case("", Fault.MISSING),
    Case("hello", Fault.LETTERS),
    Case("12345", Fault.TOO_SHORT),
    Case("0151 23456789", Fault.NO_COUNTRY),
    Case("(0151) 23456789", Fault.NO_COUNTRY),
    Case("2125550123", Fault.NO_COUNTRY_IN_FRONT),
    Case("9.19877E+11", Fault.ROUNDED),
    Case("4930231251.5", Fault.DECIMALS),
    Case("2024-01-15", Fault.DATE),
    Case("+4915123456789 / +4915123456788", Fault.SEVERAL, listed=("+4915123456789", "+4915123456788")),
    Case("+1 212 555 0123 ext. 5", Fault.EXTENSION),
    Case("+49 151 2345678912345", Fault.TOO_MANY_DIGITS),
    Case("919876543210 919876543211", Fault.TOO_MANY),
]


def table(cell: str) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([["name", "phone"], ["Ada", cell], ["Ben", GOOD]])
    return text.getvalue().encode()


def outcome(numbers: list[str], rejected: list[dict[str, Any]]) -> str:
    """The number of the row in question, or the code of why it has none."""
    if rejected:
        (row,) = rejected
        assert row["reason"].endswith((".", "?"))
        return str(row["code"])
    (number,) = set(numbers) - {GOOD}
    return number


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.cell[:40] or "nothing")
async def test_every_way_in_reads_a_number_alike(api: Any, case: Case, settings: Any) -> None:
    """/send with numbers, with recipients and with an upload; lists; a draft; and the suppression list's three."""
    trusted = case.trusted or case.read
    for source in ({"numbers": [case.cell, GOOD]}, {"recipients": [{"number": case.cell}, {"number": GOOD}]}):
        sent = await api.post("/send", {"message": "Hi", **source})
        numbers = [row.number for row in Message.select().where(Message.job == sent["job_id"])]
        assert trusted == outcome(numbers, sent["rejected"]), source.keys()
        made = await api.post("/lists", {"name": f"of {next(iter(source))}", **source})
        entries = (await api.get(f"/lists/{made['id']}/entries"))["entries"]
        assert trusted == outcome([each["number"] for each in entries], made["rejected"]), source.keys()
    found = await api.post("/upload", data=form(table(case.cell), "guests.csv"))
    assert case.read == outcome([each["number"] for each in found["preview"]], found["rejected"])
    sent = await api.post("/send", {"message": "Hi", "upload_id": found["upload_id"]})
    assert found["rejected"] == sent["rejected"]
    (sheet,) = importer.sheets(table(case.cell), "guests.csv", "", 10)
    person, _ = columns.candidates(sheet.rows, Columns(1, ["name", ""], 0), Decisions())
    assert (case.read if case.read.startswith("+") else None) == person.number
    assert (person.number is None) == (person.why is not None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.cell[:40] or "nothing")
async def test_every_way_onto_the_suppression_list_reads_a_number_alike(api: Any, case: Case) -> None:
    """A file, a text, one by one: whoever can be written to in whatever way can be put on it in whatever way."""
    trusted = case.trusted or case.read

    def listed() -> list[str]:
        numbers = [row.number for row in Suppression.select()]
        Suppression.delete().execute()
        return numbers

    def imported(rejected: list[dict[str, Any]]) -> None:
        numbers = listed()
        if not case.listed:
            assert trusted == outcome(numbers, rejected)
            return
        assert {*case.listed, GOOD} == set(numbers)
        assert [Fault.TAKEN_AS_WRITTEN] * (case.read != Fault.SEVERAL) == [each["code"] for each in rejected]

    imported((await api.post("/suppressions/import", data=form(table(case.cell), "left.csv")))["rejected"])
    if case.cell:
        pasted = FormData({"numbers": f"{case.cell}\n{GOOD}"})
        imported((await api.post("/suppressions/import", data=pasted))["rejected"])
    good = trusted.startswith("+")
    await api.post("/suppressions", {"number": case.cell}, 200 if good else 422)
    assert ([trusted] if good else []) == listed()


def test_every_fault_has_its_sentence() -> None:
    """A code without words would break the page that shows it."""
    assert set(Fault) == set(SENTENCES)


async def test_what_was_uploaded_before_there_were_codes_is_read(api: Any) -> None:
    """Its reasons keep their words, and have a code that says no more."""
    found = await api.post("/upload", data=form(table("12345"), "guests.csv"))
    KeptRow.update(body='[2, "12345", "The number is too short."]').where(
        KeptRow.set == Upload.get().rejected_set
    ).execute()
    (row,) = (await api.post("/send", {"message": "Hi", "upload_id": found["upload_id"]}))["rejected"]
    assert (2, "12345", "The number is too short.", "other") == tuple(
        row[k] for k in ("row", "value", "reason", "code")
    )
    assert suppression.count() == 0
