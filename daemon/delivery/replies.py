"""Replies: stored for a while next to the message they answer, and acted on if they say STOP.

Only chats count to which we sent a message within ANSWERS_MS. Nothing else is stored, and no other chat is opened for
it: an account's phone has private chats, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import peewee
import structlog

from daemon.accounts import happenings, pacing, rights
from daemon.contacts import optout, suppression
from daemon.contacts.person import Person
from daemon.db.connection import after_commit, write
from daemon.db.proxy import in_order, tuples
from daemon.db.records import record
from daemon.delivery import chat_names, chunks, quarters, unmatched, windows
from daemon.formats.storable import storable
from daemon.models import Account, Job, Message, MessagePart, OldStop, Reply, Suppression
from daemon.states import E164, REACHED, PersonKey, State
from daemon.transports.protocol import Heard, Said, Unread

log = structlog.get_logger()

ANSWERS_MS = 30 * pacing.DAY_MS  # this long after our message, incoming messages count as answers and are shown
KEEP_MS = 90 * pacing.DAY_MS
CONFIRM_WITHIN_MS = 3_600_000  # after this an opt-out is no longer confirmed
PAGE = 50
LOOKED_UP = 200  # of those that an account, a person or a time has: sooner looked up than found among all others
FEW = 1_000  # replies to a campaign: sooner looked up all than found among all others
LONGEST = 4_000  # characters of a reply that are stored
WROTE_STOP = "wrote STOP"
LANDMARKS = 3  # messages of each kind by which a chat is recognised
ANSWERABLE = sorted({*REACHED, State.EXPIRED})  # an expired message may still have been delivered


@dataclass(frozen=True)
class Taken:
    """The result of reading a chat. new: replies that were stored; opted_out: whether one put somebody on the
    suppression list; proved: whether it is known whose chat it is; number: whose a single message is."""

    new: int = 0
    opted_out: bool = False
    proved: bool = True
    number: E164 | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Answered:
    """A reply, and of the message that it answers, if that is known: its campaign, and the fields of its recipient in
    the order of `columns`. at: UTC ms; stop: whether it asks for no more. free_text_until: see `windows`."""

    id: int
    account: str
    number: E164
    text: str
    at: int
    stop: bool
    message_id: int | None
    job_id: int | None
    job_name: str
    columns: list[str]
    fields: dict[str, str]
    free_text_until: int | None


def _answered(row: Reply, open_until: Mapping[tuple[str, PersonKey], int]) -> Answered:
    message = row.message
    return record(
        Answered,
        row,
        free_text_until=open_until.get((row.account, row.person)),
        message_id=message.id if message else None,
        job_id=message.job_id if message else None,
        job_name=message.job.name if message else "",
        columns=message.job.columns if message else [],
        fields=message.fields if message else {},
    )


def worth_opening(account: str, chats: Iterable[Unread], further: frozenset[str], now: int) -> list[Unread]:
    """The unread chats that, as far as the list shows, are with people we have messaged.

    A chat with a name is recognised by what the browser's address book or a person says whose it is, by what it was
    called when we wrote, or by the fields of a recipient. If the preview asks us to stop, the message may be older and
    the name may have changed since. further: additional stop words of the settings.
    """
    since, every = now - ANSWERS_MS, list(chats)
    named = {chat.title for chat in every if chat.number is None and not chat.group}
    passed = unmatched.ignored(account, named)
    known = chat_names.called(account, named - passed, since)

    def worth(chat: Unread) -> bool:
        asks = optout.asks_to_stop(chat.preview, further)
        if chat.number is not None:
            return _last_to(account, Person(chat.number).key, 0 if asks else since) is not None
        if asks or chat.group or chat.title in passed:
            return asks
        if chat.hint is not None:
            return _last_to(account, Person(chat.hint).key, since) is not None
        return chat.title in known or unmatched.assigned(account, chat.title) is not None

    return [chat for chat in every if worth(chat)]


def unknown(account: str, chats: Iterable[Unread], now: int) -> list[Unread]:
    """Those of the chats, none of them worth opening, that may be somebody's to whom we have written all the same: as
    far as nothing shows that they are strangers'."""
    named = [chat for chat in chats if chat.number is None and chat.hint is None and not chat.group]
    recent = (Message.account == account, Message.submitted_at > now - ANSWERS_MS)
    if not named or not Message.select().where(*recent).exists():
        return []
    passed = unmatched.ignored(account, [chat.title for chat in named])
    return [chat for chat in named if chat.title not in passed]


