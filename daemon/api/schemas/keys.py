"""Keys for programs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Instant, Seen, Time, example
from daemon.auth import keys
from daemon.states import Scope

Names = Annotated[list[StrictStr], Field(max_length=1_000, fail_fast=True)]
Networks = Annotated[list[StrictStr], Field(max_length=keys.MOST_ADDRESSES, fail_fast=True)]
Rate = Annotated[int, Field(strict=True, ge=1, le=keys.MOST_RATE)]


class NewKey(Body):
    """What the key is called, and what it may do."""

    model_config = example(name="shop", scopes=["send", "read"], accounts=["default"], rate_limit=120)

    name: StrictStr
    scopes: list[Scope] = Field(
        max_length=20, description="What it may do. They do not include each other: `send` alone cannot read."
    )
    accounts: Names | None = Field(None, description="The accounts that it sees and sends from; null for all.")
    addresses: Networks | None = Field(
        None, description="IP addresses and networks from which it is taken; null for any."
    )
    expires_at: Instant | None = None
    test: StrictBool = Field(False, description="A test key: it sends and changes nothing; `POST /send` is a dry run.")
    mask_numbers: StrictBool = Field(False, description="It is shown telephone numbers masked. Only with `read` alone.")
    rate_limit: Rate | None = Field(None, description="Requests a minute; null for no limit.")


class ChangedKey(Body):
    """What is to be changed; what is left out stays."""

    model_config = example(scopes=["read"], expires_at="2030-12-01T09:00:00+01:00")

    name: StrictStr | None = None
    scopes: list[Scope] | None = Field(None, max_length=20)
    accounts: Names | None = Field(None, description="null for all.")
    addresses: Networks | None = Field(None, description="null for any.")
    expires_at: Instant | None = Field(None, description="null: it does not expire.")
    mask_numbers: StrictBool | None = None
    rate_limit: Rate | None = Field(None, description="null for no limit.")
    version: Seen = None


class Rotate(Body):
    """Until when the old key is taken as well."""

    model_config = example(ends_at="2030-12-01T09:00:00+01:00")

    ends_at: Instant | None = Field(None, description="When the old one ends; null: at once.")


class OldSecret(Answer):
    """A key that was replaced, and is taken for a while yet."""

    prefix: str
    ends_at: Time
    last_used_at: Time | None


class Key(Answer):
    """A key, without the secret: that is shown once, when it is made."""

    id: int = Field(description="0: the key of the installation, which is neither changed nor revoked here.")
    name: str
    prefix: str | None = Field(description="The first characters of the secret. null: of the installation's key.")
    source: Literal["made", "file", "setting"] = Field(
        description="`made`: by POST /keys or on the page; `file`: DATA_DIR/api_key; `setting`: WASENDER_API_KEY."
    )
    status: Literal["active", "expired", "revoked"]
    scopes: list[Scope]
    accounts: list[str] | None = Field(description="null: all.")
    addresses: list[str] | None = Field(description="null: it is taken from anywhere.")
    test: bool
    mask_numbers: bool
    rate_limit: int | None = Field(description="Requests a minute. null: no limit.")
    created_at: Time | None
    created_by: str | None
    expires_at: Time | None
    last_used_at: Time | None = Field(description="To about a minute. null: never, or not recorded.")
    revoked_at: Time | None
    revoked_by: str | None
    version: int = Field(description="It grows with every change. 0: of the installation's key.")
    changed_at: Time | None
    changed_by: str | None
    old: list[OldSecret] = Field(description="Those that it replaced and that are still taken.")


class MadeKey(Key):
    """A key with its secret, which nobody can be shown again."""

    key: str | None = Field(
        description="The secret, for the header X-API-KEY. null: this answer repeats an earlier one, see "
        "Idempotency-Key; rotate the key if the secret was lost.",
    )

    def kept(self) -> dict[str, Any]:
        """As an answer is kept for a repeat: without the secret, which is stored nowhere."""
        return super().kept() | {"key": None}


class Keys(Answer):
    """A page of keys."""

    keys: list[Key]
    next_cursor: int | None
