"""The web page `/app`: server-rendered, with a small script of our own."""

from __future__ import annotations

from aiohttp import web

routes = web.RouteTableDef()


def set_up(app: web.Application) -> None:
    """Templates and static files."""
