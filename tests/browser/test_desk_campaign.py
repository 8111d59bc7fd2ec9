"""A new campaign in a real Chromium: every step of it, left and come back to, by mouse, by keys, on a phone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon.contacts import file_reading
from daemon.models import Draft, Job, Message
from daemon.states import AccountState
from daemon.transports.protocol import Health
from tests.support.axe import violations
from tests.support.rig import eventually, words_of
from tests.support.visitor import Instance, Visitor, use

SAMPLE = Path(__file__).parents[2] / "standin" / "sample"
DAMAGED = """name;phone;city
Ada Lovelace;4915112345670.0;London
Bea;4.915112345671E+12;Berlin
Cem;4.9151E+12;Ankara
Dan;015112345673;Bonn
Eva;+49 151 12345674 / +49 151 12345675;
Gil;+4915112345676;Cologne
Gil;+4915112345676;Cologne
"""
EVIL = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"

# The server does what is asked, and its answer is lost on the way.
LOST = """const real = window.fetch; window.fetch = (...asked) => real(...asked).then(() => {
    window.fetch = real; throw new TypeError("lost"); });"""
UNLOAD = "const e = new Event('beforeunload', {cancelable: true}); window.dispatchEvent(e); return e.defaultPrevented"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """http alone; a test that wants something sent starts the sender."""
    settings = {"delay_min": 0, "delay_max": 0, "long_pause_every": 0, "log_level": "warning"}
    with Instance(tmp_path_factory.mktemp("desk"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def browser(instance: Instance) -> Iterator[Visitor]:
    """One Chromium for all tests of this file."""
    with Visitor(instance) as visitor:
        yield visitor


@pytest.fixture
def visitor(browser: Visitor) -> Iterator[Visitor]:
    """Logged in, at a desk; a script error or a blocked resource fails the test."""
    browser.size(1280, 900)
    browser.log_in()
    browser.driver.get_log("browser")
    yield browser
    said = [line["message"] for line in browser.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert [] == [line for line in said if "status of 4" not in line and "ERR_" not in line]


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A list as a spreadsheet leaves it."""
    file = tmp_path / "damaged.csv"
    file.write_text(DAMAGED)
    return file


DROP = """
    const files = new DataTransfer();
    files.items.add(new File(["Bring it along."], "map.txt"));
    arguments[0].dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
"""


def compose(visitor: Visitor) -> None:
    """Around what is selected and away again, by button or key; a field with words for where it is empty; an emoji;
    and a file dropped beside its field. The text held one placeholder before."""
    area = visitor.find("#text")
    area.send_keys(Keys.CONTROL, "a")
    area.send_keys(Keys.CONTROL, "b")
    assert "*{{ name }}*" == area.get_attribute("value")
    visitor.find("[data-wrap='*']").click()
    assert "{{ name }}" == area.get_attribute("value")
    area.send_keys(Keys.END, " ")
    visitor.find("[data-wrap='_']").click()
    area.send_keys("soon", Keys.END, " ")
    assert "{{ name }} _soon_ " == area.get_attribute("value")
    visitor.fill("if-empty", 'your "town"')
    visitor.button("city", "#fields").click()
    visitor.find("#emoji summary").click()
    visitor.find("#emoji button").click()
    assert "{{ name }} _soon_ {{ city | default(\"your 'town'\") }}😀" == area.get_attribute("value")
    visitor.driver.execute_script(DROP, visitor.find("[data-drop]").now)
    visitor.reads("#attachments", "map.txt")
    visitor.find("#attachments button").click()
    visitor.gone("#attachments")


def draft(visitor: Visitor) -> Draft:
    """The draft of the open page, as it is stored."""
    found: Draft = Draft.get_by_id(visitor.path().split("/")[3].partition("?")[0])
    return found


def reading(instance: Instance) -> list[psutil.Process]:
    """The processes in which the instance reads files."""
    children = psutil.Process(instance.pid("http")).children()
    return [each for each in children if file_reading.MODULE in words_of(each)]


