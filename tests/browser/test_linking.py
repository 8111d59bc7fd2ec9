"""What a person asks of the browser: a code instead of the QR code, the way back, logging out, a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from daemon import errors
from daemon.states import AccountState
from daemon.transports.browser import patience, screens
from daemon.transports.protocol import Health
from tests.support.driving import Driving

OURS = "+4915112345678"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module", params=["B", "C"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driving]:
    """One browser for all tests of this file; nothing has linked it."""
    driving = Driving(tmp_path_factory.mktemp("linking"), generation=request.param, linked=False)
    driving.run(driving.transport.start())
    yield driving
    driving.close()


@pytest.fixture
def driving(shared: Driving, request: pytest.FixtureRequest) -> Iterator[Driving]:
    """Not linked, on the page with the QR code; afterwards nothing forbidden was done."""
    shared.ensure()
    shared.set(missing=[], link_code_ms=195_000, link_codes=6)
    shared.standin.logout()
    shared.run(shared.transport.reload())
    shared.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)
    shared.standin.forget()
    yield shared
    assert [] == shared.standin.record()["violations"]


def code_of(driving: Driving, other_than: str | None = None) -> str:
    health = driving.until(
        AccountState.NEEDS_LINK, lambda health: health.link_code is not None and health.link_code != other_than
    )
    assert health.link_code
    assert health.qr is None
    return health.link_code


def link(driving: Driving) -> None:
    driving.standin.scan()
    driving.until(AccountState.READY)


def test_a_phone_is_linked_by_the_code(driving: Driving) -> None:
    """The number reaches WhatsApp as it is; the code is what the page shows, in no repr and no log line."""
    with structlog.testing.capture_logs() as lines:
        driving.run(driving.transport.link(OURS))
        code = code_of(driving)
    shown = driving.standin.wait("code.shown")
    assert (OURS[1:], code) == (shown["number"], shown["code"])
    assert code not in repr(driving.health())
    assert code not in str(lines) and OURS[1:] not in str(lines)
    assert not driving.standin.enter("00000000")

    assert driving.standin.enter(code)
    ready = driving.until(AccountState.READY)

    assert (None, None) == (ready.link_code, ready.qr)


def test_the_code_changes_and_an_expired_one_is_renewed(driving: Driving) -> None:
    """By itself as WhatsApp has it; past that the page waits for a click, which is ours."""
    driving.set(link_code_ms=400, link_codes=2)
    driving.run(driving.transport.link(OURS))
    first = code_of(driving)
    second = code_of(driving, first)
    assert not driving.standin.enter(first)
    driving.standin.wait("code.expired")
    driving.set(link_code_ms=195_000)
    third = code_of(driving, second)

    assert third not in (first, second)
    assert driving.standin.enter(third)
    driving.until(AccountState.READY)


def test_a_code_that_nobody_enters_gives_way_to_the_qr_code(driving: Driving, monkeypatch: Any) -> None:
    """WhatsApp is not asked for codes for ever; while they change, the page is left alone."""
    driving.set(link_code_ms=300, link_codes=2)
    driving.run(driving.transport.link(OURS))
    first = code_of(driving)
    monkeypatch.setattr(screens, "LINK_S", 0.0)
    monkeypatch.setattr(patience, "LINKING_S", 1.5)
    driving.standin.forget()
    code_of(driving, first)
    driving.standin.wait("code.expired")

    driving.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None and health.link_code is None)


def test_back_to_the_qr_code_and_to_another_number(driving: Driving) -> None:
    """Each time from where the page stands."""
    driving.run(driving.transport.link(OURS))
    code_of(driving)
    driving.run(driving.transport.link("+442079460011"))
    assert "442079460011" == driving.standin.wait("code.shown", number="442079460011")["number"]
    code_of(driving)
    driving.run(driving.transport.link(None))
    driving.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None and health.link_code is None)
    link(driving)


def test_a_number_that_whatsapp_does_not_take(driving: Driving) -> None:
    """It says so, and the QR code is there again."""
    with pytest.raises(errors.AccountUnready, match="does not take this number: \u2068Invalid phone number"):
        driving.run(driving.transport.link("+4912"))
    driving.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)


def test_a_linked_account_is_not_linked_again(driving: Driving) -> None:
    """Neither way: that would log it out."""
    link(driving)
    for number in (OURS, None):
        with pytest.raises(errors.AccountUnready, match="linked already"):
            driving.run(driving.transport.link(number))
    assert AccountState.READY is driving.health().state


def test_logging_out(driving: Driving) -> None:
    """By WhatsApp's menu and its question; then the QR code waits again, and there is nothing to log out of."""
    link(driving)
    driving.run(driving.transport.log_out())
    driving.standin.wait("logout.confirmed")
    health = driving.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)
    assert "link it again" in (health.words or "")

    with pytest.raises(errors.AccountUnready, match="not linked"):
        driving.run(driving.transport.log_out())


def test_a_page_without_a_way_out_says_what_to_do_on_the_phone(driving: Driving) -> None:
    """And stays as it is: the menu is put away, the account can send."""
    link(driving)
    driving.set(missing=["logout"])
    with pytest.raises(errors.NotOffered, match="Linked devices"):
        driving.run(driving.transport.log_out())
    page = driving.transport._page
    assert page is not None
    assert [] == page._surface._driver.find_elements("css selector", ".main-menu")
    assert AccountState.READY is driving.health().state


def test_a_picture_and_a_reload(driving: Driving) -> None:
    """Of what Chrome shows; a reload leaves the account linked."""
    link(driving)
    assert PNG == driving.run(driving.transport.screenshot())[:8]
    driving.standin.forget()
    driving.run(driving.transport.reload())
    driving.standin.wait("page.main")
    driving.until(AccountState.READY)


def test_a_code_is_no_part_of_what_is_told_of_a_health() -> None:
    """As the QR payload."""
    health = Health(AccountState.NEEDS_LINK, link_code="ABCD1234")
    assert "ABCD1234" not in f"{health} {health!r}"
