"""Campaigns that wait for a person after a restore or a long stop: what is known of them, and the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from aiohttp import web
from pydantic import BeforeValidator

from daemon import errors
from daemon.campaigns import confirming
from daemon.campaigns.confirming import Choice, NextInTurn, Waiting
from daemon.config import Settings
from daemon.contacts import masking
from daemon.pages import forms
from daemon.pages.content import PageContent
from daemon.pages.refusals import Why
from daemon.pages.shell import members, number, show
from daemon.server.visitors import SETTINGS, caller, in_db, require_key, timed

routes = web.RouteTableDef()

SHOWN = 20  # campaigns on one page
PEOPLE = 50  # of each, whose turn is next


@dataclass(frozen=True)
class Turn:
    """Somebody whose turn is next. number: as the reader may see it."""

    id: int
    row: int
    number: str


@dataclass(frozen=True)
class Card:
    """A campaign. turns: who may have got the message, the first of them; unless it is known that nobody has."""

    job: Waiting
    turns: list[Turn]


@dataclass(frozen=True)
class Confirmations(PageContent):
    """page_after: the id behind which the next page begins, None for none."""

    template: ClassVar = "confirmations.html"
    here: ClassVar = "confirmations"

    cards: list[Card]
    page_after: int | None


def _choice(given: list[str]) -> Choice:
    try:
        return Choice(given[0] if given else "")
    except ValueError:
        raise errors.InvalidInput(Why.NOTHING_CHOSEN) from None


class Decision(forms.Form):
    """choice: of the button that was pressed; first: how many are set aside, where that was the choice."""

    choice: Annotated[Choice, BeforeValidator(_choice)]
    first: forms.Perhaps


@routes.get("/app/confirmations")
@members
async def confirmations(request: web.Request) -> web.StreamResponse:
    """All campaigns that wait."""
    return show(request, await in_db(request, _shown, request.app[SETTINGS], number(request, "cursor") or 0))


def _shown(settings: Settings, after: int) -> Confirmations:
    rows = confirming.waiting(settings, after, SHOWN + 1)
    cards = [Card(row, _turns(row)) for row in rows[:SHOWN]]
    return Confirmations(cards, rows[SHOWN - 1].id if len(rows) > SHOWN else None)


def _turns(row: Waiting) -> list[Turn]:
    if not row.restored:
        return []
    found: list[NextInTurn] = list(confirming.next_in_turn(row.id, min(row.perhaps_sent, PEOPLE)))
    return [Turn(each.id, each.row, masking.phone(each.number)) for each in found]


@routes.post(r"/app/jobs/{id:\d{1,18}}/confirm")
async def confirm(request: web.Request) -> web.StreamResponse:
    """Carry the decision about a campaign out."""
    require_key(request)
    form = (await forms.read(request)).parsed(Decision)
    first = form.first if form.choice is Choice.UNCERTAIN else None
    await timed(request, _confirm, int(request.match_info["id"]), form.choice, first or None, caller(request))
    raise web.HTTPSeeOther("/app/confirmations")


def _confirm(job_id: int, choice: Choice, first: int | None, who: str, now: int) -> None:
    confirming.confirm(job_id, choice, who, now, first)
