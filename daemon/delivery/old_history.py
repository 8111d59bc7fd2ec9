"""The history of messages whose job ended long ago: one row for each message instead of one for each move, in about a
quarter of the room. It is read together with what came later, such as a late receipt, which is written as ever.

A row's first byte says how it is written: 1: JSON, deflated with the dictionary below. The lease of a move is not kept:
only the sender that has it asks for it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.db.proxy import tuples
from daemon.i18n.coded import Filed
from daemon.models import Event, OldHistory

_FORM = b"\x01"
#: frozen: what is stored is read with it. What is likely comes last.
_DICTIONARY = (
    b'"requeue","reinstate","bounce","expire","doubt","settle","resend","release","retry","lose","skip","cancel",'
    b'"uncertain","cancelled","skipped","expired","failed","the job was stopped","job_was_stopped","values":{},"code":'
    b'["rescue","read","delivered","read",null,null],["receipt","accept","sending","accepted",null,null],["sender",'
    b'"fail","sending","failed","{"code":"","values":{}}],["receipt","deliver","sent","delivered",null,null],['
    b'"receipt","read","delivered","read",null,null]],[0,"enqueue",null,"pending",null,null],[0,"sender","claim",'
    b'"pending","claimed",null,null],[0,"sender","submit","claimed","sending",null,null],[0,"sender","confirm",'
    b'"sending","sent",null,null],["page","enqueue",null,"pending",null,null]'
)
_LINE = (Event.at, Event.who, Event.move, Event.source, Event.target, Event.why, Event.coded)


@dataclass(frozen=True)
class Line:
    """A move of a message. source: None where it was queued; coded: `why` by its code; at: UTC ms."""

    at: int
    who: str
    move: str
    source: str | None
    target: str
    why: str | None
    coded: Filed | None


def of(message_id: int) -> list[Line]:
    """The whole history of a message, oldest first."""
    return of_all([message_id])[message_id]


def of_all(message_ids: Collection[int]) -> dict[int, list[Line]]:
    """The whole history of each of some messages."""
    ids = sorted(message_ids)
    found: dict[int, list[Line]] = {each: [] for each in ids}
    if ids:
        for message_id, body in tuples(OldHistory.select().where(OldHistory.message.in_(ids))):
            found[message_id] = _read(body)
        for message_id, lines in not_moved(Event.message.in_(ids)).items():
            found[message_id] += lines
    return found


def not_moved(*which: Any) -> dict[int, list[Line]]:
    """What still is a row for each move: by message, oldest first."""
    found: dict[int, list[Line]] = {}
    # Sorted here: in the order of their ids PostgreSQL would go through the events of everybody, see db.proxy.in_order.
    rows = tuples(Event.select(Event.message, Event.id, *_LINE).where(*which))
    for message_id, _, *line in sorted(rows, key=lambda row: row[:2]):
        found.setdefault(message_id, []).append(Line(*line))
    return found


def put(lines: Mapping[int, Iterable[Line]]) -> None:
    """Store these behind what is stored of the same messages already; part of the transaction that deletes them where
    they were."""
    there = {row.message: row.body for row in OldHistory.select().where(OldHistory.message.in_(sorted(lines)))}
    rows = []
    for message_id, new in lines.items():
        before = _read(there[message_id]) if message_id in there else []
        rows.append({"message": message_id, "body": _written([*before, *new])})
    if there:
        OldHistory.delete().where(OldHistory.message.in_(sorted(there))).execute()
    if rows:
        OldHistory.insert_many(rows).execute()


def forget_reasons(message_id: int) -> None:
    """Take the reasons out of a message's history, which may name the person; the rest of it stays."""
    for row in OldHistory.select().where(OldHistory.message == message_id):
        kept = [Line(each.at, each.who, each.move, each.source, each.target, None, None) for each in _read(row.body)]
        OldHistory.update(body=_written(kept)).where(OldHistory.message == message_id).execute()


def _written(lines: list[Line]) -> bytes:
    """Times are told as what passed since the one before."""
    rows: list[list[Any]] = []
    last = 0
    for each in lines:
        rows.append([each.at - last, each.who, each.move, each.source, each.target, each.why, each.coded])
        last = each.at
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
    packer = zlib.compressobj(level=6, wbits=-15, zdict=_DICTIONARY)
    return _FORM + packer.compress(text) + packer.flush()


def _read(body: Any) -> list[Line]:
    unpacker = zlib.decompressobj(wbits=-15, zdict=_DICTIONARY)
    rows = json.loads(unpacker.decompress(bytes(body)[1:]) + unpacker.flush())
    lines, at = [], 0
    for passed, *rest in rows:
        at += passed
        lines.append(Line(at, *rest))
    return lines
