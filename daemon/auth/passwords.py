"""Password hashes and the rules for new passwords. Pure: it knows nothing of users.

Stored as scrypt$<log2 n>$<r>$<p>$<salt>$<hash>, salt and hash in base64. The parameters are part of it, so that old
hashes can still be checked after COST was raised.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import unicodedata

from daemon import errors
from daemon.auth.refusals import Why

SHORTEST = 10
LONGEST = 256
ESTIMATED = 72  # characters that zxcvbn looks at: with more it takes long
FEW = 3  # with fewer letters than this beside the name, it is still the name
SAFE_GUESSES = 1_000_000  # enough, says zxcvbn, where tries are slowed down, as they are here
COST = (15, 8, 3)  # log2 n, r, p: 32 MiB and a few tenths of a second for each attempt
SALT_BYTES = 16
HASH_BYTES = 32
MEMORY = 2**27


def check(password: str, name: str) -> None:
    """Raises InvalidInput when the password is not acceptable for a user of that name."""
    if len(password) < SHORTEST:
        raise errors.InvalidInput(Why.PASSWORD_TOO_SHORT, least=SHORTEST)
    if len(password) > LONGEST:
        raise errors.InvalidInput(Why.PASSWORD_TOO_LONG, most=LONGEST)
    if plain(password).casefold() == plain(name).casefold():
        raise errors.InvalidInput(Why.PASSWORD_IS_NAME)
    if len(set(plain(password))) == 1:
        raise errors.InvalidInput(Why.PASSWORD_ONE_CHARACTER)
    if _guessed(plain(password), plain(name)):
        raise errors.InvalidInput(Why.PASSWORD_COMMON)


def _guessed(password: str, name: str) -> bool:
    """Whether somebody who knows the name and what people choose needs fewer than SAFE_GUESSES tries."""
    known = [name, *name.split(), "wasender", "whatsapp"]
    left = password.casefold()
    for word in known:
        left = left.replace(word.casefold(), "") if len(word) >= FEW else left
    if sum(map(str.isalpha, left)) < FEW and left != password.casefold():
        return True
    from zxcvbn import zxcvbn  # its lists of words take a while to load, and new passwords are rare

    return int(zxcvbn(password[:ESTIMATED], user_inputs=known)["guesses"]) < SAFE_GUESSES


def plain(text: str) -> str:
    """The text normalised, so that it does not matter how the keyboard composes accents."""
    return unicodedata.normalize("NFKC", text).strip()


def conceal(password: str) -> str:
    """The hash that is stored instead of the password."""
    salt = os.urandom(SALT_BYTES)
    return _line(COST, salt, _hash(password, COST, salt))


def matches(password: str, stored: str | None) -> bool:
    """Whether the password is right, in constant time. stored: None for a user that does not exist; that takes just as
    long, so that the time gives nothing away."""
    known = stored or _line(COST, bytes(SALT_BYTES), bytes(HASH_BYTES))
    _, log_n, r, p, salt, expected = known.split("$")
    cost = (int(log_n), int(r), int(p))
    found = _hash(password, cost, base64.b64decode(salt))
    return hmac.compare_digest(found, base64.b64decode(expected)) and stored is not None


def _hash(password: str, cost: tuple[int, int, int], salt: bytes) -> bytes:
    log_n, r, p = cost
    secret = plain(password[:LONGEST]).encode(errors="surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=2**log_n, r=r, p=p, maxmem=MEMORY, dklen=HASH_BYTES)


def _line(cost: tuple[int, int, int], salt: bytes, found: bytes) -> str:
    parts = ["scrypt", *map(str, cost), base64.b64encode(salt).decode(), base64.b64encode(found).decode()]
    return "$".join(parts)
