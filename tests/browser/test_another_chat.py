"""Another chat opens while one is worked with: by a person at the window, or by an answer that comes late."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.remote.webelement import WebElement

from daemon import errors
from daemon.states import E164, Kind
from daemon.transports.browser.bridge import Operation
from daemon.transports.browser.whatsapp_web import Page
from daemon.transports.protocol import Outgoing
from tests.support.attachments import a_png, an_attachment
from tests.support.driving import Driving, a_number

LINK = "https://web.whatsapp.com/send?phone="
HIDES = "body:has(.preview) #main { display: none }"
HALF = "half a sentence by a person"
BLOCKED = "Can't send a message to blocked contact."
#: Before the rows are waited for, once: somebody opens another chat.
SWITCHED = """async function settled(given) {
  if (!sessionStorage.getItem("%(digits)s")) {
    sessionStorage.setItem("%(digits)s", "opened");
    clickLink("%(link)s");
    await until(() => title()?.text === "%(title)s" || isNumber(title()?.text ?? "", "%(digits)s"), 5000);
  }
  return atRest(given);
}
async function atRest("""


def page(driving: Driving) -> Page:
    assert driving.transport._page is not None
    return driving.transport._page


def script(driving: Driving, code: str, *given: Any) -> Any:
    driver = page(driving)._surface._driver
    return driving.run(driving.transport._run("script", lambda _: driver.execute_script(code, *given), 30))


def switch(driving: Driving, number: str) -> None:
    """Open that chat, on the driver's thread, as a person would: the transport knows nothing of it."""
    surface, digits = page(driving)._surface, number.strip("+")
    before = surface.ask("title")["text"]
    surface._driver.execute_script(
        "const made = document.createElement('a'); made.href = arguments[0]; document.body.append(made); made.click();"
        "made.remove()",
        LINK + digits,
    )
    assert surface.ask("arrive", digits=digits, marker=None, wait_ms=5_000, before=before)["outcome"] == "proved"


def half_written(driving: Driving, number: str, text: str) -> None:
    """A person has begun to write in that chat."""

    def work(operation: Operation) -> None:
        page(driving).chats.open(E164(number), operation)
        page(driving)._surface.ask("focus", where="composer", wait_ms=500)
        page(driving)._surface.type(text)

    driving.run(driving.transport._run("write", work, 60))


def drafts(driving: Driving) -> dict[str, str]:
    """What WhatsApp keeps in composers, by number."""
    found: dict[str, str] = json.loads(script(driving, "return localStorage.getItem('WADrafts') ?? '{}'"))
    return found


def heard(driving: Driving, number: str) -> list[str]:
    """What was noted of that number."""
    notes = driving.run(driving.transport.overheard())
    return [said.text for note in notes if note.number == number for said in note.rows]


def texts(driving: Driving, number: str) -> list[str]:
    return [each["text"] for each in driving.got(number)]


@pytest.mark.parametrize("named", [False, True], ids=["title", "marker"])
def test_between_the_proof_and_the_rows(driving: Driving, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    """What the chat is called from then on was read together with the proof: the text does not go to another person."""
    number, other = a_number(), a_number()
    if named:
        driving.set(names={number: "Kim", other: "Lea"})
    for each in (other, number, a_number()):
        driving.send(each, "earlier")
    driving.set(modal_delay_ms=10_000)
    surface, digits = page(driving)._surface, other.strip("+")
    injected = SWITCHED % {"digits": digits, "link": LINK + digits, "title": "Lea"}
    monkeypatch.setattr(surface, "_script", surface._script.replace("async function settled(", injected))

    refused = pytest.raises(errors.NotSubmitted, match="Another chat") if named else contextlib.nullcontext()
    with refused:
        driving.send(number, "for one only")

    assert "opened" == script(driving, "return sessionStorage.getItem(arguments[0])", digits)
    assert ["earlier"] == texts(driving, other)
    assert ["earlier"] + ([] if named else ["for one only"]) == texts(driving, number)
    assert 0.0 == page(driving).chats.link_rests


def test_the_bar_of_the_chat_before_says_nothing_about_the_next(driving: Driving) -> None:
    """A blocked contact's chat stays on the screen while WhatsApp asks for the next number."""
    blocked, number = a_number(), a_number()
    driving.send(blocked, "earlier")
    script(driving, "document.querySelector('#main footer').outerHTML = `<div>${arguments[0]}</div>`", BLOCKED)
    driving.set(existence_ms=1_500, modal_delay_ms=3_000)

    driving.send(number, "news")

    assert ["news"] == texts(driving, number)


@pytest.mark.parametrize("named", [False, True], ids=["number", "name"])
def test_who_is_blocked_is_told_by_their_number(driving: Driving, named: bool) -> None:
    """A name proves nobody's chat where no marker can: the message is tried again, and the page is not to blame."""
    number = a_number()
    driving.set(names={number: "Kim"} if named else {})
    driving.send(number, "earlier")
    driving.send(a_number(), "elsewhere")
    bar = """const [words] = arguments;
    new MutationObserver(() => {
      const foot = document.querySelector("#main footer");
      if (foot) foot.outerHTML = `<div>${words}</div>`;
    }).observe(document, { subtree: true, childList: true })"""
    script(driving, bar, BLOCKED)

    told = []
    for _ in range(3):
        with pytest.raises((errors.Undeliverable, errors.NotSubmitted), match="blocked") as caught:
            driving.prepare(Outgoing(number, "news"))
        told.append(caught.type)
    driving.reload()

    assert 3 * [errors.NotSubmitted if named else errors.Undeliverable] == told


@pytest.fixture
def two(driving: Driving) -> tuple[str, str]:
    """A recipient, and somebody who has written STOP and whom a person is about to answer."""
    number, other = a_number(), a_number()
    for each in (number, other):
        driving.send(each, "earlier")
    driving.standin.incoming(other, "STOP")
    half_written(driving, other, HALF)
    driving.send(a_number(), "elsewhere")
    assert [] == heard(driving, number)
    return number, other


@pytest.mark.parametrize("files", [False, True], ids=["text", "file"])
@pytest.mark.parametrize("at", ["open", "catch_up"])
def test_between_the_proof_and_the_text(
    driving: Driving, monkeypatch: pytest.MonkeyPatch, two: tuple[str, str], tmp_path: Path, at: str, files: bool
) -> None:
    """What stands in the other chat is noted for nobody, and what a person has begun to write there stays."""
    number, other = two
    owner: Any = page(driving).chats if at == "open" else page(driving).incoming
    real = getattr(owner, at)

    def switched(*given: Any) -> Any:
        found = real(*given)
        monkeypatch.undo()
        switch(driving, other)
        return found or at == "catch_up"

    monkeypatch.setattr(owner, at, switched)
    pictures = (an_attachment(tmp_path, Kind.PHOTO, a_png(3), "3.png"),) if files else ()
    with pytest.raises(errors.NotSubmitted, match="Another chat"):
        driving.prepare(Outgoing(number, "news", pictures))
    noted = heard(driving, number)

    assert "STOP" not in noted
    assert HALF == drafts(driving)[other].strip("\n")


def test_between_the_proof_and_the_older_rows(
    driving: Driving, monkeypatch: pytest.MonkeyPatch, two: tuple[str, str]
) -> None:
    """Nothing of ours is loaded, so the chat is read back: it is another one by then."""
    _, other = two
    number = a_number()
    driving.standin.incoming(number, "hello?")
    surface, asked = page(driving)._surface, page(driving)._surface.ask

    def switch_first(command: str, **given: Any) -> Any:
        if command == "readRows":
            monkeypatch.undo()
            switch(driving, other)
        return asked(command, **given)

    monkeypatch.setattr(surface, "ask", switch_first)
    with contextlib.suppress(errors.NotSubmitted):
        driving.prepare(Outgoing(number, "news"))

    assert "STOP" not in heard(driving, number)


@pytest.mark.parametrize("key", ["a", "Delete"])
def test_while_a_draft_of_ours_is_removed(
    driving: Driving, monkeypatch: pytest.MonkeyPatch, two: tuple[str, str], key: str
) -> None:
    """What is selected in the one chat is not deleted in the other."""
    number, other = two
    half_written(driving, number, "of ours")
    chat = page(driving).chats.proved
    assert chat is not None
    surface, pressed = page(driving)._surface, page(driving)._surface.key

    def switch_first(name: str, *given: Any, **more: Any) -> None:
        if name == key:
            monkeypatch.undo()
            switch(driving, other)
        pressed(name, *given, **more)

    monkeypatch.setattr(surface, "key", switch_first)
    want = chat.want()
    with pytest.raises(errors.NotSubmitted, match="Another chat"):
        driving.run(driving.transport._run("clear", lambda _: page(driving)._composer.clear(want), 30))

    assert HALF == drafts(driving)[other].strip("\n")


@pytest.mark.parametrize("before", ["choosing", "giving"])
def test_while_files_are_given(
    driving: Driving, monkeypatch: pytest.MonkeyPatch, two: tuple[str, str], tmp_path: Path, before: str
) -> None:
    """A build whose preview hides the chat does not show at the click whose it is: it is known before."""
    number, other = two
    script(
        driving,
        "document.body.append(Object.assign(document.createElement('style'), { textContent: arguments[0] }))",
        HIDES,
    )
    owner, name = (page(driving)._surface, "ask") if before == "choosing" else (WebElement, "send_keys")
    real = getattr(owner, name)

    def switch_first(*given: Any, **more: Any) -> Any:
        if name == "send_keys" or given[0] == "chooseInput":
            monkeypatch.undo()
            switch(driving, other)
        return real(*given, **more)

    monkeypatch.setattr(owner, name, switch_first)
    driving.standin.forget()
    with pytest.raises(errors.NotSubmitted, match="Another chat"):
        driving.prepare(Outgoing(number, "look", (an_attachment(tmp_path, Kind.PHOTO, a_png(3), "3.png"),)))
    shown = [each["event"] for each in driving.standin.events()]
    driving.reload()

    assert "preview.shown" not in shown
