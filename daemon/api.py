"""The REST API. Each handler parses, makes one call, answers; shapes as in the README."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import segno
from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from daemon import accounts, campaigns, errors, evidence, exports, recipients, standing, uploads, wishes
from daemon.db import now_ms
from daemon.metrics import exposition
from daemon.models import Event, Job, Message
from daemon.spreadsheet import Workbook
from daemon.transports import AccountState
from daemon.web import SETTINGS, Role, authorized, caller, given_key, in_db, require, require_key

routes = web.RouteTableDef()

CHUNK = 256 * 1024
MAX_CONTACTS = 32 * 1024 * 1024
MAX_LIMIT = 1000
NUMBER_AT = 1  # the place of the number in a report's line
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
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
    window: StrictStr | None = None
    daily_cap: Annotated[int, Field(ge=0, strict=True)] | None = None

    def order(self, key: str | None) -> campaigns.Order:
        at = self.schedule_at
        given = self.model_dump(exclude={"message", "schedule_at"})
        schedule_at = round(at.timestamp() * 1000) if isinstance(at, datetime) else at
        return campaigns.Order(text=self.message, schedule_at=schedule_at, key=key, **given)


class Limit(Body):
    """The body of PATCH /accounts/{name}: what is not named stays; null is what the settings say."""

    hourly_cap: Annotated[int, Field(strict=True)] | None = None
    daily_cap: Annotated[int, Field(strict=True)] | None = None
    quiet_hours: StrictStr | None = None
    timezone: StrictStr | None = None


class Link(Body):
    """The body of POST /accounts/{name}/link: the phone's number, for a code; none for the QR code."""

    number: StrictStr | None = None


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
    """Queue the failed messages again; those that `?search=` finds."""
    search = request.query.get("search", "")
    return await _changed(request, campaigns.retry, "The failed messages are queued again.", search)


async def _changed(request: web.Request, change: Any, message: str, *arguments: Any) -> web.Response:
    require_key(request)
    job_id = _id(request)
    await in_db(request, change, job_id, caller(request), *arguments)
    found = await in_db(request, _progress, request, job_id)
    return web.json_response({"success": True, "message": message, **found})


@routes.get(f"/jobs/{ID}/messages")
async def messages(request: web.Request) -> web.Response:
    """A job's recipients in file order, those of `?state=` that `?search=` finds (name, field, reason, number)."""
    require_key(request)
    return web.json_response(await in_db(request, _messages, request, _number(request, "cursor"), _limit(request)))


def _messages(request: web.Request, cursor: int | None, limit: int) -> dict[str, Any]:
    page = recipients.page(campaigns.job(_id(request)), _selection(request), cursor, limit=limit)
    return {"messages": [describe(row) for row in page.rows], "next_cursor": page.after}


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
    """The picture of that chat; 404 when none was taken. Not for viewers: it shows whom and what."""
    require(request, Role.OPERATOR)
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
    """A job's recipients in file order, all or those of `?state=` and `?search=`; `?excel=1` marks it as UTF-8."""
    require_key(request)
    found = await in_db(request, campaigns.job, _id(request))
    pages, selection = _pages(request, found), _selection(request)
    rows = await anext(pages)  # what cannot be selected is refused before the answer begins
    response = web.StreamResponse(headers=_download(exports.filename(found.id, selection.state, "csv")))
    await response.prepare(request)
    await response.write(
        ((exports.EXCEL_MARK if request.query.get("excel") else "") + _csv([exports.head(found.columns)])).encode()
    )
    while rows:
        await response.write(_csv(rows).encode())
        rows = await anext(pages, [])
    return response


@routes.get(f"/jobs/{ID}/report.xlsx")
async def spreadsheet(request: web.Request) -> web.StreamResponse:
    """The same as a spreadsheet for Excel and its like."""
    require_key(request)
    found = await in_db(request, campaigns.job, _id(request))
    with tempfile.TemporaryFile() as file, closing(Workbook(file, "Recipients", exports.head(found.columns))) as book:
        async for rows in _pages(request, found):
            await asyncio.to_thread(book.add, rows)
        await asyncio.to_thread(book.close)
        name = exports.filename(found.id, _selection(request).state, "xlsx")
        response = web.StreamResponse(headers=_download(name, XLSX) | {"Content-Length": str(file.tell())})
        await response.prepare(request)
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            await response.write(chunk)
    return response


def _selection(request: web.Request) -> recipients.Selection:
    return recipients.Selection(request.query.get("state") or None, request.query.get("search", ""))


async def _pages(request: web.Request, job: Job) -> AsyncIterator[list[list[int | str]]]:
    """The lines of those selected, MAX_LIMIT at a time; the first may be empty."""
    cursor: int | None = None
    while True:
        rows, cursor = await in_db(request, _lines, job, _selection(request), cursor)
        yield rows
        if cursor is None:
            return


def _lines(job: Job, selection: recipients.Selection, cursor: int | None) -> tuple[list[list[int | str]], int | None]:
    page = recipients.page(job, selection, cursor, limit=MAX_LIMIT)
    return [exports.line(row, job.columns) for row in page.rows], page.after


