"""Which column of a file has the numbers: where it is not certain the API asks, and takes the answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import FormData

from daemon.models import ListEntry, Message, Suppression
from tests.http.conftest import form
from tests.support.drafting import Client, begin, draft_of, look, post, refused, send

DOUBTFUL = "Buyer;Seller\n" + "".join(f"+49171392{n:04};+49171393{n:04}\n" for n in range(10, 16))


def with_column(data: str, column: str) -> FormData:
    made = form(data.encode(), "people.csv")
    made.add_field("phone_column", column)
    return made


async def test_doubt_is_asked_and_the_answer_taken_by_upload(api: Any) -> None:
    """422 with the columns that it could be; the same file with one of them is read by it."""
    asked = await api.post("/upload", None, 422, data=form(DOUBTFUL.encode(), "people.csv"))
    assert "urn:wasender:problem:choose-phone-column" == asked["type"]
    assert ["Buyer", "Seller"] == asked["candidates"]
    found = await api.post("/upload", data=with_column(DOUBTFUL, "Seller"))
    assert ("Seller", ["buyer"], 6) == (found["phone_column"], found["columns"], found["unique"])
    assert "+491713930010" == found["preview"][0]["number"]
    first = FormData()
    first.add_field("phone_column", "buyer")
    first.add_field("file", DOUBTFUL.encode(), filename="people.csv")
    assert "Buyer" == (await api.post("/upload", data=first))["phone_column"]


async def test_send_takes_the_column_with_the_upload_that_asked(api: Any) -> None:
    """Without it, the question again, and nobody is queued; with it, those people."""
    upload = (await api.post("/upload", None, 422, data=form(DOUBTFUL.encode(), "people.csv")))["upload_id"]
    order = {"message": "Hi", "upload_id": upload}
    again = await api.post("/send", order, 422)
    assert (["Buyer", "Seller"], upload) == (again["candidates"], again["upload_id"])
    assert 0 == Message.select().count()
    assert "there is no column" in (await api.post("/send", order | {"phone_column": "Lawyer"}, 422))["detail"]
    sent = await api.post("/send", order | {"phone_column": "Seller"})
    numbers = [row.number for row in Message.select().where(Message.job == sent["job_id"]).order_by(Message.id)]
    assert [f"+49171393{n:04}" for n in range(10, 16)] == numbers
    assert 6 == (await api.post("/send", order | {"phone_column": "Buyer"}))["total_numbers"]


async def test_a_column_of_an_upload_that_was_certain_is_checked(api: Any) -> None:
    """The one that it was read with may be named; another one needs the file again, and numbers have none."""
    upload = (await api.post("/upload", data=form(b"phone,alt\n+4915110000000,x\n", "people.csv")))["upload_id"]
    assert await api.post("/send", {"message": "Hi", "upload_id": upload, "phone_column": "Phone"})
    other = {"message": "Hi", "upload_id": upload, "phone_column": "alt"}
    assert "POST /upload the file again" in (await api.post("/send", other, 422))["detail"]
    stray = {"message": "Hi", "numbers": ["+4915110000000"], "phone_column": "phone"}
    assert "upload_id" in (await api.post("/send", stray, 422))["detail"]


async def test_lists_ask_and_take_the_answer(api: Any) -> None:
    """A new list, and more people for it."""
    upload = (await api.post("/upload", None, 422, data=form(DOUBTFUL.encode(), "people.csv")))["upload_id"]
    assert ["Buyer", "Seller"] == (await api.post("/lists", {"name": "Two", "upload_id": upload}, 422))["candidates"]
    made = await api.post("/lists", {"name": "Two", "upload_id": upload, "phone_column": "Buyer"})
    assert 6 == made["added"]
    more = {"upload_id": upload, "phone_column": "Seller"}
    assert 6 == (await api.post(f"/lists/{made['id']}/entries", more))["added"]


async def test_the_suppression_import_asks_and_takes_the_answer(api: Any) -> None:
    """Nobody is put on the list by a guess."""
    asked = await api.post("/suppressions/import", None, 422, data=form(DOUBTFUL.encode(), "left.csv"))
    assert ["Buyer", "Seller"] == asked["candidates"]
    assert 0 == Suppression.select().count()
    assert 6 == (await api.post("/suppressions/import", data=with_column(DOUBTFUL, "Buyer")))["added"]


@pytest.mark.parametrize("text", ["+12025550101,+12025550102,+12025550103", "+12025550101 +12025550102 +12025550103"])
async def test_each_number_of_a_line_is_put_on_the_suppression_list(api: Any, text: str) -> None:
    """In a file as in a text."""
    assert 3 == (await api.post("/suppressions/import", data=form(text.encode(), "left.txt")))["added"]
    assert 3 == (await api.post("/suppressions/import", data=FormData({"numbers": text})))["present"]


async def test_the_page_asks_before_it_goes_on(member: Client) -> None:
    """The step stays, with the columns to choose from; what is chosen is preset in the next one."""
    base = await begin(member)
    assert f"{base}/people" == await post(
        member, f"{base}/people", [("file", DOUBTFUL.encode(), "people.csv")], go="next"
    )
    assert draft_of(base).data.columns.phone is None
    page = await look(member, f"{base}/people")
    assert 'name="phone_column"' in page
    assert "Buyer: +491713920010" in page
    assert "Choose the column" in await refused(member, f"{base}/people", 422, go="next", phone_column="")
    assert f"{base}/columns" == await post(member, f"{base}/people", go="next", phone_column="1")
    assert 1 == draft_of(base).data.columns.phone
    assert 'name="phone_column"' not in await look(member, f"{base}/people")


async def test_the_page_of_a_list_asks_in_its_form(member: Client) -> None:
    """A new list, and people who are added to it: the file is kept until the column is chosen."""
    for path in ("/app/lists/new", "/app/lists/1/add"):
        form = {"name": "Guests", "key": "k"} if path.endswith("new") else {}
        asked = await send(member, path, [("file", DOUBTFUL.encode(), "people.csv")], again=True, **form)
        text = await asked.text()
        assert 422 == asked.status
        assert "More than one column could have the phone numbers. Choose one." in text
        assert '<option dir="auto">Buyer</option>' in text
        upload = re.search(r'name="upload" value="(\w+)"', text)
        assert upload
        column = "Buyer" if form else "Seller"
        answer = {"upload": upload[1], "phone_column": column}
        done = await send(member, path, again=True, **form, **answer)
        assert 303 == done.status
        assert "added=6" in done.headers["Location"]
    numbers = {row.number for row in ListEntry.select()}
    assert 12 == len(numbers)


async def test_the_page_of_the_suppression_list_asks_in_its_form(member: Client) -> None:
    path = "/app/suppressions/import"
    asked = await send(member, path, [("file", DOUBTFUL.encode(), "left.csv")], again=True)
    text = await asked.text()
    assert 422 == asked.status
    assert 0 == Suppression.select().count()
    upload = re.search(r'name="upload" value="(\w+)"', text)
    assert upload
    again = await send(member, path, again=True, upload=upload[1], phone_column="")
    assert "Choose one." in await again.text()
    done = await send(member, path, again=True, upload=upload[1], phone_column="Seller")
    assert 303 == done.status and "imported=6" in done.headers["Location"]
    assert {f"+49171393{n:04}" for n in range(10, 16)} == {row.number for row in Suppression.select()}


async def test_the_suppression_import_leaves_out_no_number_of_a_person(api: Any) -> None:
    """Of a row with several telephone columns and of a card with several numbers each counts; what is none is named."""
    rows = "Name;Telefon;Handy;Fax;Bemerkung\nA;+4930231250;;+4930231259;\nB;+4930231251;+491713920011;;\n"
    rows += "C;;12345;;\nD;;;;\nE;+4930231252;;;+49 30 231253\n"
    done = await api.post("/suppressions/import", data=form(rows.encode(), "left.csv"))
    taken = {"+4930231250", "+4930231251", "+491713920011", "+4930231252"}
    assert taken == {row.number for row in Suppression.select()}
    assert [("12345", 4), ("", 5), ("+49 30 231253", 6)] == [(each["value"], each["row"]) for each in done["rejected"]]
    assert "The column Bemerkung also has a number, which was not used: add it" in done["rejected"][-1]["reason"]
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:E\nTEL;TYPE=CELL:+447911123451\nTEL;TYPE=CELL:+447911123452\nEND:VCARD\n"
    assert 2 == (await api.post("/suppressions/import", data=form(card.encode(), "left.vcf")))["added"]
