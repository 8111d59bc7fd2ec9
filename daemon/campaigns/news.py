"""What has happened, in order, as event streams and webhooks tell it: moves of messages, jobs and accounts; replies.

It is read from the history, by a position in it, so whoever was away goes on where they were. A position is two ids:
of the history of messages and of what else happened (`models.Happening`). Each of the two is in the order in which it
was committed; between them, what was written in one transaction is in its order.

That a message was queued is not told by itself, but with its job, which has just been made then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self, TypedDict

import peewee

from daemon.db.proxy import in_order, tuples
from daemon.db.settled import Horizon
from daemon.delivery import history
from daemon.i18n.coded import code_of
from daemon.models import Event, Happening, Job, Message, Reply
from daemon.states import AccountState, JobState, State

MOST = 500  # of each kind in one look
MESSAGE, JOB, ACCOUNT, REPLY = FAMILIES = ("message", "job", "account", "reply")
RECEIVED = f"{REPLY}.received"
KINDS = (
    *(f"{MESSAGE}.{state.value}" for state in State),
    f"{MESSAGE}.{history.PART}",
    *(f"{JOB}.{state.value}" for state in JobState),
    *(f"{ACCOUNT}.{state.value}" for state in AccountState),
    f"{ACCOUNT}.notice",
    RECEIVED,
)
_TOLD = Event.move != peewee.SQL("'enqueue'")  # as in the index, which is only used where it says so word by word


@dataclass(frozen=True)
class MessageNews:
    """A move of a message. number: whole; status: its state from then on, before: until then; move: what it is called
    in the history; who: a person's name, `sender`, or `receipt`; reason, code: why, in English and for a program."""

    message_id: int
    job_id: int
    job_name: str
    account: str
    number: str
    row: int
    status: str
    before: str | None
    move: str
    who: str
    reason: str | None
    code: str | None


@dataclass(frozen=True)
class JobNews:
    """A move of a job, as that of a message. counts: how many of its messages were in which state then, and `total`."""

    job_id: int
    job_name: str
    account: str
    status: str
    move: str
    who: str
    reason: str | None
    code: str | None
    counts: dict[str, int]


@dataclass(frozen=True)
class AccountNews:
    """Another state of an account; hold, detail, code, until (UTC ms): as in `GET /accounts/{name}`. A notice tells
    what Meta says of it: detail in Meta's words, code: what it is about."""

    account: str
    status: str
    hold: str | None
    detail: str | None
    code: str | None
    until: int | None


@dataclass(frozen=True)
class ReplyNews:
    """Somebody has written. message_id, job_id: the message that it answers, where that is known; stop: whether it asks
    for no more. number and text are None where the reply has been deleted since."""

    reply_id: int
    account: str
    number: str | None
    text: str | None
    stop: bool
    message_id: int | None
    job_id: int | None


Data = MessageNews | JobNews | AccountNews | ReplyNews


@dataclass(frozen=True)
class Position:
    """A place in what has happened: the ids of the last that was told. As text: `1234.56`."""

    event: int = 0
    happening: int = 0

    def __str__(self) -> str:
        return f"{self.event}.{self.happening}"

    @classmethod
    def read(cls, text: str) -> Self:
        """What `str` made of it. Raises ValueError."""
        event, happening = text.split(".")
        if not (event.isascii() and event.isdigit() and happening.isascii() and happening.isdigit()):
            raise ValueError(text)
        return cls(int(event), int(happening))

    def behind(self, other: Position) -> bool:
        """Whether something lies between this one and that."""
        return self.event < other.event or self.happening < other.happening


class Told(TypedDict):
    """What has happened, as JSON. timestamp: ISO 8601, UTC."""

    id: str
    type: str
    timestamp: str
    data: dict[str, object]


@dataclass(frozen=True)
class News:
    """Something that has happened. source: the row that tells of it, `m` and its id of the history of messages or `h`
    and its id; position: behind it; kind: one of KINDS; at: UTC ms; order: what it is about: what has the same is told
    in order."""

    source: str
    position: Position
    kind: str
    at: int
    order: str
    data: Data

    @property
    def id(self) -> str:
        """The same wherever it is told, also after a restart; another one after a restored database went on."""
        return event_id(self.source, self.at)

    def told(self) -> Told:
        """As it is told, by streams and webhooks alike."""
        return Told(id=self.id, type=self.kind, timestamp=iso(self.at), data=asdict(self.data))


