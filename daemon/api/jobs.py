"""Jobs: send, look, pause, resume, stop, retry, and what each recipient got, as files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Annotated, Any

from pydantic import Field

from daemon import campaigns, exports, masking, recipients
from daemon.api import endpoint
from daemon.api.answers import Csv, Xlsx
from daemon.api.endpoint import Caller, Open
from daemon.api.messages import describe
from daemon.api.parameters import MAX_LIMIT, Cursor, Flag, JobId, Limit, Search
from daemon.api.schemas.jobs import Job, JobChanged, Jobs, Messages, Queued, Send
from daemon.api.uploads import rejected_rows
from daemon.errors import AttachmentLost, IllegalMove, NotFound
from daemon.idempotency import Once
from daemon.models import Job as Row
from daemon.models import State
from daemon.server.scopes import Scope
from daemon.spreadsheet import Workbook

CHUNK = 256 * 1024
NUMBER_AT = 1  # the place of the number in a report's line

Found = Annotated[Search, Field(description="Only those in whose name, field, reason or number this text is.")]
InState = Annotated[State, Field(description="Only those in this state.")]
ForExcel = Annotated[Flag, Field(description="Mark the file as UTF-8, which Excel needs.")]


@endpoint.post("/send", scope=Scope.SEND, errors=(NotFound, AttachmentLost), tag="jobs")
def send(caller: Caller, *, body: Send, once: Once) -> Queued:
    """Send a message to many people.

    Bad numbers never sink the good ones; each is named in `rejected`. With an `Idempotency-Key` a repeat gets the first
    answer, and nobody is written to twice.
    """
    settings = caller.settings
    order = campaigns.Order(text=body.message, **body.model_dump(exclude={"message"}))
    checked = campaigns.check(settings, order)
    return once.run(lambda: _queued(campaigns.store(settings, checked, caller.name)))


@endpoint.get("/status/{job_id}", scope=Open.STATUS, errors=(NotFound,), tag="jobs")
def status(caller: Caller, *, job_id: JobId) -> Job:
    """How far a job has come. Without a key: states and counts only, unless the installation closes that, too."""
    return _job(caller, campaigns.job(job_id))


@endpoint.get("/jobs", scope=Open.STATUS, tag="jobs")
def jobs(caller: Caller, *, cursor: Cursor | None = None, limit: Limit = campaigns.PAGE) -> Jobs:
    """Jobs, newest first, a page at a time. Without a key as `GET /status/{job_id}`."""
    rows, after = campaigns.jobs(cursor, limit)
    return Jobs(jobs=[_job(caller, row) for row in rows], next_cursor=after)


@endpoint.post("/pause/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def pause(caller: Caller, *, job_id: JobId) -> JobChanged:
    """Pause a job. The message in hand is finished."""
    campaigns.pause(job_id, caller.name)
    return _changed(caller, job_id, "The job is paused; the message in hand is finished.")


@endpoint.post("/resume/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def resume(caller: Caller, *, job_id: JobId) -> JobChanged:
    """Let a paused job go on; before its time it waits for that."""
    campaigns.resume(job_id, caller.name)
    return _changed(caller, job_id, "The job goes on.")


@endpoint.post("/stop/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def stop(caller: Caller, *, job_id: JobId) -> JobChanged:
    """End a job for good. What is still queued is cancelled."""
    campaigns.stop(job_id, caller.name)
    return _changed(caller, job_id, "The job is stopped; what was still queued is cancelled.")


@endpoint.post("/retry/{job_id}", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def retry(caller: Caller, *, job_id: JobId, search: Found = "") -> JobChanged:
    """Queue the failed messages of a job again; with `search` those that it finds."""
    campaigns.retry(job_id, caller.name, search)
    return _changed(caller, job_id, "The failed messages are queued again.")


@endpoint.get("/jobs/{job_id}/messages", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def job_messages(
    caller: Caller,
    *,
    job_id: JobId,
    state: InState | None = None,
    search: Found = "",
    cursor: Cursor | None = None,
    limit: Limit = campaigns.PAGE,
) -> Messages:
    """A job's recipients in file order, a page at a time."""
    page = recipients.page(campaigns.job(job_id), recipients.Selection(state, search), cursor, limit=limit)
    return Messages(messages=[describe(row) for row in page.rows], next_cursor=page.after)


@endpoint.get("/jobs/{job_id}/report.csv", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def report(
    caller: Caller, *, job_id: JobId, state: InState | None = None, search: Found = "", excel: ForExcel = False
) -> Csv:
    """A job's recipients in file order, and what became of each, as CSV."""
    row, selection = campaigns.job(job_id), recipients.Selection(state, search)
    return Csv(exports.filename(job_id, state, "csv"), _csv(row, _lines(row, selection), excel))


@endpoint.get("/jobs/{job_id}/report.xlsx", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def spreadsheet(caller: Caller, *, job_id: JobId, state: InState | None = None, search: Found = "") -> Xlsx:
    """The same as a spreadsheet for Excel and its like."""
    row, selection = campaigns.job(job_id), recipients.Selection(state, search)
    made = Xlsx(exports.filename(job_id, state, "xlsx"), iter(()))
    made.parts = _workbook(row, _lines(row, selection), made)
    return made


@endpoint.get("/jobs/{job_id}/rejected.csv", scope=Scope.READ, errors=(NotFound,), tag="jobs")
def rejected(caller: Caller, *, job_id: JobId) -> Csv:
    """The rows that were refused when the job was made, each with its reason, as CSV."""
    text = masking.text(exports.as_csv([exports.REJECTED, *campaigns.job(job_id).rejected]))
    return Csv(f"job-{job_id}-rejected.csv", iter([text.encode()]))


def _lines(job: Row, selection: recipients.Selection) -> Iterator[list[list[int | str]]]:
    """The lines of those selected, a batch at a time; a batch may be empty."""
    cursor: int | None = None
    while True:
        page = recipients.page(job, selection, cursor, limit=MAX_LIMIT)
        yield [exports.line(row, job.columns) for row in page.rows]
        cursor = page.after
        if cursor is None:
            return


def _csv(job: Row, batches: Iterator[list[list[int | str]]], excel: bool) -> Iterator[bytes]:
    first = next(batches)  # what cannot be selected is refused before the answer begins
    yield ((exports.EXCEL_MARK if excel else "") + _text([exports.head(job.columns)])).encode()
    yield _text(first).encode()
    for lines in batches:
        yield _text(lines).encode()


def _text(lines: Sequence[Sequence[int | str]]) -> str:
    return exports.as_csv(lines, plain=NUMBER_AT)


def _workbook(job: Row, batches: Iterator[list[list[int | str]]], made: Xlsx) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file, closing(Workbook(file, "Recipients", exports.head(job.columns))) as book:
        for lines in batches:
            book.add(lines)
            yield b""
        book.close()
        made.size = file.tell()
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def _queued(answer: dict[str, Any]) -> Queued:
    return Queued.model_validate(answer | {"rejected": rejected_rows(answer["rejected"])})


def _job(caller: Caller, row: Row) -> Job:
    """All of it for those who have a key; states and counts for others."""
    found = campaigns.progress(caller.settings, row)
    hidden = {} if caller.known else dict.fromkeys(("name", "account", "reason", "code"))
    return Job.model_validate(found | hidden)


def _changed(caller: Caller, job_id: int, message: str) -> JobChanged:
    return JobChanged.model_validate(campaigns.progress(caller.settings, campaigns.job(job_id)) | {"message": message})
