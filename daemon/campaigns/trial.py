"""What an order would do: who would get it, who not and why, and when it would end. Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from daemon.accounts import directory, limits, rights
from daemon.campaigns import dry_run, forecasts, progress, scheduling
from daemon.campaigns.create import Checked
from daemon.campaigns.draft_content import Content, When
from daemon.campaigns.drafts import Draft
from daemon.campaigns.exclusions import Detail, Details, details
from daemon.campaigns.refusals import Stands
from daemon.config import Settings
from daemon.contacts import consents
from daemon.contacts.importer import Contact, Rejected
from daemon.contacts.person import Person
from daemon.i18n.coded import refusal
from daemon.states import PersonKey

Row = TypeVar("Row")

SHOWN = 10_000  # of those who would get it, and of those who would not


@dataclass(frozen=True)
class Outcome:
    """people, left_out: those who would get it, and those who would be skipped, each with the reason; SHOWN of each at
    most. total, skipped: how many there are. starts, ends: UTC ms, None where windows and caps never agree; waits: why
    the account cannot send now, as a sentence and as a code, None where it can."""

    people: list[Contact]
    left_out: list[Rejected]
    total: int
    skipped: int
    starts: int | None
    ends: int | None
    waits: tuple[str, str] | None


def of(settings: Settings, checked: Checked, now: int) -> Outcome:
    """What would become of the order if it were stored now. Raises NotFound and IllegalMove for the job that it
    replaces, as `create.store`."""
    order, people = checked.order, checked.audience.people
    if order.replaces is not None:
        scheduling.check_replace(order.replaces)
    why = _reasons(settings, (Person(each.number).key for each in people), now)
    skipped = sum(Person(each.number).key in why for each in people) if why else 0
    left = (Rejected(each.position, each.number, found) for each in people if (found := _why(each, why)))
    stay = (each for each in people if _why(each, why) is None)
    when = When(
        account=order.account or rights.usual(settings.account),
        delay_min=order.delay_min,
        delay_max=order.delay_max,
        window=order.window,
        daily_cap=order.daily_cap or 0,
        at=order.schedule_at,
    )
    draft = Draft("", "", Content(when=when, replaces=order.replaces), 0, "", now, None)
    forecast = forecasts.forecast(settings, draft, len(people) - skipped, now)
    return Outcome(
        people=_some(stay),
        left_out=_some(left),
        total=len(people) - skipped,
        skipped=skipped,
        starts=forecast.starts,
        ends=forecast.ends,
        waits=_waits(when.account or "", now),
    )


def _reasons(settings: Settings, people: Iterator[PersonKey], now: int) -> dict[PersonKey, Details]:
    """Who would be skipped, as things are now."""
    everybody = set(people)
    often = dry_run.too_often(limits.rules(settings), everybody, now)
    opted_out = dry_run.opted_out(everybody)
    unrecorded = everybody - consents.among(everybody) if settings.require_consent else set()
    return (
        dict.fromkeys(often, details(Detail.CAPPED))
        | dict.fromkeys(unrecorded, details(Detail.NO_CONSENT))
        | dict.fromkeys(opted_out, details(Detail.SUPPRESSED))
    )


def _why(each: Contact, why: dict[PersonKey, Details]) -> Details | None:
    return why.get(Person(each.number).key)


def _some(rows: Iterable[Row]) -> list[Row]:
    return list(islice(rows, SHOWN))


def _waits(account: str, now: int) -> tuple[str, str] | None:
    row = directory.known(account)
    if directory.can_send(row, now):
        return None
    sentence = progress.explain(row, now) if row else str(refusal(Stands.NO_SENDER, account=account))
    return sentence, progress.code(row, now)
