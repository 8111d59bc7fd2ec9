"""The audit log."""

from __future__ import annotations

from pydantic import Field

from daemon.api.answers import Answer
from daemon.api.schemas.common import Time
from daemon.states import AuditResult


class AuditEntry(Answer):
    """Something that somebody has done, or tried."""

    id: int = Field(description="Without gaps, in the order in which it was committed.")
    at: Time
    who: str = Field(description="Their name at that time: of a user, of a key as `key:NAME`, `page` or `api`.")
    identity: str = Field(description="Whatever they are called later, as `user:ID` or `key:ID`; else empty.")
    action: str = Field(description="Such as `jobs.pause`.")
    kind: str = Field(description="What it was done to, such as `job`; empty for nothing in particular.")
    target: str = Field(description="Its id or name; a telephone number is masked.")
    address: str = Field(description="Where it came from; empty for this machine.")
    result: AuditResult
    code: str = Field(description="Why it was refused, or what else is to be said; else empty.")
    digest: str = Field(description="HMAC-SHA-256 over the entry before and this one.")


class Audit(Answer):
    """A page of entries, newest first."""

    entries: list[AuditEntry]
    next_cursor: str | None


class AuditChecked(Answer):
    """Whether the audit log is as it was written."""

    sound: bool
    count: int = Field(description="How many entries were looked at.")
    last: int = Field(description="The id of the newest one.")
    digest: str = Field(description="Its digest: noted elsewhere, it shows later whether entries were taken away.")
    pruned: int = Field(description="The id of the last one that was deleted as too old.")
    broken: int | None = Field(description="The first that is not as it was written.")