def _last_to(account: str, person: PersonKey, since: int, reached: bool = False) -> Message | None:
    """The newest message that the account has tried to send to that person since then.

    reached: of those only that they have got, or may have: what failed is not answered.
    """
    theirs = [Message.account == account, Message.person == person, Message.submitted_at > since]
    if reached:
        theirs.append(Message.state.in_(ANSWERABLE))
    found: Message | None = Message.select().where(*theirs).order_by(Message.submitted_at.desc()).first()
    return found


def take(account: str, heard: Heard, further: frozenset[str], now: int) -> Taken:
    """Store what is new in a chat, with the message it answers.

    Whoever says STOP is put on the suppression list first, in a transaction that waits for nothing: the next claim and
    the next submit see it.

    A chat belongs to the person whose messages of ours are in it, by their ids. Only if there are none, it belongs to
    the number in its title, which may be written differently than we got it, or to whom a person has said. STOP also
    counts if no message of ours went there within ANSWERS_MS: a campaign may be about to message that person; and where
    nobody knows whose chat it is, it is kept for a person to say.

    Repeating it changes nothing. Raises DatabaseBusy.
    """
    since = now - ANSWERS_MS
    sent = _sent(account, [said.key for said in heard.rows if said.own])
    number = _whose(sent, heard.number)
    if number is None and not sent:
        number = _said_to_be(account, heard.title, since)
    if number is None:
        unmatched.note_stop(account, heard, further, now)
        return Taken(proved=False)
    person = Person(number).key
    recent = [message for message in sent if message.person == person and (message.submitted_at or 0) > since]
    ours = {str(message.transport_id): message for message in recent}
    newest = _last_to(account, person, since, reached=True)
    fresh = [
        (said, optout.asks_to_stop(said.text, further), message)
        for said, message in _unknown(account, _answers(heard.rows, ours, newest))
    ]
    kept = [(said, stop, message) for said, stop, message in fresh if stop or message]
    added = False
    if any(stop for _, stop, _ in kept):
        with write():
            added = suppression.put(number, WROTE_STOP, suppression.REPLY, now)
    with write():
        for said, stop, message in kept:
            _store(account, number, said, stop, message, now)
    return Taken(len(kept), added)


def take_one(
    account: str, number: E164 | None, said: Said, asked: bool, quoted: str | None, further: frozenset[str], now: int
) -> Taken:
    """Store what somebody has written, as a transport tells it without a chat: with the message that it quotes, else
    with what they got last. asked: it asks for no more otherwise than by its text. number: theirs, where it is told:
    then it is they who wrote it, whoever got the message that they quote.

    As `take` otherwise. Raises DatabaseBusy.
    """
    since = min(said.at or now, now) - ANSWERS_MS  # our clock may have jumped since
    sent = _sent(account, [quoted] if quoted else [])
    number = _whose(sent, None) if number is None else _as_written(sent, number)
    if number is None:
        return Taken(proved=False)
    person = Person(number).key
    mine = [message for message in sent if message.person == person]
    answered = mine[-1] if mine else _last_to(account, person, since, reached=True)
    stop = asked or optout.asks_to_stop(said.text, further)
    if not (stop or answered) or not _unknown(account, [(said, answered)]):
        return Taken(number=number)
    added = False
    if stop:
        with write():
            added = suppression.put(number, WROTE_STOP, suppression.REPLY, now)
    with write():
        _store(account, number, said, stop, answered, now)
    return Taken(1, added, number=number)


def _sent(account: str, keys: Sequence[str]) -> list[Message]:
    """Messages that the account has sent and whose rows these are, or those of their parts, oldest first; each with the
    id of that row."""
    if not keys:
        return []
    columns = (Message.id, Message.job, Message.number, Message.person, Message.submitted_at)
    mine = (Message.account == account, Message.submitted_at.is_null(False))
    whole = Message.select(Message.transport_id, *columns).where(*mine, Message.transport_id.in_(list(keys)))
    of_parts = MessagePart.select(MessagePart.transport_id, *columns).join(Message)
    of_parts = of_parts.where(*mine, MessagePart.transport_id.in_(list(keys)))
    names = ("transport_id", "id", "job", "number", "person", "submitted_at")
    found = [Message(**dict(zip(names, row, strict=True))) for query in (whole, of_parts) for row in tuples(query)]
    return sorted(found, key=lambda message: (message.submitted_at or 0, message.id))


