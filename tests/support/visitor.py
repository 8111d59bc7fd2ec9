"""A running instance that sends nothing, and a person with a browser who uses its page.

For tests and for `scripts/screenshots`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from daemon.accounts import directory
from daemon.db import clock, connection
from daemon.transports.protocol import Health
from tests.support import forks
from tests.support.forks import Forked
from tests.support.rig import ROOT, eventually, free_port, is_dead

KEY = "a-key-for-tests-0123456789"
GONE = "does not belong to the document"  # of an element: chromedriver says so, too, where one has just gone
WAIT_S = 60.0  #: a machine that does other things as well takes its time
#: A Chromium without a window loads a page with half the work; Debian has it as a package of its own, others may not.
SHELL = "/usr/bin/chromium-headless-shell"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess",
)  # fmt: skip
# What a person sees, asked in one exchange with the browser: asked element by element, it was most of a test's work.
SEEN = """
    const sized = (e) => [...e.getClientRects()].some((r) => r.width > 0 && r.height > 0);
    const drawn = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
        (sized(e) || [...e.children].some(sized));
    const seen = (e) => drawn(e.matches("option") ? e.closest("select") : e);
    const text = (e) => (e && e.checkVisibility({ visibilityProperty: true }) ? e.innerText ?? e.textContent : "")
        .replace(/[ \\t\\u00a0]+/g, " ").replace(/ ?\\n[ \\n]*/g, "\\n").trim();
"""
FIRST = f"""{SEEN}
    const [selector, words, usable] = arguments;
    return [...document.querySelectorAll(selector)].find(
        (e) => seen(e) && (words === null || text(e) === words) && !(usable && e.disabled)) || null;
