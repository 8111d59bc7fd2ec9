"""A new campaign in steps: kept on the server, with two tabs, the back button and a double click in mind."""

from __future__ import annotations

import re
import secrets

from daemon.campaigns import drafts
from daemon.models import Draft, Job, Message
from tests.support.drafting import (
    CSV,
    Client,
    begin,
    check,
    draft_of,
    look,
    post,
    send,
    with_columns,
    with_message,
    with_people,
)

EVIL = "<script>alert(1)</script>"

# Drafts


async def test_from_a_file_to_a_job(member: Client) -> None:
    """All steps with what was guessed; the job is what the dry run said."""
    base = await with_message(member)
    report = await check(member, base)
    assert "2 people will get it" in report
    assert "Duplicate <b>1</b>" in report
    assert "Unusable number <b>1</b>" in report

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
    assert "No drafts" in page
    assert "Start a new campaign" in page


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
    assert "was discarded" in await look(member, base, 404)
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
    assert "since you opened it" in text and "Open the saved version" in text
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


# What is chosen is kept without a button, as our script asks for it


async def kept(client: Client, path: str, status: int = 200, **fields: str) -> None:
    response = await send(client, path, json=True, go="typed", **fields)
    assert status == response.status, await response.text()


async def test_people_are_kept_as_they_are_pasted_or_chosen(member: Client) -> None:
    """As long as the page is the one that had none; after that only a button replaces them."""
    base = await begin(member)
    assert 'name="fresh"' in await look(member, f"{base}/people")
    await kept(member, f"{base}/people", pasted="+4930231250", fresh="1")
    await kept(member, f"{base}/people", pasted="+49302312501\n+49302312502", fresh="1")
    assert 2 == draft_of(base).data.source.sheets[0].rows
    assert 'name="fresh"' not in await look(member, f"{base}/people")

    await kept(member, f"{base}/people", 422, pasted="+4930231250")
    assert 2 == draft_of(base).data.source.sheets[0].rows
    await post(member, f"{base}/people", pasted="+4930231250", go="next")
    assert 1 == draft_of(base).data.source.sheets[0].rows


async def test_the_country_is_kept_as_it_is_chosen(member: Client) -> None:
    """It does not count as a look at the numbers, and one that is none changes nothing."""
    base = await with_columns(member)
    await kept(member, f"{base}/numbers", country="GB")
    assert ("GB", False) == (draft_of(base).data.numbers.country, draft_of(base).data.numbers.seen)
    await kept(member, f"{base}/numbers", 422, country="XX")
    assert "GB" == draft_of(base).data.numbers.country


async def test_columns_are_kept_as_they_are_chosen(member: Client) -> None:
    """Whether the step is done stays as it was; a mapping that cannot be used changes nothing."""
    base = await with_people(member)
    chosen = {"header": "0", "role__0": "field", "name__0": "who", "role__1": "number", "role__2": "ignore"}
    await kept(member, f"{base}/columns", **chosen)
    columns = draft_of(base).data.columns
    assert (("who", "", ""), 1, False) == (columns.names, columns.phone, columns.sure)
    assert 'value="who"' in await look(member, f"{base}/columns")

    await kept(member, f"{base}/columns", 422, **chosen | {"role__2": "number"})
    assert columns == draft_of(base).data.columns
    await post(member, f"{base}/columns", go="next", **chosen)
    await kept(member, f"{base}/columns", **chosen | {"name__0": "person"})
    assert (("person", "", ""), True) == (draft_of(base).data.columns.names, draft_of(base).data.columns.sure)
