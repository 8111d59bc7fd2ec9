"""What builds of the page since the summer of 2026 show: each is told apart, and answered as a person would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.states import AccountState, Hold, Kind
from daemon.transports.browser import patience, screens, selectors
from daemon.transports.protocol import Outgoing
from standin.client import StandIn
from standin.switches import DEFAULTS
from tests.support.attachments import an_attachment
from tests.support.driving import Driving, a_number

OURS = "+4915112345678"

pytestmark = pytest.mark.parametrize("shared", ["C"], indirect=True, scope="module")  # the newer generation


@pytest.fixture
def unlinked(driving: Driving) -> Iterator[Driving]:
    """The same on the page with the QR code."""
    driving.set(linked=False)
    driving.standin.logout()
    driving.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)
    driving.standin.forget()
    yield driving
    driving.set(too_many=False, passkey=None, linked=True)
    driving.run(driving.transport.reload())
    driving.until(AccountState.READY)


def ask(driving: Driving, command: str, **given: Any) -> Any:
    page = driving.transport._page
    assert page is not None
    return driving.run(driving.transport._run(command, lambda _: page._surface.ask(command, **given), 30))


def test_a_menu_that_somebody_left_open(driving: Driving, tmp_path: Path) -> None:
    """The inputs in it are used, and the entry, which would take them away, is not clicked."""
    driving.set(file_input="menu")
    driving.reload()
    number, file = a_number(), an_attachment(tmp_path, Kind.PHOTO)
    driving.prepare(Outgoing(number, "text"))
    assert ask(driving, "click", name="attach")

    driving.send(number, "see here", file)

    assert ["see here"] == [each["text"] for each in driving.got(number)]


def test_a_send_button_that_is_there_without_a_text(driving: Driving) -> None:
    """Disabled it is not clicked; with a text it is."""
    driving.set(send_slot="disabled")
    driving.reload()
    number = a_number()

    driving.send(number, "now enabled")

    assert ["now enabled"] == [each["text"] for each in driving.got(number)]


@pytest.mark.parametrize("build", ["close", "only"])
def test_the_news_are_closed(driving: Driving, standin: StandIn, build: str) -> None:
    """By Continue, which in some builds is all there is; also when they come up before a message."""
    driving.set(whats_new=build)
    driving.until(AccountState.READY, lambda _: standin.switches()["whats_new"] is None)
    driving.set(whats_new=build)
    driving.send(a_number(), "all the same")

    assert standin.switches()["whats_new"] is None


@pytest.mark.parametrize(
    ("kind", "hides"),
    [
        *((kind, None) for kind in ("prompt", "step", "words", "captcha")),
        ("step", "hidden"),
        ("captcha", "hidden"),
        ("prompt", "replaced"),
        ("words", "replaced"),
    ],
)
def test_a_security_check_in_a_session(driving: Driving, kind: str, hides: str | None) -> None:
    """It holds the account, also where it hides the chats, and nothing in it is clicked; when a person has passed it,
    all goes on."""
    driving.set(checkpoint=kind, checkpoint_hides=hides)
    held = driving.until(AccountState.HELD)
    with pytest.raises(errors.AccountUnready):
        driving.prepare(Outgoing(a_number(), "not now"))
    driving.set(checkpoint=None, checkpoint_hides=None)
    driving.until(AccountState.READY)

    assert Hold.CHECKPOINT is held.hold
    assert held.words and "passkey" in held.words


@pytest.mark.parametrize("step", ["prompt", "step"])
def test_a_passkey_while_linking(unlinked: Driving, standin: StandIn, step: str) -> None:
    """After a scan: the account waits for the person, in these words, and the page is left to them."""
    unlinked.set(passkey=step)
    standin.scan()
    standin.wait("passkey.shown")
    health = unlinked.until(AccountState.NEEDS_LINK, lambda health: "passkey" in (health.words or ""))
    for _ in range(5):
        unlinked.health()
    loaded = [event for event in standin.events() if event["event"] == "page.loaded"]
    unlinked.set(passkey=None)
    unlinked.until(AccountState.READY)

    assert (None, None, []) == (health.qr, health.hold, loaded)


def test_a_passkey_in_place_of_the_code(unlinked: Driving, standin: StandIn) -> None:
    """Who asked for the code is told why there is none; the page stays for them."""
    unlinked.set(passkey="prompt")
    with pytest.raises(errors.AccountUnready, match="passkey"):
        unlinked.run(unlinked.transport.link(OURS))
    standin.wait("passkey.shown")

    assert "passkey" in (unlinked.health().words or "")


def test_too_many_attempts(unlinked: Driving) -> None:
    """There is no code to show, and none is asked for again."""
    unlinked.set(too_many=True)
    health = unlinked.until(AccountState.NEEDS_LINK, lambda health: health.qr is None)
    with pytest.raises(errors.AccountUnready, match="no more attempts"):
        unlinked.run(unlinked.transport.link(OURS))

    assert health.words and "wait a few hours" in health.words


def test_an_expired_code_whose_payload_stays(unlinked: Driving, standin: StandIn) -> None:
    """It is told by the button beside it, is not shown to anybody, and is renewed by that button."""
    unlinked.set(qr_button="beside", qr_first_ms=500, qr_refs=1)
    unlinked.run(unlinked.transport.reload())
    first = unlinked.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None).qr
    standin.wait("qr.idle")
    unlinked.set(qr_first_ms=60_000)

    second = unlinked.until(AccountState.NEEDS_LINK, lambda health: health.qr not in (None, first)).qr

    assert first and second


def test_a_page_in_another_language_is_asked_for_english(driving: Driving) -> None:
    """By the cookie; where that does not help, the account holds and says so, and answers are read all the same."""
    driving.set(locale="pt", cookie_decides=True)
    driving.run(driving.transport.reload())
    driving.until(AccountState.READY)
    driving.set(cookie_decides=False, locale="pt")
    held = driving.until(AccountState.HELD)
    with pytest.raises(errors.AccountUnready):
        driving.prepare(Outgoing(a_number(), "not now"))
    driving.standin.incoming(number := a_number(), "oi")
    heard = driving.run(driving.transport.unread())
    driving.set(locale="en")
    driving.until(AccountState.READY)

    assert Hold.LANGUAGE is held.hold and "(pt)" in (held.words or "")
    assert number in [chat.number for chat in heard]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes takes a second."""
    for name, seconds in {"FIRST_S": 1.0, "SECOND_S": 1.5, "LATER_S": 1.5}.items():
        monkeypatch.setattr(patience, name, seconds)


