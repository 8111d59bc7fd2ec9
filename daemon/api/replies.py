"""Replies from recipients."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import Cursor, Flag, Limit, OfJob
from daemon.api.schemas.people import Replies, Reply
from daemon.db import clock
from daemon.delivery import replies as stored_replies
from daemon.server.scopes import Scope

StopsOnly = Annotated[Flag, Field(description="Only those that ask for no more messages.")]


@endpoint.get("/replies", scope=Scope.READ, tag="replies")
def replies(
    caller: Caller,
    *,
    stop: StopsOnly = False,
    job_id: OfJob | None = None,
    cursor: Cursor | None = None,
    limit: Limit = stored_replies.PAGE,
) -> Replies:
    """Replies of the last 30 days, newest first, a page at a time."""
    rows, after = stored_replies.page(cursor, clock.now_ms(), stop, job_id, limit)
    return Replies(replies=[Reply.model_validate(row) for row in rows], next_cursor=after)
