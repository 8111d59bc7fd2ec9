"""Names of hosts, as settings and requests write them."""

from __future__ import annotations

import ipaddress
import re

HOST_NAME = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*")


def is_address(host: str) -> bool:
    """Whether it is an IP address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def in_ascii(name: str) -> str:
    """A host's name as a browser sends it: letters of other scripts in their ASCII form; "" for none."""
    dot = "." if name.startswith(("*.", ".")) else ""
    plain = name.removeprefix("*").strip(".").lower()
    try:
        return dot + (plain if plain.isascii() else plain.encode("idna").decode())
    except UnicodeError:
        return ""
