"""What webhooks hold, as JSON in bytes: statuses, what people write, what becomes of templates and accounts.

Sources: webhooks/reference/messages/status, webhooks/reference/messages, user_preferences,
message_template_status_update, message_template_quality_update, phone_number_quality_update, account_update (pages of
2026-09-11); which keys a person has: business-scoped-user-ids (2026-06-29). A key without a value is absent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from standin.graph.errors import in_webhook

if TYPE_CHECKING:
    from standin.graph.record import Event, Message
    from standin.graph.world import Business, Number, Person, World


ENCODE = json.JSONEncoder(separators=(",", ":")).encode  # made once: `json.dumps` makes one each time


@dataclass(slots=True)
class Update:
    """One change. list: the list of `value` in which `item` stands, None: `item` is the value itself."""

    business: Business
    field: str
    item: bytes
    list: str | None = None
    number: Number | None = None
    contact: bytes = b""
    event: Event | None = None  # that it tells
    at: int | None = None  # `entry[].time`, where such webhooks have one


def dump(what: Any) -> bytes:
    """JSON as Meta writes it: what is beyond ASCII is escaped, before the bytes are signed (captures, 2026)."""
    return ENCODE(what).encode()


def body(updates: list[Update], merge: bool) -> bytes:
    """The body of one request: an entry for each business account, a change for each update."""
    entries: dict[tuple[str, int | None], list[bytes]] = {}
    for run in _runs(updates, merge):
        first = run[0]
        change = b'{"value":%s,"field":"%s"}' % (_value(run), first.field.encode())
        entries.setdefault((first.business.id, first.at), []).append(change)
    inside = b",".join(_entry(id, at, changes) for (id, at), changes in entries.items())
    return b'{"object":"whatsapp_business_account","entry":[%s]}' % inside


def _entry(id: str, at: int | None, changes: list[bytes]) -> bytes:
    time = b"" if at is None else b'"time":%d,' % at
    return b'{"id":"%s",%s"changes":[%s]}' % (id.encode(), time, b",".join(changes))


def _runs(updates: list[Update], merge: bool) -> list[list[Update]]:
    """Updates that share a value: of one number and kind, one after the other."""
    if not merge:
        return [[each] for each in updates]
    runs: list[list[Update]] = []
    for each in updates:
        last = runs[-1][-1] if runs else None
        if last and each.list and (last.list, last.number, last.business) == (each.list, each.number, each.business):
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def _value(run: list[Update]) -> bytes:
    first = run[0]
    if first.list is None or first.number is None:
        return first.item
    head = b'"messaging_product":"whatsapp","metadata":{"display_phone_number":"%s","phone_number_id":"%s"}' % (
        first.number.display.encode(), first.number.id.encode(),
    )  # fmt: skip
    contacts = [each.contact for each in run if each.contact]
    if contacts:
        head += b',"contacts":[%s]' % b",".join(contacts)
    return b'{%s,"%s":[%s]}' % (head, first.list.encode(), b",".join(each.item for each in run))


def contact(person: Person, *, username: bool, name: bool = False) -> bytes:
    """Who somebody is, as far as the webhook may know."""
    if not name and (person.username is None or not username) and not person.hidden:
        return b'{"wa_id":"%s","user_id":"%s"}' % (person.wa_id.encode(), person.user_id.encode())
    profile = {"name": person.name} if name else {}
    if username and person.username:
        profile["username"] = person.username
    known: dict[str, Any] = {"profile": profile} if profile else {}
    if not person.hidden:
        known["wa_id"] = person.wa_id
    return dump(known | {"user_id": person.user_id})


def status(message: Message, event: Event, at: float, conversation: bool) -> Update:
    """What became of a message. A price is on `sent` and on the first of delivered and read; no contact when failed."""
    person, fate, status = message.person, message.fate, event.status
    item: dict[str, Any] = {"id": message.id, "status": status, "timestamp": str(int(at))}
    if not person.hidden:
        item["recipient_id"] = person.wa_id
    if status != "failed" or message.given == person.user_id:
        item["recipient_user_id"] = person.user_id
    if message.callback is not None:
        item["biz_opaque_callback_data"] = message.callback
    if status == "failed":
        error = in_webhook(fate.fail or 131000, fate.fail_details)
        item["errors"] = [error | {"code": str(fate.fail)} if fate.fail_as_text else error]
    elif status == "sent" or (status in ("delivered", "read") and message.priced < 2):
        message.priced = max(message.priced, 1 if status == "sent" else 2)
        item["pricing"] = {
            "billable": True, "pricing_model": "PMP", "type": "regular", "category": message.category,
        }  # fmt: skip
        if conversation:
            item["conversation"] = {"id": message.id[-32:], "origin": {"type": message.category}}
    who = b"" if status == "failed" else contact(person, username=status != "sent")
    number = message.number
    return Update(number.business, "messages", dump(item), "statuses", number, who, event)


def inbound(
    world: World, number: Number, person: Person, content: dict[str, Any], context: str | None
) -> tuple[str, Update]:
    """Somebody writes: `content` has `type` and the object of that name. With the message's id."""
    id = f"wamid.{world.next_id()}"
    item: dict[str, Any] = {} if person.hidden else {"from": person.wa_id}
    item |= {"from_user_id": person.user_id, "id": id, "timestamp": str(int(world.clock()))}
    if context is not None:
        item["context"] = {"from": number.display, "id": context}
    who = contact(person, username=True, name=True)
    return id, Update(number.business, "messages", dump(item | content), "messages", number, who)


def moved(world: World, number: Number, before: Person, after: Person) -> Update:
    """A person has another number: a system message, without contacts (2026-08-11)."""
    item: dict[str, Any] = {} if before.hidden else {"from": before.wa_id}
    system: dict[str, Any] = {"body": "User changed their number", "type": "user_changed_number"}
    if not after.hidden:
        system["wa_id"] = after.wa_id
    system |= {"user_id": after.user_id, "previous_user_id": before.user_id}
    item |= {"id": f"wamid.{world.next_id()}", "timestamp": str(int(world.clock())), "type": "system", "system": system}
    return Update(number.business, "messages", dump(item), "messages", number)


def preference(world: World, number: Number, person: Person, value: str) -> Update:
    """A person stops or resumes marketing; the timestamp is a number here."""
    item: dict[str, Any] = {} if person.hidden else {"wa_id": person.wa_id}
    word = "stop" if value == "stop" else "resume"
    item |= {
        "user_id": person.user_id, "detail": f"User requested to {word} marketing messages",
        "category": "marketing_messages", "value": value, "timestamp": int(world.clock()),
    }  # fmt: skip
    who = contact(person, username=True, name=True)
    return Update(number.business, "user_preferences", dump(item), "user_preferences", number, who)


def about_business(world: World, business: Business, field: str, value: dict[str, Any]) -> Update:
    """Of a template, a number's quality or the account: the value is all there is, and the entry has its time."""
    return Update(business, field, dump(value), at=int(world.clock()))