def _whose(sent: Iterable[Message], shown: E164 | None) -> E164 | None:
    """The number of the chat with these messages in it, as it was given; of several notations the last one that was
    written to. shown: what its title says, which a contact's name may be."""
    numbers = {message.person: message.number for message in sent}
    if shown is not None and (not numbers or Person(shown).key in numbers):
        return _as_written(sent, shown)
    return next(iter(numbers.values())) if len(numbers) == 1 else None


def _as_written(sent: Iterable[Message], number: E164) -> E164:
    """The number in the notation in which that person was written to last, where one of these went to them."""
    return {message.person: message.number for message in sent}.get(Person(number).key, number)


def _said_to_be(account: str, title: str, since: int) -> E164 | None:
    """Whose chat of that title it is, in which no row of ours is to be seen: as a person has said, or by a number that
    only one recipient has."""
    if not title:
        return None
    numbers = chat_names.by_number(account, title, since)
    return unmatched.assigned(account, title) or (numbers[0] if len(numbers) == 1 else None)


def _answers(
    rows: Sequence[Said], ours: Mapping[str, Message], newest: Message | None
) -> list[tuple[Said, Message | None]]:
    """What they wrote after the first of our messages that is to be seen, each with the message it answers; without
    one, after whatever we wrote last.

    Not only after the newest: a reply may have come while that one was on its way.
    """
    known = [index for index, said in enumerate(rows) if said.key in ours]
    own = [index for index, said in enumerate(rows) if said.own]
    start = known[0] if known else own[-1] + 1 if own else 0
    found, answered = [], newest
    for said in rows[start:]:
        if said.own:
            answered = ours.get(said.key, newest)
        else:
            found.append((said, answered))
    return found


def _unknown(account: str, rows: Sequence[tuple[Said, Message | None]]) -> list[tuple[Said, Message | None]]:
    """Those that were not taken before; also not long before, for what asks to stop."""
    keys = [_key(said) for said, _ in rows]
    if not keys:
        return []
    known: set[str] = set()
    for table in (Reply, OldStop):
        seen = table.select(table.key).where(table.account == account, table.key.in_(keys))
        known |= {key for (key,) in tuples(seen)}
    return [(said, message) for said, message in rows if _key(said) not in known]


def _key(said: Said) -> str:
    return storable(said.key)[:64]


def _store(account: str, number: E164, said: Said, stop: bool, answered: Message | None, now: int) -> None:
    job_id = answered.job_id if answered else None
    if job_id is not None and not _has_answered(account, number, job_id):
        quarters.replied(job_id, now)
    row = Reply.create(
        account=account,
        number=number,
        person=Person(number).key,
        text=storable(said.text)[:LONGEST],
        at=now,
        key=_key(said),
        stop=stop,
        fresh=True,
        message=answered,
    )
    happenings.note("reply.received", account, job_id, {"reply": row.id}, now)
    after_commit(partial(log.info, "reply.received", reply_id=row.id, job_id=job_id, stop=stop))


def _has_answered(account: str, number: E164, job_id: int) -> bool:
    theirs = (Reply.account == account, Reply.person == Person(number).key, Message.job == job_id)
    return bool(Reply.select().join(Message).where(*theirs).exists())


def fresh(most: int) -> int:
    """How many replies nobody has read yet; `most` at most."""
    return int(rights.within(Reply.select(Reply.id).where(Reply.fresh), Reply.account).limit(most).count())


def now_read(ids: Sequence[int]) -> None:
    """Somebody has read these replies."""
    if ids:
        with write():
            Reply.update(fresh=False).where(Reply.id.in_(list(ids)), Reply.fresh).execute()


@dataclass(frozen=True)
class Reacted:
    """What somebody has answered, and when it was seen, UTC ms."""

    at: int
    text: str


