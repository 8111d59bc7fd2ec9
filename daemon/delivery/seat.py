"""Which account a sender drives: the one that its settings name, or the first that has no sender, and is at home in its
data folder. It keeps that one until it ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from daemon.accounts import directory, home, installed, limits, ownership
from daemon.accounts.directory import AccountRow
from daemon.config import Settings
from daemon.db.records import record
from daemon.delivery import timing
from daemon.models import Account
from daemon.states import AccountState
from daemon.transports import registry

log = structlog.get_logger()


@dataclass(frozen=True)
class Seat:
    """An account for this sender. settings: for it; base: of the installation; home: in this data folder, see
    `accounts/home.py`; tenure: it is taken, None: to be taken once the transport's lock has shown that nobody else
    drives it."""

    base: Settings
    settings: Settings
    home: str
    tenure: ownership.Tenure | None

    @property
    def account(self) -> str:
        return self.settings.account

    def stays(self) -> bool:
        """Whether the sender still has what the account is set to. If not, it ends as when it is told to, and a new one
        takes its place; of an account that was removed, once nothing is in hand."""
        row = directory.known(self.account)
        if row is None:
            return True
        now = limits.settings_in(self.base, self.account, row)
        if any(getattr(now, field) != getattr(self.settings, field) for field in limits.STARTS_WITH):
            log.info("account.let_go", reason="its settings were changed")
            return False
        if row.removed_at is not None and not installed.in_hand(self.account):
            log.info("account.let_go", reason="it was removed")
            return False
        return True


class Seats:
    """Looks for an account until there is one."""

    def __init__(self, base: Settings) -> None:
        self._base, self._home = base, home.of(base.data_dir)
        self._seen: dict[str, tuple[ownership.Taken, float]] = {}  # its owner, and since when it is the same

    def find(self, now: int, passed: Collection[str] = ()) -> Seat | None:
        """An account to drive, None while there is none. passed: those not to try. On a thread that may use the
        database."""
        base = self._base
        directory.ensure(base.account)
        if base.pinned:
            row = directory.known(base.account)
            gone = row is not None and row.removed_at is not None and not installed.in_hand(base.account)
            return None if gone else self._seat(base.account, None)
        unsure = None
        for row in self._near():
            if row.name in passed:
                continue
            found = self._take(row.name, now)
            if isinstance(found, ownership.Tenure):
                log.info("account.taken", account=row.name, proved=found.proved)
                return self._seat(row.name, found)
            if found.lock_tells and unsure is None:
                unsure = row.name
        return self._seat(unsure, None) if unsure else None

    def _take(self, name: str, now: int) -> ownership.Tenure | ownership.Taken:
        """Take it if nobody drives it. A silent owner is one that has not renewed its lease for the length of it."""
        before, since = self._seen.get(name, (None, 0.0))
        silent = before if timing.monotonic() - since > self._base.lease_s else None
        place, lease_ms = ownership.here(self._base.data_dir), round(self._base.lease_s * 1000)
        found: ownership.Tenure | ownership.Taken | None = ownership.owner(name, place, now, silent)
        if found is None:  # only then is the database written to
            found = ownership.take(name, place, now, lease_ms, None, silent)
        if isinstance(found, ownership.Taken) and found != before:
            self._seen[name] = (found, timing.monotonic())
        return found

    def _seat(self, name: str, tenure: ownership.Tenure | None) -> Seat:
        row = directory.known(name)
        place = home.moved(row.home if row else None, self._home)
        return Seat(self._base, limits.for_sender(self._base, name), place, tenure)

    def _near(self) -> Iterator[AccountRow]:
        """Those that may be driven from here: first the one that campaigns use when they name none."""
        rows = [record(AccountRow, row) for row in Account.select().order_by(Account.name)]
        for row in sorted(rows, key=lambda row: row.name != self._base.account):
            transport = limits.settings_in(self._base, row.name, row).transport
            here = transport not in registry.BOUND or self._at_home(row)
            if here and (row.removed_at is None or installed.in_hand(row.name)):
                yield row

    def _at_home(self, row: AccountRow) -> bool:
        """Whether the account's profile is in this data folder, or nowhere yet."""
        if home.anywhere(row.home):
            return row.home == home.moved(row.home, self._home)
        if row.name == self._base.account or home.has_profile(self._base.data_dir, row.name):
            return True
        return row.state == AccountState.STARTING and not row.seen_at


def abandoned(settings: Settings, now: int) -> dict[str, str]:
    """Accounts of which a profile is in the data folder that is of no more use: of one that was removed any; of a name
    that was added again any but that of the life behind it."""
    found = {}
    for row in Account.select(Account.name, Account.home, Account.removed_at):
        life = "" if row.removed_at is not None else home.life(row.home)
        if (row.removed_at is None and not life) or not _profile(settings.data_dir, row.name).exists():
            continue
        if life or not (installed.in_hand(row.name) or ownership.driven(settings, row.name, now)):
            found[row.name] = life
    return found


def _profile(folder: Path, name: str) -> Path:
    return folder / "profiles" / name
