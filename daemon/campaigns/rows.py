"""Jobs and messages as this room hands them out: records, to be read. Only delivery/ writes messages."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from daemon.campaigns.draft_content import KeptDate
from daemon.db.proxy import tuples
from daemon.formats import cloud_template, styles
from daemon.i18n.coded import Filed
from daemon.models import Job, Message
from daemon.states import E164


@dataclass(frozen=True)
class JobRow:
    """A job as this room hands it out: to be read. The columns are those of the table."""

    id: int
    account: str
    name: str
    text: str
    attachments: list[str]
    state: str
    reason: str | None
    coded: Filed | None
    delay_min_ms: int
    delay_max_ms: int
    own_delays: bool | None
    schedule_at: int | None
    created_at: int
    started_at: int | None
    completed_at: int | None
    total: int
    columns: list[str]
    rejected: list[list[Any]]
    window: str | None
    daily_cap: int
    opens_at: int
    cloned_from: int | None
    kind: str
    tally_ms: int
    for_dry_run: bool
    dry_run: bool
    formats: styles.Kept | None
    pending: int
    claimed: int
    sending: int
    accepted: int
    sent: int
    delivered: int
    read: int
    expired: int
    failed: int
    uncertain: int
    skipped: int
    cancelled: int
    replied: int
    archived_at: int | None
    made_by: str | None
    external_id: str | None
    unconfirmed: str | None
    dated: KeptDate | None
    template: cloud_template.Filled | None
    texts_gone_at: int | None
    fields_gone_at: int | None
    rejected_gone_at: int | None
    history_gone_at: int | None
    recipients_gone_at: int | None


@dataclass(frozen=True)
class MessageRow:
    """A message as this room hands it out: to be read. The columns are those of the table. fields_removed: whether
    there are none any more because they were too old."""

    id: int
    job_id: int
    account: str
    row: int
    number: E164
    external_id: str | None
    fields: dict[str, str]
    attachments: list[str] | None
    state: str
    attempts: int
    not_before: int
    error: str | None
    coded: Filed | None
    submitted_at: int | None
    accepted_at: int | None
    sent_at: int | None
    delivered_at: int | None
    read_at: int | None
    fields_removed: bool


_GONE = Job.select(Job.fields_gone_at.is_null(False)).where(Job.id == Message.job)
COLUMNS = [getattr(Message, each.name) for each in fields(MessageRow) if each.name != "fields_removed"]


def messages(query: Any) -> list[MessageRow]:
    """The messages that a query of all their columns finds."""
    rows = map(list, tuples(query.select(*COLUMNS, _GONE)))
    return [MessageRow(*row[:-1], *map(bool, row[-1:])) for row in rows]
