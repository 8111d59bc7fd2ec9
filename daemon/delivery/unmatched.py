"""Chats of which nobody knows yet whose they are: what is unread in the list of chats and bears no name that we know,
and what was read and had no message of ours in it.

A person may say whose such a chat is, or that it is nothing to us. Until then nothing is guessed. Where somebody asks
for no more, that stands first, and stays until a person has said something.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.accounts import directory, pacing, rights
from daemon.config import Settings
from daemon.contacts import importer, optout, suppression
from daemon.contacts.person import Person
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, among, rows_of, several
from daemon.db.proxy import locked, tuples
from daemon.db.records import record
from daemon.delivery import chat_names, opened_chats, windows
from daemon.delivery.refusals import Why
from daemon.formats import user_ids
from daemon.models import Job, Message, Reply, UnmatchedChat
from daemon.states import E164, ChatState, PersonKey
from daemon.transports.protocol import Heard, Unread

log = structlog.get_logger()

LONGEST = 200  # characters of a title
SHOWN = 100
SETTLED_SHOWN = 20
ANSWERS_MS = 30 * pacing.DAY_MS
KEEP_MS = 90 * pacing.DAY_MS
WROTE_STOP = "wrote STOP"


@dataclass(frozen=True)
class Candidate:
    """A recipient whose chat it may be, with the fields of the newest message to them in the order of `columns`."""

    number: E164
    columns: list[str]
    fields: dict[str, str]


@dataclass(frozen=True)
class Chat:
    """A chat that could not be matched. first_at: since when it is seen, UTC ms; count: of unread messages; opened: it
    was read, and nothing showed whose it is; stop: somebody asks for no more there; version: another one with each time
    that somebody does. Of one that a person has settled: number, ignored, who; listed: whether that number is on the
    suppression list."""

    id: int
    account: str
    title: str
    first_at: int
    count: int
    opened: bool
    stop: bool
    version: int
    number: E164 | None
    ignored: bool
    who: str | None
    listed: bool
    candidates: list[Candidate]

    @property
    def state(self) -> ChatState:
        """What a person has said of it."""
        return ChatState.IGNORED if self.ignored else ChatState.ASSIGNED if self.number else ChatState.WAITING


# What the sender sees


def note(account: str, chats: Iterable[Unread], now: int) -> None:
    """These unread chats bear no name that we know."""
    for chat in chats:
        _put(account, chat.title, now, count=chat.count, hint=chat.hint)


def note_opened(account: str, chat: Unread, heard: Heard, further: frozenset[str], now: int) -> None:
    """This one was read, and nothing in it shows whose it is. Where other chats have its name, too, it is kept all the
    same that somebody asks for no more in one of them."""
    _put(account, chat.title, now, count=chat.count, opened=True, hint=chat.hint, **_asks(heard, further))


def note_unreadable(account: str, chat: Unread, asks: bool, now: int) -> None:
    """This one cannot be opened. asks: whether the list shows that somebody asks for no more there."""
    stop = {"stop": True, "stop_key": ""} if asks else {}
    _put(account, chat.title, now, count=chat.count, opened=True, hint=chat.hint, **stop)


def note_stop(account: str, heard: Heard, further: frozenset[str], now: int) -> None:
    """Somebody may ask for no more in a chat of which nobody knows whose it is."""
    if heard.title and (asks := _asks(heard, further)):
        _put(account, heard.title, now, opened=True, **asks)


def note_user(account: str, user_id: str, stop_key: str | None, now: int) -> None:
    """Somebody has written who is known by WhatsApp's id of theirs alone. stop_key: of what asks for no more."""
    stop = {} if stop_key is None else {"stop": True, "stop_key": stop_key[:64]}
    _put(account, user_id, now, opened=True, **stop)