def to_messages(ids: Sequence[int]) -> dict[int, list[Reacted]]:
    """The replies to each of these messages, oldest first."""
    found: dict[int, list[Reacted]] = {}
    rows = Reply.select(Reply.message, Reply.at, Reply.text).where(Reply.message.in_(list(ids)))
    for message_id, at, text in tuples(rows.order_by(Reply.id)) if ids else ():
        found.setdefault(message_id, []).append(Reacted(at, text))
    return found


def landmarks(account: str, chat: Unread, now: int) -> frozenset[str]:
    """Ids of rows that a chat was seen to have, or must have, as far as we know whose it may be: who reads it back to
    one of these has missed nothing since."""
    numbers = [number for number in (chat.number, chat.hint, unmatched.assigned(account, chat.title)) if number][:1]
    if not numbers:
        numbers = chat_names.called(account, [chat.title], now - ANSWERS_MS).get(chat.title, [])
    found: set[str] = set()
    for person in {Person(number).key for number in numbers}:
        mine = (Message.account == account, Message.person == person, Message.transport_id.is_null(False))
        sent = Message.select(Message.transport_id).where(*mine).order_by(Message.submitted_at.desc())
        said = Reply.select(Reply.key).where(Reply.account == account, Reply.person == person)
        said = said.order_by((Reply.id + 0).desc())  # + 0: by the person's few, not through all of the account
        found |= {key for query in (sent, said) for (key,) in tuples(query.limit(LANDMARKS))}
    return frozenset(found)


def last_written(account: str) -> E164 | None:
    """The number that the account has written to last: its chat may have been open when a sender died."""
    mine = (Message.account == account, Message.submitted_at.is_null(False))
    row = Message.select(Message.number).where(*mine).order_by(Message.submitted_at.desc()).first()
    return row.number if row else None


def to_confirm(account: str, now: int) -> list[E164]:
    """Numbers of people whose reply to this account put them on the list a short while ago, and who got no
    confirmation."""
    rows = Suppression.select(Suppression.number).where(*_unconfirmed(account, now)).order_by(Suppression.created_at)
    return [number for (number,) in tuples(rows.limit(20))]


def _unconfirmed(account: str, now: int) -> tuple[Any, ...]:
    since = now - CONFIRM_WITHIN_MS
    said_so = Reply.select(peewee.Value(1)).where(
        Reply.account == account, Reply.person == Suppression.person, Reply.stop, Reply.at > since
    )
    return (
        Suppression.source == suppression.REPLY,
        Suppression.confirmed_at.is_null(),
        Suppression.created_at > since,
        peewee.fn.EXISTS(said_so),
    )


def confirm(account: str, number: E164, now: int) -> bool:
    """Commit that this person gets the confirmation now; False if they got it already, or should not get it any more.

    This comes before the hand-over, as with any message, but nothing ever undoes it: a second caller gets False.
    """
    with write():
        theirs = Suppression.person == Person(number).key
        return bool(Suppression.update(confirmed_at=now).where(theirs, *_unconfirmed(account, now)).execute())


@dataclass(frozen=True)
class Wanted:
    """Which replies are asked for; None for any. since, until: seen from the one on, and before the other, UTC ms."""

    account: str | None = None
    person: PersonKey | None = None
    since: int | None = None
    until: int | None = None

    def conditions(self, looked_up: bool) -> list[Any]:
        """All but `begin`. looked_up: for the indexes of account, person and time; else for going through all, newest
        first."""
        name, at = (Reply.account, Reply.at) if looked_up else (Reply.account.concat(""), Reply.at + 0)
        of_account = name == self.account if self.account is not None else name.in_(Account.select(Account.name))
        given = [
            (self.account, of_account),
            (self.person, (Reply.person == self.person) & of_account),  # the index of people begins with the account
            (self.until, at < self.until),
        ]
        return [condition for value, condition in given if value is not None]

    def begin(self, now: int) -> int:
        """From when on. One bound, not two: SQLite looks an index up by one of them, and not by the closer one."""
        return max(now - ANSWERS_MS + 1, self.since or 0)

    def few(self, now: int) -> list[int] | None:
        """The ids of those that are meant, where they are few; None where they are many, or all."""
        if self == Wanted():
            return None
        query = Reply.select(Reply.id).where(Reply.at >= self.begin(now), *self.conditions(True)).limit(LOOKED_UP + 1)
        with in_order():
            found = [reply_id for (reply_id,) in tuples(query)]
        return found if len(found) <= LOOKED_UP else None

    def newest(self) -> list[Any]:
        """A condition by which those that came after `until` are not gone through: ids grow with the time, about."""
        if self.until is None:
            return []
        before = Reply.select(Reply.id).where(Reply.at < self.until).order_by(Reply.at.desc()).limit(LOOKED_UP + 1)
        with in_order():
            return [Reply.id <= max((reply_id for (reply_id,) in tuples(before)), default=0)]


