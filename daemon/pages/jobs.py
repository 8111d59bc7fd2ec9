"""One campaign, one message, and the messages that a person has to decide on."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web

from daemon import errors
from daemon.accounts import directory, limits, pacing
from daemon.campaigns import cloning, failures, gone, lifecycle, queries, recipients
from daemon.campaigns.funnel import Funnel, funnel, late_before
from daemon.campaigns.queries import Step
from daemon.campaigns.recipients import Page, Selection
from daemon.campaigns.refusals import Why as OfCampaigns
from daemon.campaigns.rows import JobRow, MessageRow
from daemon.campaigns.timeline import course
from daemon.config import Settings
from daemon.contacts import lists, masking, uploads
from daemon.contacts.columns import name_columns
from daemon.contacts.lists import Listed
from daemon.db import clock
from daemon.delivery import evidence, parts, reasons, replies, windows
from daemon.delivery.forgetting import Kind
from daemon.i18n import languages
from daemon.i18n.coded import Coded, Told, told
from daemon.i18n.languages import N_
from daemon.pages import forms, job_tabs
from daemon.pages.asking import said
from daemon.pages.content import Names, PageContent
from daemon.pages.scheduled import Scheduled, scheduled
from daemon.pages.shell import members, number, own_path, show
from daemon.pages.views import JobView, MessageView, campaign, job_view, message_view
from daemon.pages.words import MEANINGS, MOVES, WHO, rate, seconds
from daemon.server.visitors import SETTINGS, caller, in_db, require_key, timed
from daemon.states import JobState, State

routes = web.RouteTableDef()

ROWS_SHOWN = 50
DECISIONS_SHOWN = 20
PEOPLE = {  # whom a clone is for, see cloning.PEOPLE
    "all": N_("everyone"),
    "failed": N_("failed"),
    "unreached": N_("failed, expired or cancelled"),
    "unread": N_("sent, but not read"),
    "unanswered": N_("did not reply"),
    "replied": N_("replied"),
}


@dataclass(frozen=True)
class Group:
    """People for whom a campaign can be duplicated. called: in words."""

    name: str
    called: str
    count: int


@dataclass(frozen=True)
class Filter:
    """A state by which recipients can be filtered. query: of the page that does it."""

    name: str
    count: int
    meaning: str
    query: str


@dataclass(frozen=True)
class Recipients(Names):
    """The table of recipients. state, search, code: what it is filtered by, code_told: that reason in words; query:
    the same as a query; found: how many the search finds, selected: how many of those have the state, failed_found: how
    many have failed; everybody, first_page, page_before, page_after: queries of these pages, None for none."""

    state: str | None
    search: str
    code: str | None
    code_told: Told
    search_error: str | None
    query: str
    found: int
    selected: int
    failed_found: int
    filters: list[Filter]
    everybody: str
    first_page: str | None
    page_before: str | None
    page_after: str | None
    messages: list[MessageView]


@dataclass(frozen=True)
class Rates:
    """How fast a campaign sends, in words: now, None if it does not, and on average, None if nobody can say."""

    now: str | None
    average: str | None


@dataclass(frozen=True)
class JobPage(PageContent):
    """replies, rejected: how many; delays: the shortest and the longest, in seconds, None for no pauses; people: for
    whom it can be duplicated; in_part: how many of them have got a part of the message; lists: those on which may be
    left out; clone_id: id of the draft that would be made. tab: the one of `tabs` that is shown: answers, as_sent and
    steps belong to one each; reader_zone: of the reader's browser, "" where it has not told."""

    template: ClassVar = "job.html"
    here: ClassVar = "campaigns"
    beside: ClassVar = (Recipients,)

    job: JobView
    gone: list[Coded]
    funnel: Funnel
    replies: int
    text: str
    attachments: Sequence[uploads.Attachment]
    delays: tuple[str, str] | None
    window: str | None
    zone: str
    daily_cap: int
    cloned_from: int | None
    rejected: int
    rates: Rates
    course: job_tabs.Drawn | None
    failures: list[failures.Failure]
    tab: str
    tabs: dict[str, str]
    answers: list[job_tabs.ReplyOf]
    as_sent: job_tabs.AsSent | None
    steps: list[job_tabs.Done]
    made_by: job_tabs.By | None
    reader_zone: str
    clone_id: str
    people: list[Group]
    in_part: int
    scheduled: Scheduled | None
    lists: Sequence[Listed]


