"""The Cloud API as a transport: many messages in flight, each posted as soon as it is its turn.

Meta's "yes" is only acceptance, and only its refusal proves that nothing was sent: what its answer leaves open waits
for a receipt, and is never handed over again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from daemon import errors
from daemon.config import PREFIX, Settings
from daemon.errors import Blame
from daemon.i18n.coded import Coded, refusal
from daemon.states import Ack, Finding, Hold, Status
from daemon.transports.cloud import bodies, codes
from daemon.transports.cloud.codes import Do
from daemon.transports.cloud.graph import Graph, words
from daemon.transports.cloud.rate import Pairs, Turnstile
from daemon.transports.cloud.refusals import Cloud, Meta
from daemon.transports.cloud.standing import Standing
from daemon.transports.cloud.tiers import Limit
from daemon.transports.protocol import Health, Kept, Lookup, Mark, Outgoing, Receipt, StatusUpdate, always

log = structlog.get_logger()

FEWEST_LANES, MOST_LANES = 200, 1_000
HELD_FOR_QUALITY = "held_for_quality_assessment"
MEDIA_LASTS_MS = 28 * 86_400_000  # Meta keeps a file for 30 days: it is uploaded anew two days before
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
UNCLEAR_LIMIT, TRIAL_S = 5, 60.0  # after so many answers in a row that tell nothing, one message in that time is tried
NEEDED = ("cloud_token", "cloud_phone_number_id")
REPORTED = {"SENT": Status.SENT, "DELIVERED": Status.DELIVERED, "READ": Status.READ, "FAILED": Status.FAILED}
ASKED_AT_ONCE = 8


class CloudTransport:
    """See `Transport`."""

    exclusive = False
    paced = False
    one_file = True

    def __init__(self, settings: Settings) -> None:
        self.concurrency = min(max(FEWEST_LANES, settings.cloud_throughput), MOST_LANES)
        self._settings = settings
        self._graph = Graph(settings, self.concurrency)
        missing = [f"{PREFIX}{name.upper()}" for name in NEEDED if not getattr(settings, name)]
        self._standing = Standing(self._graph, missing)
        self._pairs = Pairs()
        self._uploads: dict[str, asyncio.Lock] = {}
        self._media: dict[str, str] = {}  # by file: its id there
        self._anew: set[str] = set()  # files that had to be uploaded anew
        self._reported_by: dict[str, float] = {}  # by callback: until when a receipt is waited for
        self._pause_s, self._slow_until = FIRST_PAUSE_S, 0.0
        self._limit_kept: Limit | None = None
        self._unclear = 0  # how many answers in a row said nothing certain

    def keep_in(self, kept: Kept) -> None:
        self._kept = kept

    async def start(self) -> None:
        settings = self._settings
        self._turnstile = Turnstile(self._kept, settings.cloud_phone_number_id, settings.cloud_throughput)
        self._standing.begin_anew()
        await self._graph.open()

    async def close(self) -> None:
        await self._graph.close()

    async def health(self) -> Health:
        health = await self._standing.look()
        if (limit := self._standing.limit) is not None and limit != self._limit_kept:
            await self._kept.limited(self._graph.account_id or self._graph.number_id, limit.most)
            self._limit_kept = limit
        return health

    async def prepare(self, message: Outgoing) -> Mark:
        """The file is with Meta, and it is the message's turn. The mark says nothing: there is no chat to look at."""
        self._require()
        if message.template is None and len(message.text) > bodies.TEXT_MAX:
            raise errors.Refused(refusal(Cloud.TEXT_TOO_LONG, most=f"{bodies.TEXT_MAX:,}"), Blame.RECIPIENT)
        await self._upload(message)
        if wait_s := self._pairs.wait_s(message.number, self._now(), message.callback or ""):
            raise errors.Refused(refusal(Meta.PAIR), Blame.NOBODY, round(wait_s * 1000))
        turn_at = await self._turnstile.turn()
        self._require()
        if self._unclear >= UNCLEAR_LIMIT:  # this one is tried, and the others wait for what becomes of it
            self._standing.rest(refusal(Cloud.UNCLEAR_IN_A_ROW), TRIAL_S)
        elif why := self._standing.on_trial:  # likewise
            self._standing.rest(why, TRIAL_S)
        return Mark(None, turn_at=turn_at)

    async def hand_over(self, message: Outgoing, mark: Mark, held: Callable[[], bool] = always) -> Receipt:
        file = bodies.file_of(message)
        used = self._media.get(file.path.name) if file else None
        if file is not None and used is None:  # another message has found that Meta does not have it any more
            raise errors.Refused(refusal(Meta.MEDIA, details=codes.NO_DETAILS), Blame.NOBODY)
        if not held():
            raise errors.LeaseLost(Cloud.TIME_RAN_OUT)
        self._pairs.leaves(message.number)
        try:
            taken = await self._graph.send(bodies.body(message, used))
        except errors.GraphRefused as error:
            meant = await self._meant(error, message, used)
            self._known(isinstance(meant, errors.SubmitUnknown))
            raise meant from None
        except errors.NotSubmitted as error:
            self._standing.offline(error.told)
            raise errors.Refused(error.told, Blame.ACCOUNT) from None
        except errors.SubmitUnknown:
            self._wait_for_receipt(message)
            self._known(True)
            raise
        self._works(message)
        held_back = refusal(Cloud.QUALITY_CHECK) if taken.status == HELD_FOR_QUALITY else None
        return Receipt(taken.wamid, Ack.ACCEPTED, held_back)

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        """Wait for what a receipt may still tell; there is nothing else to look at."""
        until = self._reported_by.get(message.callback or "") or self._wait_for_receipt(message)
        await asyncio.sleep(max(until - self._now(), 0.0))
        return Lookup(Finding.UNKNOWN, refusal(Cloud.NOTHING_REPORTED))

    def told(self, hold: Health) -> None:
        self._standing.told(hold)

    def can_send(self) -> bool:
        return self._standing.able

    def proved(self) -> None:
        self._standing.proved()

    async def reported(self, transport_ids: Sequence[str]) -> list[StatusUpdate]:
        """See `Reports`: of each, Meta's history."""
        at_once, found = asyncio.Semaphore(ASKED_AT_ONCE), list[StatusUpdate]()

        async def ask(wamid: str) -> None:
            async with at_once:
                try:
                    happened = await self._graph.history(wamid)
                except errors.GraphRefused as error:
                    if codes.rule(error.code, error.subcode).do in (Do.HOLD_ACCOUNT, Do.WAIT, Do.SLOW_DOWN):
                        raise errors.AccountUnready(words(error)) from None
                    return  # it is not known there, or not yet
                except errors.SubmitUnknown:
                    return
                except errors.NotSubmitted as error:
                    raise errors.AccountUnready(error.told) from None
            for each in happened:
                if each.status in REPORTED:
                    found.append(StatusUpdate(REPORTED[each.status], each.at, transport_id=wamid))

        await asyncio.gather(*map(ask, transport_ids))
        return found

    def _known(self, unclear: bool) -> None:
        """Whether Meta's answer says nothing certain; where that goes on, it must not make one message after the other
        uncertain."""
        self._unclear = self._unclear + 1 if unclear else 0
        if self._unclear >= UNCLEAR_LIMIT:
            self._standing.rest(refusal(Cloud.UNCLEAR_IN_A_ROW), TRIAL_S)
        elif not unclear:
            self._standing.no_rest(Cloud.UNCLEAR_IN_A_ROW)

    def _works(self, message: Outgoing) -> None:
        """Meta has taken it: trouble before that is over."""
        self._known(False)
        if self._now() > self._slow_until:
            self._pause_s = FIRST_PAUSE_S
        self._pairs.taken(message.number)
        self._standing.works()
        if file := bodies.file_of(message):
            self._anew.discard(file.path.name)

    def _require(self) -> None:
        if why := self._standing.barred:
            raise errors.AccountUnready(why)

    def _wait_for_receipt(self, message: Outgoing) -> float:
        """From now on; until when."""
        until = self._now() + self._settings.send_timeout_s
        if message.callback is not None:
            if len(self._reported_by) > MOST_LANES:
                self._reported_by = {key: at for key, at in self._reported_by.items() if at > self._now()}
            self._reported_by[message.callback] = until
        return until

    async def _upload(self, message: Outgoing) -> None:
        """See that Meta has the message's file; each one is uploaded once."""
        file = bodies.file_of(message)
        if file is None or file.path.name in self._media:
            return
        key = file.path.name
        async with self._uploads.setdefault(key, asyncio.Lock()):
            if key in self._media:
                return
            number = self._graph.number_id
            media_id = await self._kept.media(number, key)
            if media_id is None:
                try:
                    media_id = await self._graph.upload(file)
                except errors.GraphRefused as error:
                    meant = await self._meant(error, message, None)
                    if isinstance(meant, errors.SubmitUnknown):
                        raise self._unlucky(meant) from None
                    raise meant from None
                except errors.NotSubmitted as error:
                    self._standing.offline(error.told)
                    raise errors.Refused(error.told, Blame.ACCOUNT) from None
                except errors.SubmitUnknown as error:
                    raise self._unlucky(error) from None
                await self._kept.keep_media(number, key, media_id, MEDIA_LASTS_MS)
                log.info("media.uploaded", size=file.size)
            self._media[key] = media_id
        self._uploads.pop(key, None)

    @staticmethod
    def _unlucky(error: errors.SubmitUnknown) -> errors.Refused:
        """An upload without an answer: at most there is a file that nobody names."""
        return errors.Refused(error.told, Blame.NOBODY, round(LONGEST_PAUSE_S * 1000))

    async def _meant(self, error: errors.GraphRefused, message: Outgoing, used: str | None) -> errors.TransportError:
        """What becomes of a message that Meta has refused with that error. used: the id that it named its file by."""
        if error.code is None:
            if 400 <= error.status < 500:
                return await self._at_the_door(error)
            self._wait_for_receipt(message)
            return errors.SubmitUnknown(Cloud.UNCLEAR, status=error.status)
        file, rule = bodies.file_of(message), codes.rule(error.code, error.subcode)
        told = rule.told(error.code, error.details)
        gone = error.subcode == codes.OBJECT_MISSING and error.code == 100
        if file and used and (gone or rule.do is Do.MEDIA) and await self._upload_anew(file.path.name, used):
            return errors.Refused(told, Blame.NOBODY)
        if error.status >= 500 and (rule.do is Do.RETRY or rule is codes.OTHER):
            self._wait_for_receipt(message)
            return errors.SubmitUnknown(Cloud.UNCLEAR, status=error.status)
        if rule.do in (Do.FAIL, Do.SUPPRESS, Do.HELD_BACK, Do.MEDIA):
            return errors.Refused(told, Blame.RECIPIENT, opted_out=rule.do is Do.SUPPRESS)
        if rule.do in (Do.HOLD_CAMPAIGN, Do.HOLD_TEMPLATE):
            return errors.Refused(told, Blame.CAMPAIGN)
        if rule.do is Do.HOLD_ACCOUNT:
            self._standing.bar(rule.hold or Hold.RESTRICTED, told)
            return errors.Refused(told, Blame.ACCOUNT)
        if rule.do is Do.PAIR:
            return errors.Refused(told, Blame.NOBODY, round(self._pairs.refused(message.number) * 1000))
        if rule.do in (Do.WAIT, Do.SLOW_DOWN):
            return await self._wait(rule, told, error.wait_s)
        if rule.do is Do.RETRY:
            return errors.NotSubmitted(told)
        return errors.Refused(told, Blame.NOBODY, round((error.wait_s or rule.wait_s) * 1000))

    async def _wait(self, rule: codes.Rule, told: Coded, asked_s: float) -> errors.Refused:
        """All of the number wait: a moment for its speed, longer where Meta asks for it."""
        now = self._now()
        if now < self._slow_until:  # it was in flight with another one that said so
            return errors.Refused(told, Blame.NOBODY, round((self._slow_until - now) * 1000))
        wait_s = asked_s or rule.wait_s
        if rule.do is Do.SLOW_DOWN:  # again and again: longer each time, whatever is asked for
            wait_s, self._pause_s = max(asked_s, self._pause_s), min(self._pause_s * 2, LONGEST_PAUSE_S)
        self._slow_until = now + wait_s
        await self._turnstile.slower(min(wait_s, LONGEST_PAUSE_S))
        if wait_s > FIRST_PAUSE_S:
            self._standing.rest(told, wait_s)
        return errors.Refused(told, Blame.NOBODY, round(wait_s * 1000))

    async def _at_the_door(self, error: errors.GraphRefused) -> errors.TransportError:
        """No error of Meta's: something in between has answered."""
        if error.status == 429:
            return await self._wait(codes.RULES[4], refusal(Meta.CALLS), error.wait_s)
        return errors.NotSubmitted(Cloud.AT_THE_DOOR, status=error.status)

    async def _upload_anew(self, key: str, used: str) -> bool:
        """Meta does not know the file any more, or could not use it: whether to try again. Once only; then it is not
        the upload's fault."""
        if self._media.get(key) != used:  # it is being uploaded anew for another message
            return True
        if key in self._anew:
            return False
        self._anew.add(key)
        del self._media[key]
        await self._kept.forget_media(self._graph.number_id, key)
        return True

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
