"""What the page can show instead of the chats, and what the account is then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from daemon import errors
from daemon.states import AccountState, Finding, Hold
from daemon.transports.browser import screens
from daemon.transports.protocol import Outgoing
from standin.client import StandIn
from tests.support.driving import Driving, a_number


@pytest.fixture(scope="module", params=["B"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driving]:
    """One browser for the module; its page is not linked yet. These screens are the same in each generation."""
    driving = Driving(tmp_path_factory.mktemp("driving"), generation=request.param, linked=False)
    try:
        driving.run(driving.transport.start())
        yield driving
    finally:
        driving.close()


@pytest.fixture
def driving(shared: Driving) -> Iterator[Driving]:
    """The shared browser with a linked account, on a page as at the start."""
    shared.ensure()
    shared.standin.set(auto_scan_ms=0)
    shared.until(AccountState.READY)
    yield shared
    shared.quick["auto_scan_ms"] = 0
    shared.reset()


def test_linking(shared: Driving) -> None:
    """A code to scan, renewed when it has expired, never in the repr; after the scan the account is ready."""
    standin = shared.standin
    with pytest.raises(errors.AccountUnready):
        shared.prepare(Outgoing(a_number(), "too early"))
    first = shared.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)
    standin.set(qr_first_ms=300, qr_next_ms=100, qr_refs=2)
    standin.forget()
    shared.run(shared.transport.close())
    shared.run(shared.transport.start())
    shared.until(AccountState.NEEDS_LINK)
    standin.wait("qr.idle")
    standin.set(qr_first_ms=60_000)
    second = shared.until(AccountState.NEEDS_LINK, lambda health: health.qr not in (None, first.qr))
    standin.scan()
    shared.until(AccountState.READY)

    assert first.qr and second.qr
    assert 5 == len(first.qr.split(","))
    assert first.qr not in repr(first)


def test_the_link_survives_a_restart(driving: Driving, standin: StandIn) -> None:
    """The profile is written when Chrome is closed: the next life goes straight to the chats."""
    driving.set(auto_scan_ms=None)
    driving.run(driving.transport.close())
    driving.run(driving.transport.start())

    assert AccountState.READY is driving.until(AccountState.READY).state


def test_logged_out_on_the_phone(driving: Driving, standin: StandIn) -> None:
    """The account wants to be linked again, and no recipient is to blame."""
    driving.set(auto_scan_ms=None)
    standin.logout()
    health = driving.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)
    with pytest.raises(errors.AccountUnready):
        driving.prepare(Outgoing(a_number(), "nobody there"))
    standin.scan()

    assert health.hold is None
    driving.until(AccountState.READY)


@pytest.mark.parametrize(
    ("switch", "state", "hold"),
    [
        ({"deprecated": True}, AccountState.HELD, Hold.APP_TOO_OLD),
        ({"tos_block": True}, AccountState.HELD, Hold.TERMS),
        ({"proxy_block": True}, AccountState.HELD, Hold.UNREACHABLE),
        ({"conflict": True}, AccountState.HELD, Hold.CONFLICT),
        ({"restricted": True}, AccountState.HELD, Hold.RESTRICTED),
        ({"offline": True}, AccountState.OFFLINE, None),
        ({"retrying": True}, AccountState.OFFLINE, None),
    ],
    ids=["deprecated", "terms", "blocked", "conflict", "restricted", "offline", "retrying"],
)
def test_states(
    driving: Driving, standin: StandIn, switch: dict[str, Any], state: AccountState, hold: Hold | None
) -> None:
    """Each is told apart, stops a preparation, and is over when the page says so."""
    driving.set(**switch)
    health = driving.until(state)
    with pytest.raises(errors.AccountUnready):
        driving.prepare(Outgoing(a_number(), "not now"))

    assert hold == health.hold
    assert health.words
    driving.set(**dict.fromkeys(switch, False))
    driving.until(AccountState.READY)
    driving.send(a_number(), "now")


def test_a_temporary_ban_ends_when_whatsapp_says(driving: Driving, standin: StandIn) -> None:
    """The time left on the screen becomes the end of the ban; nobody logs out meanwhile."""
    driving.set(temp_ban=7200)
    health = driving.until(AccountState.BANNED)
    driving.set(temp_ban=None)

    assert (Hold.TEMPORARY_BAN, True) == (health.hold, health.until_ms is not None)
    assert abs((health.until_ms or 0) / 1000 - time.time() - 7200) < 60


def test_a_window_taken_back(driving: Driving, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another window may keep WhatsApp for a while; then it is taken back."""
    page = driving.transport._page
    assert page is not None
    driving.set(conflict=True)
    driving.until(AccountState.HELD)
    for _ in range(3):
        assert Hold.CONFLICT is driving.health().hold
    assert standin.switches()["conflict"]

    page.screens.since.conflict_wait = 0.0
    driving.until(AccountState.READY)

    assert not standin.switches()["conflict"]
    page.screens.since.conflict_wait = screens.CONFLICT_S


