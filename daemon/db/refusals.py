"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Recorded, Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    CHANGED_MEANWHILE = (
        "changed_meanwhile",
        "Somebody else has changed this {what} since you opened it: open it again and repeat your change.",
    )


class Unsent(Recorded):
    """What the database refuses: a message's history may keep it in words."""

    DATABASE_UNANSWERED = "database_unanswered", "The database did not answer ({reason}): try again."
    CONNECTION_BROKE = (
        "connection_broke",
        "The connection to the database broke ({reason}): check whether the change was made.",
    )
    CANNOT_BE_STORED = "cannot_be_stored", "The database cannot store this ({reason})."
    DATABASE_LOCKED = "database_locked", "Another process keeps the database locked ({reason}): try again."
    DATABASE_CROWDED = (
        "database_crowded",
        "The database takes no more connections: close other programs that use it, or raise its max_connections.",
    )
    DATABASE_STARVED = (
        "database_starved",
        "The database server has too little memory for this: try again, or give it more.",
    )
    DATABASE_READ_ONLY = (
        "database_read_only",
        "The database is read-only: set WASENDER_DATABASE_URL to a server or file that can be written to.",
    )
    TOO_MUCH_AT_ONCE = "too_much_at_once", "This is too much for the database at once: use fewer words or ids."
