"""What stands in paths, queries, headers and bodies, at every endpoint: parsed by the declaration, refused in words."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from daemon.api import endpoint
from daemon.states import State
from tests.http.conftest import Caller

ASKED = [pytest.param(each, id=each.name) for each in endpoint.REGISTRY if each.in_query and each.path != "/events"]
BODIES = [
    pytest.param(each, id=each.name) for each in endpoint.REGISTRY if each.body is not None and each.body_required
]
WRONG = {
    "limit": ["0", "1001", "x", "-1", "1.5", "1_0", "٣", "9" * 30],
    "cursor": ["x", "-1", "9" * 30, "1e3", "+1"],
    "job_id": ["x", "-1", "9" * 30],
    "status": ["x" * 33],
    "state": ["lost", "PENDING", "sent,failed"],
    "excel": ["maybe", "2"],
    "cancel": ["maybe", "2"],
    "stop": ["maybe", "2"],
    "search": ["x" * 1001],
    "external_id": ["x" * 256],
    "wait": ["61", "-1", "1.5", "soon"],
    "account": ["x" * 65],
    "number": ["x" * 41],
    "source": ["x" * 65],
    "who": ["x" * 1001],
    "action": ["x" * 65],
    "known": ["x", "1:2", "-1:" + "0" * 64],
    "since": ["soon", "2030-01-31", "2030-01-31T09:00", "-1", "9" * 18],
    "until": ["soon", "2030-01-31", "2030-01-31T09:00", "-1", "9" * 18],
    "code": ["x" * 1001],
    "late": ["maybe", "2"],
    "zone": ["Mars/Base", "../etc/passwd", "x" * 1001],
}


def address(each: endpoint.Endpoint) -> str:
    path = each.path
    for one in each.in_path:
        path = path.replace(f"{{{one.name}}}", "default" if one.name == "name" else "1")
    return path


@pytest.mark.parametrize("each", ASKED)
async def test_what_makes_no_sense_is_refused_in_words(api: Caller, each: Any) -> None:
    """422 with a sentence that begins with the parameter's name, before anything is looked for."""
    for one in each.in_query:
        for value in WRONG[one.name]:
            problem = await api.ask(each.method, address(each), 422, params={one.name: value})
            assert problem["detail"].startswith(one.name)
        twice = await api.ask(each.method, f"{address(each)}?{one.name}=1&{one.name}=1", 422)
        assert f"{one.name} is given more than once." == twice["detail"]


@pytest.mark.parametrize("each", ASKED)
async def test_an_empty_one_is_as_if_it_were_not_there(api: Caller, each: Any) -> None:
    """As a form sends it whose field was left empty."""
    without = await api.send(each.method, address(each))
    for one in each.in_query:
        with_it = await api.send(each.method, address(each), params={one.name: ""})
        assert (one.name, without.status) == (one.name, with_it.status)


async def test_a_state_is_named_by_all_that_there_are(api: Caller) -> None:
    """So a person knows what to write."""
    detail = (await api.get("/messages?state=lost", 422))["detail"]
    assert f"state is one of {', '.join(State)}." == detail


@pytest.mark.parametrize("number", ["9" * 19, "9" * 400, "-1", "1.0", "0x1", "٣"])
@pytest.mark.parametrize("path", ["/status/{}", "/messages/{}", "/templates/{}", "/lists/{}/entries"])
async def test_an_id_that_is_none_is_not_found(api: Caller, path: str, number: str) -> None:
    """Whatever stands there instead of a whole number that an id can be."""
    await api.get(path.format(number), 404)


@pytest.mark.parametrize("each", BODIES)
async def test_a_body_that_cannot_be_read_is_refused(api: Caller, each: Any) -> None:
    """400 for what is no JSON in UTF-8, however it is packed; 422 for what says nothing; never a crash."""
    for kind, data in (
        ("application/json", b"{"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b'{"a": "\\ud800"}'),
        ("application/json; charset=utf-16", '{"a": 1}'.encode("utf-16")),
        ("application/json; charset=nonsense", b"{}"),
        ("application/json; charset=idna", b"{}"),
    ):
        await api.ask(each.method, address(each), 400, data=data, headers={"Content-Type": kind})
    broken = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for data in (b"no gzip at all", gzip.compress(b'{"a": 1}')[:-12]):
        await api.ask(each.method, address(each), 400, data=data, headers=broken)
    for data in (b"", b"null", b"[]", b'"x"', b'{"no_such_field": 1}', b"1e400"):
        await api.ask(each.method, address(each), 422, data=data)


MULTIPART = "multipart/form-data; boundary=x"
PART = b"--x\r\nContent-Disposition: form-data; name=numbers\r\n%s\r\n\r\n1\r\n--x--\r\n"
BROKEN_FORMS = {
    "no UTF-8": ("application/x-www-form-urlencoded", b"numbers=\xff"),
    "charset": ("application/x-www-form-urlencoded; charset=nonsense", b"numbers=1"),
    "charset of a part": (MULTIPART, PART % b"Content-Type: text/plain; charset=nonsense"),
    "encoding of a part": (MULTIPART, PART % b"Content-Transfer-Encoding: nonsense"),
    "no boundary": ("multipart/form-data", PART % b"A: b"),
    "cut off": (MULTIPART, b"--x\r\nbroken"),
}


@pytest.mark.parametrize("broken", BROKEN_FORMS)
async def test_a_form_that_cannot_be_read_is_refused_everywhere(api: Caller, client: Any, broken: str) -> None:
    """By the API and by the pages: 400 where it is read, and never a crash."""
    kind, data = BROKEN_FORMS[broken]
    crashed, read = [], 0
    for route in client.app.router.routes():
        if route.method != "POST":
            continue
        path = re.sub(r"{(\w+)}", lambda found: "default" if found[1] == "name" else "1", route.resource.canonical)
        response = await api.send("POST", path, data=data, headers={"Content-Type": kind}, allow_redirects=False)
        if response.status >= 500:
            crashed.append(path)
        read += response.status == 400

    assert [] == crashed
    assert read > 10
