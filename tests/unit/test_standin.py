"""The stand-in is strict: it behaves like the page we know, and is no easier for a driver."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from standin.client import StandIn

ANNA, BELA, NOBODY = "+4915123450011", "+4915123450022", "+4915123450099"
COMPOSER = "#main footer [contenteditable=true][role=textbox]"
SEND = '#main footer button[aria-label="Send"]'
QUICK = {"boot_ms": 10, "loading_ms": 10, "qr_canvas_ms": 10, "existence_ms": 10, "rows_ms": 10, "send_ms": 5}
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
NO_CHOOSER = """
    const click = HTMLInputElement.prototype.click;
    HTMLInputElement.prototype.click = function () { if (this.type !== 'file') click.call(this); };
"""


class Page:
    """One Chromium on one stand-in, with the few gestures these tests need."""

    def __init__(self, standin: StandIn, profile: Path, agent: str | None = AGENT) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--lang=en-US",
            "--window-size=1200,800",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        if agent:
            options.add_argument(f"--user-agent={agent}")
        self.standin = standin
        self.profile = profile
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))

    def load(self, path: str = "/") -> None:
        """Load a path and wait for the main screen."""
        self.driver.get(self.standin.url + path)
        self.standin.wait("page.main")

    def kill(self) -> None:
        """Let Chrome and its driver die as in a power cut."""
        process = self.driver.service.process
        assert process
        _kill_tree(process.pid)
        with process:  # closes its pipes and reaps it
            process.kill()
        for lock in self.profile.glob("Singleton*"):
            lock.unlink()

    def all(self, css: str) -> list[WebElement]:
        """Every element that matches now."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str) -> WebElement:
        """The first element that matches, soon."""
        return WebDriverWait(self.driver, 5, 0.02).until(lambda _: self.all(css), css)[0]

    def until(self, check: Callable[[], object]) -> None:
        """Wait until a check holds."""
        WebDriverWait(self.driver, 5, 0.02).until(lambda _: check())

    def click_anchor(self, href: str, *, attached: bool = True, child: bool = False) -> None:
        """Click an injected link the way a driver does."""
        script = """
            const [href, attached, child] = arguments;
            const anchor = document.createElement('a');
            anchor.href = href;
            if (child) anchor.append(document.createElement('span'));
            if (attached) document.body.append(anchor);
            (child ? anchor.firstChild : anchor).click();
            anchor.remove();
        """
        self.driver.execute_script(script, href, attached, child)

    def open(self, number: str, text: str = "") -> WebElement:
        """Open a chat by anchor; returns its composer, emptied unless a text was given."""
        self.click_anchor(f"https://web.whatsapp.com/send?phone={number[1:]}&text={text}")
        self.standin.wait("chat.opened", number=number)
        box = self.one(COMPOSER)
        if not text:
            box.send_keys(Keys.CONTROL + "a", Keys.DELETE)
        return box

    def send(self, number: str, text: str) -> str:
        """Send one text and wait for its tick; returns the message's id."""
        self.open(number).send_keys(text)
        self.one(SEND).click()
        sent = self.standin.wait("message.received", number=number, text=text)
        self.standin.wait("message.acked", id=sent["id"])
        return str(sent["id"])


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """One server for the whole file."""
    with StandIn.start(tmp_path_factory.mktemp("standin"), linked=True, not_on_whatsapp=[NOBODY], **QUICK) as standin:
        yield standin


