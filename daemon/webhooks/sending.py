"""One request to a webhook: only to addresses that it may reach, without redirects, in limited time.

An address is judged where it is connected to: whatever the name in the URL says, and whoever answers for it by DNS,
also between one look and the next, no socket is opened to an address that is barred.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from daemon import errors
from daemon.config import Networks
from daemon.webhooks.refusals import Problem, Why

CONNECT_S = 5.0
TOTAL_S = 15.0
LONGEST_URL = 2_000
NAMES_AT_ONCE = 64  # that are looked up; a name whose server is silent holds a thread for half a minute
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_WITHIN = (  # networks of IPv6 in whose addresses one of IPv4 stands: which bits
    (_MAPPED, 0),
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)


class Barred(OSError):
    """The address may not be reached."""


@dataclass(frozen=True)
class Result:
    """What came of it. status: of HTTP, None if there was no answer; problem: None if it arrived; retry_s: how long the
    receiver wants to be left alone."""

    status: int | None
    problem: Problem | None
    elapsed_ms: int
    retry_s: int = 0

    @property
    def arrived(self) -> bool:
        return self.problem is None


def may_reach(address: str, networks: Networks, encrypted: bool) -> bool:
    """Whether requests may go to that IP address. networks: private ones that may be reached, encrypted or not."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inner(ip)
    if ip in _MAPPED:  # another way to write that address
        ip = inner
    if any(each in network for each in {ip, inner} for network in networks):
        return True
    return encrypted and all(_public(each) for each in {ip, inner})


def _inner(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address of IPv4 that an address of IPv6 stands for; else itself."""
    if isinstance(ip, ipaddress.IPv6Address):
        for network, shift in _WITHIN:
            if ip in network:
                return ipaddress.IPv4Address(int(ip) >> shift & 0xFFFFFFFF)
    return ip


def _public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def checked_url(text: str, networks: Networks) -> str:
    """The address as it is kept. Raises InvalidInput, also where it says itself that it is private; what a name stands
    for is seen when it is connected to."""
    try:
        url = yarl.URL(text.strip())
        fits = bool(url.scheme in ("http", "https") and url.host and url.user is None and url.password is None)
        fits = fits and url.port not in (None, 0) and len(text) <= LONGEST_URL and text.isprintable()
    except ValueError:
        fits = False
    if not fits:
        raise errors.InvalidInput(Why.WEBHOOK_URL_UNFIT)
    host, encrypted = str(url.host), url.scheme == "https"
    address = "127.0.0.1" if f".{host}".lower().rstrip(".").endswith(".localhost") else host
    barred = _is_literal(address) and not may_reach(address, networks, encrypted)
    if barred or not (encrypted or networks):
        raise errors.InvalidInput(Why.WEBHOOK_ADDRESS_BARRED, host=host)
    return str(url.with_fragment(None))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class _Names:
    """Looks names up, as an event loop does, in threads of its own: in the loop's, other work would wait for name
    servers that are silent."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(NAMES_AT_ONCE, "webhook-names")

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        look = partial(socket.getaddrinfo, host, port, **more)
        return await asyncio.get_running_loop().run_in_executor(self._threads, look)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        return await asyncio.get_running_loop().getnameinfo(sockaddr, flags)  # of numbers: nobody is asked

    def end(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Resolver(AbstractResolver):
    """The system's, without the addresses that may not be reached."""

    def __init__(self, networks: Networks, encrypted: bool, names: _Names) -> None:
        self._networks, self._encrypted = networks, encrypted
        self._system = ThreadedResolver(names)  # type: ignore[arg-type]  # of a loop it needs no more

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        kept = [each for each in found if may_reach(each["host"], self._networks, self._encrypted)]
        if found and not kept:
            raise Barred(None, "barred")
        return kept

    async def close(self) -> None:
        await self._system.close()


class Sender:
    """Makes requests; `async with Sender(networks) as sender`."""

    def __init__(self, networks: Networks) -> None:
        self._networks, self._names = networks, _Names()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Sender:
        for encrypted in (True, False):
            connector = aiohttp.TCPConnector(
                resolver=_Resolver(self._networks, encrypted, self._names),
                use_dns_cache=False,
                limit=0,  # whoever waited here for others' connections would be out of time before it is sent
                socket_factory=self._socket_for(encrypted),
            )
            self._sessions[encrypted] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self._sessions.values():
            await each.close()
        self._names.end()

    def _socket_for(self, encrypted: bool) -> Any:
        """Makes sockets, the last that is asked before a connection: also for an address that stands in the URL."""

        def make(info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
            family, kind, proto, _, address = info
            if not may_reach(str(address[0]), self._networks, encrypted):
                raise Barred(None, "barred")
            return socket.socket(family=family, type=kind, proto=proto)

        return make

    async def post(self, url: str, body: str, headers: Mapping[str, str]) -> Result:
        """Send it. What the receiver answers beside its status is not read."""
        began = time.monotonic()
        status, problem, retry_s = None, None, 0
        sent = {"Content-Type": "application/json", "User-Agent": "wasender", **headers}
        try:
            session = self._sessions[yarl.URL(url).scheme == "https"]
            async with session.post(url, data=body.encode(), headers=sent, allow_redirects=False) as response:
                status = response.status
                problem = _problem_of(status)
                retry_s = _seconds(response.headers.get("Retry-After", ""))
                response.close()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            problem = _problem(error)
        return Result(status, problem, round((time.monotonic() - began) * 1000), retry_s)


def _problem_of(status: int) -> Problem | None:
    if 200 <= status < 300:
        return None
    return Problem.REDIRECT if 300 <= status < 400 else Problem.STATUS


def _seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _problem(error: BaseException) -> Problem:
    causes: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in causes:
        causes.append(each)
        each = getattr(each, "os_error", None) or each.__cause__ or each.__context__
    if any(isinstance(each, Barred) for each in causes):
        return Problem.BARRED
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Problem.NOT_TRUSTED
    if isinstance(error, TimeoutError):
        return Problem.TIMEOUT
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Problem.NAME_UNKNOWN
    return Problem.UNREACHED
