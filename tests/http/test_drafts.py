"""A new campaign in steps: kept on the server, with two tabs, the back button and a double click in mind."""

from __future__ import annotations

import csv
import io
import re
import secrets
import zipfile
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient

from daemon.accounts import directory, limits
from daemon.campaigns import create, drafts, dry_run, templates
from daemon.campaigns.draft_content import Content
from daemon.config import Settings
from daemon.contacts import columns, lists, suppression, uploads
from daemon.contacts.importer import ContactList
from daemon.db import clock
from daemon.delivery import claim
from daemon.http import make_app
from daemon.models import Account, Draft, Job, Message
from daemon.states import AccountState, JobState
from daemon.transports.protocol import Health

KEY = "a-key-for-tests-0123456789"
HTML = {"Accept": "text/html"}
EVIL = "<script>alert(1)</script>"
CSV = """name;phone;city
Anna;+49 30 23125 001;Berlin
Ben;+44 20 7946 0011;
Tom;12345;Leeds
Anna;+493023125001;Berlin
"""
DAY_MS = 24 * 3_600_000

Client = TestClient[Any, Any]


@pytest.fixture
async def member(settings: Settings, database: str, aiohttp_client: Callable[..., Awaitable[Client]]) -> Client:
    """A browser that has logged in."""
    client = await aiohttp_client(make_app(settings, KEY))
    page = await (await client.get("/app/login")).text()
    token = re.findall(r'name="csrf" value="(\w+)"', page)
    data = {"key": KEY, **({"csrf": token[0]} if token else {})}
    answer = await client.post("/app/login", data=data, headers=HTML | _origin(client), allow_redirects=False)
    assert 303 == answer.status
    return client


def _origin(client: Client) -> dict[str, str]:
    return {"Origin": f"http://{client.host}:{client.port}"}