@pytest.fixture(scope="module")
def browser(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for the whole file, on the main screen."""
    page = Page(standin, tmp_path_factory.mktemp("profile"))
    page.load()
    yield page
    page.driver.quit()


@pytest.fixture
def page(browser: Page, standin: StandIn) -> Iterator[Page]:
    """The browser on generation B; switches a test has thrown are thrown back."""
    before = standin.switches()
    standin.forget()
    yield browser
    standin.set(**before)


def test_a_dom_write_reaches_neither_composer_nor_send_button(page: Page) -> None:
    """The editor keeps its own text: textContent and innerHTML are undone and never offered for sending."""
    box = page.open(ANNA)
    for write in ("arguments[0].textContent = 'forged'", "arguments[0].innerHTML = '<p>forged</p>'"):
        page.driver.execute_script(write + "; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", box)
        page.until(lambda: box.text == "")
        assert page.all(SEND) == []


@pytest.mark.parametrize(
    "script",
    [
        "document.execCommand('insertText', false, arguments[1])",
        """const data = new DataTransfer(); data.setData('text/plain', arguments[1]);
           arguments[0].dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))""",
    ],
    ids=["execCommand", "paste"],
)
def test_the_editor_takes_text_the_ways_the_real_one_does(page: Page, script: str) -> None:
    """ExecCommand and a synthetic paste count as typing."""
    box = page.open(ANNA)
    page.driver.execute_script(script, box, "héllo 🎉")
    assert box.text == "héllo 🎉"
    assert page.all(SEND)


def test_cdp_text_lands_at_the_caret(page: Page) -> None:
    """Input.insertText goes where the caret is, also when that is not the end."""
    box = page.open(ANNA)
    box.send_keys("ab", Keys.ARROW_LEFT)
    page.driver.execute_cdp_cmd("Input.insertText", {"text": "🎉"})
    box.send_keys(Keys.END, Keys.BACKSPACE, "c")
    assert box.text == "a🎉c"


def test_a_newline_in_send_keys_sends_half_a_message(page: Page, standin: StandIn) -> None:
    """Enter sends, so `\\n` splits a text in two messages; Shift+Enter is the newline."""
    box = page.open(ANNA)
    box.send_keys("first half\nsecond half")
    assert standin.wait("message.received")["text"] == "first half"
    assert box.text == "second half"
    box.send_keys(Keys.SHIFT + Keys.ENTER)
    box.send_keys(Keys.NULL, "third line", Keys.ENTER)
    assert standin.wait("message.received")["text"] == "second half\nthird line"


def test_enter_is_a_newline_when_the_user_set_it_so(page: Page, standin: StandIn) -> None:
    """With `enter_is_send` off only the button sends."""
    standin.set(enter_is_send=False)
    page.open(ANNA).send_keys("one\ntwo")
    page.one(SEND).click()
    assert standin.wait("message.received")["text"] == "one\ntwo"


def test_the_voice_button_is_a_trap(page: Page, standin: StandIn) -> None:
    """The same slot and data-tab hold Voice while there is no text; clicking it is a violation."""
    page.open(ANNA)
    before = len(standin.record()["violations"])
    (button,) = page.all('#main footer [data-tab="11"]')
    assert button.get_attribute("aria-label") == "Voice message"
    button.click()
    assert standin.wait("violation")["what"] == "voice.clicked"
    assert before + 1 == len(standin.record()["violations"])


@pytest.mark.parametrize("how", [{"attached": False}, {"child": True}], ids=["detached", "child"])
def test_an_anchor_must_be_attached_and_the_target(page: Page, standin: StandIn, how: dict[str, bool]) -> None:
    """The app listens on window for A targets; a click it does not see is a page load."""
    page.open(ANNA)
    page.click_anchor(f"https://wa.me/{BELA[1:]}", **how)
    assert standin.wait("page.loaded")["path"] == "/send"
    assert standin.wait("chat.opened", number=BELA)["how"] == "url"
    page.click_anchor(f"https://wa.me/{ANNA[1:]}")
    assert standin.wait("chat.opened", number=ANNA)["how"] == "anchor"


def test_before_main_an_anchor_really_navigates(page: Page, standin: StandIn) -> None:
    """While the page loads the click is a page load, and the chat opens only after main."""
    standin.set(boot_ms=400)
    page.driver.get(standin.url)
    standin.wait("page.loaded", path="/")
    page.click_anchor(f"https://web.whatsapp.com/send?phone={ANNA[1:]}")
    assert standin.wait("page.loaded")["path"] == "/send"
    assert standin.wait("chat.opened", number=ANNA)["how"] == "url"


def test_a_prefilled_text_is_merged_with_a_draft_and_never_sent(page: Page, standin: StandIn) -> None:
    """`text=` only fills the composer, behind what an earlier visit left there."""
    page.open(ANNA).send_keys("old ")
    page.open(BELA)
    before = len(standin.messages())
    assert page.open(ANNA, "new").text == "old new"
    assert before == len(standin.messages())
    page.open(ANNA)


@pytest.mark.parametrize(("wording", "text"), [("new", "isn't on WhatsApp"), ("old", "shared via url is invalid")])
def test_an_unknown_number_gives_a_dialog(page: Page, standin: StandIn, wording: str, text: str) -> None:
    """A number that is not on WhatsApp ends in a modal with OK; no other chat is opened."""
    standin.set(invalid_text=wording)
    page.click_anchor(f"https://web.whatsapp.com/send?phone={NOBODY[1:]}&text=hi")
    standin.wait("chat.refused", number=NOBODY)
    assert text in page.one("[role=dialog][aria-modal=true]").text
    page.one("[data-testid=popup-controls-ok]").click()
    page.until(lambda: not page.all("[role=dialog]"))


def test_generation_b_markup(page: Page) -> None:
    """B: direction classes, whole message keys, data-icon ticks with padded labels."""
    message_id = page.send(BELA, "marks *bold* 😀")
    row = page.one(f'#main [data-id$="{message_id}"]')
    assert (row.get_attribute("data-id") or "").startswith("true_")
    assert row.find_elements(By.CSS_SELECTOR, ".message-out")
    text = row.find_element(By.CSS_SELECTOR, ".copyable-text[data-pre-plain-text] .selectable-text")
    assert text.text.strip() == "marks bold"
    assert text.find_element(By.TAG_NAME, "img").get_attribute("alt") == "😀"
    assert row.find_element(By.CSS_SELECTOR, "[data-icon=msg-check]").get_attribute("aria-label") == " Sent "


def test_generation_c_markup_and_its_lying_ticks(page: Page, standin: StandIn) -> None:
    """C: bare hex ids, no direction classes, no data-icon; one tick is titled `wds-ic-delivered`."""
    standin.set(generation="C")
    message_id = page.send(BELA, "in C")
    row = page.one(f'#main [data-id="{message_id}"][data-testid="conv-msg-{message_id}"]')
    assert page.all("#main .message-out, #main [data-icon]") == []
    tick = row.find_element(By.CSS_SELECTOR, "[data-testid=msg-meta] [aria-label]")
    assert tick.get_attribute("aria-label") == " Sent "
    assert "<title>wds-ic-delivered</title>" in (tick.get_attribute("innerHTML") or "")
    assert page.all('#side input[role=textbox][data-tab="3"]')


def test_offline_keeps_a_message_on_the_clock(page: Page, standin: StandIn) -> None:
    """Without a connection nothing is received; it goes out when the line is back."""
    box = page.open(ANNA)
    standin.set(offline=True)
    page.until(lambda: "Computer not connected" in page.one("#side").text)
    box.send_keys("patience", Keys.ENTER)
    standin.wait("send.clicked", how="enter")
    page.one('#main [data-icon="msg-time"][aria-label=" Pending "]')
    assert "patience" not in [message["text"] for message in standin.messages()]
    standin.set(offline=False)
    standin.wait("message.received", text="patience")
    page.until(lambda: not page.all('#main [data-icon="msg-time"]'))


def test_a_file_is_recorded_with_its_digest(page: Page, standin: StandIn, tmp_path: Path) -> None:
    """A document picked through the created-on-click input arrives byte for byte, with its caption."""
    file = tmp_path / "offer.pdf"
    file.write_bytes(b"%PDF-1.4 offer")
    page.open(ANNA)
    page.driver.execute_script(NO_CHOOSER)
    assert page.all("input[type=file]") == []
    page.one('#main footer [aria-label="Attach"]').click()
    page.one('[role=menuitem][aria-label="Document"]').click()
    page.one('input[type=file][accept="*"]').send_keys(str(file))
    page.one('[contenteditable][aria-placeholder^="Add a caption"]').send_keys("for you")
    assert page.all('#main [aria-label^="Add a caption"]') == []
    page.one('div[role=button][aria-label="Send"]').click()
    standin.wait("message.received")
    message = standin.messages()[-1]
    assert (message["caption"], message["text"]) == (True, "for you")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    expected = {"name": "offer.pdf", "size": 14, "sha256": digest, "mimetype": "application/pdf", "via": "document"}
    assert [expected] == message["files"]


def test_an_answer_shows_as_unread_until_its_chat_is_opened(page: Page, standin: StandIn) -> None:
    """A received message gives a badge and a hidden text before the name; opening clears both."""
    page.open(BELA)
    standin.incoming(ANNA, "STOP", quoted="Reply STOP to end")
    badge = page.one('#pane-side [aria-label="1 unread message"]')
    cell = badge.find_element(By.XPATH, "./ancestor::*[@role='gridcell']")
    assert (cell.get_attribute("textContent") or "").startswith("1 unread message+49")
    page.open(ANNA)
    page.until(lambda: not page.all("#pane-side [aria-label*=unread]"))
    page.until(lambda: "STOP" in page.all("#main [data-id]")[-1].text)
    assert page.all("#main [data-id]")[-1].find_elements(By.CSS_SELECTOR, '[aria-label="Quoted message"]')


def test_a_failed_message_can_be_tried_again(page: Page, standin: StandIn) -> None:
    """The fail icon opens a dialog; the server has the message only after Try again."""
    standin.set(fail_numbers=[BELA])
    page.open(BELA).send_keys("unlucky", Keys.ENTER)
    page.one("#main [data-icon=message-fail]").click()
    assert "Your message was not sent." in page.one("[role=dialog]").text
    assert "unlucky" not in [message["text"] for message in standin.messages()]
    standin.set(fail_numbers=[])
    page.all("[role=dialog] button")[-1].click()
    standin.wait("message.received", text="unlucky")


def test_a_restricted_account_has_no_composer_in_new_chats(page: Page, standin: StandIn) -> None:
    """A bar replaces the composer, until the other side writes."""
    stranger = "+4915123450033"
    standin.set(restricted=True)
    page.click_anchor(f"https://wa.me/{stranger[1:]}")
    standin.wait("chat.opened", number=stranger)
    assert "can't start new chats" in page.one("#main footer").text
    assert page.all(COMPOSER) == []
    standin.incoming(stranger, "hello")
    page.one(COMPOSER)


def test_search_counts_real_keys_only(page: Page, standin: StandIn) -> None:
    """Setting `.value` does not filter; in results the first row is a heading."""
    standin.set(generation="C")
    standin.incoming(ANNA, "hello")
    box = page.one('#side input[data-tab="3"]')
    page.driver.execute_script(
        "arguments[0].value = '50011'; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", box
    )
    assert page.all('[role=grid][aria-label="Chat list"]')
    box.clear()
    box.send_keys("50011")
    rows = page.one('[role=grid][aria-label="Search results."]').find_elements(By.CSS_SELECTOR, "[role=row]")
    assert rows[0].text == "Chats"
    rows[1].click()
    assert standin.wait("chat.opened", number=ANNA)["how"] == "search"


def test_the_qr_code_changes_and_then_waits_for_a_click(page: Page, standin: StandIn) -> None:
    """After its refs have run out a button stands inside [data-ref]; a click starts the cycle anew."""
    standin.set(linked=False, qr_first_ms=30, qr_next_ms=30, qr_refs=2)
    standin.logout()
    standin.wait("qr.shown", count=2)
    standin.wait("qr.idle")
    assert page.all("[data-ref] canvas[role=img]")
    standin.set(qr_first_ms=60_000)
    page.one("[data-ref] button").click()
    standin.wait("qr.shown", count=1)
    assert len((page.one("[data-ref]").get_attribute("data-ref") or "").split(",")) == 5
    standin.scan()
    standin.wait("page.main")


@pytest.mark.parametrize("generation", ["B", "C"])
def test_a_code_for_a_number_changes_expires_and_links(page: Page, standin: StandIn, generation: str) -> None:
    """Only real key strokes change the field; only the code shown now links; an expired one waits for a click."""
    standin.set(linked=False, generation=generation, link_code_ms=150, link_codes=2)
    standin.logout()
    page.one("[data-testid=link-device-qrcode-alt-linking-hint]").click()
    field = page.one("input[aria-label='Type your phone number.']")
    next_button = page.one("button.main")
    page.driver.execute_script(
        "arguments[0].value = '+4915123450011'; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", field
    )
    next_button.click()
    assert page.one("#link-device-phone-number-entry-screen-error").text
    field.send_keys(Keys.CONTROL + "a")
    field.send_keys("49 151 2345 0011")
    next_button.click()
    first = standin.wait("code.shown", number="4915123450011")["code"]
    second = standin.wait("code.shown")["code"]
    standin.wait("code.expired")
    assert not standin.enter(first) and not standin.enter(second)
    standin.set(link_code_ms=60_000)
    page.one("[data-testid=popup-controls-ok], .codes button").click()
    third = standin.wait("code.shown")["code"]
    shown = page.one("[data-link-code]").get_attribute("data-link-code") or ""
    assert third == shown.replace(",", "")
    assert standin.enter(third)
    standin.wait("page.main")


@pytest.mark.parametrize("generation", ["B", "C"])
def test_the_menu_logs_out_after_a_question(page: Page, standin: StandIn, generation: str) -> None:
    """Cancel and Escape change nothing; with the part left out there is no entry."""
    standin.set(linked=False, generation=generation, missing=["logout"])
    page.load()
    page.one("header [aria-label=Menu]").click()
    assert not page.all(".main-menu [aria-label='Log out']")
    standin.set(missing=[])
    page.load()
    page.one("header [aria-label=Menu]").click()
    page.one(".main-menu [aria-label='Log out']").click()
    page.one("[role=dialog] [data-testid=popup-controls-cancel]").click()
    page.until(lambda: not page.all("[role=dialog]"))
    page.one("header [aria-label=Menu]").click()
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.until(lambda: not page.all(".main-menu"))
    page.one("header [aria-label=Menu]").click()
    page.one(".main-menu [aria-label='Log out']").click()
    page.one("[role=dialog] [data-testid=popup-controls-ok]").click()
    standin.wait("logout.confirmed")
    standin.wait("qr.shown")
    standin.scan()
    standin.wait("page.main")


def test_a_killed_browser_keeps_its_link_and_a_logout_ends_it(tmp_path: Path) -> None:
    """Scan once; after SIGKILL of Chrome the profile goes straight to main, after logout to the QR code."""
    with StandIn.start(tmp_path / "data", **QUICK) as standin:
        first = Page(standin, tmp_path / "profile")
        try:
            first.driver.get(standin.url)
            standin.scan()
            standin.wait("page.main")
        finally:
            first.kill()
        again = Page(standin, tmp_path / "profile")
        try:
            again.driver.get(standin.url)
            loaded = standin.wait("page.loaded")["n"]
            standin.wait("page.main")
            assert "qr.shown" not in [event["event"] for event in standin.events(after=loaded)]
            standin.logout()
            standin.wait("qr.shown")
            assert "post_logout=1" in again.driver.current_url
        finally:
            again.driver.quit()


def test_headless_chrome_is_sent_away(standin: StandIn, tmp_path: Path) -> None:
    """A user agent that says HeadlessChrome never boots the app."""
    page = Page(standin, tmp_path, agent=None)
    try:
        page.driver.get(standin.url)
        assert "WhatsApp works with Google Chrome 100+" in page.one("#app").text
    finally:
        page.driver.quit()


def test_everything_survives_a_killed_server(tmp_path: Path) -> None:
    """Switches, history and events are on disk when the call has answered."""
    standin = StandIn.start(tmp_path, ack_ms=7)
    standin.incoming(ANNA, "hello")
    standin.stop(kill=True)
    with StandIn.start(tmp_path) as again:
        assert again.switches()["ack_ms"] == 7


def _kill_tree(pid: int) -> None:
    """SIGKILL a process after those below it."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            _kill_tree(int(child))
    os.kill(pid, signal.SIGKILL)
