"""A transport that sends nothing: it exercises everything except WhatsApp.

What a hand-over would have sent is appended to DATA_DIR/dryrun.jsonl (the number's SHA-256, never the number or the
text), so that a look-up after a crash can be answered from there, as it would be from a chat.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable

from filelock import FileLock, Timeout

from daemon import errors
from daemon.config import Settings
from daemon.files import durable, trouble
from daemon.i18n.coded import refusal
from daemon.states import AccountState, Ack, Finding
from daemon.transports.protocol import REHEARSED, Health, Lookup, Mark, Outgoing, Receipt, always
from daemon.transports.refusals import Rehearsed

_MARK = re.compile(r"\d{1,15}")  # the length of the journal; ids of WhatsApp's are longer, and no numbers


class DryRunTransport:
    """See `Transport`."""

    concurrency = 1
    exclusive = True
    paced = True
    rehearses = True

    def __init__(self, settings: Settings) -> None:
        self._journal = settings.data_dir / "dryrun.jsonl"
        self._lock = FileLock(str(settings.data_dir / f"dryrun-{settings.account}.lock"))
        self._account = settings.account

    async def start(self) -> None:
        with trouble.told():
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise errors.AccountInUse(Rehearsed.RUNS_ALREADY, account=self._account) from None
            self._journal.open("ab").close()

    async def health(self) -> Health:
        return Health(AccountState.READY, detail=refusal(Rehearsed.NOTHING_LEAVES))

    async def prepare(self, message: Outgoing) -> Mark:
        """The mark is the length of the journal; everything after it is new."""
        return Mark(str(self._size()))

    async def hand_over(self, message: Outgoing, mark: Mark, held: Callable[[], bool] = always) -> Receipt:
        if not held():
            raise errors.LeaseLost(Rehearsed.LEASE_RAN_OUT)
        line = json.dumps(_sign(message, self._account)) + "\n"
        with self._journal.open("ab", buffering=0) as file:
            at = file.tell()
            try:
                whole = file.write(line.encode()) == len(line)
                os.fsync(file.fileno())
                if not at:
                    durable.sync(self._journal.parent)  # the journal's name
            except OSError:
                whole = False
            if not whole:  # the disk is full: half a line does not count as a message
                with contextlib.suppress(OSError):
                    file.truncate(at)
                raise errors.NotSubmitted(Rehearsed.JOURNAL_FULL)
        return Receipt(f"{REHEARSED}{at}", Ack.SENT)

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        if not _MARK.fullmatch(mark.last_own or ""):
            return Lookup(Finding.UNKNOWN, refusal(Rehearsed.OF_A_REAL_SENDER))
        wanted = _sign(message, self._account)
        if self._size():
            with self._journal.open() as file:
                file.seek(int(mark.last_own or 0))
                while (line := file.readline()).endswith("\n"):
                    if wanted | json.loads(line) == wanted:  # earlier versions did not say which files, and from where
                        receipt = Receipt(f"{REHEARSED}{file.tell() - len(line)}", Ack.SENT)
                        return Lookup(Finding.SENT, refusal(Rehearsed.IN_THE_JOURNAL), receipt)
        return Lookup(Finding.ABSENT, refusal(Rehearsed.NOT_IN_THE_JOURNAL))

    async def close(self) -> None:
        self._lock.release(force=True)

    def _size(self) -> int:
        return self._journal.stat().st_size if self._journal.exists() else 0


def _sign(message: Outgoing, account: str) -> dict[str, str]:
    """What it is recognised by."""
    sign = {"to": _hash(message.number), "text": _hash(message.text), "account": account}
    files = "/".join(file.filename for file in message.attachments)
    return sign | {"files": _hash(files)} if files else sign


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
