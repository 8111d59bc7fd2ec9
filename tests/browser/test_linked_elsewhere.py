"""docs/install.md, "Linking with a passkey": in a window that a person sees, on another machine; then moved."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from daemon import config
from daemon.states import AccountState
from daemon.transports.browser import display
from daemon.transports.browser.driver import BrowserTransport
from tests.support.driving import Driving, a_number


def test_a_link_made_in_a_window_elsewhere_goes_on_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window is on that machine's display; the profile, copied after an orderly end, is linked on the server."""
    xvfb = display.find_xvfb()
    assert xvfb
    (tmp_path / "screen").mkdir()
    screen = display.Display(xvfb, tmp_path / "screen", dict(os.environ))
    desk = Driving(tmp_path / "desk", linked=False)
    server = tmp_path / "server"
    try:
        with monkeypatch.context() as theirs:
            for name, value in screen.variables.items():
                theirs.setenv(name, value)
            desk.standin.set(passkey="prompt")
            desk.run(desk.transport.start())
            chrome = desk.transport._chrome
            shown_on = Path(f"/proc/{chrome.pid}/environ").read_text().split("\0")
            desk.until(AccountState.NEEDS_LINK, lambda health: health.qr is not None)
            desk.standin.scan()
            desk.until(AccountState.NEEDS_LINK, lambda health: "passkey" in (health.words or ""))
            desk.set(passkey=None)  # the person has shown theirs, in the window
            desk.until(AccountState.READY)
            desk.run(desk.transport.close())
        shutil.copytree(desk.settings.data_dir / "profiles" / "default", server / "profiles" / "default")
        desk.transport = BrowserTransport(
            config.load(data_dir=server, whatsapp_url=desk.standin.url, send_timeout_s=5, headless="true")
        )
        desk.start()
        desk.send(number := a_number(), "from the server")
        sent = [each["text"] for each in desk.got(number)]
    finally:
        desk.close()
        screen.close()

    assert f"DISPLAY={screen.variables['DISPLAY']}" in shown_on
    assert ["from the server"] == sent
