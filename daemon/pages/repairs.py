"""What lists and the suppression list propose for numbers that cannot be used as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import phonenumbers
from aiohttp import web

from daemon import errors
from daemon.accounts import directory
from daemon.campaigns import shared_numbers
from daemon.contacts import phone_repair, repairs, uploads
from daemon.contacts.importer import Rejected
from daemon.contacts.phone_repair import Kind
from daemon.contacts.repairs import Repair
from daemon.pages.refusals import Why
from daemon.server.visitors import SETTINGS, in_db

SHOWN = 10
REJECTED_SHOWN = 50


@dataclass(frozen=True)
class Proposal:
    """The rows with the same problem. shown: the first ones, with who that is; ask_country: whether their country has
    to be said."""

    kind: str
    title: str
    reason: str
    count: int
    shown: Sequence[tuple[Repair, str]]
    ask_country: bool


@dataclass(frozen=True)
class RejectedRows:
    """The rejected rows of a file, `repairs.MOST` at a time. id: of the upload that has them; count: of all; first,
    last: which of them are looked at, counted from 1; shown: the first of these; proposals: what is proposed for these;
    before, after: where the neighbouring ones begin, None where there are none."""

    id: str
    count: int
    first: int
    last: int
    shown: Sequence[Rejected]
    proposals: Sequence[Proposal]
    before: int | None
    after: int | None


def rejected_rows(upload: uploads.Upload | None, country: str, begin: int = 0) -> RejectedRows | None:
    """Those from `begin` on, counted from 0; None where there are none."""
    count = len(upload.rejected) if upload else 0
    if upload is None or not count:
        return None
    begin = min(begin, count - 1) // repairs.MOST * repairs.MOST
    end = min(begin + repairs.MOST, count)
    rows = upload.rejected[begin:end]
    return RejectedRows(
        id=upload.id,
        count=count,
        first=begin + 1,
        last=end,
        shown=rows[:REJECTED_SHOWN],
        proposals=proposals(rows, country),
        before=begin - repairs.MOST if begin else None,
        after=end if end < count else None,
    )


async def country(request: web.Request, chosen: str = "") -> str:
    """The country of numbers that are written without one: the chosen one, else that of the settings or of an account.
    Raises InvalidInput."""
    if chosen and chosen not in phonenumbers.SUPPORTED_REGIONS:
        raise errors.InvalidInput(Why.COUNTRY_NOT_LISTED)
    return chosen or await in_db(request, directory.country, request.app[SETTINGS])


def proposals(rejected: Iterable[Rejected], country: str) -> list[Proposal]:
    return [
        Proposal(
            kind=kind.value,
            title=phone_repair.TITLES[kind],
            reason=phone_repair.REASONS[kind],
            count=len(rows),
            shown=[(each, shared_numbers.name(each.fields)) for each in rows[:SHOWN]],
            ask_country=kind is Kind.COUNTRY,
        )
        for kind, rows in repairs.proposed(rejected, country).items()
    ]


def chosen(upload_id: str, begin: int, kind: str, country: str) -> list[Repair]:
    """The rows of one proposal for the rejected rows from `begin` on. Raises NotFound, InvalidInput (it has none)."""
    rows = uploads.find(upload_id).rejected[begin : begin + repairs.MOST]
    found = next((rows for each, rows in repairs.proposed(rows, country).items() if each == kind), [])
    if not found:
        raise errors.InvalidInput(Why.NOBODY_TO_ADD)
    return found
