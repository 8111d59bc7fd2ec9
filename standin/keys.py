"""Typed keys of what the application carries."""

from aiohttp import web

from standin.hub import Hub
from standin.world import World

WORLD: web.AppKey[World] = web.AppKey("world", World)
HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)
