"""Templates and contact lists: over the API, and as pages that need no script."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient

from daemon.campaigns import templates
from daemon.config import Settings
from daemon.contacts import importer, list_entries, lists, uploads
from daemon.db import clock
from daemon.http import make_app
from daemon.models import ContactList, ListEntry, Template
from tests.http.conftest import KEY
from tests.support.contacts import read

Client = TestClient[Any, Any]
HTML = {"Accept": "text/html"}
EVIL = "<script>alert(1)</script>"
GUESTS = "name;phone\nAnna;+49 30 23125 001\nTom;12345\nBen;+44 20 7946 0011\nAnna;+493023125001\n"


class Desk:
    """An operator with a browser that runs no script."""

    def __init__(self, client: Client) -> None:
        self.client, self.csrf = client, ""

    async def log_in(self) -> None:
        assert 303 == (await self.submit("/app/login", key=KEY)).status
        self.csrf = re.findall(r'name="csrf" (?:value|content)="([^"]*)"', await self.look("/app"))[0]

    async def look(self, path: str, status: int = 200) -> str:
        response = await self.client.get(path, headers=HTML, allow_redirects=False)
        assert status == response.status
        return await response.text()

    async def submit(self, path: str, file: tuple[str, str | bytes] | None = None, **fields: Any) -> ClientResponse:
        """A form that our own page sends."""
        form = FormData()
        for name, value in {"csrf": self.csrf, **fields}.items():
            for each in value if isinstance(value, list) else [value]:
                form.add_field(name, str(each))
        if file:
            data = file[1] if isinstance(file[1], bytes) else file[1].encode()
            form.add_field("file", io.BytesIO(data), filename=file[0])
        headers = HTML | {"Origin": f"http://{self.client.host}:{self.client.port}"}
        return await self.client.post(path, data=form, headers=headers, allow_redirects=False)

    async def refused(self, path: str, status: int, words: str, **fields: Any) -> str:
        """A form that comes back with that sentence."""
        response = await self.submit(path, **fields)
        text = await response.text()
        assert (status, True) == (response.status, words in text)
        return text


@pytest.fixture
async def desk(settings: Settings, database: str, aiohttp_client: Callable[..., Awaitable[Client]]) -> Desk:
    made = Desk(await aiohttp_client(make_app(settings, KEY)))
    await made.log_in()
    return made


def guests(*names: str, **fields: str) -> importer.ContactList:
    people = [importer.Contact(n, f"+491511000000{n}", {"name": name, **fields}) for n, name in enumerate(names, 1)]
    return importer.ContactList(people, columns=["name", *fields])


# The API


async def test_a_template_from_its_making_to_its_end(api):
    """Made, read, changed, deleted."""
    made = await api.post("/templates", {"name": " Spring  sale ", "text": "Hi {{ name }}"})
    assert ("Spring sale", "Hi {{ name }}", []) == (made["name"], made["text"], made["attachments"])
    changed = await api.ask(
        "PUT", f"/templates/{made['id']}", json={"name": "Sale", "text": "Hello", "updated_at": made["updated_at"]}
    )
    assert [changed] == (await api.get("/templates"))["templates"]
    assert changed == await api.get(f"/templates/{made['id']}")
    assert changed["updated_at"] > made["updated_at"]
    await api.ask("DELETE", f"/templates/{made['id']}")
    for method in ("GET", "DELETE"):
        assert "no template" in (await api.ask(method, f"/templates/{made['id']}", 404))["detail"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "A", "text": "Hi {{ name"}, "is opened with {{ but not closed"),
        ({"name": "A", "text": "  "}, "The message is empty"),
        ({"name": " \t ", "text": "Hi"}, "needs a name"),
        ({"name": "x" * 121, "text": "Hi"}, "up to 120 characters"),
        ({"name": "Taken", "text": "Another text"}, "There is already a template called Taken"),
        ({"name": "A", "text": "Hi {% for x in y %}{% endfor %}"}, "a loop cannot be used"),
        ({"name": "A"}, "text: field required"),
    ],
)
async def test_a_template_that_cannot_be_kept_says_why(api, body, words):
    """422 with the engine's own sentence, and nothing is kept."""
    await api.post("/templates", {"name": "Taken", "text": "A text"})
    assert words in (await api.post("/templates", body, 422))["detail"]
    assert 1 == Template.select().count()


