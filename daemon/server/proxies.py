"""Who asks when a web server stands in front: its X-Forwarded-For and X-Forwarded-Proto count if its address is among
TRUSTED_PROXIES, and no further than the last address that is not."""

from __future__ import annotations

import ipaddress
import re

from aiohttp import web

from daemon.config import Networks
from daemon.server.visitors import SETTINGS

_ENTRY = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+)(?::[0-9]+)?|([^,\[\]]*)")  # some proxies add a port
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address(request: web.Request) -> str:
    """The address of the browser or program that asks; "" for none.

    The header is read from the right: whatever stands left of the first address that is not a trusted proxy's was
    written by that one, and may be anything.
    """
    trusted = request.app[SETTINGS].proxies
    at = _parsed(request.remote or "")
    chain = [each for line in request.headers.getall("X-Forwarded-For", []) for each in line.split(",")]
    while at is not None and chain and _is_one_of(at, trusted):
        before = _parsed(chain.pop().strip())
        if before is None:  # not an address: the proxy is the last that is known
            break
        at = before
    return str(at) if at is not None else request.remote or ""


def scheme(request: web.Request) -> str:
    """`https` where the browser uses TLS, be it only to a proxy in front of us.

    A trusted proxy says so; without one the Origin of the page's forms shows it.
    """
    if request.secure or request.headers.get("Origin", "").startswith("https://"):
        return "https"
    peer = _parsed(request.remote or "")
    if peer is not None and _is_one_of(peer, request.app[SETTINGS].proxies):
        said = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
        if said in ("https", "wss"):
            return "https"
    return "http"


def _parsed(text: str) -> Address | None:
    found = _ENTRY.fullmatch(text.partition("%")[0])
    try:
        at = ipaddress.ip_address(next(filter(None, found.groups()), "") if found else "")
    except ValueError:
        return None
    mapped = at.ipv4_mapped if isinstance(at, ipaddress.IPv6Address) else None
    return mapped or at


def _is_one_of(at: Address, networks: Networks) -> bool:
    return any(at in network for network in networks)
