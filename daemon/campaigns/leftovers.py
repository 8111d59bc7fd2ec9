"""What campaigns in the making leave behind: drafts that have become a campaign, and attachments still in one."""

from __future__ import annotations

from functools import partial

import structlog

from daemon.campaigns import draft_rows
from daemon.config import Settings
from daemon.contacts.stored import DAY_MS
from daemon.db.connection import after_commit, write
from daemon.models import Draft, Job, Template

log = structlog.get_logger()


def attachments() -> set[str]:
    """Ids of the attachments of all templates and drafts."""
    found = {each for row in Template.select(Template.attachments) for each in row.attachments}
    for row in Draft.select(Draft.data):  # as it is kept, as a later version may have kept it
        found |= {*(row.data.get("attachments") or ()), *(row.data.get("files") or {}).values()}
    return found


def forget_started(settings: Settings, now: int) -> int:
    """Delete the drafts whose campaign was made so long ago that nobody presses Start again; returns how many."""
    before = now - settings.keep_unused_days * DAY_MS
    started = Draft.select(Draft.id).join(Job).where(Job.created_at < before)
    with write():
        theirs = Draft.id.in_([row.id for row in started])
        draft_rows.let_go(theirs)
        gone = int(Draft.delete().where(theirs).execute())
        if gone:
            after_commit(partial(log.info, "draft.forgotten", count=gone))
    return gone
