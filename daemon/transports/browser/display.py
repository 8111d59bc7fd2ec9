"""The display Chrome draws on: the user's own if it answers, otherwise an Xvfb that we start."""

from __future__ import annotations

import os
import re
import secrets
import select
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from daemon import errors
from daemon.transports.browser.refusals import Lacking

SCREEN = "1920x1080x24"
OPTIONS = ("-nolisten", "tcp", "-noreset")  # noreset: otherwise it restarts whenever its last client has gone
SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 (where X servers listen)
_START_S = 10.0
_NUMBER = "display"  # file in the private folder: who finds it there later knows which socket was ours


class Display:
    """A running Xvfb; `variables` is what a process needs in its environment to draw on it."""

    def __init__(self, xvfb: str, folder: Path, environment: Mapping[str, str]) -> None:
        """folder: private folder for the access cookie. Raises SetupError when Xvfb does not come up."""
        cookie = folder / "Xauthority"
        write_cookie(cookie)
        reader, writer = os.pipe()
        try:
            self.process = subprocess.Popen(
                [xvfb, *("-displayfd", str(writer), "-screen", "0", SCREEN), *("-auth", str(cookie)), *OPTIONS],
                env=environment,
                pass_fds=(writer,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            os.close(writer)
            number = _read_number(reader)
        finally:
            os.close(reader)
        if not number:
            self.close()
            raise errors.SetupError(Lacking.NO_XVFB, program=xvfb)
        (folder / _NUMBER).write_text(number)
        self.variables = {"DISPLAY": f":{number}", "XAUTHORITY": str(cookie)}

    def close(self) -> None:
        """Stop it with SIGTERM, so that it removes its socket; safe to call twice."""
        self.process.terminate()
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(2)


def clean(folder: Path) -> None:
    """Remove the socket of a killed display that used this private folder, unless another display uses it now."""
    try:
        number = int((folder / _NUMBER).read_text())
        if not answers(f":{number}"):
            (SOCKETS / f"X{number}").unlink()
    except (OSError, ValueError):
        return  # it had none, has removed it, or it is another user's by now


def _read_number(reader: int) -> str:
    text = b""
    # Read to the end of the line: Xvfb dies of SIGPIPE if the pipe is closed before its second write.
    while not text.endswith(b"\n") and select.select([reader], [], [], _START_S)[0]:
        part = os.read(reader, 16)
        if not part:
            return ""
        text += part
    return text.decode().strip()


def find_xvfb() -> str | None:
    """Path of Xvfb, None when it is not installed."""
    return shutil.which("Xvfb")


def answers(display: str) -> bool:
    """Whether an X server listens at `display` (the value of DISPLAY)."""
    match = re.fullmatch(r"(?P<host>[^:]*):(?P<number>\d+)(\.\d+)?", display)
    if not match:
        return False
    host, number = match["host"], int(match["number"])
    if host not in ("", "unix"):
        places: list[tuple[int, str | tuple[str, int]]] = [(socket.AF_INET, (host, 6000 + number))]
    else:
        path = str(SOCKETS / f"X{number}")
        places = [(socket.AF_UNIX, path), (socket.AF_UNIX, "\0" + path)]
    for family, place in places:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(2)
            try:
                probe.connect(place)
            except OSError:
                continue
            return True
    return False


def write_cookie(path: Path) -> None:
    """Write an X authority file for any display number: only processes that can read it have access to the display."""
    fields = (b"", b"", b"MIT-MAGIC-COOKIE-1", secrets.token_bytes(16))
    record = b"\xff\xff" + b"".join(len(field).to_bytes(2, "big") + field for field in fields)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(record)
