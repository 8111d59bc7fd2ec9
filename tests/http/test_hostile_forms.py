"""Forms and bodies that no browser sends: many parts, packed ones, forms in forms, odd JSON. Never a 500."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from daemon.server import posted
from tests.http.conftest import Caller

NUMBER = "+4915110000000"
PART = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n%b\r\n%b\r\n'
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
MANY = (PART % (b"a", b"", b"")) * (posted.MOST_PARTS + 1) + b"--x--\r\n"
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'


@pytest.mark.parametrize("path", ["/upload", "/upload_attachment", "/suppressions/import"])
async def test_a_form_has_so_many_parts(api: Caller, path: str) -> None:
    """Each of them takes as long as a small request."""
    refused = await api.post(path, None, 413, data=MANY, headers=MULTIPART)
    assert "more than 1,000 parts" in refused["detail"]


async def test_parts_behind_a_file_count_too(api: Caller) -> None:
    data = FILE + b"\r\nphone\n+4915110000000\r\n" + MANY
    await api.post("/upload", None, 413, data=data, headers=MULTIPART)


@pytest.mark.parametrize(("count", "status"), [(posted.MOST_FIELDS, 413), (posted.MOST_FIELDS - 1, 200)])
async def test_a_form_has_so_many_fields(api: Caller, count: int, status: int) -> None:
    data = b"numbers=%2B4915110000000" + b"&a=1" * count
    answer = await api.post("/suppressions/import", None, status, data=data, headers=FORM)
    assert status == 200 or "more than 10,000 fields" in answer["detail"]


async def test_a_long_form_is_read_as_a_short_one(api: Caller) -> None:
    """Off the loop."""
    numbers = "%0A".join(f"%2B4915110{number:06d}" for number in range(5_000))
    assert len(numbers) > posted.QUICK
    done = await api.post("/suppressions/import", data=f"reason=caf%C3%A9&numbers={numbers}".encode(), headers=FORM)
    assert 5_000 == done["added"]
    (one,) = (await api.get("/suppressions?limit=1"))["suppressions"]
    assert "caf\u00e9" == one["reason"]


@pytest.mark.parametrize(
    "header",
    [b"Content-Encoding: gzip", b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable",
     b"Content-Encoding: deflate", b"Content-Type: multipart/mixed; boundary=y"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/upload", "/suppressions/import"])
async def test_a_part_that_is_packed_is_no_form(api: Caller, path: str, header: bytes) -> None:
    """No browser does so, and what it unpacks to has no limit."""
    data = FILE + header + b"\r\n\r\n" + gzip.compress(b"x" * 1_000_000) + b"\r\n--x--\r\n"
    await api.post(path, None, 400, data=data, headers=MULTIPART)


@pytest.mark.parametrize(
    "text",
    [b'{"numbers":["+4915110000000"],"message":"Hi","delay_min":NaN}', b'{"message":"Hi","numbers":[Infinity]}',
     b'{"message":"\\ud800","numbers":["+4915110000000"]}', b"[" * 100_000, b'{"numbers":' + b"[" * 190 + b"]" * 190,
     b'{"numbers":["+4915110000000"],"message":"Hi"}'.decode().encode("utf-16")],
)  # fmt: skip
async def test_what_is_no_json(api: Caller, text: bytes) -> None:
    refused = await api.post("/send", None, 400, data=text, headers=JSON)
    assert refused["detail"].startswith("The body is not")


@pytest.mark.parametrize(
    "body",
    [{"delay_min": 1e308}, {"daily_cap": 10**400}, {"schedule_at": 2**63}, {"schedule_at": -1},
     {"numbers": [1e308] * 3},
     {"schedule_at": "9999-12-31T23:59:59.999999-23:59"}, {"schedule_at": "0001-01-01T00:00:00+23:59"},
     {"schedule_at": "2026-06-30T23:59:60Z"}, {"schedule_at": "2026-06-30T23:59:50+99:99"}, {"delay_max": -0.5},
     {"message": "{{ x * 10**9 }}"}, {"message": "{{ 9**9**9 }}"}, {"message": "{{ x|center(999999999) }}"},
     {"message": "{{ '%999999999d'|format(1) }}"}, {"message": "{% for i in range(10**9) %}x{% endfor %}"},
     {"message": "{% include '/etc/passwd' %}"}, {"message": "{{ x|attr('__class__') }}"},
     {"message": "{{a}}" * 20_000},
     {"message": "{{ " + "(" * 5_000 + "x" + ")" * 5_000 + " }}"}, {"attachments": ["../../etc/passwd"]}],
)  # fmt: skip
async def test_values_at_their_ends(api: Caller, body: dict[str, Any]) -> None:
    """Numbers, dates and templates that nobody can keep, show or send."""
    asked = {"numbers": [NUMBER], "message": "Hi"} | body
    answer = await api.send("POST", "/send", json=asked)
    assert answer.status in (404, 422), await answer.text()


async def test_a_packed_body_has_the_limit_of_what_is_in_it(api: Caller) -> None:
    """It is unpacked no further; a small one is read."""
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    bomb = gzip.compress(b'{"numbers":[' + b"1," * 20_000_000 + b"1]}")
    assert len(bomb) < 100_000
    refused = await api.post("/send", None, 413, data=bomb, headers=packed)
    assert "larger than 32 MB" in refused["detail"]
    small = gzip.compress(b'{"numbers":["+4915110000000"],"message":"Hi"}')
    assert 1 == (await api.post("/send", data=small, headers=packed))["total_numbers"]
