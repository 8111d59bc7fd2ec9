"""The REST API. Each handler parses, makes one call, answers; shapes as in the README."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import segno
from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from daemon import accounts, campaigns, errors, evidence, uploads
from daemon.db import now_ms
from daemon.metrics import exposition
from daemon.models import Event, Message
from daemon.transports import AccountState
from daemon.web import SETTINGS, authorized, caller, given_key, in_db, require_key

routes = web.RouteTableDef()

CHUNK = 256 * 1024
MAX_CONTACTS = 32 * 1024 * 1024
MAX_LIMIT = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
MAX_TIME = 253_402_300_799_999  # the end of the year 9999
ID = r"{id:\d{1,18}}"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Send(Body):
    """The body of POST /send."""

    message: StrictStr = ""
    numbers: list[Any] | None = None  # each is judged on its own: a bad one never sinks the good ones
    recipients: list[Any] | None = None
    upload_id: StrictStr | None = None
    attachments: list[StrictStr] = []
    delay_min: Annotated[float, Field(ge=0, strict=True)] | None = None
    delay_max: Annotated[float, Field(ge=0, strict=True)] | None = None
    name: StrictStr | None = None
    account: StrictStr | None = None
    schedule_at: Annotated[int, Field(ge=0, le=MAX_TIME)] | AwareDatetime | None = None

    def order(self, key: str | None) -> campaigns.Order:
        at = self.schedule_at
        given = self.model_dump(exclude={"message", "schedule_at"})
        schedule_at = round(at.timestamp() * 1000) if isinstance(at, datetime) else at
        return campaigns.Order(text=self.message, schedule_at=schedule_at, key=key, **given)


class Suppress(Body):
    """The body of POST and DELETE /suppressions."""

    number: StrictStr
    reason: StrictStr = "asked not to be written to"


class Decide(Body):
    """The body of POST /messages/{id}/decide."""

    sent: StrictBool


B = TypeVar("B", bound=Body)


async def parse(request: web.Request, shape: type[B]) -> B:
    """The request's JSON body. Raises MalformedRequest, InvalidInput (names the field and what is wrong)."""
    try:
        text = (await request.read()).decode()
    except UnicodeDecodeError:
        raise errors.MalformedRequest("The body is not UTF-8: send JSON in UTF-8.") from None
    try:
        return shape.model_validate_json(text or "null")
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise errors.MalformedRequest(f"The body is not valid JSON: {first['ctx']['error']}.") from None
        place = ".".join(str(part) for part in first["loc"][:2]) or "The body"
        if first["type"] == "extra_forbidden":
            known = ", ".join(shape.model_fields)
            raise errors.InvalidInput(f"The field {place[:40]} is unknown: {known} are possible.") from None
        raise errors.InvalidInput(f"{place}: {first['msg'].lower()}.") from None


@routes.post("/send")
async def send(request: web.Request) -> web.Response:
    require_key(request)
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 255 and key.isascii()):
        raise errors.InvalidInput("The Idempotency-Key is 1 to 255 characters long, all of them ASCII.")
    order = (await parse(request, Send)).order(key)
    return web.json_response(await in_db(request, campaigns.create, request.app[SETTINGS], order, caller(request)))


@routes.get(f"/status/{ID}")
async def status(request: web.Request) -> web.Response:
    _require_open(request)
    found = await in_db(request, _progress, request, _id(request))
    return web.json_response(_public(request, found))


@routes.get("/jobs")
async def jobs(request: web.Request) -> web.Response:
    _require_open(request)
    found, cursor = await in_db(request, _progresses, request, _number(request, "cursor"), _limit(request))
    return web.json_response({"jobs": [_public(request, each) for each in found], "next_cursor": cursor})


def _progress(request: web.Request, job_id: int) -> dict[str, Any]:
    return campaigns.progress(request.app[SETTINGS], campaigns.job(job_id))


