"""What the machine and the page are like, as far as sending depends on it; and how to mend each."""

from __future__ import annotations

import asyncio
import email.utils
import http.client
import json
import os
import platform
import shutil
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

import psutil

from daemon import errors
from daemon.config import Settings
from daemon.contacts import masking
from daemon.files import release, trouble
from daemon.i18n.instants import machine_zone
from daemon.ops import mailing, preflight
from daemon.ops.findings import Finding, bad, good, odd, unknown

ROOM_MB = 500  #: less than that is soon used up by the browser alone
SLOW_S = 30  #: a clock that is off by more shows wrong times, and holds messages for too long or too short
NET_S = 8.0
UNREACHED = (OSError, ValueError, http.client.HTTPException)  #: the last where what answers speaks no HTTP
DEBIAN = "On Debian: apt install chromium chromium-driver xvfb."
TOLD = (  # settings that are no secret, and nobody's number, name or text
    "transport", "headless", "delay_min", "delay_max", "long_pause_every", "long_pause_min", "long_pause_max",
    "max_attempts", "retry_after_s", "lease_s", "send_timeout_s", "browser_memory_mb", "default_country", "daily_cap",
    "hourly_cap", "frequency_cap", "quiet_hours", "timezone", "max_upload_mb", "max_stored_mb", "keep_unused_days",
    "log_level", "log_format", "open_status", "dryrun_takes_all", "port",
)  # fmt: skip


def examine(settings: Settings, network: bool = True) -> Iterator[Finding]:
    """What is found, one after the other. network: whether WhatsApp's address may be asked, for the clock."""
    yield good("python", f"Python {platform.python_version()}.", version=platform.python_version())
    if settings.transport == "browser":
        yield from _browser(settings)
    if settings.transport == "cloud":
        yield _cloud(settings)
    yield _disk(settings)
    yield _memory()
    if network:
        yield _clock(settings)
    yield _zone(settings)
    yield _port(settings)


