"""What a campaign's page shows beside its recipients: replies, the message as each person got it, its settings; and the
drawing of its course."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup

from daemon import errors
from daemon.campaigns import gone, queries, recipients
from daemon.campaigns.recipients import Selection
from daemon.campaigns.refusals import Why
from daemon.campaigns.rows import JobRow
from daemon.campaigns.timeline import Break, Course, Stretch
from daemon.contacts import uploads
from daemon.contacts.columns import name_columns
from daemon.db import clock
from daemon.delivery import job_moves, replies
from daemon.i18n.languages import N_, amount, gettext, moment, say
from daemon.pages import chart
from daemon.pages.asking import said
from daemon.pages.shell import may
from daemon.pages.words import WHO, formatted
from daemon.server.visitors import in_db

RECIPIENTS, REPLIES, MESSAGE, SETTINGS = "recipients", "replies", "message", "settings"
TABS = {
    RECIPIENTS: N_("Recipients"),
    REPLIES: N_("Replies"),
    MESSAGE: N_("Message as sent"),
    SETTINGS: N_("Settings"),
}
LIVE = "X-Live"  # the header of a page that fetches itself again
DONE = {  # what was done to a campaign
    "pause": N_("paused"),
    "resume": N_("resumed"),
    "reschedule": N_("scheduled again"),
    "stop": N_("stopped"),
    "retry": N_("sent again"),
    "hold": N_("waits for a decision"),
    "confirm": N_("goes on by decision"),
    "confirm_aside": N_("goes on by decision, without those set aside"),
}


@dataclass(frozen=True)
class Drawn:
    """The outcomes over time, as bars and as rows of a table; begins, ends: UTC ms; breaks: in words."""

    bars: chart.Picture
    highest: int
    rows: list[Stretch]
    accepted: bool
    others: bool
    failed: bool
    begins: int
    ends: int
    breaks: list[str]


def drawn(went: Course) -> Drawn | None:
    """The course as it is drawn; None where there is nothing yet."""
    if not went.stretches:
        return None
    begins, ends = went.stretches[0].at, went.stretches[-1].at + went.width_ms
    breaks = [each for each in went.breaks if each.at < ends and each.until > begins]
    bands = [
        chart.Band(max(0.0, (each.at - begins) / went.width_ms), (min(each.until, ends) - begins) / went.width_ms, tip)
        for each, tip in zip(breaks, map(_break, breaks), strict=True)
    ]
    return Drawn(
        bars=chart.bars(
            went.stretches,
            gettext("Outcomes over time, as in the table below"),
            [_tip(e) for e in went.stretches],
            bands,
        ),
        highest=chart.highest(went.stretches),
        rows=[each for each in went.stretches if each.total],
        accepted=any(each.accepted for each in went.stretches),
        others=any(each.other for each in went.stretches),
        failed=any(each.failed for each in went.stretches),
        begins=begins,
        ends=ends,
        breaks=[_break(each) for each in breaks],
    )


def _tip(each: Stretch) -> str:
    counts = ((each.out, "sent"), (each.accepted, "accepted"), (each.failed, "failed"), (each.other, "other"))
    told = ", ".join(f"{amount(count)} {gettext(word)}" for count, word in counts if count)
    return f"{moment(each.at, 'seconds')}: {told}" if told else ""


def _break(each: Break) -> str:
    word = gettext("paused") if each.paused else gettext("nothing was sent")
    return f"{moment(each.at)} – {moment(each.until)}: {word}"


@dataclass(frozen=True)
class By:
    """Who did something. known: as a word of ours, to be translated."""

    name: str
    known: bool


def by(who: str | None) -> By | None:
    return By(WHO.get(who, who), who in WHO) if who else None


@dataclass(frozen=True)
class Done:
    """What was done to a campaign, when (UTC ms) and by whom."""

    at: int
    what: str
    who: str
    known: bool


def steps(job_id: int) -> list[Done]:
    """What was done to it, oldest first."""
    return [
        Done(each.at, DONE.get(each.move, each.move), WHO.get(each.who, each.who), each.who in WHO)
        for each in job_moves.steps(job_id)
    ]


@dataclass(frozen=True)
class ReplyOf(replies.Answered):
    """A reply with the name of who sent it."""

    who: str


def answers(job_id: int) -> list[ReplyOf]:
    """The newest replies to a campaign."""
    rows, _ = replies.page(None, clock.now_ms(), job_id=job_id)
    return [ReplyOf(**vars(row), who=_called(row.fields, row.columns)) for row in rows]


async def seen(request: web.Request, shown: Sequence[replies.Answered]) -> None:
    """Whoever has opened this page has read the replies on it; nobody has where an open page fetches itself again."""
    if may("operator") and LIVE not in request.headers:
        await in_db(request, replies.now_read, [each.id for each in shown])


def _called(fields: dict[str, str], columns: list[str]) -> str:
    return " ".join(filter(None, (fields.get(name, "") for name in name_columns(columns))))


@dataclass(frozen=True)
class AsSent:
    """The message as one person gets it. before, after: ids of the messages to the others; problem: why it cannot be
    put together."""

    row: int
    who: str
    number: str
    state: str
    text: Markup
    files: Sequence[uploads.Attachment]
    problem: str
    before: int | None
    after: int | None


def as_sent(job: JobRow, message_id: int | None) -> AsSent | None:
    """The message to that person, or to the first one; None where there is nobody. Raises NotFound."""
    if message_id is None:
        first = recipients.page(job, Selection(), limit=1).rows
        if not first:
            return None
        message_id = first[0].id
    row, _ = queries.message(message_id)
    if row.job_id != job.id:
        raise errors.NotFound(Why.NO_MESSAGE, message=message_id)
    before, after = recipients.neighbours(job, row.id, Selection())
    text, problem = "", ""
    try:
        text = gone.text(job, row.fields, row.number)
        problem = " ".join(map(say, gone.unreadable(job)))
    except errors.InvalidInput as refused:
        problem = said(refused)
    return AsSent(
        row=row.row,
        who=_called(row.fields, job.columns),
        number=row.number,
        state=row.state,
        text=formatted(text),
        files=uploads.attachments(job.attachments if row.attachments is None else row.attachments),
        problem=problem,
        before=before,
        after=after,
    )
