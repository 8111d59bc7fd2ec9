"""How long a large contacts file takes to be uploaded and sent to, what `http` holds in memory at most, and how long
others wait meanwhile.

Run as `python -m tests.bench.uploads [--people N] [--database URL]`. `http` is a process of its own, with its reader.
Printed are seconds, the most memory that `http` itself had until then, and the slowest of the `GET /jobs` asked beside.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from tests.support.rig import eventually, free_port

KEY = "bench-key-of-many-signs"
FIRST = 4_915_110_000_000


class Http:
    """The process, with a database of its own."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.port = free_port()
        settings = {"DATA_DIR": str(folder), "PORT": str(self.port), "API_KEY": KEY, "TRANSPORT": "dryrun"}
        settings |= {"DATABASE_URL": database} if database else {}
        environment = os.environ | {f"WASENDER_{name}": value for name, value in settings.items()}
        with (folder / "http.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daemon.http"], env=environment, stdout=log, stderr=log
            )
        eventually(self.answers, what="http answers")

    def answers(self) -> bool:
        try:
            return bool(self.ask("/health"))
        except OSError:
            return False

    def ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        headers = {"X-API-KEY": KEY, "Content-Type": kind}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=1_200) as answer:
            return json.load(answer)

    def peak_mb(self) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def a_file(people: int) -> bytes:
    rows = (f"+{FIRST + n},P{n}" for n in range(people))
    return ("number,name\n" + "\n".join(rows)).encode()


def measured(http: Http, what: str, path: str, body: bytes, kind: str) -> Any:
    """Ask for it, while `/jobs` is asked beside; print what it took."""
    waits, done = [0.0], threading.Event()

    def beside() -> None:
        while not done.wait(0.05):
            began = time.monotonic()
            http.ask("/jobs")
            waits.append(time.monotonic() - began)

    other = threading.Thread(target=beside)
    other.start()
    began = time.monotonic()
    answer = http.ask(path, body, kind)
    took = time.monotonic() - began
    done.set()
    other.join()
    print(f"{what}: {took:.1f} s, http {http.peak_mb()} MB at its peak, /jobs up to {max(waits):.2f} s late")
    return answer


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--database", help="a URL; SQLite where none is given")
    parser.add_argument("--only-upload", action="store_true", help="do not send to it")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        http = Http(Path(folder), given.database)
        try:
            print(f"{given.people:,} people; http alone {http.peak_mb()} MB")
            mark = uuid.uuid4().hex
            head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="many.csv"\r\n\r\n'.encode()
            body = head + a_file(given.people) + f"\r\n--{mark}--\r\n".encode()
            upload = measured(http, "upload", "/upload", body, f"multipart/form-data; boundary={mark}")
            if not given.only_upload:
                order = {"message": "Hello {{ name }}", "upload_id": upload["upload_id"]}
                made = measured(http, "send", "/send", json.dumps(order).encode(), "application/json")
                assert made["total_numbers"] == given.people
        finally:
            http.process.terminate()
            http.process.wait()


if __name__ == "__main__":
    main()
