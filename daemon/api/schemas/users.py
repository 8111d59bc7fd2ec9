"""Users of the page."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from daemon.api.answers import Answer
from daemon.api.schemas.common import Time


class User(Answer):
    """Somebody who may use the page."""

    id: int
    name: str
    role: str
    accounts: list[str] | None = Field(description="Those that they may see and use; null: all.")
    created_at: Time
    disabled_at: Time | None
    second_factor: bool = Field(description="Whether they are asked for a code at the login.")
    password_until: Time | None = Field(description="Until when their temporary password can be used.")


class Users(Answer):
    """All users, by name."""

    users: list[User]


class PasswordReset(Answer):
    """A temporary password: it is told once."""

    success: Literal[True] = True
    user_id: int
    password: str | None = Field(
        description="At the login they have to choose their own. null: this answer repeats an earlier one, see "
        "Idempotency-Key."
    )
    password_until: Time

    def kept(self) -> dict[str, Any]:
        """As an answer is kept for a repeat: without the password."""
        return super().kept() | {"password": None}
