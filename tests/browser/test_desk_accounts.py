"""A person links, watches, limits and logs out accounts: a real Chromium at the page, another one at the stand-in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys

from daemon.accounts import directory, limits
from daemon.db import clock
from daemon.models import Account, Picture
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health
from standin.client import StandIn
from tests.support.driving import QUICK
from tests.support.visitor import Instance, Visitor

OURS = "+49 1511 2345678"
SLOW_S = 40.0  # a browser of the sender's has to start first
CARD = "#account-default"


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Nothing has linked it."""
    with StandIn.start(tmp_path_factory.mktemp("standin"), **QUICK | {"linked": False}) as running:
        yield running


@pytest.fixture(scope="module")
def instance(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """http, and a sender with its Chrome on the stand-in."""
    settings = {
        "delay_min": 0,
        "delay_max": 0,
        "long_pause_every": 0,
        "log_level": "debug",
        "quiet_hours": "03:00-03:01",
    }
    folder = tmp_path_factory.mktemp("desk")
    with Instance(folder, transport="browser", whatsapp_url=standin.url, **settings) as running:
        running.start("sender")
        yield running


@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Visitor]:
    """One Chromium for all tests of this file."""
    with Visitor(instance) as visitor:
        yield visitor


@pytest.fixture
def visitor(browser: Visitor, standin: StandIn) -> Iterator[Visitor]:
    """Logged in, before an account that no phone has linked; a script error fails the test."""
    browser.size(1200, 900)
    browser.log_in()
    standin.logout()
    browser.open("/app/accounts")
    browser.reads(f"{CARD} .chip", "needs link", SLOW_S)
    browser.driver.get_log("browser")
    yield browser
    said = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert [] == [line for line in said if "status of 4" not in line and "ERR_" not in line]


def shown_code(visitor: Visitor) -> str:
    visitor.find(f"{CARD} .pairing b", SLOW_S)
    return "".join(visitor.texts(f"{CARD} .pairing b"))


def is_ready(visitor: Visitor) -> None:
    visitor.reads(f"{CARD} .chip", "ready", SLOW_S)


def make_ready(visitor: Visitor, standin: StandIn) -> None:
    visitor.find(f"{CARD} img.qr", SLOW_S)
    standin.scan()
    is_ready(visitor)


def test_a_person_links_by_the_qr_code(visitor: Visitor, standin: StandIn) -> None:
    """It is drawn anew when WhatsApp changes it, and goes when the phone has scanned it; without a reload."""
    drawn = "return document.querySelector('img.qr').naturalWidth"
    first = visitor.find(f"{CARD} img.qr", SLOW_S).get_attribute("src")
    visitor.until(lambda: visitor.driver.execute_script(drawn) > 100)
    standin.set(qr_first_ms=400, qr_next_ms=20_000)
    standin.reload()
    visitor.until(lambda: visitor.find(f"{CARD} img.qr").get_attribute("src") != first, SLOW_S)
    standin.scan()
    is_ready(visitor)
    visitor.gone(f"{CARD} img.qr")
    standin.set(qr_first_ms=60_000)


def test_a_person_links_by_a_code(visitor: Visitor, standin: StandIn, instance: Instance) -> None:
    """Number, code, phone; all by the keyboard. The code is in no log and not in the database afterwards."""
    field = visitor.find("#number-default", SLOW_S)
    field.send_keys("123", Keys.ENTER)
    visitor.reads("#link-error-default", "too short")
    assert "123" == visitor.find("#number-default").get_attribute("value")
    assert visitor.find("#number-default") == visitor.driver.switch_to.active_element
    visitor.driver.switch_to.active_element.send_keys(Keys.CONTROL, "a")
    visitor.driver.switch_to.active_element.send_keys(OURS, Keys.ENTER)

    code = shown_code(visitor)

    assert re.fullmatch(r"[0-9A-F]{8}", code)
    assert "Link with phone number instead" in visitor.text(CARD)
    assert "shown since" in visitor.text(CARD)
    assert standin.enter(code)
    is_ready(visitor)
    visitor.gone(".pairing")
    stored = Account.get_by_id("default")
    assert (None, None, None) == (stored.link_code, stored.link_number, stored.qr)
    logs = "".join(path.read_text() for path in instance.folder.glob("*.log"))
    assert "page.code_asked" in logs
    assert not [secret for secret in (code, OURS.replace(" ", ""), "15112345678", "data-ref") if secret in logs]


def test_the_way_back_to_the_qr_code(visitor: Visitor) -> None:
    """A code that is not wanted gives way."""
    visitor.find("#number-default", SLOW_S).send_keys(OURS, Keys.ENTER)
    shown_code(visitor)
    visitor.press("Use the QR code instead", CARD)
    visitor.find(f"{CARD} img.qr", SLOW_S)
    visitor.gone(".pairing")


def test_a_picture_of_the_browser(visitor: Visitor) -> None:
    """Asked for with a button; it appears by itself, with its time."""
    visitor.press("Screenshot of the browser", CARD)
    visitor.find(f"{CARD} img.screenshot", SLOW_S)
    width = "return document.querySelector('img.screenshot').naturalWidth"
    visitor.until(lambda: visitor.driver.execute_script(width) > 300)
    visitor.reads(CARD, "The screenshot is ready.")
    assert "It may show chats" in visitor.text(CARD)
    assert b"\x89PNG" == bytes(Picture.get_by_id("default").png)[:4]


