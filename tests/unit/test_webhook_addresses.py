"""Which addresses webhooks may reach."""

from __future__ import annotations

import ipaddress

import pytest

from daemon import errors
from daemon.webhooks.sending import checked_url, may_reach

INSIDE = (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
        ),
        *("192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fc00::1", "ff02::1", "2001:db8::1"),
        *(
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ),
        *("localhost", "", "127.1", "0x7f.1", "2130706433"),
    ],
)
def test_what_is_not_public_is_out_of_reach(address: str) -> None:
    """In whatever way it is written; what is no address is none."""
    assert not may_reach(address, (), True)
    assert not may_reach(address, (), False)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_what_is_public_is_reached_with_encryption_only(address: str) -> None:
    assert may_reach(address, (), True)
    assert not may_reach(address, (), False)


def test_what_is_allowed_is_reached_either_way() -> None:
    """And nothing beside it."""
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::5"):
        assert may_reach(address, INSIDE, True)
        assert may_reach(address, INSIDE, False)
    assert not may_reach("10.2.0.1", INSIDE, True)


@pytest.mark.parametrize("url", ["https://localhost/x", "https://LOCALHOST./", "https://a.localhost", "https://[::1]/"])
def test_names_of_this_machine_are_private(url: str) -> None:
    with pytest.raises(errors.InvalidInput) as refused:
        checked_url(url, ())
    assert "webhook_address_barred" == refused.value.told.code


def test_an_address_is_kept_as_it_is_called() -> None:
    """Without what is never sent."""
    assert "https://example.org/a?b=c" == checked_url(" https://example.org/a?b=c#d ", ())
    assert "http://10.1.0.1:8000/" == checked_url("http://10.1.0.1:8000/", INSIDE)
