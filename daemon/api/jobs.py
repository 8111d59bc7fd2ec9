"""Jobs: send, status, pause, resume, stop, retry, and reports as files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Annotated

from pydantic import Field

from daemon.accounts import directory, limits
from daemon.api import endpoint
from daemon.api.answers import Csv, Xlsx
from daemon.api.endpoint import Caller, Open
from daemon.api.following import shown
from daemon.api.messages import describe
from daemon.api.parameters import (
    MAX_LIMIT,
    Cursor,
    ExternalId,
    Flag,
    JobId,
    Limit,
    Named,
    OfAccount,
    Search,
    Since,
    Until,
    Zone,
)
from daemon.api.schemas.common import Rejected
from daemon.api.schemas.jobs import (
    Duplicate,
    JobChanged,
    Jobs,
    Messages,
    Queued,
    Reason,
    Reasons,
    Reschedule,
    Send,
    TextWarning,
    WouldGet,
)
from daemon.campaigns import (
    cloning,
    create,
    failures,
    gone,
    lifecycle,
    progress,
    queries,
    recipients,
    scheduling,
    telling,
    trial,
)
from daemon.campaigns import report as job_report
from daemon.campaigns.draft_content import ChosenTemplate
from daemon.campaigns.funnel import late_before
from daemon.campaigns.idempotency import Once
from daemon.campaigns.refusals import Why as OfCampaigns
from daemon.campaigns.rows import JobRow
from daemon.config import Settings
from daemon.contacts import repairs
from daemon.db import clock
from daemon.delivery.enqueue import EXTERNAL_ID
from daemon.delivery.forgetting import Kind
from daemon.errors import AttachmentLost, ChoosePhoneColumn, IllegalMove, NotFound, Unauthorized
from daemon.formats import placeholders
from daemon.formats.workbook import Workbook
from daemon.server.refusals import Why as OfServer
from daemon.server.scopes import Scope
from daemon.states import JobState, State

CHUNK = 256 * 1024
NUMBER_AT = 1  # the place of the number in a report's line

Found = Annotated[Search, Field(description="Only those with this text in their name, fields, reason or number.")]
InJobState = Annotated[JobState, Field(description="Only those in this state; waiting for an account is `running`.")]
InState = Annotated[State, Field(description="Only those in this state.")]
FailedBy = Annotated[
    str, Field(max_length=64, description="Only those that failed for this reason, a code of `GET /jobs/{id}/reasons`.")
]
Late = Annotated[
    Flag, Field(description="Only those sent more than 24 hours ago that do not show as delivered: one tick.")
]
ForExcel = Annotated[Flag, Field(description="Mark the file as UTF-8, which Excel needs.")]


@endpoint.post(
    "/send",
    scope=Scope.SEND,
    errors=(NotFound, AttachmentLost, ChoosePhoneColumn, IllegalMove),
    tag="jobs",
    tries=True,
)
def send(caller: Caller, *, body: Send, once: Once) -> Queued:
    """Send a message to many people.

    Invalid numbers do not stop the valid ones; each is listed in `rejected`. With an `Idempotency-Key`, a repeated
    request gets the first answer, and nobody gets the message twice.

    With `dry_run`, and always with a test key, nothing is sent or stored: the answer says who would get it, who would
    be left out and why, and when it would end.
    """
    settings, now = caller.settings, clock.now_ms()
    asked = {name: value for name, value in body if name not in ("message", "dry_run", "template")}
    template = ChosenTemplate(**dict(body.template)) if body.template else None
    order = create.Order(text=body.message, template=template, **asked)
    if body.dry_run or caller.rehearses:
        return _tried(settings, create.check(settings, order, now, trial=True), now)
    checked = create.check(settings, order, now)
    meant = repairs.suggested(
        checked.audience.rejected, directory.country(settings, checked.order.account or settings.account)
    )
    with create.filled(settings, checked, caller.name, now) as job:
        return once.run(lambda: _queued(create.store(settings, checked, caller.name, now, job), meant), now)


@endpoint.post(
    "/jobs/{job_id}/duplicate",
    scope=Scope.SEND,
    errors=(NotFound, AttachmentLost, IllegalMove),
    tag="jobs",
    tries=True,
)
def duplicate(caller: Caller, *, job_id: JobId, body: Duplicate, once: Once) -> Queued:
    """Send a job's message again, or another one, to some of its people, as a new job.

    Whoever has opted out since is skipped when their turn comes, and the limit per person applies. `dry_run` and test
    keys are as with `POST /send`.
    """
    settings, now = caller.settings, clock.now_ms()
    changed = cloning.Changed(body.message, body.name, body.account, body.schedule_at)
    order = cloning.order(job_id, body.people, body.except_list or 0, changed)
    if body.dry_run or caller.rehearses:
        return _tried(settings, create.check(settings, order, now, trial=True), now)
    checked = create.check(settings, order, now)
    meant = repairs.suggested(
        checked.audience.rejected, directory.country(settings, checked.order.account or settings.account)
    )
    with create.filled(settings, checked, caller.name, now) as job:
        return once.run(lambda: _queued(create.store(settings, checked, caller.name, now, job), meant), now)


@endpoint.post("/jobs/{job_id}/reschedule", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def reschedule(caller: Caller, *, job_id: JobId, body: Reschedule, once: Once) -> JobChanged:
    """Move a scheduled job to another time. One that has begun is 409."""
    now = clock.now_ms()

    def moved() -> JobChanged:
        scheduling.move(job_id, body.schedule_at, caller.name, now)
        return _changed(caller, job_id, "The job starts at the new time.")

    return once.run(moved, now)


@endpoint.post("/jobs/{job_id}/start", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def start_early(caller: Caller, *, job_id: JobId, once: Once) -> JobChanged:
    """Start a scheduled job now, before its time."""
    now = clock.now_ms()

    def started() -> JobChanged:
        scheduling.start(job_id, caller.name, now)
        return _changed(caller, job_id, "The job is started.")

    return once.run(started, now)


@endpoint.get("/jobs", scope=Open.STATUS, tag="jobs")
def jobs(
    caller: Caller,
    *,
    state: InJobState | None = None,
    account: OfAccount | None = None,
    search: Named = "",
    since: Since | None = None,
    until: Until | None = None,
    external_id: ExternalId | None = None,
    cursor: Cursor | None = None,
    limit: Limit = queries.PAGE,
) -> Jobs:
    """Jobs, newest first, a page at a time. Without a key, as limited as `GET /status/{job_id}`.

    `since` and `until` are about when they were made. Without a key `account`, `search` and `external_id` are
    refused, as nothing is told of them.
    """
    if not caller.known and (account or search or external_id):
        raise Unauthorized(OfServer.NO_KEY)
    wanted = queries.Wanted(state, account, search, since, until, external_id)
    rows, after = queries.jobs(cursor, limit, wanted)
    return Jobs(jobs=[shown(caller, row) for row in rows], next_cursor=after)


@endpoint.post("/pause/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def pause(caller: Caller, *, job_id: JobId) -> JobChanged:
    """Pause a job. The message being sent is finished first."""
    lifecycle.pause(job_id, caller.name, clock.now_ms())
    return _changed(caller, job_id, "The job is paused; the message being sent is finished first.")


@endpoint.post("/resume/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def resume(caller: Caller, *, job_id: JobId) -> JobChanged:
    """Resume a paused job. If it is scheduled for later, it waits for that time."""
    lifecycle.resume(job_id, caller.name, clock.now_ms())
    return _changed(caller, job_id, "The job is resumed.")


@endpoint.post("/stop/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def stop(caller: Caller, *, job_id: JobId, once: Once) -> JobChanged:
    """Stop a job permanently. Messages that are still queued are cancelled.

    Nothing more is sent from the beginning of the request on; with many messages it takes a while until all are
    `cancelled`, and until then the rest is `pending`. If the answer still says so, they are cancelled a little later.
    """
    now = clock.now_ms()

    def begun() -> JobChanged:
        lifecycle.begin_stop(job_id, caller.name, now)
        return _stopped(caller, job_id)

    answer = once.run(begun, now)
    return once.replace(_stopped(caller, job_id)) if lifecycle.finish_stop(job_id, caller.name, now) else answer


def _stopped(caller: Caller, job_id: int) -> JobChanged:
    if queries.job(job_id).pending:
        return _changed(caller, job_id, "It is stopped; the rest of the queued messages is being cancelled.")
    return _changed(caller, job_id, "The job is stopped; queued messages are cancelled.")


@endpoint.post("/retry/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def retry(caller: Caller, *, job_id: JobId, once: Once, search: Found = "", code: FailedBy | None = None) -> JobChanged:
    """Queue a job's failed messages again; with `search` or `code`, only those that match.

    Many are queued in chunks. If that breaks off, some are queued, and a repeated request queues the rest.
    """
    now = clock.now_ms()

    def made() -> JobChanged:
        lifecycle.retry(job_id, caller.name, now, search, code)
        return changed()

    def changed() -> JobChanged:
        return _changed(caller, job_id, "The failed messages are queued again.")

    if lifecycle.is_small(job_id):
        return once.run(made, now)
    made()
    return once.run(changed, now)


@endpoint.get("/jobs/{job_id}/messages", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def job_messages(
    caller: Caller,
    *,
    job_id: JobId,
    state: InState | None = None,
    search: Found = "",
    code: FailedBy | None = None,
    late: Late = False,
    cursor: Cursor | None = None,
    limit: Limit = queries.PAGE,
) -> Messages:
    """A job's recipients in file order, a page at a time."""
    page = recipients.page(queries.job(job_id), _selection(state, search, code, late), cursor, limit=limit)
    return Messages(messages=[describe(row) for row in page.rows], next_cursor=page.after)


