"""Keys for programs: who may call this API, and what for."""

from __future__ import annotations

from typing import Any

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import Cursor, KeyId, Limit
from daemon.api.refusals import Why
from daemon.api.schemas.keys import ChangedKey, Key, Keys, MadeKey, NewKey, OldSecret, Rotate
from daemon.auth import keys
from daemon.auth.keys import Changes, Terms
from daemon.db import clock
from daemon.errors import EditConflict, IllegalMove, NotFound
from daemon.server.scopes import Scope
from daemon.server.visitors import require_all_accounts

FIRST = 0  # the id of the installation's key


@endpoint.get("/keys", scope=Scope.ADMIN, tag="keys")
def list_keys(caller: Caller, *, cursor: Cursor | None = None, limit: Limit = keys.PAGE) -> Keys:
    """All keys, newest first, those that are revoked too, a page at a time; last that of the installation."""
    require_all_accounts()
    now = clock.now_ms()
    if cursor == FIRST:
        return Keys(keys=[], next_cursor=None)
    found, after = keys.every(cursor, limit, now)
    shown = [describe(each, now) for each in found]
    return Keys(keys=shown if after is not None else [*shown, first(caller)], next_cursor=after)


@endpoint.post("/keys", scope=Scope.ADMIN, tag="keys")
def make_key(caller: Caller, *, body: NewKey) -> MadeKey:
    """Make a key. Its secret, `key`, is in this answer and nowhere else: only a digest of it is kept.

    A key can make none that may do more than itself.
    """
    require_all_accounts()
    now = clock.now_ms()
    directory.check_names(caller.settings, body.accounts)
    terms = Terms(
        name=body.name,
        scopes=frozenset(body.scopes),
        accounts=_tuple(body.accounts),
        addresses=_tuple(body.addresses),
        test=body.test,
        masked=body.mask_numbers,
        rate_limit=body.rate_limit,
        expires_at=body.expires_at,
    )
    return _made(keys.create(terms, caller.name, now, caller.key), now)


@endpoint.get("/keys/{key_id}", scope=Scope.ADMIN, errors=(NotFound,), tag="keys")
def one_key(caller: Caller, *, key_id: KeyId) -> Key:
    """One key."""
    require_all_accounts()
    now = clock.now_ms()
    return first(caller) if key_id == FIRST else describe(keys.find(key_id, now), now)


@endpoint.patch("/keys/{key_id}", scope=Scope.ADMIN, errors=(NotFound, IllegalMove, EditConflict), tag="keys")
def change_key(caller: Caller, *, key_id: KeyId, body: ChangedKey) -> Key:
    """Change what a key is called and what it may do, from its next request on. Its secret stays as it is.

    A key can change none that may do more than itself, nor have one do more. With `version`, this is refused if
    somebody has changed the key since.
    """
    _not_the_first(key_id)
    now = clock.now_ms()
    changes = _changes(body)
    directory.check_names(caller.settings, changes.get("accounts"))
    return describe(keys.change(key_id, changes, caller.name, now, caller.key, body.version), now)


def _changes(body: ChangedKey) -> Changes:
    """What was sent; what cannot be null is left as it is by null."""
    changes = Changes()
    given = body.model_fields_set
    if body.name is not None:
        changes["name"] = body.name
    if body.scopes is not None:
        changes["scopes"] = frozenset(body.scopes)
    if body.mask_numbers is not None:
        changes["masked"] = body.mask_numbers
    if "accounts" in given:
        changes["accounts"] = _tuple(body.accounts)
    if "addresses" in given:
        changes["addresses"] = _tuple(body.addresses)
    if "rate_limit" in given:
        changes["rate_limit"] = body.rate_limit
    if "expires_at" in given:
        changes["expires_at"] = body.expires_at
    return changes


def _tuple(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


@endpoint.delete("/keys/{key_id}", scope=Scope.ADMIN, errors=(NotFound, IllegalMove), tag="keys")
def revoke_key(caller: Caller, *, key_id: KeyId) -> Key:
    """Revoke a key: from now on it is not taken. What it did stays in the history."""
    _not_the_first(key_id)
    now = clock.now_ms()
    return describe(keys.revoke(key_id, caller.name, now), now)


@endpoint.post("/keys/{key_id}/rotate", scope=Scope.ADMIN, errors=(NotFound, IllegalMove), tag="keys")
def rotate_key(caller: Caller, *, key_id: KeyId, body: Rotate | None = None) -> MadeKey:
    """Give a key a new secret. The old one ends at `ends_at`, or at once; everything else stays."""
    _not_the_first(key_id)
    now = clock.now_ms()
    return _made(keys.rotate(key_id, body.ends_at if body else None, caller.name, now, caller.key), now)


def _not_the_first(key_id: int) -> None:
    require_all_accounts()
    if key_id == FIRST:
        raise IllegalMove(Why.KEY_OF_INSTALLATION)


def _made(made: keys.Made, now: int) -> MadeKey:
    return MadeKey(**_shown(made.key, now), key=made.secret)


def describe(key: keys.Key, now: int) -> Key:
    """A key as the API shows it."""
    return Key(**_shown(key, now))


def _shown(key: keys.Key, now: int) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.secrets[0].prefix if key.secrets else None,
        "source": "made",
        "status": "revoked" if key.revoked_at is not None else "expired" if key.over(now) else "active",
        "scopes": [each for each in Scope if each in key.scopes],
        "accounts": list(key.accounts) if key.accounts is not None else None,
        "addresses": list(key.addresses) if key.addresses is not None else None,
        "test": key.test,
        "mask_numbers": key.masked,
        "rate_limit": key.rate_limit,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
        "last_used_at": key.used_at,
        "revoked_at": key.revoked_at,
        "revoked_by": key.revoked_by,
        "version": key.version,
        "changed_at": key.changed_at,
        "changed_by": key.changed_by,
        "old": [
            OldSecret(prefix=each.prefix, ends_at=each.ends_at, last_used_at=each.used_at)
            for each in key.secrets
            if each.ends_at is not None
        ],
    }


def first(caller: Caller) -> Key:
    """The key of the installation, which was there before all others."""
    return Key(
        id=FIRST,
        name="api",
        prefix=None,
        source="setting" if caller.settings.api_key else "file",
        status="active",
        scopes=list(Scope),
        accounts=None,
        addresses=None,
        test=False,
        mask_numbers=False,
        rate_limit=None,
        created_at=None,
        created_by=None,
        expires_at=None,
        last_used_at=None,
        revoked_at=None,
        revoked_by=None,
        version=0,
        changed_at=None,
        changed_by=None,
        old=[],
    )
