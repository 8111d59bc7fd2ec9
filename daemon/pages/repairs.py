"""What lists and the suppression list propose for numbers that cannot be used as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import phonenumbers
from aiohttp import web

from daemon import errors
from daemon.accounts import directory
from daemon.campaigns import shared_numbers
from daemon.contacts import phone_repair, repairs
from daemon.contacts.importer import Rejected
from daemon.contacts.phone_repair import Kind
from daemon.contacts.repairs import Repair
from daemon.pages.refusals import Why
from daemon.server.visitors import SETTINGS, in_db

SHOWN = 10


@dataclass(frozen=True)
class Proposal:
    """The rows with the same problem. shown: the first ones, with who that is; ask_country: whether their country has
    to be said; numbers: what they become, a line each."""

    kind: str
    title: str
    reason: str
    count: int
    shown: Sequence[tuple[Repair, str]]
    ask_country: bool
    numbers: str


async def country(request: web.Request, chosen: str = "") -> str:
    """The country of numbers that are written without one: the chosen one, else that of the settings or of an account.
    Raises InvalidInput."""
    if chosen and chosen not in phonenumbers.SUPPORTED_REGIONS:
        raise errors.InvalidInput(Why.COUNTRY_NOT_LISTED)
    return chosen or request.app[SETTINGS].default_country or await in_db(request, directory.country)


def proposals(rejected: Iterable[Rejected], country: str) -> list[Proposal]:
    return [
        Proposal(
            kind=kind.value,
            title=phone_repair.TITLES[kind],
            reason=phone_repair.REASONS[kind],
            count=len(rows),
            shown=[(each, shared_numbers.name(each.fields)) for each in rows[:SHOWN]],
            ask_country=kind is Kind.COUNTRY,
            numbers="\n".join(each.new or each.old for each in rows),
        )
        for kind, rows in repairs.proposed(rejected, country).items()
    ]


def repaired(rejected: Iterable[Rejected], kind: str, country: str) -> str:
    """The rows of one proposal, as a text that is read like a pasted one; "" where there are none."""
    rows = next((rows for each, rows in repairs.proposed(rejected, country).items() if each == kind), [])
    return repairs.as_text(rows) if rows else ""
