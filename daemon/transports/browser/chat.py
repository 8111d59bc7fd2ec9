"""A chat that was opened, and by what it was proved to be the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Chat:
    """An open chat that is proved to be the one with `digits`.

    rows: how its rows came to rest (for the page's `settled`). left: `Screens.left` at the time.
    draft: what stood in its composer.
    """

    digits: str
    title: str | None
    rows: dict[str, Any] | None
    left: int
    draft: str = ""

    def want(self) -> dict[str, str | None]:
        """What the page has to find before it sends."""
        return {"title": self.title, "digits": self.digits}
