"""Work on a draft or an import that takes a while: its page without any script, giving it up, and what is left then."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from daemon.campaigns import drafts
from daemon.contacts import importer, lists, row_sets
from daemon.db import clock
from daemon.models import ContactList, Draft, Job, ListEntry, Message, RowSet, Suppression
from daemon.pages import working
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage
from tests.support.drafting import send, with_message, with_people
from tests.support.signing_in import HTML, Client, submit


class Gate:
    """Work that waits in the middle until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: Stage, done: int, what: str = "told") -> None:
        self.there, self.go_on = threading.Event(), threading.Event()
        told = getattr(progress, what)

        def wait(stage: Stage, count: int, total: int | None = None) -> None:
            told(stage, count, total)
            if (stage, count) == (at, done):
                self.there.set()
                assert self.go_on.wait(30)
                told(stage, count, total)

        monkeypatch.setattr(progress, what, wait)
        monkeypatch.setattr(working, "PATIENCE_S", 0.2)


async def page_of(member: Client, path: str) -> tuple[int, str, Any]:
    response = await member.get(path, headers=HTML, allow_redirects=False)
    return response.status, await response.text(), response.headers


@pytest.fixture
async def base(member: Client) -> str:
    """A draft of 1,200 people, ready for the dry run."""
    return await with_message(member, people="\n".join(["number,name", *(f"+49151{n:08},P{n}" for n in range(1_200))]))


def version(base: str) -> str:
    return str(drafts.find(base.rsplit("/", 1)[1]).version)


async def finished(member: Client, base: str) -> tuple[int, str, Any]:
    """The outcome, once it is there; the page asks the browser to look again until then."""
    return await ended(member, f"{base}/work")


async def ended(member: Client, path: str) -> tuple[int, str, Any]:
    for _ in range(200):
        status, text, headers = await page_of(member, path)
        if "Refresh" not in headers:
            return status, text, headers
        await asyncio.sleep(0.05)
    raise AssertionError("it does not end")


async def test_a_dry_run_that_takes_a_while_has_a_page(member: Client, base: str, monkeypatch: Any) -> None:
    """It says how far it is; the same button leads there again; its end leads to the report."""
    gate = Gate(monkeypatch, Stage.CHECKING, 1_000)
    form = {"version": version(base), "days": "7", "recent": "keep", "go": "run"}
    response = await submit(member, f"{base}/check", **form)
    assert (303, f"{base}/work") == (response.status, response.headers["Location"])
    assert await asyncio.to_thread(gate.there.wait, 20)
    status, text, headers = await page_of(member, f"{base}/work")
    assert (200, "1") == (status, headers["Refresh"])
    assert (
        "People checked: <b>1,000</b> / 1,200" in text
        and '<progress aria-labelledby="stage" max="1200" value="1000">' in text
    )
    assert f"{base}/work" == (await submit(member, f"{base}/check", **form)).headers["Location"]
    gate.go_on.set()
    status, _, headers = await finished(member, base)
    assert (303, f"{base}/check") == (status, headers["Location"])
    assert 1_200 == len(drafts.audience_frozen(drafts.find(base.rsplit("/", 1)[1])) or ())
    assert 303 == (await page_of(member, f"{base}/work"))[0]


async def test_another_form_is_refused_with_its_input_while_something_is_done(
    member: Client, base: str, monkeypatch: Any
) -> None:
    """It is not thrown away behind the page of the work: what was entered is shown with the reason, for the script too.
    Neither is a start without it; afterwards each of them is taken."""
    gate = Gate(monkeypatch, Stage.CHECKING, 1_000)
    form = {"version": version(base), "days": "7", "recent": "keep", "go": "run"}
    await submit(member, f"{base}/check", **form)
    assert await asyncio.to_thread(gate.there.wait, 20)
    text = {"version": version(base), "text": "Bring the map along", "go": "next"}
    page = await submit(member, f"{base}/message", **text)
    said = await page.text()
    assert 409 == page.status and "Something else is being done with this campaign" in said
    assert "Bring the map along</textarea>" in said and "Open the saved version" not in said
    began = await submit(member, f"{base}/start", version=version(base), go="start", sure="yes")
    assert 409 == began.status and "Something else is being done" in await began.text()
    other = await submit(member, f"{base}/check", **form | {"days": "30"})
    assert 409 == other.status and 'value="30"' in await other.text()
    assert f"{base}/work" == (await submit(member, f"{base}/check", **form)).headers["Location"]
    gate.go_on.set()
    assert 303 == (await finished(member, base))[0]
    monkeypatch.setattr(working, "PATIENCE_S", 20.0)
    assert 303 == (await submit(member, f"{base}/message", **text | {"version": version(base)})).status
    assert "Bring the map along" == Draft.get().data["text"]


