"""Who may do what: every address with its least role; what a viewer never gets to see; the token in every form."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from daemon import errors, models, pages
from daemon.accounts import directory, limits, pacing
from daemon.auth import users
from daemon.campaigns import create, lifecycle
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.contacts import uploads
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.models import (
    Account,
    ContactList,
    Draft,
    Event,
    Evidence,
    ListEntry,
    Message,
    Reply,
    Session,
    Suppression,
    Template,
)
from daemon.server import access
from daemon.server.visitors import SAFE
from daemon.states import QUOTED, AccountState, Hold, Role
from daemon.transports.protocol import Health, Mark
from tests.http.conftest import KEY
from tests.support import contacts
from tests.support.signing_in import session_of

PAGES = Path(pages.__file__).parent
Client = TestClient[Any, Any]

ADDRESSES = """
open: what it tells strangers is tested elsewhere
  GET / /health /ready /jobs /jobs/{id} /status/{id} /app/static/{name} /docs /openapi.json
  GET POST /app/login /app/login/step
  POST /app/language
  GET POST /webhooks/cloud

viewer
  GET /app /app/accounts /app/decisions /app/jobs/{id} /app/me /app/messages/{id}
  GET /app/confirmations /confirmations /app/notices
  POST /app/logout /app/me/logout /app/me/password
  GET /app/me/second_factor
  POST /app/me/second_factor/begin /app/me/second_factor/on /app/me/second_factor/codes /app/me/second_factor/off
  GET /accounts /accounts/{name} /events /messages /messages/{id} /metrics /replies /replies/chats
  GET /app/jobs/{id}/summary /app/replies /app/series /app/series/{id} /series /series/{id}
  GET /jobs/{id}/messages /jobs/{id}/reasons /jobs/{id}/rejected.csv /jobs/{id}/report.csv /jobs/{id}/report.xlsx

operator
  GET /app/new
  POST /app/drafts /app/jobs/{id}/clone
  GET /app/drafts/{id} /app/drafts/{id}/left-out.csv /app/drafts/{id}/rejected.csv
  GET POST /app/drafts/{id}/check /app/drafts/{id}/columns /app/drafts/{id}/discard /app/drafts/{id}/message
  GET POST /app/drafts/{id}/numbers /app/drafts/{id}/people /app/drafts/{id}/start /app/drafts/{id}/when
  GET POST /app/drafts/{id}/work
  POST /app/drafts/{id}/columns/counts /app/drafts/{id}/preview /app/drafts/{id}/test
  POST /jobs/{id}/archive /jobs/{id}/duplicate /jobs/{id}/reschedule /jobs/{id}/start /jobs/{id}/unarchive
  POST /app/checklist /app/jobs/{id}/{what} /app/messages/{id}/decide /app/accounts/{name}/ask/{what}
  POST /app/jobs/{id}/confirm /jobs/{id}/confirm
  POST /app/series/{id}/run
  POST /app/series/{id}/pause /app/series/{id}/resume /app/series/{id}/end
  POST /series/{id}/pause /series/{id}/resume /series/{id}/end
  POST /app/jobs/{id}/reschedule /app/jobs/{id}/start /app/jobs/{id}/edit
  POST /send /upload /upload_attachment /pause/{id} /resume/{id} /stop/{id} /retry/{id} /messages/{id}/decide
  GET /messages/{id}/screenshot.png
  GET /accounts/{name}/link_code /accounts/{name}/qr.svg /accounts/{name}/qr.txt /accounts/{name}/screenshot.png
  GET /accounts/{name}/page_check.json
  POST /accounts/{name}/page_check
  POST /accounts/{name}/link /accounts/{name}/reload /accounts/{name}/screenshot /app/accounts/{name}/link
  GET POST /suppressions /app/suppressions
  POST /app/suppressions/import
  GET POST /app/lists/imports/{id} /app/suppressions/imports/{id}
  GET /app/uploads/{id}/rejected.csv
  POST /replies/chats/{id}/assign /replies/chats/{id}/ignore /replies/chats/{id}/reopen
  POST /app/replies/chats/{id}/assign /app/replies/chats/{id}/ignore /app/replies/chats/{id}/reopen
  GET POST /app/consent
  GET PUT /people/consent
  POST /app/consent/record /app/consent/withdraw /people/consent/withdraw
  GET POST /app/lists/{id}/consent
  POST /lists/{id}/consent
  GET /suppressions/export.csv
  POST /suppressions/import
  GET /app/lists /app/lists/{id} /app/templates
  GET POST /app/lists/new /app/lists/{id}/delete
  GET POST /app/templates/new /app/templates/{id} /app/templates/{id}/delete
  POST /app/lists/{id}/add /app/lists/{id}/remove /app/lists/{id}/rename /app/templates/preview
  GET POST /lists /templates
  GET PUT DELETE /lists/{id} /templates/{id}
  GET POST DELETE /lists/{id}/entries
  GET /lists/{id}/export.csv
  GET /accounts/{name}/cloud /app/accounts/{name}/cloud
  GET /cloud/templates /cloud/templates/{id} /app/cloud-templates
  POST /cloud/templates/sync /app/cloud-templates/sync /app/drafts/{id}/template

