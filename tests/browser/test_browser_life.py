"""Chrome's life: it starts on what a killed life left, dies without harm, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog.testing

from daemon import config, errors
from daemon.states import AccountState, Finding
from daemon.transports.browser import chrome, display, processes
from daemon.transports.browser import driver as browser_driver
from daemon.transports.browser.driver import BrowserTransport
from daemon.transports.protocol import Outgoing
from tests.browser import restarts
from tests.support.driving import Driving, a_number
from tests.support.rig import ROOT, eventually, is_dead, words_of

GIVEN_UP_S = (0.0, 0.05, 0.15, 0.25, 0.35, 0.5, 0.8, 1.3)  #: every other one, unless EVERY_MOMENT is set


@pytest.fixture
def driving(tmp_path: Path) -> Iterator[Driving]:
    """A browser of its own, not yet started."""
    driving = Driving(tmp_path)
    try:
        yield driving
    finally:
        driving.close()


def carriers(driving: Driving) -> list[psutil.Process]:
    """All living processes that belong to this account's browser."""
    life = driving.transport._chrome
    return processes.marked(life.profile, life._drivers, life.temp)


def test_close_leaves_nothing(driving: Driving) -> None:
    """No process, no zombie, no temporary folder, no lock; and there were no more processes than are needed."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    driving.start()
    driving.send(a_number(), "x")
    temp = driving.transport._chrome.temp
    assert len(carriers(driving)) > 4
    # One for the page: none that waits for a use, none that draws a part of Chrome itself.
    assert 1 == sum("--type=renderer" in " ".join(words_of(process)) for process in carriers(driving))

    driving.run(driving.transport.close())
    driving.run(driving.transport.close())

    assert [] == carriers(driving)
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert not temp.exists()


def test_one_sender_per_account(driving: Driving) -> None:
    """A second transport on the profile is refused with the account's name, and harms the first in no way."""
    driving.start()
    second = BrowserTransport(driving.settings)

    with pytest.raises(errors.AccountInUse, match="default"):
        driving.run(second.start())
    driving.run(second.close())

    driving.send(a_number(), "still there")


def test_a_killed_chrome_is_lost_and_comes_back(driving: Driving) -> None:
    """Between the phases Chrome is killed: BrowserLost at once; the next life looks the message up."""
    driving.start()
    first = driving.send(a_number(), "before")
    message = Outgoing(a_number(), "in hand")
    mark = driving.prepare(message)
    pid = driving.transport._chrome.pid
    assert first and pid
    os.kill(pid, signal.SIGKILL)

    with pytest.raises(errors.BrowserLost):
        driving.run(driving.transport.hand_over(message, mark))
    with pytest.raises(errors.BrowserLost):
        driving.health()
    driving.start()
    found = driving.run(driving.transport.look_up(message, mark))
    driving.send(message.number, message.text)

    assert Finding.ABSENT is found.finding
    assert ["in hand"] == [each["text"] for each in driving.got(message.number)]


def test_a_killed_driver_is_lost_too(driving: Driving) -> None:
    """So is a browser whose chromedriver has died."""
    driving.start()
    (driver,) = [process for process in carriers(driving) if process.name() == "chromedriver"]
    driver.kill()

    with pytest.raises(errors.BrowserLost):
        driving.health()
    driving.start()


