"""Whether the process is alive and can send."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daemon.api.answers import Answer
from daemon.api.schemas.common import Time, absent


class Health(Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str  #: of wasender


class Waiting(Answer):
    """An account that cannot send, and why."""

    name: str
    state: str
    hold: str | None
    until: Time | None
    reason: str
    code: str


class Ready(Answer):
    """Whether an account can send; callers with a key also see what it waits for."""

    ready: bool
    reason: str | None = Field(None, exclude_if=absent)
    accounts: list[Waiting] | None = Field(None, exclude_if=absent)

    def http_status(self) -> int:
        return 200 if self.ready else 503
