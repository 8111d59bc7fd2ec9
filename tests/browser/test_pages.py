"""The web page in a real Chromium, against real processes that send nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon.accounts import limits, pacing
from daemon.campaigns import create, lifecycle
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.models import Job, Message
from daemon.states import AccountState
from daemon.transports.protocol import Health, Mark
from tests.support.visitor import Instance, Visitor

SAMPLE = Path(__file__).parents[2] / "standin" / "sample"
QR = "2@a-code-that-links-nothing"
READY = Health(AccountState.READY)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """http alone; a test that wants something sent starts the sender."""
    settings = {"delay_min": 0, "delay_max": 0, "long_pause_every": 0, "log_level": "warning"}
    with Instance(tmp_path_factory.mktemp("pages"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Visitor]:
    """One Chromium for all tests of this file."""
    with Visitor(instance) as visitor:
        yield visitor


@pytest.fixture
def visitor(browser: Visitor) -> Iterator[Visitor]:
    """Logged in, at a desk; a script error or a blocked resource fails the test."""
    browser.size(1200, 900)
    browser.log_in()
    browser.driver.get_log("browser")
    yield browser
    said = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert [] == [line for line in said if "status of 4" not in line and "ERR_" not in line]


@pytest.fixture
def sender(instance: Instance) -> Iterator[None]:
    """The sender runs during the test."""
    instance.start("sender")
    yield
    instance.stop("sender")


@pytest.fixture
def settings(instance: Instance) -> Settings:
    """What the running processes were started with, as far as a job needs it."""
    return Settings(_env_file=None, data_dir=instance.folder / "data", delay_min=0, delay_max=0, long_pause_every=0)


def contacts(count: int, name: str = "Person") -> list[dict[str, object]]:
    return [{"number": f"+491511{n:07}", "name": f"{name} {n}"} for n in range(count)]


def make_job(settings: Settings, count: int = 3, **order: object) -> int:
    given = {"text": "Hi {{ name }}", "recipients": contacts(count), "name": "Greeting"} | order
    return int(create.create(settings, Order(**given), "test", clock.now_ms()).job_id)  # type: ignore[arg-type]


def test_pause_resume_and_stop(visitor: Visitor, instance: Instance, settings: Settings) -> None:
    """Only what is possible is there; stopping asks first."""
    instance.report(READY)
    job_id = make_job(settings)
    visitor.open(f"/app/jobs/{job_id}")
    assert ["Pause", "Stop"] == visitor.texts("#actions button")
    visitor.press("Pause")
    visitor.reads("#summary .chip", "paused")
    assert ["Resume", "Stop"] == visitor.texts("#actions button")
    visitor.press("Resume")
    visitor.reads("#summary .chip", "running")
    visitor.press("Stop")
    assert "cannot be undone" in visitor.find("#ask-more").text
    visitor.press("Cancel", "#ask")
    assert "running" == visitor.text("#summary .chip")
    visitor.press("Stop")
    visitor.press("Stop permanently", "#ask")
    visitor.reads("#summary .chip", "stopped")
    visitor.reads("#recipients", "cancelled 3")
    visitor.gone("#actions [data-post]")
    assert ["Archive"] == visitor.texts("#actions button")


def test_what_is_refused_says_why(visitor: Visitor, settings: Settings) -> None:
    """A button that came too late shows the server's sentence."""
    job_id = make_job(settings)
    visitor.open(f"/app/jobs/{job_id}")
    # In one go: an update of the page would remove it again.
    visitor.driver.execute_script(
        "const it = document.querySelector('#do-pause'); it.dataset.post = arguments[0]; it.click()",
        f"/resume/{job_id}",
    )

    visitor.reads("#action-error", "so you cannot resume it")


