"""A code of six digits that is asked for after the password, which an app on the user's phone shows (TOTP, RFC 6238).

The secret that phone and daemon share is nowhere stored: it is made of a key that is not in the database (DATA_DIR's
`secret_key`) and of a nonce that is, so whoever reads the database alone cannot make a code. A code is taken once, in
its 30 seconds and those before and after, and so is each of the recovery codes, of which a keyed digest is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from datetime import UTC, datetime

import pyotp

from daemon.db.connection import write
from daemon.db.proxy import locked
from daemon.models import RecoveryCode, SecondFactor, User

ISSUER = "wasender"
STEP_MS = 30_000
DRIFT = 1  # steps before and after
CODES = 10  # for recovery
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without what looks alike
PARTS, PART = 3, 5  # of a recovery code: 74 bits in all
_DIGITS = re.compile(r"[0-9]{6}")
_BETWEEN = re.compile(r"[\s-]+")


def is_on(user_id: int) -> bool:
    """Whether the user is asked for a code."""
    mine = SecondFactor.select().where(SecondFactor.user == user_id, SecondFactor.confirmed_at.is_null(False))
    return bool(mine.exists())


def who_has() -> set[int]:
    """The ids of all users who are asked for one."""
    query = SecondFactor.select(SecondFactor.user).where(SecondFactor.confirmed_at.is_null(False))
    return {row.user_id for row in query}


def left(user_id: int) -> int:
    """How many recovery codes the user has."""
    return int(RecoveryCode.select().where(RecoveryCode.user == user_id, RecoveryCode.used_at.is_null()).count())


def new_nonce() -> str:
    return secrets.token_hex(16)


def secret(key: bytes, user_id: int, nonce: str) -> str:
    """What the phone is given, in base 32."""
    made = hmac.new(b"second factor\0" + key, f"{user_id}:{nonce}".encode(), hashlib.sha256).digest()
    return b32encode(made[:20]).decode()


def address(secret: str, name: str) -> str:
    """What its QR code says."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def begin(user_id: int) -> None:
    """Let the user set one up: it is not asked for until `turn_on`. Nothing where there is one that is."""
    with write():
        SecondFactor.delete().where(SecondFactor.user == user_id, SecondFactor.confirmed_at.is_null()).execute()
        SecondFactor.insert(user=user_id, nonce=new_nonce(), last_step=0).on_conflict_ignore().execute()


def begun(user_id: int) -> str | None:
    """The nonce of one that is being set up; None where none is."""
    row = SecondFactor.get_or_none(SecondFactor.user == user_id, SecondFactor.confirmed_at.is_null())
    return row.nonce if row else None


def turn_on(user_id: int, nonce: str, code: str, key: bytes, now: int) -> list[str] | None:
    """Part of the caller's transaction: ask for codes from now on, if this is one; new recovery codes, None where it is
    wrong."""
    step = _step(secret(key, user_id, nonce), code, now)
    if step is None:
        return None
    _one_after_the_other(user_id)
    SecondFactor.delete().where(SecondFactor.user == user_id).execute()
    SecondFactor.insert(user=user_id, nonce=nonce, confirmed_at=now, last_step=step).execute()
    return new_codes(user_id, key)


def turn_off(user_id: int) -> bool:
    """Ask for none any more; whether one was asked for."""
    with write():
        RecoveryCode.delete().where(RecoveryCode.user == user_id).execute()
        return bool(SecondFactor.delete().where(SecondFactor.user == user_id).execute())


def new_codes(user_id: int, key: bytes) -> list[str]:
    """Recovery codes in place of the earlier ones."""
    made = ["-".join(_part() for _ in range(PARTS)) for _ in range(CODES)]
    with write():
        _one_after_the_other(user_id)
        RecoveryCode.delete().where(RecoveryCode.user == user_id).execute()
        RecoveryCode.insert_many([{"user": user_id, "digest": _digest(key, user_id, each)} for each in made]).execute()
    return made


def _one_after_the_other(user_id: int) -> None:
    """Of two requests at once each would replace what it has found, and leave what the other one has made."""
    locked(User.select(User.id).where(User.id == user_id)).first()


def take(user_id: int, code: str, key: bytes, now: int) -> bool:
    """Part of the caller's transaction: whether the code is right, be it from the phone or for recovery. It is taken
    then, and never again: of two who come at once with the same, one gets in."""
    row = locked(SecondFactor.select().where(SecondFactor.user == user_id)).first()
    if row is None or row.confirmed_at is None:
        return False
    plain = _BETWEEN.sub("", code)
    if _DIGITS.fullmatch(plain):
        step = _step(secret(key, user_id, row.nonce), plain, now)
        fresh = (SecondFactor.user == user_id, SecondFactor.last_step < (step or 0))
        return step is not None and bool(SecondFactor.update(last_step=step).where(*fresh).execute())
    digest = _digest(key, user_id, plain)
    unused = (RecoveryCode.user == user_id, RecoveryCode.digest == digest, RecoveryCode.used_at.is_null())
    return bool(RecoveryCode.update(used_at=now).where(*unused).execute())


def _step(secret: str, code: str, now: int) -> int | None:
    """The step whose code that is; None for none that is near. It takes as long, whichever it is."""
    totp, found = pyotp.TOTP(secret), None
    for step in range(now // STEP_MS - DRIFT, now // STEP_MS + DRIFT + 1):
        expected = totp.at(datetime.fromtimestamp(step * STEP_MS / 1000, UTC))
        if hmac.compare_digest(expected.encode(), _BETWEEN.sub("", code).encode(errors="replace")):
            found = step
    return found


def _part() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(PART))


def _digest(key: bytes, user_id: int, code: str) -> str:
    plain = _BETWEEN.sub("", code).lower()
    text = f"{user_id}:{plain}".encode(errors="surrogatepass")
    return hmac.new(b"recovery code\0" + key, text, hashlib.sha256).hexdigest()
