"""What this process has counted and not stored yet: rare events of places that have no database, such as transports.

Whoever has the database stores them every few seconds (`accounts/counting.py`); a kill loses those since.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum


class Counted(StrEnum):
    """What is counted; stored by its value."""

    TRANSPORT_RESTARTS = "transport_restarts"  #: a transport broke down
    ORPHANS = "orphans"  #: processes that an earlier run had left, and that were ended
    LEASES_LOST = "leases_lost"  #: messages that the sender may no longer write
    ACCOUNTS_LOST = "accounts_lost"  #: another sender took the account


_lock = threading.Lock()
_counts: Counter[Counted] = Counter()


def count(what: Counted, by: int = 1) -> None:
    """It has happened; any thread may say so."""
    with _lock:
        _counts[what] += by


def take() -> Counter[Counted]:
    """What was counted since the last call; whoever takes it stores it, or gives it back."""
    with _lock:
        taken = Counter(_counts)
        _counts.clear()
    return taken


def give_back(taken: Mapping[Counted, int]) -> None:
    """It could not be stored."""
    with _lock:
        _counts.update(taken)