def test_promotions_are_put_away(driving: Driving, standin: StandIn) -> None:
    """A known offer is declined, also when it comes up before a message."""
    driving.set(promo_dialog=True)
    driving.until(AccountState.READY, lambda _: not standin.switches()["promo_dialog"])
    driving.set(promo_dialog=True)
    driving.send(a_number(), "all the same")

    assert not standin.switches()["promo_dialog"]


def test_an_unknown_dialog_holds_the_account(driving: Driving, standin: StandIn) -> None:
    """Nobody answers what nobody knows; its words are shown without digits."""
    driving.set(unknown_dialog="Please call +49 30 123456 to confirm something new.")
    health = driving.until(AccountState.HELD)
    with pytest.raises(errors.AccountUnready):
        driving.prepare(Outgoing(a_number(), "not now"))

    assert Hold.UNKNOWN_DIALOG is health.hold
    assert health.words and "Please call +## ## ######" in health.words
    assert standin.switches()["unknown_dialog"]


def test_an_update_waits_for_a_pause(driving: Driving, standin: StandIn) -> None:
    """The page refreshes itself when nothing is in hand."""
    driving.set(update_modal=True)
    driving.until(AccountState.READY, lambda _: not standin.switches()["update_modal"])


@pytest.mark.parametrize("shared", ["B", "C"], indirect=True)
def test_words_in_messages_are_not_states(driving: Driving, standin: StandIn) -> None:
    """What people write changes nothing, wherever it is shown."""
    number = a_number()
    words = [
        "Your account is restricted. You can't start new chats right now.",
        "WhatsApp is open in another window. Click “Use here”",
        "You'll be able to use WhatsApp again in 5 hours",
        "Computer not connected",
        "You've reached the monthly limit on new chats you can start.",
    ]
    for text in words:
        standin.incoming(number, text, name="Your account is restricted")
    driving.prepare(Outgoing(number, "opened"))

    assert AccountState.READY is driving.health().state


def test_a_server_that_is_away(driving: Driving, standin: StandIn) -> None:
    """An address nobody answers at is offline, and the page comes back by itself."""
    page = driving.transport._page
    assert page is not None
    page._surface._driver.get("http://127.0.0.1:9/")
    health = driving.until(AccountState.OFFLINE)
    driving.until(AccountState.READY)

    assert health.words and "cannot be reached" in health.words


def test_a_look_while_something_is_open(driving: Driving, standin: StandIn) -> None:
    """A look into a chat is refused while the account holds, and answered afterwards."""
    message = Outgoing(a_number(), "before the hold")
    mark = driving.prepare(message)
    driving.set(conflict=True)
    driving.until(AccountState.HELD)
    with pytest.raises(errors.AccountUnready):
        driving.run(driving.transport.look_up(message, mark))
    driving.set(conflict=False)
    driving.until(AccountState.READY)

    assert Finding.ABSENT is driving.run(driving.transport.look_up(message, mark)).finding


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("2 hours", 7200), ("23:59:10", 86350), ("1 day 4 hours", 100_800), ("59 minutes", 3540), ("45:10", 2710),
        ("1 day, 2 hours and 3 minutes", 93_780), ("an hour", 3600), ("a while", None),
    ],
)  # fmt: skip
def test_durations(words: str, seconds: int | None) -> None:
    """WhatsApp's ways to say how long."""
    assert seconds == screens.seconds_of(words)
