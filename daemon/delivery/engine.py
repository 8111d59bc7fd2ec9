"""One account's sender: it brings the transport up, looks at the account, and goes through its duties in order."""

from __future__ import annotations

import asyncio
from random import Random

import structlog

from daemon import errors
from daemon.accounts import counting, directory, home, ownership
from daemon.config import Settings
from daemon.db import connection
from daemon.delivery import interruptions, moves, rehearsals, rescue, sweeps, timing
from daemon.delivery.context import OURS, Context
from daemon.delivery.duties import Duty
from daemon.delivery.duties.canary import Canary
from daemon.delivery.duties.commands import Commands
from daemon.delivery.duties.doubts import Doubts
from daemon.delivery.duties.follow import Follow
from daemon.delivery.duties.inbox import Inbox
from daemon.delivery.duties.reports import Ask
from daemon.delivery.duties.send import Send
from daemon.delivery.duties.wear import Wear
from daemon.delivery.kept import KeptInDatabase
from daemon.delivery.lanes import Doubt
from daemon.delivery.refusals import Held, Passed
from daemon.delivery.seat import Seat
from daemon.delivery.waits import Stopping
from daemon.i18n.coded import refusal
from daemon.models import Message
from daemon.states import AccountState
from daemon.telemetry import unforeseen
from daemon.transports.protocol import Health, Keeps, Profiled, Transport

log = structlog.get_logger()

MOST_CRASHES = 5
TELL_AGAIN_S = 600.0  # that beats still fail