def _progresses(request: web.Request, cursor: int | None, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    rows, after = campaigns.jobs(cursor, limit)
    return [campaigns.progress(request.app[SETTINGS], row) for row in rows], after


def _require_open(request: web.Request) -> None:
    if given_key(request) or not request.app[SETTINGS].open_status:
        require_key(request)


def _public(request: web.Request, found: dict[str, Any]) -> dict[str, Any]:
    """All of it with the key; states and counts without."""
    return found if authorized(request) else found | {"name": None, "account": None, "reason": None}


@routes.post(f"/pause/{ID}")
async def pause(request: web.Request) -> web.Response:
    return await _changed(request, campaigns.pause, "The job is paused; the message in hand is finished.")


@routes.post(f"/resume/{ID}")
async def resume(request: web.Request) -> web.Response:
    return await _changed(request, campaigns.resume, "The job goes on.")


@routes.post(f"/stop/{ID}")
async def stop(request: web.Request) -> web.Response:
    return await _changed(request, campaigns.stop, "The job is stopped; what was still queued is cancelled.")


@routes.post(f"/retry/{ID}")
async def retry(request: web.Request) -> web.Response:
    return await _changed(request, campaigns.retry, "The failed messages are queued again.")


async def _changed(request: web.Request, change: Any, message: str) -> web.Response:
    require_key(request)
    job_id = _id(request)
    await in_db(request, change, job_id, caller(request))
    found = await in_db(request, _progress, request, job_id)
    return web.json_response({"success": True, "message": message, **found})


@routes.get(f"/jobs/{ID}/messages")
async def messages(request: web.Request) -> web.Response:
    require_key(request)
    cursor, limit = _number(request, "cursor"), _limit(request)
    rows, after = await in_db(request, campaigns.messages, _id(request), request.query.get("state"), cursor, limit)
    return web.json_response({"messages": [describe(row) for row in rows], "next_cursor": after})


@routes.get("/messages")
async def messages_everywhere(request: web.Request) -> web.Response:
    """Messages of all jobs in one state, such as `?state=uncertain`: those a person has to decide on."""
    require_key(request)
    cursor, limit = _number(request, "cursor"), _limit(request)
    state = request.query.get("state", "uncertain")
    rows, after = await in_db(request, campaigns.messages_everywhere, state, cursor, limit)
    return web.json_response(
        {"messages": [{**describe(row), "job_id": row.job_id} for row in rows], "next_cursor": after}
    )


@routes.get(f"/messages/{ID}")
async def message(request: web.Request) -> web.Response:
    """One message, its history, and what its chat looked like when nobody could tell what had become of it."""
    require_key(request)
    return web.json_response(await in_db(request, _message, _id(request)))


def _message(message_id: int) -> dict[str, Any]:
    row, events = campaigns.message(message_id)
    history = {"timeline": [_event(each) for each in events], "evidence": evidence.newest(message_id)}
    return {**describe(row), "job_id": row.job_id, **history}


@routes.get(f"/messages/{ID}/screenshot.png")
async def screenshot(request: web.Request) -> web.Response:
    """The picture of that chat; 404 when none was taken."""
    require_key(request)
    picture = await in_db(request, evidence.screenshot, _id(request))
    return web.Response(body=picture, content_type="image/png", headers={"Cache-Control": "no-store"})


@routes.post(f"/messages/{ID}/decide")
async def decide(request: web.Request) -> web.Response:
    """A person says what became of an uncertain message: `{"sent": true}`, or false to send it again."""
    require_key(request)
    sent = (await parse(request, Decide)).sent
    row = await in_db(request, campaigns.settle, _id(request), sent, caller(request))
    return web.json_response({"success": True, **describe(row)})


def describe(row: Message) -> dict[str, Any]:
    """One message as the API shows it."""
    names = ("id", "row", "number", "fields", "state", "attempts", "error", "not_before", "sent_at", "delivered_at")
    return {name: getattr(row, name) for name in names} | {"read_at": row.read_at}


def _event(row: Event) -> dict[str, Any]:
    return {"at": row.at, "who": row.who, "move": row.move, "from": row.source, "to": row.target, "why": row.why}


@routes.get(f"/jobs/{ID}/report.csv")
async def report(request: web.Request) -> web.StreamResponse:
    """Every recipient of a job, in file order; `?excel=1` marks it as UTF-8 for Excel."""
    require_key(request)
    found = await in_db(request, campaigns.job, _id(request))
    response = web.StreamResponse(headers=_download(f"job-{found.id}-report.csv"))
    await response.prepare(request)
    head = ["row", "number", *_report_titles(found.columns), *REPORTED]
    mark = "\ufeff" if request.query.get("excel") else ""
    await response.write((mark + _csv([head])).encode())
    cursor: int | None = None
    while True:
        rows, cursor = await in_db(request, campaigns.messages, found.id, None, cursor, MAX_LIMIT)
        await response.write(_csv(_report_row(row, found.columns) for row in rows).encode())
        if cursor is None:
            return response


REPORTED = ("state", "attempts", "reason", "sent_at", "delivered_at", "read_at")


def _report_titles(columns: list[str]) -> list[str]:
    """The fields' titles: `_field` is added to one that is a title of the report's own, until no other has it."""
    taken, titles = {"row", "number", *REPORTED}, []
    for name in columns:
        title = name
        while title in taken or (title != name and title in columns):
            title += "_field"
        taken.add(title)
        titles.append(title)
    return titles


def _report_row(row: Message, columns: list[str]) -> list[object]:
    times = (row.sent_at, row.delivered_at, row.read_at)
    fields: Mapping[str, str] = row.fields
    return [
        row.row,
        row.number,
        *(_harmless(fields.get(name, "")) for name in columns),
        row.state,
        row.attempts,
        _harmless(row.error or ""),
        *(datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds") if at else "" for at in times),
    ]


@routes.get(f"/jobs/{ID}/rejected.csv")
async def rejected(request: web.Request) -> web.Response:
    """The rows that were refused when the job was made, each with its reason."""
    require_key(request)
    found = await in_db(request, campaigns.job, _id(request))
    rows = [[row, _harmless(value), _harmless(reason)] for row, value, reason in found.rejected]
    text = _csv([["row", "value", "reason"], *rows])
    return web.Response(text=text, headers=_download(f"job-{found.id}-rejected.csv"))


def _csv(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _harmless(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + value if value.startswith(FORMULA) else value


def _download(name: str) -> dict[str, str]:
    return {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": f'attachment; filename="{name}"'}


@routes.post("/upload")
async def upload(request: web.Request) -> web.Response:
    require_key(request)
    form, part = await file_part(request)
    data = bytearray()
    async for chunk in _chunks(form, part):
        data += chunk
        if len(data) > MAX_CONTACTS:
            raise errors.TooLarge("The contacts file is larger than 32 MB: split it, or save it as CSV.")
    country = request.app[SETTINGS].default_country
    return web.json_response(
        await in_db(request, uploads.add_contacts, bytes(data), part.filename or "contacts", country)
    )


@routes.post("/upload_attachment")
async def upload_attachment(request: web.Request) -> web.Response:
    require_key(request)
    settings = request.app[SETTINGS]
    form, part = await file_part(request)
    place = settings.data_dir / "attachments" / f"{secrets.token_hex(8)}.part"
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        await _store(form, part, place, settings.max_upload_mb)
        found = await in_db(request, uploads.add_attachment, settings, place, part.filename or "file")
    finally:
        place.unlink(missing_ok=True)
    return web.json_response(found)


async def _store(form: MultipartReader, part: BodyPartReader, place: Path, max_mb: int) -> None:
    size = 0
    with place.open("wb") as file:
        async for chunk in _chunks(form, part):
            size += len(chunk)
            if size > max_mb * 1024 * 1024:
                raise errors.TooLarge(f"The file is larger than {max_mb} MB, the limit set by WASENDER_MAX_UPLOAD_MB.")
            file.write(chunk)


async def file_part(request: web.Request) -> tuple[MultipartReader, BodyPartReader]:
    """The multipart form, and its part `file`. Raises MalformedRequest."""
    if request.content_type == "multipart/form-data":
        try:
            form = await request.multipart()
            async for part in form:
                if isinstance(part, BodyPartReader) and part.name == "file":
                    return form, part
        except (ValueError, BadHttpMessage):
            pass
    raise errors.MalformedRequest(
        "Send the file as multipart/form-data in a part named file: curl -F file=@contacts.csv"
    )


async def _chunks(form: MultipartReader, part: BodyPartReader) -> AsyncIterator[bytes]:
    """The part's bytes, all of them. Raises MalformedRequest."""
    try:
        while chunk := await part.read_chunk(CHUNK):
            yield bytes(chunk)
        await form.next()  # raises when no boundary follows
    except (ValueError, BadHttpMessage):
        raise errors.MalformedRequest("The upload ends in the middle of the file: send it again.") from None


@routes.get("/accounts")
async def all_accounts(request: web.Request) -> web.Response:
    require_key(request)
    rows, now = await in_db(request, accounts.every), await in_db(request, now_ms)
    return web.json_response({"accounts": [accounts.describe(row, now) for row in rows]})


@routes.get("/accounts/{name}")
async def account(request: web.Request) -> web.Response:
    require_key(request)
    row = await in_db(request, accounts.find, request.match_info["name"])
    return web.json_response(accounts.describe(row, await in_db(request, now_ms)))


@routes.get("/accounts/{name}/qr.svg")
async def qr(request: web.Request) -> web.Response:
    """The QR code to scan, drawn from its payload; 404 while there is none."""
    require_key(request)
    row = await in_db(request, accounts.find, request.match_info["name"])
    if row.state != AccountState.NEEDS_LINK or not row.qr or not accounts.alive(row, await in_db(request, now_ms)):
        raise errors.NotFound(f"Account {row.name} shows no QR code now: it is {row.state}.")
    picture = io.BytesIO()
    segno.make(row.qr, micro=False).save(picture, kind="svg", scale=6, border=4, light="#fff", xmldecl=False)
    return web.Response(body=picture.getvalue(), content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@routes.get("/suppressions")
async def suppressions(request: web.Request) -> web.Response:
    require_key(request)
    return web.json_response({"suppressions": await in_db(request, campaigns.suppressions)})


@routes.post("/suppressions")
async def suppress(request: web.Request) -> web.Response:
    require_key(request)
    body = await parse(request, Suppress)
    settings = request.app[SETTINGS]
    row = await in_db(request, campaigns.suppress, settings, body.number, body.reason, caller(request))
    return web.json_response({"success": True, **row})


@routes.delete("/suppressions")
async def unsuppress(request: web.Request) -> web.Response:
    require_key(request)
    body = await parse(request, Suppress)
    await in_db(request, campaigns.unsuppress, request.app[SETTINGS], body.number)
    return web.json_response({"success": True})


@routes.get("/health")
async def health(request: web.Request) -> web.Response:
    """Alive: the process answers."""
    return web.json_response({"status": "ok"})


@routes.get("/ready")
async def ready(request: web.Request) -> web.Response:
    """Can send: 200 when an account can, else 503 and what it waits for."""
    rows, now = await in_db(request, accounts.every), await in_db(request, now_ms)
    if any(accounts.can_send(row, now) for row in rows):
        return web.json_response({"ready": True})
    if not authorized(request):
        return web.json_response({"ready": False}, status=503)
    reasons = [campaigns.explain(row, now) for row in rows]
    waiting = [
        {"name": row.name, "state": row.state, "hold": row.hold, "until": row.until, "reason": why}
        for row, why in zip(rows, reasons, strict=True)
    ]
    reason = "; ".join(reasons) or "No sender has started yet."
    return web.json_response({"ready": False, "reason": reason, "accounts": waiting}, status=503)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    require_key(request)
    text = await in_db(request, exposition)
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None or text == "":
        return None
    if not text.isdecimal() or len(text) > 18:
        raise errors.InvalidInput(f"{name} is a whole number, taken from next_cursor.")
    return int(text)


def _limit(request: web.Request) -> int:
    limit = _number(request, "limit")
    if limit is None:
        return campaigns.PAGE
    if not 1 <= limit <= MAX_LIMIT:
        raise errors.InvalidInput(f"limit is 1 to {MAX_LIMIT}.")
    return limit
