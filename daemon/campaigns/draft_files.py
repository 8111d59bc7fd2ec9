"""Files of a draft: those that are sent with its message, and its text file, kept as it was uploaded if it may be in
another encoding than it was read in."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from daemon import errors
from daemon.campaigns import draft_content, fitting
from daemon.campaigns.draft_content import Changes, Content
from daemon.contacts import uploads
from daemon.formats.tabular import Sheet
from daemon.models import Draft as DraftRow

MAX_ORIGINAL = 8 << 20  # bytes; a larger one has to be chosen again


def packed(sheets: Sequence[Sheet], original: bytes) -> bytes | None:
    """The file that the sheets were read from as it is kept; None where its encoding is known for certain."""
    encoding = sheets[0].encoding
    certain = encoding is None or encoding.startswith("utf")
    return None if certain or not 0 < len(original) <= MAX_ORIGINAL else zlib.compress(original)


def original(draft_id: str) -> tuple[str, bytes] | None:
    """The name and the bytes of the draft's file, if it is kept."""
    row = DraftRow.select(DraftRow.original, DraftRow.data).where(DraftRow.id == draft_id).first()
    source = draft_content.load(row.data).source if row else None
    if source is None or row.original is None:
        return None
    return source.name, zlib.decompress(row.original)


def attach(content: Content, ids: Sequence[str], own: bool) -> Changes:
    """The change that adds uploaded files: to everybody's, or to those that rows name.

    Raises NotFound, InvalidInput.
    """
    files = uploads.attachments(ids)
    if own:
        return {"files": {**content.files, **{file.filename.casefold(): file.id for file in files}}}
    together = tuple(dict.fromkeys([*content.attachments, *ids]))
    if reason := fitting.unfit([file.kind for file in uploads.attachments(together)]):
        raise errors.InvalidInput(reason)
    return {"attachments": together}


def attached(content: Content) -> list[uploads.Attachment]:
    """The files that everybody gets."""
    return uploads.attachments(content.attachments)