def users_known(accounts: Collection[str], numbers: Mapping[str, E164], now: int) -> None:
    """Part of the caller's transaction: it has turned out whose these ids are. Who has asked for no more gets nothing
    from now on."""
    if not numbers:
        return
    theirs = {"accounts": several(sorted(accounts)), "titles": several(sorted(numbers))}
    for row in rows_of(UnmatchedChat, _open_of(**theirs)):
        if row.stop:
            suppression.put(numbers[row.title], WROTE_STOP, suppression.REPLY, now)
        UnmatchedChat.delete().where(UnmatchedChat.id == row.id).execute()


@Prepared
def _open_of() -> Any:
    theirs = (among(UnmatchedChat.account, "accounts"), among(UnmatchedChat.title, "titles"), *_open())
    return locked(UnmatchedChat.select().where(*theirs).order_by(UnmatchedChat.id))


def _asks(heard: Heard, further: frozenset[str]) -> dict[str, Any]:
    """What is kept of a chat in which somebody asks for no more, after what was written from here last."""
    own = [index for index, said in enumerate(heard.rows) if said.own]
    said = heard.rows[own[-1] + 1 :] if own else heard.rows
    keys = [each.key[:64] for each in said if optout.asks_to_stop(each.text, further)]
    return {"stop": True, "stop_key": keys[-1]} if keys else {}


def _put(account: str, title: str, now: int, **seen: Any) -> None:
    title = title[:LONGEST]
    with write():
        this = (UnmatchedChat.account == account, UnmatchedChat.title == title)
        row = locked(UnmatchedChat.select().where(*this)).first()
        if row is None:
            new = UnmatchedChat.create(account=account, title=title, first_at=now, seen_at=now, **seen)
            if new.stop:
                after_commit(lambda: log.warning("reply.stop_unmatched", chat_id=new.id))
            return
        if seen.get("stop") and row.stop_key == seen["stop_key"]:
            seen = {}  # a person has seen it, or will
        elif seen.get("stop"):  # whatever a person has said of this name before, they did not know of this
            seen |= {"ignored": False, "number": None, "who": None}
        UnmatchedChat.update(seen_at=now, **seen).where(UnmatchedChat.id == row.id).execute()


def forget_read(account: str, unread: Collection[str], now: int) -> None:
    """Somebody has read the other ones on the phone, or they were matched."""
    mine = (UnmatchedChat.account == account, *_open(), ~UnmatchedChat.stop, ~UnmatchedChat.opened)
    gone = [id for id, title in tuples(UnmatchedChat.select(UnmatchedChat.id, UnmatchedChat.title).where(*mine))
            if title not in {each[:LONGEST] for each in unread}]  # fmt: skip
    if gone:
        with write():
            UnmatchedChat.delete().where(UnmatchedChat.id.in_(gone), *mine).execute()


def matched(account: str, title: str) -> None:
    """Its rows have shown whose it is. A STOP stays that is none of theirs: another chat may have that name, too."""
    theirs = Reply.select(Reply.id).where(Reply.account == account, Reply.key == UnmatchedChat.stop_key)
    heeded = ~UnmatchedChat.stop | peewee.fn.EXISTS(theirs)
    mine = (UnmatchedChat.account == account, UnmatchedChat.title == title[:LONGEST], *_open(), heeded)
    if UnmatchedChat.select().where(*mine).exists():
        with write():
            UnmatchedChat.delete().where(*mine).execute()


def assigned(account: str, title: str) -> E164 | None:
    """Whose chat it is, as a person has said."""
    mine = (UnmatchedChat.account == account, UnmatchedChat.title == title[:LONGEST])
    row = UnmatchedChat.get_or_none(*mine, UnmatchedChat.number.is_null(False))
    return row.number if row else None


def ignored(account: str, titles: Iterable[str]) -> set[str]:
    """Those of the titles that a person has said are nothing to us."""
    wanted = {title[:LONGEST]: title for title in titles}
    mine = (UnmatchedChat.account == account, UnmatchedChat.ignored, UnmatchedChat.title.in_(list(wanted)))
    return {wanted[title] for (title,) in tuples(UnmatchedChat.select(UnmatchedChat.title).where(*mine))}


