"""The optimistic lock: of two who change one row, the later is told instead of undoing the earlier one's change."""

from __future__ import annotations

from typing import Any

from daemon import errors
from daemon.db import clock


def refuse_late(what: str, row: Any, updated_at: int | None) -> None:
    if updated_at is not None and updated_at != row.updated_at:
        raise errors.IllegalMove(
            f"Somebody has changed this {what} since you opened it: open it again, and make your change there."
        )


def later(row: Any) -> int:
    """When a row is changed: no two versions of it have the same time."""
    return max(clock.now_ms(), int(row.updated_at) + 1)
