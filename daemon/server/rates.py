"""How many requests a minute a key may make, where somebody has set a limit; told in the headers of
draft-ietf-httpapi-ratelimit-headers (RateLimit-Policy and RateLimit).

It is counted in this process, from the first request of a minute on: after a restart the count begins anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from aiohttp import web

from daemon import errors
from daemon.auth.keys import Key

WINDOW_S = 60
POLICY = "key"


@dataclass
class Taken:
    """What a key has had of the minute that began then, in seconds of the monotonic clock."""

    since: float
    count: int = 0


class Rates:
    """The requests of each key that has a limit."""

    def __init__(self) -> None:
        self._taken: dict[int, Taken] = {}

    def take(self, request: web.Request, key: Key) -> None:
        """Count a request. Raises RateLimited when it is one too many; it is told in the answer either way."""
        if key.rate_limit is None:
            return
        now = time.monotonic()
        taken = self._taken.get(key.id)
        if taken is None or now - taken.since >= WINDOW_S:
            taken = self._taken[key.id] = Taken(now)
        left_s = max(1, -int(-(taken.since + WINDOW_S - now) // 1))
        over = taken.count >= key.rate_limit
        taken.count += not over
        request[SAID] = (key.rate_limit, key.rate_limit - taken.count, left_s)
        if over:
            raise errors.RateLimited(key.rate_limit, left_s)


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """The headers, on the answer to a request that was counted."""
    if SAID in request:
        most, left, left_s = request[SAID]
        response.headers["RateLimit-Policy"] = f'"{POLICY}";q={most};w={WINDOW_S}'
        response.headers["RateLimit"] = f'"{POLICY}";r={left};t={left_s}'


RATES = web.AppKey("rates", Rates)
SAID: web.RequestKey[tuple[int, int, int]] = web.RequestKey("rate", tuple)
