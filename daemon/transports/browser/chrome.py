"""Starting and stopping Chrome: one browser for one account, cleaned up after crashes, ended to the last process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import structlog
import urllib3.exceptions
from selenium.common.exceptions import SessionNotCreatedException, WebDriverException
from selenium.webdriver.chrome.webdriver import WebDriver

from daemon import errors
from daemon.config import Settings
from daemon.files import durable
from daemon.telemetry import counts
from daemon.telemetry.counts import Counted
from daemon.transports.browser import display, lives, processes
from daemon.transports.browser.refusals import Lacking, Lost

with warnings.catch_warnings():  # it imports distutils, which Python 3.11 warns of
    warnings.simplefilter("ignore")
    import undetected_chromedriver as uc
    import undetected_chromedriver.patcher as uc_patcher

# It would keep every driver there ever was, with its connections, to kill it when Python ends.
uc.finalize = lambda *_: None


def _is_patched(patcher: Any, executable_path: str | None = None) -> bool:
    """As its own, which reads the whole driver at each start: a sender kept those 25 MB for good."""
    place = Path(executable_path or patcher.executable_path)
    with place.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as driver:
        return driver.find(b"undetected chromedriver") != -1


uc_patcher.Patcher.is_binary_patched = _is_patched

log = structlog.get_logger()

CHROMES = ("chromium", "google-chrome-stable", "google-chrome", "chromium-browser", "chrome")
DRIVERS = ("/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver")

UP_S = 45.0  #: how long Chrome may take to start
COMMAND_S = 60.0  #: longest single exchange with the driver
SCRIPT_S = 30.0  #: longest run of a script in the page; a page that hangs longer is lost
QUIT_S = 2.0  #: how long Chrome may take to write its profile when asked to quit

#: Features for a person, switched off. Those of the second line take a third of a start's work, and a process each.
NOT_NEEDED = (
    "Translate,MediaRouter,OptimizationHints,WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess"
)
ARGUMENTS = (
    "--lang=en-US",
    "--disable-backgrounding-occluded-windows",  # a hidden tab renders only the last message
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    f"--disable-features={NOT_NEEDED}",
    "--hide-crash-restore-bubble",
    "--password-store=basic",  # a desktop keyring might prompt or be locked
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
)
NO_PAGE = "about:blank"  # in place of the page for new tabs, which is an application by itself
SINGLETONS = ("SingletonLock", "SingletonCookie", "SingletonSocket")
PREFERENCES = {
    "intl": {"accept_languages": "en-US,en", "selected_languages": "en-US,en"},
    "profile": {"default_content_setting_values": {"notifications": 2}},
    "translate": {"enabled": False},
}


class _Options(uc.ChromeOptions):  # type: ignore[misc]
    """Drops two arguments that undetected-chromedriver (uc) adds.

    --no-sandbox, which it always adds: the sandbox stays on, except for root, where Chrome refuses to start with it.
    --user-data-dir, which `_Launch` adds: uc drops or mangles it if the path contains "headless" or "lang".
    """

    def add_argument(self, argument: str) -> None:
        if argument.startswith("--user-data-dir=") or (argument == "--no-sandbox" and os.getuid() != 0):
            return
        super().add_argument(argument)


class _Driver(uc.Chrome):  # type: ignore[misc]
    """uc's Chrome without its own clean-up: `Chrome.stop` ends everything that was started."""

    def quit(self) -> None:
        """Does nothing: uc would only kill the driver here, and leave the other processes."""

    def __del__(self) -> None:
        """Does nothing, like `quit`."""


@dataclass
class _Launch:
    """Replaces the module `subprocess` inside uc while it starts Chrome. uc would use pipes that nobody reads (Chrome
    would block when one is full) and a port that it only hopes is still free.
    """

    options: _Options
    profile: Path
    environment: dict[str, str]
    arguments: list[str]
    log: Path
    check: Callable[[], None]  # raises when Chrome is no longer wanted
    process: subprocess.Popen[bytes] | None = None

    PIPE = subprocess.PIPE

    def Popen(self, command: list[str], **_: Any) -> subprocess.Popen[bytes]:
        """Start Chrome and wait until its driver can reach it. Raises SetupError, BrowserLost."""
        told = self.profile / "DevToolsActivePort"
        told.unlink(missing_ok=True)
        self.check()
        kept = [argument for argument in command if not argument.startswith("--remote-debugging-port=")]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*kept, f"--user-data-dir={self.profile}", "--remote-debugging-port=0", *self.arguments, NO_PAGE],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        until = time.monotonic() + UP_S
        while time.monotonic() < until:
            self.check()
            if self.process.poll() is not None:
                raise self._ended(self.process.returncode)
            port, line_end, _path = told.read_text().partition("\n") if told.exists() else ("", "", "")
            if line_end:
                self.options.debugger_address = f"127.0.0.1:{port}"
                return self.process
            time.sleep(0.01)
        raise errors.BrowserLost(Lost.NOT_UP)

    def _ended(self, code: int) -> errors.DaemonError:
        lines = self.log.read_text(errors="replace").split("\n")
        words = next((line.rpartition("] ")[2] for line in lines if "FATAL" in line or "ERROR" in line), "")[:200]
        if "sandbox" in words.lower():
            return errors.SetupError(Lacking.NO_SANDBOX, words=words)
        return errors.BrowserLost(Lost.ENDED, code=code, words=words)


