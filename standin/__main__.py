"""Start the stand-in: `python -m standin --data DIR [--port 0] [--set key=value ...]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from aiohttp import web

from standin.server import make_app
from standin.switches import parse_pair
from standin.world import World


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m standin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps links, chats, record, switches")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a switch, value as JSON")
    options = parser.parse_args()

    world = World(options.data)
    try:
        try:
            world.set_switches(dict(parse_pair(pair) for pair in options.set))
        except ValueError as error:
            parser.error(str(error))
        asyncio.run(_serve(world, options.host, options.port))
    finally:
        world.close()


async def _serve(world: World, host: str, port: int) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(make_app(world), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    listening = {"event": "standin.listening", "url": f"http://{host}:{runner.addresses[0][1]}"}
    print(json.dumps(listening), flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
