"""Who agreed to be messaged: looked up by number, recorded and withdrawn, and recorded for all people on a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.accounts import directory
from daemon.contacts import consent_import, consents, lists
from daemon.contacts.consent_columns import Columns
from daemon.contacts.consent_import import Outcome, Wanted
from daemon.contacts.consents import Given, Known
from daemon.contacts.lists import Listed
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import only, show
from daemon.pages.words import WHO
from daemon.server import heavy
from daemon.server.visitors import SETTINGS, caller, in_db, timed
from daemon.states import ConsentHow, Role

routes = web.RouteTableDef()

ID = r"{id:\d{1,18}}"
HOW = {
    ConsentHow.FORM: N_("A form on the web"),
    ConsentHow.PAPER: N_("On paper"),
    ConsentHow.SPOKEN: N_("Spoken, such as on the phone"),
    ConsentHow.MESSAGE: N_("By message"),
    ConsentHow.IMPORTED: N_("Imported"),
    ConsentHow.OTHER: N_("Another way"),
}
ENTERED = ("number", "given_on", "how", "words", "text")
OF_LIST = ("how", "words", "text", "order")
NOTHING = Posted()
ORDERS = ("dmy", "mdy")
BYTES_EACH = 100  # of a list's people, about


@dataclass(frozen=True)
class Consent(PageContent):
    """known: of the person who was looked up; entered: what was sent in the form at `place`, which the error is about;
    done: what was just recorded; whose: who recorded, where it was no user."""

    template: ClassVar = "consent.html"
    here: ClassVar = "consent"

    known: Known | None = None
    entered: dict[str, str] = field(default_factory=lambda: NOTHING.texts(ENTERED))
    error: str = ""
    place: str = ""
    done: str = ""
    ways: Sequence[tuple[str, str]] = tuple((each.value, HOW[each]) for each in ConsentHow)
    how: dict[str, str] = field(default_factory=lambda: {each.value: HOW[each] for each in ConsentHow})
    whose: dict[str, str] = field(default_factory=lambda: WHO)
    longest: int = consents.LONGEST
    longest_words: int = consents.LONGEST_WORDS


@dataclass(frozen=True)
class ListConsent(PageContent):
    """columns: those that are chosen; entered: what was sent; outcome: what was just recorded."""

    template: ClassVar = "list_consent.html"
    here: ClassVar = "lists"

    list: Listed
    columns: Columns
    entered: dict[str, str]
    error: str = ""
    outcome: Outcome | None = None
    ways: Sequence[tuple[str, str]] = tuple((each.value, HOW[each]) for each in ConsentHow)
    longest: int = consents.LONGEST
    longest_words: int = consents.LONGEST_WORDS


class Looked(forms.Form):
    """Whose consent is looked up."""

    number: forms.Line


class Recorded(Looked):
    """given_on: a day, as the browser sends it; how: see HOW."""

    given_on: forms.Line
    how: forms.Line
    words: forms.Line
    text: forms.Text


class OfList(forms.Form):
    """The titles of the columns, and what holds for all."""

    date: forms.Line
    how_column: forms.Line
    text_column: forms.Line
    how: forms.Line
    words: forms.Line
    text: forms.Text
    order: forms.Line


@routes.get("/app/consent")
@only(Role.OPERATOR)
async def consent(request: web.Request) -> web.StreamResponse:
    """The form."""
    return show(request, Consent())


@routes.post("/app/consent")
@only(Role.OPERATOR)
async def looked_up(request: web.Request) -> web.StreamResponse:
    """What is known of somebody. The number is not in the address, where others might keep it."""
    entered = await forms.read(request)
    form = entered.parsed(Looked)
    try:
        known = await in_db(request, _known, request, form.number)
    except errors.InvalidInput as error:
        return show(request, Consent(entered=entered.texts(ENTERED), error=said(error), place="find"), 422)
    return show(request, Consent(known, entered.texts(ENTERED)))


def _known(request: web.Request, number: str) -> Known:
    return consents.of(directory.with_country(request.app[SETTINGS]), number)


@routes.post("/app/consent/record")
@only(Role.OPERATOR)
async def record(request: web.Request) -> web.StreamResponse:
    """Record that they agreed."""
    entered = await forms.read(request)
    form = entered.parsed(Recorded)

    def work(now: int) -> Known:
        given = Given(_begins(form.given_on), _how(form.how), form.words, form.text.strip(), day_only=True)
        return consents.record(directory.with_country(request.app[SETTINGS]), form.number, given, caller(request), now)

    try:
        known = await timed(request, work)
    except (errors.InvalidInput, errors.IllegalMove) as error:
        return await _again(request, entered, form.number, error, "record")
    return show(request, Consent(known, done=N_("The consent is recorded.")))


@routes.post("/app/consent/withdraw")
@only(Role.OPERATOR)
async def withdraw(request: web.Request) -> web.StreamResponse:
    """Record that they want no more."""
    entered = await forms.read(request)
    form = entered.parsed(Recorded)

    def work(now: int) -> Known:
        settings = directory.with_country(request.app[SETTINGS])
        return consents.withdraw(settings, form.number, now, _how(form.how), form.words, caller(request), now)

    try:
        known = await timed(request, work)
    except errors.InvalidInput as error:
        return await _again(request, entered, form.number, error, "withdraw")
    return show(request, Consent(known, done=N_("The withdrawal is recorded. They get no more messages.")))


async def _again(
    request: web.Request, entered: Posted, number: str, error: errors.DaemonError, place: str
) -> web.StreamResponse:
    known = await in_db(request, _known, request, number)
    content = Consent(known, entered.texts(ENTERED), said(error), place)
    return show(request, content, 409 if isinstance(error, errors.IllegalMove) else 422)


def _begins(day: str) -> int:
    """When that day begins in UTC. Raises InvalidInput."""
    try:
        return round(datetime.combine(date.fromisoformat(day), time(), UTC).timestamp() * 1_000)
    except ValueError:
        raise errors.InvalidInput(Why.DAY_NOT_GIVEN) from None


def _how(word: str) -> ConsentHow:
    """Raises InvalidInput."""
    try:
        return ConsentHow(word)
    except ValueError:
        raise errors.InvalidInput(Why.HOW_NOT_CHOSEN) from None


@routes.get(f"/app/lists/{ID}/consent")
@only(Role.OPERATOR)
async def of_list(request: web.Request) -> web.StreamResponse:
    """The columns that speak of consent, to be chosen."""
    list_id = int(request.match_info["id"])
    row = await in_db(request, lists.listed, list_id)
    columns = await in_db(request, consent_import.proposed, list_id)
    return show(request, ListConsent(row, columns, NOTHING.texts(OF_LIST) | {"how": ConsentHow.IMPORTED}))


@routes.post(f"/app/lists/{ID}/consent")
@only(Role.OPERATOR)
async def record_list(request: web.Request) -> web.StreamResponse:
    """Record what the columns say."""
    list_id, entered = int(request.match_info["id"]), await forms.read(request)
    form = entered.parsed(OfList)
    row = await in_db(request, lists.listed, list_id)
    columns = Columns(form.date, form.how_column, form.text_column)
    content = ListConsent(row, columns, entered.texts(OF_LIST))

    def work(now: int) -> Outcome:
        order = form.order if form.order in ORDERS else ""
        wanted = Wanted(columns, _how(form.how), form.words, form.text.strip(), order)
        consents.check_words(wanted.how, wanted.words, wanted.text)
        return consent_import.record(request.app[SETTINGS], list_id, wanted, caller(request), now)

    try:
        outcome = await heavy.timed(request, row.people * BYTES_EACH, work)
    except errors.InvalidInput as error:
        return show(request, ListConsent(row, columns, content.entered, said(error)), 422)
    return show(request, ListConsent(row, columns, content.entered, outcome=outcome))
