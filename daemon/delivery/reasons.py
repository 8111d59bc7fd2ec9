"""Why a job's messages have failed, by the code of the reason: counted by deltas with the moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import peewee

from daemon.db.prepared import Prepared, param
from daemon.db.proxy import tuples
from daemon.i18n.coded import Told, code_of, filed
from daemon.models import Message, Reason
from daemon.states import State

WORDS_ONLY = "other"  #: stands for all reasons that have no code
LONGEST = 64


def changes(source: State, target: State, why: Told | None) -> dict[str, str | None]:
    """What the move changes of the message. why: the reason that is stored with it."""
    if target is State.FAILED:
        return {"failed_by": (code_of(filed(why)) or WORDS_ONLY)[:LONGEST]}
    return {"failed_by": None} if source is State.FAILED else {}


def moved(message: Message, made: Mapping[str, Any]) -> None:
    """Count the message where it belongs from now on; part of the transaction that moves it. The message is still as it
    was. made: what the move changes."""
    before, after = message.failed_by, made.get("failed_by", message.failed_by)
    if before == after:
        return
    if before is not None:
        _add(job=message.job_id, code=before, by=-1)
    if after is not None:
        _add(job=message.job_id, code=after, by=1)


def add(job_id: int, code: str, by: int) -> None:
    """Count so many more; part of the transaction that moves them."""
    _add(job=job_id, code=code, by=by)


def swept(job_id: int, rows: Any, source: State) -> None:
    """The same for all messages that meet the condition `rows`, which are about to leave the state `source` at once."""
    if source is State.FAILED:
        counted = Message.select(Message.failed_by, peewee.fn.COUNT(Message.id)).where(rows)
        for code, count in tuples(counted.group_by(Message.failed_by)):
            if code is not None:
                _add(job=job_id, code=code, by=-count)


@Prepared
def _add() -> Any:
    new = Reason.insert({"job": param("job"), "code": param("code"), "count": param("by")})
    more = Reason.count + peewee.EXCLUDED["count"]
    return new.on_conflict(conflict_target=[Reason.job, Reason.code], update={Reason.count: more})


def of(job_id: int) -> dict[str, int]:
    """How many messages of the job have failed for which reason, the most frequent first."""
    rows = Reason.select(Reason.code, Reason.count).where(Reason.job == job_id, Reason.count > 0)
    return dict(tuples(rows.order_by(Reason.count.desc(), Reason.code)))


def mistaken(job_id: int) -> bool:
    """Whether they differ from the job's messages; False unless something is wrong."""
    failed = Message.select(Message.failed_by).where(Message.job == job_id, Message.state == State.FAILED.value)
    stray = (Message.job == job_id, Message.state != State.FAILED.value, Message.failed_by.is_null(False))
    counted = Counter(code for (code,) in tuples(failed))
    return dict(counted) != of(job_id) or Message.select().where(*stray).exists()
