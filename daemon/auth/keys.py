"""Keys for programs: named, limited in what they may do, kept as digests only.

The installation's own key, from DATA_DIR/api_key or WASENDER_API_KEY, is none of them: it can do everything, and
nothing here touches it. A secret is 256 bits of chance, so a fast digest of it is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypedDict

import peewee
import structlog

from daemon import errors
from daemon.auth import audit
from daemon.auth.refusals import Why
from daemon.db import versions
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked
from daemon.db.records import record
from daemon.i18n.coded import Phrase
from daemon.models import ApiKey, KeySecret
from daemon.states import Scope

log = structlog.get_logger()

OWN = "key:"  # begins the name under which the history has what a key did
LIVE, TEST = "wsk_", "wsk_test_"
SHOWN = 8  # characters of a secret after that, by which people know it again
LONGEST_NAME = 50
MOST_ADDRESSES = 50
MOST_RATE = 1_000_000  # requests a minute
MOST_KEYS = 100
OVER_SHOWN = 20  # revoked ones
PAGE = 100


@dataclass(frozen=True)
class Secret:
    """One secret of a key as lists show it: its beginning; ends_at: until when it is taken, where it was replaced."""

    id: int
    prefix: str
    created_at: int
    ends_at: int | None
    used_at: int | None


@dataclass(frozen=True)
class Key:
    """A key as lists show it. secrets: the present one first, then those that it replaced and that are still taken.

    accounts, addresses: None for all; rate_limit: requests a minute, None for no limit; times in UTC ms.
    """

    id: int
    name: str
    scopes: frozenset[Scope]
    accounts: tuple[str, ...] | None
    addresses: tuple[str, ...] | None
    test: bool
    masked: bool
    rate_limit: int | None
    created_at: int
    created_by: str
    expires_at: int | None
    revoked_at: int | None
    revoked_by: str | None
    version: int
    changed_at: int | None
    changed_by: str | None
    secrets: tuple[Secret, ...]

    @property
    def who(self) -> str:
        """The name recorded with what it changes."""
        return OWN + self.name

    @property
    def used_at(self) -> int | None:
        """When it was last used, to about a minute."""
        return max((each.used_at for each in self.secrets if each.used_at), default=None)

    def over(self, now: int) -> bool:
        """Whether it has expired or was revoked."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now)


@dataclass(frozen=True)
class Terms:
    """What a key is made with; as of Key."""

    name: str
    scopes: frozenset[Scope]
    accounts: tuple[str, ...] | None = None
    addresses: tuple[str, ...] | None = None
    test: bool = False
    masked: bool = False
    rate_limit: int | None = None
    expires_at: int | None = None


class Changes(TypedDict, total=False):
    """What is to be changed of a key; as of Terms. What is left out stays. A test key stays one: its secret says so."""

    name: str
    scopes: frozenset[Scope]
    accounts: tuple[str, ...] | None
    addresses: tuple[str, ...] | None
    masked: bool
    rate_limit: int | None
    expires_at: int | None


@dataclass(frozen=True)
class Made:
    """A key with its new secret, which nobody can be shown again."""

    key: Key
    secret: str = field(repr=False)


def create(terms: Terms, who: str, now: int, by: Key | None = None) -> Made:
    """Make a key. by: the key that asks for it, which can give no more than it has.

    Raises InvalidInput, which says what is wrong, and Forbidden.
    """
    terms = _checked(terms, now)
    if by is not None:
        _no_more_than(by, terms)
    try:
        with write():
            if _others_named(terms.name) >= MOST_KEYS:
                raise errors.InvalidInput(Why.TOO_MANY_KEYS, most=f"{MOST_KEYS:,}")
            row = ApiKey.create(
                name=terms.name,
                scopes=sorted(terms.scopes),
                accounts=terms.accounts,
                addresses=terms.addresses,
                test=terms.test,
                masked=terms.masked,
                rate_limit=terms.rate_limit,
                expires_at=terms.expires_at,
                created_at=now,
                created_by=who,
            )
            audit.about("key", row.id)
            secret = _new_secret(row, now)
            scopes = " ".join(sorted(terms.scopes))
            after_commit(partial(log.info, "key.created", key=_prefix(secret), name=terms.name, scopes=scopes, who=who))
    except peewee.IntegrityError:  # on PostgreSQL another request may take the name at the same time
        raise errors.InvalidInput(Why.KEY_NAME_TAKEN, name=terms.name).at("name") from None
    return Made(find(row.id, now), secret)


