"""Whether a start is asked about once more: very many people, or more new ones than a careful day bears.

No speed is known to be safe, see docs/whatsapp-web.md: accounts were restricted after 30 to 40 messages to strangers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
    """How many of them the account has never written to."""
    count = 0
    for batch in peewee.chunked(sorted(set(people)), BATCH):
        theirs = (Message.account == account, Message.person.in_(batch), eligibility.took(Message))
        count += len(batch) - len(set(tuples(Message.select(Message.person).where(*theirs))))
    return count


def note(
    settings: Settings,
    account: str,
    people: Iterable[PersonKey],
    delays: tuple[int, int],
    terms: pacing.Terms,
    now: int,
) -> str:
    """What a program is told that starts such a campaign; "" where there is nothing to say."""
    everybody = list(people)
    if len(everybody) <= NEW_A_DAY:
        return ""
    rules, (streak, slow) = limits.rules_of(settings, account), directory.pace(account, now)
    pause = pacing.with_send(pacing.slowed(delays, slow), limits.send_ms(settings, account))
    begins = pacing.Opening(now, pacing.Why.READY)
    ends = pacing.eta(len(everybody), begins, pause, streak, pacing.narrowed(rules, terms)) or now
    fresh = never_written(account, everybody)
    found = figures(len(everybody), fresh, (rules.daily_cap, terms.daily_cap), ends - now)
    if found is None:
        return ""
    return (
        f"This is much for one account: {found.people} people, {found.fresh} of whom it has never messaged; days it "
        f"takes: {found.days}. A lower daily_cap, or fewer people, is safer."
    )
