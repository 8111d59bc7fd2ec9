"""A cookie alone lets nobody change anything: the request has to come from a page of ours."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from daemon.server import access


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "http://wasender.example:8080"}, True),
        ({"Origin": "http://wasender.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_from_our_page(headers: dict[str, str], ours: bool) -> None:
    """By what the browser says of the page that asks; another page of the same site may be anybody's."""
    request = make_mocked_request("POST", "/app", headers={"Host": "wasender.example:8080"} | headers)
    assert ours == access.from_our_page(request)
