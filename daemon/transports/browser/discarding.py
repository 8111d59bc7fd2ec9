"""The end of a browser's profile: its account was removed."""

from __future__ import annotations

import shutil

import filelock
import structlog

from daemon.config import Settings
from daemon.transports.browser import lives
from daemon.transports.browser.chrome import Chrome

log = structlog.get_logger()


def discard(settings: Settings, name: str, life: str) -> None:
    """Delete the account's profile with the login in it, unless a sender still has it, or it is that life's."""
    chrome = Chrome(settings.of_account(name))
    if life and lives.of(chrome.profile) == life:
        return
    try:
        chrome.lock.acquire(timeout=0)
    except filelock.Timeout:
        return
    try:
        chrome.kill()
        shutil.rmtree(chrome.profile, ignore_errors=True)
        shutil.rmtree(chrome.temp, ignore_errors=True)
        shutil.rmtree(settings.data_dir.resolve() / "drivers" / name, ignore_errors=True)
    finally:
        chrome.release()
    log.info("profile.discarded", account=name)
