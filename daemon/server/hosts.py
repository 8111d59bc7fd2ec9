"""The names that the page answers to.

DNS rebinding: a page of another site, whose name leads to 127.0.0.1 from its second look-up on, reads our answers as
its own. Its requests still carry that name in `Host`, so only names that somebody has set are served. An address cannot
be rebound, and `localhost` is this machine in every browser.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from aiohttp import web

from daemon import errors
from daemon.formats.host_names import is_address
from daemon.server.visitors import SETTINGS, Handler

EXEMPT = frozenset({"/health"})  # a monitor may ask by any name; nothing is told there
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(?::[0-9]{0,5})?")  # a name, an address or a bracketed one, and a port
LONGEST_SHOWN = 100


@web.middleware
async def known(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request for a host that is not ours. Raises UnknownHost."""
    if request.path not in EXEMPT:
        for given in request.headers.getall("Host", []):
            if not served(given, request.app[SETTINGS].hosts):
                raise errors.UnknownHost(given[:LONGEST_SHOWN])
    return await handler(request)


def served(given: str, names: Collection[str]) -> bool:
    """Whether a request with that Host header is answered: for an IP address, localhost, or one of the names. A name
    that begins with a dot stands for all that end so."""
    found = _HOST.fullmatch(given.lower())
    if found is None:
        return False
    host = found[1].removeprefix("[").removesuffix("]")
    if is_address(host):
        return True
    name = host.removesuffix(".")
    return name == "localhost" or name in names or any(each.startswith(".") and name.endswith(each) for each in names)