@pytest.mark.parametrize(
    ("switch", "state"),
    [
        ({"tos_block": True}, AccountState.HELD),
        ({"deprecated": True}, AccountState.HELD),
        ({"temp_ban": 2}, AccountState.BANNED),
    ],
    ids=["terms", "too old", "ban"],
)
def test_a_screen_that_stays_until_it_is_loaded_anew(
    driving: Driving, soon: None, switch: dict[str, Any], state: AccountState
) -> None:
    """It is, after a while, by itself; meanwhile nobody is told of a change."""
    driving.set(sticky=True, **switch)
    driving.until(state)
    driving.set(**{name: DEFAULTS[name] for name in switch})
    shown = set()
    for _ in range(300):
        shown.add(driving.health().state)
        if AccountState.READY in shown:
            break
        driving.run(asyncio.sleep(0.05))

    assert {state, AccountState.READY} == shown


def test_a_served_page_that_stays_as_it_is(driving: Driving, soon: None) -> None:
    """It is loaded anew, more than once where necessary."""
    driving.set(boot_stuck=True)
    driving.run(driving.transport.reload())
    driving.until(AccountState.LOADING)
    driving.standin.forget()
    for _ in range(2):
        driving.until(
            AccountState.LOADING, lambda _: any(e["event"] == "page.loaded" for e in driving.standin.events())
        )
        driving.standin.forget()
    driving.set(boot_stuck=False)

    driving.until(AccountState.READY)