admin
  POST /accounts /app/accounts /app/accounts/{name}/remove
  PATCH DELETE /accounts/{name}
  POST /accounts/{name}/logout /app/accounts/{name}/logout /app/accounts/{name}/limits /app/accounts/{name}/zone
  DELETE /suppressions
  GET POST /app/suppressions/remove
  GET POST /app/users /app/keys /keys
  GET /app/privacy /people/export /retention
  GET /users
  POST /users/{id}/password/reset /users/{id}/second_factor/remove
  POST /app/users/{id}/password/reset /app/users/{id}/second_factor/remove
  GET /app/audit /audit /audit/check /audit/export.csv /audit/export.jsonl
  POST /app/privacy/export /app/privacy/erase /people/erase
  POST /app/notices/test /notices/test
  GET /app/users/{id} /app/keys/{id}
  POST /app/keys/{id}/rotate /app/keys/{id}/revoke /keys/{id}/rotate
  GET PATCH DELETE /keys/{id}
  POST /app/keys/{id}
  POST /cloud/templates /app/accounts/{name}/cloud
  GET POST /app/cloud-templates/new
  GET POST /webhooks /app/webhooks
  GET PATCH DELETE /webhooks/{id}
  POST /webhooks/{id}/rotate /webhooks/{id}/test /webhooks/{id}/replay /webhooks/deliveries/{id}/replay
  GET /webhooks/{id}/deliveries /app/webhooks/{id}
  POST /app/webhooks/{id} /app/webhooks/{id}/rotate /app/webhooks/{id}/test /app/webhooks/{id}/replay
  POST /app/webhooks/{id}/delete /app/webhooks/{id}/enable /app/webhooks/{id}/disable
  POST /app/webhooks/{id}/deliveries/{id}/replay
  POST /app/users/{id}/accounts
  POST /app/users/{id}/role /app/users/{id}/password /app/users/{id}/disable /app/users/{id}/enable
  POST /app/users/{id}/sessions/end /app/users/key/sessions/end
