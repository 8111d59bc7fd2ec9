"""The optimistic lock: when two people edit the same row, the second gets an error instead of overwriting the first."""

from __future__ import annotations

from typing import Any

from daemon import errors


def refuse_late(what: str, row: Any, updated_at: int | None) -> None:
    if updated_at is not None and updated_at != row.updated_at:
        raise errors.IllegalMove(
            f"Somebody has changed this {what} since you opened it: open it again, and make your change there."
        )


def later(row: Any, now: int) -> int:
    """The `updated_at` for a change made now; no two versions of a row have the same one."""
    return max(now, int(row.updated_at) + 1)
