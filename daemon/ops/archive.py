"""The file of a backup: a tar archive, compressed, with a manifest as its last member; encrypted if that is wished.

It is encrypted in the format of age (age-encryption.org), for the holders of keys: the machine that makes backups needs
no secret, and age's own tools open them, too. Encrypting and decrypting runs beside, through a pipe: nothing that is to
be encrypted is written to the disk in the clear.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from daemon import errors

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK = 1 << 20
LEVEL = 3  # of compression: most of it are files and dumps that are compressed already
AGE = b"age-encryption.org/"
LONGEST_MANIFEST = 64 << 20
READABLE = (OSError, EOFError, ValueError, KeyError, TypeError, tarfile.TarError, zlib.error)  # what damage raises


@dataclass(frozen=True)
class File:
    """A member: its size in bytes, and its content's SHA-256."""

    size: int
    sha256: str


@dataclass
class Manifest:
    """What is in a backup. made_at: UTC ms; release: of wasender; database: `sqlite` or `postgresql`; steps: of its
    schema; epoch: see delivery/interruptions.py; rows: of each table; files: the members; missing: attachments that
    the database has and the data folder had not."""

    made_at: int
    release: str
    database: str
    steps: list[str]
    epoch: int
    rows: dict[str, int]
    missing: list[str] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    format: int = FORMAT