"""


def read(text: str) -> dict[str, int]:
    """The least role (0: none) of each `METHOD address`."""
    found: dict[str, int] = {}
    least = 0
    for line in filter(None, text.splitlines()):
        words = line.split()
        if not line.startswith(" "):
            least = 0 if line.startswith("open") else users.role_of(words[0])
            continue
        methods = [word for word in words if word.isupper()]
        found |= {f"{method} {path}": least for method in methods for path in words if path.startswith("/")}
    return found


LEAST = read(ADDRESSES)
OPEN = {route for route, least in LEAST.items() if not least}
SEEN = sorted(route for route, least in LEAST.items() if least <= Role.VIEWER and route.startswith("GET "))
NOBODY = {"id": "999999", "name": "nobody", "part": "link", "what": "archive"}  # nothing is stored under these
OTHERWISE = {"/app/drafts/": {"id": "f" * 32}}


def routes(client: Client) -> list[str]:
    """Every address, as method and path; HEAD is its GET."""
    every = client.app.router.routes()
    return sorted({f"{each.method} {_shape(each)}" for each in every if each.resource} - _heads(every))


def _shape(route: Any) -> str:
    """Its address, with `{id}` for whichever id stands there."""
    return re.sub(r"{\w+_id}", "{id}", route.resource.canonical)


def _heads(every: Any) -> set[str]:
    return {f"HEAD {_shape(each)}" for each in every if each.resource}


async def ask(client: Client, route: str, headers: dict[str, str], **where: str) -> tuple[int, str]:
    """(status, Location) of that address; a stream is not read."""
    method, path = route.split(" ")
    for start, other in OTHERWISE.items():
        where = other | where if path.startswith(start) else where
    response = await client.request(method, path.format(**NOBODY | where), headers=headers, allow_redirects=False)
    response.close()
    return response.status, response.headers.get("Location", "")


async def test_every_address_has_its_least_role_here(client: Client) -> None:
    """A new one is not reachable by oversight: write it into the list of those who need it."""
    assert sorted(LEAST) == routes(client)


async def test_each_role_may_what_it_needs_and_no_more(client: Client) -> None:
    """403 below the least role, never at it; strangers are asked to log in."""
    found: dict[str, list[str]] = {"refused": [], "let in": []}
    for route, least in LEAST.items():
        for role in (None, *Role):
            if route in ("GET /events", "POST /app/login", "POST /webhooks/cloud"):
                continue  # tests of their own
            status, location = await ask(client, route, session_of(role))
            if role is None:
                refused = status == 401 or location.startswith("/app/login?")
            else:
                refused = status == 403
                assert status != 401, (route, role)
            if refused and (role or 0) >= least:
                found["refused"].append(f"{route} for {role!r}")
            if not refused and (role or 0) < least:
                found["let in"].append(f"{route} for {role!r}: {status}")

    assert {"refused": [], "let in": []} == found


async def test_the_refusal_says_which_role_it_takes(client: Client) -> None:
    """As JSON for a program, as a page for a person."""
    viewer = session_of(Role.VIEWER)

    said = await (await client.post("/pause/1", headers=viewer)).json(content_type=None)
    page = await client.get("/app/users", headers=viewer | {"Accept": "text/html"})

    assert "urn:wasender:problem:forbidden" == said["type"]
    assert "Your role, viewer, does not allow this: ask an administrator for the role operator." == said["detail"]
    assert 403 == page.status
    assert "ask an administrator for the role admin" in await page.text()


async def test_everything_that_changes_something_needs_the_token(client: Client) -> None:
    """By a session, at every address but the two that need no login."""
    reached = []
    for route in LEAST:
        if route.split(" ")[0] in SAFE or route in OPEN:
            continue
        headers = session_of(Role.ADMIN) | {access.TOKEN_HEADER: "0" * 64}
        status, _ = await ask(client, route, headers)
        if status != 403:
            reached.append(f"{route}: {status}")

    assert [] == reached


async def test_nothing_that_changes_something_answers_to_get(client: Client) -> None:
    """A link or an image on another site must not do anything: no GET writes but to sessions' own times."""
    everything = snapshot()
    for route in LEAST:
        if route.startswith("GET ") and route != "GET /events":
            await ask(client, route, {"X-API-KEY": KEY})

    assert everything == snapshot()


def snapshot() -> list[Any]:
    """All rows of all tables, but sessions, who was given which file, and what the process does beside: when it looked
    for old things, up to where it has looked at the history, and which duties it has."""
    beside = (Session, models.AuditEntry, models.AuditHead, models.Kept, models.MetricPosition, models.Duty)
    return [list(table.select().dicts()) for table in models.TABLES if table not in beside]


# What a viewer sees

SECRET = "15110000012"  # the national digits of the number that must nowhere be seen
NUMBER = "+49" + SECRET
PICTURE = b"\x89PNG\r\n\x1a\n"