def test_a_hung_page_is_given_up(driving: Driving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that does not answer is lost in bounded time, with all its processes."""
    monkeypatch.setattr(chrome, "SCRIPT_S", 2.0)
    driving.start()
    driving.standin.set(hang=True)

    with pytest.raises(errors.BrowserLost, match="WhatsApp Web does not respond"):
        while True:
            driving.health()

    assert [] == carriers(driving)
    driving.standin.set(hang=False)
    driving.start()


def test_a_stuck_driver_is_killed_at_the_deadline(driving: Driving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a driver that never answers cannot hold an operation longer than its deadline."""
    monkeypatch.setattr(browser_driver, "HEALTH_S", 1.0)
    driving.start()
    (driver,) = [process for process in carriers(driving) if process.name() == "chromedriver"]
    driver.suspend()

    with pytest.raises(errors.BrowserLost, match="did not answer for 1 s"):
        driving.health()

    assert [] == carriers(driving)


def counted(logs: Iterable[Mapping[str, Any]], event: str) -> list[int]:
    """What the log says of how much was cleaned away."""
    return [entry["count"] for entry in logs if entry["event"] == event]


def is_steady(words: list[str]) -> bool:
    """A living process that is none of Chrome's helpers, by its command line."""
    return bool(words) and not any(word.startswith("--type=") for word in words)


def test_a_killed_sender_leaves_orphans_that_the_next_one_ends(driving: Driving) -> None:
    """SIGKILL of the whole sender process: the next life ends its Chrome, and only its own."""
    driving.start()
    # Chrome's helpers come and go; these two stay as long as it lives.
    other = [process for process in carriers(driving) if is_steady(words_of(process))]
    owner = restarts.start_owner(driving.settings, "second")
    owner.kill()
    owner.wait(60)
    second = BrowserTransport(driving.settings.model_copy(update={"account": "second"}))
    profile = second._chrome.profile
    orphans = processes.marked(profile)

    with structlog.testing.capture_logs() as logs:
        driving.run(second.start())
    health = driving.run(second.health())
    driving.run(second.close())

    assert len(orphans) > 4
    # Some of them may end by themselves meanwhile.
    assert [True] == [count > 4 for count in counted(logs, "browser.orphans_killed")]
    assert [len(chrome.SINGLETONS) + 1] == counted(logs, "browser.locks_removed")
    assert health.state in AccountState
    assert [] == processes.marked(profile)
    assert len(other) >= 2
    assert all(process.is_running() for process in other)
    assert driving.run(driving.transport.health()).usable


def test_helpers_that_have_lost_their_parent_are_found(driving: Driving) -> None:
    """Chrome's helpers overwrite their environment, and those that hang do not notice that Chrome is dead."""
    driving.start()
    parents = {process.pid: process for process in carriers(driving) if process.children()}
    others = [process for process in carriers(driving) if process.pid not in parents]
    helpers = [process for process in others if "--type=" in " ".join(words_of(process))]
    for process in helpers:
        process.suspend()
    for process in parents.values():
        process.kill()
    eventually(lambda: all(is_dead(process) for process in parents.values()), what="Chrome and its zygotes are dead")
    assert len(helpers) > 1
    assert not any(is_dead(process) for process in helpers)

    driving.run(driving.transport.close())

    assert [] == [process for process in helpers if process.is_running()]


def test_what_a_machine_that_fell_over_leaves_is_cleaned_and_counted(driving: Driving) -> None:
    """Sender, Chrome and display are dead at once: the locks and the temporary folder remain."""
    life = driving.transport._chrome
    owner = restarts.start_owner(driving.settings, "default", group=True)
    os.killpg(owner.pid, signal.SIGKILL)
    owner.wait(60)
    eventually(lambda: not carriers(driving), what="all are dead")
    left = [name for name in chrome.SINGLETONS if (life.profile / name).is_symlink()]
    (life.temp / "of the dead").touch()
    assert [*chrome.SINGLETONS] == left

    with structlog.testing.capture_logs() as logs:
        driving.start()
    fresh = not (life.temp / "of the dead").exists()
    driving.run(driving.transport.close())

    assert [] == counted(logs, "browser.orphans_killed")
    assert [len(left) + 1] == counted(logs, "browser.locks_removed")
    assert fresh
    with structlog.testing.capture_logs() as logs:
        driving.start()
    assert [] == counted(logs, "browser.locks_removed")


def test_the_socket_of_a_dead_display_is_removed_and_that_of_a_living_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A display that was killed cannot do it itself; by now another one may have its number."""
    monkeypatch.setattr(display, "SOCKETS", tmp_path)
    path = tmp_path / "X7"
    (tmp_path / "display").write_text("7")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        display.clean(tmp_path)
        living = path.exists()
    display.clean(tmp_path)
    display.clean(tmp_path / "of a browser without a display")

    assert living
    assert not path.exists()


def test_restarts_in_a_row_leave_nothing() -> None:
    """No process, no temporary file, no open file, no thread, whatever ended each life (`restarts.WAYS`)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.browser.restarts", str(len(restarts.WAYS) + 1)],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout + done.stderr


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No browser, no driver, no display: each says what to install."""
    monkeypatch.setattr(chrome, "CHROMES", ())
    with pytest.raises(errors.SetupError, match="apt install chromium chromium-driver"):
        chrome.find_chrome()
    monkeypatch.setattr(chrome, "DRIVERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.SetupError, match="apt install chromium chromium-driver"):
        chrome.find_chromedriver()
    with pytest.raises(errors.SetupError, match="WASENDER_CHROME=/no/such"):
        chrome.find_chrome("/no/such")
    life = chrome.Chrome(config.load(data_dir=tmp_path, headless="false"))
    with pytest.raises(errors.SetupError, match="xvfb"):
        life._choose_display("156.0")


def ending_at_once(tmp_path: Path) -> config.Settings:
    """Settings with a Chrome that does so."""
    fake = tmp_path / "chrome"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Chromium 156.0.1.2" && exit\nexit 7\n')
    fake.chmod(0o755)
    return config.load(data_dir=tmp_path / "data", chrome=str(fake))


def test_a_name_that_is_added_again_does_not_find_the_login_of_before(tmp_path: Path) -> None:
    """The first takes what is there, each later one only its own, which was put there by hand, perhaps."""
    settings = ending_at_once(tmp_path)
    login = settings.data_dir / "profiles" / settings.account / "Default" / "login"

    async def found_by(life: str) -> bool:
        login.parent.mkdir(parents=True, exist_ok=True)
        login.write_text("of before")
        transport = BrowserTransport(settings)
        transport.belong_to(life)
        with pytest.raises(errors.BrowserLost, match="exit code 7"):
            await transport.start()
        await transport.close()
        return login.exists()

    lives = ("", "01234567", "01234567", "89abcdef", "")  # the last is of a database that was restored
    assert [True, False, True, False, False] == [asyncio.run(found_by(life)) for life in lives]


def test_a_failed_start_leaves_nothing(tmp_path: Path) -> None:
    """A Chrome that ends at once is reported at once, and the account is free again."""
    settings = ending_at_once(tmp_path)

    async def try_twice() -> None:
        for _ in range(2):
            transport = BrowserTransport(settings)
            with pytest.raises(errors.BrowserLost, match="exit code 7"):
                await transport.start()
            await transport.close()

    asyncio.run(try_twice())
    life = chrome.Chrome(settings)
    assert [] == processes.marked(life.profile, life._drivers, life.temp)


def test_a_start_that_is_given_up_leaves_nothing(driving: Driving) -> None:
    """Cancelled at any moment, also while Chrome or its driver is just being started; then it starts all the same."""
    life = driving.transport._chrome

    async def give_up(after_s: float) -> None:
        task = asyncio.ensure_future(driving.transport.start())
        await asyncio.wait({task}, timeout=after_s)
        task.cancel()
        await asyncio.wait({task})
        await driving.transport.close()

    for after_s in GIVEN_UP_S[:: 1 if os.environ.get("EVERY_MOMENT") else 2]:
        driving.run(give_up(after_s))
        assert [] == carriers(driving)
        driving.run(asyncio.sleep(0.3))
        assert [] == carriers(driving), f"given up after {after_s} s"
        assert not life.lock.is_locked
        assert not life.temp.exists()

    driving.start()


def test_headless_does_not_say_so(tmp_path: Path) -> None:
    """WhatsApp refuses what calls itself HeadlessChrome; the version in its place is the real one."""
    driving = Driving(tmp_path, headless="true")
    try:
        driving.start()
        page = driving.transport._page
        assert page is not None
        agent = page._surface._driver.execute_script("return navigator.userAgent")
        languages = page._surface._driver.execute_script("return navigator.languages")
        driving.send(a_number(), "headless\nbut whole 😀")
    finally:
        driving.close()

    assert "Headless" not in agent
    assert f"Chrome/{page._surface._driver.capabilities['browserVersion'].partition('.')[0]}." in agent
    assert ["en-US", "en"] == languages


@pytest.mark.parametrize("broken", ['{"profile": {"exit_type": "Cra', "", "[]", "\0\0\0", '{"profile": 5, "intl": []}'])
def test_a_broken_preferences_file_is_made_anew(tmp_path: Path, broken: str) -> None:
    """Chrome was killed, or the power cut, while it was written: the login is elsewhere, and ours is in it again."""
    life = chrome.Chrome(config.load(data_dir=tmp_path / "data"))
    path = life.profile / "Default" / "Preferences"
    path.parent.mkdir(parents=True)
    path.write_text(broken)

    life._write_preferences()

    stored = json.loads(path.read_bytes())
    assert chrome.PREFERENCES == {name: stored[name] for name in chrome.PREFERENCES}
    assert [path] == list(path.parent.iterdir())


def test_what_else_stands_in_the_preferences_stays(tmp_path: Path) -> None:
    """Only what we need is changed, and the exit that uc would look at."""
    life = chrome.Chrome(config.load(data_dir=tmp_path / "data"))
    path = life.profile / "Default" / "Preferences"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"mine": 1, "profile": {"name": "x", "exit_type": "Crashed"}, "intl": {"other": 2}}))

    life._write_preferences()

    stored = json.loads(path.read_bytes())
    assert (1, 2, "en-US,en") == (stored["mine"], stored["intl"]["other"], stored["intl"]["accept_languages"])
    assert {"name": "x", **chrome.PREFERENCES["profile"]} == stored["profile"]


def test_the_driver_is_copied_anew_when_it_changes(tmp_path: Path) -> None:
    """The system's chromedriver is never patched, and an upgrade reaches our copy."""
    mine = tmp_path / "chromedriver"
    mine.write_bytes(b"one")
    mine.chmod(0o755)
    life = chrome.Chrome(config.load(data_dir=tmp_path / "data"))

    copy, version = life._copy_driver(chrome.find_chrome(), mine)
    copy.write_bytes(b"patched")
    again, _ = life._copy_driver(chrome.find_chrome(), mine)
    kept = again.read_bytes()
    mine.write_bytes(b"two!")
    life._copy_driver(chrome.find_chrome(), mine)

    assert (b"patched", b"two!", b"two!") == (kept, copy.read_bytes(), mine.read_bytes())
    assert int(version.partition(".")[0]) > 100
