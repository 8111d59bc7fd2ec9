"""Which accounts there are: add one, and take one away so that only its history is left.

An account's name never changes: everything that belongs to it, on disk and in a dozen tables, goes by that name. What
people call it is its title, which may change at any time. So does a name that was removed and is added again: it finds
its history, and starts with settings of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import directory, home, limits, ownership
from daemon.accounts.directory import AccountRow
from daemon.accounts.limits import Limits
from daemon.accounts.refusals import Why
from daemon.auth import audit
from daemon.config import ACCOUNT_NAME, Settings
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked
from daemon.models import Account, Message, PageCheck, Picture
from daemon.states import IN_HAND, AccountState

log = structlog.get_logger()

ANEW: Mapping[str, Any] = {  # what nobody may find again under a name that was removed
    "state": AccountState.STARTING, "hold": None, "detail": None, "coded": None, "until": None, "qr": None,
    "kept_hold": None, "failing": None, "wish": None, "number": None, "link_number": None, "link_code": None,
    "link_code_at": None, "screenshot_at": None, "known_chats": False, "canary_at": 0, "dry_run": False,
    "seen_at": 0, "owner": None, "owner_until": 0, "owner_place": None,
}  # fmt: skip


def add(settings: Settings, name: str, own: Limits, who: str, now: int) -> AccountRow:
    """Add an account, with settings of its own. Raises InvalidInput, IllegalMove (there is one of that name, or one
    that was removed still has a sender)."""
    if not ACCOUNT_NAME.fullmatch(name):
        raise errors.InvalidInput(Why.NAME_UNFIT).at("name")
    checked = limits.check(own)
    limits.fit_together(checked)
    with write():
        limits.one_at_a_time()
        # In any case: it is also the name of a folder, and some disks do not tell these apart.
        alike = [
            each for each in directory.every() if name.casefold() in (each.name.casefold(), each.called.casefold())
        ]
        if alike:
            raise errors.IllegalMove(Why.NAME_TAKEN, name=alike[0].name).at("name")
        limits.unlike_others(name, checked.get("title"))
        lies = _let_go(settings, name, now)
        directory.ensure(name)
        version = Account.limits_version + 1
        own_ones = {field: checked.get(field) for field in limits.CHECKS}
        changes = {**own_ones, **ANEW, **lies, "removed_at": None, "limits_version": version}
        Account.update(changes).where(Account.name == name).execute()
        audit.about("account", name)
        after_commit(partial(log.info, "account.added", account=name, who=who))
    return directory.find(name)


def _let_go(settings: Settings, name: str, now: int) -> dict[str, Any]:
    """Where the account is at home from now on. Raises IllegalMove while the one that had its name is still driven, or
    has a message of which only its own phone knows what became: they would be taken for those of the new one."""
    if not locked(Account.select(Account.name).where(Account.name == name)).first():
        return {}
    if ownership.driven(settings, name, now) or in_hand(name):
        raise errors.IllegalMove(Why.NOT_LET_GO, name=name).at("name")
    return {"home": home.anew()}


def in_hand(name: str) -> bool:
    """Whether a message of the account is with a sender, or was with one that has died."""
    return bool(Message.select(Message.id).where(Message.account == name, Message.state.in_(IN_HAND)).exists())


def removable(settings: Settings, name: str) -> None:
    """Raises NotFound, and IllegalMove where it is the one that campaigns use when they name none."""
    directory.find(name)
    if name == settings.account:
        raise errors.IllegalMove(Why.NAMED_BY_SETTINGS, name=name)


def lock(name: str) -> None:
    """Until the transaction ends nothing is queued for the account. Raises NotFound."""
    locked(Account.select(Account.name).where(Account.name == name)).first()
    directory.find(name)


def require(name: str) -> None:
    """Until the transaction ends nobody removes the account. Raises IllegalMove where somebody has."""
    row = locked(Account.select(Account.removed_at).where(Account.name == name)).first()
    if row is not None and row.removed_at is not None:
        raise errors.IllegalMove(Why.WAS_REMOVED, name=name)


def strike(name: str, who: str, now: int) -> None:
    """Remove it; part of the transaction that has locked it. Its sender notices with its next heartbeat."""
    for kept in (Picture, PageCheck):
        kept.delete().where(kept.account == name).execute()
    keyless: dict[str, Any] = dict.fromkeys(limits.SECRETS)
    Account.update(removed_at=now, title=None, **keyless).where(Account.name == name).execute()
    after_commit(partial(log.info, "account.removed", account=name, who=who))