"""
TEXTS = f"{SEEN} return [...document.querySelectorAll(arguments[0])].map(text);"


class Instance:
    """http and, on demand, sender with the dry-run transport; `with Instance(folder) as instance`."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"data_dir": folder / "data", "port": self.port, "api_key": KEY, "transport": "dryrun"} | settings
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
        self._environment |= {"PYTHONPATH": str(ROOT)}
        self._environment |= {f"WASENDER_{name.upper()}": str(value) for name, value in given.items()}
        self._processes: dict[str, Forked] = {}

    def __enter__(self) -> Instance:
        self.start("http")
        eventually(self.answers, 60, "the http process answers")
        connection.connect(f"sqlite:///{self.folder / 'data' / 'wasender.db'}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection.close()
        for name in list(self._processes):
            self.stop(name)

    def start(self, name: str) -> None:
        """Start `http` or `sender`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = forks.start(["-m", f"daemon.{name}"], self._environment, self.folder, log)

    def pid(self, name: str) -> int:
        """The process id of `http` or `sender`, which runs."""
        return self._processes[name].pid

    def stop(self, name: str) -> None:
        """SIGTERM, and wait for the end."""
        process = self._processes.pop(name)
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def report(self, health: Health, account: str = "default") -> None:
        """Say how the account is, as its sender would."""
        directory.open_account(account, clock.now_ms())
        directory.report(account, health, clock.now_ms())

    def answers(self) -> bool:
        """Whether the http process takes requests."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


class Part:
    """A part of the page, looked up anew for every use: the page may put another in its place at any time.

    What it is asked and told are WebElement's names: `click`, `send_keys`, `text`, `get_attribute`, …
    """

    def __init__(self, visitor: Visitor, locate: Callable[[], WebElement | None]) -> None:
        self._visitor, self._locate = visitor, locate

    @property
    def now(self) -> WebElement:
        """The element that is there now, waited for; scripts take it as an argument."""
        found: WebElement = self._visitor.until(self._locate)
        return found

    def __getattr__(self, name: str) -> Any:
        if not callable(getattr(WebElement, name)):
            return self._anew(lambda element: getattr(element, name))
        return lambda *given: self._anew(lambda element: getattr(element, name)(*given))

    def _anew(self, use: Callable[[WebElement], Any]) -> Any:
        def ask() -> list[Any] | None:
            element = self._locate()
            return None if element is None else [use(element)]  # a list: the answer itself may be false

        return self._visitor.until(ask)[0]

    def __eq__(self, other: object) -> bool:
        return bool(self.now == (other.now if isinstance(other, Part) else other))

    __hash__ = None  # type: ignore[assignment]  # it may be another one each time


class Visitor:
    """A person with a browser; `with Visitor(instance) as visitor`. Waits, and never sleeps."""

    def __init__(self, instance: Instance, dark: bool = False, whole: bool = False) -> None:
        """whole: the whole Chromium, which shows notices."""
        self.instance = instance
        self.downloads = instance.folder / "downloads"
        options = webdriver.ChromeOptions()
        options.binary_location = SHELL if shutil.which(SHELL) and not whole else CHROMIUM
        for each in ARGUMENTS:
            options.add_argument(each)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._service = webdriver.ChromeService("/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options, self._service)
        self.colours("dark" if dark else "light")

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Selenium ends chromedriver while that still ends the browser, which then stays, with its page open.
        processes = psutil.Process(self._service.process.pid).children(recursive=True)
        profile = self.driver.capabilities["chrome"]["userDataDir"]
        self.driver.quit()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        eventually(lambda: all(map(is_dead, processes)), what="the browser is gone")
        shutil.rmtree(profile, ignore_errors=True)

    def size(self, width: int, height: int) -> None:
        """The size of the page's viewport, as of a screen or a phone."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def colours(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, path: str) -> None:
        self.driver.get(self.instance.url + path)

    def log_in(self) -> None:
        self._take_downloads()
        self.open("/app/login")
        if self.driver.current_url.endswith("/app/login"):
            # Where there are users, their form comes first.
            self.read_all("details.other:not([open]) summary", lambda summary: summary.click())
            self.find("#key").send_keys(KEY)
            self.find("form:has(#key) button").click()
            self.until(lambda: self.path() == "/app")

    def _take_downloads(self) -> None:
        """Have files saved; the shell forgets it when the tab closes that it was said in."""
        saved = {"behavior": "allow", "downloadPath": str(self.downloads)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", saved)

    def path(self) -> str:
        return str(self.driver.current_url).removeprefix(self.instance.url)

    def until(self, ask: Callable[[], Any], timeout: float = WAIT_S) -> Any:
        """The first true answer; parts of the page may be replaced meanwhile."""

        def answer(_: Any) -> Any:
            try:
                return ask()
            except WebDriverException as error:
                if GONE not in str(error):
                    raise
                return None

        ignored = (NoSuchElementException, StaleElementReferenceException)
        return WebDriverWait(self.driver, timeout, 0.1, ignored).until(answer)

    def _first(self, selector: str, words: str | None = None, usable: bool = False) -> WebElement | None:
        """The first visible one, with exactly these words if they are given, and not disabled if it is to be used."""
        found: WebElement | None = self.driver.execute_script(FIRST, selector, words, usable)
        return found

    def find(self, selector: str, timeout: float = WAIT_S) -> Part:
        """The first visible one, waited for."""
        self.until(lambda: self._first(selector), timeout)
        return Part(self, lambda: self._first(selector))

    def link(self, words: str) -> Part:
        """The visible link with exactly these words."""
        return Part(self, lambda: self._first("a", words))

    def read_all(self, selector: str, ask: Callable[[WebElement], Any]) -> list[Any]:
        """What each of them answers, of those that are there now; anew where one goes meanwhile."""
        return list(
            self.until(lambda: [[ask(each) for each in self.driver.find_elements(By.CSS_SELECTOR, selector)]])[0]
        )

    def texts(self, selector: str) -> list[str]:
        """What is to be read in each of them."""
        found: list[str] = self.driver.execute_script(TEXTS, selector)
        return found

    def gone(self, selector: str) -> None:
        """Wait until nothing of it is to be seen."""
        self.until(lambda: self._first(selector) is None)

    def text(self, selector: str) -> str:
        """What is to be read in the first of them, waited for."""
        return str(self.until(lambda: self.texts(selector))[0])

    def reads(self, selector: str, wanted: str, timeout: float = WAIT_S) -> None:
        """Wait until the first of them has that text in it."""
        self.until(lambda: any(wanted in text for text in self.texts(selector)[:1]), timeout)

    def button(self, words: str, within: str = "body") -> Part:
        """The visible button with exactly these words, waited for."""
        self.until(lambda: self._first(f"{within} button", words))
        return Part(self, lambda: self._first(f"{within} button", words))

    def press(self, words: str, within: str = "body") -> None:
        """Press the button with exactly these words as soon as it can be."""
        Part(self, lambda: self._first(f"{within} button", words, usable=True)).click()

    def fill(self, field: str, text: str) -> None:
        """Put a text, emoji and all, into a field as a paste would."""
        script = (
            "arguments[0].focus(); arguments[0].value = arguments[1];"
            "arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
        )
        element = self.find(f"#{field}")
        self.until(lambda: [self.driver.execute_script(script, element.now, text)])

    def begin_campaign(self, file: Path) -> None:
        """A new draft with the people of that file, up to the message: columns and numbers as they are guessed, and one
        message for each number."""
        self.open("/app/new")
        self.press("Start a new campaign")
        self.find("#file").send_keys(str(file))
        for words, there in (("columns", ".columns-table"), ("numbers", "#counts"), ("message", "#text")):
            self.press(f"Next: {words}")
            self.find(there)
            if self._first("#shared") is not None:
                self.find("#shared input[value=number]").click()

    def attach(self, file: Path) -> None:
        self.find("#attachment").send_keys(str(file))
        self.reads("#attachments", file.name)

    def rehearse(self, name: str = "") -> None:
        """From the message to the report of the dry run."""
        self.press("Next: time")
        self.find("#delay_min")
        if name:
            self.fill("name", name)
        self.press("Next: dry run")
        self.press("Run the dry run")
        self.find("#report")

    def start(self) -> int:
        """From the report on: confirm and start; the new job's id."""
        self.find("a.primary[href$='/start']").click()
        self.find("#summary")
        self.driver.execute_script("document.querySelector('[name=sure]')?.click()")  # asked where it is much
        self.press("Start")
        self.until(lambda: self.path().startswith("/app/jobs/"))
        return int(self.path().rpartition("/")[2])

    def shoot(self, file: Path, whole: bool = False) -> None:
        """A picture of what is to be seen, or of the whole page."""
        if whole:
            height = self.driver.execute_script("return document.documentElement.scrollHeight")
            width = self.driver.execute_script("return innerWidth")
            self.size(width, height)
        self.driver.save_screenshot(str(file))


def use(visitor: Visitor, button: str) -> None:
    """Press the button of that name and wait for the page that comes."""
    here = visitor.driver.find_element(By.TAG_NAME, "html")
    visitor.find(f'button[value="{button}"]').click()
    visitor.until(lambda: here != visitor.driver.find_element(By.TAG_NAME, "html"))
