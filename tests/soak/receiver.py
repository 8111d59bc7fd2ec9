"""Who is told by webhooks, and is slow, broken or away at times."""

from __future__ import annotations

import threading
import time
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

SLOW_S = 1.5


class Mood(StrEnum):
    """How it takes what it is told. away: it hangs up."""

    WELL = "well"
    SLOW = "slow"
    BROKEN = "broken"
    AWAY = "away"


class Receiver:
    """It listens in threads of its own; `with Receiver() as receiver`."""

    def __init__(self) -> None:
        self.mood = Mood.WELL
        self.took = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if receiver.mood is Mood.AWAY:
                    self.close_connection = True
                    return
                if receiver.mood is Mood.SLOW:
                    time.sleep(SLOW_S)
                receiver.took += 1
                self.send_response(503 if receiver.mood is Mood.BROKEN else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
