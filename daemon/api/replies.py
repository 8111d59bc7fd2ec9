"""What people answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from daemon import replies as kept
from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import Cursor, Flag, Limit, OfJob
from daemon.api.schemas.people import Replies
from daemon.db import now_ms
from daemon.server.scopes import Scope

StopsOnly = Annotated[Flag, Field(description="Only those that ask not to be written to any more.")]


@endpoint.get("/replies", scope=Scope.READ, tag="replies")
def replies(
    caller: Caller,
    *,
    stop: StopsOnly = False,
    job_id: OfJob | None = None,
    cursor: Cursor | None = None,
    limit: Limit = kept.PAGE,
) -> Replies:
    """Replies of the last 30 days, newest first, a page at a time."""
    rows, after = kept.page(cursor, now_ms(), stop, job_id, limit)
    return Replies.model_validate({"replies": [kept.describe(row) for row in rows], "next_cursor": after})