@dataclass(frozen=True)
class StepView:
    """A move in the history of a message. state: it then had; who: made it, known: as a word of ours to be translated;
    at: UTC ms."""

    at: int
    state: str
    what: str
    why: Told | None
    who: str
    known: bool


@dataclass(frozen=True)
class MessagePage(PageContent):
    """fields: of the recipient, masked for those who may not see them; query: by which `before` and `after` were
    found. windowed: whether the account may send free text only while they have written lately, and open_until: until
    when that is, None where it may not."""

    template: ClassVar = "message.html"
    here: ClassVar = "campaigns"

    job: JobView
    message: MessageView
    fields: dict[str, str]
    gone: list[Coded]
    evidence: evidence.Look | None
    events: list[StepView]
    parts: list[parts.Part]
    windowed: bool
    open_until: int | None
    query: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Campaign:
    """The campaign of a message to decide about. resend: whether it may still be sent again."""

    id: int
    name: str
    resend: bool


@dataclass(frozen=True)
class Case:
    """A message that a person has to decide about. submitted_at: UTC ms; evidence: what its chat looked like."""

    message: MessageView
    campaign: Campaign
    submitted_at: int | None
    text: str
    evidence: evidence.Look | None


@dataclass(frozen=True)
class Decisions(PageContent):
    """of: the only campaign whose messages are shown; first_page, page_after: queries of these pages."""

    template: ClassVar = "decisions.html"
    here: ClassVar = "decisions"

    cases: list[Case]
    of: Campaign | None
    first_page: str | None
    page_after: str | None


@routes.get(r"/app/jobs/{id:\d{1,18}}")
@members
async def job(request: web.Request) -> web.StreamResponse:
    """One campaign; by `?tab=` its recipients, filtered by `?state=`, `?search=`, `?late=` and `?code=` (why they
    failed), a page at a time; its replies; the message as `?person=` gets it; or its settings."""
    page, table = await shown(request)
    return show(request, page, 200, table)


async def shown(request: web.Request) -> tuple[JobPage, Recipients]:
    """The page of the campaign in the address, as the address asks for it."""
    places = (number(request, "cursor"), number(request, "before"))
    tab = forms.asked(request).text("tab")
    opened = (tab if tab in job_tabs.TABS else job_tabs.RECIPIENTS, number(request, "person"))
    arguments = (request.app[SETTINGS], int(request.match_info["id"]), _selection(request), *places, *opened)
    found = await in_db(request, _job_page, *arguments)
    await job_tabs.seen(request, found[0].answers)
    return found


def _selection(request: web.Request) -> Selection:
    state = forms.asked(request).text("state") or None
    if state is not None and state not in set(State):
        raise errors.InvalidInput(OfCampaigns.STATE_UNFIT, states=", ".join(State))
    code = forms.asked(request).text("code")[: reasons.LONGEST] or None
    late = late_before(clock.now_ms()) if forms.asked(request).text("late") else None
    return Selection(state, " ".join(forms.asked(request).text("search").split()), code, late)


def _job_page(
    settings: Settings,
    job_id: int,
    selection: Selection,
    cursor: int | None,
    before: int | None,
    tab: str,
    person: int | None,
) -> tuple[JobPage, Recipients]:
    row = campaign(job_id)
    went, rules = course(row, clock.now_ms()), limits.rules_of(settings, row.account)
    page = JobPage(
        job=job_view(settings, row),
        gone=gone.why(row, *gone.MARKS),
        funnel=funnel(row, clock.now_ms()),
        replies=replies.count(job_id, clock.now_ms()),
        text=row.text,
        attachments=uploads.attachments(row.attachments),
        delays=_delays(row, rules),
        window=row.window,
        zone=rules.zone,
        daily_cap=row.daily_cap,
        cloned_from=row.cloned_from,
        rejected=len(row.rejected),
        rates=Rates(
            now=rate(went.per_hour_now) if went.per_hour_now else None,
            average=rate(went.per_hour) if went.per_hour is not None else None,
        ),
        course=job_tabs.drawn(went),
        failures=failures.of(row),
        tab=tab,
        tabs=job_tabs.TABS,
        answers=job_tabs.answers(job_id) if tab == job_tabs.REPLIES else [],
        as_sent=job_tabs.as_sent(row, person) if tab == job_tabs.MESSAGE else None,
        steps=job_tabs.steps(job_id) if tab == job_tabs.SETTINGS else [],
        made_by=job_tabs.by(row.made_by),
        reader_zone=languages.told_zone(),
        clone_id=secrets.token_hex(16),
        people=[Group(name, called, count) for name, called in PEOPLE.items() if (count := cloning.count(row, name))],
        in_part=cloning.in_part(row),
        lists=lists.lists(),
        scheduled=scheduled(settings, row),
    )
    return page, _recipients(row, selection, cursor, before)