def test_from_a_damaged_spreadsheet_to_the_report(visitor: Visitor, instance: Instance, damaged: Path) -> None:
    """The doctor's suggestions are taken, the dry run says who is left out, a test is sent, and it goes out."""
    visitor.open("/app/new")
    visitor.press("Start a new campaign")
    visitor.find("#file").send_keys(str(damaged))
    visitor.press("Next: columns")
    visitor.find(".columns-table")
    visitor.press("Next: numbers")
    visitor.reads("#counts", "3 of 7 can be messaged")
    use(visitor, "accept-all:rounded")
    visitor.reads("#counts", "4 of 7")
    visitor.find("a[href$='group=several']").click()
    number = visitor.find("input[name=number-6]")
    assert "+4915112345674" == number.get_attribute("value")
    number.clear()
    number.send_keys("0151 12345674", Keys.ENTER)
    visitor.reads("#row-6", "Undo")
    visitor.link("Back to all numbers").click()
    visitor.reads("#counts", "5 of 7")
    visitor.press("Next: message")

    visitor.find("[data-insert]")
    visitor.button("name", "#fields").click()
    assert "{{ name }}" == visitor.find("#text").get_attribute("value")
    compose(visitor)
    visitor.fill("text", "Hello *{{ name }}* from {{ city }} 👋")
    visitor.reads("#preview strong", "Ada Lovelace")
    visitor.find("#following").click()
    visitor.reads("#preview strong", "Bea")
    visitor.find("#find").send_keys("gil", Keys.ENTER)
    visitor.reads("#preview strong", "Gil")
    visitor.reads("#problems", "The field city is empty")
    visitor.attach(SAMPLE / "flyer.png")
    assert "Hello *{{ name }}*" in str(visitor.find("#text").get_attribute("value"))
    visitor.rehearse("Spring")

    visitor.reads("#report", "4 people will get it")
    visitor.reads(".outcomes", "A field used in the message is empty 1")
    visitor.reads(".outcomes", "Duplicate 1")
    instance.report(Health(AccountState.READY))
    visitor.fill("number", "+49 151 99999999")
    visitor.press("Send it to me")
    visitor.reads("#test-state", "Test: Spring")
    instance.start("sender")
    try:
        visitor.reads("#test-state", "sent", 30)
        job_id = visitor.start()
        visitor.reads("#summary .chip", "completed", 30)
    finally:
        instance.stop("sender")

    rows = Message.select().where(Message.job == job_id).order_by(Message.id)
    assert ["Ada Lovelace", "Bea", "Dan", "Gil"] == [row.fields["name"] for row in rows]
    assert {"sent"} == {row.state for row in rows}
    assert "+4915199999999" == Message.select().where(Message.job != job_id).get().number


OPT_OUTS = """Name;Handy;Festnetz;WhatsApp;Ort
Anna;+49 151 12345678;;ja;Berlin
Ben;;+49 30 23125001;ja;Leeds
Carl;+49 151 12345679;;Nein;Berlin
"""


@pytest.mark.parametrize("scripted", [True, False])
def test_rules_are_counted_while_they_are_entered(visitor: Visitor, tmp_path: Path, scripted: bool) -> None:
    """Who wants no messages is asked about; with the script counts follow the keys, without it a button; 360 px."""
    (file := tmp_path / "clinic.csv").write_text(OPT_OUTS)
    visitor.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripted})
    try:
        visitor.open("/app/new")
        visitor.press("Start a new campaign")
        visitor.find("#file").send_keys(str(file))
        visitor.press("Next: columns")
        visitor.find(".columns-table")
        visitor.press("Next: numbers")
        visitor.reads("#step-error", "Some people may not want messages")
        assert not scripted or [] == violations(visitor)
        use(visitor, "exclude-rows:3")
        visitor.reads("#remain", "2 of 3 rows remain")
        use(visitor, "add-rule")
        visitor.find("select[name=rule_column-1] option:last-child").click()
        visitor.find("input[name=rule_value-1]").send_keys(" LEEDS")
        if not scripted:
            visitor.press("Update")
        visitor.reads("#remain", "1 of 3 rows remain")
        visitor.reads(".rule:nth-of-type(2)", "1 row matches")
        assert not scripted or [] == violations(visitor)
        visitor.size(360, 740)
        assert 360 == visitor.driver.execute_script("return document.documentElement.scrollWidth") or not scripted
        visitor.press("Next: numbers")
        visitor.reads("#counts", "2 more rows are excluded by your rules")
    finally:
        visitor.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_draft_is_left_and_gone_on_with(visitor: Visitor, damaged: Path) -> None:
    """Save and leave; the list has it, and leads to where one was, with all that was entered."""
    visitor.begin_campaign(damaged)
    visitor.fill("text", "Half a thought")
    visitor.press("Save and close")
    visitor.until(lambda: visitor.path() == "/app/new")
    visitor.find("article.draft .primary").click()
    visitor.find("#delay_min")
    visitor.driver.back()
    visitor.find("article.draft .primary")
    visitor.link("damaged").click()
    visitor.find("a[href$='/message']").click()
    assert "Half a thought" == visitor.find("#text").get_attribute("value")


