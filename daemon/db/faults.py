"""What the databases refuse, told apart by their codes: PostgreSQL words its sentences in the server's language.

Wording counts only where there is no code: PostgreSQL gives none to whom it does not let in.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from daemon import errors
from daemon.db.refusals import Unsent

_FULL = re.compile(r"disk is full|No space left on device|Disk quota exceeded", re.IGNORECASE)
_TOO_LONG = re.compile(  # of a statement that would never be taken, however often it is tried
    r"too many SQL variables|Expression tree is too large|parser stack overflow|pattern too complex|too many terms"
    r"|stack depth limit exceeded|number of parameters must be between"
)
_CROWDED = re.compile(r"too many (clients|connections)|remaining connection slots", re.IGNORECASE)
_MADE: dict[str, Callable[[], errors.DaemonError]] = {
    "full": errors.DiskFull,
    "too_long": lambda: errors.InvalidInput(Unsent.TOO_MUCH_AT_ONCE),
    "crowded": lambda: errors.DatabaseBusy(Unsent.DATABASE_CROWDED),
    "starved": lambda: errors.DatabaseBusy(Unsent.DATABASE_STARVED),
    "read_only": lambda: errors.DatabaseBusy(Unsent.DATABASE_READ_ONLY),
    "damaged": lambda: errors.DatabaseUnusable(
        "The database is damaged: stop wasender, keep a copy of the database, and restore it from a backup."
    ),
}
_CODES = {
    "53100": "full", "SQLITE_FULL": "full",
    "53200": "starved", "53400": "starved", "SQLITE_NOMEM": "starved",
    "53300": "crowded",
    "25006": "read_only", "SQLITE_READONLY": "read_only",
    "54000": "too_long", "54001": "too_long", "54011": "too_long", "54023": "too_long", "SQLITE_TOOBIG": "too_long",
    "XX001": "damaged", "XX002": "damaged", "SQLITE_CORRUPT": "damaged", "SQLITE_NOTADB": "damaged",
}  # fmt: skip
VALUE = "22"  # begins the SQLSTATE of what is wrong with a value
LOCKED = frozenset({"55P03", "SQLITE_BUSY", "SQLITE_LOCKED"})


def code(error: BaseException) -> str:
    """SQLSTATE, or SQLite's name for what it refuses; "" where there is none."""
    for each in (error, *error.args, error.__cause__, error.__context__):
        if state := getattr(each, "sqlstate", None):
            return str(state)
        if name := getattr(each, "sqlite_errorname", None):
            return "_".join(str(name).split("_")[:2])  # SQLITE_READONLY_DBMOVED is SQLITE_READONLY
    return ""


def known(error: BaseException) -> errors.DaemonError | None:
    """The error for the caller, if it is one that a person can do something about."""
    kind = _CODES.get(code(error))
    text = str(error)
    for pattern, named in ((_FULL, "full"), (_TOO_LONG, "too_long"), (_CROWDED, "crowded")):
        if kind is None and pattern.search(text):
            kind = named
    return None if kind is None else _MADE[kind]()


def said(error: BaseException) -> str:
    """What the database says, in one line and without what rows have in them: its details and its context repeat that,
    and where a value is refused its sentence does, too."""
    for each in (error, *error.args, error.__cause__, error.__context__):
        if first := getattr(getattr(each, "diag", None), "message_primary", None):
            text = re.sub(r'".*"', "…", first) if code(error).startswith(VALUE) else first
            return " ".join(text.split())
    return " ".join(str(error).split())


def locked(error: BaseException) -> bool:
    """Whether somebody else has it locked."""
    return code(error) in LOCKED or "locked" in str(error) or "lock timeout" in str(error)
