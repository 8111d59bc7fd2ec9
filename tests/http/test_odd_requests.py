"""Requests that no browser makes: refused in a sentence or answered, never a 500."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import FormData
from yarl import URL

from daemon.auth import lockout
from daemon.server.visitors import COOKIE, LANGUAGE_COOKIE, ZONE_COOKIE
from tests.http.conftest import KEY, Caller

PAGE = {"Accept": "text/html"}


@pytest.mark.parametrize(
    "referer", ["http://[", "http://[::1", "//[", "\\\\", "http://a]b/", "\udcc3", "http://a/\udcff?\udc80"]
)
async def test_a_referer_that_is_no_address_leads_to_the_login(client: Any, referer: str) -> None:
    answer = await client.post("/app/logout", headers=PAGE | {"Referer": referer}, allow_redirects=False)

    assert 303 == answer.status
    assert answer.headers["Location"].startswith("/app/login")


@pytest.mark.parametrize("name", [COOKIE, LANGUAGE_COOKIE, ZONE_COOKIE, "wasender_browser"])
@pytest.mark.parametrize("value", ["\udcff\udc80", "\udcc3", "a.\udcff", "\u00e9"])
async def test_raw_bytes_in_a_cookie_are_no_session(client: Any, name: str, value: str) -> None:
    for method, path in (("GET", "/app/login"), ("GET", "/jobs"), ("GET", "/accounts")):
        answer = await client.request(method, path, headers=PAGE | {"Cookie": f"{name}={value}"})
        assert answer.status < 500


@pytest.mark.parametrize("state", ["foo", "SENT", "sent,failed", "\u0000", "9" * 40])
async def test_a_state_that_there_is_not_is_refused(api: Caller, client: Any, state: str) -> None:
    """On the campaign's page and on a message's."""
    job = await api.post("/send", {"numbers": ["+4915110000000"], "message": "Hi"})
    await client.post("/app/login", data={"key": KEY}, headers={"Sec-Fetch-Site": "same-origin"})
    (message,) = (await api.get(f"/jobs/{job['job_id']}/messages"))["messages"]
    for path in (f"/app/jobs/{job['job_id']}", f"/app/messages/{message['id']}"):
        answer = await client.get(path, params={"state": state}, headers=PAGE)
        assert 422 == answer.status
        assert "state is one of" in await answer.text()


@pytest.mark.parametrize("words", [["a"] * 100, ["\u00e9"] * 99, [*"0123456789", "x"] * 9])
@pytest.mark.parametrize("path", ["/app/jobs/{}", "/jobs/{}/report.csv"])
async def test_more_words_than_a_search_takes_are_refused(api: Caller, path: str, words: list[str]) -> None:
    """Not with "the database is busy: try again"."""
    job = await api.post("/send", {"recipients": [{"number": "+4915110000000", "name": "Ada"}], "message": "Hi"})

    answer = await api.send("GET", path.format(job["job_id"]), params={"search": " ".join(words)}, headers=PAGE)

    assert 422 == answer.status
    assert "use fewer words" in await answer.text()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::ffff:127.9.9.9", "::1"])
def test_this_machine_is_one_address(address: str) -> None:
    """Whichever of its loopback addresses somebody guesses from."""
    assert lockout.counters(lockout.Try("127.0.0.1"), "") == lockout.counters(lockout.Try(address), "")


@pytest.mark.parametrize("filename", [b"\xc3", b"\xff\xfe.csv", b"caf\xe9.csv", b"\xed\xa0\x80"])
@pytest.mark.parametrize(
    ("path", "page"),
    [("/app/suppressions/import", True), ("/app/lists/new", True), ("/upload", False), ("/upload_attachment", False)],
)
async def test_a_files_name_in_no_utf8_is_shown_as_it_may_be(
    client: Any, filename: bytes, path: str, page: bool
) -> None:
    """In a sentence about the file, on a page and in JSON, and where it is stored."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\na,b\na,b\n\r\n--x--\r\n' % filename
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"} | (PAGE if page else {})
    answer = await client.post(path, data=body, headers=headers | {"X-API-KEY": KEY}, allow_redirects=False)

    assert answer.status in (200, 303, 422)
    await answer.text()


@pytest.mark.parametrize("expected", [b"\xff", b"\xed\xa0\x80", b"100-continue \xc3", b"anything"])
async def test_an_expectation_that_nobody_knows_is_refused(client: Any, expected: bytes) -> None:
    """aiohttp repeats it in its answer, which it cannot where it is no text."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: %b\r\n\r\n" % expected)
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()

    assert answer.split(b" ", 2)[1] in (b"400", b"417")


@pytest.mark.parametrize("value", ["x", "-1", "1.5.2", "9" * 30, "1%201", "%00", "%ff", "1.2.3", "1e3"])
async def test_a_place_that_cannot_be_read_is_not_the_first_page(api: Caller, member: Any, value: str) -> None:
    """On any page: the address was cut off or changed, and another page would be taken for that one."""
    job = await api.post("/send", {"numbers": ["+4915110000000"], "message": "Hi"})
    await api.post("/lists", {"name": "A", "numbers": ["+4915110000000"]})
    paths = {"/app": "cursor", f"/app/jobs/{job['job_id']}": "cursor before", "/app/decisions": "cursor job"}
    paths |= {"/app/replies": "cursor job", "/app/lists/1": "cursor", "/app/suppressions": "cursor"}
    for path, names in paths.items():
        for name in names.split():
            answer = await member.get(URL(f"{path}?{name}={value}", encoded=True), headers=PAGE)
            assert 400 == answer.status, (path, name)
            assert "This address is not complete" in await answer.text()
            assert 200 == (await member.get(f"{path}?{name}=", headers=PAGE)).status


async def test_what_postgresql_cannot_store_is_refused_everywhere(api: Caller) -> None:
    """SQLite would keep it, and no move to PostgreSQL would ever end. An escaped backslash makes a text of it."""
    order = {"numbers": ["+4930231250"], "message": "Hi \0 Ann"}
    refused = await api.post("/send", order, 400)
    assert ("has_nul", True) == (refused["code"], "U+0000" in refused["detail"])
    await api.post("/lists", {"name": "\0", "numbers": ["+4930231250"]}, 400)
    job = await api.post("/send", order | {"message": r"Hi \u0000 and \\u0000"})
    assert (await api.get(f"/jobs/{job['job_id']}"))["total"] == 1
    form = FormData()
    form.add_field("reason", "asked\0 for it")
    form.add_field("numbers", "+4930231251")
    await api.post("/suppressions/import", None, data=form)
    (kept,) = (await api.get("/suppressions"))["suppressions"]
    assert "asked for it" == kept["reason"]
