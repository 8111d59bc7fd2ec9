"""Meta's Graph API over HTTP: one session, answers as typed records, errors by what they prove.

A call that cannot begin raises NotSubmitted; one that Meta refuses GraphRefused; of one whose answer is lost or says
nothing certain nobody knows what it did: SubmitUnknown. Neither tokens nor bodies nor numbers are logged.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import structlog

from daemon import errors
from daemon.config import Settings
from daemon.files import handles, trouble
from daemon.formats.cloud_template import Definition
from daemon.i18n.coded import Told, refusal
from daemon.transports.cloud.bodies import kind_of
from daemon.transports.cloud.codes import plain
from daemon.transports.cloud.refusals import Cloud
from daemon.transports.protocol import Attachment

log = structlog.get_logger()

CONNECT_S, ANSWER_S, IDLE_S = 10.0, 30.0, 20.0
UPLOAD_BYTES_S = 64 * 1024  # slowest upload that is waited for
MOST_BYTES = 4 << 20  # of an answer
PAGES = 100  # of templates
PER_PAGE = 100
TEMPLATE_FIELDS = "id,name,language,status,category,components,parameter_format,quality_score,rejected_reason"
NUMBER_FIELDS = (
    "display_phone_number,verified_name,quality_rating,status,throughput,name_status,health_status,"
    "whatsapp_business_manager_messaging_limit"
)
HISTORY_FIELDS = "id,message_id,events{delivery_status,timestamp}"
CALLS = frozenset({4, 80007})  # of Meta's codes: too many calls
LONGEST_WAIT_S = 86_400.0
_TRACES = ("x-fb-trace-id", "x-fb-request-id")


@dataclass(frozen=True)
class Taken:
    """The answer to a message. status: as Meta calls it, such as `accepted`."""

    wamid: str
    status: str


@dataclass(frozen=True)
class GraphTemplate:
    """A template as Meta has it. components: as it gives them."""

    id: str
    name: str
    language: str
    status: str
    category: str
    components: list[dict[str, Any]] = field(default_factory=list)
    named: bool = False
    quality: str = ""
    rejected: str = ""


@dataclass(frozen=True)
class Made:
    """A template that Meta has taken to look at. category: the one that it is of now."""

    id: str
    status: str
    category: str


@dataclass(frozen=True)
class Able:
    """Whether messages can be sent: AVAILABLE, LIMITED, BLOCKED, or "" where Meta does not say. codes and details: of
    what is in the way, in Meta's words."""

    can_send: str = ""
    codes: tuple[int, ...] = ()
    details: str = ""


@dataclass(frozen=True)
class GraphNumber:
    """The number that sends. status: such as CONNECTED; quality: GREEN, YELLOW, RED; throughput: STANDARD, HIGH.
    limit: how many people may be written to in 24 hours, such as TIER_2K."""

    shown: str = field(repr=False)
    name: str
    quality: str
    status: str
    throughput: str
    able: Able
    limit: str = ""


@dataclass(frozen=True)
class Happened:
    """What Meta's history tells of a message. status: SENT, DELIVERED, READ, FAILED, DELETED; at: UTC epoch ms."""

    status: str
    at: int


