"""Lists and the suppression list: numbers that a spreadsheet has damaged are proposed as in a campaign, and added."""

from __future__ import annotations

import re

import pytest

from daemon.accounts import directory
from daemon.db import clock
from daemon.models import Account, ListEntry, Suppression
from tests.support.drafting import Client, look, post, send

ONE = "+4915112345670"
PATIENTS = """Name;Handy
Anna;+49 151 12345670
Ben;4.915112345671E+12
Cem;4.9151E+12
Dora;15112345673
Eva;+49l51l2345674
"""
FILE = [("file", PATIENTS.encode(), "patients.csv")]


def _words(page: str) -> str:
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.S).split())


def _people() -> list[tuple[str, str]]:
    return [(each.number, each.fields.get("name", "")) for each in ListEntry.select().order_by(ListEntry.id)]


def _upload(address: str) -> str:
    found = re.search(r"upload=(\w+)", address)
    assert found, address
    return found[1]


async def test_a_list_is_offered_what_the_numbers_most_likely_were(member: Client) -> None:
    """By what is wrong, with names; taken with a button, with all that the row says; never by itself."""
    address = await post(member, "/app/lists/new", FILE, name="Patients", key="k")
    page = _words(await look(member, address))
    assert [("+4915112345670", "Anna")] == _people()
    assert "Ben 4.915112345671E+12 → becomes +4915112345671" in page
    assert "Eva +49l51l2345674 → becomes +4915112345674" in page
    assert "Choose the country of these numbers to add them." in page and "Dora 15112345673" in page
    assert "Cem 4.9151E+12 →" not in page  # its digits are gone

    base, upload = address.partition("?")[0], _upload(address)
    await post(member, f"{base}/add", again=True, upload=upload, repair="rounded")
    await post(member, f"{base}/add", again=True, upload=upload, repair="signs")
    await post(member, f"{base}/add", again=True, upload=upload, repair="country", country="DE")
    wanted = [("+4915112345670", "Anna"), ("+4915112345671", "Ben"), ("+4915112345674", "Eva")]
    assert [*wanted, ("+4915112345673", "Dora")] == _people()


async def test_a_list_of_nothing_else_is_made_of_the_proposals(member: Client) -> None:
    """The name that was entered is kept; a proposal that does not exist adds nobody."""
    damaged = [("file", b"Name;Handy\nBen;4.915112345671E+12\n", "a.csv")]
    response = await send(member, "/app/lists/new", damaged, name="Patients", key="k")
    page = await response.text()
    assert 422 == response.status and "+4915112345671" in page
    upload = re.findall(r'name="upload" value="(\w+)"', page)[-1]
    assert (
        422 == (await send(member, "/app/lists/new", name="Patients", key="k", upload=upload, repair="country")).status
    )
    await post(member, "/app/lists/new", name="Patients", key="k", upload=upload, repair="rounded")
    assert [("+4915112345671", "Ben")] == _people()


async def test_the_country_of_an_account_is_the_usual_one(member: Client) -> None:
    """A national number is read by it in lists, in the import and where it is typed; another one can be chosen."""
    directory.open_account("default", clock.now_ms())
    Account.update(country="DE").execute()
    await post(member, "/app/lists/new", name="Patients", key="k", numbers="0151 12345670")
    assert [("+4915112345670", "")] == _people()
    await post(member, "/app/suppressions", number="0151 12345671")
    await post(member, "/app/suppressions", number="07911 123456", country="GB")
    assert {"+4915112345671", "+447911123456"} == {each.number for each in Suppression.select()}


@pytest.mark.parametrize("country", ["", "XX"])
async def test_without_a_country_it_is_asked_for(member: Client, country: str) -> None:
    response = await send(member, "/app/suppressions", number="0151 12345671", country=country)
    page = _words(await response.text())
    assert 422 == response.status and "Country of numbers without a country code" in page
    assert ("Choose one of the countries in the list." in page) is bool(country)
    assert 0 == Suppression.select().count()


async def test_the_suppression_import_is_offered_the_same(member: Client) -> None:
    """What is proposed is added with a button; the reason that was given comes along."""
    address = await post(member, "/app/suppressions/import", FILE, why="asked us")
    page = await look(member, address)
    assert "4.915112345671E+12 → becomes +4915112345671" in _words(page) and 'name="why" value="asked us"' in page
    for kind in ("rounded", "signs", "country"):
        fields = {"upload": _upload(address), "rows": 0, "repair": kind, "country": "DE", "why": "asked us"}
        await post(member, "/app/suppressions/import", again=True, **fields)
    assert {"asked us"} == {each.reason for each in Suppression.select()}
    assert {"+4915112345670", "+4915112345671", "+4915112345673", "+4915112345674"} <= {
        each.number for each in Suppression.select()
    }


async def test_many_damaged_rows_are_looked_at_a_thousand_at_a_time(member: Client) -> None:
    """On pages of a bounded size; each page has the proposals for its own rows, and a file has all of them."""
    rows = "".join(f"Person {n};4.9151123{n:05}E+12\n" for n in range(1_200))
    file = [("file", f"Name;Handy\nAnna;{ONE}\n{rows}".encode(), "a.csv")]
    address = await post(member, "/app/suppressions/import", file)
    first = await look(member, address)
    assert len(first.encode()) < 100_000
    assert "rejected rows 1 to 1,000 of 1,200" in _words(first) and "Add all 1000 as suggested" in first
    (further,) = re.findall(r'href="([^"]*rows=\d+)"', first)
    second = await look(member, further.replace("&amp;", "&"))
    assert "rejected rows 1,001 to 1,200 of 1,200" in _words(second) and "Add all 200 as suggested" in second
    chosen = {"again": True, "rows": 1_000, "repair": "rounded"}
    await post(member, "/app/suppressions/import", upload=_upload(address), **chosen)
    assert 201 == Suppression.select().count()
    table = (await look(member, f"/app/uploads/{_upload(address)}/rejected.csv")).splitlines()
    assert 1_201 == len(table) and "4.915112300000E+12" in table[1]

    address = await post(member, "/app/lists/new", file, name="Patients", key="k")
    page = await look(member, address)
    assert len(page.encode()) < 100_000 and "rejected rows 1 to 1,000 of 1,200" in _words(page)
    await post(member, address.partition("?")[0] + "/add", upload=_upload(address), **chosen)
    assert 201 == ListEntry.select().count()
    assert "Person 1199" == ListEntry.get(ListEntry.number == "+4915112301199").fields["name"]
    assert 404 == (await member.get("/app/uploads/0123456789abcdef/rejected.csv")).status
