"""Saved message texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.auth import audit
from daemon.campaigns.exclusions import Detail, details
from daemon.campaigns.refusals import Why
from daemon.contacts import naming, uploads
from daemon.db import versions
from daemon.db.connection import write
from daemon.db.proxy import locked
from daemon.db.records import record
from daemon.formats import template as message_text
from daemon.i18n.coded import Phrase
from daemon.models import Template as TemplateRow

log = structlog.get_logger()

MAX_ATTACHMENTS = 30  # of one message


@dataclass(frozen=True)
class Template:
    """A text kept for reuse. attachments: their ids; times in UTC ms; version: see db/versions.py."""

    id: int
    name: str
    text: str
    attachments: list[str]
    created_at: int
    updated_at: int
    version: int


def every() -> list[Template]:
    """All templates, by name."""
    rows = [record(Template, row) for row in TemplateRow.select()]
    return sorted(rows, key=lambda row: (row.name.casefold(), row.id))


def find(template_id: int) -> Template:
    """The template by that id. Raises NotFound."""
    return record(Template, _row(template_id))


def _row(template_id: int) -> TemplateRow:
    row: TemplateRow | None = TemplateRow.get_or_none(TemplateRow.id == template_id)
    if row is None:
        raise errors.NotFound(Why.NO_TEMPLATE, template=template_id)
    return row


def keep(name: str, text: str, now: int, attachments: Sequence[str] = ()) -> Template:
    """Save a text under a name. Saving the very same one again returns the one that exists (a form sent twice).

    Raises InvalidInput (the name is taken), TemplateError (a mistake in the text), NotFound (an attachment).
    """
    values = _checked(name, text, attachments)
    try:
        with write():
            made = TemplateRow.create(**values, created_at=now, updated_at=now)
            audit.about("template", made.id)
    except peewee.IntegrityError:
        there = TemplateRow.get_or_none(TemplateRow.name == values["name"])
        if there and (there.text, there.attachments) == (values["text"], values["attachments"]):
            return record(Template, there)
        raise naming.taken(Phrase("template"), values["name"]) from None
    log.info("template.saved", template_id=made.id)
    return record(Template, made)


def change(
    template_id: int, name: str, text: str, now: int, attachments: Sequence[str] = (), version: int | None = None
) -> Template:
    """Change a template. version: of what the caller has read, None to overwrite whatever is there.

    Raises NotFound, InvalidInput, TemplateError, and EditConflict when somebody has changed it since.
    """
    values = _checked(name, text, attachments)
    try:
        with write():
            row = locked(TemplateRow.select().where(TemplateRow.id == template_id)).first() or _row(template_id)
            if values.items() <= row.__data__.items():
                return record(Template, row)
            versions.check(Phrase("template"), row.version, version)
            values |= {"version": row.version + 1, "updated_at": versions.later(row, now)}
            TemplateRow.update(**values).where(TemplateRow.id == template_id).execute()
    except peewee.IntegrityError:
        raise naming.taken(Phrase("template"), values["name"]) from None
    log.info("template.saved", template_id=template_id)
    return find(template_id)


def delete(template_id: int) -> None:
    """Delete a template; campaigns made from it keep their text. Raises NotFound."""
    with write():
        if not TemplateRow.delete().where(TemplateRow.id == template_id).execute():
            find(template_id)
    log.info("template.deleted", template_id=template_id)


def _checked(name: str, text: str, attachments: Sequence[str]) -> dict[str, Any]:
    """The values of a template's row. Raises InvalidInput, TemplateError, NotFound."""
    ids = list(dict.fromkeys(attachments))
    if len(ids) > MAX_ATTACHMENTS:
        raise errors.InvalidInput(details(Detail.TOO_MANY_FILES, most=str(MAX_ATTACHMENTS)))
    uploads.attachments(ids)
    name = naming.one_line(name, Phrase("template"))
    return {"name": name, "text": message_text.compile(text).text, "attachments": ids}
