"""The end of a browser's profile: its account was removed, and the name may be another's now."""

from __future__ import annotations

import shutil
from contextlib import suppress

import filelock
import structlog

from daemon.config import Settings
from daemon.transports.browser import lives
from daemon.transports.browser.chrome import Chrome

log = structlog.get_logger()


def discard(settings: Settings, name: str, life: str) -> None:
    """Delete the account's profile with the login in it, unless a sender still has it, or it is that life's."""
    chrome = Chrome(settings.of_account(name))
    with suppress(OSError):  # it cannot be read now: its turn comes again
        _discard(chrome, settings, name, life)


def _discard(chrome: Chrome, settings: Settings, name: str, life: str) -> None:
    known = lives.of(chrome.profile)
    if life and known == life:
        return
    try:
        chrome.lock.acquire(timeout=0)
    except filelock.Timeout:
        return
    try:
        if lives.of(chrome.profile) != known:  # somebody has put it in order meanwhile
            return
        chrome.kill()
        left = any(chrome.profile.iterdir())
        lives.empty(chrome.profile)
        with suppress(OSError):  # a link, or a disk of its own
            chrome.profile.rmdir()
        shutil.rmtree(chrome.temp, ignore_errors=True)
        shutil.rmtree(settings.data_dir.resolve() / "drivers" / name, ignore_errors=True)
    finally:
        chrome.release()
    if left:
        log.info("profile.discarded", account=name)
