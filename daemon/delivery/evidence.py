"""What a chat looked like when it was unclear whether a message had gone out: kept for the person who decides.

It shows what people have written, and only to those who may decide: viewers see the finding alone. It is deleted
DECIDED_MS after the look once the decision is made, and at the age that is set in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

import peewee
import structlog

from daemon import errors
from daemon.contacts import masking
from daemon.delivery import chunks
from daemon.delivery.refusals import Why
from daemon.i18n.coded import Told, filed, told
from daemon.models import Evidence, Message
from daemon.states import State
from daemon.transports.protocol import Lookup

log = structlog.get_logger()

ROW_CHARS = 1_000
DAY_MS = 24 * 3_600_000
DECIDED_MS = 7 * DAY_MS
KEEP_MS = 90 * DAY_MS


def keep(message_id: int, found: Lookup, now: int) -> None:
    """Store it beside earlier evidence; part of the caller's transaction."""
    rows = [[row.own, row.text[:ROW_CHARS], row.ack] for row in found.rows]
    said = {"finding": str(found.evidence), "coded": filed(found.evidence)}
    Evidence.create(message=message_id, at=now, **said, rows=rows, screenshot=found.screenshot)


@dataclass(frozen=True)
class Row:
    """A message as it was seen in a chat. own: whether it was ours, None where that was unclear."""

    own: bool | None
    text: str
    ack: str | None


@dataclass(frozen=True)
class Look:
    """What a chat looked like. at: UTC ms; screenshot: the picture's path in the API; told:
    the finding, with its code where it has one."""

    at: int
    finding: str
    rows: list[Row]
    screenshot: str | None
    told: Told = ""


def newest(message_id: int) -> Look | None:
    """The last look into the chat, None when none was kept. For a viewer without what it shows."""
    columns = (
        Evidence.id,
        Evidence.at,
        Evidence.finding,
        Evidence.coded,
        Evidence.rows,
        Evidence.screenshot.is_null(False),
    )
    row = Evidence.select(*columns).where(Evidence.message == message_id).order_by(Evidence.id.desc()).tuples().first()
    if row is None:
        return None
    _, at, finding, coded, rows, pictured = row
    if masking.hidden.get():
        rows, pictured = [], False
    picture = f"/messages/{message_id}/screenshot.png" if pictured else None
    return Look(at, finding, [Row(*each) for each in rows], picture, told(finding, coded) or "")


def screenshot(message_id: int) -> bytes:
    """The picture (PNG) of the last look into the chat. Raises NotFound."""
    pictures = Evidence.select(Evidence.screenshot).where(
        Evidence.message == message_id, Evidence.screenshot.is_null(False)
    )
    row = pictures.order_by(Evidence.id.desc()).first()
    if row is None:
        raise errors.NotFound(Why.NO_CHAT_PICTURE, message=message_id)
    return bytes(row.screenshot)


def prune(now: int, keep_ms: int = KEEP_MS) -> int:
    """Delete evidence that is no longer needed, or older (0: of any age while it is needed); returns how many looks."""
    undecided = Message.select(peewee.Value(1)).where(Message.id == Evidence.message, Message.state == State.UNCERTAIN)
    decided = (Evidence.at < now - DECIDED_MS) & ~peewee.fn.EXISTS(undecided)
    gone = chunks.delete(Evidence, decided, Evidence.at)
    if keep_ms:
        gone += chunks.delete(Evidence, Evidence.at < now - keep_ms, Evidence.at)
    if gone:
        log.info("evidence.deleted", count=gone)
    return gone