def event_id(source: str, at: int) -> str:
    """What an event is known by. at: UTC ms."""
    return f"evt_{source}_{at}"


def iso(at: int) -> str:
    """A time, UTC ms, as ISO 8601."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to be told: events by name or family (`message.sent`, `job`), of these accounts, of this job;
    None: all."""

    kinds: Collection[str] | None = None
    accounts: Collection[str] | None = None
    job_id: int | None = None

    def takes(self, kind: str, account: str, job_id: int | None) -> bool:
        """Whether it is wanted; an account's own events have no job."""
        if self.kinds is not None and not {kind, kind.partition(".")[0]} & set(self.kinds):
            return False
        if self.accounts is not None and account not in self.accounts:
            return False
        return self.job_id is None or job_id == self.job_id

    @property
    def anything(self) -> bool:
        """Whether there is any event that it takes."""
        return self.kinds is None or any({kind, kind.partition(".")[0]} & set(self.kinds) for kind in KINDS)


EVERYTHING = Wanted()


@dataclass(frozen=True)
class Page:
    """What has happened, and where to go on; more: there may be more by now."""

    news: list[News]
    end: Position
    more: bool


@dataclass(frozen=True)
class _Row:
    """A row of either table. place: by which both are put in order."""

    source: str
    place: tuple[int, int]
    row: Any = field(repr=False)


def horizon() -> Horizon:
    """How far what has happened can be read; one for each reader."""
    return Horizon(Happening, Event)


def settled(of: Horizon) -> Position | None:
    """The position up to which everything is there; None: not known yet."""
    ids = of.look()
    return None if ids is None else Position(ids[1], ids[0])


def latest(until: Position) -> Position:
    """The position behind the last that is told up to there: ids of rows that are not told may be given out again on
    SQLite, once such a row is deleted."""
    newest = Event.select(Event.id).where(Event.id <= until.event, _TOLD).order_by(Event.id.desc()).limit(1)
    with in_order():
        return Position(newest.scalar() or 0, until.happening)


def begun() -> Position:
    """The position from which on everything is told that begins after this call. What others have begun already may be
    told or not."""
    return latest(Position(*reversed(horizon().given_out())))


def page(after: Position, until: Position, wanted: Wanted = EVERYTHING, most: int = MOST) -> Page:
    """What has happened behind `after`, in order, up to `until`, which is settled."""
    with in_order():
        events, happenings = _events(after, until, most), _happenings(after, until, most)
    rows, more = _merged(events, happenings, most)
    end, places = after, []
    for each in rows:
        is_event = each.source[0] == "m"
        end = Position(each.row.id if is_event else end.event, end.happening if is_event else each.row.id)
        places.append(end)
    told = _told(rows, places, wanted)
    return Page(told, end, more)


def found(sources: Sequence[str]) -> dict[str, News]:
    """These of what has happened, by `News.source`; without those whose rows have been deleted."""
    ids: dict[str, list[int]] = {"m": [], "h": []}
    for source in sources:
        ids[source[0]].append(int(source[1:]))
    events = list(Event.select().where(Event.id.in_(ids["m"]))) if ids["m"] else []
    happenings = list(Happening.select().where(Happening.id.in_(ids["h"]))) if ids["h"] else []
    rows, _ = _merged(events, happenings, len(sources) + 1)
    return {each.source: each for each in _told(rows, [Position()] * len(rows), EVERYTHING)}


def _events(after: Position, until: Position, most: int) -> list[Event]:
    behind = (Event.id > after.event, Event.id <= until.event, _TOLD)
    return list(Event.select().where(*behind).order_by(Event.id).limit(most))


def _happenings(after: Position, until: Position, most: int) -> list[Happening]:
    behind = (Happening.id > after.happening, Happening.id <= until.happening)
    return list(Happening.select().where(*behind).order_by(Happening.id).limit(most))


