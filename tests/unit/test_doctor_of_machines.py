"""`wasender doctor`: what it finds on a machine, how to mend it, and what its report leaves out."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from daemon import errors
from daemon.cli.client import Client
from daemon.cli.exits import Exit, Failure
from daemon.config import Settings
from daemon.ops import doctor, preflight
from daemon.ops.findings import Level, bad
from daemon.transports.browser import chrome, display, sandbox
from daemon.transports.browser.refusals import Lacking
from tests.support.commanding import invoke
from tests.support.rig import ROOT, free_port

NUMBER = "+4915112345678"


@pytest.fixture
def whatsapp() -> Iterator[Any]:
    """A server that tells the time that it is given as `off`, in seconds from now."""

    class Handler(BaseHTTPRequestHandler):
        off: float | None = 0.0

        def do_HEAD(self) -> None:
            self.send_response_only(200)
            if self.off is not None:
                self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(seconds=self.off), usegmt=True))
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        Handler.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
        Handler.port = server.server_port  # type: ignore[attr-defined]
        yield Handler
        server.shutdown()


@pytest.fixture
def look(make_settings: Callable[..., Settings], whatsapp: Any) -> Callable[..., dict[str, Any]]:
    """What is found with these settings, by its word."""

    def look(**changes: Any) -> dict[str, Any]:
        given = {"whatsapp_url": whatsapp.url, "port": free_port(), **changes}
        return {each.what: each for each in doctor.examine(make_settings(**given))}

    return look


def test_a_machine_that_has_everything(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chrome, "find_chrome", lambda _: Path("/usr/bin/chromium"))
    monkeypatch.setattr(chrome, "find_chromedriver", lambda _: Path("/usr/bin/chromedriver"))
    monkeypatch.setattr(chrome, "version_of", lambda _: "150.0.1")
    monkeypatch.setattr(display, "find_xvfb", lambda: "/usr/bin/Xvfb")
    monkeypatch.setattr(doctor.os, "getuid", lambda: 1000)
    monkeypatch.setattr(sandbox, "namespaces", lambda: True)
    found = look(transport="browser", timezone="Europe/Berlin")

    assert {"port"} == {what for what, each in found.items() if each.level is not Level.GOOD}
    assert "wasender start" in found["port"].mend
    looked = "python chrome driver sandbox display selectors disk memory clock zone port"
    assert set(looked.split()) == set(found)


def test_a_machine_that_lacks_everything(look: Any, whatsapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with what to do."""

    def lacking(_: str) -> Path:
        raise errors.SetupError(Lacking.NO_CHROME)

    monkeypatch.setattr(chrome, "find_chrome", lacking)
    monkeypatch.setattr(chrome, "find_chromedriver", lacking)
    monkeypatch.setattr(display, "find_xvfb", lambda: None)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: SimpleNamespace(available=2**20))
    monkeypatch.delenv("DISPLAY", raising=False)
    whatsapp.off = 3600
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0.01)
        monkeypatch.setattr(doctor, "NET_S", 0.1)
        found = look(
            transport="browser", headless="false", timezone="", port=taken.getsockname()[1], whatsapp_url=whatsapp.url
        )
        monkeypatch.setattr(doctor, "NET_S", 8.0)
        again = look(whatsapp_url=whatsapp.url)

    wrong = {what for what, each in found.items() if each.level in (Level.BAD, Level.ODD)}
    assert {"chrome", "driver", "display", "disk", "memory", "zone", "port"} <= wrong
    assert "seconds behind" in again["clock"].says and Level.BAD is again["clock"].level
    assert all(each.mend for each in found.values() if each.level is not Level.GOOD)


def test_versions_that_do_not_fit(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"a": "150.0.1", "b": "149.0.1"}
    monkeypatch.setattr(chrome, "find_chrome", lambda _: Path("a"))
    monkeypatch.setattr(chrome, "find_chromedriver", lambda _: Path("b"))
    monkeypatch.setattr(chrome, "version_of", lambda program: versions[str(program)])
    found = look(transport="browser", headless="true")

    assert Level.BAD is found["versions"].level and "do not fit" in found["versions"].says
    assert Level.GOOD is found["display"].level