async def test_an_attachment_that_is_not_there_is_refused(api):
    """An id of nobody's."""
    body = {"name": "A", "text": "Hi", "attachments": ["0123"]}
    assert "no attachment" in (await api.post("/templates", body, 404))["detail"]


async def test_of_two_who_change_a_template_the_later_is_told(api):
    """409, and what the first has saved stays."""
    made = await api.post("/templates", {"name": "Sale", "text": "Hi"})
    path, at = f"/templates/{made['id']}", made["updated_at"]
    await api.ask("PUT", path, json={"name": "Sale", "text": "First", "updated_at": at})
    problem = await api.ask("PUT", path, 409, json={"name": "Sale", "text": "Second", "updated_at": at})
    assert "since you opened it" in problem["detail"]
    assert "First" == (await api.get(path))["text"]


async def test_a_list_from_its_making_to_its_end(api):
    """Made of recipients, grown by numbers, read, shrunk, renamed, deleted."""
    people = [{"number": "+4915110000000", "name": "Anna"}, {"number": "12", "name": "Tom"}]
    made = await api.post("/lists", {"name": "Guests", "recipients": people})
    assert (1, 1, [1]) == (made["people"], made["added"], [each["position"] for each in made["rejected"]])
    more = await api.post(f"/lists/{made['id']}/entries", {"numbers": ["+4915110000000", "+4915110000001"]})
    assert (1, 1, 0) == (more["added"], more["already_there"], more["updated"])
    updated = await api.post(
        f"/lists/{made['id']}/entries", {"recipients": [{"number": "+4915110000001", "name": "Eve"}]}
    )
    assert (0, 0, 1) == (updated["added"], updated["already_there"], updated["updated"])
    found = await api.get(f"/lists/{made['id']}/entries?search=eve")
    assert [("+4915110000001", {"name": "Eve"})] == [(each["number"], each["fields"]) for each in found["entries"]]
    gone = await api.ask("DELETE", f"/lists/{made['id']}/entries", json={"numbers": ["+49 1511 0000000"]})
    assert 1 == gone["removed"]
    await api.ask("PUT", f"/lists/{made['id']}", json={"name": "Friends"})
    assert [("Friends", 1)] == [(each["name"], each["people"]) for each in (await api.get("/lists"))["lists"]]
    await api.ask("DELETE", f"/lists/{made['id']}")
    await api.get(f"/lists/{made['id']}", 404)
    assert 0 == ListEntry.select().count()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": "A", "numbers": ["12"]}, 422, "None of these telephone numbers can be used"),
        ({"name": "A", "numbers": [], "list_id": 1}, 422, "exactly one way"),
        ({"name": "A", "list_id": 99}, 404, "no contact list 99"),
        ({"name": "A", "upload_id": "99"}, 404, "no upload"),
        ({"name": ""}, 422, "needs a name"),
        ({"name": "Taken"}, 422, "There is already a list called Taken"),
    ],
)
async def test_a_list_that_cannot_be_made_says_why(api, body, status, words):
    """And no list is left behind."""
    await api.post("/lists", {"name": "Taken"})
    assert words in (await api.post("/lists", body, status))["detail"]
    assert 1 == ContactList.select().count()


