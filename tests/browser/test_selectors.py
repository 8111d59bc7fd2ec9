"""Every choice of selectors.toml finds something on some build of the page: those before it may be absent."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.states import AccountState, Ack, Hold, Kind
from daemon.transports.browser.bridge import HERE
from daemon.transports.browser.screens import LINK
from daemon.transports.browser.whatsapp_web import Page
from daemon.transports.protocol import Outgoing
from tests.support.attachments import an_attachment
from tests.support.driving import Driving, a_number

SELECTORS = tomllib.loads((HERE / "selectors.toml").read_text())
EVERY = {(name, index) for name, choices in SELECTORS["find"].items() for index in range(len(choices))}
#: Places of a notice that builds of the page have and the stand-in does not.
NOT_BUILT = {("notice", 1), ("notice", 2), ("notice", 5)}
#: For each name the choices that find anything visible.
ASK = """
const answer = {};
for (const [name, choices] of Object.entries(S.find))
  answer[name] = choices.flatMap((choice, index) => (matches(choice, document).some(visible) ? [index] : []));
return answer;
"""


def page(driving: Driving) -> Page:
    assert driving.transport._page is not None
    return driving.transport._page


def look(driving: Driving) -> set[tuple[str, int]]:
    """What ASK answers of the page as it stands."""
    surface = page(driving)._surface
    code, _, _ = surface._script.rpartition("\nrun(")  # with S, and without the command
    driver, script = surface._driver, f"{code}\n{ASK}"
    found: dict[str, Any] = driving.run(driving.transport._run("look", lambda _: driver.execute_script(script), 30))
    return {(part, index) for part, hits in found.items() for index in hits}


def ask(driving: Driving, command: str, **given: Any) -> Any:
    """One question to the page, on the driver's thread."""
    surface = page(driving)._surface
    return driving.run(driving.transport._run(command, lambda _: surface.ask(command, **given), 30))


def click(driving: Driving, name: str) -> None:
    assert ask(driving, "click", name=name), name


def before_the_link(driving: Driving) -> Iterator[str]:
    """Screens of a page that no phone has linked."""
    driving.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)
    yield "QR code"
    driving.run(driving.transport.link("+4915112345678"))
    driving.until(AccountState.NEEDS_LINK, lambda health: health.link_code is not None)
    yield "code"
    driving.set(link_code_ms=100, link_codes=1)
    driving.run(driving.transport.link("+442079460011"))
    driving.standin.wait("code.expired")
    yield "expired code"
    driving.set(passkey="prompt")
    with pytest.raises(errors.AccountUnready):
        driving.run(driving.transport.link("+442079460011"))
    yield "passkey"
    driving.set(passkey=None, link_code_ms=195_000, build="older")
    driving.run(driving.transport.link(None))
    driving.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)
    yield "QR code of an older build"
    driving.set(build="now")
    ask(driving, "openEntry", wait_ms=3_000)
    yield "field for the number"
    click(driving, "link_next")
    yield "refused number"
    driving.set(qr_first_ms=0, qr_refs=1)
    for build in ("older", "now"):
        driving.set(build=build)
        driving.standin.forget()
        driving.run(driving.transport.reload())
        driving.standin.wait("qr.idle")
        yield f"expired QR code, {build}"
    driving.set(qr_button="beside")
    driving.standin.forget()
    driving.run(driving.transport.reload())
    driving.standin.wait("qr.idle")
    yield "expired QR code whose payload stays"
    driving.set(boot_ms=3_000)
    driving.run(driving.transport.reload())
    yield "splash"