def mailed(settings: Settings) -> Finding:
    """Whether a mail to those who get notices is taken."""
    problem = asyncio.run(mailing.test(settings, time.time_ns() // 1_000_000))
    if problem is None:
        return good("mail", f"The mail server has taken a test for {len(settings.mail_addresses)} addresses.")
    return bad("mail", str(problem), "See the settings WASENDER_SMTP_… and WASENDER_MAIL_… in the README.")


def _cloud(settings: Settings) -> Finding:
    needed = ("token", "phone_number_id", "business_account_id", "app_secret", "verify_token")
    missing = [f"WASENDER_CLOUD_{each.upper()}" for each in needed if not getattr(settings, f"cloud_{each}")]
    if not missing:
        return good("cloud", "All settings of the Cloud API are there; `wasender accounts cloud` asks Meta.")
    mend = "Set them, or an account's own, as docs/cloud-setup.md says."
    return odd("cloud", f"Settings of the Cloud API are missing: {', '.join(missing)}.", mend)


def _browser(settings: Settings) -> Iterator[Finding]:
    from daemon.transports.browser import chrome

    found: dict[str, str] = {}
    programs: dict[str, Path] = {}
    looked: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
        ("chrome", settings.chrome, chrome.find_chrome),
        ("driver", settings.chromedriver, chrome.find_chromedriver),
    )
    for what, setting, find in looked:
        try:
            programs[what] = program = find(setting)
            found[what] = chrome.version_of(program)
            yield good(what, f"{program} is version {found[what]}.", version=found[what])
        except errors.SetupError as error:
            yield bad(what, str(error), DEBIAN)
    majors = {version.partition(".")[0] for version in found.values()}
    if len(found) == len(looked) and len(majors) > 1:
        says = f"Chrome is version {found['chrome']}, and its driver {found['driver']}: they do not fit."
        yield bad("versions", says, DEBIAN, **found)
    yield _sandbox(programs.get("chrome"))
    yield _display(settings)
    yield _selectors(settings)


def _sandbox(program: Path | None) -> Finding:
    """Chrome's own, without which it does not start for an ordinary user."""
    from daemon.transports.browser import sandbox

    if os.getuid() == 0:
        mend = "Run this as the user that wasender runs as."
        return unknown(
            "sandbox", "Root's Chrome has no sandbox, so it cannot be told whether another user's has.", mend
        )
    if sandbox.namespaces():
        return good("sandbox", "Chrome's sandbox can have the namespaces that it needs.")
    if program is not None and sandbox.starts(program):
        return good("sandbox", "Chrome starts with its sandbox.")
    forbidding = sandbox.forbidding()
    mend = f"As root: sysctl -w {' '.join(forbidding)}, and a line for it in /etc/sysctl.d/wasender.conf."
    if not forbidding:
        mend = "In a container, run it with etc/seccomp.json; see docs/install.md."
    says = "Namespaces are forbidden here, of which Chrome's sandbox is made: Chrome does not start."
    return bad("sandbox", says, mend, forbidding=forbidding)


def _display(settings: Settings) -> Finding:
    from daemon.transports.browser import display

    shown = os.environ.get("DISPLAY", "")
    if settings.headless == "true":
        return good("display", "Chrome runs without a window, as WASENDER_HEADLESS says.")
    if shown and display.answers(shown):
        return good("display", f"The screen {shown} answers.")
    if display.find_xvfb():
        return good("display", "Xvfb is there, as a screen that nobody sees.")
    if settings.headless == "false":
        return bad(
            "display", "There is no screen, and no Xvfb.", "On Debian: apt install xvfb; or WASENDER_HEADLESS=auto."
        )
    mend = "On Debian: apt install xvfb. WhatsApp sooner takes offence at a browser without a window."
    return odd("display", "There is no screen, and no Xvfb: Chrome runs without a window.", mend)


def _selectors(settings: Settings) -> Finding:
    from daemon.transports.browser import installing

    now = installing.standing(settings.data_dir)
    facts = {"date": now.used.date.isoformat(), "own": now.used.own}
    if now.refused:
        return odd(
            "selectors", f"The selectors.toml in the data folder is not used: {now.refused}",
            "Install a sound one with `wasender selectors install FILE`, or delete it.", **facts,
        )  # fmt: skip
    if now.outdated:
        mend = f"Delete {now.place}."
        return odd("selectors", "The selectors.toml in the data folder is older than the built-in one.", mend, **facts)
    whose = "of the data folder" if now.used.own else "that came with wasender"
    return good("selectors", f"The selectors {whose} are used, of {now.used.date}.", **facts)


class Looked(TypedDict):
    """Which selectors a check of the page has used, and how many things each of their choices finds."""

    date: str
    own: bool
    hits: dict[str, list[int]]


class PageCheck(TypedDict):
    """What is looked at of `GET /accounts/{name}/page_check.json`."""

    build: str
    generation: str
    language: str
    chats_shown: bool
    selectors: Looked


def page(checked: PageCheck | None, account: str) -> Finding:
    """What the account's own check of WhatsApp's page says; None: there is none."""
    what = f"page of {account}"
    if checked is None:
        mend = "It is made when its sender runs: start wasender, and run this again."
        return unknown(what, "WhatsApp's page has not been checked in the last day.", mend)
    hits = checked["selectors"]["hits"]
    wanted = [name for name, counts in hits.items() if not any(counts)]
    facts: dict[str, object] = {"build": checked["build"], "generation": checked["generation"], "hits": hits}
    facts |= {"language": checked["language"], "chats_shown": checked["chats_shown"]}
    if not checked["chats_shown"]:
        return unknown(what, "WhatsApp's page shows no chats, so that it cannot be told whether it has changed.",
                       "Link the account first: `wasender link`.", **facts)  # fmt: skip
    found = len(hits) - len(wanted)
    if not found:
        mend = "Update wasender, or attach the page check to a problem report: see docs/install.md."
        return bad(what, "Nothing of what is looked for is on WhatsApp's page: it has changed.", mend, **facts)
    return good(what, f"{found} of {len(hits)} things that are looked for are on WhatsApp's page; the others are not "
                      "always there.", **facts)  # fmt: skip


def _disk(settings: Settings) -> Finding:
    folder = next(each for each in (settings.data_dir, *settings.data_dir.parents) if each.exists())
    free = shutil.disk_usage(folder).free // 2**20
    if free < ROOM_MB:
        return bad("disk", f"Only {free:,} MB are free in {folder}.", "Free some space there.", free_mb=free)
    return good("disk", f"{free:,} MB are free in {folder}.", free_mb=free)


def _memory() -> Finding:
    free = psutil.virtual_memory().available // 2**20
    if free < ROOM_MB:
        mend = "End what else runs, or add memory: Chrome needs about 500 MB."
        return odd("memory", f"Only {free:,} MB of memory are free.", mend, free_mb=free)
    return good("memory", f"{free:,} MB of memory are free.", free_mb=free)


def _clock(settings: Settings) -> Finding:
    before = datetime.now().astimezone()
    request = urllib.request.Request(settings.whatsapp_url, method="HEAD")  # noqa: S310
    mend = "Check the machine's connection, and any proxy or firewall."
    try:
        with urllib.request.urlopen(request, timeout=NET_S, context=_context(settings)) as answer:  # noqa: S310
            told = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        told = error.headers.get("Date")
    except UNREACHED as error:
        why = getattr(error, "reason", None) or error
        return bad("network", f"{settings.whatsapp_url} cannot be reached ({why}).", mend)
    try:
        off = (before - email.utils.parsedate_to_datetime(str(told)).astimezone()).total_seconds()
    except ValueError:
        return unknown("clock", f"{settings.whatsapp_url} answers, and does not tell the time.")
    if abs(off) > SLOW_S:
        which = "ahead" if off > 0 else "behind"
        says = f"This machine's clock is {abs(off):,.0f} seconds {which}."
        return bad("clock", says, "Set it by the network: timedatectl set-ntp true.", off_s=round(off))
    return good("clock", "WhatsApp can be reached, and this machine's clock is right.", off_s=round(off))


def _context(settings: Settings) -> ssl.SSLContext | None:
    return ssl.create_default_context() if settings.whatsapp_url.startswith("https") else None


def _zone(settings: Settings) -> Finding:
    here = machine_zone()
    if settings.timezone:
        return good("zone", f"Hours are those of {settings.timezone}, as the settings say.", zone=settings.zone)
    mend = "Set WASENDER_TIMEZONE, such as Europe/Berlin, if your people live by another."
    return odd("zone", f"Hours are those of this machine, {here}: nobody has said so.", mend, zone=here)


def _port(settings: Settings) -> Finding:
    url = preflight.address(settings)
    try:
        with preflight.HERE.open(f"{url}/health", timeout=NET_S) as answer:
            if json.load(answer).get("status") == "ok":
                return good("port", f"wasender answers at {url}.")
    except (*UNREACHED, AttributeError):
        pass
    mend = f"Stop what uses it (ss -ltnp 'sport = :{settings.port}'), or set WASENDER_PORT."
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        return bad("port", f"Port {settings.port} on {settings.host} is not free ({trouble.reason(error)}).", mend)
    return odd(
        "port", f"wasender does not run here: nobody listens on port {settings.port}.", "Start it: wasender start."
    )


def report(settings: Settings, found: list[Finding], now: str) -> str:
    """The same as JSON, to be sent to those who help: without anybody's number, text, name, folder or key."""
    shown = {name: str(getattr(settings, name)) for name in TOLD}
    told = {
        "at": now,
        "version": release.version(),
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "database": "postgresql" if settings.db_url.startswith("postgres") else "sqlite",
        "settings": shown,
        "found": [
            {"what": _plain(settings, each.what), "level": each.level.value, "says": _plain(settings, each.says),
             "facts": dict(each.facts)}
            for each in found
        ],
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False, indent=1, default=str)


def _plain(settings: Settings, text: str) -> str:
    """Without folders, which may be called after somebody, and whatever looks like a number."""
    for name, place in (("DATA_DIR", str(settings.data_dir)), ("HOME", os.path.expanduser("~"))):  # noqa: PTH111
        text = text.replace(place, name) if len(place) > 1 else text
    token = masking.hidden.set(True)
    try:
        return masking.text(text)
    finally:
        masking.hidden.reset(token)