def _selection(state: State | None, search: str, code: str | None, late: bool) -> recipients.Selection:
    return recipients.Selection(state, search, code, late_before(clock.now_ms()) if late else None)


@endpoint.get("/jobs/{job_id}/reasons", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def job_reasons(caller: Caller, *, job_id: JobId) -> Reasons:
    """Why a job's messages have failed, the most frequent reason first.

    Each `code` can be given to `POST /retry/{job_id}`, `GET /jobs/{job_id}/messages` and the reports.
    """
    found = failures.of(queries.job(job_id))
    return Reasons(reasons=[Reason(code=each.code, count=each.count, reason=str(each.why)) for each in found])


@endpoint.post("/jobs/{job_id}/archive", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def archive(caller: Caller, *, job_id: JobId) -> JobChanged:
    """Put a job that is over away from the page's overview. Nothing is deleted, and `GET /jobs` still lists it."""
    lifecycle.archive(job_id, caller.name, clock.now_ms())
    return _changed(caller, job_id, "The job is archived.")


@endpoint.post("/jobs/{job_id}/unarchive", scope=Scope.CONTROL, errors=(NotFound,), tag="jobs")
def unarchive(caller: Caller, *, job_id: JobId) -> JobChanged:
    """Bring an archived job back to the page's overview."""
    lifecycle.unarchive(job_id, caller.name)
    return _changed(caller, job_id, "The job is on the overview again.")


@endpoint.get("/jobs/{job_id}/report.csv", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def report(
    caller: Caller,
    *,
    job_id: JobId,
    state: InState | None = None,
    search: Found = "",
    code: FailedBy | None = None,
    late: Late = False,
    zone: Zone | None = None,
    excel: ForExcel = False,
) -> Csv:
    """A job's recipients in file order, with the outcome and the reply of each, as CSV."""
    row, selection = queries.job(job_id), _selection(state, search, code, late)
    return Csv(job_report.filename(job_id, state, "csv"), _csv(row, _lines(row, selection, zone), zone, excel))


@endpoint.get("/jobs/{job_id}/report.xlsx", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def spreadsheet(
    caller: Caller,
    *,
    job_id: JobId,
    state: InState | None = None,
    search: Found = "",
    code: FailedBy | None = None,
    late: Late = False,
    zone: Zone | None = None,
) -> Xlsx:
    """The same report as an Excel file."""
    row, selection = queries.job(job_id), _selection(state, search, code, late)
    made = Xlsx(job_report.filename(job_id, state, "xlsx"), iter(()))
    made.parts = _workbook(row, _lines(row, selection, zone), zone, made)
    return made


@endpoint.get("/jobs/{job_id}/rejected.csv", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def rejected(caller: Caller, *, job_id: JobId) -> Csv:
    """The rows that were rejected when the job was created, with the reason for each, as CSV."""
    row = queries.job(job_id)
    removed = (["", "", each] for each in gone.why(row, Kind.REJECTED))
    text = job_report.as_csv(job_report.rejected([*row.rejected, *removed]))
    return Csv(f"job-{job_id}-rejected.csv", iter([text.encode()]))


def _lines(job: JobRow, selection: recipients.Selection, zone: str | None) -> Iterator[list[list[int | str]]]:
    """The lines of the selected recipients, a batch at a time; a batch may be empty. Raises NotFound where they were
    removed because of their age."""
    if job.recipients_gone_at is not None:
        raise NotFound(OfCampaigns.RECIPIENTS_REMOVED, job=job.id)
    cursor, now = None, clock.now_ms()
    while True:
        page = recipients.page(job, selection, cursor, limit=MAX_LIMIT)
        yield job_report.lines(page.rows, job.columns, now, zone, job.dry_run)
        cursor = page.after
        if cursor is None:
            return


def _csv(job: JobRow, batches: Iterator[list[list[int | str]]], zone: str | None, excel: bool) -> Iterator[bytes]:
    first = next(batches)  # an invalid selection has to be refused before the answer begins
    yield ((job_report.EXCEL_MARK if excel else "") + _text([job_report.head(job.columns, zone)])).encode()
    yield _text(first).encode()
    for lines in batches:
        yield _text(lines).encode()


def _text(lines: Sequence[Sequence[int | str]]) -> str:
    return job_report.as_csv(lines, plain=NUMBER_AT)


def _workbook(job: JobRow, batches: Iterator[list[list[int | str]]], zone: str | None, made: Xlsx) -> Iterator[bytes]:
    head = job_report.head(job.columns, zone)
    with tempfile.TemporaryFile() as file, closing(Workbook(file, "Recipients", head)) as book:
        for lines in batches:
            book.add(lines)
            yield b""
        book.close()
        made.size = file.tell()
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def _tried(settings: Settings, checked: create.Checked, now: int) -> Queued:
    """What would become of it; nothing is stored."""
    found, audience = trial.of(settings, checked, now), checked.audience
    transport = limits.settings_of(settings, checked.order.account or settings.account).transport
    foreign = placeholders.foreign(checked.order.text, audience.columns)
    waits_for, waits_code = found.waits or (None, None)
    meant = repairs.suggested(audience.rejected, directory.country(settings, checked.order.account or settings.account))
    return Queued(
        message="This is a dry run: nothing is sent, and nothing is stored.",
        job_id=None,
        total_numbers=found.total,
        duplicates_removed=audience.duplicates,
        rejected=Rejected.every(audience.rejected, meant, audience.place),
        note=" ".join(
            [
                "Nothing is sent.",
                *telling.free_text(transport, checked.order.template is not None),
                *(str(each.told) for each in foreign),
            ]
        ),
        warnings=[TextWarning.model_validate(telling.warning(each)) for each in foreign],
        dry_run=True,
        recipients=[
            WouldGet(position=each.position, number=each.number, external_id=each.fields.get(EXTERNAL_ID) or None)
            for each in found.people
        ],
        left_out=Rejected.every(found.left_out, {}, audience.place),
        left_out_total=found.skipped,
        starts_at=found.starts,
        eta=found.ends,
        waits_for=waits_for,
        waits_code=waits_code,
    )


def _queued(created: create.Created, meant: repairs.Suggested) -> Queued:
    return Queued(
        message="The job is scheduled." if created.scheduled else "The job is queued.",
        job_id=created.job_id,
        total_numbers=created.total,
        duplicates_removed=created.duplicates,
        rejected=Rejected.every(created.left_out, meant, created.place),
        note=created.note,
        warnings=[TextWarning.model_validate(each) for each in created.warnings],
    )


def _changed(caller: Caller, job_id: int, message: str) -> JobChanged:
    found = progress.progress(caller.settings, queries.job(job_id), clock.now_ms())
    return JobChanged.model_validate(vars(found) | {"message": message})
