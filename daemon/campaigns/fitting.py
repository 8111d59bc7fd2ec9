"""Whether everybody can get a message as it is: its text, filled in for each, and the files that go with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from daemon import errors
from daemon.campaigns.exclusions import Detail, Details, details
from daemon.campaigns.refusals import Why
from daemon.config import Settings
from daemon.contacts import importer, uploads
from daemon.formats import cloud_template
from daemon.formats import template as message_text
from daemon.formats.cloud_template import Filled
from daemon.formats.styles import Styles
from daemon.states import Kind
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage
from daemon.transports import parts

MAX_ATTACHMENTS = 30  # WhatsApp's limit for files at once, see docs/whatsapp-web.md
MB = 1024 * 1024
# By what the header of a WhatsApp template shows: the media types that Meta takes (none: any), and the most bytes.
HEADERS = {
    "IMAGE": (frozenset({"image/jpeg", "image/png"}), 5 * MB),
    "VIDEO": (frozenset({"video/mp4", "video/3gpp"}), 16 * MB),
    "DOCUMENT": (frozenset[str](), 100 * MB),
}


def check(
    settings: Settings,
    text: str,
    files: Sequence[str],
    people: Collection[importer.Contact],
    own: Collection[tuple[str, ...]],
    styles: Styles,
    filled: Filled | None = None,
) -> int:
    """Report now everything about the message that could go wrong later, before anybody has got it. Returns how many
    messages WhatsApp makes of it for somebody at most. files: ids of those for everybody, own: of those that some get
    instead; filled: the WhatsApp template that it is sent with."""
    kinds: dict[tuple[str, ...], list[Kind]] = {}
    sets = {tuple(files), *own} if filled is None or files or not own else set(own)
    for ids in sets:
        rows = uploads.intact(settings, ids)
        kinds[ids] = [row.kind for row in rows]
        if reason := unfit(kinds[ids]):
            raise errors.InvalidInput(reason)
        if filled is not None and (reason := unfit_header(filled["media"], rows)):
            raise errors.InvalidInput(reason).at(f"template.values.{cloud_template.HEADER}")
    if not text.strip() and not files and not own:
        raise errors.InvalidInput(Why.MESSAGE_EMPTY)
    if not text.strip():
        return max(parts.count("", each) for each in kinds.values())
    most = 1

    def count(person: importer.Contact, text: str) -> None:
        nonlocal most
        most = max(most, parts.count(text, kinds[tuple(files_of(person, files))]))

    template = message_text.compile_for(text, styles, filled)
    everybody = progress.through(Stage.CHECKING, people, len(people))
    message_text.check(template, everybody, seen=count if filled is None and any(kinds.values()) else None)
    return most


def several(messages: int) -> list[str]:
    """What a program is told of whose files and text WhatsApp makes several messages."""
    if messages < 2:
        return []
    return [f"Each person gets up to {messages} messages: files that are no album, and a text that is no caption, are "
            "sent one after the other."]  # fmt: skip


def files_of(person: importer.Contact, common: Sequence[str]) -> Sequence[str]:
    """Ids of the attachments for this person, where `common` are the ones for everybody."""
    return common if person.attachments is None else person.attachments


def unfit(kinds: Sequence[str]) -> Details | None:
    """Why these kinds of attachments cannot go in one message; None when they can."""
    if len(kinds) > MAX_ATTACHMENTS:
        return details(Detail.TOO_MANY_FILES, most=str(MAX_ATTACHMENTS))
    return None


def unfit_header(media: str, rows: Sequence[uploads.Attachment]) -> Details | None:
    """Why these files cannot be the header of a WhatsApp template that shows such media; None when they can."""
    if not media:
        return details(Detail.HEADER_WITHOUT_FILE) if rows else None
    if len(rows) != 1:
        return details(Detail.HEADER_ONE_FILE, media=media.lower())
    types, most = HEADERS[media]
    if rows[0].size > most or (types and rows[0].mimetype not in types):
        return details(
            Detail.HEADER_FILE_UNFIT, file=rows[0].filename, media=media.lower(), most=str(most // MB),
            types=", ".join(sorted(each.partition("/")[2] for each in types)) or "pdf, docx, xlsx …",
        )  # fmt: skip
    if media == "DOCUMENT" and rows[0].kind is not Kind.DOCUMENT:
        return details(Detail.HEADER_FILE_UNFIT, file=rows[0].filename, media=media.lower(), most=str(most // MB),
                       types="pdf, docx, xlsx …")  # fmt: skip
    return None