def test_what_is_typed_is_kept_and_a_day_chooses_its_radio(visitor: Visitor, damaged: Path) -> None:
    """Without pressing anything; who leaves before it is kept is asked."""
    visitor.begin_campaign(damaged)
    visitor.find("#text").send_keys("Hi there")
    assert visitor.driver.execute_script(UNLOAD)
    visitor.until(lambda: "Hi there" == draft(visitor).data.get("text"))
    visitor.until(lambda: not visitor.driver.execute_script(UNLOAD))
    visitor.find("#text").send_keys(" again")
    visitor.until(lambda: "Hi there again" == draft(visitor).data.get("text"))
    visitor.press("Next: time")
    visitor.find("#at")
    visitor.driver.execute_script(
        "const at = document.getElementById('at'); at.value = '2035-05-04T09:30';"
        "at.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert visitor.find("input[name=start][value=at]").is_selected()
    visitor.until(lambda: (draft(visitor).data.get("when") or {}).get("at"))
    visitor.press("Next: dry run")
    visitor.find("#days")
    visitor.find("a[href$='/numbers']").click()
    visitor.find("#country")
    visitor.driver.execute_script(
        "const country = document.getElementById('country'); country.value = 'GB';"
        "country.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    visitor.until(lambda: "GB" == draft(visitor).data["numbers"]["country"])
    visitor.until(lambda: not visitor.driver.execute_script(UNLOAD))


def test_the_later_of_two_tabs_is_told(visitor: Visitor, damaged: Path) -> None:
    """It keeps what was entered, says that there is something newer, and can be saved over it."""
    visitor.begin_campaign(damaged)
    address = visitor.path()
    first = visitor.driver.current_window_handle
    visitor.driver.switch_to.new_window("tab")
    visitor.open(address)
    visitor.fill("text", "From the second tab")
    visitor.press("Next: time")
    visitor.find("#delay_min")
    visitor.driver.close()
    visitor.driver.switch_to.window(first)

    visitor.fill("text", "From the first tab")
    visitor.press("Next: time")
    visitor.reads("#step-error", "since you opened it")
    assert "From the first tab" == visitor.find("#text").get_attribute("value")
    assert "From the second tab" == draft(visitor).data["text"]
    visitor.press("Next: time")
    visitor.find("#delay_min")
    assert "From the first tab" == draft(visitor).data["text"]


def test_starting_twice_and_going_back_is_one_campaign(visitor: Visitor, damaged: Path) -> None:
    """A double click whose answer is lost, Start again, then the back button and Start, lead to the same job."""
    before = Job.select().count()
    visitor.begin_campaign(damaged)
    visitor.fill("text", "Hi {{ name }}")
    visitor.rehearse("Once")
    visitor.find("input[name=recent][value=keep]").click()
    use(visitor, "run")
    visitor.find("a.primary[href$='/start']").click()
    visitor.find("#summary")
    visitor.driver.execute_script(LOST)
    visitor.driver.execute_script("const b = document.querySelector('button[value=start]'); b.click(); b.click()")
    visitor.reads("#step-error", "The server cannot be reached")
    visitor.press("Start")
    visitor.until(lambda: visitor.path().startswith("/app/jobs/"))
    goal = visitor.path()
    visitor.driver.back()
    visitor.until(
        lambda: visitor.path() == goal or visitor.driver.find_elements(By.CSS_SELECTOR, "button[value=start]")
    )
    if visitor.path() != goal:  # the page as the browser remembers it
        visitor.press("Start")
    visitor.until(lambda: visitor.path() == goal)
    assert before + 1 == Job.select().count()


def test_a_lost_connection_loses_nothing(visitor: Visitor, instance: Instance, damaged: Path) -> None:
    """What was written stays in the field with a sentence; once the server is back the same press saves it."""
    visitor.begin_campaign(damaged)
    visitor.fill("text", "Written while the server was away")
    visitor.reads("#preview", "Written while")
    instance.stop("http")
    visitor.press("Next: time")
    visitor.reads("#step-error", "The server cannot be reached. Nothing is lost")
    assert "Written while the server was away" == visitor.find("#text").get_attribute("value")
    instance.start("http")
    eventually(instance.answers, what="the http process answers")
    visitor.press("Next: time")
    visitor.find("#delay_min")
    assert "Written while the server was away" == draft(visitor).data["text"]


def test_a_login_that_ended_loses_nothing(visitor: Visitor, damaged: Path) -> None:
    """It is said; after a login in another tab the same press saves what was written."""
    visitor.begin_campaign(damaged)
    visitor.fill("text", "Written before the logout")
    first = visitor.driver.current_window_handle
    visitor.driver.switch_to.new_window("tab")
    visitor.size(1280, 900)  # a new tab is narrow: logging out would be in its menu
    visitor.open("/app")
    visitor.press("Log out")
    visitor.until(lambda: visitor.path() == "/app/login")
    other = visitor.driver.current_window_handle
    visitor.driver.switch_to.window(first)
    visitor.press("Next: time")
    visitor.reads("#step-error", "no longer logged in")
    visitor.driver.switch_to.window(other)
    visitor.log_in()
    visitor.driver.close()
    visitor.driver.switch_to.window(first)
    visitor.press("Next: time")
    visitor.find("#delay_min")
    assert "Written before the logout" == draft(visitor).data["text"]


def test_the_keyboard_alone_is_enough(visitor: Visitor, damaged: Path) -> None:
    """Enter in a field goes on, Tab reaches every button in order, and the field of an error gets the focus."""
    visitor.open("/app/new")
    visitor.button("Start a new campaign").send_keys(Keys.ENTER)
    visitor.find("#pasted").send_keys("+493023125001")
    visitor.button("Next: columns").send_keys(Keys.ENTER)
    visitor.find("[name=name-0], .columns-table select").send_keys(Keys.TAB)
    visitor.button("Next: numbers").send_keys(Keys.ENTER)
    visitor.find("#counts")
    visitor.button("Next: message").send_keys(Keys.ENTER)
    visitor.find("#text").send_keys("", Keys.TAB)
    assert "number" == visitor.driver.switch_to.active_element.text
    visitor.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert "text" == visitor.driver.switch_to.active_element.get_attribute("id")
    visitor.find("#text").clear()
    visitor.button("Next: time").send_keys(Keys.SPACE)
    visitor.reads("#text-wrong", "Write a message")
    assert "text" == visitor.driver.switch_to.active_element.get_attribute("id")
    visitor.find("#text").send_keys("Hello")
    visitor.button("Next: time").send_keys(Keys.ENTER)
    visitor.find("#delay_min").send_keys(Keys.ENTER)
    visitor.find("#days").send_keys(Keys.ENTER)
    visitor.reads("#report", "will get it")


def test_a_script_in_a_name_does_not_run(visitor: Visitor, tmp_path: Path) -> None:
    """In no step: as a title, a name, a number, a file's name, or in the text itself."""
    file = tmp_path / "evil.csv"
    file.write_text(f"{EVIL};phone\n{EVIL};+493023125091\n{EVIL};{EVIL}\n{EVIL};1\n")
    hit = "return [window.hit, document.querySelectorAll('main img, main script').length]"
    visitor.open("/app/new")
    visitor.press("Start a new campaign")
    visitor.find("#file").send_keys(str(file))
    for words, there in (("columns", ".columns-table"), ("numbers", "#counts"), ("message", "#text")):
        visitor.press(f"Next: {words}")
        visitor.find(there)
        assert [None, 0] == visitor.driver.execute_script(hit)
    field = visitor.read_all("[data-insert]", lambda each: each.get_attribute("data-insert"))[1]
    visitor.fill("text", f"*{field}* {EVIL}")
    visitor.reads("#preview", EVIL)
    assert [None, 0] == visitor.driver.execute_script(hit)
    visitor.rehearse(EVIL)
    for reason in ("people", "bad_number"):
        visitor.find(f"a[href*='reason={reason}']").click()
        visitor.find("#shown")
        assert [None, 0] == visitor.driver.execute_script(hit)
    visitor.open("/app/new")
    assert EVIL in visitor.text("main")
    assert [None, 0] == visitor.driver.execute_script(hit)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("picture.csv", b"\x89PNG\r\n\x1a\n", "is a PNG picture"),
        ("empty.csv", b"", "is empty"),
        ("secret.xlsx", bytes.fromhex("D0CF11E0A1B11AE1") + b"x" * 600, "protected by a password"),
        ("wide.csv", b",".join([b"c"] * 1000) + b"\n", "more than 200 columns"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_place(
    visitor: Visitor, tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    """The sentence stands at the field, which stays."""
    file = tmp_path / name
    file.write_bytes(data)
    visitor.open("/app/new")
    visitor.press("Start a new campaign")
    visitor.find("#file").send_keys(str(file))
    visitor.press("Next: columns")
    visitor.reads("#file-wrong", said)
    assert visitor.find("#file").is_displayed()


def test_the_rows_left_out_come_as_a_file_that_reads_again(visitor: Visitor, damaged: Path) -> None:
    """Downloaded, corrected as one would in a spreadsheet, and chosen as the people of another draft."""
    visitor.begin_campaign(damaged)
    visitor.find("a[href$='/numbers']").click()
    visitor.find("a[href$='/rejected.csv']").click()
    file = visitor.until(lambda: next(visitor.downloads.glob("rejected*.csv"), None))
    table = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))
    assert ["Bea", "Cem", "Eva"] == [row["name"] for row in table]
    corrected = file.with_name("corrected.csv")
    corrected.write_text(file.read_text("utf-8-sig").replace("4.9151E+12", "+4915112345672"))
    visitor.begin_campaign(corrected)
    visitor.fill("text", "Hi {{ name }}")
    visitor.reads("#preview", "Hi Cem")


def test_no_barrier_is_found_and_a_phone_needs_no_sideways_scrolling(visitor: Visitor, tmp_path: Path) -> None:
    """axe-core finds nothing wrong with any step, in either scheme; 360 px are enough, also for long names."""
    long = "Someone" * 12
    last = f"Rome;{long};{long}.pdf\n"
    rows = f"{long};+4915112345690;{last}{long};4.915112345672E+12;{last}{long};{'9' * 60};{last}"
    (file := tmp_path / "long.csv").write_text(DAMAGED.replace("city", f"city;{long};file") + rows)
    visitor.begin_campaign(file)
    visitor.fill("text", "Hi {{ name }} in {{ city }} " + long * 3)
    visitor.reads("#preview", "Hi Ada")
    visitor.find("[name=optional]")
    found = violations(visitor)
    visitor.rehearse()
    base = visitor.path().rpartition("/")[0]
    steps = ("people", "columns", "numbers", "numbers?group=rounded", "message", "when", "check?reason=bad_number")
    for path in ("/app/new", *(f"{base}/{step}" for step in steps), f"{base}/discard"):
        visitor.size(1280, 900)
        visitor.open(path)
        if path != f"{base}/message":  # which it was asked of with the preview
            found += [f"{path} {each}" for each in violations(visitor)]
        visitor.size(360, 740)
        width = visitor.driver.execute_script("return document.documentElement.scrollWidth")
        assert (path, 360) == (path, width)
    assert [] == found


def test_without_its_script_every_step_works(visitor: Visitor, damaged: Path) -> None:
    """Each button is a form's own; only the preview while one writes is missing."""
    visitor.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        visitor.begin_campaign(damaged)
        visitor.find("#text").send_keys("Hi {{ name }}")
        visitor.press("Save and show")
        visitor.reads("#preview", "Hi Ada Lovelace")
        visitor.rehearse()
        assert "will get it" in visitor.text("#report-title")
    finally:
        visitor.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_file_that_takes_a_while_has_a_page_of_its_own_and_can_be_given_up(
    visitor: Visitor, instance: Instance, damaged: Path, tmp_path: Path
) -> None:
    """It comes again by itself as long as the file is read, on a phone too; given up, the draft keeps what it had."""
    visitor.open("/app/new")
    visitor.press("Start a new campaign")
    visitor.find("#file").send_keys(str(damaged))
    visitor.press("Next: columns")
    visitor.find("a[href$='/people']").click()
    (reader,) = reading(instance)
    before = draft(visitor).sheets
    (file := tmp_path / "slow.csv").write_text("number\n+49151000001\n")
    reader.suspend()  # it cannot be done before it is given up, whatever this machine does
    visitor.size(360, 800)
    visitor.find("#file").send_keys(str(file))
    visitor.press("Next: columns")
    visitor.find("#working progress")
    shown = visitor.driver.find_element(By.TAG_NAME, "html")
    visitor.until(lambda: shown != visitor.driver.find_element(By.TAG_NAME, "html"))
    visitor.find("#working progress")
    visitor.driver.execute_script("window.stop()")  # as it is now
    assert [] == violations(visitor)
    assert visitor.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    visitor.press("Cancel", "#working")
    visitor.reads("#step-error", "Cancelled: nothing was changed.")
    assert before == draft(visitor).sheets
