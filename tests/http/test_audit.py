"""Who has done what, in the audit log: by API and page, with every write there is, and nothing of whom it concerns."""

from __future__ import annotations

import re
from typing import Any

from daemon import config
from daemon.auth import audit_reading
from daemon.auth.audit_reading import Entry, Wanted
from daemon.server import audited
from daemon.server.visitors import SAFE, SETTINGS
from tests.http.conftest import KEY, Caller
from tests.support.drafting import look, send
from tests.support.signing_in import HTML, origin, someone


def newest() -> Entry:
    """The newest entry there is."""
    return audit_reading.page(Wanted(), None, 1)[0][0]


def told(entry: Entry) -> tuple[str, str, str, str]:
    return entry.action, entry.kind, entry.target, entry.result


async def test_what_is_done_by_api_leaves_an_entry(client: Any) -> None:
    """With who, what, to what, from where, and whether it was done."""
    api = Caller(client, KEY)
    sent = await api.post("/send", {"numbers": ["+4915110000000"], "message": "Hi"})
    entry = newest()
    assert ("api", "jobs.send", "job", str(sent["job_id"])) == (entry.who, entry.action, entry.kind, entry.target)
    assert ("127.0.0.1", "done", "") == (entry.address, entry.result, entry.code)
    await api.post(f"/pause/{sent['job_id']}")
    assert ("jobs.pause", "job", str(sent["job_id"]), "done") == told(newest())
    await api.post("/pause/999", status=404)
    assert ("jobs.pause", "job", "999", "refused") == told(newest())
    assert "no_job" == newest().code


async def test_who_it_was_is_said_in_words_on_the_page(client: Any, member: Any) -> None:
    """As the history of a campaign says it; what the page shows is found by it, as is what the log has."""
    await Caller(client, KEY).post("/pause/999", status=404)
    await send(member, "/app/notices/test", again=True)
    for entered in ("the API", "api"):
        shown = await look(member, f"/app/audit?who={entered.replace(' ', '%20')}")
        assert "<bdi>the API</bdi>" in shown and "<bdi>api</bdi>" not in shown, entered
        assert ["jobs.pause"] == re.findall(r"<code>(\w+\.\w+)</code>", shown)


async def test_every_write_there_is_leaves_an_entry(client: Any) -> None:
    """API and pages, whatever becomes of it, and also those that are still to come: nobody has to list them."""
    someone(client)
    headers = HTML | origin(client)
    missing = []
    for route in client.app.router.routes():
        address = route.resource.canonical if route.resource else ""
        if route.method in SAFE or audited.action_of(route.method, address) in audited.QUIET | audited.STRANGERS:
            continue
        if address == "/webhooks/cloud" or address in ENDS:  # Meta's, which is nobody's
            continue
        path = re.sub(r"{(\w+)}", lambda place: NAMED.get(place[1], "999999"), address)
        before = newest_id()
        await client.request(route.method, path, headers=headers, allow_redirects=False)
        found = [row for row in audit_reading.page(Wanted(), None)[0] if row.id > before]
        if [audited.action_of(route.method, address, NAMED["what"])] != [row.action for row in found]:
            missing.append((route.method, path, found))

    assert [] == missing
    assert audit_reading.check(config.secret_key(client.app[SETTINGS])).broken is None


ENDS = {"/app/logout", "/app/me/logout", "/app/users/key/sessions/end"}  # the session of the test
NAMED = {"what": "pause", "name": "nobody"}


def newest_id() -> int:
    return max((row.id for row in audit_reading.page(Wanted(), None, 1)[0]), default=0)


async def test_the_days_of_a_search_may_be_any(client: Any) -> None:
    """Also the last one that a calendar has, behind which there is none."""
    someone(client)
    for day, status in (("9999-12-30", 200), ("9999-12-31", 400), ("soon", 400)):
        await look(client, f"/app/audit?until={day}", status)
