"""The loop of one account's sender: look, then do one thing at a time."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any, TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from daemon import errors
from daemon.accounts import directory, handovers, limits, ownership, pace, pacing
from daemon.config import Settings
from daemon.db import clock, connection
from daemon.delivery import canary, claim, compose, eligibility, job_moves, moves, rescue
from daemon.delivery.breaker import Failures, Verdict
from daemon.delivery.command_duty import Granting
from daemon.delivery.inbox import Listening
from daemon.delivery.owner import Owning
from daemon.models import Message, Purpose
from daemon.states import E164, AccountState, Finding, Hold
from daemon.telemetry import unforeseen
from daemon.transports.protocol import Health, Mark, Outgoing, Transport

log = structlog.get_logger()
T = TypeVar("T")
POLL_S = 0.25  # how often an idle sender looks for work
LOOK_S = 1.0  # how often it looks at the account, at most
REPORT_S = 5.0  # how often it says that it lives, when nothing has changed
LOOK_AGAIN_S = 2.0  # between two looks into a chat that did not settle the matter
LOOKS = 3  # that many looks that tell nothing make a message uncertain
MAX_RESTARTS = 5  # of the transport in a row; then supervisord starts all anew
STEADY_S = 60.0  # so long without trouble, and earlier restarts no longer count
STOP_GRACE_S = 4.0  # for the message in hand after SIGTERM; closing Chrome takes up to 5 s more
LOSSES = 2  # that many browsers lost with the same message, and each counts as a try
IN_USE_MS, IN_USE_MOST_MS = 300_000, 3_600_000  # how long a message waits for a person who writes in that chat
IN_USE_END_MS = 86_400_000  # after so long it fails: somebody has left that text there
BARRED_MS = 3_600_000  # how long a chat that the account may not start rests, while others go on
WEAR_S, IDLE_WEAR_S = 30.0, 3600.0  # between two questions whether the transport is worn out


class Stopping(Exception):
    """SIGTERM came while something that can be given up was under way."""


# Not a matter of the message in hand: the loop, or the process, has to act.
OURS = (
    Stopping,
    errors.DatabaseBusy,
    errors.DatabaseUnusable,
    errors.SetupError,
    errors.AccountInUse,
    errors.AccountLost,
)


class Sender:
    """The loop of one account's sender; `run` until `stop`, or until the transport is beyond repair."""

    def __init__(self, settings: Settings, transport: Transport, dice: Random | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._account = settings.account
        self._rules = limits.rules(settings)
        self._lease_ms = round(settings.lease_s * 1000)
        self._dice = dice or Random()
        self._stop = asyncio.Event()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="db")
        self._in_hand: dict[int, tuple[Message, float]] = {}  # id: message, monotonic deadline of its lease's renewal
        self._leased_until: dict[int, float] = {}  # id of a message in hand: until when (_clock) it is surely ours
        self._doubtful: dict[int, bool] = {}  # id of a message to look up: whether a crash made it so
        self._looks: Counter[int] = Counter()
        self._lost_with: Counter[int] = Counter()  # browser losses with the same message in hand
        self._hold: Health | None = None  # a hold that this loop decided, not the page
        self._timed: Health | None = None  # the hold that `_lasts_until` (monotonic) is of
        self._lasts_until = 0.0
        self._restarts = 0
        self._steady_since = 0.0
        self._failures = Failures()
        self._failing: dict[str, Any] | None = None  # as it is stored
        self._unforeseen = unforeseen.Unforeseen()
        self._fileless: int | None = None  # the job of the last recipient whose own file was missing
        self._owning = Owning(settings, self._db, _clock)
        self._ousted: errors.AccountLost | None = None
        self._granting = Granting(self._account, transport, self._db)
        self._listening = Listening(settings, transport, self._db, self._gap, self._owning.holds)
        self._linked_anew = False  # since the last canary
        self._used = False  # whether anything was sent since the transport was last renewed
        self._worn_at = time.monotonic()
        self._health = Health(AccountState.STARTING)
        self._reported: tuple[Health, str | None] | None = None
        self._looked_at = self._reported_at = self._rescued_at = 0.0

    def stop(self) -> None:
        """Finish or release the message in hand, close the transport, and let `run` return."""
        self._stop.set()
        log.info("process.stopping")

    async def run(self) -> int:
        """Send until stopped. Returns the exit code; raises SetupError and AccountInUse at start, AccountLost later."""
        heartbeat = asyncio.create_task(self._beat())
        try:
            await self._own(None)
            await self._bring_up()
            await self._own(self._transport.exclusive)
            # Only now: nobody else drives the account, and the transport's lock may prove it.
            await self._take_over_all()
            while not self._stop.is_set():
                try:
                    await self._step()
                except errors.DatabaseBusy as error:
                    log.warning("database.busy", reason=str(error))
                    await self._pause(LOOK_S)
        except errors.BrowserLost:
            return 1
        except Stopping:
            pass
        finally:
            self._owning.end()
            heartbeat.cancel()
            await self._listening.finish(STOP_GRACE_S)
            await self._transport.close()
            self._threads.submit(self._sign_off)
            self._threads.shutdown()
        if self._ousted:
            raise self._ousted
        return 0

    async def _own(self, sole: bool | None) -> None:
        """Own the account from now on, and say that its sender is coming up."""
        if await self._owning.obtain(sole, self._pause_or_stop):
            self._hold = await self._db(directory.open_account, self._account, clock.now_ms)
            self._failing = await self._db(directory.failing, self._account)
            self._failures = Failures.loads(self._failing)

    async def _pause_or_stop(self, seconds: float) -> None:
        await self._unless_stopped(asyncio.sleep(seconds))

    def _sign_off(self) -> None:
        """From now on nobody drives the account; on the database thread, whose connection ends with it."""
        tenure = self._owning.tenure
        try:
            if tenure:
                with connection.write(), ownership.by(tenure):
                    directory.leave(self._account)
                    ownership.release(tenure)
        except errors.DatabaseBusy as error:
            log.warning("database.busy", reason=str(error))
        connection.close()

    async def _step(self) -> None:
        """Look, then do one thing: wait, settle a doubtful message, or send the next one."""
        health = await self._look()
        await self._rescue()
        if health is not None and await self._granted():
            self._looked_at = 0.0
        elif health is None or not health.usable:
            if health is None or health.state is not AccountState.HELD or not await self._listened(tell=False):
                await self._pause(LOOK_S)
        elif self._doubtful:
            if not (self._hold and await self._listened(tell=False)):
                await self._find_out(next(iter(self._doubtful)))
        elif self._hold:
            if not await self._listened(tell=False):
                await self._pause(LOOK_S)
        elif await self._renewed() or await self._listened():
            pass
        elif self._failures.suspect:
            await self._ask_for_somebody()
        elif health.state is AccountState.READY and await self._canary_due():
            await self._fly_canary()
        else:
            known_only = health.state is not AccountState.READY
            terms = (self._transport.concurrency, clock.now_ms, self._lease_ms, self._rules, known_only)
            asked_at = _clock()  # before the round trip: a slow answer must not buy time
            claimed = await self._db(claim.claim, self._account, *terms)
            self._trust(claimed, asked_at)
            if not claimed:
                await self._pause(POLL_S)
            for message in claimed:
                with bound_contextvars(job_id=message.job_id, message_id=message.id, attempt=message.attempts):
                    await self._send(message)

    async def _granted(self) -> bool:
        """Nothing is in hand but what is doubtful: grant a person's wish, if there is one."""
        try:
            return await self._granting.grant(self._unless_stopped, idle=not self._doubtful)
        except errors.BrowserLost as error:
            await self._restart(error)
            return True

    async def _listened(self, tell: bool = True) -> bool:
        """Nothing is in hand, or the account is held: look for replies, if it is time to."""
        try:
            return await self._listening.turn(self._unless_stopped, self._within_grace, tell)
        except errors.BrowserLost as error:
            await self._restart(error)
            return True
        except OURS:
            raise
        except Exception as error:  # whoever wrote it must not keep others from getting their message
            self._unforeseen.tell(error, "listen")
            return True

    async def _rescue(self) -> None:
        """Once in a lease's time: take back what no living sender holds, of any account."""
        if time.monotonic() - self._rescued_at >= self._settings.lease_s:
            await self._db(rescue.rescue, clock.now_ms)
            await self._take_over(sole=False, proved=self._transport.exclusive)

    async def _take_over_all(self) -> None:
        """What an earlier sender of this account held, now that it is ours: that one has ended, or lost its lease."""
        proved = self._owning.tenure is not None and self._owning.tenure.proved
        await self._take_over(self._transport.exclusive or not proved, self._transport.exclusive and proved)

    async def _take_over(self, sole: bool, proved: bool) -> None:
        """What a dead sender of this account held as `sending` becomes doubtful here.

        Where its death is not proved it may only sleep, and send when it wakes: a person decides then.
        """
        self._rescued_at = time.monotonic()
        for message in await self._db(rescue.take_over, self._account, clock.now_ms, self._lease_ms, sole):
            self._hold_in_hand(message)
            if proved:
                self._doubtful.setdefault(message.id, True)
            else:
                await self._move(moves.lose, message, "its sender fell silent while it was sending")

    async def _look(self) -> Health | None:
        """The account's health, at most LOOK_S old; None when the transport had to be restarted."""
        if time.monotonic() - self._looked_at >= LOOK_S:
            try:
                self._health = await self._unless_stopped(self._transport.health())
            except errors.BrowserLost as error:
                await self._restart(error)
                return None
            self._looked_at = time.monotonic()
            self._linked_anew |= self._health.state is AccountState.NEEDS_LINK
            if not self._health.usable:
                self._steady_since = time.monotonic()
            elif time.monotonic() - self._steady_since > STEADY_S:
                self._restarts = 0
            if self._hold and self._hold.until_ms and self._is_over(self._hold.until_ms, await self._db(clock.now_ms)):
                self._hold = None
            await self._report()
        return self._health

    def _is_over(self, until_ms: int, now: int) -> bool:
        """Whether a hold of this loop's has ended; it grows no longer where the clock is set back meanwhile."""
        if self._timed is not self._hold:
            self._timed, self._lasts_until = self._hold, time.monotonic() + (until_ms - now) / 1000
        return until_ms <= now or time.monotonic() >= self._lasts_until

    async def _report(self, health: Health | None = None) -> None:
        """Store what the account can do, when it changed and every REPORT_S."""
        if health is None:
            health = self._hold if self._hold and self._health.usable else self._health
        key = (health, health.qr)
        if key != self._reported or time.monotonic() - self._reported_at >= REPORT_S:
            await self._db(directory.report, self._account, health, clock.now_ms)
            self._reported, self._reported_at = key, time.monotonic()

    async def _send(self, message: Message) -> None:
        self._hold_in_hand(message)
        gap = pacing.Gap(message.job.delay_max_ms, pacing.Why.PAUSE, 0)
        try:
            gap = await self._gap((message.job.delay_min_ms, message.job.delay_max_ms))
            outgoing = await self._db(compose.outgoing, self._settings, message)
            mark = await self._unless_stopped(self._transport.prepare(outgoing))
            await self._listening.overheard()
            await self._db(moves.submit, message, mark, clock.now_ms, gap, self._rules)
        except Stopping:
            await self._move(moves.release, message, "the sender was stopped")
        except errors.AccountUnready as error:
            barred = isinstance(error, errors.ChatBarred) and self._health.known_chats
            await self._move(moves.release, message, str(error), BARRED_MS if barred else 0)
            self._looked_at = 0.0  # look again before the next claim
        except errors.IllegalMove as error:
            await self._move(moves.release, message, str(error))
        except errors.AttachmentLost as error:
            await self._without_file(message, str(error))
        except errors.Undeliverable as error:  # says WhatsApp
            await self._move(moves.fail, message, str(error))
            self._failures.refuse(message.id, await self._db(clock.now_ms))
            await self._keep_failures()
            await self._db(pace.set_pace, message.account, clock.now_ms, gap)
        except (errors.InvalidInput, errors.NotFound) as error:
            await self._move(moves.fail, message, str(error))
            await self._db(pace.set_pace, message.account, clock.now_ms, gap)
        except errors.BrowserLost as error:
            await self._give_back_after_loss(message)
            await self._restart(error)
        except errors.ChatInUse as error:
            await self._wait_for_person(message, str(error))
            await self._db(pace.set_pace, message.account, clock.now_ms, gap)
        except errors.NotSubmitted as error:
            await self._retry(message, str(error))
            await self._db(pace.set_pace, message.account, clock.now_ms, gap)
        except errors.DatabaseBusy as error:
            await self._move(moves.withdraw, message, str(error))
        except errors.LeaseLost:
            self._drop(message)
            log.error("lease.lost")
        except OURS:
            raise
        except Exception as error:  # nothing has left
            kind = self._unforeseen.tell(error, "prepare")
            await self._retry(message, f"Preparing it failed in a way that nobody foresaw ({kind}).")
            await self._db(pace.set_pace, message.account, clock.now_ms, gap)
        else:
            self._fileless = None
            await self._hand_over(message, outgoing, mark, gap)

    async def _hand_over(self, message: Message, outgoing: Outgoing, mark: Mark, gap: pacing.Gap) -> None:
        started, self._used = time.monotonic(), True
        try:
            held = partial(self._holds, message.id)
            receipt = await self._within_grace(self._transport.hand_over(outgoing, mark, held))
            self._restarts = 0
            self._failures.success()
            self._lost_with.pop(message.id, None)
            await self._move(moves.confirm, message, receipt, gap)
            await self._keep_failures()
        except Stopping:
            return  # stays `sending`: the next life looks it up
        except errors.LeaseLost as error:  # this process slept; where nobody took over, it is queued again
            await self._move(moves.requeue, message, str(error))
            return
        except errors.NotSubmitted as error:
            await self._retry(message, str(error))
        except errors.BrowserLost as error:
            self._doubtful[message.id] = True
            self._lost_with[message.id] += 1
            await self._restart(error)
        except errors.TransportError as error:
            log.warning("message.doubtful", why=str(error))
            self._doubtful[message.id] = False
        except OURS:
            raise
        except Exception as error:  # it may be out
            log.warning("message.doubtful", why=self._unforeseen.tell(error, "hand over"))
            self._doubtful[message.id] = False
        else:
            log.debug("message.handed_over", elapsed_ms=round((time.monotonic() - started) * 1000))
            return
        # Anew, from the end of the send: a slow send must not eat up the pause after it.
        await self._db(pace.set_pace, message.account, clock.now_ms, gap)

    async def _find_out(self, message_id: int) -> None:
        """Consult the chat about a message that may be out; nothing else is sent before that is settled."""
        message, _ = self._in_hand[message_id]
        self._hold_in_hand(message)
        with bound_contextvars(job_id=message.job_id, message_id=message.id, attempt=message.attempts):
            try:
                await self._consult(message)
            except (errors.InvalidInput, errors.NotFound) as error:  # what it was cannot be put together any more
                await self._lose_blindly(message, str(error))
            except OURS:
                raise
            except Exception as error:  # the chat can tell nothing of what cannot be looked for
                kind = self._unforeseen.tell(error, "look up")
                self._looks[message_id] += 1
                if self._looks[message_id] < LOOKS:
                    await self._pause(LOOK_AGAIN_S)
                else:
                    await self._lose_blindly(message, f"Looking for it failed in a way that nobody foresaw ({kind}).")

    async def _consult(self, message: Message) -> None:
        outgoing = await self._db(compose.outgoing, self._settings, message, False)
        try:
            found = await self._unless_stopped(self._transport.look_up(outgoing, Mark.loads(message.mark or "")))
        except errors.BrowserLost as error:
            await self._restart(error)
            return
        except errors.AccountUnready:
            self._looked_at = 0.0
            await self._pause(LOOK_S)
            return
        log.info("message.looked_up", finding=found.finding, evidence=found.evidence)
        self._looks[message.id] += 1
        crashed = self._doubtful[message.id]
        if found.finding is Finding.SENT and found.receipt:
            await self._move(moves.confirm, message, found.receipt)
        elif found.finding is Finding.FAILED:
            await self._retry(message, "WhatsApp says that it was not sent")
        elif found.finding is Finding.ABSENT and crashed and not self._breaks_the_browser(message):
            await self._move(moves.requeue, message, found.evidence)
        elif found.finding is Finding.ABSENT:
            await self._retry(message, f"it never appeared in the chat: {found.evidence}")
        elif found.finding is Finding.WAITING:
            detail = "A message waits for WhatsApp's tick; sending goes on when it has come."
            self._hold = Health(AccountState.HELD, Hold.STUCK_ON_CLOCK, detail=detail)
            self._looks.pop(message.id)
            await self._report()
            await self._pause(LOOK_AGAIN_S)
        elif self._looks[message.id] >= LOOKS:
            await self._move(moves.lose, message, found.evidence, found)
        else:
            await self._pause(LOOK_AGAIN_S)

    async def _lose_blindly(self, message: Message, why: str) -> None:
        """Nobody can tell, and there is nothing to show; where not even that can be written, others go on first."""
        try:
            await self._move(moves.lose, message, why)
        except OURS:
            raise
        except Exception as error:
            self._unforeseen.tell(error, "lose")
            self._drop(message)

    async def _without_file(self, message: Message, why: str) -> None:
        """A file is not there, or not as it was uploaded. The job waits for a person; everybody keeps their place.

        Where it is one recipient's own file, only they go without; when the next one's is missing, too, the job waits.
        """
        own = message.attachments is not None
        if own and self._fileless != message.job_id:
            self._fileless = message.job_id
            await self._move(moves.fail, message, why)
        else:
            await self._db(job_moves.suspend, message.job_id, why)
            await self._move(moves.release, message, why)

    async def _retry(self, message: Message, why: str) -> None:
        """Count the attempt, unless a run of these says that the account is to blame: it holds then."""
        most, wait_ms = self._settings.max_attempts, round(self._settings.retry_after_s * 1000)
        verdict = self._failures.note(message.id, why, message.attempts >= most)
        await self._move(moves.retry, message, why, most, wait_ms, verdict is Verdict.COUNT)
        if verdict is Verdict.HOLD:
            await self._hold_for(f"Message after message could not be sent. {why} It is tried again with one message.")
        await self._keep_failures()

    async def _hold_for(self, detail: str) -> None:
        """The account's trouble: it holds for a while, and whoever failed by it gets their place and attempts back."""
        lasts_ms, counted = self._failures.hold()
        until_ms = await self._db(clock.now_ms) + lasts_ms
        self._hold = Health(AccountState.HELD, Hold.FAILURES, until_ms, detail)
        # Before anybody reads that the account holds: then everybody has their place already.
        count = await self._persist(moves.forgive, counted, "the account was to blame", clock.now_ms)
        log.warning("account.forgiven", count=count)
        await self._report()

    async def _keep_failures(self) -> None:
        """Slow ones are a run, too: what was counted outlives this process."""
        run = self._failures.dumps()
        if run != self._failing:
            await self._db(directory.keep_failing, self._account, run)
            self._failing = run

    async def _ask_for_somebody(self) -> None:
        """One after the other is said not to be on WhatsApp: ask for somebody who is. Where they are not found either,
        the account is to blame; and where nobody is known, it may be."""
        known = await self._db(eligibility.surely_there, self._account)
        works = None
        try:
            for message in known:
                works = works or await self._is_there(message)
            if not known and self._settings.canary:
                if not await self._db(self._opens, clock.now_ms):
                    await self._pause(POLL_S)
                    return
                works = await self._fly_canary()
                if works is None:
                    return
        except errors.AccountUnready:
            self._looked_at = 0.0
            return
        except errors.BrowserLost as error:
            await self._restart(error)
            return
        log.info("account.checked", works=works)
        if works:
            self._failures.success()
        elif works is None:
            await self._hold_for(
                "One number after the other is said not to be on WhatsApp, and nobody is known who is: it may be the "
                "account's trouble. Set WASENDER_CANARY to the account's own number, by which that can be told. Until "
                "then one number is tried at a time."
            )
        else:
            await self._hold_for(
                "One number after the other is said not to be on WhatsApp, even those that are: it is the account's "
                "trouble. Nobody has lost their place; it is tried again with one number."
            )
        await self._keep_failures()

    async def _is_there(self, message: Message) -> bool:
        """Whether WhatsApp shows the chat with somebody who surely has it, and our message in it."""
        try:
            outgoing = await self._db(compose.outgoing, self._settings, message, False)
        except (errors.InvalidInput, errors.NotFound):
            return False
        found = await self._unless_stopped(self._transport.look_up(outgoing, Mark.loads(message.mark or "")))
        return found.finding is Finding.SENT

    async def _gap(self, delay_ms: tuple[int, int]) -> pacing.Gap:
        streak, slow = await self._db(directory.pace, self._account, clock.now_ms)
        return pacing.gap(pacing.slowed(delay_ms, slow), streak, self._rules, self._dice)

    async def _canary_due(self) -> bool:
        return bool(self._settings.canary) and await self._db(self._canary_opens, clock.now_ms)

    def _canary_opens(self, now: int) -> bool:
        due = self._linked_anew or directory.canary_due(self._account, canary.EVERY_MS, now)
        return due and self._opens(now)

    def _opens(self, now: int) -> bool:
        """Whether pace, caps and quiet hours let something out now."""
        return pace.opening(self._account, now, self._rules).at <= now

    async def _fly_canary(self) -> bool | None:
        """Write to oneself before others are written to; hold when it does not come through as written.

        Returns whether it did, None where that cannot be told now.
        """
        began = time.monotonic()
        now = await self._db(clock.now_ms)
        settings = self._settings
        gap = await self._gap((round(settings.delay_min * 1000), round(settings.delay_max * 1000)))
        await self._db(pace.set_pace, self._account, clock.now_ms, gap)
        try:
            outgoing = canary.message(E164(settings.canary), now)
            mine = (self._account, outgoing.number, Purpose.CANARY, clock.now_ms)
            counted = [partial(self._db, what, *mine) for what in (handovers.keep_own, handovers.undo_own)]
            wrong = await self._unless_stopped(canary.fly(self._transport, outgoing, self._owning.holds, *counted))
        except errors.LeaseLost:
            return None  # nothing has left; whether the account is ours yet shows at the next claim
        except errors.AccountUnready:
            self._looked_at = 0.0
            return None
        except errors.BrowserLost as error:
            await self._restart(error)
            return None
        if wrong is None:
            self._linked_anew = False
            await self._db(directory.canary_confirmed, self._account, clock.now_ms)
            log.info("canary.confirmed", elapsed_ms=round((time.monotonic() - began) * 1000))
        else:
            log.error("canary.failed", why=wrong)
            detail = f"The message to the account itself did not come through as it was written. {wrong}"
            self._hold = Health(AccountState.HELD, Hold.CANARY, now + canary.AGAIN_MS, detail)
            await self._report()
        return wrong is None

    async def _renewed(self) -> bool:
        """Nothing is in hand: start the transport anew if it says that it needs it."""
        if time.monotonic() - self._worn_at < (WEAR_S if self._used else IDLE_WEAR_S):
            return False
        self._worn_at = time.monotonic()
        try:
            why = await self._unless_stopped(self._transport.worn_out())
        except errors.BrowserLost as error:
            await self._restart(error)
            return True
        if why:
            log.info("transport.renewed", reason=why)
            await self._report(Health(AccountState.STARTING, detail="The browser is started anew."))
            await self._transport.close()
            await self._bring_up()
            self._used = False
        return why is not None

    async def _give_back_after_loss(self, message: Message) -> None:
        """A browser that dies is not the recipient's fault, unless it dies again and again with the same message.

        Counted in the history: this process, too, ends when its browser is lost too often.
        """
        once, again = "the browser broke down before anything left", "the browser broke down each time it was tried"
        count, _ = await self._db(moves.put_aside, message, once, again)
        if count + 1 >= LOSSES:
            await self._retry(message, again)
        else:
            await self._move(moves.release, message, once)

    async def _wait_for_person(self, message: Message, why: str) -> None:
        """Somebody writes in the recipient's chat: come back later, and give up when that text stays for a day."""
        now = await self._db(clock.now_ms)
        _, begun = await self._db(moves.put_aside, message, why)
        waited_ms = max(now - begun, 0) if begun else 0
        if waited_ms >= IN_USE_END_MS:
            await self._move(moves.fail, message, why)
        else:
            await self._move(moves.release, message, why, min(max(waited_ms, IN_USE_MS), IN_USE_MOST_MS))

    def _breaks_the_browser(self, message: Message) -> bool:
        return self._lost_with[message.id] >= LOSSES

    async def _move(self, move: Callable[..., None], message: Message, what: Any, *rest: Any) -> None:
        """End the message's time in hand with one move of the outbox; a lost lease changes nothing."""
        try:
            await self._persist(move, message, what, clock.now_ms, *rest)
        except errors.LeaseLost:
            log.error("lease.lost")
        except errors.DatabaseBusy:
            self._forget(message)
            raise
        self._drop(message)

    def _hold_in_hand(self, message: Message) -> None:
        """Keep the lease alive, but not for ever: past the deadline somebody else may rescue it."""
        deadline = time.monotonic() + 2 * self._settings.send_timeout_s + 120
        self._in_hand[message.id] = (message, deadline)

    def _forget(self, message: Message) -> None:
        """Its outcome could not be written down. Its lease runs out, and then it is rescued or looked up."""
        self._in_hand.pop(message.id, None)
        self._doubtful.pop(message.id, None)

    def _drop(self, message: Message) -> None:
        self._in_hand.pop(message.id, None)
        self._leased_until.pop(message.id, None)
        self._looks.pop(message.id, None)
        if self._doubtful.pop(message.id, None) is not None and not self._doubtful:
            if self._hold and self._hold.hold is Hold.STUCK_ON_CLOCK:
                self._hold = None
            self._looked_at = 0.0

    async def _beat(self) -> None:
        """Renew the leases of what is in hand, six times within a lease, and say that the sender lives."""
        while True:
            await asyncio.sleep(min(self._settings.lease_s / 6, REPORT_S))
            if self._owning.tenure is None:
                continue
            mine = [message for message, deadline in self._in_hand.values() if time.monotonic() < deadline]
            try:
                await self._db(self._renew, clock.now_ms)
                if mine:
                    asked_at = _clock()
                    self._trust(await self._db(self._extend, mine, clock.now_ms), asked_at)
            except errors.DatabaseBusy as error:
                log.warning("lease.extend_failed", reason=str(error))
            except errors.AccountLost:
                return  # `_db` has seen to the rest

    def _renew(self, now: int) -> None:
        with connection.write():
            self._owning.renew(now)
            directory.seen(self._account, now)

    def _extend(self, mine: list[Message], now: int) -> list[Message]:
        return moves.extend(mine, now + self._lease_ms)

    def _trust(self, messages: list[Message], asked_at: float) -> None:
        for message in messages:
            self._leased_until[message.id] = asked_at + self._settings.lease_s

    def _holds(self, message_id: int) -> bool:
        """Whether message and account are surely still ours; asked right before the click, by whatever thread."""
        return _clock() < self._leased_until.get(message_id, 0.0) and self._owning.holds()

    async def _bring_up(self) -> None:
        while True:
            started = time.monotonic()
            try:
                await self._unless_stopped(self._transport.start())
            except errors.BrowserLost as error:
                await self._count_restart(error)
            else:
                log.info("transport.started", elapsed_ms=round((time.monotonic() - started) * 1000))
                self._looked_at, self._steady_since = 0.0, time.monotonic()
                self._listening.begin_anew()
                return

    async def _restart(self, error: errors.BrowserLost) -> None:
        await self._report(Health(AccountState.STARTING, detail="The browser is started anew."))
        await self._count_restart(error)
        await self._bring_up()

    async def _count_restart(self, error: errors.BrowserLost) -> None:
        """Close what is left and wait a little. Raises the error when it has happened too often in a row."""
        self._restarts += 1
        log.error("transport.failed", error=str(error), failures=self._restarts)
        await self._transport.close()
        if self._restarts >= MAX_RESTARTS:
            raise error
        await self._pause(2.0 ** (self._restarts - 2))

    async def _db(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run one piece of database work on the database thread.

        `db.now_ms` among the arguments stands for the time at which the work begins: it may be the database
        that has to be asked for it, and only that thread may ask.
        """
        context = contextvars.copy_context()  # the log's ids go along

        def call() -> T:
            with connection.available(), ownership.by(self._owning.tenure):
                return work(*(given() if given is clock.now_ms else given for given in arguments))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, call)
        except errors.AccountLost as error:
            self._owning.lost(error)
            self._ousted = error
            self._stop.set()  # whoever goes on after this error: not for long
            raise

    async def _persist(self, work: Callable[..., T], *arguments: Any) -> T:
        """As `_db`, but an outcome that is known must be written down: a busy database is asked again.

        Gives up after a lease's time; the message is then still `sending` and will be looked up.
        """
        give_up = time.monotonic() + self._settings.lease_s
        while True:
            try:
                return await self._db(work, *arguments)
            except errors.DatabaseBusy as error:
                if time.monotonic() > give_up or self._stop.is_set():
                    raise
                log.warning("database.busy", reason=str(error))
                await asyncio.sleep(POLL_S)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not past `stop`."""
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            pass

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; raises Stopping at once when `stop` is called, and cancels it."""
        return await self._within(work, 0.0)

    async def _within_grace(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which has STOP_GRACE_S to finish once `stop` is called."""
        return await self._within(work, STOP_GRACE_S)

    async def _within(self, work: Coroutine[Any, Any, T], grace_s: float) -> T:
        task = asyncio.ensure_future(work)
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and grace_s:
                await asyncio.wait({task}, timeout=grace_s)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=STOP_GRACE_S)
            if task.cancelled() or not task.done():
                raise Stopping
            return task.result()
        finally:
            stopped.cancel()


def _clock() -> float:
    """Seconds that go on while this process or its machine sleeps, and that no clock change moves."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