def test_a_person_logs_out_after_a_question(visitor: Visitor, standin: StandIn) -> None:
    """Cancel changes nothing; yes ends the link, and the QR code is back."""
    make_ready(visitor, standin)
    visitor.press("Log out of WhatsApp", CARD)
    assert "Log account default out of WhatsApp?" == visitor.find("#ask-question").text
    visitor.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    visitor.gone("#ask")
    assert Account.get_by_id("default").wish is None or "logout" != Account.get_by_id("default").wish["what"]
    standin.forget()

    visitor.press("Log out of WhatsApp", CARD)
    visitor.press("Log out", "#ask")
    standin.wait("logout.confirmed", SLOW_S)
    visitor.reads(CARD, "This device is logged out", SLOW_S)
    visitor.find(f"{CARD} img.qr", SLOW_S)
    assert not visitor.button("Log out of WhatsApp", CARD).is_enabled()


def test_a_person_changes_the_caps(visitor: Visitor) -> None:
    """A mistake is said in the form, which keeps what was typed; what is saved shows at once."""
    visitor.find(f"{CARD} summary").click()
    visitor.find("#hourly-default").send_keys("7")
    directory.open_account("another", 1)
    visitor.find("#account-another")  # a change elsewhere closes no form
    assert "7" == visitor.find("#hourly-default").get_attribute("value")
    limits.set_limits("default", {"daily_cap": 77}, "somebody")
    visitor.reads(CARD, "0 of 77")
    visitor.find("#hourly-default").send_keys(Keys.ENTER)
    visitor.reads("#limits-error-default", "since you opened it")
    limits.set_limits("default", {"daily_cap": None}, "test")
    Account.delete().where(Account.name == "another").execute()
    visitor.open("/app/accounts")
    visitor.find(f"{CARD} summary").click()
    assert "no cap" == visitor.find("#daily-default").get_attribute("placeholder")
    assert "03:00-03:01" == visitor.find("#quiet-default").get_attribute("placeholder")
    visitor.find("#daily-default").send_keys("200")
    visitor.find("#quiet-default").send_keys("late", Keys.ENTER)
    visitor.reads("#quiet_hours-wrong", "quiet hours as 21:00-08:00")
    assert "200" == visitor.find("#daily-default").get_attribute("value")
    visitor.find("#quiet-default").clear()
    visitor.find("#quiet-default").send_keys("22:00-07:30")
    visitor.press("Save", CARD)
    visitor.reads(CARD, "Saved.")
    visitor.reads(CARD, "0 of 200")
    assert "22:00-07:30" in visitor.text(CARD)
    stored = Account.get_by_id("default")
    assert (200, None, "22:00-07:30", None) == (
        stored.daily_cap,
        stored.hourly_cap,
        stored.quiet_hours,
        stored.timezone,
    )
    limits.set_limits("default", {"daily_cap": None, "quiet_hours": None}, "test")


def test_a_hold_counts_down_to_its_end(visitor: Visitor, instance: Instance) -> None:
    """Seconds for what is near, hours and minutes for what is not; a silent account says how to look after it."""
    now = clock.now_ms()
    held = Health(AccountState.HELD, Hold.RESTRICTED, now + 7_384_000, "WhatsApp has restricted this account.")
    instance.report(held, "held")
    instance.report(Health(AccountState.HELD, Hold.FAILURES, now + 90_000, "Message after message failed."), "soon")
    directory.open_account("asleep", 1)
    visitor.find("#account-asleep")  # they appear by themselves
    visitor.until(lambda: re.fullmatch(r"\(2 hr 3 min\)", visitor.text("#account-held .note.warn .countdown")))
    left = [int(visitor.until(lambda: re.findall(r"\(in (\d+) s\)", visitor.text("#account-soon .countdown")))[0])]
    visitor.until(lambda: f"(in {left[0]} s)" != visitor.text("#account-soon .countdown"))
    assert "supervisorctl" in visitor.text("#account-asleep")
    Account.delete().where(Account.name.in_(["held", "soon", "asleep"])).execute()


def test_on_a_phone_everything_is_there_and_nothing_overflows(visitor: Visitor, standin: StandIn) -> None:
    """360 pixels wide, one card below the other; also with the code and the open form."""
    visitor.size(360, 740)
    visitor.open("/app/accounts")
    visitor.find("#number-default", SLOW_S).send_keys(OURS, Keys.ENTER)
    shown_code(visitor)
    visitor.find(f"{CARD} summary").click()
    fits = "return document.documentElement.scrollWidth <= innerWidth"
    assert visitor.driver.execute_script(fits)
    assert 1 == len(set(visitor.read_all(".pairing b", lambda part: part.rect["y"])))
    visitor.press("Use the QR code instead", CARD)
    visitor.find(f"{CARD} img.qr", SLOW_S)
    assert visitor.driver.execute_script(fits)


def test_the_overview_leads_to_the_accounts(visitor: Visitor) -> None:
    """From its card."""
    visitor.open("/app")
    visitor.find("#accounts h2 a").click()
    visitor.until(lambda: visitor.path() == "/app/accounts#account-default")
    assert "Accounts" == visitor.find("nav [aria-current=page]").text
