"""What Meta posts to a webhook, read into records. Pure; what is sent, and when, is in docs/cloud-api.md.

What is unknown is passed over: Meta adds fields and kinds. What a record needs and does not have, or has in another
form, makes it `Unread`, which is counted: a batch of a thousand is not lost over one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.formats import json_pieces, user_ids
from daemon.formats.storable import storable
from daemon.states import E164, Status
from daemon.transports.cloud.codes import plain

SIGNED = "sha256="  # what the signature begins with
OURS = "whatsapp_business_account"
LARGE = 1 << 20  # bytes of JSON that are read piece by piece: at once they would hold up all others for some 4 ms
LONGEST_WORDS = 500
_SIGNATURE = re.compile(f"{SIGNED}[0-9a-f]{{64}}")
_CALLBACK = re.compile(r"m:(?P<id>\d{1,18}):a:(?P<nth>\d{1,9})(?::j:(?P<job>\d{1,15}))?(?::p:(?P<part>\d{1,4}))?")
_DIGITS = re.compile(r"\+?([1-9]\d{6,14})")
_STATUSES = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "played": Status.READ,
    "failed": Status.FAILED,
}
_FEW = 1_000_000_000_000  # a time in seconds is smaller, one in milliseconds larger


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody, by their number, by their user id (BSUID), by both, or by neither."""

    phone: E164 | None = field(default=None, repr=False)
    bsuid: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reported:
    """How far a message has come. number_id: of the number that sent it. wamid: its id at Meta. message_id,
    submission, part, job_at: from what we sent along with it. code: of the error of what failed, with Meta's words for
    it. at: UTC ms, None where it is not told."""

    number_id: str
    status: Status
    wamid: str | None
    message_id: int | None
    submission: int | None
    at: int | None
    who: Who
    code: int | None = None
    words: str = field(default="", repr=False)
    part: int | None = None
    job_at: int | None = None


@dataclass(frozen=True, slots=True)
class Wrote:
    """Somebody has written. key: its id. text: what they see of it themselves; asked: further words that may ask to
    stop, of a button that they pressed. answers: the id of the message they quote."""

    number_id: str
    key: str
    at: int | None
    who: Who
    text: str = field(repr=False)
    asked: tuple[str, ...] = field(default=(), repr=False)
    answers: str | None = None