class Engine:
    """Runs one account's duties; `run` until `stop`, or until the transport is beyond repair. seat: of the account, if
    it is to be left when that changes."""

    def __init__(
        self, settings: Settings, transport: Transport, dice: Random | None = None, seat: Seat | None = None
    ) -> None:
        self._seat = seat
        self._presence = interruptions.Presence(settings)
        self.context = context = Context(settings, transport, dice or Random(), seat.tenure if seat else None)
        if isinstance(transport, Keeps):
            transport.keep_in(KeptInDatabase(context.db))
        if isinstance(transport, Profiled) and seat:
            transport.belong_to(home.life(seat.home))
        # A person's commands come first. Doubtful messages go before new ones: with one lane nothing else is sent then.
        self._duties: list[Duty] = [
            Commands(context),
            Inbox(context, held=True),
            Doubts(context),
            Wear(context),
            Inbox(context, held=False),
            Canary(context),
            (follow := Follow(context)).overdue,
            Ask(context),
            Send(context),
            follow,
        ]
        self._rescued_at = float("-inf")
        self._crashes = 0  # steps in a row that failed for an unforeseen reason
        self._beats = True
        self._told: dict[str, float] = {}  # kind: when a beat failed with it and that was told last

    def stop(self) -> None:
        """Finish or release the messages in hand, close the transport, and let `run` return."""
        self.context.waits.end()
        log.info("process.stopping")

    def wake(self) -> None:
        """There may be something to do: an idle sender looks at once, instead of a quarter of a second later."""
        self.context.waits.wake()

    async def run(self) -> int:
        """Send until stopped. Returns the exit code; raises SetupError and AccountInUse at start, AccountLost later."""
        context, stop = self.context, self.context.waits.stop
        heartbeat = asyncio.create_task(self._beat())
        heartbeat.add_done_callback(self._beat_ended)
        try:
            await context.db.timed(self._begin)
            await self._own(None)
            await self._bring_up()
            await self._own(context.transport.exclusive)
            # Only now: nobody else drives the account, and the transport's lock may prove it.
            await self._take_over_all()
            while not stop.is_set():
                await self._step_or_pause()
        except errors.BrowserLost:
            return 1
        except Stopping:
            pass
        except asyncio.CancelledError:
            await context.lanes.cancel()
            raise
        finally:
            await self._end(heartbeat)
        if context.db.ousted:
            raise context.db.ousted
        return 0 if self._beats else 1

    async def _end(self, heartbeat: asyncio.Task[None]) -> None:
        """However it ended: let the lanes finish, close the transport, and give up the account."""
        context = self.context
        context.waits.end()
        try:
            await context.lanes.end(2 * timing.STOP_GRACE_S)
        except errors.DatabaseBusy as error:  # the next sender looks it up
            log.warning("database.busy", reason=str(error))
        except (errors.AccountLost, Stopping):
            pass
        finally:
            context.owning.end()
            heartbeat.cancel()
            await context.listening.finish(timing.STOP_GRACE_S)
            await context.transport.close()
            context.db.close(self._sign_off)

    async def _own(self, sole: bool | None) -> None:
        """Take the account, and report that its sender is starting."""
        context = self.context
        if await context.owning.obtain(sole, context.waits.pause_or_stop):
            if not context.takes.rehearses:
                await context.db.timed(rehearsals.end, context.account)
            context.standing.hold = await context.db.timed(
                directory.open_account,
                context.account,
                dry_run=context.takes.rehearses,
                home=self._seat.home if self._seat else None,
            )
            await context.trouble.load()

    async def _bring_up(self) -> None:
        await self.context.upkeep.bring_up()
        self.context.begin_anew()

    def _sign_off(self) -> None:
        """Report that nobody drives the account any more; on the database thread, whose connection then ends."""
        tenure = self.context.owning.tenure
        try:
            if tenure:
                with connection.write(), ownership.by(tenure):
                    directory.leave(self.context.account)
                    ownership.release(tenure)
            counting.store(self.context.account)
        except errors.DatabaseBusy as error:
            log.warning("database.busy", reason=str(error))
        connection.close()

    async def _step_or_pause(self) -> None:
        """Take a step. One that fails is tried again, even for an unforeseen reason, but not for ever: after
        MOST_CRASHES in a row the error is raised, the process ends, and supervisord starts a new one."""
        try:
            await self._step()
        except errors.DatabaseBusy as error:
            log.warning("database.busy", reason=str(error))
        except (*OURS, errors.BrowserLost):
            raise
        except Exception as error:
            self._crashes += 1
            self.context.unforeseen.tell(error, "step")
            if self._crashes >= MOST_CRASHES:
                raise
        else:
            self._crashes = 0
            return
        await self.context.waits.pause(timing.LOOK_S)

    async def _step(self) -> None:
        """Look at the account, then run the first duty that has something to do; wait if none has."""
        context = self.context
        context.lanes.reap()
        if context.upkeep.broken:
            await context.standing.report(Health(AccountState.STARTING, detail=refusal(Held.BROWSER_RESTARTS)))
            await context.upkeep.restart()
            context.begin_anew()
        if not await context.standing.look():
            return
        await self._rescue()
        for duty in self._duties:
            if await duty.run():
                return
        await context.waits.idle(timing.POLL_S if context.standing.open else timing.LOOK_S)

    async def _rescue(self) -> None:
        """Once per lease: take back messages that no living sender holds, of any account, and cancel some of those that
        an interrupted stop has left."""
        if timing.monotonic() - self._rescued_at >= self.context.settings.lease_s:
            await self._finish_stops()
            if await self._follow_clock():  # else everybody's lease may look as if it were over
                await self.context.db.timed(rescue.rescue)
                await self._take_over(sole=False, proved=self.context.transport.exclusive)

    async def _take_over_all(self) -> None:
        """Take over what an earlier sender of this account held: the account is ours by now, so that one has ended, or
        lost its lease, and hands nothing over any more."""
        tenure, exclusive = self.context.owning.tenure, self.context.transport.exclusive
        proved = tenure is not None and tenure.proved
        await self._finish_stops()
        await self._take_over(sole=True, proved=exclusive and proved)

    async def _finish_stops(self) -> None:
        self._rescued_at = timing.monotonic()
        await self.context.db.timed(sweeps.finish_stops, account=self.context.account, within_s=timing.SWEEP_S)

    async def _take_over(self, sole: bool, proved: bool) -> None:
        """A message that a dead sender of this account held as `sending` becomes doubtful here.

        If its death is not proved, it may only be suspended and send when it wakes: then a person decides; but not
        where a doubtful message waits for a receipt anyway, and is never handed over again.
        """
        context = self.context
        taken = await context.db.timed(rescue.take_over, context.account, lease_ms=context.lease_ms, sole=sole)
        for message in taken:
            lane = context.lanes.open(message)
            lane.out = True
            if lane.task:  # it was ours all along, only its lease could not be renewed: it continues
                continue
            if proved or context.receipted:
                lane.doubt = lane.doubt or Doubt(crashed=True)
            else:
                await context.endings.move(lane, moves.lose, refusal(Passed.SENDER_SILENT))

    async def _beat(self) -> None:
        """Renew the leases of the account and of the messages in hand, six times within a lease, and report that sender
        and installation are alive. What fails is tried again by the next beat, and leases are renewed all the same."""
        context = self.context
        while True:
            await asyncio.sleep(min(context.settings.lease_s / 6, timing.REPORT_S))
            parts = (self._keep_account, self._keep_messages, self._report)
            for part in (self._follow_clock,) if context.owning.tenure is None else parts:
                try:
                    await part()
                except errors.DatabaseBusy as error:
                    log.warning("lease.extend_failed", reason=str(error))
                    break
                except errors.AccountLost:
                    return  # the database thread has done the rest
                except Exception as error:
                    self._tell(error)

    def _beat_ended(self, beat: asyncio.Task[None]) -> None:
        """Without it the leases run out, and nothing would be sent any more: the process has to be started anew."""
        if beat.cancelled() or self.context.db.ousted:
            return
        if isinstance(error := beat.exception(), Exception):
            self.context.unforeseen.tell(error, "heartbeat")
        self._beats = False
        self.stop()

    def _tell(self, error: Exception) -> None:
        """Once in TELL_AGAIN_S for each kind: it may fail in every beat."""
        kind, now = unforeseen.kind(error), timing.monotonic()
        if now - self._told.get(kind, float("-inf")) < TELL_AGAIN_S:
            return
        self._told[kind] = now
        if isinstance(error, errors.SetupError):  # its sentence is ours
            log.error("heartbeat.failed", reason=str(error))
        else:
            self.context.unforeseen.tell(error, "heartbeat")

    async def _keep_account(self) -> None:
        if not await self.context.db.timed(self._renew):
            self.stop()

    async def _keep_messages(self) -> None:
        lanes = self.context.lanes
        if mine := lanes.to_renew():
            asked_at = timing.clock()
            lanes.trust(await self.context.db.timed(self._extend, mine), asked_at, mine)

    async def _follow_clock(self) -> bool:
        return await self.context.db.timed(self.context.clock_check.believes)

    async def _report(self) -> None:
        await self.context.db.timed(self._note)

    def _renew(self, now: int) -> bool:
        """Whether this sender is still the right one for the account."""
        with connection.write():
            self.context.owning.renew(now)
            directory.seen(self.context.account, now)
        return self._seat is None or self._seat.stays()

    def _begin(self, now: int) -> None:
        self.context.clock_check.begin(now)
        self._presence.beat(now)

    def _note(self, now: int) -> None:
        counting.store(self.context.account)
        self.context.clock_check.believes(now)  # looked at also while there is nothing to claim
        self._presence.beat(now)

    def _extend(self, mine: list[Message], now: int) -> list[Message]:
        return moves.extend(mine, now + self.context.lease_ms)
