"""The network between us and Meta breaks while a message is on its way, and comes back."""

from __future__ import annotations

import asyncio
import ctypes
import resource
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from aiohttp import web

from daemon import config, errors
from daemon.transports.cloud.graph import Graph
from tests.support.cloud import cloud_settings
from tests.support.machines import only_for_root

CLONE_NEWNET = 0x40000000
ANSWER_S = 1.0


def loopback(state: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", state], check=True, timeout=30)


def unsent(port: int) -> bool:
    """Whether the kernel still has something for that port that has not arrived."""
    lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return any(row[2].endswith(f":{port:04X}") and not row[4].startswith("00000000:") for row in rows)


def test_what_was_given_up_does_not_come_out_of_the_network_later() -> None:
    """Else it would arrive when a person has decided that it is to be sent again, and again then."""
    only_for_root()
    came: list[str] = []
    failed: list[BaseException] = []

    def in_a_network_of_its_own() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):  # of this thread alone
                raise OSError(ctypes.get_errno(), "unshare")
            loopback("up")
            asyncio.run(_give_up(came))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=in_a_network_of_its_own)
    thread.start()
    thread.join(60)
    assert not failed, failed
    assert ["before", "after"] == came


async def test_all_connections_may_be_open_at_once() -> None:
    """The soft limit of open files, 1,024 in many places, is raised: there may be as many messages on their way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    graph = Graph(config.load(_env_file=None, **cloud_settings("http://127.0.0.1:1")), 1_000)
    try:
        await graph.open()
        assert (hard, hard) == resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        await graph.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _give_up(came: list[str]) -> None:
    async def take(request: web.BaseRequest) -> web.Response:
        came.append((await request.json())["text"])
        return web.json_response({"messages": [{"id": "wamid.1"}]})

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    runner = web.ServerRunner(web.Server(take, access_log=None))
    await runner.setup()
    await web.SockSite(runner, listening).start()
    settings = config.load(_env_file=None, **cloud_settings(f"http://127.0.0.1:{port}"))
    graph = Graph(settings.model_copy(update={"send_timeout_s": ANSWER_S}))
    await graph.open()
    try:
        await graph.send({"text": "before"})
        loopback("down")
        with pytest.raises(errors.SubmitUnknown):
            await graph.send({"text": "while it was down"})
        loopback("up")
        async with asyncio.timeout(30):
            while unsent(port):
                await asyncio.sleep(0.02)
        await graph.send({"text": "after"})
    finally:
        await graph.close()
        await runner.cleanup()