async def test_the_same_file_sent_twice_is_one_piece_of_work(member: Client, monkeypatch: Any) -> None:
    """Another one of the same name is not taken for it."""
    base = await with_people(member, "+4915110000000\n+4915110000001")
    gate = Gate(monkeypatch, Stage.STORING, 2_000)
    rows = "\n".join(["number,name", *(f"+49151{n:08},P{n}" for n in range(2_500))])
    files = [[("file", (rows + more).encode(), "people.csv")] for more in ("", "", "\n+4915199999999,Z")]
    sent = [await send(member, f"{base}/people", each, go="next") for each in files]
    assert [(303, f"{base}/work")] * 2 == [(each.status, each.headers["Location"]) for each in sent[:2]]
    assert 409 == sent[2].status
    gate.go_on.set()
    assert 303 == (await finished(member, base))[0]


async def test_a_dry_run_that_is_given_up_leaves_nothing(member: Client, base: str, monkeypatch: Any) -> None:
    """The step says so, and can be tried again."""
    gate = Gate(monkeypatch, Stage.CHECKING, 1_000)
    await submit(member, f"{base}/check", version=version(base), days="7", recent="keep", go="run")
    assert f"{base}/work" == (await submit(member, f"{base}/work")).headers["Location"]
    assert "Cancelling" in (await page_of(member, f"{base}/work"))[1]
    gate.go_on.set()
    status, text, _ = await finished(member, base)
    assert 422 == status and "Cancelled: nothing was changed." in text
    assert drafts.audience_frozen(drafts.find(base.rsplit("/", 1)[1])) is None


async def test_a_start_that_is_given_up_makes_no_job(member: Client, base: str, monkeypatch: Any) -> None:
    """Up to its last message; then the draft is as it was, and can be started."""
    await submit(member, f"{base}/check", version=version(base), days="7", recent="keep", go="run")
    gate = Gate(monkeypatch, Stage.QUEUEING, 1_200)
    response = await submit(member, f"{base}/start", version=version(base), sure="yes")
    assert f"{base}/work" == response.headers["Location"]
    assert await asyncio.to_thread(gate.there.wait, 20)
    await submit(member, f"{base}/work")
    gate.go_on.set()
    status, text, _ = await finished(member, base)
    assert 422 == status and "Cancelled: nothing was changed." in text
    assert (0, 0) == (Job.select().count(), Message.select().count())

    monkeypatch.setattr(working, "PATIENCE_S", 0.0)
    await submit(member, f"{base}/start", version=version(base), sure="yes")
    status, _, headers = await finished(member, base)
    job = Job.get()
    assert (303, f"/app/jobs/{job.id}", 1_200) == (status, headers["Location"], job.total)


async def test_a_file_that_is_given_up_while_it_is_stored_is_not_taken(member: Client, monkeypatch: Any) -> None:
    """The draft keeps what it had; the rows are nobody's, and deleted."""
    base = await with_people(member, "+4915110000000\n+4915110000001")
    before = Draft.get().sheets
    gate = Gate(monkeypatch, Stage.STORING, 2_000)
    pasted = "\n".join(["number,name", *(f"+49151{n:08},P{n}" for n in range(2_500))])
    await submit(member, f"{base}/people", version=version(base), pasted=pasted)
    assert await asyncio.to_thread(gate.there.wait, 20)
    await submit(member, f"{base}/work")
    gate.go_on.set()
    assert 422 == (await finished(member, base))[0]
    assert before == Draft.get().sheets
    assert 1 == RowSet.select().where(~RowSet.held).count()
    assert 1 == row_sets.sweep(clock.now_ms() + 2 * row_sets.GRACE_MS)