def _open() -> tuple[Any, ...]:
    return UnmatchedChat.number.is_null(), ~UnmatchedChat.ignored


# What a person does with them


def listed(now: int) -> list[Chat]:
    """Those that wait for a person: first where somebody asks for no more, then the newest."""
    order = (UnmatchedChat.stop.desc(), UnmatchedChat.first_at.desc(), UnmatchedChat.id.desc())
    mine = rights.within(UnmatchedChat.select().where(*_open()), UnmatchedChat.account)
    return _with_candidates(list(mine.order_by(*order).limit(SHOWN)), now)


def _with_candidates(rows: list[UnmatchedChat], now: int) -> list[Chat]:
    names: dict[str, dict[str, list[E164]]] = {}
    for account in {row.account for row in rows}:
        titles = [row.title for row in rows if row.account == account]
        names[account] = chat_names.called(account, titles, now - ANSWERS_MS)
    return [_chat(row, _candidates(row, names[row.account].get(row.title, []))) for row in rows]


def count() -> int:
    """How many wait for a person."""
    return int(rights.within(UnmatchedChat.select().where(*_open()), UnmatchedChat.account).count())


@dataclass(frozen=True)
class Waiting:
    """How many chats wait for a person, and in how many of these somebody asks for no more."""

    chats: int
    stops: int


def waiting() -> Waiting:
    """That, in one query."""
    stops = peewee.fn.SUM(peewee.Case(None, [(UnmatchedChat.stop, 1)], 0))
    ((chats, stopped),) = tuples(UnmatchedChat.select(peewee.fn.COUNT(UnmatchedChat.id), stops).where(*_open()))
    return Waiting(chats, int(stopped or 0))


def settled() -> list[Chat]:
    """Those about which a person has said something, the newest first."""
    rows = UnmatchedChat.select().where(UnmatchedChat.number.is_null(False) | UnmatchedChat.ignored)
    rows = rights.within(rows, UnmatchedChat.account)
    return [_chat(row, []) for row in rows.order_by(UnmatchedChat.seen_at.desc()).limit(SETTLED_SHOWN)]


def page(which: ChatState, stops_only: bool, cursor: int | None, limit: int, now: int) -> tuple[list[Chat], int | None]:
    """Those of one state, the newest first, and where the next page begins; None at the end."""
    query = rights.within(UnmatchedChat.select().where(*_IN_STATE[which]()), UnmatchedChat.account)
    if stops_only:
        query = query.where(UnmatchedChat.stop)
    if cursor is not None:
        query = query.where(UnmatchedChat.id < cursor)
    rows = list(query.order_by(UnmatchedChat.id.desc()).limit(limit + 1))
    shown = rows[:limit]
    chats = _with_candidates(shown, now) if which is ChatState.WAITING else [_chat(row, []) for row in shown]
    return chats, shown[-1].id if len(rows) > limit else None


_IN_STATE: dict[ChatState, Callable[[], tuple[Any, ...]]] = {
    ChatState.WAITING: _open,
    ChatState.ASSIGNED: lambda: (UnmatchedChat.number.is_null(False),),
    ChatState.IGNORED: lambda: (UnmatchedChat.ignored,),
}


def _chat(row: UnmatchedChat, candidates: list[Candidate]) -> Chat:
    barred = row.number is not None and bool(suppression.among([row.number]))
    return record(Chat, row, version=_version(row), listed=barred, candidates=candidates)


def _version(row: UnmatchedChat) -> int:
    asked = hashlib.sha256(str(row.stop_key or "").encode()).digest()
    return 2 + int.from_bytes(asked[:4], "big") if row.stop else 1