async def look(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(path, headers=HTML, allow_redirects=False)
    assert status == response.status, await response.text()
    return await response.text()


async def send(
    client: Client, path: str, files: Any = (), json: bool = False, again: bool = False, **fields: Any
) -> ClientResponse:
    """Send the form that the page at `path` shows, with these fields changed; redirects are not followed.

    again: that page is not there any more.
    """
    shown = re.sub(r"/test$", "/check", path) if path.count("/") > 3 and not again else "/app/new"
    page = await look(client, shown)
    form = FormData(quote_fields=False)
    for name in ("csrf", "version", "id"):
        if name not in fields and (found := re.search(rf'name="{name}" value="(\w+)"', page)):
            form.add_field(name, found[1])
    for name, value in fields.items():
        form.add_field(name.replace("__", "-"), str(value))
    for name, data, filename in files:
        form.add_field(name, io.BytesIO(data), filename=filename, content_type="application/octet-stream")
    headers = {"Accept": "application/json, text/html"} if json else HTML
    return await client.post(path, data=form, headers=headers | _origin(client), allow_redirects=False)


async def post(client: Client, path: str, files: Any = (), **fields: Any) -> str:
    """As `send`; where it leads to, which must be another page."""
    response = await send(client, path, files, **fields)
    assert 303 == response.status, await response.text()
    return response.headers["Location"]


async def refused(client: Client, path: str, status: int, files: Any = (), **fields: Any) -> str:
    """As `send`; the sentence of the refusal."""
    response = await send(client, path, files, **fields)
    text = await response.text()
    assert status == response.status, text
    found = re.search(r'<p id="step-error"[^>]*>(.*?)</p>', text, re.S)
    assert found, text
    return re.sub(r"<[^>]+>", "", found[1]).strip()


async def begin(client: Client) -> str:
    return await post(client, "/app/drafts")


async def with_people(client: Client, text: str = CSV, name: str = "people.csv") -> str:
    """A draft that has a file; its address."""
    base = await begin(client)
    await post(client, f"{base}/people", [("file", text.encode(), name)], go="next")
    return base


async def with_columns(client: Client, text: str = CSV, name: str = "people.csv", **roles: str) -> str:
    base = await with_people(client, text, name)
    await map_columns(client, base, **roles)
    return base


async def map_columns(client: Client, base: str, **changes: str) -> str:
    """Press Next on the columns as they are guessed, with some changes."""
    page = await look(client, f"{base}/columns")
    fields = dict(re.findall(r'<input name="(name-\d+)" value="([^"]*)"', page))
    for select in re.findall(r'<select (?:id="header" )?name="([\w-]+)".*?</select>', page, re.S):
        block = page[page.index(f'name="{select}"') :]
        fields[select] = re.search(r'<option value="(\w+)" selected', block[: block.index("</select>")])[1]  # type: ignore[index]
    return await post(client, f"{base}/columns", **{**fields, **{k.replace("__", "-"): v for k, v in changes.items()}})


async def with_message(client: Client, text: str = "Hi {{ name }}", people: str = CSV, **when: str) -> str:
    """A draft up to the dry run."""
    base = await with_columns(client, people)
    await post(client, f"{base}/numbers", go="next")
    await post(client, f"{base}/message", text=text, go="next")
    await post(client, f"{base}/when", **{"name": "Spring", "delay_min": "1", "delay_max": "3", "start": "now", **when})
    return base


async def check(client: Client, base: str, **fields: str) -> str:
    """Do the dry run; the report's page."""
    await post(client, f"{base}/check", **{"days": "7", "recent": "leave", **fields})
    return await look(client, f"{base}/check")


def draft_of(base: str) -> drafts.Draft:
    return drafts.find(base.rpartition("/")[2])


# Drafts


async def test_from_a_file_to_a_job(member: Client) -> None:
    """All steps with what was guessed; the job is what the dry run said."""
    base = await with_message(member)
    report = await check(member, base)
    assert "2 people will get it" in report
    assert "Twice in this list <b>1</b>" in report
    assert "Number that cannot be used <b>1</b>" in report

    where = await post(member, f"{base}/start", go="start")

    job = Job.get_by_id(int(where.rpartition("/")[2]))
    assert ("Spring", 2, 1000, 3000, ["name", "city"]) == (
        job.name, job.total, job.delay_min_ms, job.delay_max_ms, job.columns,
    )  # fmt: skip
    message = Message.select().where(Message.job == job).order_by(Message.id).first()
    assert (2, "+493023125001", {"name": "Anna", "city": "Berlin"}) == (message.row, message.number, message.fields)


async def test_a_draft_is_left_and_come_back_to(member: Client) -> None:
    """Each step is on the server; the list leads to the first step that is not done."""
    base = await with_columns(member)
    assert "/app/new" == await post(member, f"{base}/numbers", go="leave")

    listed = await look(member, "/app/new")
    assert "people" in listed
    assert "4 rows" not in listed and "5 rows" in listed
    assert (await member.get(base, allow_redirects=False)).headers["Location"] == f"{base}/numbers"
    await look(member, f"{base}/message", 303)
    await post(member, f"{base}/numbers", go="next")
    await post(member, f"{base}/message", text="Half a tho", go="leave")
    assert "Half a tho" in await look(member, f"{base}/message")


async def test_no_draft_is_no_dead_end(member: Client) -> None:
    """An empty list says what a campaign is made of."""
    page = await look(member, "/app/new")
    assert "No draft is left open" in page
    assert "Begin a new one" in page


async def test_a_double_click_begins_one_draft(member: Client) -> None:
    """The page's own id makes the second press the same draft."""
    draft_id = secrets.token_hex(16)
    first = await post(member, "/app/drafts", id=draft_id)
    assert first == await post(member, "/app/drafts", id=draft_id) == f"/app/drafts/{draft_id}"
    assert 1 == Draft.select().count()


async def test_discarding_asks_first(member: Client) -> None:
    """The question changes nothing; the answer takes the draft away, and a second one does no harm."""
    base = await with_people(member)
    assert "cannot be undone" in await look(member, f"{base}/discard")
    assert 1 == Draft.select().count()
    await post(member, f"{base}/discard")
    assert 0 == Draft.select().count()
    assert "it was discarded" in await look(member, base, 404)
    await post(member, f"{base}/discard", again=True)


async def test_two_tabs_do_not_undo_each_other(member: Client) -> None:
    """The later one is told, keeps what it entered, and may put it in the place of the other's."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    version = draft_of(base).version
    await post(member, f"{base}/message", text="From the first tab", go="next", version=version)

    response = await send(member, f"{base}/message", text="From the second tab", go="next", version=version)
    text = await response.text()
    assert 409 == response.status
    assert "in another tab" in text and "Load what is saved" in text
    assert "From the second tab" in text
    assert "From the first tab" == draft_of(base).data.text
    newer = re.search(r'name="version" value="(\d+)"', text)
    assert newer
    await post(member, f"{base}/message", text="From the second tab", go="next", version=newer[1])
    assert "From the second tab" == draft_of(base).data.text


async def test_saving_what_is_saved_changes_nothing(member: Client) -> None:
    """Going through the steps again leaves the dry run as it is."""
    base = await with_message(member)
    await check(member, base)
    version = draft_of(base).version
    await post(member, f"{base}/message", text="Hi {{ name }}", go="next")
    await post(member, f"{base}/numbers", go="next")

    assert version == draft_of(base).version
    assert "people will get it" in await look(member, f"{base}/check")


async def test_a_script_gets_an_address_and_not_a_redirect(member: Client) -> None:
    """So it knows that what it sent has arrived; a refusal comes as the page."""
    base = await begin(member)
    response = await send(member, f"{base}/people", [("file", CSV.encode(), "people.csv")], json=True, go="next")
    assert (200, {"next": f"{base}/columns"}) == (response.status, await response.json())
    response = await send(member, f"{base}/people", [("file", b"", "people.csv")], json=True, go="next")
    assert (422, "text/html") == (response.status, response.content_type)


async def test_what_people_wrote_stays_text(member: Client) -> None:
    """A title, a name, a file name, a sheet or a draft's name is never markup."""
    rows = f"{EVIL};phone\n{EVIL};+49 30 23125 001\n{EVIL};1\n{EVIL};4.9E+12\n"
    base = await with_message(member, "Hi *{{ script_alert_1_script }}*", rows)
    await post(member, f"{base}/when", name=EVIL, delay_min="1", delay_max="3", start="now")
    await check(member, base)
    shown = "\n".join([
        await look(member, "/app/new"),
        *[await look(member, f"{base}/{step}") for step in drafts.STEPS],
        await look(member, f"{base}/numbers?group=invalid"),
        await look(member, f"{base}/check?reason=people"),
        await look(member, f"{base}/check?reason=bad_number"),
        await look(member, f"{base}/discard"),
    ])  # fmt: skip
    assert "alert(1)" in shown
    assert EVIL not in shown


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
    book = openpyxl.Workbook()
    book.active.title = "Old"
    book.active.append(["phone", "name"])
    book.active.append(["+493023125001", "Anna"])
    other = book.create_sheet("New & <b>good")
    for row in (["city", "mobile"], ["Berlin", "+4915112345678"], ["Leeds", "+442079460011"]):
        other.append(row)
    book.create_sheet("Empty")
    data = io.BytesIO()
    book.save(data)
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
    kept, _ = lists.create_list("Friends", ContactList(people(3), columns=["name"]))
    base = await begin(member)
    await post(member, f"{base}/people", list=str(kept.id), go="next")
    await map_columns(member, base)
    assert [p.number for p in people(3)] == [each.number for each in drafts.people(draft_of(base))]

    assert "the list Friends" in await look(member, f"/app/new?list={kept.id}")
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
        ({"role__1": "field"}, "of one column, and of one only"),
        ({"role__0": "number"}, "of one column, and of one only"),
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
Eva;+49 151 12345674 / +49 30 23125001;e@x
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
    for words in ("Shortened by the spreadsheet", "With .0 at the end", "Several numbers in one cell", "Mexico"):
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


# Message


async def preview(client: Client, base: str, status: int = 200, **body: Any) -> dict[str, Any]:
    page = await look(client, f"{base}/message")
    token = re.search(r'name="csrf" value="(\w+)"', page)
    headers = _origin(client) | ({"X-CSRF-Token": token[1]} if token else {})
    response = await client.post(f"{base}/preview", json=body, headers=headers)
    assert status == response.status
    answer: dict[str, Any] = await response.json(content_type=None)
    return answer


async def test_the_preview_is_what_each_one_gets(member: Client) -> None:
    """By its place, or found by a name or a number; WhatsApp's marks are shown as it does."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    found = await preview(member, base, text="*Hi* _{{ name }}_ ~you~ ```x```", index=1)
    assert "<strong>Hi</strong> <em>Ben</em> <s>you</s> <code>x</code>" == found["html"]
    assert ("Ben, +442079460011", 1, 3) == (found["who"], found["index"], found["total"])
    assert 1 == (await preview(member, base, text="x", find="ben"))["index"]
    assert 1 == (await preview(member, base, text="x", find="7946"))["index"]
    assert (await preview(member, base, text="x", find="nobody"))["missed"]
    assert 2 == (await preview(member, base, text="👋"))["length"]
    assert "There is no field who" in (await preview(member, base, text="{{ who }}"))["error"]
    assert "is opened with {{" in (await preview(member, base, text="{{ name"))["error"]
    missing = await preview(member, base, text="In {{ city }}")
    assert (1, 3) == (missing["problems"], missing["first"][0]["row"])
    await preview(member, base, 422, text=1)


async def test_a_mistake_in_the_text_is_said_before_the_next_step(member: Client) -> None:
    """What was written is still there, also when it is left for later."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    for text, wanted in (("Hi {{ nme }}", "There is no field nme"), ("", "Write a message"), ("{{ name", "opened")):
        assert wanted in await refused(member, f"{base}/message", 422, text=text, go="next")
    await post(member, f"{base}/message", text="{{ name", go="leave")
    assert "{{ name" == draft_of(base).data.text


async def test_attachments_are_added_and_removed(member: Client) -> None:
    """Several that go together; what does not is refused, and the text is kept meanwhile."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    files = [("file", b"\xff\xd8\xff1", "one.jpg"), ("file", b"\x00\x00", "two.mp4")]
    await post(member, f"{base}/message", files, text="Look", go="attach")
    assert ["one.jpg", "two.mp4"] == [file.filename for file in drafts.attached(draft_of(base))]
    said = await refused(member, f"{base}/message", 422, [("file", b"%PDF", "x.pdf")], text="Look", go="attach")
    assert "cannot be mixed" in said
    first = draft_of(base).data.attachments[0]
    await post(member, f"{base}/message", text="Look", go=f"remove:{first}")
    assert ["two.mp4"] == [file.filename for file in drafts.attached(draft_of(base))]
    assert 1_024 == (await preview(member, base, text="x"))["limit"]


async def test_each_one_gets_a_file_of_their_own(member: Client) -> None:
    """The column names it; whoever's is missing is left out, unless it is said that they get none."""
    people = "name,phone,invoice\nAnna,+493023125001,anna.pdf\nBen,+442079460011,Ben.PDF\nCem,+33612345678,\n"
    base = await with_columns(member, people)
    assert 2 == draft_of(base).data.columns.files
    await post(member, f"{base}/numbers", go="next")
    page = await look(member, f"{base}/message")
    assert "<b>0</b> of 2 files" in page and "1 row names none" in page
    await post(member, f"{base}/message", [("own", b"%PDF-1", "ANNA.pdf")], text="Hi {{ name }}", go="attach")
    await post(member, f"{base}/message", text="Hi {{ name }}", go="next")
    await post(member, f"{base}/when", name="x", delay_min="1", delay_max="3", start="now")
    report = await check(member, base)
    assert "1 person will get it" in report and "Attachment missing or too large <b>2</b>" in report
    assert "Ben.PDF was not uploaded" in await look(member, f"{base}/check?reason=attachment")

    await post(
        member, f"{base}/message", [("own", b"%PDF-2", "ben.pdf")], text="Hi {{ name }}", optional="yes", go="attach"
    )
    assert "3 people will get it" in await check(member, base)
    await post(member, f"{base}/start", go="start")
    names = []
    for message in Message.select().order_by(Message.id):
        names.append([file.filename for file in uploads.attachments(message.attachments or [])])
    assert [["ANNA.pdf"], ["ben.pdf"], []] == names


async def test_templates_are_used_and_kept(member: Client) -> None:
    """From the message step, and from the templates' page into a new draft."""
    kept = templates.keep("Spring", "Hello {{ name }}")
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    await post(member, f"{base}/message", text="", template=str(kept.id), go="template")
    assert "Hello {{ name }}" == draft_of(base).data.text
    await post(member, f"{base}/message", text="Bye {{ name }}", template_name="Autumn", go="keep")
    assert {"Spring", "Autumn"} == {row.name for row in templates.every()}
    said = await refused(member, f"{base}/message", 422, text="x", template_name="Spring", go="keep")
    assert "Spring" in said
    other = await post(member, "/app/drafts", template=str(kept.id))
    assert "Hello {{ name }}" == draft_of(other).data.text


# Time


async def test_a_time_is_taken_in_the_zone_that_is_said(member: Client) -> None:
    """And stored as UTC, with window, cap and pauses."""
    base = await with_message(
        member,
        start="at",
        at="2035-05-04T09:30",
        zone="Asia/Kolkata",
        daily_cap="50",
        **{"from": "09:00", "to": "18:00"},
    )
    when = draft_of(base).data.when
    assert "2035-05-04T04:00:00+00:00" == datetime.fromtimestamp(when.at / 1000, UTC).isoformat()
    assert ("09:00-18:00", 50, 1.0, 3.0) == (when.window, when.daily_cap, when.delay_min, when.delay_max)
    assert 'value="2035-05-04T09:30"' in await look(member, f"{base}/when")
    await check(member, base)
    await post(member, f"{base}/start", go="start")
    job = Job.get()
    assert (when.at, "09:00-18:00", 50, JobState.SCHEDULED) == (
        job.schedule_at,
        job.window,
        job.daily_cap,
        job.state,
    )


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"start": "at", "at": "2001-01-01T00:00", "zone": "UTC"}, "has passed"),
        ({"start": "at", "at": "", "zone": "UTC"}, "Give the day and the time"),
        ({"start": "at", "at": "2035-01-01T00:00", "zone": "Mars"}, "one of the time zones"),
        ({"from": "09:00"}, "Give both times"),
        ({"from": "09:00", "to": "09:00"}, "two different ones"),
        ({"daily_cap": "0"}, "is a whole number"),
        ({"delay_min": "9"}, "the shorter one first"),
        ({"delay_min": "x"}, "is a number of seconds"),
        ({"account": "nobody"}, "one of the accounts"),
    ],
)
async def test_times_that_make_no_sense_are_refused(member: Client, changes: dict[str, str], wanted: str) -> None:
    """With what was entered still there."""
    base = await with_message(member)
    fields = {"name": "Still here", "delay_min": "1", "delay_max": "3", "start": "now"} | changes
    response = await send(member, f"{base}/when", **fields)
    text = await response.text()
    assert 422 == response.status
    assert wanted in text and 'value="Still here"' in text


