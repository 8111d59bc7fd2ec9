"""What is known about each WhatsApp account. Only its sender writes it; everything else reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, TypedDict

import structlog

from daemon import errors
from daemon.accounts import happenings, ownership, pacing, rights
from daemon.accounts import home as homes
from daemon.accounts.refusals import Why
from daemon.config import Settings
from daemon.db.clock import AHEAD_MS
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, by_key, param, rows_of
from daemon.db.proxy import tuples
from daemon.db.records import record
from daemon.i18n.coded import Filed, code_of, filed, told
from daemon.models import Account
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health

log = structlog.get_logger()

OWN_HOLDS = frozenset({Hold.FAILURES, Hold.CANARY})  # the sender's own conclusions, which a restart must not lose
RESTRICTIONS = frozenset({Hold.RESTRICTED, Hold.TEMPORARY_BAN})  # after these an account sends slowly for a while
SILENT_AFTER_MS = 15_000  # a sender reports at least every few seconds; after this it counts as dead


class Wish(TypedDict, total=False):
    """A person's last command to the account's sender, as JSON; see `commands.py`. number: of the phone to link."""

    id: str
    what: str
    stage: str
    who: str
    at: int
    taken_at: int
    ended_at: int
    number: str
    code: str
    values: dict[str, str]
    outcome: str
    told: Filed | None


@dataclass(frozen=True)
class Own:
    """Settings of an account's own, as of `limits.Limits`, without the secrets; None where those of the installation
    decide."""

    transport: str | None
    hourly_cap: int | None
    daily_cap: int | None
    quiet_hours: str | None
    timezone: str | None
    country: str | None
    delay_min: float | None
    delay_max: float | None
    long_pause_every: int | None
    long_pause_min: float | None
    long_pause_max: float | None
    canary: str | None
    cloud_phone_number_id: str | None
    cloud_business_account_id: str | None
    cloud_throughput: int | None


@dataclass(frozen=True)
class AccountRow(Own):
    """An account as this room hands it out: to be read. The columns are those of the table."""

    name: str
    state: str
    hold: str | None
    detail: str | None
    coded: Filed | None
    until: int | None
    qr: str | None = field(repr=False)
    seen_at: int
    next_send_at: int
    next_reason: str
    known_chats: bool
    slow_until: int
    canary_at: int
    limits_version: int
    wish: Wish | None
    link_number: str | None
    link_code: str | None = field(repr=False)
    link_code_at: int | None
    screenshot_at: int | None
    send_ms: int
    dry_run: bool
    number: str | None
    home: str | None
    removed_at: int | None
    title: str | None
    cloud_token: str | None = field(repr=False)
    cloud_app_secret: str | None = field(repr=False)
    cloud_verify_token: str | None = field(repr=False)

    @property
    def called(self) -> str:
        """What people call it."""
        return self.title or self.name


def open_account(name: str, now: int, dry_run: bool = False, home: str | None = None) -> Health | None:
    """Make sure the account has a row, and store that its sender is starting. dry_run: it sends nothing. home: the data
    folder that has its profile.

    Returns a hold from OWN_HOLDS that an earlier sender began and that is not over: it stays until the account has
    been seen to send, however often the sender is restarted. Raises AccountInUse where the name was removed and added
    again before the sender had it: what its transport has opened may be the earlier one's.
    """
    with write():
        ensure(name)
        Account.update(dry_run=dry_run).where(ownership.guard(name), Account.dry_run != dry_run).execute()
        if home:
            if homes.life(Account.get_by_id(name).home) != homes.life(home):
                raise ownership.another(name)
            Account.update(home=home).where(ownership.guard(name)).execute()
    report(name, Health(AccountState.STARTING), now)
    kept = Account.get_by_id(name).kept_hold
    if kept and kept["at"] - AHEAD_MS <= now < kept["until"]:  # otherwise it is over, or from while the clock was ahead
        return Health(AccountState.HELD, Hold(kept["hold"]), kept["until"], told(kept["detail"], kept.get("coded")))
    return None


def ensure(name: str) -> None:
    """Make sure the account has a row. One that was removed stays so."""
    with write():
        Account.insert(name=name).on_conflict_ignore().execute()


def report(name: str, health: Health, now: int) -> None:
    """Store what the sender sees. QR payload and pairing code are kept only while needed, and never logged.

    Like everything a sender writes here, this raises AccountLost if another sender owns the account by now."""
    with write():
        row = Account.get_by_id(name)
        changed = (row.state, row.hold, row.detail) != (health.state, health.hold, health.words)
        careful = {"slow_until": now + pacing.SLOW_MS} if health.hold in RESTRICTIONS else {}
        changes = Account.update(
            state=health.state,
            hold=health.hold,
            detail=health.words,
            coded=filed(health.detail),
            until=health.until_ms,
            qr=health.qr,
            **_linking(row, health, now),
            **_kept(health, now),
            known_chats=health.known_chats,
            seen_at=now,
            **careful,
        )
        ownership.check(changes.where(ownership.guard(name)).execute(), name)
        if changed:
            code = code_of(filed(health.detail))
            about: happenings.About = {"hold": health.hold, "detail": health.words, "code": code}
            happenings.note(f"account.{health.state.value}", name, None, about | {"until": health.until_ms}, now)
            say = log.info if health.hold is None else log.warning
            details = {"state": health.state, "hold": health.hold, "detail": health.words}
            after_commit(partial(say, "account.changed", account=name, **details))


def _linking(row: Account, health: Health, now: int) -> dict[str, Any]:
    """The pairing code, since when it is shown, and its phone number, as long as the account is linked that way."""
    changes: dict[str, Any] = {"link_code": health.link_code}
    if health.link_code != row.link_code:
        changes["link_code_at"] = now if health.link_code else None
    if health.qr or health.usable:
        changes["link_number"] = None
        # Linked by the code for a number, the account is that number's; a QR code may be scanned by any phone.
        changes["number"] = None if health.qr else row.link_number or row.number
    return changes


def _kept(health: Health, now: int) -> dict[str, Any]:
    """The hold to keep for the next sender; None once the account has been seen to send."""
    if health.hold in OWN_HOLDS and health.until_ms:
        kept = {"hold": health.hold, "until": health.until_ms, "detail": health.words, "at": now}
        kept["coded"] = filed(health.detail)
        return {"kept_hold": kept}
    return {"kept_hold": None} if health.usable else {}


class Failing(TypedDict, total=False):
    """A run of failures, as JSON; `delivery/breaker.py` says what it means. Pairs: message id, count or time."""

    cause: str
    holds: int
    failed: list[int]
    spent: list[int]
    excused: list[int]
    run: list[tuple[int, int]]
    refused: list[tuple[int, int]]


def failing(name: str) -> Failing | None:
    """The run of failures that the last sender stored, see `delivery/breaker.py`."""
    row = by_key(Account, name)
    return row.failing if row else None


def keep_failing(name: str, run: Failing | None) -> None:
    """Store the account's run of failures for the next sender."""
    with write():
        ownership.check(Account.update(failing=run).where(ownership.guard(name)).execute(), name)


