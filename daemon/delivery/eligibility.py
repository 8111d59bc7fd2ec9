"""Who may be messaged now: suppression, per-person limit, known chats, a job's own window and cap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import peewee

from daemon.accounts import handovers, pacing, portfolios
from daemon.contacts import consents, erased
from daemon.contacts.person import Person
from daemon.db.prepared import Given, Prepared, among, param, several
from daemon.db.proxy import database, on_postgres
from daemon.delivery import windows
from daemon.delivery.refusals import Passed
from daemon.formats import notations
from daemon.i18n.coded import Refusal, refusal
from daemon.models import UNCAPPED, Erased, Job, Message, Suppression
from daemon.states import E164, OUT, REACHED, TAKEN, UNFINISHED, PersonKey, State
from daemon.transports.protocol import REHEARSED

PERSON = 0x7065_7273  # an arbitrary number: the advisory locks of senders about to message one person
SURELY_THERE = 3  # this many are looked up when nobody seems to be there
LOOKED_UP = 64  # people whose messages are looked up at once: for many more PostgreSQL may go through everybody's
MAY_HAVE_GOT_IT = REACHED | {State.CLAIMED, State.EXPIRED}
MAY_GO = UNFINISHED | {State.FAILED, State.UNCERTAIN}  # a message may still be sent, or sent again


def known(message: Any) -> Any:
    """Whether the account has messaged this recipient before and WhatsApp took it; a dry run's messages went to nobody.
    `Message.known` says so, too, for the index; it stays set when it turns out later that nothing was delivered."""
    earlier = Message.alias()
    theirs = (earlier.account == message.account, earlier.person == message.person)
    return peewee.fn.EXISTS(earlier.select(peewee.Value(1)).where(*theirs, took(earlier)))


def took(message: Any) -> Any:
    """SQL: WhatsApp took this message."""
    return message.state.in_(sorted(TAKEN)) & _really(message)


def _really(message: Any) -> Any:
    """SQL: no dry run has handed it over. By its own id: another message of its job may have been sent before."""
    return peewee.fn.SUBSTR(peewee.fn.COALESCE(message.transport_id, ""), 1, len(REHEARSED)) != REHEARSED


def now_known(message: Any, transport_id: str | None = None) -> None:
    """WhatsApp has taken a message to them: what may still be sent to them is found by that, see `claim`; part of the
    transaction of the move. transport_id: its id, if it was handed over."""
    if not (transport_id or "").startswith(REHEARSED):
        _now_known(account=message.account, person=message.person)


@Prepared
def _now_known() -> Any:
    theirs = (Message.account == param("account"), Message.person == param("person"), ~Message.known)
    return Message.update(known=True).where(*theirs, Message.state.in_(sorted(MAY_GO)))


def all_known(messages: Iterable[Any]) -> None:
    """The same for several that were handed over."""
    persons: dict[str, set[PersonKey]] = defaultdict(set)
    for message in messages:
        if not (message.transport_id or "").startswith(REHEARSED):
            persons[message.account].add(message.person)
    for account, found in sorted(persons.items()):
        there = _not_known.for_all([{"person": person} for person in sorted(found)], account=account).fetchall()
        # Mostly there is nothing else for them. In one order, as others may lock them, too.
        for (person,) in sorted(set(there)):
            _now_known(account=account, person=person)


@Prepared
def _not_known() -> Any:
    # Equal to a person is written as a span, and in its order, so that PostgreSQL, which may not sort here, can begin
    # with no index but that of people, also where it knows nothing of the tables yet; and what only has to exist is
    # asked for as a value, or it would become a join. Any other way leads through all that waits.
    given = Given(person=Message.person)
    theirs = (Message.account == param("account"), Message.person >= given["person"], Message.person <= given["person"])
    open_ = (~Message.known, peewee.fn.COALESCE(Message.state, "").in_(sorted(MAY_GO)))
    first = Message.select(Message.id).where(*theirs, *open_).order_by(Message.person).limit(1)
    there = peewee.Expression(first, peewee.OP.IS_NOT, peewee.SQL("NULL"))
    return peewee.Select([given.rows], [given["person"]]).where(there)


def job_opening(job_id: int, account: str, own: pacing.Terms, now: int, zone: str) -> pacing.Opening:
    """The earliest time that the job's own window and daily cap allow, and which of the two it waits for."""

    def nth_newest(n: int, since: int) -> int | None:
        return handovers.nth_newest(account, n, since, now, job_id)

    return pacing.job_opening(now, own, zone, nth_newest)


def terms(window: str | None, daily_cap: int) -> pacing.Terms:
    """A job's own limits, in addition to its account's."""
    return pacing.Terms(pacing.window(window), daily_cap)


def person_of(message: Message) -> PersonKey:
    """Whom it is for. A process of an earlier version, still running beside this one, does not write that."""
    return message.person or Person(E164(message.number)).key


