"""What a chat looked like when nobody could tell whether a message had gone out: kept for the person who decides."""

from __future__ import annotations

from typing import Any

from daemon import errors
from daemon.models import Evidence
from daemon.transports import Lookup

ROW_CHARS = 1_000


def keep(message_id: int, found: Lookup, now: int) -> None:
    """Store it beside earlier evidence; part of the caller's transaction."""
    rows = [[row.own, row.text[:ROW_CHARS], row.ack] for row in found.rows]
    Evidence.create(message=message_id, at=now, finding=found.evidence, rows=rows, screenshot=found.screenshot)


def newest(message_id: int) -> dict[str, Any] | None:
    """The last look into the chat as the API shows it, None when none was kept."""
    columns = (Evidence.id, Evidence.at, Evidence.finding, Evidence.rows, Evidence.screenshot.is_null(False))
    row = Evidence.select(*columns).where(Evidence.message == message_id).order_by(Evidence.id.desc()).tuples().first()
    if row is None:
        return None
    _, at, finding, rows, pictured = row
    return {
        "at": at,
        "finding": finding,
        "rows": [{"own": own, "text": text, "ack": ack} for own, text, ack in rows],
        "screenshot": f"/messages/{message_id}/screenshot.png" if pictured else None,
    }


def screenshot(message_id: int) -> bytes:
    """The picture (PNG) of the last look into the chat. Raises NotFound."""
    pictures = Evidence.select(Evidence.screenshot).where(
        Evidence.message == message_id, Evidence.screenshot.is_null(False)
    )
    row = pictures.order_by(Evidence.id.desc()).first()
    if row is None:
        raise errors.NotFound(f"There is no screenshot of the chat of message {message_id}.")
    return bytes(row.screenshot)
