"""The suppression list by API and page: paging, search, import, removal with its trace, and what each role may do."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient

from daemon.contacts import suppression
from daemon.db import clock, connection, proxy
from daemon.models import Removal, Suppression
from daemon.states import E164, Role
from tests.http.conftest import form

HTML = {"Accept": "text/html"}
ONE, TWO = "+4915110000001", "+4915110000002"
FILE = f"name;phone\nAnna;{ONE}\nBen;+49 1511 0000002\nAnna again;{ONE}\nTom;12345\n".encode()
Client = TestClient[Any, Any]


def fill(count: int, at: int = 1_790_000_000_000) -> None:
    """So many numbers, each a moment older than the one before, in tens of the same moment."""
    numbers, alike = [f"+4915{n:09}" for n in range(count)], {"reason": "asked", "source": "test"}
    rows = [{"number": each, "person": each, "created_at": at - n // 10, **alike} for n, each in enumerate(numbers)]
    for start in range(0, count, 500):
        Suppression.insert_many(rows[start : start + 500]).execute()


async def submit(client: Client, path: str, data: Any, follow: bool = True) -> ClientResponse:
    origin = {"Origin": f"http://{client.host}:{client.port}"}
    return await client.post(path, data=data, headers=HTML | origin, allow_redirects=follow)


async def look(client: Client, path: str) -> str:
    response = await client.get(path, headers=HTML)
    assert 200 == response.status
    return await response.text()


# The API


async def test_all_pages_together_are_the_list(api: Any) -> None:
    """Newest first, each once, also where many came in one moment; the shape is as it always was."""
    fill(35)
    seen, cursor = [], ""
    while True:
        answer = await api.get(f"/suppressions?limit=8{cursor}")
        seen += [row["number"] for row in answer["suppressions"]]
        if answer["next_cursor"] is None:
            break
        assert 8 == len(answer["suppressions"])
        cursor = f"&cursor={answer['next_cursor']}"

    rows = Suppression.select().order_by(Suppression.created_at.desc(), Suppression.number.desc())
    assert [row.number for row in rows] == seen
    whole = await api.get("/suppressions")
    assert (35, None) == (len(whole["suppressions"]), whole["next_cursor"])
    assert {"number", "reason", "source", "created_at", "confirmed_at"} == set(whole["suppressions"][0])


async def test_a_cursor_that_is_none_of_ours_is_refused(api: Any) -> None:
    """Also a limit."""
    for query in ("cursor=abc", "cursor=1.2.3", "cursor=1.x", "limit=0", "limit=5000", "limit=x"):
        await api.get(f"/suppressions?{query}", 422)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("0000001", [ONE]),
        ("+49 1511 0000001", [ONE]),
        ("0151 100", [ONE, TWO]),
        ("newsletter", [TWO]),
        ("NEWS", [TWO]),
        ("%", []),
        ("_", []),
        ("test", [ONE, TWO]),
        ("nobody", []),
        ("", [ONE, TWO]),
    ],
)
async def test_search(api: Any, settings: Any, search: str, found: list[str]) -> None:
    """By a part of the number, as people write it, or by words of the reason or the source."""
    suppression.suppress(settings, ONE, "asked", "test", clock.now_ms())
    suppression.suppress(settings, TWO, "left the newsletter", "test", clock.now_ms())

    answer = await api.get("/suppressions", params={"search": search})

    assert found == sorted(row["number"] for row in answer["suppressions"])


async def test_a_hundred_thousand_numbers_stay_quick(api: Any) -> None:
    """First page, a page in the middle, a search that finds nothing; a page is read off the index, without sorting."""
    fill(100_000)
    first = await api.get("/suppressions?limit=100")
    await api.get(f"/suppressions?limit=100&cursor={1_790_000_000_000 - 5_000}.4915000050000")
    nothing = await api.get("/suppressions?search=99999999999")

    assert (100, []) == (len(first["suppressions"]), nothing["suppressions"])
    plan = proxy.database.execute_sql("EXPLAIN QUERY PLAN " + sql_of_a_page()).fetchall()
    assert "suppression_created_at_number" in str(plan) and "TEMP B-TREE" not in str(plan)


def sql_of_a_page() -> str:
    where = "created_at <= 5 AND (created_at < 5 OR number < 'x')"
    return f"SELECT * FROM suppression WHERE {where} ORDER BY created_at DESC, number DESC LIMIT 51"


async def test_a_file_is_imported(api: Any) -> None:
    """Added, already there, twice in it, refused with the reason: every row is accounted for; a repeat adds nobody."""
    await api.post("/suppressions", {"number": TWO, "reason": "asked before"})
    data = form(FILE, "optouts.csv")
    data.add_field("reason", "old list")
    done = await api.post("/suppressions/import", data=data)

    assert (1, 1, 1) == (done["added"], done["present"], done["duplicates"])
    (refused,) = done["rejected"]
    assert (5, "12345") == (refused["row"], refused["value"]) and refused["reason"].endswith(".")
    rows = {row["number"]: row for row in (await api.get("/suppressions"))["suppressions"]}
    assert ("old list", "api: optouts.csv") == (rows[ONE]["reason"], rows[ONE]["source"])
    assert ("asked before", "api") == (rows[TWO]["reason"], rows[TWO]["source"])
    again = await api.post("/suppressions/import", data=form(FILE, "optouts.csv"))
    assert (0, 2) == (again["added"], again["present"])


async def test_numbers_are_imported_from_a_text(api: Any) -> None:
    """On lines, with commas or semicolons between."""
    data = FormData({"numbers": f"{ONE}\r\n\r\n+49 1511 0000002; +49 1511 0000003,nonsense\n"})
    done = await api.post("/suppressions/import", data=data)

    assert (3, [(4, "nonsense")]) == (done["added"], [(each["row"], each["value"]) for each in done["rejected"]])


async def test_what_cannot_be_imported_changes_nothing(api: Any) -> None:
    """An empty form, an empty file, a file without numbers, a reason without end: each says what to do."""
    await api.post("/suppressions/import", data=FormData({"numbers": " \n"}), status=422)
    await api.post("/suppressions/import", data=form(b"", "empty.csv"), status=422)
    await api.post("/suppressions/import", data=form(b"name\nAnna\nBen\n", "names.csv"), status=422)
    await api.post("/suppressions/import", data=FormData({"numbers": ONE, "reason": "x" * 501}), status=422)
    assert [] == (await api.get("/suppressions"))["suppressions"]


async def test_the_export_can_be_imported_again(api: Any, settings: Any) -> None:
    """With reasons that a spreadsheet cannot take for formulas."""
    suppression.suppress(settings, ONE, "=1+1", "test", clock.now_ms())
    fill(2_100)
    text = await api.text("/suppressions/export.csv")
    rows = list(csv.DictReader(io.StringIO(text)))

    assert 2_101 == len(rows)
    assert [("'=1+1", "test")] == [(row["reason"], row["source"]) for row in rows if row["number"] == ONE]
    Suppression.delete().execute()
    done = await api.post("/suppressions/import", data=form(text.encode(), "suppressions.csv"))
    assert (2_101, []) == (done["added"], done["rejected"])


async def test_a_removal_leaves_a_trace(api: Any) -> None:
    """What stood there, who took it off and why."""
    await api.post("/suppressions", {"number": ONE, "reason": "wrote a letter"})
    await api.ask("DELETE", "/suppressions", json={"number": "+49 1511 0000001", "reason": "wants news again"})
    (row,) = Removal.select()

    assert (ONE, "wrote a letter", "api") == (row.number, row.reason, row.source)
    assert ("api", "wants news again") == (row.removed_by, row.why)
    assert clock.now_ms() - 60_000 < row.created_at <= row.removed_at <= clock.now_ms()
    await api.ask("DELETE", "/suppressions", 404, json={"number": ONE})
    assert 1 == Removal.select().count()


# The page


async def test_a_number_is_added_on_the_page(browser: Any) -> None:
    """With who did it; a wrong one is told where it was typed, and stays there."""
    client = await browser(Role.OPERATOR)
    wrong = await submit(client, "/app/suppressions", {"number": "12<3", "reason": "asked"})
    text = await wrong.text()
    assert 422 == wrong.status
    assert 'role="alert"' in text and 'value="12&lt;3"' in text and 'aria-invalid="true"' in text

    right = await (await submit(client, "/app/suppressions", {"number": "+49 1511 0000001", "reason": ""})).text()

    assert "It gets no more messages." in right
    assert ONE in right and "the operator" in right and suppression.ASKED in right


async def test_a_file_is_imported_on_the_page(browser: Any) -> None:
    """The answer counts and gives each refused row with its reason."""
    client = await browser(Role.OPERATOR)
    data = form(FILE, "optouts.csv")
    data.add_field("why", "old list")
    text = await (await submit(client, "/app/suppressions/import", data)).text()

    for words in ("2 numbers added", "0 were already there", "1 was a duplicate", "1 row was refused", "12345"):
        assert words in text
    assert "the operator: optouts.csv" in text
    refused = await submit(client, "/app/suppressions/import", FormData({"numbers": "", "why": "kept"}))
    assert 422 == refused.status and 'value="kept"' in await refused.text()


async def test_a_guessed_encoding_is_told_and_can_be_chosen(browser: Any, api: Any) -> None:
    """Who can be read is on the list at once; a title that nobody could read is read in the encoding that is chosen."""
    client = await browser(Role.OPERATOR)
    polish = form("name;phone\nZieliński;+48512345678\n".encode("cp1250"), "optouts.csv")
    text = await (await submit(client, "/app/suppressions/import", polish)).text()
    assert "1 number added" in text and "is a guess (cp1252)" in text and 'name="encoding"' in text
    chosen = form("name;phone\nZieliński;+48512345679\n".encode("cp1250"), "optouts.csv")
    chosen.add_field("encoding", "cp1250")
    text = await (await submit(client, "/app/suppressions/import", chosen)).text()
    assert "1 number added" in text and "is a guess" not in text
    polish = form("name;phone\nZieliński;+48512345677\n".encode("cp1250"), "optouts.csv")
    assert "cp1252" == (await api.post("/suppressions/import", data=polish))["encoding"]
    assert 3 == suppression.count()


async def test_a_number_of_a_wrong_length_is_added_and_named_on_the_page(browser: Any) -> None:
    """It is not counted as refused, and can be taken off again."""
    operator, admin = await browser(Role.OPERATOR), await browser(Role.ADMIN)
    data = form(b"name,phone\nAnn,+44 7911 12345\nBen,+447911123456\n", "optouts.csv")
    text = await (await submit(operator, "/app/suppressions/import", data)).text()
    assert "2 numbers added" in text and "0 rows were refused" in text and "added as written" in text
    taken = {"number": "+44791112345", "why": "a slip of the pen"}
    assert "off the list" in await (await submit(admin, "/app/suppressions/remove", taken)).text()
    assert 1 == suppression.count()


async def test_taking_somebody_off_is_for_administrators_with_a_reason(browser: Any, settings: Any) -> None:
    """It asks first; without a reason nothing happens; done twice, it says so."""
    suppression.suppress(settings, ONE, "asked", "test", clock.now_ms())
    where = "/app/suppressions/remove?number=%2B4915110000001"
    operator, admin = await browser(Role.OPERATOR), await browser(Role.ADMIN)
    assert "/app/suppressions/remove" not in await look(operator, "/app/suppressions")
    assert 403 == (await operator.get(where, headers=HTML)).status
    denied = await submit(operator, "/app/suppressions/remove", {"number": ONE, "why": "because"})
    assert 403 == denied.status
    assert where in await look(admin, "/app/suppressions")
    assert "Only" not in await look(admin, where)
    empty = await submit(admin, "/app/suppressions/remove", {"number": ONE, "why": "  "})
    assert 422 == empty.status and "it is recorded" in await empty.text()
    assert 1 == suppression.count()

    done = await (await submit(admin, "/app/suppressions/remove", {"number": ONE, "why": "called us"})).text()

    assert "off the list" in done and "called us" in done and "by the admin" in done
    again = await (await submit(admin, "/app/suppressions/remove", {"number": ONE, "why": "called us"})).text()
    assert "was no longer on the list" in again
    assert 404 == (await admin.get(where, headers=HTML)).status


async def test_the_page_searches_and_pages(browser: Any, settings: Any) -> None:
    """A search is kept from page to page; what is found nowhere is said."""
    fill(120)
    suppression.suppress(settings, "+447900000001", "<b>bold</b>", "test", clock.now_ms())
    client = await browser(Role.OPERATOR)
    first = await look(client, "/app/suppressions?search=4915")
    assert "cursor=" in first and "search=4915" in first and "+447900000001" not in first
    assert "121 numbers on the list" in first
    assert "Nothing on the list matches" in await look(client, "/app/suppressions?search=zebra")
    everything = await look(client, "/app/suppressions")
    assert "&lt;b&gt;bold" in everything and "<b>bold" not in everything


async def test_whoever_is_no_user_is_said_in_words(browser: Any) -> None:
    """That stands in the list by a code."""
    for place, source in enumerate((suppression.REPLY, suppression.WHATSAPP, suppression.ERASED)):
        with connection.write():
            suppression.put(E164(f"+49151100000{place}0"), "asked", source, clock.now_ms())
    text = await look(await browser(Role.OPERATOR), "/app/suppressions")
    found = re.findall(r'<td data-label="Came from"><bdi>(.*?)</bdi>', text)
    assert {"their reply", "what they told WhatsApp", "the erasure of their data"} == set(found)


async def test_the_empty_list_says_what_it_is_for(browser: Any) -> None:
    """And nothing is there to be searched or exported."""
    text = await look(await browser(Role.OPERATOR), "/app/suppressions")
    assert "The list is empty" in text
    assert "export.csv" not in text and 'type="search"' not in text


async def test_who_may_only_look_has_no_list(browser: Any) -> None:
    """A search would give numbers away digit by digit."""
    viewer = await browser(Role.VIEWER)
    for path in ("/app/suppressions", "/suppressions?search=1", "/suppressions/export.csv"):
        assert 403 == (await viewer.get(path, headers=HTML)).status
    assert 'href="/app/suppressions"' not in await look(viewer, "/app")
