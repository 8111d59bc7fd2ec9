"""A person watches, searches, steers and exports a campaign in a real Chromium; what is sent is said by the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon.accounts import directory, pace, pacing
from daemon.campaigns import create, drafts, lifecycle, scheduling
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.models import Draft, Job, Message
from daemon.states import AccountState, Ack
from daemon.transports.protocol import Health, Mark, Receipt
from tests.support.axe import violations
from tests.support.visitor import Instance, Visitor

READY = Health(AccountState.READY)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """http alone: the test moves the messages."""
    settings = {"delay_min": 0, "delay_max": 0, "long_pause_every": 0, "log_level": "warning"}
    with Instance(tmp_path_factory.mktemp("job"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Visitor]:
    """One Chromium for all tests of this file."""
    with Visitor(instance) as visitor:
        yield visitor


@pytest.fixture
def visitor(browser: Visitor, instance: Instance) -> Iterator[Visitor]:
    """Logged in, with an account that can send; a script error or a blocked resource fails the test."""
    Job.update(state="stopped").execute()
    instance.report(READY)
    browser.size(1200, 900)
    browser.log_in()
    browser.driver.get_log("browser")
    yield browser
    said = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert [] == [line for line in said if "status of 4" not in line and "ERR_" not in line]


@pytest.fixture
def settings(instance: Instance) -> Settings:
    """What the running process was started with, as far as a job needs it."""
    return Settings(_env_file=None, data_dir=instance.folder / "data", delay_min=0, delay_max=0, long_pause_every=0)


def make_job(settings: Settings, count: int = 3, **order: Any) -> int:
    people = [{"number": f"+491511{n:07}", "name": f"Person {n}"} for n in range(count)]
    given = {"text": "Hi {{ name }}", "recipients": people, "name": "Greeting"} | order
    return int(create.create(settings, Order(**given), "test", clock.now_ms()).job_id)


def take() -> Message:
    now = clock.now_ms()
    (message,) = claim.claim("default", 1, now, 60_000, pacing.Rules())
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    return message


def send(count: int = 1) -> None:
    for _ in range(count):
        moves.confirm(take(), Receipt("id", Ack.SENT), clock.now_ms())


def fail(why: str = "This number is not on WhatsApp.") -> Message:
    moves.fail(message := take(), why, clock.now_ms())
    return message


def lose() -> Message:
    moves.lose(message := take(), "the chat could not be read", clock.now_ms())
    return message


def people(visitor: Visitor) -> list[str]:
    """Whom the table shows."""
    return visitor.texts("#recipients .person b")


def marked(visitor: Visitor) -> None:
    """Leave a sign in the page that a reload would wipe away."""
    visitor.driver.execute_script("window.same = true")


def is_the_same_page(visitor: Visitor) -> bool:
    return bool(visitor.driver.execute_script("return window.same === true"))


def test_progress_is_seen_without_a_reload(visitor: Visitor, settings: Settings) -> None:
    """Bar, numbers, rates, chart, rows and the next message, each as it happens; a table that is open stays open."""
    job_id = make_job(settings, 10)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#course", "Nothing has been sent yet.")
    marked(visitor)

    send(2)
    visitor.reads("#summary", "2 of 10 done")
    visitor.find("#course-table summary").click()
    fail()
    visitor.reads("#summary", "3 of 10 done")
    visitor.reads("#rate-now", "a minute")
    visitor.reads("#recipients", "failed 1")
    visitor.find("#course-table td")
    drawn = visitor.read_all(".chart path", lambda each: each.get_attribute("class"))
    assert ["out", "failed"] == drawn
    now = clock.now_ms()
    pace.set_pace("default", now, pacing.Gap(90_000, pacing.Why.LONG_PAUSE, 0))
    visitor.reads("#next", "long pause")
    visitor.reads("#next", "(in 8")
    pace.set_pace("default", now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    send(7)
    visitor.reads("#summary .chip", "completed")
    assert is_the_same_page(visitor)


def test_a_page_keeps_its_place_while_things_move(visitor: Visitor, settings: Settings) -> None:
    """The second page stays the second page, what is typed stays typed, and the focus stays where it is."""
    job_id = make_job(settings, 120)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.find("#recipients a[rel=next]").click()
    visitor.until(lambda: people(visitor)[:1] == ["Person 50"])
    field = visitor.find("#search")
    field.send_keys("Person")
    marked(visitor)

    send(3)
    visitor.reads("#summary", "3 of 120 done")

    assert is_the_same_page(visitor)
    assert "Person 50" == people(visitor)[0]
    assert "Person" == field.get_attribute("value")
    assert field == visitor.driver.switch_to.active_element

    job_id = make_job(settings, schedule_at=clock.now_ms() + 3_600_000)
    visitor.open(f"/app/jobs/{job_id}")
    edit = visitor.find("#scheduled form[action$=edit] button")  # of a form with a field called id
    visitor.driver.execute_script("document.querySelector('#scheduled form[action$=edit] button').focus()")
    at = "return document.getElementById('move-at').value"
    before = visitor.driver.execute_script(at)
    scheduling.move(job_id, clock.now_ms() + 7_200_000, "test", clock.now_ms())
    visitor.until(lambda: visitor.driver.execute_script(at) != before)
    assert edit == visitor.driver.switch_to.active_element


def test_an_old_campaign_is_live_as_well(visitor: Visitor, settings: Settings) -> None:
    """However many there are after it."""
    job_id = make_job(settings, 1)
    for _ in range(55):
        make_job(settings, 1)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#summary .chip", "pending")
    lifecycle.pause(job_id, "test", clock.now_ms())
    visitor.reads("#summary .chip", "paused", 5)


def test_what_happens_to_others_does_not_stir_the_page(visitor: Visitor, settings: Settings) -> None:
    """It is fetched again for its own campaign and account only."""
    job_id, other = make_job(settings), make_job(settings)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#summary .chip", "pending")
    fetched = f"return performance.getEntriesByName(location.origin + '/app/jobs/{job_id}').length"
    lifecycle.pause(job_id, "test", clock.now_ms())
    visitor.reads("#summary .chip", "paused")
    before = visitor.until(lambda: visitor.driver.execute_script(fetched))
    lifecycle.pause(other, "test", clock.now_ms())
    directory.open_account("second", clock.now_ms())
    lifecycle.resume(job_id, "test", clock.now_ms())
    visitor.reads("#summary .chip", "running")

    # One for the resumption (it may be told twice: the state, and then what it waits for), none for the rest.
    assert 1 <= visitor.driver.execute_script(fetched) - before <= 2


def test_a_lost_connection_is_told_and_nothing_is_missed(
    visitor: Visitor, instance: Instance, settings: Settings
) -> None:
    """The server goes, things change, it comes back: the page knows all of it, without a reload."""
    job_id = make_job(settings, 5)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#summary .chip", "pending")
    marked(visitor)
    instance.stop("http")
    visitor.reads("#connection", "Connection lost")
    send(2)
    lose()
    lifecycle.pause(job_id, "test", clock.now_ms())
    visitor.press("Pause")
    visitor.reads("#action-error", "cannot be reached")
    instance.start("http")

    visitor.gone("#connection")
    visitor.reads("#summary .chip", "paused")
    visitor.reads("#summary", "3 of 5 done")
    visitor.reads("#summary", "1 message needs your decision")
    assert is_the_same_page(visitor)


def test_recipients_are_found_filtered_and_leafed_through(visitor: Visitor, settings: Settings) -> None:
    """By number and name, by state, forward and back; the address holds it all, so Back works."""
    job_id = make_job(settings, 130)
    for _ in range(3):
        fail()
    visitor.open(f"/app/jobs/{job_id}")
    visitor.find("#search").send_keys("0151 1000 0127", Keys.ENTER)
    visitor.until(lambda: people(visitor) == ["Person 127"])
    visitor.driver.back()
    visitor.until(lambda: len(people(visitor)) == 50)
    visitor.find("#search").send_keys("person 1", Keys.ENTER)
    visitor.reads("#recipients [role=status]", "recipients found for “person 1”")
    visitor.find("#filter-failed").click()
    visitor.until(lambda: people(visitor) == ["Person 1"])
    assert "person 1" == visitor.find("#search").get_attribute("value")
    visitor.find("form.find a").click()
    visitor.until(lambda: people(visitor) == ["Person 0", "Person 1", "Person 2"])

    visitor.open(f"/app/jobs/{job_id}?state=pending")
    visitor.find("#recipients a[rel=next]").click()
    visitor.until(lambda: people(visitor)[:1] == ["Person 53"])
    visitor.find("#recipients a[rel=next]").click()
    visitor.until(lambda: people(visitor)[:1] == ["Person 103"])
    visitor.find("#recipients a[rel=prev]").click()
    visitor.until(lambda: people(visitor)[:1] == ["Person 53"])
    visitor.reads("#recipients .where", "rows 53 to 102 of the file")


def test_pause_resume_and_stop_say_what_they_do(visitor: Visitor, settings: Settings) -> None:
    """How many are cancelled is said before; Escape is no yes."""
    job_id = make_job(settings, 4)
    send(1)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.press("Pause")
    visitor.reads("#summary .chip", "paused")
    visitor.press("Resume")
    visitor.reads("#summary .chip", "running")
    visitor.press("Stop")
    assert "3 queued messages will be cancelled. This cannot be undone" in visitor.find("#ask-more").text
    visitor.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    visitor.gone("#ask")
    assert "running" == Job.get_by_id(job_id).state
    visitor.press("Stop")
    visitor.press("Stop permanently", "#ask")
    visitor.reads("#summary .chip", "stopped")
    visitor.gone("#actions [data-post]")
    assert ["Archive"] == visitor.texts("#actions button")


def test_failed_ones_are_sent_again_all_or_those_found(visitor: Visitor, settings: Settings) -> None:
    """The question says how many."""
    job_id = make_job(settings, 3)
    for _ in range(3):
        fail()
    visitor.open(f"/app/jobs/{job_id}?search=person+2")
    visitor.press("Retry 1 failed message")
    assert "Retry 1 failed message found for “person 2”?" == visitor.find("#ask-question").text
    visitor.press("Send again", "#ask")
    visitor.reads("#summary", "2 of 3 done")
    assert (1, 2) == (Job.get_by_id(job_id).pending, Job.get_by_id(job_id).failed)
    visitor.press("Retry failed")
    assert "Retry 2 failed messages?" == visitor.find("#ask-question").text
    visitor.press("Send again", "#ask")
    visitor.reads("#summary", "0 of 3 done")


def test_an_uncertain_one_is_decided_on_from_the_campaign(visitor: Visitor, settings: Settings) -> None:
    """The page leads to those of this campaign; the answer is seen there and here."""
    job_id, other = make_job(settings, 1), make_job(settings, 1)
    lose()
    lose()
    visitor.open(f"/app/jobs/{job_id}")
    visitor.find("#summary .note a").click()
    visitor.reads("main", "Only those of Greeting are shown.")
    assert 1 == len(visitor.driver.find_elements(By.CSS_SELECTOR, "#cases .case"))
    visitor.press("It was sent", "#cases")
    visitor.press("It was sent", "#ask")
    visitor.reads("#cases", "Nothing to decide")
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#summary b", "1 sent")
    assert (1, 1) == (Job.get_by_id(job_id).sent, Job.get_by_id(other).uncertain)


def test_a_history_leads_on_to_the_next_recipient(visitor: Visitor, settings: Settings) -> None:
    """In a dialog on the campaign's page, and as a page of its own that stays true."""
    job_id = make_job(settings, 3)
    message = fail()
    visitor.open(f"/app/jobs/{job_id}?state=failed")
    visitor.find("#recipients .more a").click()
    visitor.reads("#details", "failed permanently by the sender")
    visitor.press("Close", "#details")
    visitor.open(f"/app/messages/{message.id}")
    visitor.find("a[rel=next]").click()
    visitor.reads("h1", "Person 1")
    visitor.reads("#message .chip", "pending")
    send(1)
    visitor.reads("#message", "WhatsApp's server has it by the sender")