def _delays(row: JobRow, rules: pacing.Rules) -> tuple[str, str] | None:
    if not pacing.pauses(rules.paced, row.delay_max_ms, row.own_delays):
        return None
    return seconds(row.delay_min_ms), seconds(row.delay_max_ms)


def _recipients(row: JobRow, selection: Selection, cursor: int | None, before: int | None) -> Recipients:
    """The table of recipients with its filters and pages. An invalid search is explained beside its field."""
    error, searched = None, selection
    try:
        counts = recipients.counts(row, selection)
    except errors.InvalidInput as refused:
        error, searched = said(refused), Selection(selection.state, code=selection.code)
        counts = recipients.counts(row, searched)
    selected = counts[searched.state] if searched.state else sum(counts.values())
    page = recipients.page(row, searched, cursor, before, ROWS_SHOWN) if selected else Page([], None, None)
    columns = name_columns(row.columns)
    query = {"state": searched.state, "search": searched.search, "code": searched.code}
    query["late"] = "1" if searched.late is not None else None
    return Recipients(
        state=searched.state,
        search=selection.search,
        code=searched.code,
        code_told=failures.why(row.id, searched.code) if searched.code else "",
        search_error=error,
        query=_query(**query),
        found=sum(counts.values()),
        selected=selected,
        failed_found=counts[State.FAILED],
        filters=[
            Filter(each.value, counts[each], MEANINGS[each], _query(state=each.value, search=searched.search))
            for each in State
            if counts[each] or searched.state == each
        ],
        everybody=_query(search=searched.search, code=searched.code),
        first_page=_query(**query) if page.before else None,
        page_before=_query(before=page.before, **query) if page.before else None,
        page_after=_query(cursor=page.after, **query) if page.after else None,
        messages=[message_view(each, columns) for each in page.rows],
    )


def _query(**values: object) -> str:
    """The values that are set, as a query (`?…`); "" if none is."""
    given = {name: value for name, value in values.items() if value}
    return f"?{urlencode(given)}" if given else ""


@routes.post(r"/app/jobs/{id:\d{1,18}}/{what:archive|unarchive}")
async def put_away(request: web.Request) -> web.StreamResponse:
    """Put a campaign that is over away from the overview, or bring it back; then the page it was asked from."""
    require_key(request)
    form = await forms.read(request)
    job_id = int(request.match_info["id"])
    if request.match_info["what"] == "archive":
        await timed(request, lifecycle.archive, job_id, caller(request))
    else:
        await in_db(request, lifecycle.unarchive, job_id, caller(request))
    raise web.HTTPSeeOther(own_path(form.text("next")) if "next" in form else f"/app/jobs/{job_id}")


@dataclass(frozen=True)
class JobSummary(PageContent):
    """A campaign on one sheet of paper. number: of its account, None where it is not known; reader_zone: see
    JobPage."""

    template: ClassVar = "job_summary.html"
    here: ClassVar = "campaigns"

    job: JobView
    funnel: Funnel
    failures: list[failures.Failure]
    course: job_tabs.Drawn | None
    made_by: job_tabs.By | None
    number: str | None
    reader_zone: str


@routes.get(r"/app/jobs/{id:\d{1,18}}/summary")
@members
async def summary(request: web.Request) -> web.StreamResponse:
    """The campaign's figures to print."""
    return show(request, await in_db(request, _summary, request.app[SETTINGS], int(request.match_info["id"])))


