"""The transactions of a large piece of work, between which others get their turn.

SQLite has one writer at a time. So what changes many messages does it in many transactions, each as large as the
database takes within HELD_S.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from daemon.db import sqlite
from daemon.db.connection import write
from daemon.db.proxy import in_order, on_postgres, tuples

CHUNK = 500  # messages in the first transaction of a large piece of work, and in the only one of a small one
LEAST, MOST = 50, 1_000  # messages in a later one
HELD_S = 0.02  # how long a transaction should hold the write lock; on a busy machine one may take several times as long
GAP_S = 2 * sqlite.LOOK_S  # between two of them on SQLite: longer than those who wait sleep before they look again


class Chunks:
    """size: how many messages the next one is for. begun: another one went before the first of these."""

    def __init__(self, begun: bool = False) -> None:
        self.size, self._first = CHUNK, not begun

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The next one, once others have had their turn; the time that it takes decides about the size after it."""
        alone = not on_postgres()
        if alone and not self._first:
            time.sleep(GAP_S)
        self._first = False
        with write():
            begun = time.monotonic()
            yield
        self.size = next_size(self.size, time.monotonic() - begun) if alone else MOST


def delete(table: Any, old: Any, order: Any, before: Callable[[list[int]], object] = lambda ids: None) -> int:
    """Delete the rows with an id that meet the condition, chunk by chunk; returns how many. Not to be called in a
    transaction. order: by which an index finds them; before: is given their ids, in the transaction that deletes
    them."""
    chunks, gone, more = Chunks(), 0, True
    while more:
        with chunks.transaction():
            with in_order():
                few = table.select(table.id).where(old).order_by(order).limit(chunks.size)
                ids = [row[0] for row in tuples(few)]
            more = len(ids) == chunks.size
            if ids:
                before(ids)
                table.delete().where(table.id.in_(ids)).execute()
        gone += len(ids)
    return gone


def next_size(size: int, held_s: float) -> int:
    """How many messages take HELD_S, if `size` have taken held_s; at most twice as many, because one may be lucky."""
    return max(min(round(size * min(HELD_S / max(held_s, 1e-6), 2.0)), MOST), LEAST)