def seen(name: str, now: int) -> None:
    """Store that the sender is alive, even when it is too busy to look at the account."""
    with write():
        ownership.check(Account.update(seen_at=now).where(ownership.guard(name)).execute(), name)


def leave(name: str) -> None:
    """The sender has ended properly: the account counts as silent at once, unless another sender already owns it."""
    gone = {"seen_at": 0, "qr": None, "link_code": None, "link_code_at": None}
    with write():
        Account.update(gone).where(ownership.guard(name)).execute()


def find(name: str) -> AccountRow:
    """The account of that name. Raises NotFound, also when it was removed."""
    row = known(name)
    if row is None or row.removed_at is not None:
        raise errors.NotFound(Why.NO_ACCOUNT, name=name)
    return row


def known(name: str) -> AccountRow | None:
    """The account of that name, None if there never was one, or none for the caller: jobs outlive the account that they
    were sent from."""
    row = by_key(Account, name)
    return record(AccountRow, row) if row and rights.may(name) else None


def check_names(settings: Settings, names: Sequence[str] | None) -> None:
    """Raises InvalidInput for a name that no account has. names: None for all accounts."""
    known = {settings.account, *(row.name for row in every())}
    for name in names or ():
        if name not in known:
            raise errors.InvalidInput(Why.ACCOUNTS_UNKNOWN, name=name[:40], accounts=rights.named(known)).at("accounts")


def dry_runs(settings: Settings, now: int) -> list[str]:
    """The accounts of which nothing is sent: by their own settings, by those of the installation for its own account,
    or by what their senders say."""
    usual = {settings.account: settings.transport}
    found = []
    for row in every():
        if (row.transport or usual.get(row.name)) == "dryrun" or (row.dry_run and alive(row, now)):
            found.append(row.name)
    return found


def send_ms(name: str, unmeasured: int) -> int:
    """How long a send takes by itself; `unmeasured` where the account has sent nothing yet."""
    row = Account.select(Account.send_ms).where(Account.name == name).first()
    return (row.send_ms if row else 0) or unmeasured


def number(settings: Settings, name: str) -> str | None:
    """The account's own telephone number, where it is known."""
    row = known(name)
    if row is None:
        return settings.canary or None if name == settings.account else None
    return own_number(settings, row)


def own_number(settings: Settings, row: AccountRow) -> str | None:
    """The same, of a row that has been read."""
    told_us = row.canary or (settings.canary if row.name == settings.account else "")
    return row.number or told_us or None


def country(settings: Settings, name: str | None = None) -> str:
    """The country of numbers that are written without one: that of the account with this name, else that of the
    settings. Where no account is named, else the one that the accounts have, if it is one; "" for none, or where it
    would be a guess."""
    chosen = rights.within(Account.select(Account.name, Account.country), Account.name)
    known = dict(tuples(chosen.where(Account.country.is_null(False), Account.removed_at.is_null())))
    if name in known:
        return str(known[name])
    agreed = set(known.values()) if name is None else set()
    return settings.default_country or (str(agreed.pop()) if len(agreed) == 1 else "")


