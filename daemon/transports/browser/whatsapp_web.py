"""WhatsApp Web's page as a transport uses it: prepare, hand over, look up.

The looking is done by the scripts of `js/`, by the selectors of `selectors.toml`; here are the decisions. Nothing is
typed before the open chat is proved to be the recipient's, and the call that clicks "Send" looks once more.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver

from daemon import errors
from daemon.i18n.coded import refusal
from daemon.states import E164, AccountState, Ack, Finding
from daemon.transports.browser import structure
from daemon.transports.browser.bridge import Interrupted, Operation, Surface, mask
from daemon.transports.browser.chat import Chat
from daemon.transports.browser.chats import Chats
from daemon.transports.browser.composing import Attacher, Box, Parcel, own_names, plan
from daemon.transports.browser.following import Following
from daemon.transports.browser.incoming import Incoming, name_of
from daemon.transports.browser.leftovers import Leftovers
from daemon.transports.browser.linking import Linking
from daemon.transports.browser.looking_back import Handed, LookingBack
from daemon.transports.browser.refusals import Unsent
from daemon.transports.browser.screens import Screens
from daemon.transports.browser.ticks import Clicked, TickWait, Todo
from daemon.transports.protocol import Health, Heard, Listed, Lookup, Mark, Outgoing, Receipt, Unread

log = structlog.get_logger()

_NOT_CLICKED = {
    "title": Unsent.CHAT_CHANGED_OVER,
    "text": Unsent.TEXT_CHANGED,
    "rows": Unsent.CHAT_MOVED_ON,
    "dialog": Unsent.DIALOG_CAME_UP,
    "busy": Unsent.PAGE_OCCUPIED,
    "no_button": Unsent.NO_SEND_BUTTON,
}

EMPTY_MS = 150  #: how long a list without messages must stay so to count as empty
BLANK_MS = 150  #: the same when the list shows nothing at all, not even a date or a notice
BLANK_MAX_MS = 8_000  #: the same when the list of chats says that there are messages
SETTLE_S = 10.0  #: how long a page that loads anew under a preparation may take to show why


@dataclass
class Prepared:
    """What `prepare` has composed: only this may `hand_over` send."""

    message: Outgoing
    mark: Mark
    ids: list[str]  # of the rows that were there
    parcels: list[Parcel]
    chat: Chat


class Page:
    """The WhatsApp Web page in one driver. All methods run on the driver's thread."""

    def __init__(
        self, driver: WebDriver, base_url: str, temp: Path, script_s: float, folder: Path | None = None
    ) -> None:
        """temp: a private folder, for attachments. script_s: the driver's timeout of scripts. folder: see Surface."""
        self._surface = Surface(driver, base_url, script_s, folder)
        self.screens = Screens(self._surface)
        self.leftovers = Leftovers(self._surface)
        self.chats = Chats(self._surface, self.screens, self.leftovers)
        self.linking = Linking(self._surface, self.screens)
        self.incoming = Incoming(self._surface, self.screens, self.chats)
        self._following = Following(self._surface)
        self._composer = Box(self._surface, "composer")
        self._attacher = Attacher(self._surface, self.screens, temp)
        self._prepared: Prepared | None = None
        self._handed: Handed | None = None
        self._looking_back = LookingBack(self._surface, self.screens, self.chats, self.incoming)
        self._attach_seen = True
        self._looked = False  # at the page as a whole, since something was prepared

    def open(self) -> None:
        """Load WhatsApp; returns at once."""
        self._surface.open()

    def picture(self) -> bytes:
        """What Chrome shows now, as PNG. Raises TransportError."""
        shown = self._surface.picture()
        if shown is None:
            raise errors.TransportError(Unsent.NO_SCREENSHOT)
        return shown

    def structure(self) -> str:
        """See Inspectable.structure. Raises TransportError."""
        try:
            found = structure.told(self._surface.ask("structure"), self._surface.selectors)
        except Interrupted:
            raise errors.TransportError(Unsent.CHANGED_MEANWHILE) from None
        return json.dumps(found, ensure_ascii=False)

    def health(self, operation: Operation) -> Health:
        """See Transport.health."""
        if self._looked:
            self.discard()
        self._looked = True
        try:
            return self.screens.look(operation, idle=True)[0]
        except Interrupted:
            return self.screens.unseen()

    def read(self, chat: Unread, operation: Operation) -> Heard | None:
        """See Transport.read."""
        self.discard()
        return self.incoming.read(chat, operation)

    def listed(self, since: int, further: bool, operation: Operation) -> Listed:
        """See Follows.listed."""
        self.incoming.require_chats(operation)
        return self._following.look(since, further, self.incoming.ticks)

    def discard(self) -> None:
        """What was prepared will not be sent: it is not left in the chat, where somebody might send it by hand."""
        self._prepared = None
        self.leftovers.clear(self.screens.left)

    @contextlib.contextmanager
    def _before_anything_left(self, number: E164, operation: Operation) -> Iterator[None]:
        """Errors of this phase mean: nothing was sent. Whether the account is to blame says a look at the page."""
        missing: list[str] = []
        try:
            yield
            return
        except Interrupted as error:
            reason = mask(str(error), 60)
            failure: errors.NotSubmitted = errors.NotSubmitted(Unsent.PAGE_CHANGED_SO, reason=reason)
            failure.__cause__ = error
        except StaleElementReferenceException as error:
            failure = errors.NotSubmitted(Unsent.PAGE_CHANGED)
            failure.__cause__ = error
        except errors.PartMissing as error:
            failure, missing = error, error.parts
        except errors.NotSubmitted as error:
            failure = error
        self._prepared = None
        if trouble := self._trouble(number, operation):
            raise trouble from failure
        if missing:
            self.screens.note_changed(missing)
            raise errors.AccountUnready(failure.told) from failure
        raise failure

    def _trouble(self, number: str, operation: Operation) -> errors.AccountUnready | None:
        """What keeps the account from sending, if anything does; a page that is loading may take SETTLE_S to tell."""
        until = time.monotonic() + SETTLE_S
        while True:
            operation.check()
            try:
                health, look = self.screens.look(operation, idle=False)
                if health.usable:
                    return self.chats.barred_now(look["chat"], re.sub(r"\D", "", number))
                if health.state is not AccountState.LOADING:
                    return errors.AccountUnready(health.detail or refusal(Unsent.NOT_USABLE, state=health.state))
            except Interrupted:
                pass
            if time.monotonic() > until:
                return errors.AccountUnready(Unsent.LOADING)
            time.sleep(0.1)

    def prepare(self, message: Outgoing, operation: Operation) -> Mark:
        """See Transport.prepare."""
        self.discard()
        self._attacher.forget()
        self._surface.own = own_names(message)
        parcels = plan(message)
        with self._before_anything_left(message.number, operation):
            _, look = self.screens.require_usable(operation)
            if look["preview"] and not self._surface.ask("leavePreview"):
                self._surface.open()
                raise errors.NotSubmitted(Unsent.EARLIER_ATTACHMENT)
            self.incoming.overhear()
            chat = self.chats.open(message.number, operation)
            rows = {"max_ms": 8_000, "quiet_ms": 60, "empty_ms": EMPTY_MS, "blank_ms": BLANK_MS, "before": chat.rows}
            operation.check()
            first = parcels[0]
            if chat.draft and not self.leftovers.ours(chat.digits, chat.draft, message.text):
                raise errors.ChatInUse(Unsent.CHAT_IN_USE)
            self.leftovers.began(chat, "" if first.files else first.text, files=bool(first.files))
            if first.files:
                self._composer.clear(chat.want())
                back = self._not_blank(
                    self._surface.ask("readBack", where="composer", text="", wait_ms=500, rows=rows),
                    "",
                    chat,
                    operation,
                )
                self._attacher.attach(first, parcels, chat.want(), operation)
            else:
                back = self._not_blank(self._composer.fill(first.text, rows, chat.want()), first.text, chat, operation)
                if not back["attach"]:
                    self._note_missing_attach()
            self.incoming.note(chat.digits, back["heard"])
            mark = Mark(back["last_own"], name_of(chat.title, chat.digits), back["last"])
            self._prepared = Prepared(message, mark, back["ids"], parcels, chat)
            self._looked = False
            return mark

    def _not_blank(self, back: dict[str, Any], text: str, chat: Chat, operation: Operation) -> dict[str, Any]:
        """What was read back, anew if more of the chat's messages came only now. A new chat may be blank, no other."""
        self._judge(back, chat)
        if back["painted"] and not self.incoming.catch_up(chat, back["heard"], operation):
            return back
        rows = {"max_ms": 2_000, "quiet_ms": 60, "empty_ms": EMPTY_MS}
        again: dict[str, Any] = self._surface.ask("readBack", where="composer", text=text, wait_ms=500, rows=rows)
        self._judge(again, chat)
        return again

    def _judge(self, back: dict[str, Any], chat: Chat) -> None:
        """What was read back is of the chat that was proved, and has all that we look for. Raises NotSubmitted."""
        _require_same(back, chat)
        if back["lost"]:
            raise errors.PartMissing(Unsent.PARTS_MISSING, back["lost"], parts=", ".join(back["lost"]))
        if not back["painted"] and not self._surface.ask("awaitPaint", digits=chat.digits, wait_ms=BLANK_MAX_MS):
            self.discard()
            self._surface.open()
            raise errors.NotSubmitted(Unsent.CHAT_BLANK)

    def _note_missing_attach(self) -> None:
        if self._attach_seen:
            self._attach_seen = False
            log.warning("page.self_checked", missing=["attach"])

    def hand_over(
        self, message: Outgoing, mark: Mark, wait_s: float, operation: Operation, held: Callable[[], bool]
    ) -> Receipt:
        """See Transport.hand_over. wait_s: how long a tick may take."""
        prepared, self._prepared = self._prepared, None
        if prepared is None or (prepared.message, prepared.mark) != (message, mark):
            raise errors.NotSubmitted(Unsent.NOT_PREPARED)
        if prepared.chat.left != self.screens.left:
            raise errors.NotSubmitted(Unsent.CHAT_GONE)
        self._handed = (message, mark, self._surface.born)
        until = time.monotonic() + wait_s
        receipts: list[Receipt] = []
        last_own, ids = mark.last_own, prepared.ids
        index = 0
        while index < len(prepared.parcels):
            parcel = prepared.parcels[index]
            try:
                if index:
                    self.leftovers.began(prepared.chat, "" if parcel.files else parcel.text, files=bool(parcel.files))
                    back = self._compose_next(parcel, prepared, operation)
                    last_own, ids = back["last_own"], back["ids"]
                elif not held():
                    raise errors.LeaseLost(Unsent.LEASE_RAN_OUT)
                receipts.append(self._send(parcel, prepared.chat, last_own, ids, until, operation))
            except errors.NotSubmitted as error:
                if receipts:
                    raise errors.SubmitUnknown(Unsent.ONLY_A_PART, error=error.told) from error
                raise
            except (Interrupted, StaleElementReferenceException, errors.Undeliverable, errors.AccountUnready) as error:
                if not receipts and isinstance(error, errors.DaemonError):
                    raise
                raise errors.SubmitUnknown(Unsent.CHANGED_WHILE_SENT) from error
            index += 1
        self.leftovers.sent()
        order = list(Ack)
        return Receipt(receipts[-1].transport_id, min((one.ack for one in receipts), key=order.index))

    def _compose_next(self, parcel: Parcel, prepared: Prepared, operation: Operation) -> dict[str, Any]:
        if not parcel.files:
            back: dict[str, Any] = self._composer.fill(parcel.text, None, prepared.chat.want())
            _require_same(back, prepared.chat)
            return back
        back = self._surface.ask("readBack", where="composer", text="", wait_ms=2_000)
        _require_same(back, prepared.chat)
        self._attacher.attach(parcel, prepared.parcels, prepared.chat.want(), operation)
        return back

    def _send(
        self,
        parcel: Parcel,
        chat: Chat,
        last_own: str | None,
        ids: list[str],
        until: float,
        operation: Operation,
    ) -> Receipt:
        """Click Send and wait for the server's tick."""
        operation.check()
        where = parcel.where
        try:
            clicked = self._surface.ask(
                "send",
                where=where,
                want=chat.want(),
                last_own=last_own,
                ids=ids,
                text=parcel.text,
                enter_ok=bool(parcel.text),
            )
        except Interrupted as error:
            raise errors.SubmitUnknown(Unsent.RELOADED_AT_SEND) from error
        if clicked.get("enter"):
            log.warning("page.part_missing", name="send", group=parcel.group)
            self._surface.key("Enter", "Enter", 13, text="\r")
        elif not clicked["clicked"]:
            log.info("message.not_clicked", reason=clicked["why"])
            trouble = self._trouble(chat.digits, operation)
            why = trouble.told if trouble else refusal(_NOT_CLICKED[clicked["why"]])
            raise errors.NotSubmitted(Unsent.NOT_CLICKED, why=why)
        return self._await_tick(parcel, chat, clicked, until, operation)

    def _await_tick(self, parcel: Parcel, chat: Chat, clicked: Clicked, until: float, operation: Operation) -> Receipt:
        tick = TickWait(clicked, typed=parcel.where == "composer", until=until, clock=time.monotonic)
        sought = {"before": clicked["before"], "wants": parcel.wants(), "want": chat.want()}
        seen: set[str] = set()
        while True:
            answer = self._surface.ask("awaitRow", **sought, seen=[*seen], wait_ms=tick.wait_ms)
            operation.check()
            outcome = tick.step(answer)
            if isinstance(outcome, Receipt):
                return outcome
            seen.update(row["id"] for row in answer["found"] if row)
            if outcome is Todo.TAKE_BACK and self._take_back(parcel, sought):
                raise errors.NotSubmitted(Unsent.SEND_IGNORED)
            if tick.pause_s:
                time.sleep(tick.pause_s)

    def _take_back(self, parcel: Parcel, sought: dict[str, Any]) -> bool:
        """The text still stands in the composer: remove it. True when it is certain that it was not sent."""
        back = self._surface.ask("readBack", where="composer", text=parcel.text, wait_ms=0)
        if not (back["same"] or back["close"]):
            return False
        try:
            self._composer.clear(sought["want"])
        except errors.NotSubmitted:
            return False
        answer = self._surface.ask("awaitRow", **sought, seen=[], wait_ms=1_000)
        return not any(answer["found"]) and answer["fresh"] == 0

    def look_up(self, message: Outgoing, mark: Mark, operation: Operation) -> Lookup:
        """See Transport.look_up."""
        self.discard()
        self._surface.own = own_names(message)
        found = self._looking_back.look_up(message, mark, operation, self._handed)
        if found.finding is Finding.SENT:  # it has left the composer: what is found there from now on is a person's
            self.leftovers.forget(message.number)
        return found


def _require_same(back: dict[str, Any], chat: Chat) -> None:
    """What was read back is of the chat that was proved. Raises NotSubmitted."""
    if back["title"] != chat.title:
        raise errors.NotSubmitted(Unsent.CHAT_CHANGED_OVER)
