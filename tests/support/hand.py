"""A sender's hand on the queue, for tests, with a clock that they move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peewee

from daemon import errors
from daemon.accounts import pacing
from daemon.campaigns import create, lifecycle
from daemon.config import Settings
from daemon.contacts import suppression
from daemon.db import clock as db_clock
from daemon.db.prepared import Prepared, param, rows_of
from daemon.delivery import claim, job_moves, moves, old_history, receipts, rescue
from daemon.delivery.receipts import Outcome
from daemon.models import Account, Event, Job, Message
from daemon.states import OPEN, Ack, JobState, State, Status
from daemon.transports.protocol import Mark, Receipt, StatusUpdate

LEASE_MS = 60_000
MARK = Mark("true_491@c.us_A1")


class Hand:
    """A sender's hand on the queue."""

    def __init__(self, settings: Settings, clock: Any, people: Callable[..., list[Any]]) -> None:
        self.settings, self.clock, self.people = settings, clock, people
        self.rules = pacing.Rules()

    def queue(self, count: int = 3, **order: Any) -> Job:
        """A new job for `count` people, through `campaigns.create`."""
        recipients = [
            {"number": person.number, **person.fields} for person in self.people(count, order.pop("first", 0))
        ]
        order = {"text": "Hello {{ name }}", "recipients": recipients} | order
        known(order.get("account"))
        answer = create.create(self.settings, create.Order(**order), "test", db_clock.now_ms())
        return job_moves.job(answer.job_id)

    def claim(self, limit: int = 1, account: str = "default") -> list[Message]:
        return claim.claim(account, limit, self.clock(), LEASE_MS, self.rules)

    def claim_one(self) -> Message:
        (message,) = self.claim()
        return message

    def submit(self, message: Message, pause_ms: int = 0) -> Message:
        moves.submit(message, MARK, self.clock(), pacing.Gap(pause_ms, pacing.Why.PAUSE, 1), self.rules)
        return message

    def confirm(self, message: Message, ack: Ack = Ack.SENT) -> Message:
        moves.confirm(message, Receipt("id-1", ack), self.clock())
        return message

    def receipt(self, message: Message, status: Status, **told: Any) -> Outcome:
        """WhatsApp reports that of the message's last hand-over, unless `told` says another one."""
        told = {"message_id": message.id, "submission": fresh(message).submissions, "at": self.clock()} | told
        (outcome,) = receipts.take(message.account, [StatusUpdate(status, **told)], self.clock())
        return outcome

    def send_all(self) -> list[str]:
        """Send until nothing is due; returns the numbers in order."""
        sent = []
        while claimed := self.claim():
            for message in claimed:
                try:
                    self.confirm(self.submit(message))
                    sent.append(message.number)
                except errors.IllegalMove as error:
                    moves.release(message, str(error), self.clock())
            self.clock.advance(1)
        return sent

    def bring(self, state: State, first: int = 100) -> Message:
        """A message of a new job, brought into that state as it would come there; see `clear_the_queue`."""
        self.queue(2, first=first)
        message = self.claim_one()
        moves.release(message, "back", self.clock())
        return self.bring_on(message, state)

    def clear_the_queue(self) -> None:
        """Nobody of the jobs there are is claimed by what comes next."""
        for (job_id,) in list(Job.select(Job.id).where(Job.state.in_(OPEN)).tuples()):
            lifecycle.stop(job_id, "test", db_clock.now_ms())
        rescue.take_over("default", self.clock(), LEASE_MS, sole=True)

    def bring_on(self, message: Message, state: State) -> Message:
        if state is State.PENDING:
            return message
        if state is State.CANCELLED:
            lifecycle.stop(message.job_id, "test", db_clock.now_ms())
            return fresh(message)
        if state is State.SKIPPED:
            suppression.suppress(self.settings, message.number, "asked", "test", db_clock.now_ms())
            self.claim(1)
            for other in Message.select().where(Message.state == State.CLAIMED):
                moves.release(other, "not this one", self.clock())
            return fresh(message)
        message = self.claim_one()
        if state is State.CLAIMED:
            return message
        self.submit(message)
        if state in (State.ACCEPTED, State.SENT, State.DELIVERED, State.READ):
            self.confirm(message, Ack(state.value))
        elif state is State.FAILED:
            moves.fail(message, "no", self.clock())
        elif state is State.EXPIRED:
            self.confirm(message, Ack.ACCEPTED)
            self.receipt(message, Status.EXPIRED)
            return fresh(message)
        elif state is State.UNCERTAIN:
            moves.lose(message, "who knows", self.clock())
        return message


def fresh(message: Message) -> Message:
    """The message as the database has it."""
    found: Message = Message.get_by_id(message.id)
    return found


def everything() -> tuple[list[Any], ...]:
    """All rows that a move may change, to compare before and after."""
    return tuple([row.__data__ for row in rows_of(table, _all_of(table))] for table in (Job, Message, Event))


@Prepared
def _all_of(table: Any) -> Any:
    return table.select().order_by(table.id)


def broken_histories() -> list[int]:
    """Ids of the messages whose events do not lead, one from the other, to the state they are in; without those whose
    history was removed."""
    there = Message.select(Message.id, Message.state).join(Job).where(Job.history_gone_at.is_null())
    states_now = dict(there.tuples())
    broken = []
    for ids in peewee.chunked(sorted(states_now), 10_000):
        for message_id, lines in old_history.of_all(ids).items():
            chain = [None, *(line.target for line in lines)]
            if [line.source for line in lines] != chain[:-1] or chain[-1] != states_now[message_id]:
                broken.append(message_id)
    return broken


def states(job: Job) -> list[str]:
    """The states of a job's messages, in file order."""
    return [state for (state,) in _states(job=job.id)]


@Prepared
def _states() -> Any:
    return Message.select(Message.state).where(Message.job == param("job")).order_by(Message.id)


def job_state(job: Job) -> JobState:
    return JobState(Job.get_by_id(job.id).state)


def known(name: str | None) -> None:
    """There is an account of that name: only to such a one jobs are made."""
    if name is not None:
        Account.insert(name=name).on_conflict_ignore().execute()


def account() -> Account:
    """The account as it is stored now."""
    return Account.get_by_id("default")
