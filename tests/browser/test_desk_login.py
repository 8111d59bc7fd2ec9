"""Getting in and out in a real Chromium: by key and password, by keyboard alone, locked out, expired, as a viewer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon.auth import sessions, users
from daemon.campaigns import create, lifecycle
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import job_moves
from daemon.models import LoginFailure, Session, User
from daemon.server.visitors import COOKIE
from daemon.states import Role
from tests.support.visitor import KEY, Instance, Visitor

GOOD = "correct horse"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """http alone."""
    with Instance(tmp_path_factory.mktemp("login"), log_level="warning") as running:
        yield running


@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Visitor]:
    """One Chromium for all tests of this file."""
    with Visitor(instance) as visitor:
        yield visitor


@pytest.fixture
def visitor(browser: Visitor) -> Iterator[Visitor]:
    """A stranger at a desk, in an instance without users; a script error or a blocked resource fails the test."""
    for table in (Session, User, LoginFailure):
        table.delete().execute()
    browser.size(1200, 900)
    browser.open("/app/login")
    browser.driver.delete_all_cookies()
    browser.driver.get_log("browser")
    yield browser
    said = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert [] == [line for line in said if "status of 4" not in line and "ERR_" not in line]


@pytest.fixture
def job_id(instance: Instance) -> int:
    """A campaign to look at."""
    settings = Settings(_env_file=None, data_dir=instance.folder / "data")
    person = {"number": "+4915110000012", "name": "Anna", "work": "0171 2345678"}
    order = Order("Hi {{ name }}, call 0171 2345678", recipients=[person], name="Greeting")
    return int(create.create(settings, order, "test", clock.now_ms()).job_id)


def anna(role: Role = Role.OPERATOR) -> users.User:
    return users.create("Anna", role, GOOD, "test", clock.now_ms())


def become(visitor: Visitor, user: users.User | None) -> None:
    """Log in without the form."""
    token = sessions.open_session(user, clock.now_ms(), KEY).token
    visitor.driver.add_cookie({"name": COOKIE, "value": token, "path": "/", "httpOnly": True, "sameSite": "Strict"})


def log_in_elsewhere(visitor: Visitor, user: users.User) -> None:
    """As in another tab; the session before it is gone, but only then, as an open page would notice the gap."""
    before = [row.id for row in Session.select()]
    become(visitor, user)
    Session.delete().where(Session.id.in_(before)).execute()


def enter(visitor: Visitor, name: str, password: str) -> None:
    visitor.until(lambda: visitor.path().startswith("/app/login"))  # other pages have fields of that name, too
    visitor.fill("name", name)
    visitor.fill("password", password)
    visitor.press("Log in")


def keys(visitor: Visitor, *pressed: str) -> None:
    """Press keys wherever the focus is."""
    for key in pressed:
        visitor.driver.switch_to.active_element.send_keys(key)


def focused(visitor: Visitor) -> str:
    """What has the focus: its id, or its words."""
    element = visitor.driver.switch_to.active_element
    return element.get_attribute("id") or element.text


def overflows(visitor: Visitor) -> bool:
    return bool(visitor.driver.execute_script("return document.documentElement.scrollWidth > innerWidth"))


def test_from_the_key_to_a_user_of_ones_own(visitor: Visitor) -> None:
    """The owner logs in with the key, adds an administrator, logs out, and comes back as that one."""
    visitor.open("/app/users")
    visitor.find("#key").send_keys(KEY)
    visitor.press("Log in")
    visitor.until(lambda: visitor.path() == "/app/users")
    assert "API key" == visitor.find("a.me").text

    visitor.fill("name", "Anna Schmidt")
    visitor.fill("new-password", GOOD)
    visitor.find("input[value=admin]").click()
    visitor.press("Add user")
    visitor.reads("[role=status].good", "The user is added")

    visitor.press("Log out")
    enter(visitor, "anna schmidt", GOOD)
    visitor.until(lambda: visitor.path() == "/app")
    assert "Anna Schmidt" == visitor.find("a.me").text


def test_a_wrong_password_is_said_at_its_field_and_then_locks(visitor: Visitor) -> None:
    """The name stays, the cursor is where the password goes; at the sixth try it says how long to wait. Who has the key
    is not kept out."""
    anna()
    visitor.open("/app/login?next=/app/me")
    for _ in range(5):
        enter(visitor, "Anna", "wrong password")
        visitor.reads("#password-error", "is wrong")
        assert ("Anna", "password") == (visitor.find("#name").get_attribute("value"), focused(visitor))

    enter(visitor, "Anna", GOOD)
    visitor.reads("#password-error", "Too many failed attempts")
    assert "seconds" in visitor.text("#password-error")
    visitor.find("summary").click()
    visitor.find("#key").send_keys(KEY)
    visitor.press("Log in", "details")
    visitor.until(lambda: visitor.path() == "/app/me")


def test_after_logging_out_the_back_button_shows_nothing(visitor: Visitor, job_id: int) -> None:
    """No page comes back from the browser's memory or cache."""
    become(visitor, anna())
    visitor.open("/app/me")
    visitor.open(f"/app/jobs/{job_id}")
    visitor.reads("#main", "Greeting")

    visitor.press("Log out")
    visitor.until(lambda: visitor.path() == "/app/login")
    for _ in range(2):
        visitor.driver.back()
        visitor.until(lambda: visitor.path().startswith("/app/login?next="))
        assert "Greeting" not in visitor.text("body")
    assert [] == [each["name"] for each in visitor.driver.get_cookies() if each["name"] == COOKIE]


