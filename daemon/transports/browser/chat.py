"""An open chat, with the proof that it is the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Which chat has to be open, for the page's `rightTitle`: its title and digits.
Want = dict[str, str | None]


@dataclass(frozen=True)
class Chat:
    """An open chat that is proved to be the one with `digits`.

    rows: its rows once they stopped changing (for the page's `settled`). left: `Screens.left` at that time.
    draft: the text that was in its composer.
    """

    digits: str
    title: str | None
    rows: dict[str, Any] | None
    left: int
    draft: str = ""

    def want(self) -> Want:
        """What the page has to find before it sends."""
        return {"title": self.title, "digits": self.digits}
