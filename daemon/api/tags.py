"""ETags: what a read has answered, in a word, so that a client need not fetch again what it has.

They are weak: what only changes with the clock, such as an estimated end, is left out. They are made with a secret of
this process, so that nobody who sees numbers masked can find out by trying which ones they are made of.
"""

from __future__ import annotations

import hashlib
import secrets

from daemon.api.answers import Answer
from daemon.contacts import masking

HEADER = "ETag"
ASKED = "If-None-Match"
LONGEST = 2_000  # of the header; more tags than a client has
_SECRET = secrets.token_bytes(32)


def tag(answer: Answer) -> str:
    """The ETag of an answer, as its reader sees it."""
    seen = f"{masking.hidden.get()} {type(answer).__name__} {answer.lasting()}"
    return f'W/"{hashlib.blake2b(seen.encode(errors="surrogatepass"), key=_SECRET, digest_size=12).hexdigest()}"'


def known(header: str | None, found: str) -> bool:
    """Whether the header If-None-Match names that tag."""
    if not header or len(header) > LONGEST:
        return False
    plain = found.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in (plain, "*") for each in header.split(","))
