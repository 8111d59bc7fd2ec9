"""The text file of a draft, kept as it was uploaded if it may be in another encoding than it was read in."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from daemon.campaigns import draft_content
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