# Dry run


async def test_the_dry_run_says_who_will_not_get_it_and_why(member: Client, settings: Settings) -> None:
    """Each reason with its people; the table of those left out can be downloaded."""
    people = (
        "name,phone,city\nAnna,+493023125001,Berlin\nBen,+442079460011,\nCem,+33612345678,Paris\n"
        "Dan,12345,Rome\nAnna,+493023125001,Berlin\nEva,+34612345678,Madrid\n"
    )
    suppression.suppress(settings, "+33612345678", "asked", "test")
    earlier = create.Order("x", numbers=["+34612345678"])
    create.create(settings, earlier, "test")
    base = await with_message(member, "In {{ city }}", people)
    report = await check(member, base)

    assert "1 person will get it" in report
    counts = dict(re.findall(r"</span>([^<>]+) <b>(\d+)</b></a>", report))
    assert {
        "Will get it": "1", "Number that cannot be used": "1", "Twice in this list": "1",
        "Does not want to hear from you": "1", "Got a campaign lately": "1", "A field of the message is empty": "1",
    } == counts  # fmt: skip
    assert "The field city is missing." in await look(member, f"{base}/check?reason=missing_field")
    table = list(csv.reader(io.StringIO(await look(member, f"{base}/left-out.csv"))))
    assert ["Ben", "Cem", "Dan", "Anna", "Eva"] == [row[0] for row in table[1:]]

    assert "2 people will get it" in await check(member, base, recent="keep")