def barred(job: Job, messages: Sequence[Message], now: int, rules: pacing.Rules) -> dict[int, Refusal]:
    """Why people may not be messaged now, by the id of their message of that job; without those who may."""
    if not messages:
        return {}
    persons = {message.id: person_of(message) for message in messages}
    people = sorted(set(persons.values()))
    digests = erased.digests(people)
    out = {known for (known,) in _opted_out(among=several(people), digests=several(digests)).fetchall()}
    out |= {person for person, digest in zip(people, digests, strict=True) if digest in out}
    found = {message_id: refusal(Passed.SUPPRESSED) for message_id, person in persons.items() if person in out}
    if rules.consent and job.kind not in UNCAPPED:
        agreed = consents.among(persons.values())
        missing = {message_id for message_id, person in persons.items() if person not in agreed}
        found = {message_id: refusal(Passed.NO_CONSENT) for message_id in missing} | found
    if not rules.person_cap or job.kind in UNCAPPED:
        return found
    got = handovers.got(people, now - rules.person_window_ms, now, job.id)
    for message_id, person in persons.items():
        if message_id not in found and got.get(person, 0) >= rules.person_cap:
            found[message_id] = _enough(got[person], rules.person_window_ms // pacing.DAY_MS)
    return found


def _enough(got: int, days: int) -> Refusal:
    """They got so many campaigns within that time."""
    if got == 1:
        return refusal(Passed.GOT_ONE_IN_A_DAY) if days == 1 else refusal(Passed.GOT_ONE_IN_DAYS, days=days)
    if days == 1:
        return refusal(Passed.GOT_MANY_IN_A_DAY, count=got)
    return refusal(Passed.GOT_MANY_IN_DAYS, count=got, days=days)


def one_too_many(message: Message, now: int, rules: pacing.Rules) -> Refusal | None:
    """Why this person has to wait for the business's limit of people; None if they do not, and then they count towards
    it. Part of the caller's transaction, which has the limit's lock."""
    person = person_of(message)
    if windows.window(message.account, person, now) is not None:
        return None
    if portfolios.take(rules.portfolio, person, message.id, now):
        return None
    return refusal(Passed.ONE_TOO_MANY)


def fitting(messages: Sequence[Message], room: int, now: int, rules: pacing.Rules) -> list[Message]:
    """Those whose people do not count towards the business's limit, and as many others as there is room for."""
    people = [(message, person_of(message)) for message in messages]
    free = portfolios.counted(rules.portfolio, {person for _, person in people}, now)
    free |= {person for _, person in windows.windows({(each.account, person) for each, person in people}, now)}
    kept = []
    for message, person in people:
        if person not in free:
            if room <= 0:
                continue
            room -= 1
            free.add(person)
        kept.append(message)
    return kept


def repeated(message: Message) -> Refusal | None:
    """Why nobody is messaged under this number: the same job writes, or has written, to the person under another
    notation of it. No version makes such jobs any more, but one may have been queued before."""
    today = notations.today(message.number)
    for number in {today, *notations.former(today)} - {message.number}:
        found, state, at = _from_number(job=message.job_id, number=number).fetchone() or ("", "", 0)
        if found == number and (state in MAY_HAVE_GOT_IT or (state == State.PENDING and at < message.id)):
            return refusal(Passed.REPEATED)  # of two that wait the first is who stays
    return None


@Prepared
def _from_number() -> Any:
    """The job's first recipient from that number on: if it is asked for as equal, PostgreSQL may go through the whole
    job instead."""
    theirs = (Message.job == param("job"), Message.number >= param("number"))
    return Message.select(Message.number, Message.state, Message.id).where(*theirs).order_by(Message.number).limit(1)


def lock_people(people: Iterable[PersonKey]) -> None:
    """Wait for anybody else who is about to message one of them: two accounts would not see each other's message. All
    lock them in one order."""
    if on_postgres():  # on SQLite the transaction has locked the whole database already
        lock = "SELECT pg_advisory_xact_lock(%s, hashtext(who)) FROM unnest(%s::text[]) AS who"
        database.execute_sql(lock, (PERSON, several(sorted(set(filter(None, people))))))


@Prepared
def _opted_out() -> Any:
    """Those who are on the list, by who they are or, where they were erased, by a digest of that."""
    listed_ones = Suppression.select(Suppression.person).where(among(Suppression.person))
    return listed_ones.union_all(Erased.select(Erased.digest).where(among(Erased.digest, "digests")))


def surely_there(account: str) -> list[Message]:
    """The account's last messages that WhatsApp's server ticked, to different people, newest first: these people are on
    WhatsApp."""
    mine = (Message.account == account, Message.state.in_(sorted(OUT)), Message.submitted_at.is_null(False))
    newest = Message.select(Message, Job).join(Job).where(*mine, Message.mark.is_null(False), _really(Message))
    found: dict[PersonKey, Message] = {}
    for message in newest.order_by(Message.submitted_at.desc()).limit(SURELY_THERE):
        found.setdefault(message.person, message)
    return list(found.values())
