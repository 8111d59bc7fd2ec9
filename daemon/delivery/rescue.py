"""Messages of a dead sender: queued again, or looked up in the chat, depending on the phase in which it died."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import Any

import structlog

from daemon.accounts import pacing
from daemon.db.clock import AHEAD_MS, lately
from daemon.db.connection import write
from daemon.db.proxy import locked, tuples
from daemon.delivery import moves, parts
from daemon.delivery.refusals import Passed
from daemon.i18n.coded import Told, refusal
from daemon.models import Account, Job, Message
from daemon.states import IN_HAND, State

log = structlog.get_logger()

LONGEST_LEASE_MS = pacing.DAY_MS  # the longest that the settings allow
SILENCE_MS = pacing.DAY_MS  # silence of a sender that was sending; after that a person decides


def take_over(account: str, now: int, lease_ms: int, sole: bool) -> list[Message]:
    """Rescue what a dead sender of the account held: claimed messages are queued again at once; `sending` ones are
    returned, leased to the caller, to be looked up in the chat.

    sole: only the caller can drive the account (it holds its lock), so leases that still run are dead, too.
    """
    dead = (Message.account == account) & Message.state.in_(IN_HAND)
    if not sole:
        dead &= _ran_out(now)
    token = secrets.token_hex(8)
    doubtful: list[Message] = []
    released = 0
    for job_id, ids in _by_job(dead):
        with write():
            moves.job_state(job_id)
            for message in _dead(dead & Message.id.in_(ids)):
                if message.state == State.CLAIMED:
                    _give_back(message, refusal(Passed.SENDER_DIED), now)
                    released += 1
                else:
                    Message.update(lease=token, lease_until=now + lease_ms).where(Message.id == message.id).execute()
                    message.lease = token
                    doubtful.append(message)
    if released or doubtful:
        log.warning("account.rescued", account=account, released=released, looked_up=len(doubtful))
    return doubtful


def rescue(now: int) -> int:
    """Queue again every claimed message whose lease has run out, of any account; returns how many were moved.

    A `sending` one is left to a sender of its own account, as only the chat knows what became of it: for a day. Where
    no sender of that account has been heard of since, none may ever come, and a person decides.
    """
    living = Account.select(Account.name).where(lately(Account.seen_at, now - SILENCE_MS, now))
    abandoned = (Message.state == State.SENDING) & _ran_out(now, SILENCE_MS) & Message.account.not_in(living)
    dead = ((Message.state == State.CLAIMED) & _ran_out(now)) | abandoned
    moved = 0
    for job_id, ids in _by_job(dead):
        with write():
            moves.job_state(job_id)
            for message in _dead(dead & Message.id.in_(ids)):
                if message.state == State.CLAIMED:
                    _give_back(message, refusal(Passed.LEASE_RAN_OUT), now)
                else:
                    _abandon(message, now)
                moved += 1
    return moved


def _ran_out(now: int, since_ms: int = 0) -> Any:
    """Whether the lease ran out so long ago; one that no setting allows was made while the clock was ahead."""
    too_long = Message.lease_until > now + LONGEST_LEASE_MS + AHEAD_MS
    return (Message.lease_until < now - since_ms) | too_long


def _abandon(message: Message, now: int) -> None:
    why = parts.in_doubt(message, refusal(Passed.NOBODY_LOOKED))
    with moves.moving(message):
        moves.apply(message, "lose", why, "rescue", now, error=why)


def _by_job(dead: Any) -> list[tuple[int, list[int]]]:
    """The messages by job, in order. Only what is in hand has a lease, so the queue is not gone through."""
    ids: dict[int, list[int]] = defaultdict(list)
    for job_id, message_id in tuples(Message.select(Message.job, Message.id).where(Message.lease_until > 0, dead)):
        ids[job_id].append(message_id)
    return sorted(ids.items())


def _dead(dead: Any) -> list[Message]:
    """Those of one job, locked: nobody else may rescue them, nor may their sender move or extend them now."""
    return list(locked(Message.select(Message, Job).join(Job).where(dead).order_by(Message.id)))


def _give_back(message: Message, why: Told, now: int) -> None:
    """Release another sender's message; the history must not say that its sender did it."""
    moves.back_to_queue(message, "release", why, now, "rescue", attempts=message.attempts - 1)
