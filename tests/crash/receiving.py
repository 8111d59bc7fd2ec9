"""A server that receives webhooks and is killed: `python -m tests.crash.receiving PORT FILE`.

It writes each request down, durably, before it answers; where the file DIE is beside that one, it dies in between.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

DIE = "die-after-writing"


def main(port: int, path: Path) -> None:
    async def take(request: web.Request) -> web.Response:
        body = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        with path.open("a") as file:
            file.write(json.dumps({"headers": headers, "body": body}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if (path.parent / DIE).exists():
            (path.parent / DIE).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", take)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