async def test_a_test_to_oneself_is_no_campaign(member: Client) -> None:
    """It does not make oneself somebody who got one lately; pressed twice it is one message."""
    base = await with_message(member)
    page = await check(member, base)
    nonce = re.search(r'name="nonce" value="(\w+)"', page)
    assert nonce
    version = draft_of(base).version
    for _ in range(2):
        await post(member, f"{base}/test", number="+49 30 23125 001", row="3", nonce=nonce[1])

    job = Job.get()
    message = Message.get()
    assert ("Test: Spring", "Hi Ben", 1) == (job.name, job.text, job.total)
    assert "+493023125001" == message.number
    assert version == draft_of(base).version
    page = await look(member, f"{base}/check")
    assert 'value="+493023125001"' in page and "Test: Spring" in page
    assert "2 people will get it" in await check(member, base)
    assert "Row" not in await refused(member, f"{base}/test", 422, number="12", row="3", nonce="b" * 16)


@pytest.mark.parametrize("step", ["numbers", "message", "when", "columns"])
async def test_a_change_after_the_dry_run_makes_it_void(member: Client, step: str) -> None:
    """It says so, and a start is refused until it was done again."""
    base = await with_message(member)
    await check(member, base)
    stale = await look(member, f"{base}/start")
    version = re.search(r'name="version" value="(\d+)"', stale)
    assert version
    changes: dict[str, dict[str, str]] = {
        "numbers": {"go": "leave-out:2"},
        "message": {"text": "Another text"},
        "when": {"name": "Other", "delay_min": "1", "delay_max": "3", "start": "now"},
    }
    if step == "columns":
        await map_columns(member, base, role__2="ignore")
    else:
        await post(member, f"{base}/{step}", **changes[step])

    assert "Something was changed after the dry run" in await look(member, f"{base}/check")
    await look(member, f"{base}/start", 303)
    response = await send(member, f"{base}/start".replace("/start", "/check"), days="x")
    assert 422 == response.status
    response = await member.post(
        f"{base}/start", data={"version": version[1], "csrf": _token(stale)}, headers=HTML | _origin(member)
    )
    assert 409 == response.status
    assert 0 == Job.select().count()


