"""Whether a start is asked about once more: very many people, or more new ones than a careful day bears.

No speed is known to be safe, see docs/whatsapp-web.md: accounts were restricted after 30 to 40 messages to strangers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import peewee

from daemon.accounts import directory, limits, pacing
from daemon.config import Settings
from daemon.db.proxy import tuples
from daemon.delivery import eligibility
from daemon.models import Message
from daemon.states import PersonKey

MANY = 1_000
NEW_A_DAY = 30  # people that an account has never written to, on a careful day
BATCH = 500


@dataclass(frozen=True)
class Figures:
    """What is asked about. people: who get it; fresh: how many of them the account has never written to; days: how
    many it takes at this pace."""

    people: int
    fresh: int
    days: int


def figures(people: int, fresh: int, caps: Iterable[int], lasts_ms: int) -> Figures | None:
    """None where nothing has to be asked. caps: of messages a day, of the account and of the campaign, 0 for none."""
    if people <= MANY and min([fresh, *filter(None, caps)]) <= NEW_A_DAY:
        return None
    return Figures(people, fresh, -(-lasts_ms // pacing.DAY_MS) or 1)


def never_written(account: str, people: Iterable[PersonKey]) -> int:
    """How many of them the account has never written to. They are gone through in pieces; somebody who stands in two of
    them counts twice."""
    count, left = 0, iter(people)
    while batch := set(islice(left, BATCH)):
        theirs = (Message.account == account, Message.person.in_(sorted(batch)), eligibility.took(Message))
        count += len(batch) - len(set(tuples(Message.select(Message.person).where(*theirs))))
    return count


def new_in(job_id: int) -> int:
    """How many people of a job its account has never written to, by what its messages say since they were queued."""
    theirs = Message.select(peewee.fn.COUNT(Message.id)).where(Message.job == job_id, Message.nth == 0)
    return int(theirs.scalar()) - int(theirs.where(Message.known).scalar())


def note(
    settings: Settings,
    account: str,
    people: int,
    fresh: Callable[[], int],
    delays: tuple[int, int],
    terms: pacing.Terms,
    now: int,
) -> str:
    """What a program is told that starts such a campaign; "" where there is nothing to say. fresh: counts those whom
    the account has never written to."""
    if people <= NEW_A_DAY:
        return ""
    rules, (streak, slow) = limits.rules_of(settings, account), directory.pace(account, now)
    pause = pacing.with_send(pacing.slowed(delays, slow), limits.send_ms(settings, account))
    begins = pacing.Opening(now, pacing.Why.READY)
    ends = pacing.eta(people, begins, pause, streak, pacing.narrowed(rules, terms)) or now
    found = figures(people, fresh(), (rules.daily_cap, terms.daily_cap), ends - now)
    if found is None:
        return ""
    return (
        f"This is much for one account: {found.people} people, {found.fresh} of whom it has never messaged; days it "
        f"takes: {found.days}. A lower daily_cap, or fewer people, is safer."
    )
