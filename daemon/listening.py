"""The sender listens between two messages: what people have answered, and who wants nothing more.

Whoever wrote STOP may be told so once. That message goes to somebody who is on the suppression list, so it is no
message of a campaign, and it cannot become one: its text is a setting, its number comes from an entry that a reply to
this account has made less than an hour ago (`replies.to_confirm`), and no address of the API or page leads here. That
it goes out is committed before it does (`replies.confirm`), for good: after a crash it may never have arrived, but
nobody gets it twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from daemon import campaigns, db, errors, handovers, outbox, pacing, replies, stopwords
from daemon.config import Settings
from daemon.models import Purpose
from daemon.transports import Heard, Outgoing, Transport, Unread, always

log = structlog.get_logger()

EVERY_S = 20.0  # between two looks at the list of chats
CHATS = 3  # that are opened in one look, at most: a sender has to send, too
PRUNE_S = 3600.0
TRIES = 3  # to tell somebody that nothing more comes, while nothing has left

Guard = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]


class Listening:
    """One account's ears.

    in_db: runs database work and returns its result, as `Sender._db` does. gap: the pause after a message.
    held: whether the account is this sender's.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        in_db: Callable[..., Awaitable[Any]],
        gap: Callable[[tuple[int, int]], Awaitable[pacing.Gap]],
        held: Callable[[], bool] = always,
    ) -> None:
        self._held = held
        self._account, self._transport, self._in_db, self._gap = settings.account, transport, in_db, gap
        self._further = stopwords.more(settings.stop_words)
        self._confirmation = settings.stop_confirm.strip()
        self._delay_ms = (round(settings.delay_min * 1000), round(settings.delay_max * 1000))
        self._rules = campaigns.rules(settings)
        self._known: dict[str, tuple[int, str]] = {}  # title of a chat that is none of ours: how it looked then
        self._read: list[str] = []  # titles of those that were read, the last one last; most are unread no more
        self._tries: Counter[str] = Counter()
        self._untold = bool(self._confirmation)  # whether somebody may have to be told
        self._looked_at = self._pruned_at = 0.0

    async def overheard(self) -> None:
        """Heed what stands in chats that were opened for another reason; right before `submit` asks who may get it."""
        for heard in await self._transport.overheard():
            await self._take(heard)

    async def turn(self, guarded: Guard, graced: Guard) -> bool:
        """Nothing is in hand: listen, if it is time to; whether anything was done.

        guarded: runs what may be given up when the sender is stopped; graced: likewise, after a moment.
        Raises BrowserLost, and what they raise.
        """
        if time.monotonic() - self._looked_at >= EVERY_S:
            try:
                await self._listen(guarded)
            finally:  # counted from its end: however long it takes, there is time to send in between
                self._looked_at = time.monotonic()
            if time.monotonic() - self._pruned_at >= PRUNE_S:
                self._pruned_at = time.monotonic()
                await self._in_db(replies.prune, db.now_ms)
            return True
        return self._untold and await self._tell(guarded, graced)

    async def _listen(self, guarded: Guard) -> None:
        try:
            unread: list[Unread] = await guarded(self._transport.unread())
        except errors.AccountUnready:
            return
        await self.overheard()
        looks = {chat.title: (chat.count, chat.preview) for chat in unread}
        self._known = {title: look for title, look in self._known.items() if looks.get(title) == look}
        new = [chat for chat in unread if chat.title not in self._known]
        wanted = await self._in_db(replies.worth_opening, self._account, new, self._further, db.now_ms) if new else []
        to_read = {chat.title for chat in wanted}
        self._known |= {chat.title: looks[chat.title] for chat in new if chat.title not in to_read}
        wanted.sort(key=lambda chat: self._read.index(chat.title) if chat.title in self._read else -1)
        self._read = [title for title in self._read if title in to_read]
        for chat in wanted[:CHATS]:
            try:
                heard = await guarded(self._transport.read(chat))
            except errors.AccountUnready:
                return
            if heard is not None and await self._take(heard):
                self._read = [*(title for title in self._read if title != chat.title), chat.title]
            else:
                self._known[chat.title] = looks[chat.title]

    async def _take(self, heard: Heard) -> bool:
        """Store what is new; whether it is known whose chat it is."""
        taken: replies.Taken = await self._in_db(replies.take, self._account, heard, self._further, db.now_ms)
        if not taken.proved:
            log.warning("reply.unproved")
        self._untold |= taken.opted_out and bool(self._confirmation)
        return taken.proved

    async def _tell(self, guarded: Guard, graced: Guard) -> bool:
        """Tell one of those who wrote STOP, when the account's pace allows it."""
        waiting: list[str] = await self._in_db(replies.to_confirm, self._account, db.now_ms)
        number = next((each for each in waiting if self._tries[each] < TRIES), None)
        if number is None:
            self._untold = False
            return False
        if not await self._in_db(self._may_write, db.now_ms):
            return False
        self._tries[number] += 1
        gap = await self._gap(self._delay_ms)
        await self._in_db(outbox.set_pace, self._account, db.now_ms, gap)
        outgoing = Outgoing(number, self._confirmation)
        left: tuple[Any, ...] = ()
        try:
            mark = await guarded(self._transport.prepare(outgoing))
            await self.overheard()
            if not await self._in_db(replies.confirm, self._account, number, db.now_ms):
                return True
            left = (self._account, number, Purpose.CONFIRMATION, db.now_ms)
            await self._in_db(handovers.keep_own, *left)
            await graced(self._transport.hand_over(outgoing, mark, self._held))
        except errors.BrowserLost:
            raise
        except (errors.TransportError, errors.LeaseLost) as error:
            if left and isinstance(error, errors.NotSubmitted | errors.LeaseLost):
                await self._in_db(handovers.undo_own, *left)
            log.warning("suppression.not_confirmed", why=str(error))
        else:
            log.info("suppression.confirmed")
        return True

    def _may_write(self, now: int) -> bool:
        return outbox.opening(self._account, now, self._rules).at <= now
