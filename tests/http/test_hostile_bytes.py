"""What no client of ours sends: many parts, packed bodies, odd JSON, signs that no database keeps. Never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import BACKENDS
from tests.http.conftest import Caller

NUMBER = "+4915110000000"
PART = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n%b\r\n%b\r\n'
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Both: they take different signs."""
    kind: str = request.param
    return kind


async def test_what_no_text_may_hold(api: Caller) -> None:
    """NUL and halves of signs, in each field of each kind of request: refused or kept without them."""
    odd = ["a\x00b", "\x00", "\ud800", "a\udfffb", "\ufffe\U0010ffff", "\u202e\u2066\u200b"]
    send: dict[str, Any] = {"numbers": [NUMBER], "message": "Hi"}
    asked: list[tuple[str, str, Any]] = []
    for text in odd:
        names = ("message", "name", "account", "phone_column", "upload_id", "window", "schedule_at")
        asked += [("POST", "/send", send | {name: text}) for name in names]
        asked += [
            ("POST", "/send", send | {"numbers": [text, NUMBER + text], "attachments": [text]}),
            ("POST", "/send", {"recipients": [{"number": NUMBER, text: text, "name": text}], "message": "{{ name }}"}),
            ("POST", "/templates", {"name": f"n{text}", "text": f"t{text}"}),
            ("POST", "/lists", {"name": f"n{text}", "recipients": [{"number": NUMBER, "x": text}]}),
            ("POST", "/suppressions", {"number": NUMBER, "reason": text}),
            ("DELETE", "/suppressions", {"number": NUMBER, "reason": text}),
            ("DELETE", "/suppressions", {"number": text, "reason": "x"}),
        ]
    for method, path, body in asked:
        answer = await api.send(method, path, data=json.dumps(body), headers=JSON)
        assert answer.status < 500, (method, path, body, await answer.text())


@pytest.mark.parametrize(
    "search", ["%", "_", "%_%_%_\\", "\\", "a\x00b", "'", "a%00", "\U0001f600\u202e", "[", "(" * 90, "%" * 100, "*"]
)
async def test_a_search_for_signs_that_mean_something(api: Caller, search: str) -> None:
    """They are looked for as they are, wherever something is searched."""
    job = await api.post("/send", {"recipients": [{"number": NUMBER, "name": "Ann"}], "message": "Hi {{ name }}"})
    await api.post("/lists", {"name": "A", "recipients": [{"number": NUMBER, "name": "Ann"}]})
    await api.post("/suppressions", {"number": NUMBER, "reason": "asked"})
    messages = f"/jobs/{job['job_id']}/messages"
    found = {messages: "messages", "/lists/1/entries": "entries", "/suppressions": "suppressions"}
    for path, name in found.items():
        answer = await api.send("GET", path, params={"search": search})
        assert answer.status in (200, 422), (path, await answer.text())
        assert 422 == answer.status or [] == (await answer.json())[name], path
