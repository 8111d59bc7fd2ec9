"""The audit log, for administrators: who has done what, to what, from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import ClassVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from daemon import errors
from daemon.auth import audit_reading
from daemon.auth.audit_reading import Entry, Wanted
from daemon.i18n import languages
from daemon.i18n.languages import N_, gettext
from daemon.pages import forms
from daemon.pages.content import PageContent
from daemon.pages.refusals import Why
from daemon.pages.shell import only, show
from daemon.pages.words import WHO
from daemon.server.visitors import in_db
from daemon.states import AuditResult, Role

routes = web.RouteTableDef()

LONGEST = 100  # characters of what is looked for
RESULTS = {AuditResult.DONE: N_("done"), AuditResult.REFUSED: N_("refused"), AuditResult.FAILED: N_("failed")}
TONES = {AuditResult.DONE: "good", AuditResult.REFUSED: "warn", AuditResult.FAILED: "bad"}


@dataclass(frozen=True)
class EntryView(Entry):
    """An entry; said, tone: its result; by: who, in words where it was no user (ours)."""

    said: str
    tone: str
    by: str
    ours: bool


@dataclass(frozen=True)
class Filters:
    """What was looked for, as it was entered; since, until: days in the reader's zone, both in it."""

    who: str
    action: str
    since: str
    until: str


@dataclass(frozen=True)
class Audit(PageContent):
    """filtered: whether not all is shown; query: of the address of these filters; next: that of the next page, "" for
    none; cursor: of this page; exported: query of the files."""

    template: ClassVar = "audit.html"
    here: ClassVar = "audit"

    entries: list[EntryView]
    filters: Filters
    filtered: bool
    query: str
    next: str
    cursor: str
    exported: str


@routes.get("/app/audit")
@only(Role.ADMIN, everywhere=True)
async def audit(request: web.Request) -> web.StreamResponse:
    """Newest first, a page at a time."""
    asked = forms.asked(request)
    filters = Filters(*(asked.text(name).strip()[:LONGEST] for name in ("who", "action", "since", "until")))
    since, until = _day(filters.since), _day(filters.until)
    wanted = Wanted(_who(filters.who), filters.action, _begins(since), _begins(until, after=True))
    cursor = asked.text("cursor")
    if cursor and not audit_reading.CURSOR.fullmatch(cursor):
        raise errors.MalformedRequest(Why.ADDRESS_INCOMPLETE)
    rows, after = await in_db(request, partial(audit_reading.page, wanted, cursor or None))
    chosen = {name: value for name, value in vars(filters).items() if value}
    exported = {name: value for name, value in vars(wanted).items() if value}
    content = Audit(
        entries=[_view(row) for row in rows],
        filters=filters,
        filtered=bool(chosen),
        query=urlencode(chosen),
        next=urlencode(chosen | {"cursor": after}) if after else "",
        cursor=cursor,
        exported=urlencode(exported),
    )
    return show(request, content)


def _view(row: Entry) -> EntryView:
    result = AuditResult(row.result)
    return EntryView(
        **vars(row), said=RESULTS[result], tone=TONES[result], by=WHO.get(row.who, row.who), ours=row.who in WHO
    )


def _who(entered: str) -> str:
    """Who is looked for, as the log has it: the page shows some of them in words."""
    return next((name for name, words in WHO.items() if entered.casefold() == gettext(words).casefold()), entered)


def _day(text: str) -> date | None:
    """The day that a browser has sent. Raises MalformedRequest."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise errors.MalformedRequest(Why.ADDRESS_INCOMPLETE) from None


def _begins(day: date | None, after: bool = False) -> int | None:
    """When it begins, or the day after it, UTC ms."""
    if day is None:
        return None
    try:
        day += timedelta(days=after)
        return max(0, round(datetime.combine(day, time(), ZoneInfo(languages.zone.get())).timestamp() * 1000))
    except (OverflowError, ValueError):  # the first or the last day there is
        raise errors.MalformedRequest(Why.ADDRESS_INCOMPLETE) from None
