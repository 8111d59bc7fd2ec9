"""Users of the page: name, role, password. Those with the API key are an administrator without being a user, so the
owner is never locked out for good.

When a user's role or password changes, or they are disabled, all their sessions end in the same transaction.
"""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.auth import audit, keys, lookalikes, passwords, second_factor
from daemon.auth.refusals import Why
from daemon.db import versions
from daemon.db.connection import after_commit, write
from daemon.db.proxy import database, locked, on_postgres
from daemon.db.records import record
from daemon.i18n.coded import Phrase
from daemon.models import LoginStep, Session
from daemon.models import User as UserRow
from daemon.states import Role

log = structlog.get_logger()

LONGEST_NAME = 64
TEMPORARY_MS = 24 * 3_600_000  # how long a temporary password can be used
SIGNS = second_factor.ALPHABET
NAMES = 0x6E61_6D65  # PostgreSQL advisory lock held while a name is taken; the number is arbitrary
# They have other meanings in the history and on the suppression list, see `suppression.WHATSAPP`.
RESERVED = frozenset({"api", "api key", "page", "sender", "daemon", "wasender", "reply", "whatsapp", "erased"})


@dataclass(frozen=True)
class User:
    """Somebody who may use the page. password: as passwords.conceal stores it; times in UTC ms; version: see
    db/versions.py; accounts: names of those that they may see and use, None for all; password_until: until when a
    temporary password can be used, None for one of their own."""

    id: int
    name: str
    role: str
    password: str = field(repr=False)
    language: str | None
    created_at: int
    disabled_at: int | None
    version: int
    accounts: list[str] | None = None
    password_until: int | None = None


def create(name: str, role: Role, password: str, who: str, now: int) -> User:
    """Create a user. Raises InvalidInput, which says what is wrong with the name or the password."""
    name = _checked(name)
    passwords.check(password, name)
    stored = passwords.conceal(password)
    with write():
        _one_by_one()
        if named(name) is not None:
            raise _taken(name)
        if any(lookalikes.alike(name, row.name) for row in every()):
            raise errors.InvalidInput(Why.USER_NAME_LOOKALIKE)
        row = UserRow.create(name=name, role=word(role), password=stored, created_at=now)
        audit.about("user", row.id)
        after_commit(partial(log.info, "user.created", user_id=row.id, role=word(role), who=who))
    return record(User, row)


def _one_by_one() -> None:
    """Let only one process at a time take a name: "Anna" and "anna" are the same name, which no index can enforce. On
    SQLite the transaction has locked the whole database anyway."""
    if on_postgres():
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (NAMES,))


