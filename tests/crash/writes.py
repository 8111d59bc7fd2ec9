"""kill -9 of http while files are uploaded and imported: is each there once, and does a repeat get the first answer?

Run as `python -m tests.crash.writes [--rounds 60] [--rows 20000] [--database sqlite|postgresql] [--seed 1]`. Each round
sends one file with an Idempotency-Key, as a contacts file, a list, an import of the suppression list or an attachment,
kills http at a moment by chance while that is worked on, starts it again, and repeats the request until it is answered.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from daemon import config
from daemon.db import connection
from daemon.models import Attachment, ContactList, ListEntry, Suppression, Upload
from tests.support import forks, postgres
from tests.support.rig import ROOT, eventually, free_port

KEY = "a-key-for-crashes-0123456789abcdef"
KINDS = ("upload", "list", "suppressions", "attachment")
PATIENCE_S = 300


@dataclass
class Outcome:
    """What came of it. hits: kills before the answer had come, by kind; left: files of attachments of which http
    died before their row was stored; wrong: what is not as it should be."""

    kills: int = 0
    left: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        by = " ".join(f"{kind}={self.hits[kind]}" for kind in KINDS)
        hits = f"before_the_answer={self.hits.total()} ({by})"
        return f"kills={self.kills} {hits} files_left={self.left} wrong={len(self.wrong)}"


class Server:
    """The http process of an installation."""

    def __init__(self, folder: Path, url: str | None, stack: ExitStack) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "data").mkdir(mode=0o700)
        given = {"data_dir": folder / "data", "transport": "dryrun", "port": self.port, "api_key": KEY}
        given |= {"database_url": url} if url else {}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(config.PREFIX)}
        self.environment = kept | {f"{config.PREFIX}{name.upper()}": str(value) for name, value in given.items()}
        self.settings = config.Settings(_env_file=None, **given)  # type: ignore[arg-type,call-arg]
        connection.connect(self.settings.db_url)
        stack.callback(connection.close)
        self._start()
        stack.callback(self.stop)

    def _start(self) -> None:
        with (self.folder / "http.log").open("ab") as log:
            self._process = forks.start(["-m", "daemon.http"], self.environment, ROOT, log)

    def ready(self) -> None:
        def up() -> bool:
            if self._process.poll() is not None:  # as where another program took its port while it was dead
                time.sleep(0.5)
                self._start()
            with suppress(OSError, http.client.HTTPException):
                return self.ask("GET", "/health", b"", {})[0] == 200
            return False

        eventually(up, PATIENCE_S, "http answers")

    def kill(self) -> None:
        """SIGKILL, and start it again."""
        self.stop()
        self._start()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            asked.request(method, path, body, {"X-API-KEY": KEY, **headers})
            answer = asked.getresponse()
            return answer.status, answer.read()
        finally:
            asked.close()


class Write(threading.Thread):
    """One request, repeated until it is answered."""

    def __init__(self, server: Server, kind: str, number: int, rows: int) -> None:
        super().__init__(daemon=True)
        self.server, self.kind, self.name = server, kind, f"{kind} {number}"
        self.numbers = [f"+49151{number:03}{n:05}" for n in range(rows)]
        self.answer: tuple[int, bytes] | None = None
        self.tries = 0
        self._path, self._body, type_ = self._request()
        self._headers = {"Idempotency-Key": self.name, "Content-Type": type_}

    def _request(self) -> tuple[str, bytes, str]:
        if self.kind == "list":
            body = json.dumps({"name": self.name, "numbers": self.numbers}).encode()
            return "/lists", body, "application/json"
        content = "phone\n" + "\n".join(self.numbers) + "\n"
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{self.name}.csv"\r\n\r\n'
        paths = {"upload": "/upload", "suppressions": "/suppressions/import", "attachment": "/upload_attachment"}
        return paths[self.kind], (head + content + "\r\n--x--\r\n").encode(), "multipart/form-data; boundary=x"

    def run(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while self.answer is None and time.monotonic() < until:
            self.tries += 1
            try:
                self.answer = self.once()
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)

    def once(self) -> tuple[int, bytes]:
        return self.server.ask("POST", self._path, self._body, self._headers)

    def wrong(self) -> list[str]:
        """What is not as it should be: one answer, and one of what was made."""
        if self.answer is None or self.answer[0] != 200:
            return [f"{self.name}: answered {self.answer}"]
        found = [] if self.once() == self.answer else [f"{self.name}: answered in two ways"]
        told = json.loads(self.answer[1])
        if self.kind == "upload":
            made = [(row.id, row.total) for row in Upload.select().where(Upload.filename == f"{self.name}.csv")]
            expected = [(told["upload_id"], len(self.numbers))]
        elif self.kind == "attachment":
            made = [(row.id,) for row in Attachment.select().where(Attachment.filename == f"{self.name}.csv")]
            expected = [(told["attachment_id"],)]
        elif self.kind == "list":
            lists = [row.id for row in ContactList.select().where(ContactList.name == self.name)]
            made = [(each, ListEntry.select().where(ListEntry.list == each).count()) for each in lists]
            expected = [(told["id"], len(self.numbers))]
        else:
            mine = Suppression.number.startswith(self.numbers[0][:9])
            made = [(Suppression.select().where(mine).count(), told["added"] + told["already_there"])]
            expected = [(len(self.numbers), len(self.numbers))]
        return found if made == expected else [*found, f"{self.name}: {made} instead of {expected}"]


def play(folder: Path, url: str | None, rounds: int, rows: int, seed: int) -> Outcome:
    """So many kills, one in each request."""
    chance, outcome, took = random.Random(seed), Outcome(), dict[str, float]()
    with ExitStack() as stack:
        server = Server(folder, url, stack)
        server.ready()
        for number in range(rounds + len(KINDS)):
            write = Write(server, KINDS[number % len(KINDS)], number, rows)
            began = time.monotonic()
            write.start()
            if number < len(KINDS):  # how long it takes, undisturbed
                write.join()
                took[write.kind] = time.monotonic() - began
            else:
                write.join(chance.uniform(0, took[write.kind]))
                hit = write.answer is None
                server.kill()
                outcome.kills += 1
                outcome.hits[write.kind] += hit
            server.ready()
            write.join()
            outcome.wrong += write.wrong()
        files = {each.name for each in (folder / "data" / "attachments").iterdir() if each.suffix != ".part"}
        rows_ = {row.id for row in Attachment.select(Attachment.id)}
        outcome.wrong += [f"attachment {each} has no file" for each in rows_ - files]
        outcome.left = len(files - rows_)
    return outcome


def main(arguments: list[str]) -> int:
    """Play, and print one line of figures; the exit code is 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.writes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--rows", type=int, default=20_000, help="of each file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wasender-writes-")))
        url = None
        if given.database == "postgresql":
            url = stack.enter_context(postgres.Server()).new_database()
        outcome = play(folder, url, given.rounds, given.rows, given.seed)
    print(outcome, *outcome.wrong, sep="\n")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
