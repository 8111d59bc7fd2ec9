"""Templates and contact lists as a person uses them, with a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from daemon.campaigns import templates
from daemon.contacts import importer, list_entries, lists, uploads
from daemon.db import clock
from daemon.models import ContactList, ListEntry, Template
from tests.support.visitor import Instance, Visitor

EVIL = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
GUESTS = "name;phone;city\nAnna;+49 30 23125 001;Berlin\nTom;12345;Leeds\nBen;+44 20 7946 0011;\nAnna;+493023125001;\n"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """http alone."""
    with Instance(tmp_path_factory.mktemp("library"), log_level="warning") as running:
        yield running


@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Visitor]:
    """One Chromium for all tests of this file."""
    with Visitor(instance) as visitor:
        yield visitor


@pytest.fixture
def visitor(browser: Visitor) -> Iterator[Visitor]:
    """Logged in, with empty shelves; a script error or a blocked resource fails the test."""
    for table in (Template, ListEntry, ContactList):
        table.delete().execute()
    browser.size(1200, 900)
    browser.log_in()
    browser.driver.get_log("browser")
    yield browser
    said = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert [] == [line for line in said if "status of 4" not in line and "ERR_" not in line]


def guests(count: int, **fields: str) -> lists.Listed:
    people = [importer.Contact(n, f"+491511{n:07}", {"name": f"Person {n}", **fields}) for n in range(count)]
    return lists.create_list("Guests", importer.ContactList(people, columns=["name", *fields]), clock.now_ms())[0]


def test_a_template_is_written_used_changed_and_deleted(visitor: Visitor, tmp_path: Path) -> None:
    """The preview follows what is written; the attachment counts; deleting asks first."""
    visitor.open("/app/templates")
    visitor.find("main a.primary").click()
    visitor.fill("name", "Spring sale")
    visitor.fill("text", "Hello {{ name")
    visitor.reads("#text-error", "is opened with {{ but not closed")
    visitor.fill("text", "Hello *{{ name }}* 🎉")
    visitor.reads("#preview", "Hello [name] 🎉")
    assert "[name]" == visitor.find("#preview strong").text
    visitor.reads("#counter", "17 of 65,536 characters")
    sample = visitor.find('#samples input[data-field="name"]')
    sample.send_keys("Zoë")
    visitor.reads("#preview", "Hello Zoë 🎉")
    assert sample == visitor.driver.switch_to.active_element
    file = tmp_path / "map.pdf"
    file.write_bytes(b"a map")
    visitor.find("#file").send_keys(str(file))
    visitor.reads("#files", "map.pdf")
    visitor.press("Save")
    visitor.reads("main .note.good", "The template is saved.")

    row = Template.get()
    assert ("Spring sale", "Hello *{{ name }}* 🎉") == (row.name, row.text)
    assert ["map.pdf"] == [each.filename for each in uploads.attachments(row.attachments)]
    use = visitor.find(f"#template-{row.id} .actions a")
    assert f"/app/new?template={row.id}" in str(use.get_attribute("href"))
    visitor.find(f"#template-{row.id} h2 a").click()
    visitor.fill("text", "Bye")
    visitor.press("Remove", "#files")
    visitor.press("Save")
    visitor.reads(f"#template-{row.id}", "Bye")
    assert [] == Template.get().attachments
    visitor.find(f"#template-{row.id} h2 a").click()
    visitor.find("#template a.danger").click()
    visitor.reads("main", "This cannot be undone")
    visitor.press("Delete", "main")
    visitor.reads("main", "No templates yet")
    visitor.driver.back()
    visitor.driver.refresh()
    visitor.reads("main", "There is no template")


def test_two_tabs_with_one_template(visitor: Visitor) -> None:
    """The later one keeps what was entered, and leads to what is saved."""
    row = templates.keep("Sale", "Hi", clock.now_ms())
    visitor.open(f"/app/templates/{row.id}")
    templates.change(row.id, "Sale", "The first tab's", clock.now_ms())
    visitor.fill("text", "The second tab's")
    visitor.press("Save")

    visitor.reads("#form-error", "since you opened it")
    assert "form-error" == visitor.driver.switch_to.active_element.get_attribute("id")
    assert "The second tab's" == visitor.find("#text").get_attribute("value")
    assert f"/app/templates/{row.id}" in str(visitor.find("#form-error a").get_attribute("href"))
    assert "The first tab's" == Template.get().text


def test_a_list_from_a_file_with_bad_rows(visitor: Visitor, tmp_path: Path) -> None:
    """Who can be written to is on it, who cannot is named; then it is added to, searched, shrunk and exported."""
    file = tmp_path / "guests.csv"
    file.write_text(GUESTS)
    visitor.open("/app/lists")
    visitor.find("main a.primary").click()
    visitor.fill("name", "Guests")
    visitor.find("#file").send_keys(str(file))
    visitor.press("Create list")
    visitor.reads("#said", "2 people added. 1 duplicate was skipped.")
    assert "3 12345 The number is too short." in visitor.text("#rejected")

    visitor.fill("numbers", "phone;name;city\n+442079460011;Ben;Bath\n+493023125002;Zoë;Köln")
    visitor.press("Add", "#add")
    visitor.reads("#said", "1 person added. 1 got new fields.")
    assert "Bath" in visitor.text("#people")
    visitor.fill("q", "KÖLN")
    visitor.press("Search")
    visitor.until(lambda: "Zoë" in visitor.text(".entries") and "Anna" not in visitor.text(".entries"))
    visitor.press("Remove", ".entries")
    visitor.reads("main", "Remove 1 person from this list?")
    assert 3 == ListEntry.select().count()
    visitor.press("Remove", "main")
    visitor.reads("#said", "1 person removed.")

    visitor.find('#people a[href$="export.csv"]').click()
    exported = visitor.downloads / f"list-{ContactList.get().id}.csv"
    visitor.until(exported.exists)
    assert "+442079460011,Ben,Bath" in exported.read_text()


def test_several_people_are_removed_by_the_keyboard(visitor: Visitor) -> None:
    """Space ticks, the button says how many, Enter asks, and Enter again does it."""
    made = guests(4)
    visitor.open(f"/app/lists/{made.id}")
    assert not visitor.find("#remove").is_enabled()
    for row in (1, 2, 3):
        box = visitor.find(f"tr:nth-of-type({row}) input[name=id][type=checkbox]")
        visitor.driver.execute_script("arguments[0].focus()", box.now)
        box.send_keys(Keys.SPACE)
    visitor.reads("#remove", "(3)")
    visitor.find("#remove").send_keys(Keys.ENTER)
    visitor.reads("main", "Remove 3 people from this list?")
    visitor.find("main button.danger").send_keys(Keys.ENTER)

    visitor.reads("#said", "3 people removed.")
    assert ["Person 3"] == [each.fields["name"] for each in lists.people(made.id)]
    visitor.find("#all").click()
    visitor.reads("#remove", "(1)")


def test_the_keyboard_alone_writes_a_template(visitor: Visitor) -> None:
    """From the name through the formats and the message to the button, by Tab, with the focus seen."""
    visitor.open("/app/templates/new")
    visitor.driver.execute_script("document.querySelector('#name').focus()")
    press = ActionChains(visitor.driver)

    def active() -> WebElement:
        return visitor.driver.switch_to.active_element

    press.send_keys("By keys", Keys.TAB).perform()
    for label in ("Bold", "Italic", "Strikethrough", "Emoji"):
        assert label == active().get_attribute("title")
        press.send_keys(Keys.TAB).perform()
    assert "text" == active().get_attribute("id")
    press.send_keys("Hi", Keys.TAB).perform()
    for _ in range(10):
        outline = visitor.driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        assert (active().get_attribute("id"), "solid") == (active().get_attribute("id"), outline)
        if active().text == "Save":
            break
        press.send_keys(Keys.TAB).perform()
    press.send_keys(Keys.ENTER).perform()

    visitor.reads("main", "By keys")
    assert "Hi" == Template.get().text


def test_a_double_click_makes_one_list(visitor: Visitor) -> None:
    """The form is sent once."""
    visitor.open("/app/lists/new")
    visitor.fill("name", "Guests")
    visitor.fill("numbers", "+493023125001")
    visitor.driver.execute_script(
        "const b = [...document.querySelectorAll('main button')].at(-1); b.click(); b.click()"
    )
    visitor.reads("#said", "1 person added.")

    assert 1 == ContactList.select().count()


def test_a_list_is_renamed_and_deleted(visitor: Visitor) -> None:
    """A name that is taken is refused beside its field; deleting asks, and says how many."""
    made = guests(2)
    lists.create_list("Taken", importer.ContactList(), clock.now_ms())
    visitor.open(f"/app/lists/{made.id}")
    visitor.fill("name", "Taken")
    visitor.press("Rename")
    visitor.reads("#name-wrong", "There is already a list called Taken")
    visitor.fill("name", "Friends")
    visitor.press("Rename")
    visitor.reads("h1", "Friends")
    visitor.find("#rename a.danger").click()
    visitor.reads("main", "It has 2 people.")
    visitor.press("Delete", "main")
    visitor.reads("main", "The list is deleted.")
    assert ["Taken"] == [each.name for each in lists.lists()]


def test_a_script_in_a_name_does_not_run(visitor: Visitor) -> None:
    """Neither in names nor in texts, fields, previews, questions or reasons."""
    row = templates.keep(EVIL, f"*{EVIL}*", clock.now_ms())
    people = [importer.Contact(1, "+4915110000001", {"name": EVIL})]
    made, _ = lists.create_list(EVIL, importer.ContactList(people, columns=["name"]), clock.now_ms())
    hit = "return [window.hit, document.querySelectorAll('main img').length]"
    for path in ("/app/templates", f"/app/templates/{row.id}", "/app/lists", f"/app/lists/{made.id}"):
        visitor.open(path)
        visitor.until(lambda: EVIL in visitor.text("main"))
        assert [None, 0] == visitor.driver.execute_script(hit)
    visitor.open(f"/app/templates/{row.id}")
    visitor.fill("text", "{{ name }}")
    visitor.find("#samples input").send_keys(EVIL)
    visitor.reads("#preview", EVIL)
    assert [None, 0] == visitor.driver.execute_script(hit)


def test_a_phone_needs_no_sideways_scrolling(visitor: Visitor) -> None:
    """360 px are enough, also for long names and many fields."""
    long = "Verylongwordwithoutanyspace" * 4
    row = templates.keep(long, "{{ " + "very_long_field" * 4 + " }} " + long, clock.now_ms())
    fields = {f"field_{n}": long[:40] for n in range(8)}
    made = guests(3, **fields)
    lists.create_list(long, importer.ContactList(), clock.now_ms())
    (first, *_), _ = list_entries.entries(made.id)
    visitor.size(360, 740)
    for path in (
        "/app/templates",
        f"/app/templates/{row.id}",
        f"/app/templates/{row.id}/delete",
        "/app/lists",
        "/app/lists/new",
        f"/app/lists/{made.id}",
        f"/app/lists/{made.id}/delete",
    ):
        visitor.open(path)
        width = visitor.driver.execute_script("return document.documentElement.scrollWidth")
        assert (path, 360) == (path, width)
    visitor.open(f"/app/lists/{made.id}")
    visitor.find(f"#entry-{first.id} button").click()
    visitor.reads("main", "Remove 1 person")
    assert 360 == visitor.driver.execute_script("return document.documentElement.scrollWidth")