def fill(settings: Settings) -> dict[str, str]:
    """A number wherever the program keeps or shows one; ids to fill into addresses, by what stands before them."""
    spelled = "+49 (1511) 000-0012"
    now = clock.now_ms()
    directory.open_account("default", now)
    directory.report("default", Health(AccountState.HELD, detail=f"Linked to {NUMBER}.", qr="2@code"), now)
    person = {"number": NUMBER, "name": f"Anna {spelled}", "work": SECRET, "note": f"0{SECRET}"}
    order = Order(
        f"Hi {{{{ name }}}}, call {NUMBER}",
        recipients=[person, {"number": "x" + NUMBER + "00000"}],
        name=f"To {spelled}",
    )
    job_id = int(create.create(settings, order, "test", clock.now_ms()).job_id)
    directory.report("default", Health(AccountState.READY), now)
    (message,) = claim.claim("default", 1, now, 60_000, limits.rules(settings))
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    rows = [[True, f"Call {spelled}", "sent"]]
    Evidence.create(
        message=message.id, at=now, finding=f"The chat of {NUMBER} was open.", rows=rows, screenshot=PICTURE
    )
    moves.lose(message, f"the chat of {NUMBER} could not be read", now)
    Suppression.create(number=NUMBER, person=NUMBER, reason=f"called from {spelled}", source="test", created_at=now)
    Account.update(link_number=NUMBER, detail=f"Linked to {NUMBER}.").execute()
    Reply.create(
        account="default", number=NUMBER, text=f"My other one is {spelled}", at=now, key="k", message=message.id
    )
    found = contacts.read(f"name;phone;work\nAnna;{NUMBER};{spelled}\nBen;{NUMBER}99999999;x\n")
    upload = uploads.add_contacts(settings, found, "people.csv", now)
    Template.create(name=f"For {NUMBER}", text=f"Call {spelled}", created_at=now, updated_at=now)
    people = ContactList.create(name="Friends", columns=["work"], created_at=now, updated_at=now)
    ListEntry.create(list=people, number=NUMBER, person=NUMBER, fields={"work": spelled})
    Draft.create(id="ab" * 16, name=f"To {NUMBER}", created_by="test", created_at=now, updated_at=now)
    return {"jobs": str(job_id), "messages": str(message.id), "uploads": str(upload.id), "drafts": "ab" * 16}