async def test_work_that_is_quick_is_answered_at_once(member: Client, base: str) -> None:
    """As if there were no page for it."""
    response = await submit(member, f"{base}/check", version=version(base), days="7", recent="keep", go="run")
    assert f"{base}/check" == response.headers["Location"]
    status, _, headers = await page_of(member, f"{base}/work")
    assert (303, f"{base}/start") == (status, headers["Location"])


async def test_an_import_of_a_list_has_a_page_and_can_be_given_up(member: Client, monkeypatch: Any) -> None:
    """Then there is no list, and the form is as it was; the next one leads to its list."""
    numbers = "\n".join(["number,name", *(f"+49151{n:08},P{n}" for n in range(1_200))])
    gate = Gate(monkeypatch, Stage.STORING, 500)
    entered = {"name": "Patients", "numbers": numbers, "key": "k"}
    response = await submit(member, "/app/lists/new", **entered)
    at = response.headers["Location"]
    assert 303 == response.status and at.startswith("/app/lists/imports/")
    assert await asyncio.to_thread(gate.there.wait, 20)
    status, text, headers = await page_of(member, at)
    assert (200, "1") == (status, headers["Refresh"])
    assert "Patients" in text and "Rows stored: <b>500</b> / 1,200" in text and "<button>Cancel</button>" in text
    assert at == (await submit(member, at)).headers["Location"]
    gate.go_on.set()
    status, text, _ = await ended(member, at)
    assert 422 == status and "Cancelled: nothing was changed." in text and 'value="Patients"' in text
    assert (0, 0) == (ContactList.select().count(), ListEntry.select().count())
    assert "/app/lists" == (await page_of(member, at))[2]["Location"]

    monkeypatch.setattr(working, "PATIENCE_S", 0.0)
    at = (await submit(member, "/app/lists/new", **entered)).headers["Location"]
    status, _, headers = await ended(member, at)
    assert (303, "/app/lists/1?added=1200") == (status, headers["Location"])
    at = (await submit(member, "/app/lists/1/add", numbers="12")).headers["Location"]
    status, text, _ = await ended(member, at)
    assert 422 == status and "12</textarea>" in text and "Patients" in text


async def given_up_too_late(member: Client, monkeypatch: Any, path: str, form: dict[str, str]) -> str:
    """Of 1,200 rows 500 are stored when somebody cancels a form that no longer offers it; where it leads in the end."""
    gate = Gate(monkeypatch, Stage.STORING, 500, "settled")
    at = (await submit(member, path, **form)).headers["Location"]
    assert await asyncio.to_thread(gate.there.wait, 20)
    text = (await page_of(member, at))[1]
    assert "Rows stored: <b>500</b> / 1,200" in text and "<button>Cancel</button>" not in text
    await submit(member, at)
    gate.go_on.set()
    status, _, headers = await ended(member, at)
    assert 303 == status
    return headers["Location"]


async def test_an_import_of_suppressions_can_be_given_up_until_somebody_is_on_the_list(
    member: Client, monkeypatch: Any
) -> None:
    """From then on it goes on to its end, and there is no button that says otherwise."""
    form = {"numbers": "\n".join(f"+49151{n:08}" for n in range(1_200)), "why": "asked us"}
    gate = Gate(monkeypatch, Stage.STORING, 0)
    at = (await submit(member, "/app/suppressions/import", **form)).headers["Location"]
    assert await asyncio.to_thread(gate.there.wait, 20)
    await submit(member, at)
    gate.go_on.set()
    status, text, _ = await ended(member, at)
    assert 422 == status and "Cancelled: nothing was changed." in text and 'value="asked us"' in text
    assert 0 == Suppression.select().count()

    assert "imported=1200" in await given_up_too_late(member, monkeypatch, "/app/suppressions/import", form)
    assert 1_200 == Suppression.select().count()


async def test_adding_to_a_list_can_be_given_up_until_somebody_is_on_it(member: Client, monkeypatch: Any) -> None:
    """From then on it goes on to its end: it is not said that nothing was changed."""
    lists.create_list("Patients", importer.ContactList(), clock.now_ms())
    form = {"numbers": "\n".join(f"+49151{n:08}" for n in range(1_200))}
    assert "/app/lists/1?added=1200" == await given_up_too_late(member, monkeypatch, "/app/lists/1/add", form)
    assert 1_200 == ListEntry.select().count()