def test_a_campaign_is_cloned_into_a_draft(visitor: Visitor, settings: Settings) -> None:
    """For those who failed, also when other groups come and go meanwhile; once however often it is clicked."""
    job_id = make_job(settings, 3)
    send(2)
    before = Draft.select().count()
    visitor.open(f"/app/jobs/{job_id}")
    visitor.find("#clone-people option[value=unread]").click()
    fail()
    visitor.find("#clone-people option[value=failed]")
    assert "unread" == visitor.find("#clone-people").get_attribute("value")
    visitor.find("#clone-people option[value=failed]").click()
    visitor.driver.execute_script("const b = document.querySelector('#clone button'); b.click(); b.click()")
    visitor.until(lambda: visitor.path().startswith("/app/drafts/"))

    assert "Hi {{ name }}" == visitor.find("#text").get_attribute("value")
    assert 1 == Draft.select().count() - before
    rows = [[row.position, row.cells] for row in drafts.rows(drafts.find(visitor.path().split("/")[3]))]
    assert "Person 2" in str(rows)
    assert "Person 1" not in str(rows)
    assert 3 == Job.get_by_id(job_id).total


def test_a_spreadsheet_is_downloaded_and_read(visitor: Visitor, settings: Settings) -> None:
    """Of everybody, and of those selected; a name that looks like a formula is a text."""
    people = [{"number": f"+491511{n:07}", "name": name} for n, name in enumerate(["=1+1", "Ada", "@home"])]
    job_id = make_job(settings, recipients=people)
    fail("=SUM(A1) is no reason.")
    visitor.open(f"/app/jobs/{job_id}")
    visitor.link("Download the report (Excel)").click()
    rows = read(visitor, f"job-{job_id}-report.xlsx")
    assert ["=1+1", "Ada", "@home"] == [row["name"].value for row in rows]
    assert {"s"} == {row[title].data_type for row in rows for title in ("name", "number", "state")}
    assert "=SUM(A1) is no reason." == rows[0]["reason"].value
    visitor.find("#filter-pending").click()
    visitor.find("#filter-pending[aria-current]")
    visitor.link("Download these (Excel)").click()
    assert ["Ada", "@home"] == [row["name"].value for row in read(visitor, f"job-{job_id}-pending.xlsx")]


