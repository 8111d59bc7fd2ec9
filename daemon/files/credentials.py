"""Keys and other secrets: those that a service manager hands over in files, and those that anybody could guess.

systemd (`LoadCredential=`) puts each secret into a file of a folder that only the service can read, and names that
folder in `CREDENTIALS_DIRECTORY`; a container's secrets are used the same way when the variable names their folder.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from daemon import errors
from daemon.errors import Why
from daemon.files import durable, trouble

FOLDER = "CREDENTIALS_DIRECTORY"
_PLACEHOLDER = re.compile(  # words of instructions and nothing else
    r"(your|my|our|the|this|that|an?|some|secret|api|master|admin|own|access|key|token|password|goes|here|now|please"
    r"|changed?|me|before|replace|with|insert|put|enter|paste|use|set|to|it|must|be|placeholder|example|sample|default"
    r"|dummy|todo|fixme|long|random|secure|string|text|value|x)+"
)
FEW_DIGITS = 4  # behind the words of a placeholder, they hide nothing
SHORTEST_KEY = 20
KEY_ADVICE = f"use a random text of at least {SHORTEST_KEY} characters, no placeholder"


def handed_over(names: Iterable[str]) -> dict[str, str]:
    """Which of these secrets there is a file for, without the blanks and line ends around them; an empty file is none.

    Raises OSError and UnicodeDecodeError for a file that is there and cannot be read.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return {}
    files = {name: Path(folder, name) for name in names}
    texts = {name: file.read_text(encoding="utf-8").strip() for name, file in files.items() if file.is_file()}
    return {name: text for name, text in texts.items() if text}


def weak_key(key: str) -> bool:
    """Whether a key is one that anybody could guess: short, one character repeated, or a placeholder."""
    words = bool(re.match(r"(?i)your|my|the", key)) or sum(map(str.isdigit, key)) <= FEW_DIGITS
    plain = re.sub(r"[^a-z]" if words else r"[^a-z0-9]", "", key.lower())
    return len(key) < SHORTEST_KEY or len(set(key)) == 1 or bool(_PLACEHOLDER.fullmatch(plain))


def kept_key(path: Path) -> str:
    """The key that is kept in the file, which is made with a new one where there is none (mode 0600).

    Raises SetupError when other users of the machine can read it, or when it is no secret.
    """
    with trouble.told():
        if not os.path.lexists(path):
            durable.make_once(path, secrets.token_urlsafe(32) + "\n")
        only_ours(path)
        try:
            key = path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise errors.SetupError(Why.KEY_NOT_TEXT, file=path) from None
    if not key:
        raise errors.SetupError(Why.KEY_EMPTY, file=path)
    if weak_key(key):
        raise errors.SetupError(Why.KEY_WEAK, file=path, advice=KEY_ADVICE)
    return key


def only_ours(path: Path) -> None:
    """Raises SetupError when everybody on the machine can read or change the file with the key."""
    if path.is_file() and path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        with suppress(OSError):  # in a folder that is not ours, where chmod is
            if not trouble.keeps_modes(path.parent):
                raise errors.SetupError(Why.KEY_STAYS_OPEN, file=path)
        raise errors.SetupError(Why.KEY_OPEN, file=path)