class Graph:
    """The calls of one number. concurrency: how many messages are on their way at once."""

    def __init__(self, settings: Settings, concurrency: int = 8) -> None:
        self._base = f"{settings.cloud_url}/{settings.cloud_version}"
        self._token = settings.cloud_token
        self.number_id, self.account_id = settings.cloud_phone_number_id, settings.cloud_business_account_id
        self._answer_s = min(ANSWER_S, settings.send_timeout_s)
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Begin; again after `close`."""
        await self.close()
        handles.most()  # there may be more connections than the soft limit allows
        # Nobody waits for a connection: who has a turn to send has one.
        connector = aiohttp.TCPConnector(
            limit=self._concurrency + 16, keepalive_timeout=IDLE_S, ttl_dns_cache=60, socket_factory=self._socket
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Authorization": f"Bearer {self._token}", "User-Agent": "wasender"},
            timeout=self._timeout(self._answer_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            raise_for_status=False,
        )

    def _socket(self, of: aiohttp.AddrInfoType) -> socket.socket:
        """One on which nothing leaves once no answer is waited for any more. The kernel would go on trying for minutes,
        even after it was closed: a message would come out of a network that was down when it has been sent again."""
        made = socket.socket(*of[:3])
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * self._answer_s))
        return made

    async def close(self) -> None:
        """End all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, body: Mapping[str, Any]) -> Taken:
        """Hand a message over."""
        answer = await self._call("POST", f"{self.number_id}/messages", json=body)
        first = _first(answer.get("messages"))
        wamid = first.get("id")
        if not isinstance(wamid, str) or not wamid:
            raise errors.SubmitUnknown(Cloud.UNCLEAR, status=200)
        return Taken(wamid, str(first.get("message_status") or "accepted"))

    async def upload(self, file: Attachment) -> str:
        """Give Meta a file; its id there."""
        kind = file.mimetype.partition(";")[0] if kind_of(file) != "document" else file.mimetype
        try:
            content = await asyncio.to_thread(file.path.open, "rb")
        except OSError as error:
            raise errors.AttachmentMissing(Cloud.NOT_READABLE, reason=trouble.reason(error)) from None
        with content:
            form = aiohttp.FormData()
            form.add_field("messaging_product", "whatsapp")
            form.add_field("type", kind)
            form.add_field("file", content, filename=file.filename, content_type=kind)
            wait = self._timeout(self._answer_s + file.size / UPLOAD_BYTES_S)
            answer = await self._call("POST", f"{self.number_id}/media", data=form, timeout=wait)
        if not answer.get("id"):
            raise errors.SubmitUnknown(Cloud.UNCLEAR, status=200)
        return str(answer["id"])

    async def number(self) -> GraphNumber:
        """The number, and whether it can send."""
        answer = await self._call("GET", self.number_id, params={"fields": NUMBER_FIELDS})
        throughput = answer.get("throughput")
        return GraphNumber(
            shown=_text(answer, "display_phone_number"),
            name=_text(answer, "verified_name"),
            quality=_text(answer, "quality_rating"),
            status=_text(answer, "status"),
            throughput=_text(throughput, "level") if isinstance(throughput, dict) else "",
            able=_able(answer.get("health_status")),
            limit=_text(answer, "whatsapp_business_manager_messaging_limit"),
        )

    async def subscribed(self) -> list[str]:
        """The names of the apps that are told what happens in the business account."""
        answer = await self._call("GET", f"{self.account_id}/subscribed_apps")
        found = (each.get("whatsapp_business_api_data") for each in _rows(answer))
        return [_text(each, "name") for each in found if isinstance(each, dict)]

    async def templates(self) -> AsyncIterator[GraphTemplate]:
        """All templates of the business account, page after page."""
        after: str | None = None
        for _ in range(PAGES):
            params = {"fields": TEMPLATE_FIELDS, "limit": str(PER_PAGE)} | ({"after": after} if after else {})
            answer = await self._call("GET", f"{self.account_id}/message_templates", params=params)
            for each in _rows(answer):
                yield _template(each)
            paging = answer.get("paging")
            cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
            after = cursors.get("after") if isinstance(cursors, dict) else None
            if not after:
                return

    async def create_template(self, definition: Definition) -> Made:
        """Hand in a new template: name, language, category and components, as Meta takes them."""
        answer = await self._call("POST", f"{self.account_id}/message_templates", json=definition)
        return Made(_text(answer, "id"), _text(answer, "status"), _text(answer, "category"))

    async def history(self, wamid: str) -> list[Happened]:
        """What became of a message; nothing where Meta does not say."""
        params = {"message_id": wamid, "fields": HISTORY_FIELDS, "limit": "25"}
        answer = await self._call("GET", f"{self.number_id}/message_history", params=params)
        found = []
        for entry in _rows(answer):
            events = entry.get("events")
            for event in _rows(events) if isinstance(events, dict) else ():
                if entry.get("message_id") == wamid and str(event.get("timestamp", "")).isdigit():
                    found.append(Happened(_text(event, "delivery_status"), int(event["timestamp"]) * 1000))
        return found

    @staticmethod
    def _timeout(total_s: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=total_s, sock_connect=CONNECT_S)

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Make a call; its answer, which is no error. Raises NotSubmitted, GraphRefused, SubmitUnknown."""
        if self._session is None:
            raise errors.NotSubmitted(Cloud.UNREACHED, error="closed")
        began = asyncio.get_running_loop().time()
        try:
            url = f"{self._base}/{path}"
            async with self._session.request(method, url, allow_redirects=False, **options) as response:
                content = await _read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:  # before anything was written
            raise errors.NotSubmitted(Cloud.UNREACHED, error=type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("graph.unanswered", call=_name(path), error=type(error).__name__)
            raise errors.SubmitUnknown(Cloud.NO_ANSWER) from None
        elapsed_ms = round((asyncio.get_running_loop().time() - began) * 1000)
        answer = _json(content)
        fault = answer.get("error") if answer is not None else None
        code = _whole(fault.get("code")) if isinstance(fault, dict) else None
        trace = next((response.headers[name] for name in _TRACES if name in response.headers), None)
        say = log.debug if code is None and response.status < 400 else log.info
        told = {"status": response.status, "code": code, "trace": trace, "elapsed_ms": elapsed_ms}
        say("graph.answered", call=_name(path), **told)
        if isinstance(fault, dict):
            raise _refused(fault, response)
        if 200 <= response.status < 300 and answer is not None:
            return answer
        if 400 <= response.status < 500:
            raise errors.GraphRefused(None, 0, "", response.status, _asked_s(response.headers))
        raise errors.SubmitUnknown(Cloud.UNCLEAR, status=response.status)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MOST_BYTES:
            response.close()
            break
    return bytes(content)


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refused(fault: dict[str, Any], response: aiohttp.ClientResponse) -> errors.GraphRefused:
    data = fault.get("error_data")
    details = _text(data, "details") if isinstance(data, dict) else ""
    words = details or _text(fault, "error_user_msg") or _text(fault, "message")
    code, subcode = _whole(fault.get("code")), _whole(fault.get("error_subcode"))
    wait_s = _asked_s(response.headers)
    if code in CALLS:
        wait_s = max(wait_s, _regained_s(response.headers))
    return errors.GraphRefused(code, subcode or 0, plain(words), response.status, wait_s)


def _asked_s(headers: Mapping[str, str]) -> float:
    """How long Meta asks to wait; 0 where it does not say."""
    asked = headers.get("Retry-After", "").strip()
    found = 0.0
    if asked.isdigit():
        found = float(asked)
    elif asked:
        try:
            until = parsedate_to_datetime(asked)
            date = parsedate_to_datetime(headers.get("Date", ""))
            found = (until.astimezone(UTC) - date.astimezone(UTC)).total_seconds()
        except (ValueError, TypeError):
            pass
    return min(max(found, 0.0), LONGEST_WAIT_S)


def _regained_s(headers: Mapping[str, str]) -> float:
    """When calls are taken again, after too many of them: other limits do not end then."""
    found = 0.0
    usage = _json(headers.get("X-Business-Use-Case-Usage", "").encode()) or {}
    for entries in usage.values():
        for entry in entries if isinstance(entries, list) else ():
            minutes = _whole(entry.get("estimated_time_to_regain_access")) if isinstance(entry, dict) else None
            found = max(found, (minutes or 0) * 60.0)
    return min(found, LONGEST_WAIT_S)


def _able(found: Any) -> Able:
    if not isinstance(found, dict):
        return Able()
    codes, words = [], []
    for entity in found.get("entities") or ():
        for each in (entity.get("errors") or ()) if isinstance(entity, dict) else ():
            codes.append(_whole(each.get("error_code")) or 0)
            words.append(" ".join(filter(None, (_text(each, "error_description"), _text(each, "possible_solution")))))
    return Able(_text(found, "can_send_message"), tuple(codes), plain(" ".join(words)))


def _template(found: dict[str, Any]) -> GraphTemplate:
    score = found.get("quality_score")
    return GraphTemplate(
        id=_text(found, "id"),
        name=_text(found, "name"),
        language=_text(found, "language"),
        status=_text(found, "status"),
        category=_text(found, "category"),
        components=[each for each in found.get("components") or () if isinstance(each, dict)],
        named=_text(found, "parameter_format") == "NAMED",
        quality=_text(score, "score") if isinstance(score, dict) else "",
        rejected=_text(found, "rejected_reason"),
    )


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found = answer.get("data")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _first(found: Any) -> dict[str, Any]:
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return "" if value is None else str(value)


def _whole(value: Any) -> int | None:
    """Meta writes some codes as text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _name(path: str) -> str:
    """What the call is for, without ids."""
    return path.partition("/")[2] or "object"


def words(error: errors.TransportError) -> Told:
    """Why it failed, for people."""
    if isinstance(error, errors.GraphRefused) and error.code is None:
        return refusal(Cloud.AT_THE_DOOR, status=error.status)
    return error.told
