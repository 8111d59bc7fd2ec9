"""The samples of docs/install.md, in front of the application: real web servers, where they are installed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from structlog.testing import capture_logs

from daemon.api import events
from daemon.config import Settings
from daemon.http import make_app
from daemon.server.visitors import COOKIE
from tests.conftest import ROOT
from tests.http.conftest import KEY, form

NAME = "wasender.example.org"
START_S = 60
NGINX = """
{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/errors.log; worker_processes 1;
events {{ }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {sample}
}}
"""
CADDY = "{{\n\tadmin off\n\tauto_https off\n}}\n{sample}"


class Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


def sample(language: str) -> str:
    """The block in that language, as people copy it."""
    text = (ROOT / "docs/install.md").read_text()
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def command(server: str, folder: Path, port: int, behind: int) -> list[str]:
    """Starts the web server with the sample, on a port and with a certificate of the test's."""
    certificate, key, config = folder / "cert.pem", folder / "key.pem", folder / "config"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={NAME}",
         "-keyout", key, "-out", certificate, "-addext", f"subjectAltName=DNS:{NAME}"], check=True, capture_output=True,
    )  # fmt: skip
    if server == "nginx":
        changes = {"443 ssl": f"127.0.0.1:{port} ssl", "/etc/ssl/certs/wasender.pem": certificate,
                   "/etc/ssl/private/wasender.key": key, "127.0.0.1:8080": f"127.0.0.1:{behind}"}  # fmt: skip
        around, more = NGINX, ["-p", folder, "-c", config]
    else:
        changes = {NAME + " {": f"https://{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}",
                   "127.0.0.1:8080": f"127.0.0.1:{behind}"}  # fmt: skip
        around, more = CADDY, ["run", "--adapter", "caddyfile", "--config", config]
    user = "" if os.geteuid() else "user root;"  # whose temporary folder no other user may enter
    text = sample("nginx" if server == "nginx" else "caddyfile")
    for said, here in changes.items():
        assert said in text
        text = text.replace(said, str(here))
    config.write_text(around.format(folder=folder, sample=text, user=user))
    return [server, *map(str, more)]


@asynccontextmanager
async def proxy(server: str, folder: Path, behind: int) -> AsyncIterator[str]:
    """The web server in front of that port; its address."""
    if not shutil.which(server):
        reason = f"{server} is not installed: apt-get install {server}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command(server, folder, port, behind), stdout=log, stderr=log, cwd=folder)
    try:
        give_up = time.monotonic() + START_S
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < give_up, (folder / "log").read_text()
                await asyncio.sleep(0.02)
        yield f"https://{NAME}:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("server", ["nginx", "caddy"])
async def test_the_samples_of_the_documentation_work(
    server: str,
    make_settings: Callable[..., Settings],
    database: str,
    aiohttp_server: Callable[..., Awaitable[Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The page's own Host is passed on, large files go through, events come at once, and who asks is known."""
    monkeypatch.setattr(events, "PING_S", 600.0)
    settings = make_settings(allowed_hosts=NAME, trusted_proxies="127.0.0.1")
    application = await aiohttp_server(make_app(settings, KEY))
    async with (
        proxy(server, tmp_path, application.port) as url,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Here(), ssl=False)) as browser,
    ):
        login = {"Origin": url, "Accept": "text/html"}
        with capture_logs() as logs:
            forged = login | {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
            wrong = await browser.post(f"{url}/app/login", data={"key": "wrong"}, headers=forged)
        assert 401 == wrong.status
        assert ["127.0.0.1"] == [each["address"] for each in logs if each["event"] == "login.refused"]

        entered = await browser.post(f"{url}/app/login", data={"key": KEY}, headers=login, allow_redirects=False)
        assert 303 == entered.status
        assert entered.cookies[COOKIE]["secure"]

        keyed = {"X-API-KEY": KEY}
        file = form(b"x" * (60 * 1024 * 1024), "large.bin")
        stored = await browser.post(f"{url}/upload_attachment", data=file, headers=keyed)
        assert (200, 60 * 1024 * 1024) == (stored.status, (await stored.json())["size"])

        async with browser.get(f"{url}/events", headers=keyed) as stream:
            assert "text/event-stream" == stream.content_type
            sent = await browser.post(
                f"{url}/send", json={"numbers": ["+4915110000000"], "message": "Hi"}, headers=keyed
            )
            assert 200 == sent.status
            line = await asyncio.wait_for(stream.content.readuntil(b"\r\n"), 15)
            while not line.startswith(b"event: job"):
                line = await asyncio.wait_for(stream.content.readuntil(b"\r\n"), 15)