def _candidates(row: UnmatchedChat, numbers: list[E164]) -> list[Candidate]:
    wanted = list(dict.fromkeys([*([row.hint] if row.hint else []), *numbers]))
    found = []
    for number in wanted:
        if message := _newest(row.account, Person(number).key):
            found.append(Candidate(number, message.job.columns, message.fields))
    return found


def _newest(account: str, person: PersonKey) -> Message | None:
    theirs = (Message.account == account, Message.person == person, Message.submitted_at.is_null(False))
    query = Message.select(Message, Job).join(Job).where(*theirs)
    newest: Message | None = query.order_by(Message.submitted_at.desc()).first()
    return newest


def find(chat_id: int) -> Chat:
    """Raises NotFound."""
    return _chat(_row(chat_id), [])


def _row(chat_id: int, lock: bool = False) -> UnmatchedChat:
    query = UnmatchedChat.select().where(UnmatchedChat.id == chat_id)
    row: UnmatchedChat | None = (locked(query) if lock else query).first()
    if row is None or not rights.may(row.account):
        raise errors.NotFound(Why.NO_UNMATCHED_CHAT)
    return row


def assign(settings: Settings, chat_id: int, number: str, who: str, now: int) -> Chat:
    """This chat is with that recipient. It is read again at the sender's next look; if somebody asks for no more in it,
    they get nothing from now on.

    Raises NotFound, InvalidInput (nobody of that number was written to).
    """
    row = _row(chat_id)
    if not number.strip():
        raise errors.InvalidInput(Why.RECIPIENT_NOT_CHOSEN)
    plain = importer.one(number, directory.country(settings, row.account))
    message = _newest(row.account, Person(plain).key)
    if message is None:
        raise errors.InvalidInput(Why.NOT_A_RECIPIENT, account=row.account)
    theirs = E164(message.number)
    with write():
        if user_ids.is_one(row.title):  # first: whoever takes in what Meta posts has the id before the chat, too
            windows.learn({row.title: theirs}, now)
        row = _row(chat_id, lock=True)
        UnmatchedChat.update(number=theirs, ignored=False, who=who[:64]).where(UnmatchedChat.id == chat_id).execute()
        if row.stop:
            suppression.put(theirs, WROTE_STOP, suppression.REPLY, now)
    if not user_ids.is_one(row.title):
        opened_chats.begin(row.account, Unread(row.title, None, 0), now)
    log.info("reply.chat_assigned", chat_id=chat_id, who=who)
    return find(chat_id)


def ignore(chat_id: int, who: str, seen: int | None = None) -> Chat:
    """It is nothing to us: it is neither opened nor shown any more, until somebody asks for no more in it.

    seen: the chat's version as it was shown, None to ignore whatever is there. Raises NotFound, EditConflict (somebody
    has asked for no more in it since).
    """
    with write():
        row = _row(chat_id, lock=True)
        if seen is not None and seen != _version(row) and row.stop:
            raise errors.EditConflict(Why.STOP_MEANWHILE)
        UnmatchedChat.update(number=None, ignored=True, who=who[:64]).where(UnmatchedChat.id == chat_id).execute()
    log.info("reply.chat_ignored", chat_id=chat_id, who=who)
    return find(chat_id)


def reopen(chat_id: int, who: str) -> Chat:
    """Take back what was said about it. Who is on the suppression list stays there. Raises NotFound."""
    with write():
        _row(chat_id, lock=True)
        UnmatchedChat.update(number=None, ignored=False, who=None).where(UnmatchedChat.id == chat_id).execute()
    log.info("reply.chat_reopened", chat_id=chat_id, who=who)
    return find(chat_id)


def prune(now: int) -> int:
    """Delete those that nobody has seen for KEEP_MS; one with a STOP that waits for a person stays."""
    waits = UnmatchedChat.stop & UnmatchedChat.number.is_null() & ~UnmatchedChat.ignored
    with write():
        return int(UnmatchedChat.delete().where(UnmatchedChat.seen_at < now - KEEP_MS, ~waits).execute())