def test_rows_move_without_losing_the_place(visitor: Visitor, instance: Instance, settings: Settings) -> None:
    """A change elsewhere reaches the open page: what is read stays where it is to be seen, and keeps the focus."""
    instance.report(READY)
    job_id = make_job(settings, 40)
    visitor.open(f"/app/jobs/{job_id}")
    row = Message.select().where(Message.job == job_id).order_by(Message.id.desc()).first()
    link = visitor.find(f"#message-{row.id} a")
    visitor.driver.execute_script("arguments[0].focus(); arguments[0].scrollIntoView()", link.now)
    top = "return Math.round(arguments[0].getBoundingClientRect().top)"
    place = visitor.driver.execute_script(top, link.now)
    lifecycle.stop(job_id, "test", clock.now_ms())

    visitor.reads(f"#message-{row.id}", "cancelled")
    visitor.find(".chart")  # it has grown above
    assert abs(place - visitor.driver.execute_script(top, link.now)) <= 1
    assert link == visitor.driver.switch_to.active_element


def test_recipients_by_state_and_their_history(visitor: Visitor, settings: Settings) -> None:
    """A filter, and what happened to one person, in a dialog that the keyboard closes."""
    job_id = make_job(settings)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.find("#filter-pending").click()
    visitor.until(lambda: "state=pending" in visitor.path())
    visitor.find("#recipients .more a").click()
    visitor.reads("#details", "What happened")
    assert "Person 0" in visitor.text("#details")
    visitor.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    visitor.gone("#details")


@pytest.mark.parametrize(("answer", "state"), [("It was sent", "sent"), ("Send again", "pending")])
def test_an_uncertain_message_is_decided(
    visitor: Visitor, instance: Instance, settings: Settings, answer: str, state: str
) -> None:
    """A person says what became of it, after a question."""
    instance.report(READY)
    now = clock.now_ms()
    Job.update(state="stopped").execute()
    job_id = make_job(settings, 1)
    (message,) = claim.claim("default", 1, now, 60_000, limits.rules(settings))
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    moves.lose(message, "the chat could not be read", now)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#summary", "1 message needs your decision")
    visitor.press(answer, ".rows")
    visitor.press(answer, "#ask")

    visitor.reads(f"#message-{message.id} .chip", state)
    assert state == Message.get_by_id(message.id).state


def test_the_qr_code_comes_turns_and_goes(visitor: Visitor, instance: Instance, settings: Settings) -> None:
    """Shown while the account needs it, another one when it rotates, gone when the phone has linked."""
    job_id = make_job(settings)
    instance.report(Health(AccountState.NEEDS_LINK, qr=QR))
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#summary", "scan the QR code with the phone")
    visitor.open("/app")
    first = visitor.find("img.qr").get_attribute("src")
    drawn = "return document.querySelector('img.qr').naturalWidth"
    visitor.until(lambda: visitor.driver.execute_script(drawn) > 100)
    assert "Linked devices" in visitor.text("#accounts")
    instance.report(Health(AccountState.NEEDS_LINK, qr=QR + "2"))
    visitor.until(lambda: visitor.find("img.qr").get_attribute("src") != first)
    instance.report(READY)

    visitor.gone("img.qr")
    visitor.reads("#accounts", "Linked and ready to send")


def test_a_script_in_a_name_does_not_run(visitor: Visitor, settings: Settings) -> None:
    """Neither in the list, nor in the table or the details."""
    evil = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
    hit = "return [window.hit, document.querySelectorAll('main img').length]"
    people = [{"number": "+493023125001", "name": evil}]
    job_id = make_job(settings, text=evil, recipients=people, name=evil)
    visitor.open("/app")
    assert evil == visitor.text(f"#job-{job_id} a")
    visitor.open(f"/app/jobs/{job_id}")
    assert evil in visitor.text("#recipients")
    visitor.find("#recipients .more a").click()
    visitor.reads("#details", evil)
    assert [None, 0] == visitor.driver.execute_script(hit)


def test_a_phone_needs_no_sideways_scrolling(visitor: Visitor, settings: Settings) -> None:
    """360 px are enough, also for long names."""
    job_id = make_job(settings, name="Verylongwordwithoutanyspace" * 4, recipients=contacts(3, "Someone" * 12))
    message = Message.get(Message.job == job_id)
    visitor.size(360, 740)
    for path in ("/app", "/app/new", f"/app/jobs/{job_id}", f"/app/messages/{message.id}", "/app/nowhere"):
        visitor.open(path)
        width = visitor.driver.execute_script("return document.documentElement.scrollWidth")
        assert (path, 360) == (path, width)