@dataclass(frozen=True, slots=True)
class Prefers:
    """Somebody has said, in WhatsApp, that they want no marketing from this business any more, or want it again."""

    number_id: str
    stop: bool
    at: int | None
    who: Who


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody has another number, or another user id. before: who they were; words: how WhatsApp says it."""

    number_id: str
    key: str
    at: int | None
    before: Who
    now: Who
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class OfTemplate:
    """What Meta says of a template, of what it says: status (such as PAUSED), quality, category. why: its reason."""

    business_id: str
    topic: str
    at: int | None
    name: str
    language: str
    status: str | None = None
    quality: str | None = None
    category: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class OfAccount:
    """What Meta says of a business account or one of its numbers. phone: which one. until: when all restrictions end,
    UTC ms; restrictions: their kinds. banned: whether it is disabled, limit: of people in 24 hours; both in Meta's
    words, as the other words."""

    business_id: str
    topic: str
    event: str
    at: int | None
    phone: str | None = field(default=None, repr=False)
    until: int | None = None
    restrictions: tuple[str, ...] = ()
    words: str = ""
    banned: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that is about no message."""

    number_id: str
    code: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that is not as we know it. what: which kind of thing."""

    what: str


Told = Reported | Wrote | Prefers | Changed | OfTemplate | OfAccount | Trouble | Unread


def may_sign(signature: str) -> bool:
    """Whether it has the form of a signature."""
    return _SIGNATURE.fullmatch(signature) is not None


def signed(body: bytes, signature: str, secrets: Sequence[str]) -> list[str]:
    """Those of these secrets that have signed exactly these bytes. Takes as long whichever it is."""
    given = signature.removeprefix(SIGNED) if signature.startswith(SIGNED) else ""
    right: list[str] = []
    for secret in secrets:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        right += [secret] * hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
    return right


def read(body: bytes) -> list[Told]:
    """What a posted batch tells, in its order. Raises ValueError where it is no such batch."""
    batch = _parsed(body)
    if not isinstance(batch, dict) or not isinstance(batch.get("entry"), list):
        raise ValueError("not a batch")
    if batch.get("object") != OURS:
        return [Unread("object")]
    found: list[Told] = []
    for entry in batch["entry"]:
        for change in _list(_get(entry, "changes")) or [None]:
            found += _change(entry, change)
    return found


def _parsed(body: bytes) -> Any:
    try:
        return json_pieces.parse(body) if len(body) > LARGE else json_pieces.whole(body)
    except ValueError:  # it is stricter than Meta may be, such as about halves of a character
        try:
            return json.loads(body)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _change(entry: Any, change: Any) -> Iterator[Told]:
    name, value = _text(change, "field"), _get(change, "value")
    reader = _READERS.get(name)
    if not isinstance(value, dict):
        yield Unread(name or "change")
    elif reader is not None:
        try:
            yield from list(reader(entry, name, value))
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
            yield Unread(name)


# What is about messages and people


def _of_number(entry: Any, name: str, value: Mapping[str, Any]) -> Iterator[Told]:
    number_id = _text(_get(value, "metadata"), "phone_number_id")
    if not number_id:
        yield Unread(name)
        return
    people = _list(value.get("contacts"))
    for each in _list(value.get("statuses")):
        yield _safely(_status, number_id, each, people)
    for each in _list(value.get("messages")):
        yield _safely(_message, number_id, each, people)
    for each in _list(value.get("user_preferences")):
        yield _safely(_preference, number_id, each, people)
    for each in _list(value.get("errors")):
        yield Trouble(number_id, _int(each, "code"), _words(each))


def _safely(reader: Callable[[str, Any, list[Any]], Told], number_id: str, each: Any, people: list[Any]) -> Told:
    try:
        return reader(number_id, each, people)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return Unread(reader.__name__.removeprefix("_"))


def _status(number_id: str, each: Any, people: list[Any]) -> Told:
    status = _STATUSES.get(_text(each, "status"))
    wamid = _text(each, "id") or None
    ours = _CALLBACK.fullmatch(_text(each, "biz_opaque_callback_data"))
    if status is None or (wamid is None and ours is None):
        return Unread("status")
    sent_along = {name: int(digits) for name, digits in ours.groupdict().items() if digits} if ours else {}
    error = next(iter(_list(each.get("errors"))), None) if status is Status.FAILED else None
    who = _who(each, "recipient_id", "recipient_user_id", people)
    at = _ms(each.get("timestamp"))
    code, words = (None, "") if error is None else (_int(error, "code"), _words(error))
    message_id, submission, part, job_at = (sent_along.get(name) for name in ("id", "nth", "part", "job"))
    return Reported(number_id, status, wamid, message_id, submission, at, who, code, words, part, job_at)


def _message(number_id: str, each: Any, people: list[Any]) -> Told:
    key, kind = _text(each, "id"), _text(each, "type")
    if not key:
        return Unread("message")
    at = _ms(each.get("timestamp"))
    if kind == "system":
        return _system(number_id, key, at, each)
    part = _get(each, kind)
    text, asked = _said(kind, part)
    answers = _text(_get(each, "context"), "id") or (_text(part, "message_id") if kind == "reaction" else "")
    return Wrote(number_id, key, at, _who(each, "from", "from_user_id", people), text, asked, answers or None)


def _said(kind: str, part: Any) -> tuple[str, tuple[str, ...]]:
    """What they wrote, and what else may ask to stop: what a button stands for."""
    if kind == "text":
        return _text(part, "body"), ()
    if kind == "button":
        return _text(part, "text"), (_text(part, "payload"),)
    if kind == "interactive":
        chosen = _get(part, _text(part, "type"))
        return _text(chosen, "title"), (_text(chosen, "id"),)
    if kind == "reaction":
        return _text(part, "emoji"), ()
    return _text(part, "caption"), ()


def _system(number_id: str, key: str, at: int | None, each: Any) -> Told:
    told = _get(each, "system")
    before = Who(_phone(_text(each, "from")), _bsuid(_text(told, "previous_user_id")))
    phone = _phone(_text(told, "wa_id")) or _phone(_text(told, "new_wa_id"))
    now = Who(phone, _bsuid(_text(told, "user_id")))
    if before == Who() or now == Who():
        return Unread("system")
    return Changed(number_id, key, at, before, now, _text(told, "body"))


def _preference(number_id: str, each: Any, people: list[Any]) -> Told:
    value = _text(each, "value").lower()
    if _text(each, "category") not in ("", "marketing_messages") or value not in ("stop", "resume"):
        return Unread("preference")
    return Prefers(number_id, value == "stop", _ms(each.get("timestamp")), _who(each, "wa_id", "user_id", people))


def _who(each: Any, phone: str, user: str, people: list[Any]) -> Who:
    """Who it is about. A list of one contact is about them; of several, who has one of the ids."""
    number, bsuid = _phone(_text(each, phone)), _bsuid(_text(each, user))
    for contact in people:
        theirs = _phone(_text(contact, "wa_id")), _bsuid(_text(contact, "user_id"))
        same = (number, bsuid) == (None, None) and len(people) == 1
        if same or (number and number == theirs[0]) or (bsuid and bsuid == theirs[1]):
            return Who(number or theirs[0], bsuid or theirs[1])
    return Who(number, bsuid)


# What is about templates and accounts


def _template(entry: Any, name: str, value: Mapping[str, Any]) -> Iterator[Told]:
    business_id = _text(entry, "id")
    title, language = _text(value, "message_template_name"), _text(value, "message_template_language")
    if not (business_id and title):
        yield Unread(name)
        return
    reason = _text(value, "reason")
    other = _get(value, "other_info")
    why = [reason if reason != "NONE" else "", _text(other, "title"), _text(_get(value, "rejection_info"), "reason")]
    yield OfTemplate(
        business_id,
        name,
        _ms(entry.get("time")),
        title,
        language,
        _text(value, "event") or None,
        _text(value, "new_quality_score") or None,
        _text(value, "new_category") or _text(value, "message_template_category") or None,
        plain("; ".join(filter(None, why))),
    )


def _account(entry: Any, name: str, value: Mapping[str, Any]) -> Iterator[Told]:
    business_id = _text(entry, "id")
    if not business_id:
        yield Unread(name)
        return
    restrictions = _list(value.get("restriction_info"))
    ends = [_ms(_get(each, "expiration")) for each in restrictions]
    until = max(filter(None, ends), default=None) if all(ends) else None
    kinds = tuple(filter(None, (_text(each, "restriction_type")[:64] for each in restrictions)))
    event = _text(value, "event") or _text(value, "alert_type") or _text(value, "decision")
    limit = _text(value, "max_daily_conversations_per_business") or _text(value, "current_limit")
    violation = _text(_get(value, "violation_info"), "violation_type")
    banned = _text(_get(value, "ban_info"), "waba_ban_state")
    words = [violation, banned, limit, plain(_text(value, "alert_description"))]
    phone = _text(value, "phone_number") or _text(value, "display_phone_number")
    told = "; ".join(filter(None, words))[:LONGEST_WORDS]
    at = _ms(entry.get("time"))
    yield OfAccount(business_id, name, event[:64], at, phone or None, until, kinds, told, banned, limit[:32])


_READERS: dict[str, Callable[[Any, str, Mapping[str, Any]], Iterator[Told]]] = {
    "messages": _of_number,
    "user_preferences": _of_number,
    "message_template_status_update": _template,
    "message_template_quality_update": _template,
    "template_category_update": _template,
    "phone_number_quality_update": _account,
    "account_update": _account,
    "account_alerts": _account,
    "account_review_update": _account,
    "business_capability_update": _account,
}


# Values


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any, name: str) -> str:
    """A text, or a number as one; "" for anything else. Without what no database stores."""
    found = _get(value, name)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return storable(found) if isinstance(found, str) else ""


def _int(value: Any, name: str) -> int | None:
    found = _text(value, name)
    return int(found) if re.fullmatch(r"\d{1,9}", found, re.ASCII) else None


def _words(error: Any) -> str:
    """What Meta says of an error, in its own words."""
    details = _text(_get(error, "error_data"), "details")
    return plain(details or _text(error, "title") or _text(error, "message"))


def _ms(value: Any) -> int | None:
    """A time in seconds (a text or a number) in ms."""
    told = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"\d{1,15}", told, re.ASCII) or int(told) == 0:
        return None
    return int(told) if int(told) >= _FEW else int(told) * 1_000


def _phone(text: str) -> E164 | None:
    """A number as Meta writes it: digits, with the country's code."""
    found = _DIGITS.fullmatch(text)
    return E164(f"+{found[1]}") if found and found[1].isascii() else None


def _bsuid(text: str) -> str | None:
    return text if user_ids.is_one(text) else None
