"""Replies: between two messages, the sender reads what people have answered and who has opted out.

Whoever wrote STOP may get one confirmation. It goes to somebody on the suppression list, so it is not a message of a
campaign and cannot become one: its text is a setting, its number comes from an entry that a reply to this account made
less than an hour ago (`replies.to_confirm`), and no address of the API or page leads here. It is committed before it is
sent (`replies.confirm`), for good: after a crash it may never have arrived, but nobody gets it twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import handovers, limits, pace, pacing
from daemon.config import Settings
from daemon.contacts import optout
from daemon.contacts.person import Person
from daemon.delivery import opened_chats, replies, unmatched
from daemon.delivery.db_thread import DatabaseThread
from daemon.models import Purpose
from daemon.states import E164
from daemon.telemetry import unforeseen
from daemon.transports.protocol import Heard, Inbox, Outgoing, Transport, Unread, always

log = structlog.get_logger()

EVERY_S = 20.0  # between two looks at the list of chats
CHATS = 3  # the most unread chats opened in one look: a sender has to send, too
AGAIN_S = 600.0  # until a chat that stays unread after a look is looked at again
STORE_AGAIN_S = 0.25  # between two attempts to store replies while the sender ends
TRIES = 3  # to confirm an opt-out while nothing has left; to read a chat that was opened before

OF_THE_CHAT = (errors.TransportError, LookupError, ValueError, TypeError, AttributeError)  # including bugs of ours

Guard = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Look:
    """How a chat looks in the list; several may look alike."""

    title: str
    number: E164 | None
    count: int
    preview: str
    hint: E164 | None  # it may come later than the chat

    @classmethod
    def at(cls, chat: Unread) -> Look:
        return cls(chat.title, chat.number, chat.count, chat.preview, chat.hint)


@dataclass
class Task:
    """A chat to read. entry: its entry in `opened_chats`, if it was opened before."""

    chat: Unread
    entry: int | None = None


class Listening:
    """Reads one account's replies.

    What was read is kept here until it is stored, because WhatsApp shows it as unread only once. gap: the pause after a
    message. held: whether this sender owns the account.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        db: DatabaseThread,
        gap: Callable[[], Awaitable[pacing.Gap]],
        held: Callable[[], bool] = always,
    ) -> None:
        self._held = held
        self._account, self._transport, self._db, self._gap = settings.account, transport, db, gap
        self._inbox = transport if isinstance(transport, Inbox) else None
        self._further = optout.more(settings.stop_words)
        self._confirmation = settings.stop_confirm.strip()
        self._rules = limits.rules(settings)
        self._kept: deque[Heard] = deque()  # read, and not stored yet
        self._settled: dict[Look, tuple[int, float]] = {}  # how many chats of that look to skip, and until when
        self._opened: Counter[Look] = Counter()  # opened in vain in the last look
        self._before: Counter[Look] = Counter()  # the unread chats of the last look
        self._read_at: dict[str, float] = {}  # title of an unread chat: when one of that title was read last
        self._noted: set[str] = set()  # titles of unread chats that could not be matched
        self._first = True  # whether that is not known yet, of what an earlier sender has noted
        self._latest = True  # whether to read the chat that was open last once more
        self._more, self._rested = False, False  # the last look left chats over; other duties had their turn since
        self._tries: Counter[str] = Counter()
        self._failed: Counter[int] = Counter()  # entry of `opened_chats`: how often it could not be read
        self._untold = bool(self._confirmation)  # whether an opt-out may have to be confirmed
        self._unforeseen = unforeseen.Unforeseen()
        self._looked_at = float("-inf")

    def begin_anew(self) -> None:
        """The page has come up: messages in the chat that was open before may have been missed."""
        self._latest = True

    async def overheard(self) -> None:
        """Store what was read in chats that were opened for another reason, right before `submit` checks who may be
        messaged.

        Raises DatabaseBusy: it is kept, and nothing may be submitted before it is stored.
        """
        if self._inbox:
            self._kept.extend(await self._inbox.overheard())
        await self._store()

    async def finish(self, within_s: float) -> None:
        """The sender is ending: store what was read, if the database takes it in time. The rest is read again by the
        next sender, as long as its chat is in `opened_chats` or was messaged last."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    try:
                        return await self.overheard()
                    except errors.DatabaseBusy:
                        await asyncio.sleep(STORE_AGAIN_S)
        except TimeoutError:
            pass

    async def turn(self, guarded: Guard, graced: Guard, tell: bool = True) -> bool:
        """Read replies if it is time to, while nothing is in hand or the account is held; returns whether anything was
        done.

        guarded: runs work that may be dropped when the sender is stopped; graced: likewise, after a moment. tell:
        whether opt-outs may be confirmed. Raises BrowserLost, DatabaseBusy, and what guarded and graced raise.
        """
        await self._store()
        if time.monotonic() - self._looked_at >= EVERY_S or (self._more and self._rested):
            self._rested = False
            try:
                await self._listen(guarded, graced)
            finally:  # counted from its end, so that there is always time to send in between
                self._looked_at = time.monotonic()
            return True
        self._rested = True
        return tell and self._untold and await self._tell(guarded, graced)

    async def _listen(self, guarded: Guard, graced: Guard) -> None:
        """Look at the list of chats and read some that may be answers. The rest gets its turn soon."""
        self._more = False
        if self._inbox is None:  # the http process takes the replies: it may have taken an opt-out meanwhile
            self._untold = bool(self._confirmation)
            return
        try:
            unread: list[Unread] = await guarded(self._inbox.unread())
        except errors.AccountUnready:
            return
        await self.overheard()
        before, new = await self._unfinished(), [Task(chat) for chat in await self._wanted(unread)]
        self._more = max(len(before), len(new)) > CHATS
        for task in before[:CHATS] + new[:CHATS]:
            look = Look.at(task.chat)
            try:
                known = await self._read(self._inbox, task, graced)
            except errors.AccountUnready:
                continue
            except errors.BrowserLost:
                raise
            except OF_THE_CHAT as error:  # the others are still read
                log.warning("reply.unread", why=self._why(error))
                await self._failed_again(task)
                known = False
            if known:  # whatever is unread there from now on is new
                self._before[look] -= 1
            else:
                self._opened[look] += 1

    async def _unfinished(self) -> list[Task]:
        """Chats that were opened before and not read to the end; after a start also those that may have been open."""
        rows = await self._db.call(opened_chats.unfinished, self._account, self._latest)
        found = [Task(chat, entry) for entry, chat in rows]
        if self._latest:
            number = await self._db.call(replies.last_written, self._account)
            known = {Person(task.chat.number).key for task in found if task.chat.number}
            if number and Person(number).key not in known:
                found.append(Task(Unread("", number, 0)))
            for task in found:  # an entry for each, so that none is forgotten if this look is cut off
                if task.entry is None:
                    task.entry = await self._db.timed(opened_chats.begin, self._account, task.chat)
                else:
                    await self._db.call(opened_chats.reopen, task.entry)
            self._latest = False
        return found

    async def _wanted(self, unread: list[Unread]) -> list[Unread]:
        """Which unread chats to open: first those whose preview asks to stop, then those read longest ago."""
        looks = Counter(Look.at(chat) for chat in unread)
        now = time.monotonic()
        for look, opened in self._opened.items():  # how many of those opened in vain are still there unchanged?
            self._settle(look, min(opened, max(0, looks[look] - (self._before[look] - opened))), now)
        self._opened.clear()
        self._before = looks
        self._settled = {
            look: (min(count, looks[look]), until)
            for look, (count, until) in self._settled.items()
            if looks[look] and now < until
        }
        titles = {chat.title for chat in unread}
        strange = {chat.title for chat in unread if chat.hint is None and not chat.group}
        if self._noted - strange or self._first:
            await self._db.timed(unmatched.forget_read, self._account, strange)
            self._noted &= strange
            self._first = False
        self._read_at = {title: at for title, at in self._read_at.items() if title in titles}
        left = Counter({look: count for look, (count, _) in self._settled.items()})
        new: list[Unread] = []
        for chat in reversed(unread):  # of those that look alike, the newest is the one not looked at yet
            look = Look.at(chat)
            if left[look]:
                left[look] -= 1
            else:
                new.insert(0, chat)
        if not new:
            return []
        worth = await self._db.timed(replies.worth_opening, self._account, new, self._further)
        nobodys = await self._db.timed(replies.unknown, self._account, [chat for chat in new if chat not in worth])
        if nobodys:
            await self._db.timed(unmatched.note, self._account, nobodys)
            self._noted |= {chat.title for chat in nobodys}
        for look, count in (Counter(map(Look.at, new)) - Counter(map(Look.at, worth))).items():
            self._settle(look, count, now)

        def urgency(chat: Unread) -> tuple[bool, float]:
            return not optout.asks_to_stop(chat.preview, self._further), self._read_at.get(chat.title, 0.0)

        return sorted(worth, key=urgency)

    def _settle(self, look: Look, count: int, now: float) -> None:
        before, until = self._settled.get(look, (0, now + AGAIN_S))
        self._settled[look] = before + count, until

    async def _read(self, inbox: Inbox, task: Task, graced: Guard) -> bool:
        """Open a chat, read it and store its messages; returns whether it is known whose chat it is."""
        chat = task.chat
        landmarks = await self._db.timed(replies.landmarks, self._account, chat)
        if task.entry is None:
            task.entry = await self._db.timed(opened_chats.begin, self._account, chat)
        self._read_at[chat.title] = time.monotonic()
        heard = await graced(inbox.read(replace(chat, landmarks=landmarks)))
        self._kept.extend(await inbox.overheard())
        if heard is None:
            await self._store()
            await self._failed_again(task)
            return False
        if sum(count for look, count in self._before.items() if look.title == chat.title) > 1:
            heard = replace(heard, title="")  # whose it is, as a person has said, is not said of both
        self._kept.append(heard)
        taken = await self._store()
        if not taken.proved:
            log.warning("reply.unproved")
            if chat.title:
                await self._db.timed(unmatched.note_opened, self._account, chat, heard, self._further)
        elif chat.title and chat.number is None:
            await self._db.call(unmatched.matched, self._account, chat.title)
        await self._db.call(opened_chats.end, self._account, task.entry)
        return taken.proved

    async def _failed_again(self, task: Task) -> None:
        """It could not be read, or only in part, and may not be unread any more: it is tried TRIES times."""
        if task.entry is None:
            return
        self._failed[task.entry] += 1
        if self._failed[task.entry] >= TRIES:
            log.warning("reply.given_up", tries=TRIES)
            if task.chat.title and not task.chat.group:
                asks = optout.asks_to_stop(task.chat.preview, self._further)
                await self._db.timed(unmatched.note_unreadable, self._account, task.chat, asks)
            await self._db.call(opened_chats.forget, task.entry)

    async def _store(self) -> replies.Taken:
        """Store everything that was read; returns the result of the last part. Raises DatabaseBusy: it is kept and
        stored later."""
        taken = replies.Taken()
        while self._kept:
            try:
                taken = await self._db.timed(replies.take, self._account, self._kept[0], self._further)
            except errors.DatabaseBusy:
                self._untold = bool(self._confirmation)  # part of it may be stored
                log.warning("reply.kept", count=len(self._kept))
                raise
            except (errors.DatabaseUnusable, errors.AccountLost):
                raise
            except Exception as error:  # it would fail every time and block all others
                self._unforeseen.tell(error, "listen")
                log.error("reply.refused")
            self._untold |= taken.opted_out and bool(self._confirmation)
            self._kept.popleft()
        return taken

    async def _tell(self, guarded: Guard, graced: Guard) -> bool:
        """Confirm one opt-out, when the account's pace allows it."""
        waiting: list[E164] = await self._db.timed(replies.to_confirm, self._account)
        number = next((each for each in waiting if self._tries[each] < TRIES), None)
        if number is None:
            self._untold = False
            return False
        if not await self._db.timed(self._may_write):
            return False
        self._tries[number] += 1
        gap = await self._gap()
        await self._db.timed(pace.set_pace, self._account, gap=gap)
        outgoing = Outgoing(number, self._confirmation)
        left: tuple[Any, ...] = ()
        try:
            mark = await guarded(self._transport.prepare(outgoing))
            await self.overheard()
            if not await self._db.timed(replies.confirm, self._account, number):
                return True
            left = (self._account, number, Purpose.CONFIRMATION)
            await self._db.timed(handovers.keep_own, *left)
            await graced(self._transport.hand_over(outgoing, mark, self._held))
        except errors.BrowserLost:
            raise
        except (errors.TransportError, errors.LeaseLost) as error:
            if left and isinstance(error, errors.NotSubmitted | errors.LeaseLost):
                await self._db.timed(handovers.undo_own, *left)
            log.warning("suppression.not_confirmed", why=str(error))
        else:
            log.info("suppression.confirmed")
        return True

    def _may_write(self, now: int) -> bool:
        return pace.opening(self._account, now, self._rules).at <= now

    def _why(self, error: Exception) -> str:
        """A sentence of ours; of a mistake in the program only its kind, as its words may be anybody's."""
        return str(error) if isinstance(error, errors.DaemonError) else self._unforeseen.tell(error, "listen")