def test_another_window_without_a_button_to_take_it_back(driving: Driving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is loaded anew: the newest has it."""
    page = driving.transport._page
    assert page is not None
    page.screens.since.conflict_wait = 0.0
    monkeypatch.setitem(page._surface.text, "conflict", "whatsapp is open")
    driving.set(conflict=True)
    driving.until(AccountState.READY)
    page.screens.since.conflict_wait = screens.CONFLICT_S


def script(driving: Driving, code: str, *given: Any) -> Any:
    """Run something in the page, as WhatsApp or a person might."""
    page = driving.transport._page
    assert page is not None
    return page._surface._driver.execute_script(code, *given)


def test_buttons_in_messages_are_not_whatsapps(driving: Driving) -> None:
    """A business offers answers, which a click sends; and the panel beside the chat has a Close."""
    driving.send(number := a_number(), "hello")
    before = ask(driving, "observe")["preview"]
    script(
        driving,
        "const row = [...document.querySelectorAll('#main [data-id]')].at(-1);"
        "for (const name of ['Reconnect', 'Use here', 'Log out', 'Send', 'Generate new code', 'Reload QR code']) {"
        "  const button = document.createElement('div'); button.setAttribute('role', 'button');"
        "  button.ariaLabel = button.textContent = name; row.append(button);"
        "  button.onclick = () => { window.pressed = name; }; }"
        "const panel = document.createElement('div'); panel.id = 'panel';"
        "panel.innerHTML = '<button aria-label=Close>x</button>'; document.querySelector('#main').after(panel);",
    )
    parts = ("reconnect", "use_here", "log_out", "link_renew", "qr_reload", "send_preview")
    clicked = [name for name in parts if ask(driving, "click", name=name)]
    preview, pressed = ask(driving, "observe")["preview"], script(driving, "return window.pressed ?? null")
    script(driving, "document.querySelector('#panel').remove()")
    driving.send(number, "and again")

    assert (False, False, [], None) == (before, preview, clicked, pressed)
    assert ["hello", "and again"] == [each["text"] for each in driving.got(number)]


def test_what_people_leave_in_the_list_of_chats(driving: Driving) -> None:
    """A filter, or words in the search: who has written is found all the same."""
    driving.reload()
    driving.standin.incoming(number := a_number(), "stop")
    script(driving, "[...document.querySelectorAll('#side [role=tab]')].at(-1).click()")
    filtered = driving.run(driving.transport.unread())
    page = driving.transport._page
    assert page is not None
    script(driving, "document.querySelector('#side [data-tab=\"3\"]').focus()")
    driving.run(driving.transport._run("type", lambda _: page._surface.type("0000"), 30))
    left = ask(driving, "leavePanel")["left"]
    driving.run(driving.transport._run("type", lambda _: page._surface.key("Delete", "Delete", 46), 30))

    assert number in [chat.number for chat in filtered]
    assert not left
    assert number in [chat.number for chat in driving.run(driving.transport.unread())]


def test_a_deleted_message_has_no_tick(driving: Driving) -> None:
    """Nor has a call: that is no change of the page; a text of ours without any is one."""
    driving.send(number := a_number(), "regretted")
    strip = (
        "const row = [...document.querySelectorAll('#main [data-id]')].at(-1);"
        "for (const el of row.querySelectorAll('[data-testid=msg-meta] [aria-label], [data-testid=msg-meta] svg,"
        " [data-testid=msg-meta] [data-testid], [data-icon]')) el.remove();"
        "const you = document.createElement('span'); you.ariaLabel = 'You:'; row.prepend(you);"
    )
    script(driving, strip)
    textless = "const row = [...document.querySelectorAll('#main [data-id]')].at(-1);"
    changed = ask(driving, "missing", names=["tick"])
    script(
        driving,
        textless + "for (const el of row.querySelectorAll(arguments[0])) el.replaceWith('You deleted this message');",
        selectors.built_in().data["row"]["text"],
    )

    assert (["tick"], []) == (changed, ask(driving, "missing", names=["tick"]))
    driving.send(number, "the next one")


def test_rows_that_come_one_after_the_other(driving: Driving) -> None:
    """In a chat that no list tells of: all are waited for, as the newest of them is the mark."""
    driving.prepare(Outgoing(a_number(), "what comes after"))
    script(
        driving,
        "const add = (n) => { const row = document.createElement('div'); row.dataset.id = '3EB0'.padEnd(20, n);"
        "  row.innerHTML = '<span class=selectable-text>once</span> 10:10';"
        "  document.querySelector('#main [data-tab=\"8\"]').append(row); };"
        "setTimeout(() => { add(1); setTimeout(() => add(2), 40); }, 100);",
    )
    settled = ask(driving, "settled", max_ms=5_000, quiet_ms=400, empty_ms=1_000)

    assert ("2", "3EB0".ljust(20, "2"), True) == (
        settled["sign"].split()[0],
        settled["sign"].split()[2],
        settled["quiet"],
    )


def test_two_dialogs_that_are_built_differently(driving: Driving) -> None:
    """Both are seen: what is under the one that is known is not passed over."""
    script(
        driving,
        "const popup = document.createElement('div'); popup.dataset.testid = 'confirm-popup'; popup.id = 'popup';"
        "popup.innerHTML = '<div>Something else</div><button>Maybe</button>'; document.body.append(popup);",
    )
    driving.set(promo_dialog=True)
    held = driving.until(AccountState.HELD)
    script(driving, "document.querySelector('#popup').remove()")
    driving.until(AccountState.READY)

    assert Hold.UNKNOWN_DIALOG is held.hold and "Something else" in (held.words or "")
    assert not driving.standin.switches()["promo_dialog"]


def test_a_bar_in_a_chat_that_is_no_more(driving: Driving) -> None:
    """Its number has left WhatsApp: it cannot tell any more whether new chats may begin, so another one does."""
    driving.set(restricted=True)
    driving.until(AccountState.HELD)
    with pytest.raises(errors.AccountUnready):
        driving.prepare(Outgoing(number := a_number(), "not now"))
    driving.set(restricted=False, not_on_whatsapp=[number])
    driving.standin.forget()
    driving.standin.reload()
    driving.standin.wait("page.main")
    page = driving.transport._page
    assert page is not None
    page.screens.since.over("probe")
    driving.until(AccountState.READY)

    driving.send(other := a_number(), "welcome")
    assert ["welcome"] == [each["text"] for each in driving.got(other)]


def test_this_browser_understands_every_selector(driving: Driving) -> None:
    """Of the file that came with this version."""
    assert [] == ask(driving, "faulty")


def test_selectors_from_the_data_folder(driving: Driving) -> None:
    """A newer file is used from the next time the page is loaded; one that the browser does not understand is not."""
    path = driving.settings.data_dir / selectors.NAME
    page = driving.transport._page
    assert page is not None
    newer = selectors.BUILT_IN.read_text().replace(selectors.built_in().date.isoformat(), "2099-01-01", 1)
    used = []
    try:
        for text in (newer, newer.replace('chat = ["#main"]', 'chat = ["#main[["]'), newer):
            path.write_text(text)
            driving.run(driving.transport.reload())
            driving.until(AccountState.READY)
            used.append(page._surface.selectors.own)
    finally:
        path.unlink()
        driving.run(driving.transport.reload())
        driving.until(AccountState.READY)

    assert [True, False, True] == used
    assert not page._surface.selectors.own


def test_a_check_of_the_page_tells_its_structure(driving: Driving, tmp_path: Path) -> None:
    """What finds something and what is there; nothing of who is written to, and what."""
    number, other = a_number(), a_number()
    driving.set(names={other: "Zebulon Pym"}, notice="row")
    driving.send(number, "Wombats are coming", an_attachment(tmp_path, Kind.PHOTO, name="zebra-crossing.png"))
    driving.standin.incoming(other, "A quokka, call 030 1234567")
    driving.prepare(Outgoing(other, "An axolotl draft"))
    driving.set(unknown_dialog="Zebulon, please confirm +49 30 7654321.")
    driving.until(AccountState.HELD)

    found = json.loads(driving.run(driving.transport.structure()))

    driving.set(unknown_dialog=None)
    told = json.dumps(found).lower()
    for secret in ("zebulon", "pym", "wombat", "quokka", "axolotl", "zebra", number[5:], "1234567", "7654321"):
        assert secret not in told
    assert ("en", "2.3000.0", "C", True) == tuple(
        found[name] for name in ("language", "build", "generation", "chats_shown")
    )
    assert found["selectors"]["hits"]["logged_in"][0] == 1 == found["selectors"]["hits"]["composer"][0]
    assert {"pane-side", "main", "app"} <= found["ids"].keys()
    assert {"conv-msg-#", "conversation-info-header"} <= found["test_ids"].keys()
    assert "plus-rounded" in found["drawings"]
    assert [("…, please confirm #. Continue", ["Continue"])] == [
        (one["text"], one["buttons"]) for one in found["dialogs"]
    ]
    assert 1 == found["rows"]["notices"]
