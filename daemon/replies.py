"""What people answer: kept for a while beside the message it answers, and heeded when it says STOP.

Only chats count that a message of ours has gone to within ANSWERS_MS. Nothing of other chats is kept, nor are they
opened for it: an account's phone has private chats, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import pacing, stopwords, suppression
from daemon.db import after_commit, tuples, write
from daemon.models import Job, Message, Reply, Suppression
from daemon.transports import Heard, Said, Unread

log = structlog.get_logger()

ANSWERS_MS = 30 * pacing.DAY_MS  # so long after a message of ours what comes is taken for its answer, and is shown
KEEP_MS = 90 * pacing.DAY_MS
CONFIRM_WITHIN_MS = 3_600_000  # later nobody is told any more that nothing more comes
PAGE = 50
LONGEST = 4_000  # characters of a reply that are kept
WROTE_STOP = "wrote STOP"


@dataclass(frozen=True)
class Taken:
    """What came of rows that were seen. new: replies that were stored; opted_out: whether one put somebody on the
    suppression list; proved: whether it is known whose chat it is."""

    new: int = 0
    opted_out: bool = False
    proved: bool = True


def worth_opening(account: str, chats: Iterable[Unread], further: frozenset[str], now: int) -> list[Unread]:
    """Those of the unread chats that are, as far as the list of chats tells, of somebody we have written to.

    A chat with a name is recognised by what it was called when we wrote, or by a field of the recipient. Where the
    list shows that somebody asks us to stop, the message may be older, and the name another one by now.
    further: of the settings (`stopwords.more`).
    """
    since = now - ANSWERS_MS
    return [chat for chat in chats if _worth(account, chat, since, stopwords.asks_to_stop(chat.preview, further))]


def _worth(account: str, chat: Unread, since: int, asks: bool) -> bool:
    if chat.number is not None:
        return _last_to(account, chat.number, 0 if asks else since) is not None
    return asks or _is_called(account, chat.title, since)


def _is_called(account: str, title: str, since: int) -> bool:
    """Whether a recipient since then has that name."""
    named = json.dumps(title, ensure_ascii=False)
    ours = (Message.account == account, Message.submitted_at > since)
    fields = Message.fields.cast("TEXT")
    query = Message.select(peewee.Value(1)).where(*ours, Message.mark.contains(named) | fields.contains(named))
    return bool(query.limit(1).tuples().first())


def _last_to(account: str, number: str, since: int) -> Message | None:
    """The newest message that the account may have sent to the number since then."""
    theirs = (Message.account == account, Message.number == number, Message.submitted_at > since)
    found: Message | None = Message.select().where(*theirs).order_by(Message.submitted_at.desc()).first()
    return found


def take(account: str, heard: Heard, further: frozenset[str], now: int) -> Taken:
    """Store what is new in a chat, with the message it answers. Whoever says STOP is on the suppression list in the
    same transaction: the next claim, and the next submit, see it.

    A chat is theirs by its number, else by the ids of our own messages in it. A STOP is heeded also where no message
    of ours went to within ANSWERS_MS: it stands in the chat of somebody that a campaign is about to write to.
    """
    since = now - ANSWERS_MS
    keys = [said.key for said in heard.rows if said.own]
    ours = _ours(account, keys, since)
    number = heard.number or _only(ours.values())
    if number is None and any(stopwords.asks_to_stop(said.text, further) for said in heard.rows if not said.own):
        number = _only(_ours(account, keys, 0).values())
    if number is None:
        return Taken(proved=False)
    fresh = _after_ours(heard.rows, {key for key, whose in ours.items() if whose == number})
    answered = _last_to(account, number, since)
    new, stops = 0, False
    with write():
        for said in _unknown(account, fresh):
            stop = stopwords.asks_to_stop(said.text, further)
            if stop or answered:
                new += _store(account, number, said, stop, answered, now)
                stops |= stop
        added = stops and suppression.put(number, WROTE_STOP, suppression.REPLY, now)
    return Taken(new, bool(added))


def _only(numbers: Iterable[str]) -> str | None:
    found = set(numbers)
    return found.pop() if len(found) == 1 else None


def _ours(account: str, keys: Sequence[str], since: int) -> dict[str, str]:
    """Of the rows' ids those of messages that the account has sent since then, each with the number it went to."""
    if not keys:
        return {}
    sent = (Message.account == account, Message.submitted_at > since, Message.transport_id.in_(list(keys)))
    return dict(tuples(Message.select(Message.transport_id, Message.number).where(*sent)))


