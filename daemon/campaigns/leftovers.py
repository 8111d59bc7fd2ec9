"""What campaigns in the making leave behind: drafts that have become a campaign, the people of
series that have ended, and attachments still in one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import peewee
import structlog

from daemon.campaigns import draft_rows
from daemon.config import Settings
from daemon.contacts import row_sets
from daemon.contacts.importer import Contact
from daemon.contacts.stored import DAY_MS
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked, tuples
from daemon.formats.cloud_template import HEADER
from daemon.models import Draft, Job, Run, Series, Template
from daemon.states import SeriesState

log = structlog.get_logger()

FEW = 20  # drafts that are deleted in one transaction: one may be large


def attachments() -> set[str]:
    """Ids of the attachments of all templates, drafts and campaigns that repeat."""
    found = {each for row in Template.select(Template.attachments) for each in row.attachments}
    for row in Draft.select(Draft.data):  # as it is kept, as a later version may have kept it
        found |= _of_content(row.data)
    for order, set_id in tuples(
        Series.select(Series.order, Series.audience_set).where(Series.state != SeriesState.ENDED)
    ):
        people = {each for person in _audience(set_id) for each in person.attachments or ()}
        found |= _of_content(order) | _of_content((order["choice"] or [{}])[0]) | people
    return found


def _of_content(data: dict[str, Any]) -> set[str]:
    """Those for all, each one's own, and the header of the template that was chosen."""
    header = ((data.get("template") or {}).get("values") or {}).get(HEADER)
    return {*(data.get("attachments") or ()), *(data.get("files") or {}).values(), *([header] if header else ())}


def _audience(set_id: int | None) -> Iterable[Contact]:
    return () if set_id is None else draft_rows.audience(set_id)


def forget_people_of_series(settings: Settings, now: int) -> int:
    """Let go of the people of those that ended, and ran for the last time, so long ago that nobody makes up for a run;
    returns how many series. How many people they were is kept."""
    before = now - settings.keep_unused_days * DAY_MS
    over = (Series.state == SeriesState.ENDED.value, Series.audience_set.is_null(False), Series.created_at < before)
    late = Run.select(Run.series).where(Run.series == Series.id, Run.at >= before)
    with write():
        gone = list(locked(Series.select().where(*over, ~peewee.fn.EXISTS(late))))
        for row in gone:
            order = row.order | {"people": row_sets.rows(row.audience_set, list).length}
            row_sets.let_go(row.audience_set)
            Series.update(audience_set=None, order=order).where(Series.id == row.id).execute()
        if gone:
            after_commit(partial(log.info, "series.people_forgotten", count=len(gone)))
    return len(gone)


def forget_started(settings: Settings, now: int) -> int:
    """Delete the drafts whose campaign was made so long ago that nobody presses Start again; returns how many."""
    before = now - settings.keep_unused_days * DAY_MS
    started = Draft.select(Draft.id).join(Job).where(Job.created_at < before)
    repeated = Series.select(Series.draft).where(Series.created_at < before)
    ids = [*(row.id for row in started), *(draft for (draft,) in tuples(repeated))]
    with write():
        theirs = Draft.id.in_(ids)
        draft_rows.let_go(theirs)
        gone = int(Draft.delete().where(theirs).execute())
        if gone:
            after_commit(partial(log.info, "draft.forgotten", count=gone))
    return gone


def forget_untouched(settings: Settings, now: int) -> int:
    """Delete the drafts that nobody has started, and nobody has touched for long; returns how many."""
    if not settings.keep_drafts_days:
        return 0
    old = (Draft.updated_at < now - settings.keep_drafts_days * DAY_MS) & Draft.job.is_null()
    gone, more = 0, True
    while more:
        with write():
            ids = [row.id for row in Draft.select(Draft.id).where(old).order_by(Draft.updated_at).limit(FEW)]
            draft_rows.let_go(Draft.id.in_(ids))
            Draft.delete().where(Draft.id.in_(ids)).execute()
        gone, more = gone + len(ids), len(ids) == FEW
    if gone:
        log.info("draft.forgotten_untouched", count=gone)
    return gone
