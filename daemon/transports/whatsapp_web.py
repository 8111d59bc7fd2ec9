"""WhatsApp Web's page: what state it is in, and how a message gets into the right chat.

The looking is done by `page.js`, by the selectors of `selectors.toml`; here are the decisions. Nothing is
typed before the open chat is proved to be the recipient's, and the call that clicks "Send" looks once more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from selenium.common.exceptions import (
    JavascriptException,
    StaleElementReferenceException,
    TimeoutException,
    UnexpectedAlertPresentException,
)
from selenium.webdriver.chrome.webdriver import WebDriver

from daemon import errors
from daemon.transports import (
    AccountState,
    Ack,
    Attachment,
    Finding,
    Health,
    Hold,
    Kind,
    Lookup,
    Mark,
    Outgoing,
    Receipt,
)

log = structlog.get_logger()

HERE = Path(__file__).parent
LINK = "https://web.whatsapp.com/send?phone="  #: the form the app's click listener knows, whatever serves the page

CTRL, SHIFT = 2, 8  #: as the DevTools protocol counts them
TEXT_MAX = 65_536
CAPTION_MAX = 1_024
FILES_MAX = 30  #: in one pick

CONFLICT_S = 30.0  #: how long another window may keep WhatsApp before we take it back: a person may be at it
CONFLICT_MAX_S = 900.0
RECONNECT_S = 10.0  #: between two clicks on "Reconnect"
RELOAD_S, RELOAD_MAX_S = 5.0, 120.0  #: between two reloads of a page that does not come
UPDATE_S = 3600.0  #: between two refreshes for an update
CHANGED_S, CHANGED_MAX_S = 600.0, 3600.0  #: between two reloads in the hope of a build that we know
UNKNOWN_SCREEN_S = 60.0  #: how long the page may show nothing we know
PROBE_S, PROBE_MAX_S = 30.0, 900.0  #: between two looks whether a new chat may be started again
SLICE_MS = 2_000  #: longest wait inside the page while waiting for a tick
OPEN_MS = 8_000  #: how long a chat may take to open before another way is tried
NAVIGATE_S = 90.0  #: how long WhatsApp may take to start anew
EMPTY_MS = 150  #: how long a list without rows must stay empty to count as empty
LATE_ROWS_S = 0.12  #: how long a message without a clock is looked at again in a chat that was empty
ANCHOR_REST_S = 600.0  #: how long a way to open chats that did not work is left alone
LOOK_BACK_S = 60.0
IGNORED_S = 5.0  #: how long the text may stay in the composer after the click on Send
STABLE_S = 2.0  #: how long a complete history must stay as it is before something counts as absent

_ACKS = {"sent": Ack.SENT, "delivered": Ack.DELIVERED, "read": Ack.READ}
_PICKER = {Kind.PHOTO: "media", Kind.VIDEO: "media", Kind.AUDIO: "audio", Kind.DOCUMENT: "document"}
_REFUSALS = {
    "too_large": "WhatsApp refuses the attachment: it is larger than the limit.",
    "unsupported_file": "WhatsApp refuses the attachment: this kind of file is not supported.",
    "empty_file": "WhatsApp refuses the attachment: the file is empty.",
}


class Operation:
    """Tells the thread that nobody waits for its work any more."""

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
    """The page went away under a script: it reloads, or shows an alert."""


@dataclass
class Parcel:
    """What leaves with one click on Send. group: text, media, audio or document."""

    group: str
    text: str
    files: tuple[Attachment, ...] = ()

    @property
    def where(self) -> str:
        return "composer" if self.group == "text" else "caption"

    def wants(self) -> list[dict[str, Any]]:
        """How its rows in the chat can be told: one for each file, or one for the text."""
        if not self.files:
            return [{"text": self.text, "names": [], "media": False}]
        texts = [self.text] + [""] * (len(self.files) - 1)
        return [
            {"text": text, "names": [Path(file.filename).name], "media": True}
            for text, file in zip(texts, self.files, strict=True)
        ]


@dataclass
class Prepared:
    """What `prepare` has composed: only this may `hand_over` send."""

    message: Outgoing
    mark: Mark
    ids: list[str]  # of the rows that were there
    parcels: list[Parcel]
    want: dict[str, str]  # title and digits of the chat


@dataclass
class Since:
    """When something of the page began, and when it may be answered again (monotonic seconds)."""

    conflict: float | None = None
    conflict_wait: float = CONFLICT_S
    unknown: float | None = None
    next: dict[str, float] = field(default_factory=dict)
    wait: dict[str, float] = field(default_factory=dict)

    def may(self, what: str, first: float, most: float, *, at_once: bool = True) -> bool:
        """True at most every `first` seconds, doubling up to `most`; not the first time unless `at_once`."""
        now = time.monotonic()
        if now < self.next.setdefault(what, 0.0 if at_once else now + first):
            return False
        wait = self.wait.get(what, first)
        self.next[what], self.wait[what] = now + wait, min(wait * 2, most)
        return True

    def over(self, what: str) -> None:
        """It is past: the next time begins anew."""
        self.next.pop(what, None)
        self.wait.pop(what, None)


@dataclass
class Bar:
    """A chat that has no composer because the account may not write there."""

    hold: Hold
    digits: str
    probed: bool = False


def plan(message: Outgoing) -> list[Parcel]:
    """Cut a message into what can leave with one click each. Raises Undeliverable."""
    text = typable(message.text)
    if len(text) > TEXT_MAX:
        raise errors.Undeliverable(f"The text is longer than {TEXT_MAX} characters.")
    if not message.attachments:
        if not text.strip():
            raise errors.Undeliverable("The message is empty.")
        return [Parcel("text", text)]
    parcels: list[Parcel] = []
    for file in message.attachments:
        group = _PICKER[file.kind]
        if parcels and parcels[-1].group == group and len(parcels[-1].files) < FILES_MAX:
            parcels[-1].files += (file,)
        else:
            parcels.append(Parcel(group, "", (file,)))
    if len(text) <= CAPTION_MAX:
        parcels[0].text = text
    else:
        parcels.append(Parcel("text", text))
    return parcels


def typable(text: str) -> str:
    """The text as an editor can take it: one kind of line end, no tabs or other control characters."""
    text = re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text).replace("\t", "    ")
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", "", text)


def mask(text: str, limit: int = 120) -> str:
    """A dialog's words for a person: one line, no digits, cut."""
    line = re.sub(r"\d", "#", " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1, "w": 604_800}


def seconds_of(duration: str) -> int | None:
    """Seconds of "2 hours", "1 day 4 hours", "23:59:10"; None when it cannot be read."""
    clock = re.search(r"\b(\d+):(\d\d)(?::(\d\d))?\b", duration)
    if clock:
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        if clock[3] is None:  # minutes and seconds
            return hours * 60 + minutes
        return hours * 3_600 + minutes * 60 + seconds
    parts = re.findall(r"(\d+)\s*(weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b", duration, re.I)
    if not parts and re.search(r"\b(an?)\s+(day|hour|minute)\b", duration, re.I):
        parts = [("1", unit) for unit in re.findall(r"\ban?\s+(day|hour|minute)\b", duration, re.I)]
    return sum(int(number) * _UNITS[unit[0].lower()] for number, unit in parts) if parts else None


class Page:
    """The WhatsApp Web page in one driver. All methods run on the driver's thread."""

    def __init__(self, driver: WebDriver, base_url: str, temp: Path, script_s: float) -> None:
        """temp: a private folder, for attachments under the name the recipient shall see. script_s: the driver's
        timeout of scripts."""
        self._script_s = script_s
        self._driver = driver
        self._url = base_url
        self._temp = temp
        selectors = tomllib.loads((HERE / "selectors.toml").read_text())
        self._dismiss: list[dict[str, Any]] = selectors.pop("dismiss")
        data = json.dumps(selectors, ensure_ascii=False, default=str)
        code = (HERE / "page.js").read_text()
        self._script = f"{code}\nconst S = {data};\nrun(arguments[0], arguments[1], arguments[arguments.length - 1]);"
        self._text: dict[str, str] = selectors["text"]
        self._hits: dict[str, int] = {}
        self._since = Since()
        self._bar: Bar | None = None
        self._proved: dict[str, str] | None = None  # title and digits of the chat that was proved last
        self._prepared: Prepared | None = None
        self._checked = False
        self._changed: list[str] = []  # what the self-check misses
        self._changed_in = 0.0  # and in which life of the page
        self._born = 0.0
        self._no_composer: set[str] = set()
        self._anchor_rests = 0.0

    # -- talking to the page -----------------------------------------------------------------------------------

    def open(self) -> None:
        """Load WhatsApp; returns at once."""
        with contextlib.suppress(TimeoutException):
            self._driver.get(self._url + "/")

    def _ask(self, command: str, **given: Any) -> Any:
        """One round trip. Raises Interrupted, BrowserLost."""
        began = time.monotonic()
        try:
            answer = self._driver.execute_async_script(self._script, command, given)
        except TimeoutException as error:
            if time.monotonic() - began < 0.9 * self._script_s:  # the driver calls a reload a timeout, too
                raise Interrupted("loaded anew") from error
            raise errors.BrowserLost("The page of WhatsApp Web does not answer.") from error
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
                level = log.debug if choice == 0 else log.info
                level("page.selector_used", name=name, choice=choice)

    def _key(self, key: str, code: str, number: int, modifiers: int = 0, text: str = "") -> None:
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

    def _type(self, text: str) -> None:
        self._driver.execute_cdp_cmd("Input.insertText", {"text": text})

    # -- health ------------------------------------------------------------------------------------------------

    def health(self, operation: Operation) -> Health:
        """See Transport.health."""
        try:
            return self._look(operation, idle=True)[0]
        except Interrupted:
            return Health(AccountState.LOADING)

    def _look(self, operation: Operation, *, idle: bool) -> tuple[Health, dict[str, Any]]:
        """Look, heal what can be healed, look again. idle: nothing is in hand, so the page may be reloaded."""
        look = self._ask("observe")
        self._born = look["born"]
        for _ in range(4):
            operation.check()
            if not self._dismiss_one(look, idle=idle):
                break
            time.sleep(0.05)
            look = self._ask("observe")
        health = self._judge(look, idle=idle)
        if health.hold is Hold.UNKNOWN_DIALOG:  # it may be on its way out
            time.sleep(0.4)
            look = self._ask("observe")
            health = self._judge(look, idle=idle)
        return health, look

    def _dismiss_one(self, look: dict[str, Any], *, idle: bool) -> bool:
        """Put away one dialog that needs no person. True when something was clicked."""
        for dialog in look["dialogs"]:
            if dialog["invalid"]:
                return bool(self._ask("acceptDialog", text=self._text["invalid_number"]))
            if dialog["waiting"] or _is_state(self._text, dialog["text"]):
                continue
            for entry in self._dismiss:
                if not re.search(entry["text"], dialog["text"], re.I):
                    continue
                if "unless" in entry and re.search(entry["unless"], dialog["text"], re.I):
                    continue
                if entry.get("idle") and not (idle and self._since.may("update", RELOAD_S * 2, UPDATE_S)):
                    continue
                if self._ask("clickInDialog", text=_beginning(dialog), labels=entry["button"]):
                    log.info("page.dialog_dismissed", name=entry["name"])
                    return True
        return False

    def _judge(self, look: dict[str, Any], *, idle: bool) -> Health:
        said, main = set(look["said"]), bool(look["main"])
        if look["error_page"]:
            self._reload_later()
            return Health(AccountState.OFFLINE, detail=f"WhatsApp Web cannot be reached ({look['error_page']}).")
        if "banned" in said:
            seconds = seconds_of(look["duration"] or "")
            until = int((time.time() + seconds) * 1000) if seconds else None
            detail = "WhatsApp has banned this account for a time. Learn more on the phone."
            return Health(AccountState.BANNED, Hold.TEMPORARY_BAN, until, detail)
        if "conflict" in said:
            return self._conflict()
        self._since.conflict = None
        if "offline" in said or look["offline_icon"] or not look["online"] or ("reconnecting" in said and main):
            if idle and self._since.may("reconnect", RECONNECT_S, 8 * RECONNECT_S):
                self._ask("click", name="reconnect")
            return Health(AccountState.OFFLINE, detail="WhatsApp Web has no connection to its servers.")
        if not main:
            return self._judge_start(look, said)
        for what in ("reload", "reconnect"):
            self._since.over(what)
        self._since.unknown = None
        return self._judge_main(look, said, idle=idle)

    def _judge_start(self, look: dict[str, Any], said: set[str]) -> Health:
        """The screens before, or instead of, the chats."""
        self._proved = self._prepared = None
        if look["qr"] or look["qr_screen"] or look["qr_reload"]:
            self._since.unknown = None
            self._checked = False
            if look["qr_reload"] and self._since.may("qr_reload", 2.0, 30.0):
                self._ask("click", name="qr_reload")
                log.info("page.qr_reloaded")
            elif look["qr"] and not look["qr_reload"]:
                self._since.over("qr_reload")
            detail = "WhatsApp logged this device out: link it again." if "logged_out" in said else None
            return Health(AccountState.NEEDS_LINK, detail=detail, qr=None if look["qr_reload"] else look["qr"])
        if "logging_out" in said:
            return Health(AccountState.LOADING, detail="WhatsApp is logging this device out.")
        screens = {
            "unsupported": (Hold.UNSUPPORTED_BROWSER, "WhatsApp Web does not support this browser: update Chromium."),
            "deprecated": (Hold.APP_TOO_OLD, "WhatsApp on the phone is too old: update it there."),
            "terms": (Hold.TERMS, "WhatsApp wants something confirmed on the phone: open WhatsApp there."),
        }
        for name, (hold, detail) in screens.items():
            if name in said and not (look["progress"] or look["splash"]):
                return Health(AccountState.HELD, hold, detail=detail)
        if "unreachable" in said:
            self._reload_later()
            detail = "WhatsApp Web does not load: its service is unavailable, or this network blocks it."
            return Health(AccountState.HELD, Hold.UNREACHABLE, detail=detail)
        if look["splash"] or look["progress"] or "loading" in said or "reconnecting" in said:
            self._since.unknown = None
            return Health(AccountState.LOADING)
        known_since = self._since.unknown = self._since.unknown or time.monotonic()
        if time.monotonic() - known_since < UNKNOWN_SCREEN_S:
            return Health(AccountState.LOADING)
        self._reload_later()
        if look["dialogs"]:
            return Health(AccountState.HELD, Hold.UNKNOWN_DIALOG, detail=mask(look["dialogs"][0]["text"]))
        detail = mask("Instead of WhatsApp Web the page shows: " + (look["text"] or "nothing"))
        return Health(AccountState.HELD, Hold.UNREACHABLE, detail=detail)

    def _judge_main(self, look: dict[str, Any], said: set[str], *, idle: bool) -> Health:
        cap = look["cap_used"]
        seconds = seconds_of(look["duration"] or "")
        until = int((time.time() + seconds) * 1000) if seconds else None
        if "monthly_cap" in said or "fail_cap" in said or (cap and cap[0] >= cap[1]):
            return Health(AccountState.HELD, Hold.MONTHLY_CAP, until, "No new chats can be started this month.")
        if "restricted" in said:
            return Health(AccountState.HELD, Hold.RESTRICTED, until, "WhatsApp has restricted this account.")
        unknown = [dialog for dialog in look["dialogs"] if not dialog["waiting"]]
        if unknown:
            if idle:
                log.warning("page.dialog_unknown", buttons=len(unknown[0]["buttons"]))
            return Health(AccountState.HELD, Hold.UNKNOWN_DIALOG, detail=mask(unknown[0]["text"]))
        if self._bar and (held := self._probe_bar(self._bar, look, idle=idle)):
            return held
        if not self._checked:
            self._self_check()
        if self._changed and look["born"] != self._changed_in:  # a new build may have come with the reload
            self._changed, self._checked = [], False
            return self._judge_main(look, said, idle=idle)
        if self._changed:
            self._changed = list(self._ask("missing", names=self._changed))
        if self._changed:
            if idle and self._since.may("new_build", CHANGED_S, CHANGED_MAX_S, at_once=False):
                self.open()
            names = ", ".join(self._changed)
            return Health(AccountState.HELD, Hold.PAGE_CHANGED, detail=f"WhatsApp Web has changed; not found: {names}.")
        if idle and "update_banner" in said and self._since.may("update", UPDATE_S, UPDATE_S):
            log.info("page.update_accepted")
            self.open()
            return Health(AccountState.LOADING)
        self._since.over("new_build")
        detail = "The phone has not been online for a while." if "phone_offline" in said else None
        return Health(AccountState.READY, detail=detail)

    def _conflict(self) -> Health:
        since, now = self._since, time.monotonic()
        since.conflict = since.conflict or now
        if now - since.conflict >= since.conflict_wait and self._ask("click", name="use_here"):
            log.info("page.window_taken", elapsed_ms=int((now - since.conflict) * 1000))
            since.conflict = None
            since.conflict_wait = min(since.conflict_wait * 2, CONFLICT_MAX_S)
        self._proved = self._prepared = None
        return Health(AccountState.HELD, Hold.CONFLICT, detail="WhatsApp Web is open in another window.")

    def _reload_later(self) -> None:
        if self._since.may("reload", RELOAD_S, RELOAD_MAX_S):
            log.info("page.reloaded")
            self.open()

    def _probe_bar(self, bar: Bar, look: dict[str, Any], *, idle: bool) -> Health | None:
        """A chat could not be written in: is that still so? None when it is over."""
        chat = look["chat"]
        if idle and self._since.may("probe", PROBE_S, PROBE_MAX_S):
            with contextlib.suppress(Interrupted):
                href = LINK + bar.digits
                self._ask("openChat", digits=bar.digits, href=href, marker=None, wait_ms=OPEN_MS, again=True)
                chat = self._ask("ready", digits=bar.digits)
                if chat["bar"] and bar.probed:  # it may be only what the page has kept
                    self.open()
                bar.probed = not bar.probed
        if chat and chat["composer"]:
            log.info("page.bar_cleared", reason=bar.hold)
            self._bar = None
            self._since.over("probe")
            return None
        detail = {
            Hold.RESTRICTED: "WhatsApp has restricted this account: it can't start new chats.",
            Hold.MONTHLY_CAP: "No new chats can be started this month.",
        }[bar.hold]
        return Health(AccountState.HELD, bar.hold, detail=detail)

    def _self_check(self) -> None:
        """Once in a life, before any recipient is touched: is what sending needs where we look for it?"""
        missing = self._ask("missing", names=["logged_in", "new_chat", "search"])
        self._checked = True
        # Either of the two opens the panel in which a chat is found when links do not work.
        if "logged_in" in missing or {"new_chat", "search"} <= set(missing):
            self._note_changed(missing)
        else:
            log.info("page.self_checked", missing=missing)

    def _note_changed(self, missing: list[str]) -> None:
        """Hold the account: the page lacks what sending needs."""
        self._changed, self._changed_in = missing, self._born
        log.error("page.self_checked", missing=missing)

    # -- opening a chat ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _before_anything_left(self) -> Iterator[None]:
        """Errors of this phase mean: nothing was sent."""
        try:
            yield
        except Interrupted as error:
            self._proved = self._prepared = None
            reason = mask(str(error), 60)
            raise errors.NotSubmitted(f"The page changed while the message was prepared ({reason}).") from error
        except StaleElementReferenceException as error:
            raise errors.NotSubmitted("The page changed while the message was prepared.") from error

    def _require_ready(self, operation: Operation, *, offline_ok: bool = False) -> dict[str, Any]:
        """What `observe` saw. Raises AccountUnready."""
        health, look = self._look(operation, idle=False)
        if health.state is AccountState.READY or (offline_ok and health.state is AccountState.OFFLINE):
            return look | {"state": health.state}
        raise errors.AccountUnready(health.detail or f"The account is {health.state}.")

    def _open_chat(self, number: str, operation: Operation) -> tuple[dict[str, str], dict[str, Any] | None]:
        """Open the chat with `number` and prove that it is this one. Returns its title and digits, and how its
        rows came to rest (for the page's `settled`).

        Raises Undeliverable, AccountUnready, NotSubmitted.
        """
        digits = re.sub(r"\D", "", number)
        self._proved = None
        began = time.monotonic()
        ways = [("search", self._by_search), ("address", self._by_address)]
        if time.monotonic() >= self._anchor_rests:
            ways.insert(0, ("link", self._by_link))
        for name, way in ways:
            operation.check()
            chat = way(digits, operation)
            if chat is None:
                log.warning("chat.way_failed", way=name)
                if name == "link":
                    self._anchor_rests = time.monotonic() + ANCHOR_REST_S
                continue
            log.debug("chat.opened", way=name, proof=chat["by"], elapsed_ms=int((time.monotonic() - began) * 1000))
            if not chat["composer"]:
                self._without_composer(chat, digits)
            self._no_composer.clear()
            if changed := ([] if chat["title"] else ["title"]) + chat.get("lost", []):
                self._note_changed(changed)
                raise errors.AccountUnready(f"WhatsApp Web has changed; not found: {', '.join(changed)}.")
            self._proved = {"title": chat["title"], "digits": digits}
            return self._proved, chat.get("rows")
        raise errors.NotSubmitted("The chat could not be opened, or not be proved to be the right one.")

    def _by_link(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        answer = self._ask("openChat", digits=digits, href=LINK + digits, marker=None, wait_ms=OPEN_MS)
        answer = self._after_dialogs(answer, digits, None, operation)
        if answer["outcome"] == "ignored":
            return None
        if answer["outcome"] in ("named", "unchanged", "timeout"):
            return self._prove_by_marker(digits, operation)
        return self._arrived(answer)

    def _prove_by_marker(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        """Ask WhatsApp to put a word of ours into the draft of the number's chat: it then stands in the
        composer of that chat and of no other."""
        marker = "ws" + secrets.token_hex(5)
        href = f"{LINK}{digits}&text={marker}"
        operation.check()
        answer = self._ask("openChat", digits=digits, href=href, marker=marker, wait_ms=OPEN_MS)
        answer = self._after_dialogs(answer, digits, marker, operation)
        if answer["outcome"] in ("ignored", "timeout"):
            return None
        chat = self._arrived(answer)
        if chat and chat["composer"]:
            self._clear("composer")
        return chat

    def _by_search(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        before = self._ask("title")
        panel = self._ask("openPanel")
        if not panel.get("focused"):
            return None
        try:
            self._type(digits)
            operation.check()
            if not self._ask("pickResult", digits=digits, wait_ms=4_000):
                return None
            answer = self._ask("arrive", digits=digits, marker=None, wait_ms=4_000, before=before and before["text"])
            answer = self._after_dialogs(answer, digits, None, operation)
        finally:
            with contextlib.suppress(Interrupted):
                if self._ask("missing", names=["panel_back"]) == []:
                    self._ask("click", name="panel_back")
        return self._arrived(answer) if answer["outcome"] == "proved" else None

    def _by_address(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        """Load WhatsApp anew with the chat in its address: slow, but it needs nothing of the page."""
        marker = "ws" + secrets.token_hex(5)
        born = self._ask("observe")["born"]
        self._driver.get(f"{self._url}/send?phone={digits}&text={quote(marker)}")
        until = time.monotonic() + NAVIGATE_S
        while time.monotonic() < until:
            operation.check()
            try:
                look = self._ask("observe")
                if look["born"] == born or not look["main"]:
                    if look["error_page"] or look["qr"]:
                        raise errors.AccountUnready("WhatsApp Web did not come back after it was loaded anew.")
                    time.sleep(0.05)
                    continue
                answer = self._ask("arrive", digits=digits, marker=marker, wait_ms=OPEN_MS, before=None)
                answer = self._after_dialogs(answer, digits, marker, operation)
                if answer["outcome"] in ("timeout", "busy"):
                    continue
                chat = self._arrived(answer)
                if chat and chat["composer"]:
                    self._clear("composer")
            except Interrupted:
                time.sleep(0.05)
                continue
            return chat
        return None

    def _after_dialogs(
        self, answer: dict[str, Any], digits: str, marker: str | None, operation: Operation
    ) -> dict[str, Any]:
        """Answer the dialogs that come up instead of the chat. Raises Undeliverable, AccountUnready."""
        for _ in range(5):
            operation.check()
            if answer["outcome"] == "unready":
                self._require_ready(operation)
                raise errors.NotSubmitted("The page is busy with something else.")
            if answer["outcome"] == "busy":
                answer = self._ask("arrive", digits=digits, marker=marker, wait_ms=OPEN_MS, before=None)
                if answer["outcome"] == "busy":
                    raise errors.NotSubmitted("WhatsApp does not open the chat: its server does not answer.")
                continue
            if answer["outcome"] != "dialog":
                return answer
            dialog = answer["dialog"]
            if dialog["invalid"]:
                self._ask("acceptDialog", text=self._text["invalid_number"])
                raise errors.Undeliverable("The number is not on WhatsApp.")
            if not self._dismiss_one({"dialogs": [dialog]}, idle=False):
                self._require_ready(operation)  # names the dialog
                continue
            answer = self._ask("arrive", digits=digits, marker=marker, wait_ms=OPEN_MS, before=None)
        return answer

    def _arrived(self, answer: dict[str, Any]) -> dict[str, Any] | None:
        if answer["outcome"] == "proved":
            return answer
        if answer["outcome"] == "barred":
            chat: dict[str, Any] = self._ask("chatNow", digits="0")
            return {**chat, "by": "bar"}
        return None

    def _without_composer(self, chat: dict[str, Any], digits: str) -> None:
        """Raises what it means that nothing can be written in the chat."""
        if chat["bar"] == "blocked":
            raise errors.Undeliverable("This contact is blocked in WhatsApp.")
        if chat["bar"]:
            self._bar = Bar(Hold(chat["bar"]), digits)
            self._since.over("probe")
            self._since.may("probe", PROBE_S, PROBE_MAX_S)
            log.warning("account.bar_seen", reason=chat["bar"])
            raise errors.AccountUnready("WhatsApp does not let this account start new chats.")
        self._no_composer.add(digits)
        if len(self._no_composer) > 2:  # one chat may be special; several in a row mean that the page has changed
            self._note_changed(["composer"])
        raise errors.NotSubmitted("The chat has no box to write in.")

    # -- composing ---------------------------------------------------------------------------------------------

    def _clear(self, where: str) -> None:
        """Empty the box. Raises NotSubmitted when something stays in it."""
        for attempt in range(3):
            state = self._ask("focus", where=where, wait_ms=3_000)
            if state is None:
                raise errors.NotSubmitted("The box to write in has gone.")
            if not state["text"].strip("\n"):
                return
            if attempt:
                self._ask("selectAll", where=where)
            else:
                self._key("a", "KeyA", 65, modifiers=CTRL)
            self._key("Delete", "Delete", 46)
            if self._ask("readBack", where=where, text="", wait_ms=500)["same"]:
                return
        raise errors.NotSubmitted("An old draft could not be removed from the chat.")

    def _compose(self, where: str, text: str, rows: dict[str, Any] | None = None) -> dict[str, Any]:
        """Put `text` into the empty box and read it back. Returns what the page says of the chat then.

        rows: what the page's `settled` shall wait for besides.
        """
        ways = [self._by_lines, self._by_paste, self._type] if "\n" in text else [self._type, self._by_paste]
        back: dict[str, Any] = {}
        for way in ways:
            self._clear(where)
            if way == self._by_paste:
                self._ask("paste", where=where, text=text)
            else:
                way(text)
            back = self._ask("readBack", where=where, text=text, wait_ms=1_500, rows=rows)
            if back["same"]:
                return back
            log.warning("composer.differed", way=way.__name__.strip("_"), length=back["length"], expected=len(text))
        if back["close"]:  # all lines are there, only empty ones differ
            return back
        self._clear(where)
        raise errors.NotSubmitted("WhatsApp's box does not take the text as it is.")

    def _by_lines(self, text: str) -> None:
        """Line by line with Shift+Enter between, as people do. A plain Enter would send half a message."""
        for index, line in enumerate(text.split("\n")):
            if index:
                self._key("Enter", "Enter", 13, modifiers=SHIFT, text="\r")
            if line:
                self._type(line)

    def _by_paste(self, text: str) -> None:
        self._ask("paste", where="composer", text=text)

    # -- attachments -------------------------------------------------------------------------------------------

    def _attach(self, parcel: Parcel, parcels: list[Parcel], operation: Operation) -> None:
        """Choose the files and write the caption; the preview then stands ready to be sent.

        Files or text that do not fit into this parcel become further ones behind it.
        """
        paths = [self._named(file) for file in parcel.files]
        before = self._ask("screenText").splitlines()
        self._driver.execute_cdp_cmd("Page.setInterceptFileChooserDialog", {"enabled": True})
        try:
            chosen = self._choose_input(parcel.group)
            if not chosen["multiple"] and len(paths) > 1:
                rest = Parcel(parcel.group, "", parcel.files[1:])
                parcels.insert(parcels.index(parcel) + 1, rest)
                parcel.files, paths = parcel.files[:1], paths[:1]
            chosen["input"].send_keys("\n".join(str(path) for path in paths))
        finally:
            self._driver.execute_cdp_cmd("Page.setInterceptFileChooserDialog", {"enabled": False})
        operation.check()
        until = time.monotonic() + 20 + sum(file.size for file in parcel.files) / 2**22
        while True:
            answer = self._ask("awaitPreview", wait_ms=5_000, before_text=before)
            if answer.get("preview"):
                break
            operation.check()
            if answer["why"] in _REFUSALS:
                if "dialog" in answer:
                    self._ask("acceptDialog", text=_beginning(answer["dialog"]))
                self._ask("leavePreview")
                raise errors.Undeliverable(_REFUSALS[answer["why"]])
            if answer["why"] == "dialog" and not self._dismiss_one({"dialogs": [answer["dialog"]]}, idle=False):
                self._require_ready(operation)
            if time.monotonic() > until:
                raise errors.NotSubmitted("WhatsApp shows no preview of the attachment.")
        if parcel.text:
            if self._ask("focus", where="caption", wait_ms=1_500) is None:
                parcels.insert(parcels.index(parcel) + 1, Parcel("text", parcel.text))
                parcel.text = ""
            else:
                self._compose("caption", parcel.text)

    def _choose_input(self, group: str) -> dict[str, Any]:
        groups = [group, "document"] if group == "audio" else [group]
        answer: dict[str, Any] = {}
        for name in groups:
            answer = self._ask("chooseInput", kind=name, wait_ms=3_000)
            if "input" in answer:
                return answer
            if answer["why"] == "attach":
                self._note_changed(["attach"])
                break
        log.warning("page.part_missing", name=answer["why"], group=group)
        raise errors.NotSubmitted("WhatsApp's menu for attachments is not as expected.")

    def _named(self, file: Attachment) -> Path:
        """A path to the file that ends in the name the recipient shall see. Raises NotSubmitted."""
        name = Path(file.filename).name or "file"
        path = file.path.resolve()
        if not path.is_file():
            raise errors.NotSubmitted("The attachment's file is not there.")
        if path.name == name:
            return path
        folder = self._temp / "files" / secrets.token_hex(6)
        folder.mkdir(parents=True, mode=0o700)
        link = folder / name
        try:
            os.link(path, link)
        except OSError:  # another file system
            shutil.copyfile(path, link)
        return link

    # -- a message ---------------------------------------------------------------------------------------------

    def prepare(self, message: Outgoing, operation: Operation) -> Mark:
        """See Transport.prepare."""
        self._prepared = None
        shutil.rmtree(self._temp / "files", ignore_errors=True)
        parcels = plan(message)
        with self._before_anything_left():
            look = self._require_ready(operation)
            if look["preview"] and not self._ask("leavePreview"):
                self.open()
                raise errors.NotSubmitted("An attachment of before was still waiting in the page; it loads anew.")
            want, opened = self._open_chat(message.number, operation)
            rows = {"max_ms": 8_000, "quiet_ms": 60, "empty_ms": EMPTY_MS, "before": opened}
            operation.check()
            first = parcels[0]
            if first.files:
                self._clear("composer")
                back = self._ask("readBack", where="composer", text="", wait_ms=500, rows=rows)
                self._attach(first, parcels, operation)
            else:
                back = self._compose("composer", first.text, rows)
                if not back["attach"]:
                    self._note_missing_attach()
            mark = Mark(back["last_own"])
            self._prepared = Prepared(message, mark, back["ids"], parcels, want)
            return mark

    def _note_missing_attach(self) -> None:
        if self._hits.setdefault("attach", -1) == -1:
            self._hits["attach"] = -2
            log.warning("page.self_checked", missing=["attach"])

    def hand_over(self, message: Outgoing, mark: Mark, wait_s: float, operation: Operation) -> Receipt:
        """See Transport.hand_over. wait_s: how long a tick may take."""
        prepared, self._prepared = self._prepared, None
        if prepared is None or prepared.message != message or prepared.mark != mark:
            raise errors.NotSubmitted("The message was not prepared, or the page was loaded anew since.")
        until = time.monotonic() + wait_s
        receipts: list[Receipt] = []
        last_own, ids = mark.last_own, prepared.ids
        index = 0
        while index < len(prepared.parcels):
            parcel = prepared.parcels[index]
            try:
                if index:
                    back = self._compose_next(parcel, prepared, operation)
                    last_own, ids = back["last_own"], back["ids"]
                receipts.append(self._send(parcel, prepared.want, last_own, ids, until, operation))
            except errors.NotSubmitted as error:
                if receipts:
                    raise errors.SubmitUnknown(f"Only a part of the message was sent: {error}") from error
                raise
            except (Interrupted, StaleElementReferenceException, errors.Undeliverable, errors.AccountUnready) as error:
                if not receipts and isinstance(error, errors.DaemonError):
                    raise
                raise errors.SubmitUnknown("The page changed while the message was being sent.") from error
            index += 1
        order = list(Ack)
        return Receipt(receipts[-1].transport_id, min((one.ack for one in receipts), key=order.index))

    def _compose_next(self, parcel: Parcel, prepared: Prepared, operation: Operation) -> dict[str, Any]:
        if not parcel.files:
            return self._compose("composer", parcel.text)
        back: dict[str, Any] = self._ask("readBack", where="composer", text="", wait_ms=2_000)
        self._attach(parcel, prepared.parcels, operation)
        return back

    def _send(
        self,
        parcel: Parcel,
        want: dict[str, str],
        last_own: str | None,
        ids: list[str],
        until: float,
        operation: Operation,
    ) -> Receipt:
        """Click Send and wait for the server's tick."""
        operation.check()
        where = parcel.where
        try:
            clicked = self._ask(
                "send",
                where=where,
                want=want,
                last_own=last_own,
                ids=ids,
                text=parcel.text,
                enter_ok=bool(parcel.text),
            )
        except Interrupted as error:
            raise errors.SubmitUnknown("The page was loaded anew while Send was being clicked.") from error
        if clicked.get("enter"):
            log.warning("page.part_missing", name="send", group=parcel.group)
            self._key("Enter", "Enter", 13, text="\r")
        elif not clicked["clicked"]:
            reasons = {
                "title": "Another chat was opened meanwhile.",
                "text": "The text was changed meanwhile.",
                "rows": "The chat changed meanwhile.",
                "dialog": "A dialog came up.",
                "busy": "The page is busy.",
                "no_button": "There is no Send button.",
            }
            log.info("message.not_clicked", reason=clicked["why"])
            raise errors.NotSubmitted(f"The message was not sent. {reasons[clicked['why']]}")
        return self._await_tick(parcel, clicked, until, operation)

    def _await_tick(self, parcel: Parcel, clicked: dict[str, Any], until: float, operation: Operation) -> Receipt:
        began = time.monotonic()
        seen_waiting, confirmed, ignored = False, clicked["count"] > 0, False
        some_since: float | None = None
        while True:
            left_ms = max(int((until - time.monotonic()) * 1000), 0)
            answer = self._ask(
                "awaitRow", before=clicked["before"], wants=parcel.wants(), wait_ms=min(SLICE_MS, left_ms)
            )
            operation.check()
            found = [row for row in answer["found"] if row]
            acks = [row["ack"] for row in found]
            seen_waiting |= "pending" in acks
            if "failed" in acks:
                time.sleep(0.4)  # it may be on its way to a second try
                again = self._ask("awaitRow", before=clicked["before"], wants=parcel.wants(), wait_ms=0)
                if any(row and row["ack"] == "failed" for row in again["found"]):
                    raise errors.NotSubmitted("WhatsApp reports that the message was not sent.")
                continue
            ticked = bool(found) and all(ack in _ACKS for ack in acks)
            if ticked and len(found) < len(answer["found"]):  # several files may share one row
                some_since = some_since or time.monotonic()
                ticked = time.monotonic() - some_since > STABLE_S
            if ticked and not confirmed and not seen_waiting:
                # The chat was empty: older rows, ticked long ago, may have come only now. Ours follows them.
                confirmed = True
                time.sleep(LATE_ROWS_S)
                continue
            if ticked:
                ack = min((_ACKS[ack] for ack in acks), key=list(Ack).index)
                return Receipt(found[-1]["id"], ack)
            if not found and not ignored and parcel.where == "composer" and time.monotonic() - began > IGNORED_S:
                ignored = True
                if answer["draft"] and self._take_back(parcel, clicked):
                    raise errors.NotSubmitted("WhatsApp did not react to the Send button.")
            if time.monotonic() >= until:
                what = "is still on the clock" if found else "does not show up in the chat"
                raise errors.SubmitUnknown(f"The message {what}.")

    def _take_back(self, parcel: Parcel, clicked: dict[str, Any]) -> bool:
        """The text still stands in the composer: remove it. True when it is certain that it was not sent."""
        back = self._ask("readBack", where="composer", text=parcel.text, wait_ms=0)
        if not (back["same"] or back["close"]):
            return False
        try:
            self._clear("composer")
        except errors.NotSubmitted:
            return False
        answer = self._ask("awaitRow", before=clicked["before"], wants=parcel.wants(), wait_ms=1_000)
        return not any(answer["found"]) and answer["fresh"] == 0

    # -- looking back ------------------------------------------------------------------------------------------

    def look_up(self, message: Outgoing, mark: Mark, operation: Operation) -> Lookup:
        """See Transport.look_up."""
        self._prepared = None
        try:
            return self._look_up(message, mark, operation)
        except (Interrupted, StaleElementReferenceException):
            return Lookup(Finding.UNKNOWN, "The page was loaded anew during the look into the chat.")
        except errors.NotSubmitted as error:
            return Lookup(Finding.UNKNOWN, str(error))
        except errors.Undeliverable:
            return Lookup(Finding.ABSENT, "The number is not on WhatsApp, so there is no chat.")

    def _look_up(self, message: Outgoing, mark: Mark, operation: Operation) -> Lookup:
        digits = re.sub(r"\D", "", message.number)
        online = self._require_ready(operation, offline_ok=True)["state"] is AccountState.READY
        self._ask("leavePreview")
        if not online:
            at = self._ask("chatNow", digits=digits)
            if not (self._proved and self._proved["digits"] == digits and at["title"] == self._proved["title"]):
                raise errors.AccountUnready("WhatsApp Web has no connection to its servers.")
        else:
            try:
                self._open_chat(message.number, operation)
            except errors.AccountUnready:
                if self._bar is None or self._bar.digits != digits:
                    raise  # with a bar in place of the composer the rows can be read all the same
        wants = [want for parcel in plan(message) for want in parcel.wants()]
        return self._read_back_to(mark, wants, operation, online=online)

    def _read_back_to(self, mark: Mark, wants: list[dict[str, Any]], operation: Operation, *, online: bool) -> Lookup:
        """Read the rows after the mark, loading older ones until it is reached (or the beginning is)."""
        until = time.monotonic() + LOOK_BACK_S
        self._ask("settled", max_ms=8_000, quiet_ms=200, empty_ms=1_000)
        stable_since: float | None = None
        last: object = None
        while True:
            operation.check()
            history = self._ask("history", last_own=mark.last_own, wants=wants, wait_ms=1_000)
            verdict = _verdict(history["rows"], len(wants))
            if verdict.finding in (Finding.SENT, Finding.WAITING, Finding.FAILED) and (
                history["reached"] or mark.last_own is None
            ):
                return verdict
            if verdict.finding is Finding.UNKNOWN and history["reached"]:
                return verdict
            sign = (history["count"], history["first"], history["last"], history["loading"])
            if sign != last or history["loading"]:
                last, stable_since = sign, time.monotonic()
            calm = stable_since is not None and time.monotonic() - stable_since >= STABLE_S
            if history["reached"]:
                complete = True
            else:
                older = self._ask("older", wait_ms=500)
                complete = older["top"] and not older["came"] and not older["loading"]
            if complete and calm:
                break
            if time.monotonic() > until:
                return Lookup(Finding.UNKNOWN, "The chat's history could not be loaded as far as needed.")
            time.sleep(0.05)
        with contextlib.suppress(Interrupted):
            self._ask("newest")
        if mark.last_own is not None and not history["reached"]:
            return Lookup(Finding.UNKNOWN, "The message that was the last one before is not in the chat any more.")
        if verdict.finding is Finding.ABSENT and not online:
            return Lookup(Finding.UNKNOWN, "It is not in the chat, but WhatsApp Web is offline.")
        return verdict


def _beginning(dialog: dict[str, Any]) -> str:
    """A regex that finds this dialog again by its first words. Special signs are left open."""
    first: str = next((line for line in dialog["text"].splitlines() if line.strip()), "")
    return re.sub(r"[^\w ]", ".", first[:40])


def _is_state(texts: dict[str, str], text: str) -> bool:
    """Whether a dialog tells of a state of the account, which is not to be clicked away."""
    names = ("banned", "conflict", "restricted", "monthly_cap")
    return any(re.search(texts[name], text, re.I) for name in names)


def _verdict(rows: list[dict[str, Any]], wanted: int) -> Lookup:
    """What the rows after the mark say of a message that shows in `wanted` rows."""
    order = {"failed": 0, "pending": 1, "sent": 2, "delivered": 3, "read": 4}
    unclear = any(
        (row["own"] is None and "yes" in row["fits"]) or (row["own"] is not False and "unclear" in row["fits"])
        for row in rows
    )
    best: list[dict[str, Any] | None] = []
    used: set[str] = set()
    for index in range(wanted):
        hits = [row for row in rows if row["own"] and row["fits"][index] == "yes" and row["id"] not in used]
        hit = max(hits, key=lambda row: order.get(row["ack"] or "pending", 1), default=None)
        if hit:
            used.add(hit["id"])
        best.append(hit)
    found = [row for row in best if row]
    if not found:
        if unclear:
            return Lookup(Finding.UNKNOWN, "There is a message in the chat whose content cannot be read.")
        return Lookup(Finding.ABSENT, "The chat is loaded and the message is not in it.")
    if len(found) < wanted:
        return Lookup(Finding.UNKNOWN, f"Only {len(found)} of the message's {wanted} parts are in the chat.")
    worst = min((row["ack"] or "pending" for row in found), key=lambda ack: order[ack])
    if worst == "failed":
        return Lookup(Finding.FAILED, "It is in the chat, and WhatsApp says that it was not sent.")
    if worst == "pending":
        return Lookup(Finding.WAITING, "It is in the chat, on the clock.")
    return Lookup(Finding.SENT, "It is in the chat, with WhatsApp's tick.", Receipt(found[-1]["id"], _ACKS[worst]))