def _others_named(name: str, than: int | None = None) -> int:
    """How many keys there are beside that one. Raises InvalidInput where one of them has the name."""
    alive = [row for row in ApiKey.select(ApiKey.id, ApiKey.name).where(ApiKey.revoked_at.is_null()) if row.id != than]
    if any(row.name.casefold() == name.casefold() for row in alive):
        raise errors.InvalidInput(Why.KEY_NAME_TAKEN, name=name).at("name")
    return len(alive)


def _new_secret(row: ApiKey, now: int) -> str:
    secret = (TEST if row.test else LIVE) + secrets.token_urlsafe(32)
    KeySecret.create(key=row, prefix=_prefix(secret), digest=_digest(secret), created_at=now)
    return secret


def _checked(terms: Terms, now: int) -> Terms:
    name = " ".join(unicodedata.normalize("NFC", terms.name).split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise errors.InvalidInput(Why.KEY_NAME_LENGTH, most=LONGEST_NAME).at("name")
    if not name.isprintable():
        raise errors.InvalidInput(Why.KEY_NAME_INVISIBLE).at("name")
    if not terms.scopes:
        raise errors.InvalidInput(Why.KEY_WITHOUT_SCOPE, scopes=", ".join(Scope)).at("scopes")
    if terms.masked and terms.scopes != {Scope.READ}:
        raise errors.InvalidInput(Why.MASKED_KEY_READS).at("scopes")
    if terms.accounts is not None and not terms.accounts:
        raise errors.InvalidInput(Why.KEY_WITHOUT_ACCOUNT).at("accounts")
    if terms.expires_at is not None and terms.expires_at <= now:
        raise errors.InvalidInput(Why.KEY_EXPIRES_BEFORE).at("expires_at")
    if terms.rate_limit is not None and not 1 <= terms.rate_limit <= MOST_RATE:
        raise errors.InvalidInput(Why.RATE_LIMIT_UNFIT, most=f"{MOST_RATE:,}").at("rate_limit")
    accounts = tuple(dict.fromkeys(terms.accounts)) if terms.accounts is not None else None
    return Terms(
        name, terms.scopes, accounts, _networks(terms.addresses), terms.test, terms.masked, terms.rate_limit,
        terms.expires_at,
    )  # fmt: skip


def _networks(addresses: Sequence[str] | None) -> tuple[str, ...] | None:
    if addresses is None:
        return None
    if not 1 <= len(addresses) <= MOST_ADDRESSES:
        raise errors.InvalidInput(Why.KEY_ADDRESSES, most=MOST_ADDRESSES).at("addresses")
    found = []
    for each in addresses:
        try:
            found.append(str(ipaddress.ip_network(each.strip(), strict=False)))
        except ValueError:
            raise errors.InvalidInput(Why.ADDRESS_UNFIT, address=repr(each[:60])).at("addresses") from None
    return tuple(dict.fromkeys(found))


def _no_more_than(by: Key, wanted: Terms) -> None:
    """A key makes none that can do what it cannot, and takes over none. Raises Forbidden."""
    within = (
        wanted.scopes <= by.scopes,
        by.accounts is None or (wanted.accounts is not None and set(wanted.accounts) <= set(by.accounts)),
        by.addresses is None or (wanted.addresses is not None and _inside(wanted.addresses, by.addresses)),
        wanted.test or not by.test,
        wanted.masked or not by.masked,
        by.expires_at is None or (wanted.expires_at is not None and wanted.expires_at <= by.expires_at),
        by.rate_limit is None or (wanted.rate_limit is not None and wanted.rate_limit <= by.rate_limit),
    )
    if not all(within):
        raise errors.Forbidden(Why.KEY_BEYOND_OWN)


def _inside(these: Sequence[str], those: Sequence[str]) -> bool:
    wide: list[Any] = [ipaddress.ip_network(each) for each in those]
    narrow: list[Any] = [ipaddress.ip_network(each) for each in these]
    return all(any(one.version == other.version and one.subnet_of(other) for other in wide) for one in narrow)


def every(cursor: int | None, limit: int, now: int) -> tuple[list[Key], int | None]:
    """Keys made before the cursor, newest first, those that are over too; and the cursor of the next page."""
    query = ApiKey.select().order_by(ApiKey.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(ApiKey.id < cursor)
    rows = list(query)
    found = [_key(row, now) for row in rows[:limit]]
    return found, rows[limit - 1].id if len(rows) > limit else None


def shown(now: int) -> tuple[list[Key], list[Key]]:
    """Those that are not revoked, by name; and the newest of those that are."""
    there = ApiKey.select().where(ApiKey.revoked_at.is_null()).order_by(ApiKey.name)
    gone = ApiKey.select().where(ApiKey.revoked_at.is_null(False)).order_by(ApiKey.revoked_at.desc(), ApiKey.id)
    return [_key(row, now) for row in there], [_key(row, now) for row in gone.limit(OVER_SHOWN)]


def find(key_id: int, now: int) -> Key:
    """The key with that id. Raises NotFound."""
    row = ApiKey.get_or_none(ApiKey.id == key_id)
    if row is None:
        raise errors.NotFound(Why.NO_KEY_OF_THAT_ID, key=key_id)
    return _key(row, now)


def _key(row: ApiKey, now: int) -> Key:
    ours = KeySecret.select().where(KeySecret.key == row.id).order_by(KeySecret.id.desc())
    taken = tuple(record(Secret, each) for each in ours if each.ends_at is None or each.ends_at > now)
    return record(
        Key,
        row,
        scopes=frozenset(map(Scope, row.scopes)),
        accounts=_some(row.accounts),
        addresses=_some(row.addresses),
        secrets=taken,
    )


def _some(kept: list[str] | None) -> tuple[str, ...] | None:
    return None if kept is None else tuple(kept)


def rotate(key_id: int, ends_at: int | None, who: str, now: int, by: Key | None = None) -> Made:
    """Give the key a new secret. ends_at: until when the old ones are taken, UTC ms; None: from now on they are not.
    by: as of `create`.

    Raises NotFound, IllegalMove (it is over), Forbidden.
    """
    with write():
        row = _alive(key_id, now)
        found = _key(row, now)
        if by is not None:
            _no_more_than(by, _terms(found))
        end = max(now, ends_at or now)
        open_ = KeySecret.ends_at.is_null() | (KeySecret.ends_at > end)
        KeySecret.update(ends_at=end).where(KeySecret.key == key_id, open_).execute()
        secret = _new_secret(row, now)
        after_commit(partial(log.info, "key.rotated", key=_prefix(secret), name=row.name, old_ends_at=end, who=who))
    return Made(find(key_id, now), secret)


def change(key_id: int, changes: Changes, who: str, now: int, by: Key | None = None, seen: int | None = None) -> Key:
    """Change what the key is called and may do, from its next request on; its secrets stay. by: as of `create`, both
    for what the key was and for what it becomes. seen: the version that the caller has seen.

    Raises NotFound, IllegalMove (it is over), EditConflict, InvalidInput, Forbidden.
    """
    try:
        with write():
            row = _alive(key_id, now)
            versions.check(Phrase("key"), row.version, seen)
            before = _terms(_key(row, now))
            after = _checked(replace(before, **changes), now)
            if by is not None:
                _no_more_than(by, before)
                _no_more_than(by, after)
            _others_named(after.name, than=key_id)
            differ = [each.name for each in fields(Terms) if getattr(before, each.name) != getattr(after, each.name)]
            if differ:
                new = {name: getattr(after, name) for name in differ}
                if "scopes" in new:
                    new["scopes"] = sorted(after.scopes)
                new |= {"version": row.version + 1, "changed_at": now, "changed_by": who}
                ApiKey.update(new).where(ApiKey.id == key_id).execute()
                what = " ".join(differ)
                after_commit(partial(log.info, "key.changed", key_id=key_id, name=after.name, what=what, who=who))
    except peewee.IntegrityError:  # as of `create`
        raise errors.InvalidInput(Why.KEY_NAME_TAKEN, name=str(changes.get("name"))).at("name") from None
    return find(key_id, now)


def _terms(key: Key) -> Terms:
    return Terms(**{each.name: getattr(key, each.name) for each in fields(Terms)})


def revoke(key_id: int, who: str, now: int) -> Key:
    """Take the key and all its secrets back, for good. Once revoked it stays so. Raises NotFound."""
    with write():
        row = locked(ApiKey.select().where(ApiKey.id == key_id)).first()
        if row is None:
            raise errors.NotFound(Why.NO_KEY_OF_THAT_ID, key=key_id)
        if row.revoked_at is None:
            ApiKey.update(revoked_at=now, revoked_by=who).where(ApiKey.id == key_id).execute()
            after_commit(partial(log.info, "key.revoked", key_id=key_id, name=row.name, who=who))
    return find(key_id, now)


def _alive(key_id: int, now: int) -> ApiKey:
    row: ApiKey | None = locked(ApiKey.select().where(ApiKey.id == key_id)).first()
    if row is None:
        raise errors.NotFound(Why.NO_KEY_OF_THAT_ID, key=key_id)
    if row.revoked_at is not None:
        raise errors.IllegalMove(Why.KEY_IS_REVOKED, name=row.name)
    if row.expires_at is not None and row.expires_at <= now:
        raise errors.IllegalMove(Why.KEY_IS_EXPIRED, name=row.name)
    return row


# Who asks


@dataclass(frozen=True)
class Asks:
    """A program that has shown a secret. why: it is not taken, and for which reason; None where it is."""

    key: Key
    secret: int
    why: Why | None


def asks(given: str, address: str, now: int) -> Asks | None:
    """Whose secret that is; None where nobody's. address: where the request comes from."""
    if not given.startswith(LIVE) or not given.isascii():  # a header may have bytes that no database takes as text
        return None
    mine = _digest(given)
    for row in KeySecret.select(KeySecret, ApiKey).join(ApiKey).where(KeySecret.prefix == _prefix(given)):
        if hmac.compare_digest(mine, row.digest):
            key = _key(row.key, now)
            return Asks(key, row.id, _trouble(key, row.ends_at, address, now))
    return None


def _trouble(key: Key, ends_at: int | None, address: str, now: int) -> Why | None:
    if key.revoked_at is not None:
        return Why.REVOKED_KEY
    if key.over(now):
        return Why.EXPIRED_KEY
    if ends_at is not None and ends_at <= now:
        return Why.REPLACED_KEY
    return None if key.addresses is None or _from(address, key.addresses) else Why.KEY_FROM_ELSEWHERE


def _from(address: str, networks: Sequence[str]) -> bool:
    try:
        at = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(at in ipaddress.ip_network(each) for each in networks)


def still_taken(secret_id: int, version: int, now: int) -> bool:
    """Whether that secret would be taken now, for what the key of that version may do."""
    row = KeySecret.select(KeySecret, ApiKey).join(ApiKey).where(KeySecret.id == secret_id).first()
    if row is None or row.key.version != version:
        return False
    return (row.ends_at or now + 1) > now and not _key(row.key, now).over(now)


def used(secret_id: int, now: int) -> None:
    """Store that the secret was used."""
    with write():
        older = KeySecret.used_at.is_null() | (KeySecret.used_at < now)
        KeySecret.update(used_at=now).where(KeySecret.id == secret_id, older).execute()


def _prefix(secret: str) -> str:
    kind = TEST if secret.startswith(TEST) else LIVE
    return secret[: len(kind) + SHOWN]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