def _token(page: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', page)
    return found[1] if found else ""


async def test_the_dry_run_reckons_with_the_queue_the_pace_and_the_window(
    member: Client, settings: Settings, people: Any
) -> None:
    """Another campaign of the account takes every other turn; outside the window nothing goes out."""
    directory.open_account("default", clock.now_ms())
    base = await with_message(member, delay_min="60", delay_max="60")
    await check(member, base)
    alone = drafts.report(draft_of(base))
    assert alone is not None
    numbers = [person.number for person in people(30)]
    create.create(settings, create.Order("x", numbers=numbers), "test")
    await check(member, base)
    shared = drafts.report(draft_of(base))
    assert shared is not None
    assert (0, 0, 1, 30) == (alone.jobs, alone.messages, shared.jobs, shared.messages)
    assert 60_000 == alone.ends - alone.starts
    assert 180_000 == shared.ends - shared.starts

    await post(member, f"{base}/when", name="x", delay_min="60", delay_max="60", start="now", daily_cap="1")
    await check(member, base)
    capped = drafts.report(draft_of(base))
    assert capped is not None
    assert DAY_MS == capped.ends - capped.starts


async def test_where_nobody_is_left_there_is_nothing_to_start(member: Client, settings: Settings) -> None:
    """The report says so; the last step stays closed."""
    suppression.suppress(settings, "+493023125001", "asked", "test")
    base = await with_message(member, people="name,phone\nAnna,+493023125001\n")
    report = await check(member, base)
    assert "0 people will get it" in report and "Nobody is left to write to" in report
    await look(member, f"{base}/start", 303)


# Start


async def test_starting_twice_makes_one_job(member: Client) -> None:
    """A double click, the back button, another tab: all lead to the same campaign."""
    base = await with_message(member)
    await check(member, base)
    page = await look(member, f"{base}/start")
    assert "Send to 2 people?" in page
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    goals = set()
    for _ in range(3):
        response = await member.post(
            f"{base}/start",
            data={"version": version[1], "csrf": _token(page)},
            headers=HTML | _origin(member),
            allow_redirects=False,
        )
        assert 303 == response.status
        goals.add(response.headers["Location"])
    assert {f"/app/jobs/{Job.get().id}"} == goals
    for step in ("people", "message", "check"):
        assert goals == {(await member.get(f"{base}/{step}", allow_redirects=False)).headers["Location"]}
    assert "No draft is left open" in await look(member, "/app/new")
    row = Draft.get()
    assert (None, None) == (row.sheet, row.audience)


async def test_a_start_whose_answer_was_lost_is_not_made_twice(member: Client, settings: Settings) -> None:
    """The job was made and the process died before the draft knew: the next start finds it."""
    base = await with_message(member)
    await check(member, base)
    draft = draft_of(base)
    first = drafts.start(settings, draft.id, draft.version, "test")
    Draft.update(job=None).where(Draft.id == draft.id).execute()
    assert first == drafts.start(settings, draft.id, draft.version, "test")
    assert 1 == Job.select().count()


async def test_whoever_opts_out_after_the_dry_run_gets_nothing(member: Client, settings: Settings) -> None:
    """The people are frozen; the suppression list is not."""
    directory.open_account("default", clock.now_ms())
    base = await with_message(member)
    await check(member, base)
    suppression.suppress(settings, "+493023125001", "asked", "test")
    await post(member, f"{base}/start", go="start")
    claimed = claim.claim("default", 5, clock.now_ms(), 60_000, limits.rules(settings))
    assert ["+442079460011"] == [message.number for message in claimed]


async def test_a_list_changed_after_the_dry_run_changes_nobody(member: Client, people: Any) -> None:
    """What was looked at is what is sent."""
    kept, _ = lists.create_list("Friends", ContactList(people(2), columns=["name"]))
    base = await begin(member)
    await post(member, f"{base}/people", list=str(kept.id), go="next")
    await map_columns(member, base)
    await post(member, f"{base}/numbers", go="next")
    await post(member, f"{base}/message", text="Hi", go="next")
    await post(member, f"{base}/when", name="x", delay_min="1", delay_max="3", start="now")
    await check(member, base)
    lists.add_people(kept.id, ContactList(people(3, 50), columns=["name"]))
    await post(member, f"{base}/start", go="start")
    assert 2 == Job.get().total


async def test_an_account_that_is_ready_is_said_to_be(member: Client) -> None:
    """The forecast holds for a job that begins now, whatever the account does: the job's own page tells that."""
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    base = await with_message(member)
    assert "If it is started now" in await check(member, base)
    assert AccountState.READY == Account.get().state
    assert dry_run.TEST not in await look(member, f"{base}/check")
