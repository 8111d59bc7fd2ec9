"""Whether the account can send: what Meta says when it is asked, and what its answers to messages have shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

import structlog

from daemon import errors
from daemon.i18n.coded import Coded, refusal
from daemon.states import AccountState, Hold
from daemon.transports.cloud import codes, tiers
from daemon.transports.cloud.codes import Do
from daemon.transports.cloud.graph import Graph, GraphNumber
from daemon.transports.cloud.refusals import Cloud, Meta
from daemon.transports.cloud.tiers import Limit
from daemon.transports.protocol import Health

log = structlog.get_logger()

LOOK_S = 60.0  # between two questions while all is well
HELD_S = (60.0, 120.0, 240.0)  # while it is held: the first, the second, all others
TRIED_S = (*HELD_S, 480.0, 960.0, 1_800.0, 3_600.0)  # where what is tried then fails, too, as that costs a recipient
OFFLINE_S = (2.0, 5.0, 15.0, 30.0)
STATUSES = {"DISCONNECTED", "PENDING", "UNVERIFIED", "MIGRATED", "DELETED"}  # of a number that cannot send
IN_THE_WAY = {141_006: Hold.PAYMENT, 141_010: Hold.RESTRICTED}


class Standing:
    """missing: settings without which nothing can be sent."""

    def __init__(self, graph: Graph, missing: Sequence[str]) -> None:
        self._graph, self._missing = graph, missing
        self.begin_anew()

    def begin_anew(self) -> None:
        self._health: Health | None = None
        self._next_look = 0.0
        self._looks = 0
        self._rest: tuple[Coded, float] | None = None  # why it waits, and until when
        self.on_trial: Coded | None = None  # what was reported, until something is known to have gone out
        self.limit: Limit | None = None  # of people in 24 hours, as Meta last told it

    @property
    def barred(self) -> Coded | str | None:
        """Why nothing may be handed over now, None if it may."""
        if self._rest is not None and self._rest[1] > _now():
            return self._rest[0]
        if self._health is None or not self._health.usable:
            return (self._health.detail if self._health else None) or str(AccountState.LOADING)
        return None

    def bar(self, hold: Hold, why: Coded) -> None:
        """An answer has shown that it cannot send; it is asked about that later."""
        self._tell(Health(AccountState.HELD, hold, detail=why), HELD_S)

    def told(self, hold: Health) -> None:
        """The same was reported: Meta takes messages that it will not send."""
        if self.on_trial is not None:
            self.no_rest(self.on_trial.code)
        self.on_trial = hold.detail if isinstance(hold.detail, Coded) else refusal(Meta.RESTRICTED)
        self._tell(Health(AccountState.HELD, hold.hold, detail=hold.detail), TRIED_S)

    @property
    def able(self) -> bool:
        """Whether it could send when Meta was last asked, or has answered since."""
        return self._health is not None and self._health.usable

    def proved(self) -> None:
        """What was reported is over: something has gone out since."""
        if self.on_trial is not None:
            self.no_rest(self.on_trial.code)
            self.on_trial = None
            self._looks = 0

    def offline(self, why: Coded) -> None:
        """Meta cannot be reached."""
        self._tell(Health(AccountState.OFFLINE, detail=why), OFFLINE_S)

    def works(self) -> None:
        """A message was taken: earlier trouble no longer counts, unless it is what nobody sees by that."""
        if self.on_trial is None:
            self._looks = 0

    def rest(self, why: Coded, seconds: float) -> None:
        """Meta asks for a pause."""
        self._rest = (why, max(_now() + seconds, self._rest[1] if self._rest else 0.0))

    def no_rest(self, why: StrEnum) -> None:
        """The pause for that reason is over."""
        if self._rest is not None and self._rest[0].code is why:
            self._rest = None

    async def look(self) -> Health:
        """The account as it stands now; Meta is asked from time to time."""
        if self._missing:
            self._health = Health(
                AccountState.HELD,
                Hold.CREDENTIALS,
                detail=refusal(Cloud.INCOMPLETE, names=", ".join(self._missing)),
            )
            return self._health
        if _now() >= self._next_look:
            await self._ask()
        if self._rest is not None and self._rest[1] > _now():
            return Health(AccountState.HELD, Hold.THROTTLED, detail=self._rest[0])
        self._rest = None
        return self._health or Health(AccountState.LOADING)

    async def _ask(self) -> None:
        try:
            found = await self._graph.number()
        except errors.GraphRefused as error:
            self._refused(error)
        except errors.SubmitUnknown as error:  # only the question has failed
            if self._health is None or not self._health.usable:
                self.offline(error.told)
            else:
                self._next_look = _now() + OFFLINE_S[-1]
        except errors.NotSubmitted as error:
            self.offline(error.told)
        else:
            self._judge(found)

    def _refused(self, error: errors.GraphRefused) -> None:
        rule = codes.rule(error.code, error.subcode)
        told: Coded = refusal(Cloud.AT_THE_DOOR, status=error.status)
        if error.code is not None:
            told = rule.told(error.code, error.details)
        if rule.do is Do.HOLD_ACCOUNT:
            self.bar(rule.hold or Hold.RESTRICTED, told)
        elif rule.do is Do.RETRY and (self._health is None or not self._health.usable):
            self.offline(told)
        elif rule.do is Do.WAIT and self._health is not None:
            self._next_look = _now() + max(error.wait_s, LOOK_S)
        elif self._health is None or not self._health.usable:
            self.bar(Hold.NUMBER, told)
        else:
            self._next_look = _now() + LOOK_S

    def _judge(self, found: GraphNumber) -> None:
        able, self.limit = found.able, tiers.limit(found.limit) or self.limit
        if found.status == "BANNED":
            self._tell(Health(AccountState.BANNED, Hold.RESTRICTED, detail=refusal(Meta.RESTRICTED)), HELD_S)
        elif found.status in STATUSES:
            self.bar(Hold.NUMBER, refusal(Cloud.DISCONNECTED, status=found.status))
        elif able.can_send == "BLOCKED":
            hold = next((IN_THE_WAY[code] for code in able.codes if code in IN_THE_WAY), Hold.RESTRICTED)
            self.bar(hold, refusal(Cloud.CANNOT_SEND, details=able.details or codes.NO_DETAILS))
        else:
            limited = able.can_send == "LIMITED"
            detail = refusal(Cloud.LIMITED, details=able.details or codes.NO_DETAILS) if limited else None
            self._health = Health(AccountState.READY, detail=detail)
            self._next_look = _now() + LOOK_S

    def _tell(self, health: Health, after_s: Sequence[float]) -> None:
        self._health = health
        self._next_look = _now() + after_s[min(self._looks, len(after_s) - 1)]
        self._looks += 1


def _now() -> float:
    return asyncio.get_running_loop().time()