def digits(data: bytes) -> str:
    """The text of an answer without all that may stand between digits; of an Excel file what is in it."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            data = b"".join(file.read(name) for name in file.namelist())
    return re.sub(r"[\s().\-/]|%20|\\u202f", "", data.decode(errors="replace"))


async def fetch(client: Client, route: str, headers: dict[str, str], ids: dict[str, str]) -> bytes:
    path = route.removeprefix("GET ")
    before = path.partition("/{")[0].rpartition("/")[2]
    where = {"id": ids.get(before, "1"), "name": "default", "part": "status"}
    if route == "GET /events":
        async with client.get(path, headers=headers) as response:
            return b"".join([await response.content.readuntil(b"\r\n\r\n") for _ in range(2)])
    response = await client.get(path.format(**where), headers=headers)
    return await response.read()


async def test_a_viewer_sees_no_number_anywhere(client: Client, settings: Settings) -> None:
    """On pages, in JSON, CSV, Excel and events; an operator does see it, so this looks in the right places."""
    ids = fill(settings)
    shown: dict[Role, list[str]] = {}
    for role in (Role.VIEWER, Role.OPERATOR):
        shown[role] = [route for route in SEEN if SECRET in digits(await fetch(client, route, session_of(role), ids))]

    assert [] == shown[Role.VIEWER]
    told = (
        "/app /app/jobs/{id} /app/messages/{id} /app/decisions /app/accounts /events /accounts /accounts/{name} /jobs"
    )
    told += " /messages /messages/{id} /replies /status/{id} /jobs/{id} /jobs/{id}/messages /jobs/{id}/rejected.csv"
    told += " /jobs/{id}/report.csv /jobs/{id}/report.xlsx"
    assert {f"GET {path}" for path in told.split()} <= set(shown[Role.OPERATOR])


WORDS = "Anna wrote: see you at the clinic"  # of a page that this program does not know


async def test_a_viewer_does_not_read_what_a_page_says(client: Client, settings: Settings) -> None:
    """A dialog or a page that nobody knows may show a chat: the hold is told, its words are for those who act on it."""
    ids = fill(settings)
    held = Health(AccountState.HELD, Hold.UNKNOWN_DIALOG, detail=QUOTED.format(WORDS))
    directory.report("default", held, clock.now_ms())
    message = Message.get()
    lifecycle.settle(message.id, False, "test", clock.now_ms())
    Message.update(error=f"It was not sent. {QUOTED.format(WORDS)}").execute()
    Event.update(why=QUOTED.format(WORDS)).execute()
    shown: dict[Role, set[str]] = {}
    for role in (Role.VIEWER, Role.OPERATOR):
        answers = {route: await fetch(client, route, session_of(role), ids) for route in [*SEEN, "GET /ready"]}
        shown[role] = {route for route, answer in answers.items() if "clinic" in answer.decode(errors="replace")}

    told = "/app /app/jobs/{id} /app/messages/{id} /app/accounts /events /accounts /accounts/{name} /jobs /status/{id}"
    told += " /jobs/{id}/messages /messages/{id} /ready"
    assert set() == shown[Role.VIEWER]
    assert {f"GET {path}" for path in told.split()} <= shown[Role.OPERATOR]


async def test_a_viewer_still_knows_one_from_another(client: Client, settings: Settings) -> None:
    """Country code and last two digits stay, in JSON, in the report and on the page."""
    ids, viewer = fill(settings), session_of(Role.VIEWER)

    listed = await (await client.get(f"/jobs/{ids['jobs']}/messages", headers=viewer)).json()
    report = await (await client.get(f"/jobs/{ids['jobs']}/report.csv", headers=viewer)).text()
    page = await (await client.get(f"/app/jobs/{ids['jobs']}", headers=viewer)).text()

    assert "+49•••••••••12" == listed["messages"][0]["number"]
    for text in (report, page):
        assert "+49•••••••••12" in text


async def test_a_viewer_finds_nothing_to_press(client: Client, settings: Settings) -> None:
    """No screenshot, no code that links a phone, no form of a new campaign; what is left is hidden by its role."""
    ids, viewer = fill(settings), session_of(Role.VIEWER) | {"Accept": "text/html"}
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="2@code"), clock.now_ms())
    Account.update(link_code="WXYZ1234", link_code_at=clock.now_ms()).execute()

    for path in ("/app", "/app/accounts", "/app/decisions", f"/app/messages/{ids['messages']}"):
        text = await (await client.get(path, headers=viewer)).text()
        assert ' data-role="viewer">' in text
        for hidden in ("screenshot.png", "qr.svg", "WXYZ", "/app/new", "/app/users", "link_code"):
            assert hidden not in text, (path, hidden)
    assert "[data-role=viewer] main [data-post]" in (PAGES / "static" / "users.css").read_text()


# Forms and scripts


@pytest.mark.parametrize("path", sorted((PAGES / "templates").glob("*.html")), ids=lambda path: path.name)
def test_every_form_that_posts_has_the_token(path: Path) -> None:
    """Without it the form would be refused; write {{ csrf_field() }} into it."""
    forms = re.findall(r"<form\b[^>]*>.*?</form>", path.read_text(), re.S)
    posting = [form for form in forms if re.search(r'method="?post', form.partition(">")[0], re.I)]

    assert [] == [form[:120] for form in posting if "{{ csrf_field() }}" not in form]


@pytest.mark.parametrize("path", sorted((PAGES / "static").glob("*.js")), ids=lambda path: path.name)
def test_every_script_sends_the_token(path: Path) -> None:
    """Whatever is not a GET goes through `call` of app.js, or takes its `token()` along."""
    text = path.read_text()
    sending = [each.start() for each in re.finditer(r"method: *[\"'](?!GET)", text)]
    sending += [each.start() for each in re.finditer(r"XMLHttpRequest|sendBeacon", text)]

    assert [] == [text[at - 80 : at + 160] for at in sending if "token()" not in text[at : at + 200]]


def test_the_roles_are_in_order() -> None:
    """Each may all that those before it may; an unknown one is refused."""
    assert Role.VIEWER < Role.OPERATOR < Role.ADMIN
    assert [Role.VIEWER, Role.OPERATOR, Role.ADMIN] == [users.role_of(users.word(role)) for role in Role]
    with pytest.raises(errors.InvalidInput, match="viewer, operator, admin"):
        users.role_of("owner")
