"""`POST /{number}/messages` and `/marketing_messages`: whether Meta would take it.

Sources: messages/send-messages, marketing-messages/send-marketing-messages, templates/template-pacing,
support/error-codes (pages of 2026-09-11), business-scoped-user-ids (2026-06-29).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from standin.graph import files, limits, requests, templates
from standin.graph.errors import GraphError, unknown
from standin.graph.requests import MEDIA, OTHER_TYPES, TYPES, Read, Send, SendMarketing, parse
from standin.graph.switches import PLAIN, Fate

if TYPE_CHECKING:
    from standin.graph.record import Message
    from standin.graph.switches import Rule
    from standin.graph.templates import Template
    from standin.graph.world import Number, Person, World

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[0-9A-Za-z]{1,128}")
READ = b'{"success":true}'


def is_read(body: bytes) -> bool:
    """Whether the body marks a message as read rather than sending one."""
    if b'"status"' not in body:
        return False
    try:
        given = json.loads(body)
    except ValueError:
        return False
    return isinstance(given, dict) and "status" in given


def read(world: World, number: Number, body: bytes) -> bytes:
    """Mark a received message as read."""
    asked = parse(Read, body)
    if asked.message_id not in number.received:
        raise GraphError(131009, "Message id is not one of a received message.")
    number.received[asked.message_id] = True
    return READ


def parsed(body: bytes, marketing: bool) -> Send:
    """What is asked for, complete in itself; nothing is compared with what the world knows yet."""
    asked = parse(SendMarketing if marketing else Send, body)
    if asked.type not in TYPES:
        if asked.type in OTHER_TYPES:
            raise GraphError(131051, f"This stand-in does not take messages of type {asked.type}.")
        raise GraphError(100, f"Param type: {asked.type} is no message type", message="(#100) Invalid parameter")
    if getattr(asked, asked.type) is None:
        raise GraphError(100, message=f"(#100) The parameter {asked.type} is required.")
    for other in asked.model_fields_set & set(TYPES):
        if other != asked.type:
            raise GraphError(100, message=f"(#100) The parameter {other} is unsupported with type {asked.type}.")
    if asked.to is None and asked.recipient is None:
        raise GraphError(100, message="(#100) The parameter to is required.")
    if asked.to is not None and not E164.fullmatch(asked.to):
        # Meta takes it and puts our own country in front: who is written to would be somebody else.
        raise GraphError(131009, "Param to: the stand-in takes + and digits only.")
    if asked.to is None and not USER_ID.fullmatch(asked.recipient or ""):
        raise GraphError(131009, "Param recipient: not a business-scoped user id.")
    return asked


def accept(world: World, number: Number, asked: Send, marketing: bool, rule: Rule | None) -> Message:
    """Check it against what the world knows, and take it. Raises GraphError."""
    if number.status != "CONNECTED":
        raise GraphError(133010)
    now = world.clock()
    person = _person(world, asked)
    template = _check_content(number, asked, marketing)
    if template is not None and template.category == "AUTHENTICATION" and asked.to is None:
        raise GraphError(131062)
    fit = _check_media(world, number, asked)
    if number.only_to is not None and person.number not in number.only_to:
        raise GraphError(131030)
    if person.wa_id == number.display:
        raise GraphError(131021)
    limits.check_throughput(number, world.switches["throughput"], now)
    if world.switches["pair"]:
        limits.check_pair(number, person, now)
    fate = _fate(world, number, person, template, fit, rule, now)
    message = world.accept(
        number, person, asked.to or person.user_id, asked.type, _category(template, marketing), fate,
        asked.biz_opaque_callback_data, _said(asked) if world.switches["keep"] else None,
    )  # fmt: skip
    if template is not None:
        message.template = template.id
        message.held = world.switches["quality"] == "held"
    message.held = message.held or bool(rule and rule.held)
    return message


def answer(message: Message) -> dict[str, Any]:
    """200: accepted, and nothing more. `wa_id` only where a phone number was asked for."""
    if message.given == message.person.user_id:
        contact = {"input": message.given, "user_id": message.person.user_id}
    else:
        contact = {"input": message.given, "wa_id": message.person.wa_id}
    status = "held_for_quality_assessment" if message.held else "accepted"
    return {
        "messaging_product": "whatsapp", "contacts": [contact],
        "messages": [{"id": message.id, "message_status": status}],
    }  # fmt: skip


def _person(world: World, asked: Send) -> Person:
    """`to` wins over `recipient`."""
    if asked.to is not None:
        return world.person(asked.to)
    person = world.by_user_id.get(asked.recipient or "")
    if person is None:
        raise unknown(asked.recipient or "", "post")
    return person


def _check_content(number: Number, asked: Send, marketing: bool) -> Template | None:
    """The template that is meant, if one is, and whether the values fit."""
    if asked.template is None:
        if marketing:
            raise GraphError(100, "Message must be a template message.", message="(#100) Invalid parameter")
        return None
    template = _template(number, asked.template)
    if marketing and template.category != "MARKETING":
        raise GraphError(134100)
    templates.check(template, asked.template)
    return template


def _media(asked: Send) -> list[tuple[str, requests.Media]]:
    """The media of a message, each with the kind it is to be."""
    if asked.type in MEDIA:
        return [(asked.type, getattr(asked, asked.type))]
    parts = asked.template.components if asked.template is not None else []
    return [
        (given.type, getattr(given, given.type)) for part in parts for given in part.parameters
        if given.type in MEDIA and getattr(given, given.type) is not None
    ]  # fmt: skip


def _check_media(world: World, number: Number, asked: Send) -> bool:
    """Whether Meta will find it fit to send, which it only sees after it has accepted. Raises GraphError."""
    fit = True
    for kind, each in _media(asked):
        if (each.id is None) == (each.link is None):
            raise GraphError(131009, f"{kind}: a media object has either id or link.")
        if each.id is None:
            continue
        if not world.has_media(each.id, number):
            message = f"(#100) The media id {each.id} is not there or is another number's"
            raise GraphError(100, message=message, subcode=33)
        fit = fit and files.sound(world.media[each.id], kind)
    return fit


def _template(number: Number, asked: requests.Template) -> Template:
    template = number.business.templates.get((asked.name, asked.language.code))
    if template is None or template.status in ("PENDING", "REJECTED", "ARCHIVED"):
        raise GraphError(132001, f"template name ({asked.name}) does not exist in {asked.language.code}")
    if template.status == "PAUSED":
        raise GraphError(132015)
    if template.status == "DISABLED":
        raise GraphError(132016)
    return template


def _fate(
    world: World, number: Number, person: Person, template: Template | None, fit: bool, rule: Rule | None, now: float
) -> Fate:
    """What the rule says; else whether it fails although it was accepted."""
    fate = rule.fate if rule else PLAIN
    if fate.fail is not None:
        return fate
    code = None
    if not fit:
        code = 131053
    elif not person.on_whatsapp:
        code = 131026
    elif world.switches["window"] == "strict" and not limits.in_window(number, person, now):
        if template is None:
            code = 131047
        elif not limits.within_portfolio(number.business.portfolio, person, now):
            code = 131048  # which code Meta gives is not documented; this one has been seen
    if template is not None and template.category == "MARKETING" and person.stopped:
        code = 131050
    return fate if code is None else fate.model_copy(update={"fail": code})


def _category(template: Template | None, marketing: bool) -> str:
    if marketing:
        return "marketing_lite"
    return "service" if template is None else template.category.lower()


def _said(asked: Send) -> dict[str, Any]:
    content = getattr(asked, asked.type)
    said: dict[str, Any] = content.model_dump(exclude_none=True)
    return said