def test_clocks_and_networks(look: Any, whatsapp: Any) -> None:
    """Ahead, unknown, and nobody there."""
    whatsapp.off = -3600
    assert "seconds ahead" in look()["clock"].says
    whatsapp.off = None
    assert Level.UNKNOWN is look()["clock"].level
    assert Level.BAD is look(whatsapp_url=f"http://127.0.0.1:{free_port()}")["network"].level
    assert Level.BAD is look(port=whatsapp.port)["port"].level, "somebody else answers there"


def test_a_port_of_something_that_is_no_web_server(look: Any) -> None:
    """Such as a login by SSH, or a database: it is taken, and that is all there is to say."""
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def serve() -> None:
            for _ in range(2):
                there, _ = taken.accept()
                with there:
                    there.recv(1_000)
                    there.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        Thread(target=serve, daemon=True).start()
        port = taken.getsockname()[1]
        found = look(port=port, whatsapp_url=f"http://127.0.0.1:{port}")
    assert (Level.BAD, Level.BAD) == (found["port"].level, found["network"].level)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that says all is well; the environment names a proxy that says so of everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ok"}')

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server, HTTPServer(("127.0.0.1", 0), Handler) as proxy:
        for each in (server, proxy):
            Thread(target=each.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        yield server.server_port
        server.shutdown()
        proxy.shutdown()


def test_a_proxy_is_not_asked_about_this_machine(
    answering: int, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would say that wasender answers where it does not, or the other way round."""
    here, nobody = make_settings(port=answering), make_settings(port=free_port())
    assert (Level.GOOD, Level.ODD) == (doctor._port(here).level, doctor._port(nobody).level)
    monkeypatch.setattr(preflight, "PATIENCE_S", 0)
    preflight.wait_for_http(here, os.getpid())
    with pytest.raises(errors.SetupError):
        preflight.wait_for_http(nobody, os.getpid())
    found = re.search(r"HEALTHCHECK .*\n +CMD (\[.+\])", (ROOT / "Containerfile").read_text())
    assert found
    _, *words = json.loads(found[1])
    codes = [
        subprocess.run(
            [sys.executable, *(each.replace("8080", str(port)) for each in words)],
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode
        for port in (here.port, nobody.port)
    ]
    assert [0, 1] == codes


SANDBOX = """import os, sys
from pathlib import Path
from daemon.ops import doctor
os.getuid = lambda: 1000  # in this namespace it is root's
found = doctor._sandbox(Path(sys.argv[1]))
print(found.level.value, found.says, found.mend)"""


@pytest.mark.parametrize(
    ("most", "program", "words"),
    [
        ("100", "/bin/false", "good Chrome's sandbox can have"),
        ("0", "/bin/true", "good Chrome starts"),
        ("0", "/bin/false", "sysctl -w user.max_user_namespaces=15000"),
    ],
)
def test_a_kernel_that_forbids_namespaces(most: str, program: str, words: str) -> None:
    """Chrome's sandbox is made of them; what it can do without them only Chrome itself can tell."""
    limit = 'echo "$1" >/proc/sys/user/max_user_namespaces && shift && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh", most]
    done = subprocess.run(
        [*command, sys.executable, "-c", SANDBOX, program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert words in done.stdout, done.stderr


def checked(**more: Any) -> dict[str, Any]:
    hits = {"logged_in": [1, 0], "composer": [0, 0]}
    told = {"build": "2.3", "generation": "C", "language": "en", "chats_shown": True, "selectors": {"hits": hits}}
    return told | more


def test_what_the_page_check_says() -> None:
    """Nothing of what is looked for: it has changed; no chats: nobody can tell."""
    empty = {"hits": {"logged_in": [0], "composer": [0, 0]}}
    assert Level.GOOD is doctor.page(checked(), "default").level
    assert "1 of 2" in doctor.page(checked(), "default").says
    assert Level.BAD is doctor.page(checked(selectors=empty), "default").level
    assert Level.UNKNOWN is doctor.page(checked(chats_shown=False), "default").level
    assert Level.UNKNOWN is doctor.page(None, "default").level


def test_the_report_has_nobodys_data(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No number, text, key, password, folder or host that was given."""
    secrets = {
        "api_key": "a-key-for-tests-0123456789", "canary": NUMBER, "stop_confirm": "Dear Zebulon", "stop_words": "zapp",
        "database_url": "postgresql://zeb:hunter2@db.example/zeb", "allowed_hosts": "zebulon.example",
    }  # fmt: skip
    settings = make_settings(**secrets)
    found = [bad("port", f"Trouble in {settings.data_dir} with {NUMBER}.", "Do.", version="1.2")]
    text = doctor.report(settings, found, "2030-01-01T00:00:00+00:00")
    told = json.loads(text)

    for each in (*secrets.values(), str(settings.data_dir), NUMBER[1:], "hunter2", "Zebulon", "zeb"):
        assert each not in text
    assert "Trouble in DATA_DIR with +49" in told["found"][0]["says"]
    assert ("postgresql", "dryrun") == (told["database"], told["settings"]["transport"])
    assert set(doctor.TOLD) <= set(Settings.model_fields)


def test_the_command_tells_and_writes(tmp_path: Path, whatsapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a person, for a program, and to send away; exit code 7 where something is bad."""
    env = {
        "WASENDER_DATA_DIR": str(tmp_path), "WASENDER_TRANSPORT": "dryrun", "WASENDER_WHATSAPP_URL": whatsapp.url,
        "WASENDER_PORT": str(free_port()), "WASENDER_TIMEZONE": "UTC",
    }  # fmt: skip
    report = tmp_path / "report.json"
    plain = invoke("doctor", "--report", report, **env)
    told = json.loads(invoke("doctor", "--json", "--offline", **env).stdout)
    whatsapp.off = 3600
    wrong = invoke("doctor", "--json", **env)

    assert 0 == plain.exit_code and "ok   clock:" in plain.stdout and "look port:" in plain.stdout
    assert json.loads(report.read_text())["settings"]["timezone"] == "UTC" and 0o600 == report.stat().st_mode & 0o777
    assert told["ok"] and "clock" not in {each["what"] for each in told["found"]}
    assert 7 == wrong.exit_code and not json.loads(wrong.stdout)["ok"]
    assert {"code": "found_bad", "what": ["clock"]}.items() <= json.loads(wrong.stderr)["error"].items()


@pytest.mark.parametrize(
    ("exit_code", "pages"),
    [(Exit.UNREACHABLE, {"page of a"}), (Exit.NOT_AUTHORISED, {"page of a"}), (Exit.BUSY, {"page of a", "page of b"})],
)
def test_a_page_that_cannot_be_looked_at(
    exit_code: Exit, pages: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a finding beside the others, which are not lost by it."""

    def get(_: Any, path: str) -> Any:
        if path == "/accounts":
            return {"accounts": [{"name": name, "alive": True, "page_check_at": None} for name in "ab"]}
        raise AssertionError

    def once(*_: object) -> None:
        raise Failure("code", "It does not work.", exit_code)

    (tmp_path / "api_key").write_text("k" * 40)
    monkeypatch.setattr(Client, "get", get)
    monkeypatch.setattr(Client, "once", once)
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: iter([bad("disk", "Full.", "Mend it.")]))
    env = {"WASENDER_DATA_DIR": str(tmp_path), "WASENDER_TRANSPORT": "browser"}
    found = json.loads(invoke("doctor", "--json", **env).stdout)["found"]
    levels = {each["what"]: each["level"] for each in found}
    assert {"disk": "bad"} | dict.fromkeys(pages, "unknown") == levels
    assert all("It does not work." in each["says"] for each in found[1:])