def test_the_keyboard_alone_is_enough(visitor: Visitor) -> None:
    """Tab reaches the content past the navigation, and the focus is seen."""
    visitor.open("/app")
    body = visitor.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    active = visitor.driver.switch_to.active_element
    assert "Skip to content" == active.text
    active.send_keys(Keys.ENTER)
    assert "main" == visitor.driver.switch_to.active_element.get_attribute("id")
    visitor.driver.switch_to.active_element.send_keys(Keys.TAB)
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert "solid" == visitor.driver.execute_script(outline)


def test_keys_lead_to_where_one_goes_most(visitor: Visitor, settings: Settings) -> None:
    """And mean nothing while somebody types, or with a key held that belongs to the browser."""
    job_id = make_job(settings)
    visitor.open(f"/app/jobs/{job_id}")
    body = visitor.find("body")
    body.send_keys("/")
    search = visitor.find("#search")
    assert search == visitor.driver.switch_to.active_element
    search.send_keys("n?/")
    assert "n?/" == search.get_attribute("value") and visitor.path() == f"/app/jobs/{job_id}"
    visitor.find("[data-keys]").click()
    assert "New campaign" in visitor.find("#keys").text
    visitor.find("#keys button").click()
    visitor.gone("#keys")
    body.send_keys("?")
    visitor.find("#keys").send_keys("n", Keys.ESCAPE)
    visitor.gone("#keys")
    body.send_keys(Keys.CONTROL, "n")
    assert visitor.path() == f"/app/jobs/{job_id}"
    body.send_keys("n")
    visitor.until(lambda: visitor.path() == "/app/new")


def test_a_phone_without_script_has_a_menu(visitor: Visitor, settings: Settings) -> None:
    """Four entries and all the others behind a fifth; what only a script can do is not shown, which is said;
    the other buttons do what they say, and ask on a page of their own."""
    job_id = make_job(settings)
    visitor.size(360, 740)
    visitor.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        visitor.open("/app")
        shown = [link.text for link in visitor.driver.find_elements(By.CSS_SELECTOR, ".short > a")]
        assert ["Campaigns", "New", "Decide", "Replies"] == [text.split("\n")[0] for text in shown]
        assert not visitor.driver.find_element(By.CSS_SELECTOR, "[data-keys]").is_displayed()
        visitor.open(f"/app/jobs/{job_id}")
        visitor.reads("#main", "JavaScript is off")
        visitor.press("Pause")
        visitor.reads("#summary .chip", "paused")
        visitor.press("Stop")
        visitor.reads("h1", "Stop this campaign permanently?")
        visitor.link("Cancel").click()
        visitor.reads("#summary .chip", "paused")
        visitor.find("#menu summary").click()
        visitor.find("#menu a[href='/app/suppressions']").click()
        assert "/app/suppressions" == visitor.path()
    finally:
        visitor.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_lost_connection_is_said_and_mended(visitor: Visitor, instance: Instance, settings: Settings) -> None:
    """The process ends although a page listens; the page waits, and knows all when it is back."""
    instance.report(READY)
    job_id = make_job(settings)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#summary .chip", "pending")
    instance.stop("http")
    visitor.find("#connection")
    lifecycle.pause(job_id, "test", clock.now_ms())
    instance.start("http")

    visitor.gone("#connection")
    visitor.reads("#summary .chip", "paused")


def test_logging_out(visitor: Visitor) -> None:
    """The last thing one does; a page that is opened later asks for the key and leads back."""
    visitor.open("/app/templates")  # where nothing moves while it is pressed
    visitor.press("Log out")
    visitor.until(lambda: visitor.path() == "/app/login")
    visitor.open("/app/new")
    visitor.find("#key").send_keys("wrong", Keys.ENTER)
    assert "Wrong API key" in visitor.find("#key-error").text
    visitor.find("#key").send_keys("a-key-for-tests-0123456789", Keys.ENTER)
    visitor.until(lambda: visitor.path() == "/app/new")