def chats(driving: Driving, folder: Path) -> Iterator[str]:
    """What a linked page can show."""
    standin = driving.standin
    driving.set(linked=True, boot_ms=0, loading_ms=4_000, qr_refs=6)
    driving.run(driving.transport.reload())
    driving.until(AccountState.LOADING)
    standin.wait("page.loaded")
    ask(driving, "missing", names=["progress"])
    yield "loading"
    driving.set(loading_ms=20)
    number, named = a_number(), a_number()
    driving.set(names={named: "Kim"})
    driving.until(AccountState.READY)
    driving.send(number, "hello")
    driving.send(named, "there")
    for _ in range(4):  # some rows of the list show a preview
        standin.incoming(a_number(), "one")
    driving.prepare(Outgoing(number, "text"))
    yield "text"
    driving.set(locale="pt")
    yield "text, in another language"
    for build in ({"labels": False}, {"build": "older"}):
        driving.set(locale="en", labels=True)
        driving.set(**build)
        driving.prepare(Outgoing(number, "text"))
        yield f"text, {build}"
        driving.prepare(Outgoing(number, "caption", (an_attachment(folder, Kind.PHOTO),)))
        yield f"preview, {build}"
        ask(driving, "leavePreview")
        ask(driving, "openPanel")
        yield f"panel, {build}"
        click(driving, "panel_back")
    click(driving, "menu")
    click(driving, "log_out_entry")
    yield "question of an older build"
    driving.set(build="now")
    driving.reload()
    click(driving, "menu")
    yield "menu"
    click(driving, "log_out_entry")
    yield "question"
    driving.reload()
    driving.prepare(Outgoing(number, "text"))
    click(driving, "attach")
    yield "attach menu"
    click(driving, "attach")
    driving.prepare(Outgoing(number, "caption", (an_attachment(folder, Kind.PHOTO),)))
    yield "preview"
    ask(driving, "leavePreview")
    ask(driving, "openPanel")
    yield "panel"
    click(driving, "panel_back")
    driving.set(not_on_whatsapp=[missing := a_number()])
    digits = missing.strip("+")
    ask(driving, "openChat", digits=digits, href=LINK + digits, marker=None, wait_ms=5_000)
    yield "a number that is not on WhatsApp"
    ask(driving, "acceptDialog", text="on whatsapp")
    for count in range(40):
        standin.own(number, f"row {count}")
    for kind in ("role", "element", "label", "icon", "testid"):
        driving.prepare(Outgoing(named, "elsewhere"))
        driving.set(history_page=30, history_ms=60_000, spinner=kind)
        driving.prepare(Outgoing(number, "text"))
        ask(driving, "older", wait_ms=100)
        yield f"older rows come, {kind}"
    driving.set(history_page=50, history_ms=0, restricted=True)
    with pytest.raises(errors.ChatBarred):
        driving.prepare(Outgoing(a_number(), "cold"))
    yield "restricted"
    driving.set(restricted=False, checkpoint="captcha")
    driving.until(AccountState.HELD, lambda health: health.hold is Hold.CHECKPOINT)
    yield "captcha"
    driving.set(checkpoint=None, offline=True)
    driving.until(AccountState.OFFLINE)
    yield "offline"
    driving.set(offline=False, conflict=True)
    driving.until(AccountState.HELD)
    yield "another window"


def test_every_choice_finds_something(tmp_path: Path) -> None:
    """One that finds nothing on any build of the page is a guess, and has no place among them."""
    missing = set(EVERY)
    for generation in ("B", "C"):
        driving = Driving(tmp_path / generation, generation=generation, linked=False)
        try:
            driving.run(driving.transport.start())
            for scene in (before_the_link(driving), chats(driving, tmp_path)):
                for _ in scene:
                    missing -= look(driving)
        finally:
            driving.close()

    assert NOT_BUILT == missing


@pytest.mark.parametrize("generation", ["B", "C"])
def test_a_page_without_labels(generation: str, tmp_path: Path) -> None:
    """Send, attach and ticks by their icons alone: by name in B, by the title of their drawing in C. Enter sends
    nothing, so the button is found."""
    driving = Driving(tmp_path / "driving", generation=generation, labels=False, enter_is_send=False)
    try:
        driving.start()
        number = a_number()
        receipt = driving.send(number, "no label")
        driving.send(number, "with a picture", an_attachment(tmp_path, Kind.PHOTO))
        texts = [each["text"] for each in driving.got(number)]
        acks = []
        for switch in ("delivered_ms", "read_ms"):
            driving.set(**{switch: 0})
            driving.send(number, "and a tick")
            for _ in range(100):
                last = ask(driving, "newestRows", count=1)[0]["ack"]
                if last not in ("pending", "sent", *acks):
                    break
                driving.run(asyncio.sleep(0.05))
            acks.append(last)
    finally:
        driving.close()

    assert Ack.SENT is receipt.ack
    assert ["no label", "with a picture"] == texts
    assert ["delivered", "read"] == acks
