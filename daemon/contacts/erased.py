"""People whose data was erased: only a digest of who they are is kept, so that nobody writes to them again.

The digest is an HMAC with a secret of the installation, which is in the same database: it keeps the list from being
read, not from somebody who has the whole database and tries all numbers.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

import peewee

from daemon.db.connection import write
from daemon.db.proxy import database, tuples
from daemon.models import Erased, Installation
from daemon.states import PersonKey

NOBODY = PersonKey("erased")  #: who a row is about of which nobody knows that any more; never written to either
ONE = 1  # the id of the only row
BATCH = 500

_secrets: WeakKeyDictionary[peewee.Database, bytes] = WeakKeyDictionary()  # by database, once it is stored for good


def _secret() -> bytes | None:
    """None as long as nobody can have been erased."""
    known = _secrets.get(database.obj)
    if known is None and (found := Installation.select(Installation.secret).where(Installation.id == ONE).scalar()):
        known = bytes.fromhex(found)
        if not database.in_transaction():  # else it may be rolled back
            _secrets[database.obj] = known
    return known


def digest(person: PersonKey) -> str:
    """What is kept of them; "" as long as nobody can have been erased."""
    return digests([person])[0]


def digests(people: Sequence[PersonKey]) -> list[str]:
    """The same of several: the secret is read once."""
    secret = _secret()
    return [hmac.digest(secret, person.encode(), "sha256").hex() if secret else "" for person in people]


def among(people: Iterable[PersonKey]) -> set[PersonKey]:
    """Those of the people who were erased."""
    asked = list(people)
    by_digest = dict(zip(digests(asked), asked, strict=True))
    found: set[PersonKey] = set()
    for batch in peewee.chunked(sorted(by_digest), BATCH):
        query = Erased.select(Erased.digest).where(Erased.digest.in_(list(batch)))
        found |= {by_digest[each] for (each,) in tuples(query)}
    return found


def put(people: Iterable[PersonKey], now: int) -> None:
    """They are never written to again, from when this returns on."""
    with write():
        fresh = {"epoch": 0, "seen_at": 0, "boot": "", "up_ms": 0}
        Installation.insert(id=ONE, **fresh).on_conflict_ignore().execute()
        missing = (Installation.id == ONE, Installation.secret.is_null())
        Installation.update(secret=secrets.token_hex(32)).where(*missing).execute()
    rows = [{"digest": each, "at": now} for each in digests(list(dict.fromkeys([*people, NOBODY])))]
    with write():
        Erased.insert_many(rows).on_conflict_ignore().execute()


def lift(people: Iterable[PersonKey]) -> int:
    """Part of the caller's transaction: they may be written to again; how many of them could not be."""
    return int(Erased.delete().where(Erased.digest.in_(digests(list(people)))).execute())
