"""The optimistic lock: when two people edit the same row, the second gets an error instead of overwriting the first.

Every row that people edit has a version, which grows with each change of what they edit. A form of the page carries the
version that it was shown with in its hidden field `version`; a caller of the API may send the one that it has read.
The row is locked first by the one who makes the change.
"""

from __future__ import annotations

from typing import Any

from daemon import errors
from daemon.db.refusals import Why
from daemon.i18n.coded import Phrase

NONE = 0  # what no row has: versions begin at 1


def check(what: Phrase, version: int, seen: int | None) -> None:
    """Refuse a change to a row of which the caller has seen another version than the present one.

    what: what the row is, for the sentence. seen: None to change whatever is there. Raises EditConflict.
    """
    if seen is not None and seen != version:
        raise errors.EditConflict(Why.CHANGED_MEANWHILE, what=what)


def seen(row: Any, version: int | None, updated_at: int | None) -> int | None:
    """The version of the row that a caller has seen, who may also say so by its `updated_at`, as before there were
    versions."""
    if version is not None or updated_at is None:
        return version
    return int(row.version) if row.updated_at == updated_at else NONE


def later(row: Any, now: int) -> int:
    """The `updated_at` for a change made now; no two versions of a row have the same one."""
    return max(now, int(row.updated_at) + 1)
