"""Jobs that wait for a person after a restore or a long stop."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Time, example
from daemon.campaigns.confirming import Choice


class Confirm(Body):
    """What becomes of a job that waits."""

    model_config = example(choice="uncertain", first=150)

    choice: Choice = Field(
        description="`go_on`: send what is queued. `uncertain`: first set aside who may have got it, for a decision "
        "about each. `stop`: cancel what is queued."
    )
    first: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        None, description="With `uncertain`: only so many, in order of their turn, and send the rest. null: all."
    )


class Unconfirmed(Answer):
    """A job of which nothing is sent until somebody decides."""

    job_id: int
    name: str
    account: str
    state: Literal["scheduled", "pending", "running", "paused"]
    cause: Literal["restored", "long_stopped"] = Field(
        description="`restored`: the database is an older one. `long_stopped`: nothing ran for more than a day."
    )
    found_at: Time = Field(description="Since when it waits.")
    known_until: Time | None = Field(description="What happened from then until `found_at` is not known.")
    total: int
    out: int = Field(description="How many were sent, as the database knows.")
    pending: int
    perhaps_sent: int = Field(
        description="How many of those that are queued may have been sent all the same: all, or no more than the job's "
        "pauses allow, where it makes some."
    )


class Confirmations(Answer):
    """A page of the jobs that wait."""

    jobs: list[Unconfirmed]
    next_cursor: int | None