def page(
    cursor: int | None,
    now: int,
    stops: bool = False,
    job_id: int | None = None,
    limit: int = PAGE,
    wanted: Wanted = Wanted(),
) -> tuple[list[Answered], int | None]:
    """Replies of the last ANSWERS_MS, newest first, and the next page's cursor.

    stops: those that say STOP only. job_id: those that answer that campaign only.
    """
    query = Reply.select(Reply, Message, Job).join(Message, peewee.JOIN.LEFT_OUTER).join(Job, peewee.JOIN.LEFT_OUTER)
    query = rights.within(query, Reply.account)
    newest: Any = Reply.id
    through_all = False
    if wanted == Wanted():
        query = query.where(Reply.at > now - ANSWERS_MS)
    elif (ids := wanted.few(now)) is not None:
        query, newest = query.where(Reply.id.in_(ids)), Reply.id + 0
    else:
        query = query.where(Reply.at + 0 >= wanted.begin(now), *wanted.conditions(False), *wanted.newest())
        through_all = True
    if stops:
        query = query.where(Reply.stop)
    if job_id is not None:
        few = Reply.select(Reply.id).join(Message).where(*_to(job_id)).limit(FEW + 1).count() <= FEW
        query = query.where(*_to(job_id) if few else (Message.job == job_id,))
        newest = Reply.id + 0 if few else newest  # not by going through all replies, to find a few of them
    if cursor is not None:
        query = query.where(Reply.id < cursor)
    with in_order() if through_all else nullcontext():
        rows = list(query.order_by(newest.desc()).limit(limit + 1))
    open_until = windows.windows({(row.account, row.person) for row in rows if row.person}, now)
    return [_answered(row, open_until) for row in rows[:limit]], rows[limit - 1].id if len(rows) > limit else None


def _to(job_id: int) -> tuple[Any, ...]:
    """Of all replies, those to messages of the job: found by the first and the last of these."""
    other = Message.alias()
    first, last = (other.select(edge(other.id)).where(other.job == job_id) for edge in (peewee.fn.MIN, peewee.fn.MAX))
    return Message.job + 0 == job_id, Reply.message >= first, Reply.message <= last  # + 0: not by all of its messages


def count(job_id: int, now: int) -> int:
    """How many replies of the last ANSWERS_MS answer the campaign."""
    answers = Reply.select().join(Message).where(*_to(job_id), Reply.at > now - ANSWERS_MS)
    return int(answers.count())


def answered(job_id: int) -> Any:
    """A condition on the campaign's messages: that their person has answered it, whichever of its messages to them; as
    far as the replies are kept."""
    theirs = Reply.select(peewee.fn.COALESCE(Reply.person, Reply.number)).join(Message).where(Message.job == job_id)
    return peewee.fn.COALESCE(Message.person, Message.number).in_(theirs)


def prune(now: int, keep_ms: int = KEEP_MS) -> int:
    """Delete replies that are older, 0 for none; returns how many. Of a STOP the row's id is kept, without who wrote
    it."""
    unmatched.prune(now)
    if not keep_ms:
        return 0
    gone = chunks.delete(Reply, Reply.at < now - keep_ms, Reply.at, _remember_stops)
    if gone:
        log.info("reply.deleted", count=gone)
    return gone


def _remember_stops(ids: list[int]) -> None:
    stops = Reply.select(Reply.account, Reply.key).where(Reply.id.in_(ids), Reply.stop)
    OldStop.insert_from(stops, [OldStop.account, OldStop.key]).on_conflict_ignore().execute()