class Writer:
    """Puts members into an archive."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self._tar, self._manifest = tar, manifest

    def add(self, name: str, path: Path) -> None:
        """The file as it is now. Raises OSError, also when it gets shorter meanwhile."""
        with path.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            reader = _Hashed(opened)
            self._tar.addfile(_info(name, size, self._manifest.made_at), reader)
        self._manifest.files[name] = File(size, reader.sha256)

    def finish(self) -> None:
        """The manifest, without which an archive is not whole."""
        text = json.dumps(asdict(self._manifest), sort_keys=True).encode()
        self._tar.addfile(_info(MANIFEST, len(text), self._manifest.made_at), io.BytesIO(text))


class _Hashed:
    """A file that is read once, and its digest."""

    def __init__(self, opened: IO[bytes]) -> None:
        self._opened, self._digest = opened, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._opened.read(size)
        self._digest.update(data)
        return data

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _info(name: str, size: int, made_at: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, made_at // 1000
    return info


@contextmanager
def written(to: Path, manifest: Manifest, recipients: Sequence[Any] = ()) -> Iterator[Writer]:
    """A new archive at `to`, for its owner only; with recipients (of `pyrage`) encrypted for them. Raises OSError."""
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        with (
            _encrypted(out, recipients) if recipients else _plain(out) as stream,
            gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=LEVEL, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", bufsize=CHUNK) as tar,
        ):
            writer = Writer(tar, manifest)
            yield writer
            writer.finish()
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def _plain(out: IO[bytes]) -> Iterator[IO[bytes]]:
    yield out


@contextmanager
def _encrypted(out: IO[bytes], recipients: Sequence[Any]) -> Iterator[IO[bytes]]:
    import pyrage

    with _beside(lambda source: pyrage.encrypt_io(source, out, list(recipients)), "wb") as stream:
        yield stream


@contextmanager
def _decrypted(source: IO[bytes], identities: Sequence[Any]) -> Iterator[IO[bytes]]:
    import pyrage

    if not identities:
        raise errors.BackupRefused("This backup is encrypted: name the file with the secret key with --key.")
    try:
        with _beside(lambda out: pyrage.decrypt_io(source, out, list(identities)), "rb") as stream:
            yield stream
    except pyrage.DecryptError as error:
        raise errors.BackupRefused(
            f"The backup cannot be decrypted ({error}): it is damaged, or that is not one of its keys."
        ) from error


@contextmanager
def _beside(work: Callable[[IO[bytes]], object], mode: str) -> Iterator[IO[bytes]]:
    """One end of a pipe; a thread does the work at the other one. What the work raises is raised here."""
    ends = os.pipe()
    mine, its = (ends[1], ends[0]) if mode == "wb" else ends
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(its, "rb" if mode == "wb" else "wb") as other:
                work(other)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        with os.fdopen(mine, mode) as stream:
            yield stream
            while mode == "rb" and stream.read(CHUNK):
                pass  # to the end: only there it is proved to be whole
    except (BrokenPipeError, *READABLE):
        thread.join()
        if failed and not isinstance(failed[0], BrokenPipeError):
            raise failed[0] from None
        raise
    finally:
        thread.join()
    if failed:
        raise failed[0]


def read(file: Path, identities: Sequence[Any], take: Callable[[str, IO[bytes]], File] | None = None) -> Manifest:
    """Read an archive through, and see that it is whole. take: is given each member's name and content, and returns
    what it has read. Raises BackupRefused, OSError."""
    found: dict[str, File] = {}
    try:
        with file.open("rb") as opened:
            encrypted = opened.read(len(AGE)) == AGE
            opened.seek(0)
            with _decrypted(opened, identities) if encrypted else _plain(opened) as stream:
                manifest = _members(stream, take or _digested, found)
    except errors.BackupRefused:
        raise
    except FileNotFoundError:
        raise errors.BackupRefused(f"There is no {file}.") from None
    except IsADirectoryError:
        raise errors.BackupRefused(f"{file} is a folder: name the file of a backup.") from None
    except READABLE as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise _damaged(str(error)) from error
    if manifest is None:
        raise _damaged("its end is missing")
    wrong = sorted(name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name))
    if wrong:
        raise _damaged(f"{wrong[0]} is not as it was put in")
    return manifest


def _members(stream: IO[bytes], take: Callable[[str, IO[bytes]], File], found: dict[str, File]) -> Manifest | None:
    manifest = None
    with gzip.GzipFile(fileobj=stream, mode="rb") as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or manifest is not None:
                raise _damaged(f"{member.name} does not belong there")
            if member.name == MANIFEST:
                manifest = _manifest(content.read(LONGEST_MANIFEST))
            else:
                found[member.name] = take(member.name, content)
        while packed.read(CHUNK):
            pass  # its checksum is at the end
    return manifest


def _manifest(text: bytes) -> Manifest:
    given: dict[str, Any] = json.loads(text)
    if given["format"] != FORMAT:
        raise errors.BackupRefused("The backup was made by a newer wasender: install that version or a later one.")
    return Manifest(**given | {"files": {name: File(**each) for name, each in given["files"].items()}})


def _digested(name: str, content: IO[bytes]) -> File:
    return copied(content, None)


def copied(content: IO[bytes], to: IO[bytes] | None) -> File:
    """Copy it, or only read it; what it was."""
    digest, size = hashlib.sha256(), 0
    while data := content.read(CHUNK):
        digest.update(data)
        size += len(data)
        if to is not None:
            to.write(data)
    return File(size, digest.hexdigest())


def _damaged(reason: str) -> errors.BackupRefused:
    return errors.BackupRefused(f"The file is no whole backup ({' '.join(reason.split())}): use another one.")


# Keys


def new_key() -> tuple[str, str]:
    """A secret key, and the public one that belongs to it: for whom backups are encrypted."""
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def passing_key() -> tuple[Any, Any]:
    """A key that nobody keeps, and its public one: with it a backup is read once more after it was encrypted."""
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    return identity, identity.to_public()


def recipients(given: Sequence[str]) -> list[Any]:
    """The public keys, each as it is or as a file of them. Raises BackupRefused."""
    import pyrage

    return _keys(given, "age1", pyrage.x25519.Recipient.from_str, pyrage.RecipientError, "public")


def identities(file: Path | None) -> list[Any]:
    """The secret keys in the file. Raises BackupRefused."""
    import pyrage

    names = [] if file is None else [str(file)]
    return _keys(names, None, pyrage.x25519.Identity.from_str, pyrage.IdentityError, "secret")


def _keys(
    given: Sequence[str], begins: str | None, parse: Callable[[str], Any], wrong: type[Exception], kind: str
) -> list[Any]:
    found = []
    for each in given:
        if begins is not None and each.startswith(begins):
            lines = [each]
        else:
            try:
                lines = Path(each).read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not text"
                raise errors.BackupRefused(f"There is no {kind} key in {each} ({reason}).") from None
        try:
            keys = [parse(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
        except wrong:
            keys = []
        if not keys:
            raise errors.BackupRefused(f"There is no {kind} key of age in {each}: `wasender backup-key` makes one.")
        found += keys
    return found
