"""Another chat opens while one is worked with: by a person at the window, or by an answer that comes late."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from daemon import errors
from daemon.transports.browser.whatsapp_web import Page
from daemon.transports.protocol import Outgoing
from tests.support.driving import Driving, a_number

LINK = "https://web.whatsapp.com/send?phone="
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
