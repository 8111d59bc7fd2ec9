"""What the stand-in for Meta's API costs: `python -m tests.bench.graph [--messages 20000] [--at-once 100]`.

A client sends as quickly as it can and takes all receipts; printed are messages a second and the processor time of the
stand-in for a thousand of them, three receipts each included: what is left for a daemon on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

import aiohttp
import psutil
from aiohttp import web

from standin.graph.world import NUMBER_ID, TOKEN
from tests.conftest import ROOT

TEXT = "Hello, this is a message of an ordinary length"
SWITCHES = ("window=open", "throughput=1000000", "read_ms=10", "keep=false")


async def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.graph", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=100)
    options = parser.parse_args()
    updates, posts = 0, 0

    async def receive(request: web.BaseRequest) -> web.Response:
        nonlocal updates, posts
        content = await request.read()
        updates += content.count(b'"status":"')
        posts += 1
        return web.Response()

    runner = web.ServerRunner(web.Server(receive, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    switches = [word for each in SWITCHES for word in ("--set", each)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "standin.graph", "--webhook", f"http://127.0.0.1:{runner.addresses[0][1]}/", *switches,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    numbers = iter(range(options.messages))
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    async def send(session: aiohttp.ClientSession) -> None:
        for n in numbers:
            body: dict[str, object] = {"messaging_product": "whatsapp", "to": f"+49151{n:08}", "type": "text"}
            body |= {"text": {"body": TEXT}, "biz_opaque_callback_data": f"m:{n}:a:1"}
            content = json.dumps(body).encode()
            async with session.post(f"{url}/v26.0/{NUMBER_ID}/messages", data=content, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started, before = time.perf_counter(), psutil.Process(process.pid).cpu_times()
        await asyncio.gather(*(send(session) for _ in range(options.at_once)))
        sent_s = time.perf_counter() - started
        while updates < 3 * options.messages:
            await asyncio.sleep(0.01)
        took_s, after = time.perf_counter() - started, psutil.Process(process.pid).cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    memory = psutil.Process(process.pid).memory_info().rss / 2**20
    print(
        f"{options.messages / sent_s:.0f} messages/s, receipts after {took_s - sent_s:.2f} s more in {posts} requests, "
        f"{cpu_s / options.messages * 1e6:.0f} µs of the stand-in's processor each, {memory:.0f} MB"
    )
    process.terminate()
    await process.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
