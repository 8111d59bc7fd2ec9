"""Start the stand-in: `python -m standin.graph [--port 0] [--webhook URL] [--set key=value ...]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from standin.graph.server import serving
from standin.graph.world import World
from standin.switches import parse_pair


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m standin.graph", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--webhook", metavar="URL", help="where Meta's webhooks go")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the record there in the end, as JSON")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a switch, value as JSON")
    options = parser.parse_args()
    try:
        world = World(dict(parse_pair(pair) for pair in options.set))
    except ValueError as error:
        parser.error(str(error))
    asyncio.run(_serve(world, options))
    if options.record:
        told = world.record.summary() | {"messages": [each.told() for each in world.record.messages]}
        options.record.write_text(json.dumps(told))


async def _serve(world: World, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with serving(world, webhook=options.webhook, host=options.host, port=options.port) as graph:
        print(json.dumps({"event": "standin.listening", "url": graph.url}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    main()
