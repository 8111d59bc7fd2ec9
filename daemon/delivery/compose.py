"""A claimed message in the form that the transport takes: text rendered, attachments found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import peewee

from daemon import errors
from daemon.config import Settings
from daemon.contacts import uploads
from daemon.formats import cloud_template, styles, template
from daemon.formats.cloud_template import Filled, Value
from daemon.models import Message
from daemon.states import E164
from daemon.transports.protocol import (
    Attachment,
    Location,
    Outgoing,
    TemplateButton,
    Templated,
    TemplateValue,
    callback_of,
)

_compiled = lru_cache(32)(template.compile)  # a job's text is the same for everybody, and so is what it fills in


def outgoing(settings: Settings, message: Message, to_send: bool = True) -> Outgoing:
    """What the recipient gets: the job's text with their fields, and their own files or the job's.

    to_send: the files must exist; to look for the message in the chat, their names are enough. Raises AttachmentLost.
    """
    text = text_of(message.job.text, message.job.formats, message.fields, message.number)
    ids = message.job.attachments if message.attachments is None else message.attachments
    files = uploads.files(settings, ids, to_send)
    template = _templated(message, files) if message.job.template else None
    callback = callback_of(message.id, message.submissions + to_send, message.job.created_at)
    return Outgoing(message.number, text, files, template, callback)


def _templated(message: Message, files: Sequence[Attachment]) -> Templated:
    """The job's WhatsApp template, filled in for this recipient. Raises TemplateError, for what Meta would refuse."""
    kept: Filled = message.job.template

    def said(place: str, text: str) -> str:
        found = text_of(text, message.job.formats, message.fields, message.number)
        if wrong := cloud_template.fault(place, found):
            raise errors.TemplateError(wrong)
        return found

    def value(of: Value) -> TemplateValue:
        return TemplateValue(said(of["place"], of["text"]), of.get("name"))

    header: TemplateValue | Attachment | Location | None = None
    if kept["media"]:
        header = files[0] if files else None
    elif kept["header"]:
        header = value(kept["header"])
    elif kept.get("location"):
        header = Location(*(said(each["place"], each["text"]).strip() for each in kept["location"]))
    buttons = [
        TemplateButton(each["index"], each["kind"], said(cloud_template.button(each["index"]), each["text"]))
        for each in kept["buttons"]
    ]
    return Templated(kept["name"], kept["language"], tuple(map(value, kept["body"])), header, tuple(buttons))


def text_of(text: str, formats: styles.Kept | None, fields: Mapping[str, str], number: E164) -> str:
    """A job's text, filled in for this recipient; "" for none. formats: the job's. Raises TemplateError."""
    if not text.strip():
        return ""
    return template.render(_compiled(text, styles.restored(formats)), fields, number)


def several(settings: Settings, messages: Sequence[Message]) -> list[Outgoing | Exception]:
    """As `outgoing` to send, for all of them at once; for one that cannot be put together, why. What is wrong with the
    database is raised."""
    found: list[Outgoing | Exception] = []
    for message in messages:
        try:
            found.append(outgoing(settings, message))
        except (errors.DatabaseBusy, errors.DatabaseUnusable, peewee.PeeweeException):
            raise
        except Exception as error:  # it is this one's alone
            found.append(error)
    return found