def read(visitor: Visitor, name: str) -> list[dict[str, Any]]:
    """The cells of a downloaded spreadsheet, by their titles."""
    file: Path = visitor.downloads / name
    visitor.until(file.exists)
    sheet = openpyxl.load_workbook(file).active
    assert sheet is not None
    head, *rows = list(sheet.iter_rows())
    return [{str(title.value): cell for title, cell in zip(head, row, strict=True)} for row in rows]


def test_the_keyboard_alone_steers_a_campaign(visitor: Visitor, settings: Settings) -> None:
    """From the search to a history and back, and a stop that asks; the focus is always seen."""
    job_id = make_job(settings, 3)
    visitor.open(f"/app/jobs/{job_id}")
    walk(visitor, "Pause")
    press(visitor, Keys.SPACE)
    visitor.reads("#summary .chip", "paused")
    walk(visitor, "Stop")
    press(visitor, Keys.ENTER)
    visitor.find("#ask")
    walk(visitor, "Stop permanently")
    press(visitor, Keys.ENTER)
    visitor.reads("#summary .chip", "stopped")
    visitor.driver.execute_script("document.getElementById('search').focus()")
    press(visitor, "person 2")
    press(visitor, Keys.ENTER)
    visitor.until(lambda: people(visitor) == ["Person 2"])
    walk(visitor, "Details")
    press(visitor, Keys.ENTER)
    visitor.reads("#details", "What happened")
    press(visitor, Keys.ESCAPE)
    visitor.gone("#details")
    assert "Details" == visitor.driver.switch_to.active_element.text