_launch_lock = threading.Lock()  # uc.subprocess is global in the process


def find_chrome(setting: str = "") -> Path:
    """The browser to use. Raises SetupError that says what to install."""
    if setting:
        return _program(setting, "WASENDER_CHROME", "Chromium or Chrome")
    for name in CHROMES:
        if found := shutil.which(name):
            return Path(found)
    raise errors.SetupError(Lacking.NO_CHROME)


def find_chromedriver(setting: str = "") -> Path:
    """The driver that belongs to the browser. Raises SetupError that says what to install."""
    if setting:
        return _program(setting, "WASENDER_CHROMEDRIVER", "chromedriver")
    for name in (*DRIVERS, "chromedriver"):
        if found := shutil.which(name):
            return Path(found)
    raise errors.SetupError(Lacking.NO_DRIVER)


def _program(setting: str, name: str, what: str) -> Path:
    found = shutil.which(setting)
    if not found:
        raise errors.SetupError(Lacking.NO_PROGRAM, setting=name, value=setting, what=what)
    return Path(found)


class Chrome:
    """One browser for one account: profile, display, driver and every process of them.

    Methods run on the driver's thread, except `kill`, which any thread may call.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        data = settings.data_dir.resolve()
        self.profile = data / "profiles" / settings.account
        self._drivers = data / "drivers" / settings.account
        digest = hashlib.sha256(str(self.profile).encode()).hexdigest()[:16]
        # Short, because the path of Chrome's socket in it must stay under 108 bytes; and the same after every restart,
        # so that what a killed process left behind is found.
        self.temp = Path(tempfile.gettempdir()) / f"wasender-{os.getuid()}-{digest}"
        self.lock = filelock.FileLock(self.profile.with_name(f"{settings.account}.lock"), thread_local=False)
        self.driver: WebDriver | None = None
        self.pid: int | None = None
        self._display: display.Display | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, check: Callable[[], None] = lambda: None, life: str = "") -> WebDriver:
        """Start Chrome with an empty page.

        check: called between the steps; an exception from it aborts the start and is passed on. life: see `lives`.
        Raises AccountInUse, SetupError, and whatever Selenium raises when Chrome does not start.
        """
        began = time.monotonic()
        chrome, chromedriver = find_chrome(self._settings.chrome), find_chromedriver(self._settings.chromedriver)
        check()
        self._take_profile()
        processes.adopt_orphans()
        if count := self.kill():
            counts.count(Counted.ORPHANS, count)
            log.warning("browser.orphans_killed", count=count)
        self._must_be_alone()
        lives.settle(self.profile, life)
        if count := self._remove_stale():
            log.info("browser.locks_removed", count=count)
        self._write_preferences()
        self._make_temp()
        copy, version = self._copy_driver(chrome, chromedriver)
        check()
        variables, arguments = self._choose_display(version)
        folders = {name: str(self.temp) for name in ("TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        environment = processes.environment(self.profile, LANGUAGE="en_US", **folders, **variables)
        check()
        self.driver = self._launch(chrome, copy, version, environment, arguments, check)
        log.info(
            "browser.started",
            version=version,
            headless="--headless=new" in arguments,
            elapsed_ms=int((time.monotonic() - began) * 1000),
        )
        return self.driver

    def stop(self) -> None:
        """Ask Chrome to quit, so that it writes its profile; then end all processes. Takes under 5 s."""
        if self.driver is not None and self.pid is not None:
            with contextlib.suppress(WebDriverException, urllib3.exceptions.HTTPError, OSError):
                self._client_timeout(QUIT_S)
                self.driver.execute_cdp_cmd("Browser.close", {})
            processes.wait_gone(self.pid, QUIT_S)
        self.kill()

    def kill(self) -> int:
        """SIGKILL every process of ours that uses this profile, including those left over from a previous run.

        Does nothing without the profile's lock: they belong to another sender then. Returns how many there were.
        """
        if not self.lock.is_locked:
            return 0
        ended: set[int] = set()
        until = time.monotonic() + processes.GONE_S
        # Repeat until there are none: a process may have started another one just before it was killed.
        while found := processes.marked(self.profile, self._drivers, self.temp):
            ended |= {process.pid for process in found}
            processes.end(found, max(0.0, until - time.monotonic()))
            if time.monotonic() > until:
                break
        for process in self._started():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2)
        processes.reap()
        return len(ended)

    def release(self) -> None:
        """After `kill`: forget the driver, remove temporary files and release the profile's lock."""
        self._hang_up()
        self.driver = self.pid = self._display = self._process = None
        self._remove_stale()
        self.lock.release(force=True)

    def alive(self) -> bool:
        """Whether Chrome's main process runs."""
        return self.pid is not None and not processes.gone(self.pid)

    def memory_mib(self) -> int:
        """The memory used by Chrome with its helpers, driver and display, in MiB. Any thread may call this."""
        started = (process.pid for process in self._started())
        return processes.memory(processes.family(*started)) >> 20

    def _take_profile(self) -> None:
        try:
            self.profile.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.lock.is_locked:
                self.lock.acquire(timeout=0)
            self.profile.mkdir(exist_ok=True, mode=0o700)
        except filelock.Timeout:
            name = self._settings.account
            raise errors.AccountInUse(
                f"Another sender already drives the account {name!r} (it holds {self.lock.lock_file}): "
                "stop it first, or set WASENDER_ACCOUNT to another name."
            ) from None
        except OSError as error:
            raise errors.SetupError(Lacking.PROFILE, folder=self.profile, reason=error.strerror) from error

    def _must_be_alone(self) -> None:
        """Make sure that no other browser uses the profile: two would destroy it, and we do not kill one that is not
        ours. Raises AccountInUse."""
        if others := processes.strangers(self.profile):
            raise errors.AccountInUse(
                f"A browser that wasender did not start (process {others[0]}) has the profile {self.profile} open: "
                "close it; the sender then goes on by itself."
            )

    def _remove_stale(self) -> int:
        """Remove the profile locks and temporary folder that a killed Chrome leaves. Returns how many there were."""
        count = 0
        for name in SINGLETONS:
            with contextlib.suppress(FileNotFoundError):
                (self.profile / name).unlink()
                count += 1
        if self.temp.is_dir() and not self.temp.is_symlink() and self.temp.stat().st_uid == os.getuid():
            display.clean(self.temp)
            shutil.rmtree(self.temp, ignore_errors=True)
            count += 1
        # 4 MiB for each start, which Chrome only clears away after running for a while: many restarts fill the disk.
        shutil.rmtree(self.profile / "BrowserMetrics", ignore_errors=True)
        return count

    def _write_preferences(self) -> None:
        path = self.profile / "Default" / "Preferences"
        path.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            stored = json.loads(path.read_bytes())
        except (OSError, ValueError):
            stored = None  # new, or truncated by a kill; the login is not in this file
        if not isinstance(stored, dict):
            stored = {}
        _merge(stored, PREFERENCES)
        # With no exit type, Chrome assumes a clean exit, and uc does not touch the file.
        stored["profile"].pop("exit_type", None)
        fresh = path.with_suffix(".wasender")
        fresh.write_text(json.dumps(stored))
        durable.keep(fresh, path)

    def _make_temp(self) -> None:
        try:
            self.temp.mkdir(mode=0o700)
        except OSError:  # there is one of another user
            self.temp = Path(tempfile.mkdtemp(prefix="wasender-"))

    def _copy_driver(self, chrome: Path, chromedriver: Path) -> tuple[Path, str]:
        """A copy of the driver for uc, which patches it in place; copied again when the system's driver has changed."""
        self._drivers.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy, stamp = self._drivers / "chromedriver", self._drivers / "origin.json"
        origin = {"chrome": _fingerprint(chrome), "chromedriver": _fingerprint(chromedriver)}
        try:
            known = json.loads(stamp.read_bytes())
        except (OSError, ValueError):
            known = {}
        if known.get("origin") == origin and copy.exists():
            return copy, known["version"]
        version = version_of(chrome)
        fresh = self._drivers / "chromedriver.new"
        shutil.copyfile(chromedriver, fresh)
        fresh.chmod(0o700)
        durable.keep(fresh, copy)  # before the stamp: otherwise an incomplete copy could be used for ever
        written = stamp.with_suffix(".new")
        written.write_text(json.dumps({"origin": origin, "version": version}))
        durable.keep(written, stamp)
        return copy, version

    def _choose_display(self, version: str) -> tuple[dict[str, str], list[str]]:
        """Environment and further arguments for Chrome."""
        wanted, shown = self._settings.headless, os.environ.get("DISPLAY", "")
        if wanted != "true" and shown and display.answers(shown):
            return {}, []
        if wanted != "true" and (xvfb := display.find_xvfb()):
            try:
                self._display = display.Display(xvfb, self.temp, processes.environment(self.profile))
            except errors.SetupError:
                if wanted == "false":
                    raise
            else:
                return self._display.variables, []
        if wanted == "false":
            raise errors.SetupError(Lacking.NO_DISPLAY)
        agent = (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            f"Chrome/{version.partition('.')[0]}.0.0.0 Safari/537.36"
        )
        return {}, ["--headless=new", f"--user-agent={agent}"]

    def _launch(
        self,
        chrome: Path,
        copy: Path,
        version: str,
        environment: dict[str, str],
        arguments: list[str],
        check: Callable[[], None],
    ) -> WebDriver:
        options = _Options()
        options.page_load_strategy = "none"
        for argument in ARGUMENTS:
            options.add_argument(argument)
        if os.getuid() == 0:  # usually a container, where /dev/shm is often only 64 MiB
            options.add_argument("--disable-dev-shm-usage")
        uc_patcher.Patcher.data_path = str(self._drivers)  # otherwise it makes a folder in HOME
        launch = _Launch(options, self.profile, environment, arguments, self.temp / "chrome.log", check)
        with _launch_lock, warnings.catch_warnings():
            uc.subprocess = launch
            warnings.simplefilter("ignore")
            options.ignore_local_proxy_environment_variables()
            try:
                driver = _Driver(
                    options=options,
                    user_data_dir=str(self.profile),
                    driver_executable_path=str(copy),
                    browser_executable_path=str(chrome),
                    version_main=int(version.partition(".")[0]),
                    use_subprocess=True,
                    no_sandbox=False,
                    log_level=3,
                )
            except SessionNotCreatedException as error:
                if "only supports Chrome version" in str(error):
                    raise errors.SetupError(Lacking.VERSIONS_DIFFER, program=chrome) from error
                raise
            finally:
                self._process = launch.process
        self.driver, self.pid = driver, driver.browser_pid
        self._client_timeout(COMMAND_S)
        driver.set_script_timeout(SCRIPT_S)
        driver.set_page_load_timeout(SCRIPT_S)
        extra = driver.window_handles[1:]
        for handle in extra:
            driver.switch_to.window(handle)
            driver.close()
        if extra:
            driver.switch_to.window(driver.window_handles[0])
        return driver

    def _client_timeout(self, seconds: float) -> None:
        if self.driver is not None:
            self.driver.command_executor.client_config.timeout = seconds  # type: ignore[union-attr]

    def _started(self) -> list[subprocess.Popen[bytes]]:
        """Chrome, its display and its driver, as far as they were started."""
        xvfb = self._display.process if self._display else None
        return [process for process in (self._process, xvfb, self._service_process()) if process is not None]

    def _service_process(self) -> subprocess.Popen[bytes] | None:
        service = getattr(self.driver, "service", None)
        return getattr(service, "process", None)

    def _hang_up(self) -> None:
        """Close the connections to the driver now, instead of at the next garbage collection."""
        if self.driver is not None:
            self.driver.command_executor.close()  # type: ignore[union-attr]
        process = self._service_process()
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            _merge(into[key], value)
        else:
            into[key] = value


def _fingerprint(program: Path) -> list[object]:
    status = program.resolve().stat()
    return [str(program), status.st_size, status.st_mtime_ns]


def version_of(chrome: Path) -> str:
    try:
        output = subprocess.run(
            [chrome, "--version"], capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise errors.SetupError(Lacking.NOT_RUNNING, program=chrome, reason=error) from error
    match = re.search(r"\d+(\.\d+)+", output)
    if not match:
        raise errors.SetupError(Lacking.NO_VERSION, program=chrome)
    return match[0]