def _csv(rows: Sequence[Sequence[int | str]]) -> str:
    return exports.as_csv(rows, plain=NUMBER_AT)


@routes.get(f"/jobs/{ID}/rejected.csv")
async def rejected(request: web.Request) -> web.Response:
    """The rows that were refused when the job was made, each with its reason."""
    require_key(request)
    found = await in_db(request, campaigns.job, _id(request))
    text = exports.as_csv([exports.REJECTED, *found.rejected])
    return web.Response(text=text, headers=_download(f"job-{found.id}-rejected.csv"))


def _download(name: str, kind: str = "text/csv; charset=utf-8") -> dict[str, str]:
    return {"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"'}


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
    place = uploads.new_part(settings)
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
    return web.json_response({"accounts": await in_db(request, _accounts, request)})


def _accounts(request: web.Request) -> list[dict[str, Any]]:
    now = now_ms()
    return [standing.report(request.app[SETTINGS], row, now) for row in accounts.every()]


@routes.get("/accounts/{name}")
async def account(request: web.Request) -> web.Response:
    require_key(request)
    return web.json_response(await in_db(request, _account, request))


def _account(request: web.Request) -> dict[str, Any]:
    row = accounts.find(request.match_info["name"])
    return standing.report(request.app[SETTINGS], row, now_ms())


@routes.patch("/accounts/{name}")
async def limit(request: web.Request) -> web.Response:
    """Caps and quiet hours of the account's own: they hold from the next message on."""
    require(request, Role.ADMIN)
    changes = (await parse(request, Limit)).model_dump(exclude_unset=True)
    await in_db(request, accounts.limit, request.match_info["name"], changes, caller(request))
    return web.json_response(await in_db(request, _account, request))


@routes.post("/accounts/{name}/screenshot")
async def ask_screenshot(request: web.Request) -> web.Response:
    """Have the account's sender take a picture of its browser, for `screenshot.png`."""
    return await _wished(request, wishes.What.SCREENSHOT, Role.OPERATOR)


@routes.post("/accounts/{name}/reload")
async def ask_reload(request: web.Request) -> web.Response:
    """Have it load the page of WhatsApp Web anew."""
    return await _wished(request, wishes.What.RELOAD, Role.OPERATOR)


@routes.post("/accounts/{name}/logout")
async def ask_logout(request: web.Request) -> web.Response:
    """Have it end the link to the phone."""
    return await _wished(request, wishes.What.LOG_OUT, Role.ADMIN)


@routes.post("/accounts/{name}/link")
async def ask_link(request: web.Request) -> web.Response:
    """Link by a code for `{"number": …}`, which `link_code` then gives; without a number by the QR code again."""
    require(request, Role.OPERATOR)
    number = (await parse(request, Link)).number if request.can_read_body else None
    what = wishes.What.LINK_BY_CODE if number else wishes.What.LINK_BY_QR
    return await _wished(request, what, Role.OPERATOR, number or None)


async def _wished(request: web.Request, what: wishes.What, least: Role, number: str | None = None) -> web.Response:
    require(request, least)
    given = (request.app[SETTINGS], request.match_info["name"], what, caller(request), await in_db(request, now_ms))
    await in_db(request, standing.wish, *given, number)
    message = "Its sender is asked for it: GET /accounts/{name} says what comes of it."
    return web.json_response({"success": True, "message": message, **await in_db(request, _account, request)})


@routes.get("/accounts/{name}/screenshot.png")
async def account_screenshot(request: web.Request) -> web.Response:
    """The newest picture of its browser, which may show chats; 404 when none was taken in the last day."""
    require(request, Role.OPERATOR)
    picture = await in_db(request, wishes.screenshot, request.match_info["name"], await in_db(request, now_ms))
    return web.Response(body=picture, content_type="image/png", headers={"Cache-Control": "no-store"})


@routes.get("/accounts/{name}/link_code")
async def link_code(request: web.Request) -> web.Response:
    """The code to enter on the phone; 404 while there is none."""
    require(request, Role.OPERATOR)
    row = await in_db(request, accounts.find, request.match_info["name"])
    if not row.link_code or not accounts.alive(row, await in_db(request, now_ms)):
        raise errors.NotFound(f"Account {row.name} shows no code now: POST /accounts/{row.name}/link asks for one.")
    shown = {"code": row.link_code, "number": row.link_number, "at": row.link_code_at}
    return web.json_response(shown, headers={"Cache-Control": "no-store"})


@routes.get("/accounts/{name}/qr.svg")
async def qr(request: web.Request) -> web.Response:
    """The QR code to scan, drawn from its payload; 404 while there is none. Whoever scans it links their phone."""
    require(request, Role.OPERATOR)
    row = await in_db(request, accounts.find, request.match_info["name"])
    if row.state != AccountState.NEEDS_LINK or not row.qr or not accounts.alive(row, await in_db(request, now_ms)):
        raise errors.NotFound(f"Account {row.name} shows no QR code now: it is {row.state}.")
    picture = io.BytesIO()
    segno.make(row.qr, micro=False).save(picture, kind="svg", scale=6, border=4, light="#fff", xmldecl=False)
    return web.Response(body=picture.getvalue(), content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


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