def _summary(settings: Settings, job_id: int) -> JobSummary:
    row, now = campaign(job_id), clock.now_ms()
    return JobSummary(
        job=job_view(settings, row),
        funnel=funnel(row, now),
        failures=failures.of(row),
        course=job_tabs.drawn(course(row, now)),
        made_by=job_tabs.by(row.made_by),
        number=directory.number(settings, row.account),
        reader_zone=languages.told_zone(),
    )


@routes.post(r"/app/jobs/{id:\d{1,18}}/clone")
async def clone(request: web.Request) -> web.StreamResponse:
    """Duplicate the campaign as a draft. Its id comes from the page, so that a double click makes only one."""
    require_key(request)
    form = (await forms.read(request)).parsed(forms.CloneJob)
    given = (int(request.match_info["id"]), form.id, form.people, caller(request))
    draft = await timed(request, cloning.clone, *given, but=form.but)
    raise web.HTTPSeeOther(f"/app/drafts/{draft.id}/message")


@routes.get(r"/app/messages/{id:\d{1,18}}")
@members
async def message(request: web.Request) -> web.StreamResponse:
    """What happened to one recipient; `?state=` and `?search=` decide who comes before and after."""
    arguments = (request.app[SETTINGS], int(request.match_info["id"]), _selection(request))
    return show(request, await in_db(request, _message_page, *arguments))


def _message_page(settings: Settings, message_id: int, selection: Selection) -> MessagePage:
    row, events = queries.message(message_id)
    found = campaign(row.job_id)
    try:
        before, after = recipients.neighbours(found, row.id, selection)
    except errors.InvalidInput:
        selection = Selection()
        before, after = recipients.neighbours(found, row.id, selection)
    return MessagePage(
        job=job_view(settings, found),
        message=message_view(row, name_columns(found.columns)),
        fields=masking.fields(row.fields),
        gone=gone.why(found, Kind.TEXTS, Kind.FIELDS, Kind.HISTORY),
        evidence=evidence.newest(message_id),
        events=[_step(each) for each in events],
        parts=parts.shown(row.id, row.state),
        windowed=limits.settings_of(settings, row.account).transport == "cloud",
        open_until=windows.window(row.account, windows.key_of(row.number), clock.now_ms()),
        query=_query(
            state=selection.state,
            search=selection.search,
            code=selection.code,
            late="1" if selection.late is not None else None,
        ),
        before=before,
        after=after,
    )


def _step(step: Step) -> StepView:
    what, who = MOVES.get(step.move, step.move), WHO.get(step.who, step.who)
    return StepView(step.at, step.target, what, told(step.why, step.coded), who, step.who in WHO)


@routes.get("/app/decisions")
@members
async def decisions(request: web.Request) -> web.StreamResponse:
    """The uncertain messages of all campaigns or of `?job=`, each with what its chat looked like."""
    arguments = (number(request, "cursor"), number(request, "job"))
    return show(request, await in_db(request, _decisions, *arguments))


def _decisions(cursor: int | None, job_id: int | None) -> Decisions:
    of = campaign(job_id) if job_id is not None else None
    rows, after = queries.messages_everywhere(State.UNCERTAIN, cursor, DECISIONS_SHOWN, job_id)
    jobs = {each.id: each for each in queries.some_jobs({row.job_id for row in rows})}
    cases = [
        Case(
            message=message_view(row, name_columns(job.columns)),
            campaign=_campaign(job),
            submitted_at=row.submitted_at,
            text=_text(job, row),
            evidence=evidence.newest(row.id),
        )
        for row in rows
        if (job := jobs.get(row.job_id)) is not None
    ]
    return Decisions(
        cases=cases,
        of=_campaign(of) if of else None,
        first_page=_query(job=job_id) if cursor else None,
        page_after=_query(cursor=after, job=job_id) if after else None,
    )


def _campaign(job: JobRow) -> Campaign:
    return Campaign(job.id, job.name, job.state != JobState.STOPPED)


def _text(job: JobRow, row: MessageRow) -> str:
    """The text of the message, for the person who looks for it in the chat."""
    return gone.text(job, row.fields, row.number)
