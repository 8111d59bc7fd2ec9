"""What a sender does, a file for each duty; the engine goes through them in order (see `engine`)."""

from __future__ import annotations

from typing import Protocol


class Duty(Protocol):
    """One thing that a sender has to see to."""

    async def run(self) -> bool:
        """Do it if there is something to do; True: there was, and the duties before it have their turn again."""
