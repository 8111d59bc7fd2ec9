"""Which processes a starting sender ends: its own of an earlier life, by name and mark, and nobody else's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from daemon import config, errors
from daemon.transports.browser import chrome, processes

SHELL = Path("/bin/sh").resolve()
WAIT = "echo ready; read line"  # for a line that never comes; `ready`: it is that program by now
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[chrome.Chrome]:
    """A sender's browser, which has its profile and is not started."""
    life = chrome.Chrome(config.load(_env_file=None, data_dir=tmp_path / "data"))
    life._take_profile()
    yield life
    life.lock.release(force=True)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program of that name, which only waits, with these arguments and this mark in its environment."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(
        name: str, *arguments: str, mark: Path | None = None, folder: Path | None = None, script: str = WAIT
    ) -> subprocess.Popen[bytes]:
        program = (folder or tmp_path / "programs") / name
        program.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHELL, program)
        environment = os.environ | ({processes.MARKER: str(mark)} if mark else {})
        command = [program, "-c", script, *(each.format(program=program) for each in arguments)]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout
        assert b"ready\n" == process.stdout.readline()
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def ended(life: chrome.Chrome, process: subprocess.Popen[bytes]) -> bool:
    """Whether a start ends the process; on return whoever was to be ended is dead."""
    life.kill()
    return process.poll() is not None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("rsync", ["{profile}"]),
        ("tar", ["--create", "{profile}/Default/Preferences"]),
        ("tar", ["--directory={profile}"]),
        ("backup.sh", ["{profile}"]),
        ("cat", ["{profile}/Default/Preferences"]),
        ("chromium", []),
        ("chromium", ["{profile}/Default/a page.html"]),
        ("chromium", ["--user-data-dir={profile}"]),
        ("chromium", ["--user-data-dir={profile}2"]),
        ("Xvfb", [":99"]),
    ],
)
def test_a_path_or_a_name_alone_is_nobody_of_ours(
    life: chrome.Chrome, start: Start, name: str, arguments: list[str]
) -> None:
    """A backup of the profile, and other people's browsers, go on."""
    process = start(name, *(each.format(profile=life.profile) for each in arguments))
    assert not ended(life, process)


@pytest.mark.parametrize(("name", "account"), [("python3", "default"), ("chromium", "default2"), ("chromium", "other")])
def test_the_mark_alone_is_not_enough_nor_is_anothers(
    life: chrome.Chrome, start: Start, name: str, account: str
) -> None:
    """What a person has started from within, and the browser of another account."""
    process = start(name, f"--user-data-dir={life.profile}", mark=life.profile.with_name(account))
    assert not ended(life, process)


@pytest.mark.parametrize("name", ["chromium", "chrome", "chrome_crashpad_handler", "Xvfb", "cat"])
def test_name_and_mark_are_ours(life: chrome.Chrome, start: Start, name: str) -> None:
    """Whatever their arguments are."""
    assert ended(life, start(name, mark=life.profile))


def test_our_copy_of_the_driver_is_ours(life: chrome.Chrome, start: Start) -> None:
    """It inherits no mark; nobody else would run it. Also when the copy was replaced since."""
    assert ended(life, start("chromedriver", "--port=1", folder=life._drivers))
    replaced = start("chromedriver", "--port=1", folder=life._drivers)
    (life._drivers / "chromedriver").unlink()
    assert ended(life, replaced)
    assert not ended(life, start("chromedriver", f"--log-path={life._drivers}"))


def test_a_helper_without_its_browser_is_ours_by_its_folder(life: chrome.Chrome, start: Start) -> None:
    """Its environment is written over; what it names is all there is."""
    assert ended(life, start("chromium", "--type=renderer", f"--user-data-dir={life.profile}"))
    assert not ended(life, start("chromium", "--type=renderer", f"--user-data-dir={life.profile}2"))


def test_a_persons_browser_on_the_profile_is_not_ended_but_asked_for(life: chrome.Chrome, start: Start) -> None:
    """Two browsers would destroy the profile, so nothing is started."""
    folder = f"--user-data-dir={life.profile}"
    helper = f'"$1" -c "echo ready; read line" --type=renderer {folder}; :'
    theirs = start("chromium", folder, "{program}", script=helper)
    (child,) = psutil.Process(theirs.pid).children()
    with pytest.raises(errors.AccountInUse, match=rf"process {theirs.pid}\).*close it"):
        life.start()
    assert theirs.poll() is None
    assert child.is_running()
    child.kill()
    assert life.driver is None