def test_an_expired_session_leads_to_the_login_and_back(visitor: Visitor, job_id: int) -> None:
    """A page that watches notices by itself; after the login one is where one was."""
    become(visitor, anna())
    visitor.open(f"/app/jobs/{job_id}?state=pending")
    visitor.reads("#main", "Greeting")

    Session.delete().execute()
    visitor.driver.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    visitor.until(lambda: visitor.path().startswith("/app/login?next="))
    enter(visitor, "Anna", GOOD)

    visitor.until(lambda: visitor.path() == f"/app/jobs/{job_id}?state=pending")


def test_another_login_in_another_tab_does_not_break_this_one(visitor: Visitor, job_id: int) -> None:
    """The page here has the token of a session that is gone: it gets the new one and goes on."""
    user = anna()
    become(visitor, user)
    visitor.open(f"/app/jobs/{job_id}")
    visitor.button("Pause")
    log_in_elsewhere(visitor, user)

    visitor.press("Pause")

    visitor.until(lambda: job_moves.job(job_id).state == "paused")
    visitor.until(lambda: visitor.button("Resume").is_enabled())
    visitor.press("Log out")
    visitor.until(lambda: visitor.path() == "/app/login")


def test_a_form_of_an_older_login_says_what_to_do(visitor: Visitor) -> None:
    """Where no script renews the token the server does not guess."""
    user = anna()
    become(visitor, user)
    visitor.open("/app/me")
    log_in_elsewhere(visitor, user)

    visitor.press("Log out everywhere")

    visitor.reads("#main", "This page was opened before your latest login")
    assert 1 == len(sessions.sessions(user.id, clock.now_ms()))


def test_a_viewer_sees_masked_numbers_and_nothing_to_press(visitor: Visitor, job_id: int) -> None:
    """On the campaign's page, also after it has been brought up to date by its script."""
    become(visitor, anna(Role.VIEWER))
    visitor.open(f"/app/jobs/{job_id}")

    visitor.reads("#main", "+49•••••••••12")
    lifecycle.pause(job_id, "test", clock.now_ms())
    visitor.reads("#main", "paused")
    source = visitor.driver.page_source
    assert "15110000012" not in source and "2345678" not in source
    assert not any(visitor.read_all("main [data-post]", lambda each: each.is_displayed()))
    assert [] == visitor.driver.find_elements(By.CSS_SELECTOR, "a[href='/app/new'], a[href='/app/users']")

    visitor.open("/app/users")
    visitor.reads("#main", "Your role, viewer, does not allow this")


def test_everything_works_with_the_keyboard(visitor: Visitor) -> None:
    """In, to the users, add one, out: without a mouse, and one always sees where one is."""
    anna(Role.ADMIN)
    visitor.open("/app/login")
    assert "name" == focused(visitor)
    keys(visitor, "Anna", Keys.TAB, GOOD, Keys.ENTER)
    visitor.until(lambda: visitor.path() == "/app")

    visitor.open("/app/users")
    visitor.driver.execute_script("document.getElementById('name').focus()")
    keys(visitor, "Ben", Keys.TAB, GOOD, Keys.TAB, Keys.ARROW_UP)
    assert "viewer" == visitor.driver.switch_to.active_element.get_attribute("value")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert "solid" == visitor.driver.execute_script(outline)
    keys(visitor, Keys.TAB)
    assert "Add user" == focused(visitor)
    keys(visitor, Keys.ENTER)
    visitor.reads("[role=status].good", "The user is added")
    ben = users.named("Ben")
    assert ben is not None and "viewer" == ben.role

    for _ in range(30):
        if focused(visitor) == "Log out":
            break
        keys(visitor, Keys.TAB)
    keys(visitor, Keys.ENTER)
    visitor.until(lambda: visitor.path() == "/app/login")


def test_a_second_press_does_not_send_the_form_twice(visitor: Visitor) -> None:
    """Two quick clicks add one user, without an error."""
    become(visitor, None)
    visitor.open("/app/users")
    visitor.fill("name", "Ben")
    visitor.fill("new-password", GOOD)

    twice = "arguments[0].click(); arguments[0].click()"
    visitor.driver.execute_script(twice, visitor.button("Add user").now)

    visitor.reads("[role=status].good", "The user is added")
    assert ["Ben"] == [row.name for row in users.every()]


@pytest.mark.parametrize("path", ["/app/login", "/app/users", "/app/users/{id}", "/app/me"])
def test_on_a_phone_nothing_is_cut_off(visitor: Visitor, path: str) -> None:
    """At 360 pixels, with the longest name there is."""
    user = users.create("Wilhelmina" * 6, Role.OPERATOR, GOOD, "test", clock.now_ms())
    if path != "/app/login":
        become(visitor, None if "users" in path else user)
    visitor.size(360, 740)

    visitor.open(path.format(id=user.id))

    visitor.find("h1")
    assert not overflows(visitor)
