"""The link between our code and the page: questions with one round trip each, real key presses, selectors."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import structlog
from selenium.common.exceptions import (
    JavascriptException,
    TimeoutException,
    UnexpectedAlertPresentException,
    WebDriverException,
)
from selenium.webdriver.chrome.webdriver import WebDriver

from daemon import errors
from daemon.states import QUOTED
from daemon.transports.browser import selectors
from daemon.transports.browser.looks import Look
from daemon.transports.browser.refusals import Lost

log = structlog.get_logger()

HERE = Path(__file__).parent
CTRL, SHIFT = 2, 8  #: as the DevTools protocol counts them
LANGUAGE_COOKIE = "wa_web_lang_pref"
#: The files of js/ in the order in which they are one script: "use strict" is in the first, what starts it in the last.
SCRIPTS = (
    *("dom", "text", "screen", "dialogs", "rows", "side", "chat", "composer"),
    *("send", "attachments", "history", "incoming", "following", "linking", "structure", "commands"),
)


class Operation:
    """Tells the driver's thread when its work is no longer wanted."""

    def __init__(self) -> None:
        self._abandoned = threading.Event()

    def abandon(self) -> None:
        self._abandoned.set()

    def check(self) -> None:
        """Called between steps; raises Abandoned."""
        if self._abandoned.is_set():
            raise Abandoned


class Abandoned(Exception):
    """The operation was cancelled."""


class Interrupted(Exception):
    """The page disappeared while a script was running: it reloads, or shows an alert."""


def mask(text: str, limit: int = 120) -> str:
    """A dialog's text to be shown to a person: one line, without digits, shortened, marked as a quotation."""
    line = re.sub(r"\d", "#", " ".join(re.sub("[\u2068\u2069]", "", text).split()))
    return QUOTED.format(line if len(line) <= limit else line[: limit - 1] + "…")


class Surface:
    """One driver's WhatsApp Web page. All methods run on the driver's thread."""

    def __init__(self, driver: WebDriver, base_url: str, script_s: float, folder: Path | None = None) -> None:
        """script_s: the driver's timeout of scripts. folder: where a newer selectors.toml may be."""
        self._driver = driver
        self._script_s = script_s
        self.url = base_url
        self.own: tuple[str, ...] = ()  #: names of the files being sent, which must not be taken for text of the page
        self.born = 0.0  #: start time of the page that the last `observe` saw; changes when the page is reloaded
        self._folder = folder
        self._code = "\n".join((HERE / "js" / f"{name}.js").read_text() for name in SCRIPTS)
        self._refused: selectors.Selectors | None = None  # of the data folder: the page does not understand it
        self._hits: dict[str, int] = {}
        self._use(selectors.in_use(folder))

    def _use(self, found: selectors.Selectors) -> None:
        self.selectors = found  #: what is looked for, and where it is from
        self.dismiss = found.dismiss  #: dialogs that need no person
        self.text: dict[str, str] = found.data["text"]  #: regexes of states
        self.parts = {*found.data["find"], "tick"}  #: what the page can be asked for by name
        data = json.dumps({name: part for name, part in found.data.items() if name != "dismiss"}, ensure_ascii=False)
        end = "run(arguments[0], arguments[1], arguments[arguments.length - 1]);"
        self._script = f"{self._code}\nconst S = {data};\n{end}"
        self._verified = not found.own
        log.info("page.selectors_used", date=found.date.isoformat(), own=found.own)

    def _take_newest(self) -> None:
        """A file that came since the page was loaded last is used from now on."""
        newest = selectors.in_use(self._folder)
        if newest not in (self.selectors, self._refused):
            self._use(newest)

    def _verify(self) -> None:
        """Whether the page understands what the data folder's file asks for; otherwise our own is used."""
        faulty = self.ask("faulty")
        self._verified = True
        if faulty:
            log.error("page.selectors_refused", reason=", ".join(faulty[:5]))
            self._refused = self.selectors
            self._use(selectors.built_in())

    def open(self, path: str = "/") -> None:
        """Load WhatsApp, in English, and look at it by the newest selectors; returns at once."""
        self._take_newest()
        with contextlib.suppress(WebDriverException):  # a page that does not come in English says so
            cookie = {"name": LANGUAGE_COOKIE, "value": "en", "url": self.url}
            self._driver.execute_cdp_cmd("Network.setCookie", cookie)
        with contextlib.suppress(TimeoutException):
            self._driver.get(self.url + path)

    def observe(self) -> Look:
        """Everything that shows the state of the page."""
        if not self._verified:
            self._verify()
        look: Look = self.ask("observe")
        self.born = look["born"]
        return look

    def ask(self, command: str, **given: Any) -> Any:
        """One round trip. Raises Interrupted, BrowserLost."""
        began = time.monotonic()
        try:
            answer = self._driver.execute_async_script(self._script, command, {**given, "own": self.own})
        except TimeoutException as error:
            if time.monotonic() - began < 0.9 * self._script_s:  # the driver calls a reload a timeout, too
                raise Interrupted("loaded anew") from error
            raise errors.BrowserLost(Lost.PAGE_SILENT) from error
        except (JavascriptException, UnexpectedAlertPresentException) as error:
            raise Interrupted(str(error.msg).splitlines()[0] if error.msg else type(error).__name__) from error
        if not isinstance(answer, dict):
            raise Interrupted("no answer")
        self._note_hits(answer.get("hits") or {})
        if "error" in answer:
            log.error("page.script_failed", command=command, reason=answer["error"].splitlines()[0][:200])
            raise Interrupted(f"{command} failed")
        return answer["value"]

    def _note_hits(self, hits: dict[str, int]) -> None:
        for name, choice in hits.items():
            if self._hits.get(name) != choice:
                self._hits[name] = choice
                if choice == 0:
                    log.debug("page.selector_used", name=name, choice=choice)
                else:
                    log.info("page.selector_used", name=name, choice=choice)

    def key(self, key: str, code: str, number: int, modifiers: int = 0, text: str = "") -> None:
        """Press and release a key: a real one, as the page sees it."""
        event: dict[str, Any] = {
            "key": key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "nativeVirtualKeyCode": number,
            "modifiers": modifiers,
        }
        down = event | {"type": "keyDown" if text else "rawKeyDown"} | ({"text": text} if text else {})
        if key == "a" and modifiers == CTRL:
            down["commands"] = ["selectAll"]
        self._driver.execute_cdp_cmd("Input.dispatchKeyEvent", down)
        self._driver.execute_cdp_cmd("Input.dispatchKeyEvent", event | {"type": "keyUp"})

    def type(self, text: str) -> None:
        """Insert `text` at the caret, as an input method would; takes any Unicode character."""
        self._driver.execute_cdp_cmd("Input.insertText", {"text": text})

    def picture(self) -> bytes | None:
        """A screenshot (PNG); None when it cannot be taken."""
        with contextlib.suppress(WebDriverException):
            return self._driver.get_screenshot_as_png()
        return None

    def keep_choosers_shut(self, shut: bool) -> None:
        """Have Chrome suppress the system's file choosers, which nobody could close."""
        self._driver.execute_cdp_cmd("Page.setInterceptFileChooserDialog", {"enabled": shut})