def _checked(name: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name or len(name) > LONGEST_NAME:
        raise errors.InvalidInput(Why.USER_NAME_LENGTH, most=LONGEST_NAME)
    if not name.isprintable():
        raise errors.InvalidInput(Why.USER_NAME_INVISIBLE)
    if any(lookalikes.alike(name, each) for each in RESERVED) or name.casefold().startswith((keys.OWN, "command line")):
        raise errors.InvalidInput(Why.USER_NAME_RESERVED, name=name)
    return name


def _taken(name: str) -> errors.InvalidInput:
    return errors.InvalidInput(Why.USER_NAME_TAKEN, name=name)


def same_name(name: str) -> str:
    """The name in a form that is the same for all its spellings."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def every() -> list[User]:
    """All users, by name."""
    return sorted((record(User, row) for row in UserRow.select()), key=lambda row: row.name.casefold())


def any_yet() -> bool:
    """Whether there is a user who can log in."""
    return bool(UserRow.select().where(UserRow.disabled_at.is_null()).exists())


def find(user_id: int) -> User:
    """The user with that id. Raises NotFound."""
    row = UserRow.get_or_none(UserRow.id == user_id)
    if row is None:
        raise errors.NotFound(Why.NO_USER)
    return record(User, row)


def named(name: str) -> User | None:
    """The user of that name, ignoring case."""
    wanted = same_name(name)
    return next((row for row in every() if same_name(row.name) == wanted), None)


def change_role(user_id: int, role: Role, who: str, version: int | None = None) -> None:
    """Change the user's role. version: of what the caller has read, None to change whatever is there.

    Raises NotFound, and EditConflict when somebody has changed the user since.
    """
    if find(user_id).role != word(role):
        _change(user_id, "role", who, version, role=word(role))


def limit_to(user_id: int, accounts: list[str] | None, who: str, version: int | None = None) -> None:
    """Let the user see and use these accounts only; None: all, those that are added later, too. version: as with the
    role. Raises NotFound, EditConflict, InvalidInput (none at all)."""
    if accounts is not None and not accounts:
        raise errors.InvalidInput(Why.USER_WITHOUT_ACCOUNT).at("which")
    if find(user_id).accounts != accounts:
        _change(user_id, "accounts", who, version, accounts=accounts)


def set_password(user_id: int, password: str, who: str, version: int | None = None) -> None:
    """Set a new password. version: as with the role. Raises NotFound, InvalidInput, EditConflict."""
    passwords.check(password, find(user_id).name)
    _change(user_id, "password", who, version, password=passwords.conceal(password), password_until=None)


def reset_password(user_id: int, who: str, now: int, version: int | None = None) -> str:
    """Give the user a temporary password, for TEMPORARY_MS: at the login they have to choose their own. version: as
    with the role. Raises NotFound, EditConflict."""
    made = "-".join("".join(secrets.choice(SIGNS) for _ in range(5)) for _ in range(4))
    values = {"password": passwords.conceal(made), "password_until": now + TEMPORARY_MS}
    _change(user_id, "password reset", who, version, **values)
    return made


def own_password(user: User, password: str) -> str:
    """The hash of a password in place of the user's temporary one. It takes a while, so not in a transaction. Raises
    InvalidInput."""
    passwords.check(password, user.name)
    if passwords.matches(password, user.password):
        raise errors.InvalidInput(Why.PASSWORD_IS_TEMPORARY)
    return passwords.conceal(password)


def replace_temporary(user_id: int, concealed: str) -> None:
    """Part of the caller's transaction: the user's own password in place of a temporary one. concealed: its hash."""
    _change(user_id, "password", find(user_id).name, None, password=concealed, password_until=None)


def remove_second_factor(user_id: int, who: str, version: int | None = None) -> None:
    """Ask the user for no code any more, as they have lost their phone. version: as with the role. Raises NotFound,
    EditConflict, IllegalMove where they are asked for none."""
    with write():
        if locked(UserRow.select().where(UserRow.id == user_id)).first() is None:
            raise errors.NotFound(Why.NO_USER)
        if not second_factor.turn_off(user_id):
            raise errors.IllegalMove(Why.NO_SECOND_FACTOR)
        _change(user_id, "second factor removed", who, version)


def disable(user_id: int, who: str, now: int, version: int | None = None) -> None:
    """Stop the user from logging in. version: as with the role. Raises NotFound, EditConflict."""
    if find(user_id).disabled_at is None:
        _change(user_id, "disabled", who, version, disabled_at=now)


def enable(user_id: int, who: str, version: int | None = None) -> None:
    """Let the user log in again, with the same password. version: as with the role. Raises NotFound, EditConflict."""
    if find(user_id).disabled_at is not None:
        _change(user_id, "enabled", who, version, disabled_at=None)


def speak(user_id: int, language: str) -> None:
    """Store the user's language."""
    with write():
        UserRow.update(language=language).where(UserRow.id == user_id).execute()


def word(role: Role) -> str:
    """The role's name, as it is stored and shown."""
    return role.name.lower()


def role_of(name: str) -> Role:
    """The role of that name. Raises InvalidInput."""
    try:
        return Role[name.upper()]
    except KeyError:
        raise errors.InvalidInput(Why.ROLE_UNFIT, roles=", ".join(map(word, Role))) from None


def _change(user_id: int, what: str, who: str, version: int | None, **changes: Any) -> None:
    with write():
        row = locked(UserRow.select().where(UserRow.id == user_id)).first() or find(user_id)
        versions.check(Phrase("user"), row.version, version)
        UserRow.update(**changes, version=row.version + 1).where(UserRow.id == user_id).execute()
        Session.delete().where(Session.user == user_id).execute()
        LoginStep.delete().where(LoginStep.user == user_id).execute()
        after_commit(partial(log.info, "user.changed", user_id=user_id, what=what, who=who))
