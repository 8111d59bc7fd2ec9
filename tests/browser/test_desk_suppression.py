"""The suppression list and the replies in a real Chromium: what a person does there, by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon.accounts import directory, pacing
from daemon.campaigns import create
from daemon.config import Settings
from daemon.contacts import suppression
from daemon.db import clock
from daemon.delivery import claim, moves, replies, unmatched
from daemon.models import Removal, Reply, Suppression, UnmatchedChat
from daemon.states import Ack
from daemon.transports.protocol import Heard, Mark, Receipt, Said, Unread
from tests.support.visitor import Instance, Visitor

ONE, TWO = "+4915110000001", "+4915110000002"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """http alone: what a sender would hear is stored by the tests."""
    with Instance(tmp_path_factory.mktemp("suppression"), log_level="warning") as running:
        yield running


@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Visitor]:
    """One Chromium for all tests of this file."""
    with Visitor(instance) as visitor:
        yield visitor


@pytest.fixture
def visitor(browser: Visitor) -> Iterator[Visitor]:
    """Logged in, with an empty list; a script error or a blocked resource fails the test."""
    for table in (Suppression, Removal, Reply, UnmatchedChat):
        table.delete().execute()
    browser.size(1280, 900)
    browser.log_in()
    browser.driver.get_log("browser")
    yield browser
    said = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert [] == [line for line in said if "status of 4" not in line]


@pytest.fixture
def settings(instance: Instance) -> Settings:
    return Settings(_env_file=None, data_dir=instance.folder / "data")


@pytest.fixture
def job_id(settings: Settings) -> int:
    """A campaign that two people have got and answered: one with thanks, the other with STOP."""
    people = [{"number": ONE, "name": "Anna Schäfer"}, {"number": TWO, "name": "Ben"}]
    order = create.Order("Hi {{ name }}", recipients=people, name="Spring appointments")
    made = int(create.create(settings, order, "test", clock.now_ms()).job_id)
    directory.open_account("default", clock.now_ms())
    for number in (ONE, TWO):
        (message,) = claim.claim("default", 1, clock.now_ms(), 60_000, pacing.Rules())
        moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
        moves.confirm(message, Receipt(f"OWN{made}{number}", Ack.SENT), clock.now_ms())
    answer(ONE, f"{made}A", "Thank you, see you then!\nMay I bring my dog? 🐕")
    answer(TWO, f"{made}B", "STOP")
    return made


def answer(number: str, key: str, text: str) -> None:
    replies.take("default", Heard(number, (Said(key, False, text),)), frozenset(), clock.now_ms())


def fits(visitor: Visitor) -> bool:
    return bool(visitor.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"))


def focused(visitor: Visitor) -> str:
    return str(visitor.driver.execute_script("return document.activeElement.id || document.activeElement.textContent"))


def test_a_number_is_added_and_taken_off_by_keyboard(visitor: Visitor) -> None:
    """No mouse: a mistake is told and the focus stands where it is mended; taking off wants a reason."""
    visitor.open("/app/suppressions")
    assert "The list is empty" in visitor.text("main")
    visitor.find("#number").send_keys("12", Keys.ENTER)
    visitor.reads("#add-error", "The number")
    assert "number" == focused(visitor)
    visitor.find("#number").send_keys(Keys.CONTROL, "a")
    visitor.find("#number").send_keys("+49 1511 0000001", Keys.TAB, Keys.TAB, "wrote a letter", Keys.ENTER)
    visitor.reads(".note.good", "It gets no more messages.")
    assert "wrote a letter" in visitor.text(".suppressed")
    link = visitor.find(".suppressed .more a")
    assert f"Remove {ONE}" == link.get_attribute("aria-label")
    link.send_keys(Keys.ENTER)
    visitor.reads("h1", f"Take {ONE} off the list?")
    assert "why" == focused(visitor)
    visitor.find("#why").send_keys("called us", Keys.ENTER)
    visitor.reads(".note.good", "off the list")
    visitor.find("summary").send_keys(Keys.ENTER)
    visitor.reads(".removals", "called us")
    assert 0 == suppression.count()


def test_a_file_is_imported_and_its_mistakes_are_told(visitor: Visitor, tmp_path: Path) -> None:
    """Counts, the refused row with its reason; the list below has them."""
    file = tmp_path / "optouts.csv"
    file.write_text(f"name;phone\nAnna;{ONE}\nBen;{TWO}\nTom;12345\n")
    visitor.open("/app/suppressions")
    visitor.find("#file").send_keys(str(file))
    visitor.find("#why").send_keys("old list")
    visitor.press("Import")
    visitor.reads("#imported", "2 numbers added")
    assert "1 row was refused" in visitor.text("#imported") and "12345" in visitor.text("#imported")
    assert "2 numbers on the list" in visitor.text("#listed-title")
    assert "optouts.csv" in visitor.text(".suppressed")
    visitor.driver.back()
    visitor.find("#number")
    assert 2 == suppression.count()


def test_pasted_numbers_and_a_search(visitor: Visitor, settings: Settings) -> None:
    """What is found stays found on the next page; and a search without a hit says so."""
    suppression.import_text(
        settings, "\n".join(f"+491512{n:07}" for n in range(60)), "old list", "test", clock.now_ms()
    )
    visitor.open("/app/suppressions")
    visitor.fill("numbers", f"{ONE}\n{TWO}")
    visitor.press("Import")
    visitor.reads("#imported", "2 numbers added")
    visitor.open("/app/suppressions")
    visitor.find("#search").send_keys("1512", Keys.ENTER)
    visitor.find("a[href*='cursor=']").click()
    visitor.until(lambda: "cursor=" in visitor.path())
    assert 10 == len(visitor.driver.find_elements(By.CSS_SELECTOR, ".suppressed tbody tr"))
    assert "1512" == visitor.find("#search").get_attribute("value")
    visitor.find("#search").send_keys(Keys.CONTROL, "a")
    visitor.find("#search").send_keys("zebra", Keys.ENTER)
    visitor.reads(".suppressed .none", "zebra")


def test_replies_lead_to_the_campaign_and_to_the_list(visitor: Visitor, job_id: int) -> None:
    """STOP is marked; whoever asked otherwise is suppressed by a button, after a question."""
    visitor.open(f"/app/jobs/{job_id}")
    visitor.find("#answered a").click()
    visitor.reads(".replies", "May I bring my dog? 🐕")
    assert "on the suppression list" in visitor.text("li.stop")
    visitor.press("Suppress this person")
    assert "Stop messaging Anna Schäfer?" == visitor.find("#ask-question").text
    visitor.press("Cancel", "#ask")
    assert 1 == suppression.count()
    visitor.press("Suppress this person")
    visitor.press("Suppress", "#ask")
    visitor.until(lambda: visitor.text(".replies").count("on the suppression list") == 2)
    assert {ONE, TWO} == suppression.among([ONE, TWO])
    visitor.find(".filters a:nth-child(2)").click()
    visitor.until(lambda: visitor.path().endswith("show=stop"))
    assert "Ben" in visitor.text(".replies") and "Anna" not in visitor.text(".replies")
    visitor.find(".replies a[data-details]").click()
    visitor.reads("#details", "Ben")


def test_a_new_reply_appears_by_itself(visitor: Visitor, settings: Settings, job_id: int) -> None:
    """The open page is looked at anew when something changes."""
    visitor.open("/app/replies")
    visitor.reads(".replies", "STOP")
    answer(ONE, f"{job_id}C", "One more thing")
    create.create(settings, create.Order("Hi", numbers=["+4915119999999"]), "test", clock.now_ms())
    visitor.reads(".replies", "One more thing", 25)


@pytest.mark.parametrize(
    "path", ["/app/suppressions", "/app/replies", "/app/suppressions/remove?number=%2B4915110000002"]
)
def test_on_a_phone(visitor: Visitor, settings: Settings, job_id: int, path: str) -> None:
    """Nothing is wider than 360 pixels, also with long words."""
    suppression.suppress(
        settings, ONE, "a" * 200, "a-very-long-user-name-without-any-space-in-it-at-all", clock.now_ms()
    )
    visitor.size(360, 740)
    visitor.open(f"/app/{path}")
    visitor.find("h1")
    assert fits(visitor)
    visitor.open("/app/suppressions")
    visitor.find("#menu summary").click()
    assert "Suppression" == visitor.find("#menu a[aria-current]").text
    assert fits(visitor)


def test_what_is_known_of_a_person_is_saved_and_then_erased(visitor: Visitor, job_id: int) -> None:
    """From the one form, whose page stays where it was when the file has come."""
    visitor.open("/app/privacy")
    visitor.fill("number", ONE)
    visitor.press("Save all that is known")
    visitor.until(lambda: list(visitor.downloads.glob("person*.json")))
    visitor.press("Erase …")
    visitor.reads("main h2", f"Erase {ONE}?")


def test_a_chat_that_could_not_be_matched_is_assigned(visitor: Visitor, job_id: int) -> None:
    """On a phone: who asks to stop in it stands first, and gets nothing more once it is said who they are."""
    Suppression.delete().execute()
    unmatched.note("default", [Unread("Sunshine 99", None, 2)], clock.now_ms())
    stop = Heard(None, (Said("s", False, "Stop"),), "Schäfer")
    replies.take("default", stop, frozenset(), clock.now_ms())
    visitor.size(360, 800)
    visitor.open("/app/replies")
    assert ["Schäfer\nSTOP", "Sunshine 99"] == visitor.texts(".unmatched h3")
    assert fits(visitor)
    visitor.press("Assign", ".unmatched li:first-child")
    visitor.reads(".unmatched li:first-child legend + .error", "Choose whose chat it is")
    answer(ONE, f"{job_id}D", "One more thing")  # the page stays up to date, and what was wrong is still said
    visitor.driver.execute_script("import('/app/static/app.js').then((app) => app.refresh())")
    visitor.reads("#replies", "One more thing")
    assert "Choose whose chat it is" in visitor.text(".unmatched li:first-child")
    visitor.find(".unmatched li:first-child input[type=radio]").click()
    visitor.press("Assign", ".unmatched li:first-child")
    visitor.reads(".note.good", "on the suppression list now")
    assert {ONE} == suppression.among([ONE, TWO])
    visitor.press("Ignore this chat", ".unmatched")
    visitor.reads(".note.good", "ignored")
    visitor.find("#settled-chats summary").click()
    visitor.press("Undo", "#settled-chats")
    visitor.reads(".note.good", "in the list again")
    assert fits(visitor)