def press(visitor: Visitor, keys: str) -> None:
    visitor.driver.switch_to.active_element.send_keys(keys)


def walk(visitor: Visitor, words: str) -> None:
    """Tab on until the focus is on what has these words."""
    for _ in range(80):
        press(visitor, Keys.TAB)
        active = visitor.driver.switch_to.active_element
        if active.text == words:
            outline = "return getComputedStyle(document.activeElement).outlineStyle"
            assert "solid" == visitor.driver.execute_script(outline)
            return
    pytest.fail(f"Tab does not lead to {words}")


def test_two_tabs_tell_the_same(visitor: Visitor, settings: Settings) -> None:
    """What is done in one is seen in the other; what came too late says why."""
    job_id = make_job(settings, 3)
    visitor.open(f"/app/jobs/{job_id}")
    first = visitor.driver.current_window_handle
    visitor.driver.switch_to.new_window("tab")
    second = visitor.driver.current_window_handle
    try:
        visitor.open(f"/app/jobs/{job_id}")
        visitor.press("Pause")
        visitor.reads("#summary .chip", "paused")
        visitor.driver.switch_to.window(first)
        visitor.reads("#summary .chip", "paused")
        visitor.press("Stop")
        visitor.press("Stop permanently", "#ask")
        visitor.reads("#summary .chip", "stopped")
        visitor.driver.switch_to.window(second)
        visitor.reads("#summary .chip", "stopped")
        visitor.driver.execute_script(
            "const form = document.createElement('form'); const it = document.createElement('button');"
            "it.dataset.post = arguments[0]; form.append(it);"
            "document.querySelector('#actions').append(form); it.click()",
            f"/resume/{job_id}",
        )
        visitor.reads("#action-error", "a stopped job stays stopped")
    finally:
        visitor.driver.switch_to.window(second)
        visitor.driver.close()
        visitor.driver.switch_to.window(first)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_phone_is_wide_enough(visitor: Visitor, settings: Settings, language: str) -> None:
    """360 px, with long names, a search, a chart and its table, from the left and from the right."""
    people = [{"number": f"+491511{n:07}", "name": "Someone" * 12} for n in range(60)]
    job_id = make_job(settings, recipients=people, name="Verylongwordwithoutanyspace" * 4)
    send(3)
    message = fail("Averylongreasonwithoutaspace" * 5)
    visitor.size(360, 740)
    visitor.driver.add_cookie({"name": "wasender_language", "value": language, "path": "/"})
    try:
        for path in ("", "?search=someone&state=failed", "?search=nobody"):
            visitor.open(f"/app/jobs/{job_id}{path}")
            visitor.find("#course-table summary").click()
            assert (path, 360) == (path, width(visitor))
        for path in (f"/app/messages/{message.id}", f"/app/decisions?job={job_id}", "/app"):
            visitor.open(path)
            assert (path, 360) == (path, width(visitor))
    finally:
        visitor.driver.delete_cookie("wasender_language")


def width(visitor: Visitor) -> int:
    return int(visitor.driver.execute_script("return document.documentElement.scrollWidth"))


def test_nothing_stands_in_the_way_of_a_screen_reader(visitor: Visitor, settings: Settings) -> None:
    """axe-core finds nothing wrong with the campaign, a search, a history or the decisions; in both schemes."""
    job_id = make_job(settings, 60)
    send(2)
    message = fail()
    lose()
    for path in (
        f"/app/jobs/{job_id}",
        f"/app/jobs/{job_id}?search=person+2&state=failed",
        f"/app/messages/{message.id}",
        f"/app/decisions?job={job_id}",
        "/app",
    ):
        visitor.open(path)
        visitor.find("main h1, main h2")
        assert (path, []) == (path, violations(visitor))