def _after_ours(rows: Sequence[Said], ours: set[str]) -> list[Said]:
    """What came after the first of our messages that is to be seen; without one, after whatever we wrote last.

    Not only after the newest: a reply may have come while that one was on its way.
    """
    known = [index for index, said in enumerate(rows) if said.key in ours]
    own = [index for index, said in enumerate(rows) if said.own]
    start = known[0] if known else own[-1] if own else -1
    return [said for said in rows[start + 1 :] if not said.own]


def _unknown(account: str, rows: Sequence[Said]) -> list[Said]:
    keys = [said.key[:64] for said in rows]
    stored = Reply.select(Reply.key).where(Reply.account == account, Reply.key.in_(keys))
    known = {key for (key,) in tuples(stored)} if keys else set()
    return [said for said in rows if said.key[:64] not in known]


def _store(account: str, number: str, said: Said, stop: bool, answered: Message | None, now: int) -> int:
    row = Reply.create(
        account=account,
        number=number,
        text=said.text.replace("\0", "")[:LONGEST],
        at=now,
        key=said.key[:64],
        stop=stop,
        message=answered,
    )
    job_id = answered.job_id if answered else None
    after_commit(partial(log.info, "reply.received", reply_id=row.id, job_id=job_id, stop=stop))
    return 1


def to_confirm(account: str, now: int) -> list[str]:
    """Numbers of those whose reply to this account put them on the list a short while ago, and who were not told."""
    rows = Suppression.select(Suppression.number).where(*_unconfirmed(account, now)).order_by(Suppression.created_at)
    return [number for (number,) in tuples(rows.limit(20))]


def _unconfirmed(account: str, now: int) -> tuple[Any, ...]:
    since = now - CONFIRM_WITHIN_MS
    said_so = Reply.select(peewee.Value(1)).where(
        Reply.account == account, Reply.number == Suppression.number, Reply.stop, Reply.at > since
    )
    return (
        Suppression.source == suppression.REPLY,
        Suppression.confirmed_at.is_null(),
        Suppression.created_at > since,
        peewee.fn.EXISTS(said_so),
    )


def confirm(account: str, number: str, now: int) -> bool:
    """Commit that this person is told now; False when they were told, or are not to be told any more.

    Before the hand-over, as with any message; but nothing ever takes it back: who comes second gets False.
    """
    with write():
        due = Suppression.update(confirmed_at=now).where(Suppression.number == number, *_unconfirmed(account, now))
        return bool(due.execute())


def page(
    cursor: int | None, now: int, stops: bool = False, job_id: int | None = None, limit: int = PAGE
) -> tuple[list[Reply], int | None]:
    """Replies of the last ANSWERS_MS, newest first, each with `message` and its `job`; and the next page's cursor.

    stops: those that say STOP only. job_id: those that answer that campaign only.
    """
    query = (
        Reply.select(Reply, Message, Job)
        .join(Message, peewee.JOIN.LEFT_OUTER)
        .join(Job, peewee.JOIN.LEFT_OUTER)
        .where(Reply.at > now - ANSWERS_MS)
    )
    if stops:
        query = query.where(Reply.stop)
    if job_id is not None:
        query = query.where(Message.job == job_id)
    if cursor is not None:
        query = query.where(Reply.id < cursor)
    rows = list(query.order_by(Reply.id.desc()).limit(limit + 1))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def count(job_id: int, now: int) -> int:
    """How many replies of the last ANSWERS_MS answer the campaign."""
    answers = Reply.select().join(Message).where(Message.job == job_id, Reply.at > now - ANSWERS_MS)
    return int(answers.count())


def describe(row: Reply) -> dict[str, Any]:
    """One reply as the API shows it."""
    message = row.message
    return {
        "id": row.id,
        "account": row.account,
        "number": row.number,
        "text": row.text,
        "at": row.at,
        "stop": row.stop,
        "message_id": message.id if message else None,
        "job_id": message.job_id if message else None,
    }


def prune(now: int) -> int:
    """Delete what is older than KEEP_MS; returns how many."""
    with write():
        gone = int(Reply.delete().where(Reply.at < now - KEEP_MS).execute())
        if gone:
            after_commit(partial(log.info, "reply.deleted", count=gone))
    return gone
