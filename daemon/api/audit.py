"""The audit log: a page of it, all of it, and whether it is as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from daemon.api import endpoint
from daemon.api.answers import Csv, JsonLines
from daemon.api.endpoint import Caller
from daemon.api.parameters import MAX_CHARS, Limit, Says, Since, TextCursor, Until
from daemon.api.schemas.audit import Audit, AuditChecked, AuditEntry
from daemon.auth import audit_reading
from daemon.auth.audit_reading import Entry, Wanted
from daemon.campaigns import report
from daemon.config import secret_key
from daemon.i18n.instants import instant
from daemon.ops import audit_upkeep
from daemon.server.scopes import Scope
from daemon.server.visitors import require_all_accounts

HEAD = ("id", "at", "who", "identity", "action", "kind", "target", "address", "result", "code", "digest")
Who = Annotated[
    str,
    Field(max_length=MAX_CHARS, description="Only what this user or key (`key:NAME`) has done."),
    Says("is a name"),
]
Action = Annotated[
    str,
    Field(max_length=64, examples=["jobs.pause"], description="Only this."),
    Says("is an action such as jobs.pause"),
]
Digest = Annotated[
    str,
    Field(pattern="^[0-9]{1,18}:[0-9a-f]{64}$", description="`last` and `digest` of an earlier check, with : between."),
    Says("is an id and a digest with : between"),
]


@endpoint.get("/audit", scope=Scope.ADMIN, tag="audit")
def audit_log(
    caller: Caller,
    *,
    who: Who | None = None,
    action: Action | None = None,
    since: Since | None = None,
    until: Until | None = None,
    cursor: TextCursor | None = None,
    limit: Limit = audit_reading.PAGE,
) -> Audit:
    """Who has done what, to what, from where and with which result; newest first, a page at a time."""
    require_all_accounts()
    rows, after = audit_reading.page(Wanted(who, action, since, until), cursor, limit)
    return Audit(entries=[AuditEntry.model_validate(vars(row)) for row in rows], next_cursor=after)


@endpoint.get("/audit/export.csv", scope=Scope.ADMIN, tag="audit")
def export_audit(
    caller: Caller,
    *,
    who: Who | None = None,
    action: Action | None = None,
    since: Since | None = None,
    until: Until | None = None,
) -> Csv:
    """The same as CSV, without pages. That it was handed out is an entry, too."""
    require_all_accounts()
    return Csv("audit.csv", _lines(Wanted(who, action, since, until)))


@endpoint.get("/audit/export.jsonl", scope=Scope.ADMIN, tag="audit")
def export_audit_json(
    caller: Caller,
    *,
    who: Who | None = None,
    action: Action | None = None,
    since: Since | None = None,
    until: Until | None = None,
) -> JsonLines:
    """The same as JSON, one entry on each line."""
    require_all_accounts()
    pieces = audit_reading.every(Wanted(who, action, since, until))
    return JsonLines("audit.jsonl", ("".join(json.dumps(vars(row)) + "\n" for row in rows).encode() for rows in pieces))


@endpoint.get("/audit/check", scope=Scope.ADMIN, tag="audit")
def check_audit(caller: Caller, *, known: Digest | None = None) -> AuditChecked:
    """Whether all entries are as they were written, and none is missing in between.

    That the newest ones were taken away shows where `known` names one of them; else by the one that is noted in the
    data folder every hour.
    """
    require_all_accounts()
    entry_id, _, digest = (known or "").partition(":")
    noted = (int(entry_id), digest) if known else audit_upkeep.anchor(caller.settings)
    found = audit_reading.check(secret_key(caller.settings), noted)
    return AuditChecked(sound=found.broken is None, **vars(found))


def _lines(wanted: Wanted) -> Iterator[bytes]:
    yield report.as_csv([list(HEAD)]).encode()
    for rows in audit_reading.every(wanted):
        yield report.as_csv([_line(row) for row in rows]).encode()


def _line(row: Entry) -> list[int | str]:
    return [row.id, instant(row.at).isoformat(timespec="milliseconds"), *(getattr(row, each) for each in HEAD[2:])]
