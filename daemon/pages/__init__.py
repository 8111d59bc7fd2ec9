"""The web page `/app`: server-rendered, with a small script of our own.

A page that is open stays true by being rendered again: its script listens to `/events`, and when something
has changed it fetches the same address and takes over what differs. So each word stands in one place only.
"""

from __future__ import annotations

from aiohttp import web

from daemon.pages import jobs, login, new, overview, shell, stream

routes: list[web.AbstractRouteDef] = [
    route for part in (shell, login, overview, jobs, new, stream) for route in part.routes
]
set_up = shell.set_up
