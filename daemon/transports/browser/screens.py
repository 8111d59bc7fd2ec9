"""Which of its screens WhatsApp Web shows, what the account can do then, and what heals without a person."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from daemon import errors
from daemon.i18n.coded import refusal
from daemon.states import AccountState, Hold
from daemon.transports.browser import screen_rules
from daemon.transports.browser.bridge import Interrupted, Operation, Surface
from daemon.transports.browser.looks import Dialog, Look
from daemon.transports.browser.patience import STEADY_S, Ends, Patience
from daemon.transports.browser.refusals import Unsent
from daemon.transports.browser.screen_rules import Heal, Seen, Verdict, first, judge
from daemon.transports.protocol import Health

log = structlog.get_logger()

LINK = "https://web.whatsapp.com/send?phone="  #: the form the app's click listener knows, whatever serves the page
CONFLICT_S = 30.0  #: how long another window may keep WhatsApp before we take it back: a person may be at it
CONFLICT_MAX_S = 240.0
RECONNECT_S = 10.0  #: between two clicks on "Reconnect"
RELOAD_S, RELOAD_MAX_S = 5.0, 120.0  #: between two reloads of a page that does not come
UPDATE_S = 3600.0  #: between two refreshes for an update
LINK_S = 900.0  #: how long a code that was asked for is renewed when it has expired
PROBE_S, PROBE_MAX_S = 30.0, 120.0  #: between two looks whether a new chat may be started again
SILENT = 5  #: after so many of them that tell nothing a new chat is tried
ANEW_S = 60.0  #: how long a page that is loaded anew, to see whether a hold is over, may take to show it
ENGLISH = 2  #: so many pages are asked for in English before the account holds
OPEN_MS = 8_000  #: how long a chat may take to open before another way is tried


@dataclass
class Since:
    """When something of the page began, and when it may be answered again (monotonic seconds)."""

    conflict: float | None = None
    conflict_wait: float = CONFLICT_S
    unknown: float | None = None
    linking: float | None = None  # when a code was asked for
    next: dict[str, float] = field(default_factory=dict)
    wait: dict[str, float] = field(default_factory=dict)

    def may(self, what: str, first: float, most: float) -> bool:
        """True at most every `first` seconds, doubling up to `most`."""
        now = time.monotonic()
        if now < self.next.get(what, 0.0):
            return False
        wait = self.wait.get(what, first)
        self.next[what], self.wait[what] = now + wait, min(wait * 2, most)
        return True

    def over(self, what: str) -> None:
        """It is past: the next time begins anew."""
        self.next.pop(what, None)
        self.wait.pop(what, None)

    def over_for(self, what: str, seconds: float) -> None:
        """The same, if it has not come up for that long: one that comes and goes is still the same trouble."""
        if time.monotonic() - self.next.get(what, 0.0) >= seconds:
            self.over(what)


@dataclass
class Bar:
    """A chat that has no composer because the account may not write there."""

    hold: Hold
    digits: str
    title: str | None
    probed: bool = False
    silent: int = 0  # how many looks in a row have told nothing of it


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


class Screens:
    """Looks at the page as a whole."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self.since = Since()
        self.left = 0  #: how often the chats have gone from the screen: what was open or composed is void then
        self._linked: bool | None = None  # what the page has shown last, see Seen
        self._bar: Bar | None = None
        self._checked = False
        self._changed: list[str] = []  # what the self-check misses
        self._changed_in = 0.0  # and in which life of the page
        self._patience, self._ends = Patience(), Ends()
        # The hold that the page was loaded anew for, when, and in which life of it.
        self._looked_past: tuple[Health, float, float] | None = None
        self._asked_english = 0
        self._asked_in = 0.0  # the last life of the page that was asked

    def look(self, operation: Operation, *, idle: bool) -> tuple[Health, Look]:
        """Look, heal what can be healed, look again. idle: nothing is in hand, so the page may be reloaded."""
        look = self._surface.observe()
        if idle and self._ask_english(look):
            return Health(AccountState.LOADING), look
        for _ in range(4):
            operation.check()
            if not self.dismiss(look["dialogs"], idle=idle):
                break
            time.sleep(0.05)
            look = self._surface.observe()
        health = self._judge(look, idle=idle)
        if health.hold is Hold.UNKNOWN_DIALOG:  # it may be on its way out
            time.sleep(0.4)
            look = self._surface.observe()
            health = self._judge(look, idle=idle)
        return self.not_yet_over(health), look

    def _ask_english(self, look: Look) -> bool:
        """Load a page that is not in English anew, asking for it; ENGLISH times, before anybody has begun on it."""
        if not screen_rules.is_foreign(look):
            self._asked_english = 0 if look["lang"] else self._asked_english
            return False
        if self._asked_english >= ENGLISH or look["born"] == self._asked_in:
            return False
        self._asked_english += 1
        self._asked_in = look["born"]
        log.warning("page.foreign", language=look["lang"][:12])
        self._surface.open()
        return True

    def not_yet_over(self, health: Health) -> Health:
        """While the page comes anew to show whether a hold is over, it is not: nobody is told of a change."""
        if self._looked_past is None:
            return health
        held, since, born = self._looked_past
        if health.state is AccountState.LOADING and time.monotonic() - since < ANEW_S:
            return replace(held, known_chats=False)
        if self._surface.born != born:  # else it is the page that goes
            self._looked_past = None
        return health

    def dismiss(self, dialogs: list[Dialog], *, idle: bool) -> bool:
        """Put away one dialog that needs no person. True when something was clicked."""
        for dialog in dialogs:
            if dialog["invalid"]:
                return bool(self._surface.ask("acceptDialog", text=self._surface.text["invalid_number"]))
            if dialog["waiting"] or dialog["guarded"] or _is_state(self._surface.text, dialog["text"]):
                continue
            for entry in self._surface.dismiss:
                if not re.search(entry["text"], dialog["text"], re.I):
                    continue
                if "unless" in entry and re.search(entry["unless"], dialog["text"], re.I):
                    continue
                if entry.get("idle") and not (idle and self.since.may("update", RELOAD_S * 2, UPDATE_S)):
                    continue
                if self._surface.ask("clickInDialog", text=beginning(dialog), labels=entry["button"]):
                    log.info("page.dialog_dismissed", name=entry["name"])
                    return True
        return False

    def _judge(self, look: Look, *, idle: bool) -> Health:
        """What the look means for the account; what may heal it is done."""
        if look["main"] or screen_rules.may_link(look):
            self._linked = look["main"]
        until = self._ends.until(look, seconds_of(look["duration"] or ""), _now_ms())
        seen = Seen(look, until=until, linked=self._linked)
        verdict = first(screen_rules.ANYWHERE, seen)
        if verdict is None or verdict.heal is Heal.RECONNECT:
            self.since.conflict = None
        if verdict is None:
            verdict = self._judge_main(seen, idle=idle) if look["main"] else self._judge_start(seen)
        return self._heal(verdict, look, idle=idle)

    def _judge_start(self, seen: Seen) -> Verdict:
        """The screens before, or instead of, the chats."""
        self.left += 1
        since = self.since.unknown
        unknown_s = time.monotonic() - since if since is not None else 0.0
        verdict = judge(screen_rules.START, replace(seen, unknown_s=unknown_s))
        if verdict.known:
            self.since.unknown = None
        elif since is None:
            self.since.unknown = time.monotonic()
        if verdict.health.state is AccountState.NEEDS_LINK:
            self._checked = False
        return verdict

    def _judge_main(self, seen: Seen, *, idle: bool) -> Verdict:
        for what in ("reconnect", "link_code"):
            self.since.over(what)
        self.since.over_for("reload", STEADY_S)
        self.since.unknown = self.since.linking = None
        verdict = first(screen_rules.ACCOUNT, seen)
        if verdict is None:
            self._examine(seen.look, idle=idle)
            verdict = judge(
                screen_rules.PARTS, replace(seen, bar=self._bar.hold if self._bar else None, changed=self._changed)
            )
        if idle and (dialog := seen.unknown_dialog) and verdict.health.hold is Hold.UNKNOWN_DIALOG:
            log.warning("page.dialog_unknown", buttons=len(dialog["buttons"]))
        return verdict

    def _examine(self, look: Look, *, idle: bool) -> None:
        """Ask what one look cannot tell: is the bar still there, are the parts that sending needs?"""
        if self._bar and self._still_barred(self._bar, look, idle=idle):
            return
        if self._changed and look["born"] != self._changed_in:  # a new build may have come with the reload
            self._changed, self._checked = [], False
        if not self._checked:
            self._self_check()
        if self._changed:  # a part that cannot be looked for from here stays missing until the page comes anew
            known = [name for name in self._changed if name in self._surface.parts]
            gone = self._surface.ask("missing", names=known)
            self._changed = [name for name in self._changed if name in gone or name not in known]

    # -- healing -----------------------------------------------------------------------------------------------

    def _heal(self, verdict: Verdict, look: Look, *, idle: bool) -> Health:
        """Do what the verdict names, where it is time for it. Returns how the account is then."""
        match verdict.heal:
            case Heal.RELOAD:
                self._reload_later()
            case Heal.TAKE_WINDOW:
                self._take_window()
            case Heal.RENEW_QR:
                self._renew_qr(look)
            case Heal.RENEW_CODE:
                self._renew_code(look)
            case Heal.RECONNECT if idle and self.since.may("reconnect", RECONNECT_S, 8 * RECONNECT_S):
                self._surface.ask("click", name="reconnect")
            case Heal.ACCEPT_UPDATE if idle and self.since.may("update", UPDATE_S, UPDATE_S):
                log.info("page.update_accepted")
                self._surface.open()
                return Health(AccountState.LOADING)
        return self._outlast(verdict, look["born"], look["percent"]) if idle else verdict.health

    def unseen(self) -> Health:
        """The page could not be looked at: it loads, or its script fails, which is not waited for any longer."""
        loading = Verdict(Health(AccountState.LOADING))
        return self.not_yet_over(self._outlast(loading, self._surface.born, None))

    def _outlast(self, verdict: Verdict, born: float, percent: float | None) -> Health:
        if self._patience.is_over(verdict, born, percent, time.monotonic(), _now_ms()):
            return self._look_anew(verdict.health)
        return verdict.health

    def _look_anew(self, health: Health) -> Health:
        """Load the page anew, to see whether this is over."""
        log.info("page.looked_anew", state=health.state, hold=health.hold)
        if health.hold:
            self._looked_past = health, time.monotonic(), self._surface.born
        self._surface.open()
        return replace(health, known_chats=False)

    def _renew_qr(self, look: Look) -> None:
        if look["qr_reload"] and self.since.may("qr_reload", 2.0, 30.0):
            self._surface.ask("click", name="qr_reload")
            log.info("page.qr_reloaded")
        elif look["qr"] and not look["qr_reload"]:
            self.since.over("qr_reload")

    def _renew_code(self, look: Look) -> None:
        """The code of a linking expires. It is renewed while who asked for it may still be at it."""
        began = self.since.linking
        if not look["link_expired"]:
            self.since.over("link_code")
        elif began is None or time.monotonic() - began > LINK_S:
            self.since.linking = None
        elif self.since.may("link_code", 2.0, 30.0):
            self._surface.ask("click", name="link_renew")
            log.info("page.code_renewed")

    def _take_window(self) -> None:
        """Another window has WhatsApp; after a while we take it back."""
        since, now = self.since, time.monotonic()
        since.conflict = since.conflict or now
        if now - since.conflict >= since.conflict_wait:
            if not self._surface.ask("click", name="use_here"):
                self._surface.open()  # the newest page has it
            log.info("page.window_taken", elapsed_ms=int((now - since.conflict) * 1000))
            since.conflict = None
            since.conflict_wait = min(since.conflict_wait * 2, CONFLICT_MAX_S)
        self.left += 1

    def _reload_later(self) -> None:
        """Load a page anew that does not come. The log says it once: `account.changed` tells how long it lasts."""
        if self.since.may("reload", RELOAD_S, RELOAD_MAX_S):
            say = log.info if self.since.wait["reload"] <= 2 * RELOAD_S else log.debug
            say("page.reloaded")
            self._surface.open()

    def _still_barred(self, bar: Bar, look: Look, *, idle: bool) -> bool:
        """A chat could not be written in: is that still so?"""
        # Of another chat a composer says nothing: those that the other side knows keep theirs.
        chat = look["chat"] if look["chat"] and look["chat"]["title"] == bar.title else None
        if idle and self.since.may("probe", PROBE_S, PROBE_MAX_S):
            with contextlib.suppress(Interrupted):
                chat = self._probe(bar)
                bar.silent = 0 if chat else bar.silent + 1
                if chat and chat["bar"] and bar.probed:  # it may be only what the page has kept
                    self._surface.open()
                bar.probed = not bar.probed
        if (chat and chat["composer"]) or bar.silent >= SILENT:
            log.info("page.bar_cleared", reason=bar.hold)
            self._bar = None
            self.since.over("probe")
            return False
        return True

    def _probe(self, bar: Bar) -> dict[str, Any] | None:
        """The chat that could not be written in; None where it does not open, which says nothing of the account."""
        href = LINK + bar.digits
        asked = self._surface.ask("openChat", digits=bar.digits, href=href, marker=None, wait_ms=OPEN_MS, again=True)
        if asked["outcome"] == "dialog" and asked["dialog"]["invalid"]:  # the number is on WhatsApp no longer
            self._surface.ask("acceptDialog", text=self._surface.text["invalid_number"])
            bar.silent = SILENT
            return None
        chat: dict[str, Any] = self._surface.ask("ready", digits=bar.digits)
        return chat if chat["number"] or (chat["title"] and chat["title"] == bar.title) else None

    def _self_check(self) -> None:
        """Once in a life, before any recipient is touched: is what sending needs where we look for it?"""
        missing = self._surface.ask("missing", names=["logged_in", "new_chat", "search"])
        self._checked = True
        # Either of the two opens the panel in which a chat is found when links do not work.
        if "logged_in" in missing or {"new_chat", "search"} <= set(missing):
            self.note_changed(missing)
        else:
            log.info("page.self_checked", missing=missing)

    def note_changed(self, missing: list[str]) -> None:
        """Hold the account: the page lacks what sending needs."""
        self._changed, self._changed_in = missing, self._surface.born
        log.error("page.self_checked", missing=missing)

    def require_usable(self, operation: Operation, *, offline_ok: bool = False) -> tuple[AccountState, Look]:
        """How the account is, and the look that told it. Raises AccountUnready."""
        health, look = self.look(operation, idle=False)
        if health.usable or (offline_ok and health.state is AccountState.OFFLINE):
            return health.state, look
        raise errors.AccountUnready(health.detail or refusal(Unsent.NOT_USABLE, state=health.state))

    def note_bar(self, hold: Hold, digits: str, title: str | None) -> None:
        """The chat of `digits` has words in place of its composer."""
        self._bar = Bar(hold, digits, title)
        self.since.over("probe")
        self.since.may("probe", PROBE_S, PROBE_MAX_S)
        log.warning("account.bar_seen", reason=hold)

    def barred(self, digits: str) -> bool:
        """Whether that was the chat of `digits`."""
        return self._bar is not None and self._bar.digits == digits


def _now_ms() -> int:
    return int(time.time() * 1000)


def beginning(dialog: Dialog) -> str:
    """A regex that finds this dialog again by its first words. Special signs are left open."""
    first = next((line for line in dialog["text"].splitlines() if line.strip()), "")
    return re.sub(r"[^\w ]", ".", first[:40])


def _is_state(texts: dict[str, str], text: str) -> bool:
    """Whether a dialog tells of a state of the account, which is not to be clicked away."""
    names = ("banned", "conflict", "restricted", "monthly_cap")
    return any(re.search(texts[name], text, re.I) for name in names)