def _merged(events: Sequence[Event], happenings: Sequence[Happening], most: int) -> tuple[list[_Row], bool]:
    """The rows of both, each in its own order, as far as it is sure which one is next; whether there may be more."""
    ones = [_Row(f"m{row.id}", (row.id, 0), row) for row in events]
    others = [_Row(f"h{row.id}", (row.after, 1), row) for row in happenings]
    cut, cut_others = len(ones) >= most, len(others) >= most
    rows: list[_Row] = []
    one = other = 0
    while one < len(ones) or other < len(others):
        if (one == len(ones) and cut) or (other == len(others) and cut_others):
            break
        if other == len(others) or (one < len(ones) and ones[one].place < others[other].place):
            rows.append(ones[one])
            one += 1
        else:
            rows.append(others[other])
            other += 1
    return rows, cut or cut_others


def _told(rows: Sequence[_Row], places: Sequence[Position], wanted: Wanted) -> list[News]:
    events = [each.row for each in rows if each.source[0] == "m"]
    messages = _messages({row.message_id for row in events})
    replies = _replies({row.about["reply"] for each in rows if (row := each.row) and _is_reply(each)})
    told = []
    for each, place in zip(rows, places, strict=True):
        if each.source[0] == "m":
            news = _of_message(each, place, messages)
        else:
            news = _of_happening(each, place, replies)
        job_id = getattr(news.data, "job_id", None) if news else None
        if news and wanted.takes(news.kind, news.data.account, job_id):
            told.append(news)
    return told


def _is_reply(row: _Row) -> bool:
    return row.source[0] == "h" and row.row.kind == RECEIVED


def _messages(ids: Collection[int]) -> dict[int, Any]:
    if not ids:
        return {}
    columns = (Message.id, Message.job, Message.account, Message.number, Message.row, Job.name)
    query = Message.select(*columns).join(Job).where(Message.id.in_(sorted(ids)))
    return {row[0]: row[1:] for row in tuples(query)}


def _replies(ids: Collection[int]) -> dict[int, Any]:
    if not ids:
        return {}
    columns = (Reply.id, Reply.number, Reply.text, Reply.stop, Reply.message)
    return {row[0]: row[1:] for row in tuples(Reply.select(*columns).where(Reply.id.in_(sorted(ids))))}


def _of_message(found_row: _Row, place: Position, messages: dict[int, Any]) -> News | None:
    row = found_row.row
    of = messages.get(row.message_id)
    if of is None:  # deleted since
        return None
    job_id, account, number, position, name = of
    data = MessageNews(
        message_id=row.message_id,
        job_id=job_id,
        job_name=name,
        account=account,
        number=number,
        row=position,
        status=row.target,
        before=row.source,
        move=row.move,
        who=row.who,
        reason=row.why,
        code=code_of(row.coded),
    )
    kind = f"{MESSAGE}.{history.PART if row.move == history.PART else row.target}"
    return News(found_row.source, place, kind, row.at, f"{MESSAGE}:{row.message_id}", data)


def _of_happening(found_row: _Row, place: Position, replies: dict[int, Any]) -> News:
    row, about = found_row.row, found_row.row.about
    family, _, status = row.kind.partition(".")
    data: Data
    if family == JOB:
        data = JobNews(
            job_id=row.job,
            job_name=about["name"],
            account=row.account,
            status=status,
            move=about["move"],
            who=about["who"],
            reason=about["reason"],
            code=about["code"],
            counts=about["counts"],
        )
        order = f"{JOB}:{row.job}"
    elif family == ACCOUNT:
        told = (about["hold"], about["detail"], about["code"], about["until"])
        data, order = AccountNews(row.account, status, *told), f"{ACCOUNT}:{row.account}"
    else:
        number, text, stop, message_id = replies.get(about["reply"], (None, None, False, None))
        data = ReplyNews(about["reply"], row.account, number, text, stop, message_id, row.job)
        order = f"{REPLY}:{about['reply']}"
    return News(found_row.source, place, row.kind, row.at, order, data)


def unknown_kinds(given: Iterable[str]) -> list[str]:
    """Those of the names that stand for no event and no family of events."""
    return [name for name in given if name not in KINDS and name not in FAMILIES]