def with_country(settings: Settings, name: str | None = None) -> Settings:
    """The settings, with that country in place of their own."""
    return settings.model_copy(update={"default_country": country(settings, name)})


@dataclass(frozen=True)
class Pace:
    """How an account sends now. streak: messages since its last long pause; slow: after a restriction; pauses: its own
    long pauses and delays, for `own_pauses` and `own_delay`."""

    streak: int
    slow: bool
    pauses: tuple[int | None, float | None, float | None] = (None, None, None)
    delay: tuple[float | None, float | None] = (None, None)


def pace(name: str, now: int) -> tuple[int, bool]:
    """How many messages the account has sent since its last long pause, and whether it is slow after a restriction."""
    found = whole_pace(name, now)
    return found.streak, found.slow


def whole_pace(name: str, now: int) -> Pace:
    """How the account sends now."""
    row = _pace(name=name).fetchone()
    return Pace(int(row[0]), slow(row[1], now), tuple(row[2:5]), tuple(row[5:7])) if row else Pace(0, False)


@Prepared
def _pace() -> Any:
    pauses = (Account.long_pause_every, Account.long_pause_min, Account.long_pause_max)
    columns = (Account.streak, Account.slow_until, *pauses, Account.delay_min, Account.delay_max)
    return Account.select(*columns).where(Account.name == param("name"))


def slow(until: int, now: int) -> bool:
    """Whether the account still has to send slowly. A time further ahead than SLOW_MS was stored while the clock was
    wrong, and does not count."""
    return now < until <= now + pacing.SLOW_MS


def canary_due(name: str, every_ms: int, now: int) -> bool:
    """Whether the account's last message to itself is longer ago than `every_ms`."""
    row = Account.get_by_id(name)
    return not 0 <= now - int(row.canary_at) < every_ms


def canary_confirmed(name: str, now: int) -> None:
    """Store that the account's message to itself was read back."""
    with write():
        ownership.check(Account.update(canary_at=now).where(ownership.guard(name)).execute(), name)


def every() -> list[AccountRow]:
    """All accounts of the caller, by name."""
    return [row for row in whoever_asks() if rights.may(row.name)]


def whoever_asks() -> list[AccountRow]:
    """All accounts there are, also those that the caller may not see."""
    return [record(AccountRow, row) for row in rows_of(Account, _there())]


@Prepared
def _there() -> Any:
    return Account.select().where(Account.removed_at.is_null()).order_by(Account.name)


def alive(account: AccountRow, now: int) -> bool:
    """Whether its sender has reported lately; a report stored while the clock was ahead does not count."""
    return abs(now - int(account.seen_at)) < SILENT_AFTER_MS


def was_driven(account: AccountRow) -> bool:
    """Whether a sender has ever taken it; an account that was only added is still in the state that rows begin in."""
    return account.state != AccountState.STARTING or account.seen_at > 0


def can_send(account: AccountRow | None, now: int) -> bool:
    """Whether the account's state allows a message to go out now."""
    return account is not None and account.state == AccountState.READY and alive(account, now)


@dataclass(frozen=True)
class Described(Own):
    """An account without its credentials: only `qr.svg` and `link_code` give those. Times are UTC ms.

    title: what people call it; of secrets only whether they are set. version: of its own settings, the secrets and the
    title, see `db/versions.py`; dry_run: its sender sends nothing.
    """

    name: str
    title: str
    state: str
    alive: bool
    hold: str | None
    detail: str | None
    code: str | None
    until: int | None
    can_send: bool
    seen_at: int | None
    next_send_at: int | None
    next_reason: str
    known_chats: bool
    slow_until: int | None
    canary_at: int | None
    link_code_at: int | None
    cloud_token_set: bool
    cloud_app_secret_set: bool
    cloud_verify_token_set: bool
    version: int
    dry_run: bool


def describe(account: AccountRow, now: int) -> Described:
    """The account as it is shown."""
    own = {each.name: getattr(account, each.name) for each in fields(Own)}
    return Described(
        **own,
        name=account.name,
        title=account.title or account.name,
        state=account.state,
        alive=alive(account, now),
        hold=account.hold,
        detail=account.detail,
        code=code_of(account.coded),
        until=account.until,
        can_send=can_send(account, now),
        seen_at=account.seen_at or None,
        next_send_at=account.next_send_at or None,
        next_reason=account.next_reason,
        known_chats=account.known_chats,
        slow_until=account.slow_until if slow(account.slow_until, now) else None,
        canary_at=account.canary_at or None,
        link_code_at=account.link_code_at,
        cloud_token_set=account.cloud_token is not None,
        cloud_app_secret_set=account.cloud_app_secret is not None,
        cloud_verify_token_set=account.cloud_verify_token is not None,
        version=account.limits_version,
        dry_run=account.dry_run,
    )
