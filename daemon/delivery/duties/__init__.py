"""What a sender does, one file per duty; the engine goes through them in order."""

from __future__ import annotations

from typing import Protocol


class Duty(Protocol):
    """One thing that a sender takes care of."""

    async def run(self) -> bool:
        """Do it if there is something to do; True if there was: then the duties before it get their turn again."""
