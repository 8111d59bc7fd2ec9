"""selectors.toml from the data folder: used when it is newer and sound, never when it would stop the account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import structlog.testing

from daemon.errors import InvalidInput
from daemon.transports.browser import selectors

TEXT = selectors.BUILT_IN.read_text()
TODAY = selectors.built_in().date.isoformat()


def dated(day: str) -> str:
    return TEXT.replace(f'date = "{TODAY}"', f'date = "{day}"')


def test_the_one_that_came_with_this_version_is_sound() -> None:
    """By the rules for any."""
    assert selectors.built_in().data == selectors.check(TEXT).data


@pytest.mark.parametrize(
    ("day", "own"), [("2099-01-01", True), (TODAY, False), ("2020-01-01", False)], ids=["newer", "the same", "older"]
)
def test_the_newer_one_wins(tmp_path: Path, day: str, own: bool) -> None:
    """By the date in the file."""
    (tmp_path / selectors.NAME).write_text(dated(day))

    assert own is selectors.in_use(tmp_path).own


def test_without_one_the_built_in_is_used(tmp_path: Path) -> None:
    """In silence."""
    with structlog.testing.capture_logs() as lines:
        assert selectors.built_in() == selectors.in_use(tmp_path) == selectors.in_use(None)
    assert [] == lines


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "not valid TOML"),
        (lambda text: "", "no section ack"),
        (lambda text: text.replace('date = "', 'date = "about '), "date is not a day"),
        (lambda text: text.replace("\nlogged_in = ", "\nlogged_out = "), "find.logged_in is missing"),
        (lambda text: text.replace('qr_title = "', 'qr_title = "('), "text.qr_title has a pattern"),
        (lambda text: text.replace('chat = ["#main"]', 'chat = "#main"'), "find.chat is not a list"),
        (lambda text: text.replace('chat = ["#main"]', "chat = [7]"), "find.chat has a choice"),
        (lambda text: text.replace('chat = ["#main"]', 'chat = [{ css = "#main", script = "x" }]'), "script, which"),
        (lambda text: text.replace('msg-time = "pending"', 'msg-time = "soon"', 1), "ack.icons is not a table"),
        (lambda text: text.replace('name = "news"', "label = 1"), "is not a table with name"),
        (lambda text: text.replace('button = ["^discard$"]', 'button = "^discard$"'), "a text or a button"),
    ],
)
def test_one_that_is_not_sound_is_left_alone(tmp_path: Path, change: Callable[[str], str], said: str) -> None:
    """The log says what is wrong with it, and the account goes on with the built-in one."""
    text = change(dated("2099-01-01"))
    assert text != dated("2099-01-01")
    (tmp_path / selectors.NAME).write_text(text)
    with structlog.testing.capture_logs() as lines:
        used = selectors.in_use(tmp_path)
    with pytest.raises(InvalidInput, match="as it was published") as refused:
        selectors.check(text)

    assert selectors.built_in() == used
    assert said in str(refused.value)
    assert [("page.selectors_refused", str(refused.value))] == [(line["event"], line["reason"]) for line in lines]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """No crash: a folder, bytes, something huge."""
    path = tmp_path / selectors.NAME
    path.mkdir()
    assert not selectors.in_use(tmp_path).own
    path.rmdir()
    for content in (b"\xff\xfe\x00", b"#" * (selectors.MOST_BYTES + 1)):
        path.write_bytes(content)
        assert not selectors.in_use(tmp_path).own


def test_what_a_later_version_knows_besides_does_no_harm() -> None:
    """Parts that this version does not look for."""
    text = dated("2099-01-01").replace("[find]", '[find]\nhologram = ["#hologram"]')

    assert "hologram" in selectors.check(text).data["find"]