async def test_a_repeat_with_the_same_key_makes_one_list(api):
    """The answer is the first one."""
    body = {"name": "Guests", "numbers": ["+4915110000000"]}
    answers = [await api.post("/lists", body, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert 1 == ContactList.select().count()


async def test_pages_of_a_list_hold_everybody_once(api):
    """From cursor to cursor, also while somebody is removed in between."""
    made, _ = lists.create_list("Guests", guests(*"ABCDEFG"), clock.now_ms())
    seen, cursor = [], ""
    while cursor is not None:
        page = await api.get(f"/lists/{made.id}/entries?limit=2&cursor={cursor}")
        seen += [each["fields"]["name"] for each in page["entries"]]
        cursor = page["next_cursor"]
        if seen == ["A", "B"]:
            lists.remove_people(made.id, clock.now_ms(), [page["entries"][1]["id"]])
    assert list("ABCDEFG") == seen
    for limit in ("0", "1001", "x"):
        await api.get(f"/lists/{made.id}/entries?limit={limit}", 422)


async def test_an_export_is_harmless_and_comes_back_as_it_was(api, settings):
    """No cell is a formula, and the file that was exported makes the same list again."""
    nasty = guests("=1+1", "'=2", "+3", 'Zoë, "the" Great', "@x", "", note="-5")
    made, _ = lists.create_list("Guests", nasty, clock.now_ms())
    text = await api.text(f"/lists/{made.id}/export.csv")
    assert text.startswith("whatsapp_number,name,note\r\n")
    assert "'=1+1" in text and "''=2" in text and ",'-5" in text
    upload = uploads.add_contacts(settings, read(text), "list.csv", now=0)
    again, _ = lists.create_list("Again", lists.from_upload(upload.id), clock.now_ms())
    assert lists.people(made.id) == lists.people(again.id)
    assert (await api.text(f"/lists/{made.id}/export.csv?excel=1")).startswith("\ufeff")
    await api.get("/lists/99/export.csv", 404)


async def test_an_export_is_read_by_its_column_of_ours(api, settings):
    """Also where another one holds telephone numbers and is called mobile."""
    people = [importer.Contact(n, f"+491511000000{n}", {"mobile": f"+4915220000{n:03}"}) for n in range(1, 6)]
    made, _ = lists.create_list("Guests", importer.ContactList(people, columns=["mobile"]), clock.now_ms())
    upload = uploads.add_contacts(settings, read(await api.text(f"/lists/{made.id}/export.csv")), "list.csv", now=0)
    assert [each.number for each in people] == [each.number for each in lists.from_upload(upload.id).contacts]


# The pages


async def test_pages_are_for_those_who_have_logged_in(stranger):
    """A stranger is sent to the login; nothing is said of what there is."""
    for path in ("/app/templates", "/app/templates/new", "/app/templates/1", "/app/lists", "/app/lists/1"):
        response = await stranger.send("GET", path, allow_redirects=False)
        assert (302, True) == (response.status, "/app/login" in response.headers["Location"])


async def test_empty_shelves_say_what_to_do(desk):
    """No dead end."""
    assert "Write the first template" in await desk.look("/app/templates")
    assert "Create your first list" in await desk.look("/app/lists")


async def test_a_template_is_written_changed_and_deleted(desk):
    """By forms alone; the text is shown as WhatsApp shows it."""
    await desk.submit("/app/templates/new", name="Sale", text="*Hi* {{ name }}\r\nBye")
    row = Template.get()
    text = await desk.look("/app/templates")
    assert ("*Hi* {{ name }}\nBye", True) == (row.text, "<strong>Hi</strong> {{ name }}" in text)
    assert f'href="/app/new?template={row.id}"' in text
    page = await desk.look(f"/app/templates/{row.id}")
    assert "<strong>Hi</strong> [name]" in page
    response = await desk.submit(f"/app/templates/{row.id}", name="Sale", text="Bye", version=row.version)
    assert (303, "Bye") == (response.status, Template.get().text)
    assert "cannot be undone" in await desk.look(f"/app/templates/{row.id}/delete")
    for _ in range(2):  # a double click
        assert 303 == (await desk.submit(f"/app/templates/{row.id}/delete")).status
    assert 0 == Template.select().count()
    await desk.look(f"/app/templates/{row.id}", 404)


async def test_a_refused_template_keeps_what_was_entered(desk):
    """With the reason; a second submit of the same form is no second template."""
    text = await desk.refused("/app/templates/new", 422, "not closed with }}", name="Sale", text="Hi {{ name")
    assert 'value="Sale"' in text and "Hi {{ name</textarea>" in text
    for _ in range(2):
        assert 303 == (await desk.submit("/app/templates/new", name="Sale", text="Hi")).status
    assert 1 == Template.select().count()


async def test_two_tabs_with_one_template(desk):
    """The later one gets its text back and is told."""
    row = templates.keep("Sale", "Hi", clock.now_ms())
    await desk.submit(f"/app/templates/{row.id}", name="Sale", text="First", version=row.version)
    fields = {"name": "Sale", "text": "Second", "version": row.version}
    text = await desk.refused(f"/app/templates/{row.id}", 409, "since you opened it", **fields)
    assert "Second</textarea>" in text
    assert "First" == Template.get().text


async def test_a_file_comes_with_the_form_where_there_is_no_script(desk):
    """Kept as an attachment; one that is unticked is gone."""
    await desk.submit("/app/templates/new", name="Sale", text="Hi", file=("map.pdf", "a map"))
    row = Template.get()
    assert ["map.pdf"] == [each.filename for each in uploads.attachments(row.attachments)]
    assert "map.pdf" in await desk.look(f"/app/templates/{row.id}")
    await desk.submit(f"/app/templates/{row.id}", name="Sale", text="Hi", version=row.version)
    assert [] == Template.get().attachments


async def test_the_preview_fills_in_samples(desk):
    """And tells length, fields and mistakes."""
    headers = {"Origin": f"http://{desk.client.host}:{desk.client.port}", "X-CSRF-Token": desk.csrf}

    async def preview(**draft: Any) -> Any:
        return await (await desk.client.post("/app/templates/preview", json=draft, headers=headers)).json()

    found = await preview(text="Hi *{{ name }}* from {{ city }}", samples={"name": EVIL})
    assert "Hi <strong>&lt;script&gt;alert(1)&lt;/script&gt;</strong> from [city]" == found["html"]
    assert (["city", "name"], 65_536, "") == (found["fields"], found["limit"], found["error"])
    assert "not closed" in (await preview(text="Hi {{ name"))["error"]
    assert 2 == (await preview(text="🎉"))["length"]


async def test_a_list_of_a_file_with_bad_rows(desk):
    """Those who can be written to are on it; the others are told of, with row and reason."""
    response = await desk.submit("/app/lists/new", name="Guests", file=("guests.csv", GUESTS))
    text = await desk.look(response.headers["Location"])
    assert "2 people added." in text and "1 duplicate was skipped." in text
    assert "1 row was rejected" in text and "too short" in text
    made = ContactList.get()
    assert [("+493023125001", {"name": "Anna"}), ("+442079460011", {"name": "Ben"})] == [
        (each.number, each.fields) for each in lists.people(made.id)
    ]


async def test_a_list_of_a_file_whose_encoding_is_a_guess(desk):
    """It is not kept before a person has said the encoding; then names are right, on a new list and on one there is."""
    file = ("guests.csv", "name;phone\nZieliński;+48512345678\n".encode("cp1250"))
    said = "The encoding of guests.csv is a guess, cp1252, by which it has the text Zieliñski"
    await desk.refused("/app/lists/new", 422, said, name="Guests", file=file)
    assert 0 == ContactList.select().count()
    await desk.submit("/app/lists/new", name="Guests", file=file, encoding="cp1250")
    made = ContactList.get()
    assert [{"name": "Zieliński"}] == [each.fields for each in lists.people(made.id)]
    await desk.refused(f"/app/lists/{made.id}/add", 422, said, file=file)
    assert 303 == (await desk.submit(f"/app/lists/{made.id}/add", file=file, encoding="cp1250")).status


async def test_a_list_is_made_once_by_a_form_that_is_sent_twice(desk):
    """And the same name again by another form is refused."""
    key = re.findall(r'name="key" value="(\w+)"', await desk.look("/app/lists/new"))[0]
    for _ in range(2):
        response = await desk.submit("/app/lists/new", name="Guests", numbers="+493023125001", key=key)
        assert (303, True) == (response.status, "added=1" in response.headers["Location"])
    assert 1 == ContactList.select().count()
    await desk.refused("/app/lists/new", 422, "There is already a list called Guests", name="Guests", key="other")


async def test_a_list_begins_with_another_one(desk):
    """A copy: what happens to one does not reach the other."""
    first, _ = lists.create_list("Guests", guests("Anna"), clock.now_ms())
    await desk.submit("/app/lists/new", name="Copy", list=first.id)
    lists.delete_list(first.id)
    assert [("Copy", 1)] == [(each.name, each.people) for each in lists.lists()]


async def test_people_are_added_with_what_became_of_them(desk):
    """New, there already, with new fields, and rejected."""
    made, _ = lists.create_list("Guests", guests("Anna", "Ben"), clock.now_ms())
    pasted = "phone;name;city\n+4915110000001;Anna;\n+4915110000002;Ben;Bonn\n+4915110000003;Eve;Ulm\n12;Tom;\n"
    response = await desk.submit(f"/app/lists/{made.id}/add", numbers=pasted)
    text = await desk.look(response.headers["Location"])
    for words in ("1 person added.", "1 was already on the list.", "1 got new fields.", "1 row was rejected"):
        assert words in text
    assert {"name": "Ben", "city": "Bonn"} == lists.people(made.id)[1].fields
    await desk.refused(f"/app/lists/{made.id}/add", 422, "There is nobody to add", numbers="")
    await desk.refused(f"/app/lists/{made.id}/add", 422, "None of these", numbers="phone\n12\n13\n")


async def test_people_are_removed_after_a_question(desk):
    """One or several; nobody is gone before Remove was said."""
    made, _ = lists.create_list("Guests", guests("Anna", "Ben", "Eve"), clock.now_ms())
    ids = [each.id for each in list_entries.entries(made.id)[0]]
    text = await desk.refused(f"/app/lists/{made.id}/remove", 200, "Remove 2 people from this list?", id=ids[:2])
    assert "Anna" in text and "Eve" not in text and 3 == lists.listed(made.id).people
    response = await desk.submit(f"/app/lists/{made.id}/remove", id=ids[:2], sure="yes")
    assert "2 people removed." in await desk.look(response.headers["Location"].partition("#")[0])
    assert ["Eve"] == [each.fields["name"] for each in lists.people(made.id)]
    await desk.refused(f"/app/lists/{made.id}/remove", 422, "Nobody is selected")


async def test_two_tabs_with_one_list(desk):
    """A name is not changed over a change that its reader has not seen; deleting it twice is deleting it."""
    made, _ = lists.create_list("Guests", guests("Anna"), clock.now_ms())
    lists.rename_list(made.id, "Friends", clock.now_ms())
    fields = {"name": "People", "version": made.version}
    await desk.refused(f"/app/lists/{made.id}/rename", 409, "since you opened it", **fields)
    assert "Friends" == lists.listed(made.id).name
    assert "It has 1 person." in await desk.look(f"/app/lists/{made.id}/delete")
    for _ in range(2):
        assert 303 == (await desk.submit(f"/app/lists/{made.id}/delete")).status
    await desk.look(f"/app/lists/{made.id}", 404)
    assert 404 == (await desk.submit(f"/app/lists/{made.id}/add", numbers="+493023125001")).status


async def test_what_people_wrote_stays_text(desk):
    """In names, fields, texts and searches."""
    row = templates.keep(EVIL, EVIL, clock.now_ms())
    made, _ = lists.create_list(EVIL, guests(EVIL), clock.now_ms())
    for path in (
        "/app/templates",
        f"/app/templates/{row.id}",
        f"/app/templates/{row.id}/delete",
        "/app/lists",
        "/app/lists/new",
        f"/app/lists/{made.id}?q={EVIL}",
        f"/app/lists/{made.id}/delete",
    ):
        text = await desk.look(path)
        assert "alert(1)" in text
        assert "<script>" not in text


async def test_pages_are_small_and_have_nothing_inline(desk, people):
    """Below 100 KB with 50 people a page, and no style or script in them."""
    many = importer.ContactList(people(500), columns=["name"])
    made, _ = lists.create_list("Guests", many, clock.now_ms())
    text = await desk.look(f"/app/lists/{made.id}")
    assert len(text.encode()) < 100_000
    assert 50 == text.count('class="pick"')
    for path in (f"/app/lists/{made.id}", "/app/templates/new", "/app/lists/new", "/app/lists"):
        assert [] == re.findall(r"\sstyle=|\son\w+=|<script(?! type=\"module\" src=)|https?://", await desk.look(path))


async def test_a_foreign_upload_is_no_report(desk):
    """An id of nobody's in the address shows nothing, and breaks nothing."""
    made, _ = lists.create_list("Guests", guests("Anna"), clock.now_ms())
    assert 'id="rejected"' not in await desk.look(f"/app/lists/{made.id}?added=1&upload=0123")
