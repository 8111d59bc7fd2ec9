"""What a person reads: times, counts and states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from daemon.cli.exits import usage

OUT = ("sent", "delivered", "read")
COUNTED = (
    "sent", "delivered", "read", "failed", "uncertain", "skipped", "expired", "cancelled", "accepted", "sending",
    "claimed", "pending",
)  # fmt: skip
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def instant(at: int | None) -> str:
    """A time (UTC ms) on this machine's clock."""
    return datetime.fromtimestamp(at / 1000).astimezone().strftime("%Y-%m-%d %H:%M") if at else ""


def moment(text: str) -> str:
    """A time as the API takes it, of what a person writes: without a zone it is this machine's. Raises Failure."""
    if not text:
        return ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise usage(f"{text} is no time: write it as 2030-01-31 or 2030-01-31T09:00.") from None
    return (found if found.tzinfo else found.astimezone()).isoformat()


def counts(job: Mapping[str, Any]) -> str:
    """How many messages are in which state, in words."""
    return ", ".join(f"{job[each]:,} {each}" for each in COUNTED if job[each])


def of_people(number: int) -> str:
    """So many people."""
    return "1 person" if number == 1 else f"{number:,} people"


def state_of(job: Mapping[str, Any]) -> str:
    """A job's state in words."""
    return str(job["status"]).replace("_", " ")


def ended(job: Mapping[str, Any]) -> int:
    """How many of its people nothing more happens to by itself."""
    return int(job["total"]) - sum(int(job[each]) for each in ("pending", "claimed", "sending"))
