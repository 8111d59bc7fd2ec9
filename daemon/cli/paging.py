"""Reading lists that the API answers in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from daemon.cli.client import Client

PAGE = 1000  #: the most that the API gives at once
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=0, help="How many at most; 0: all.")]


def everything(client: Client, path: str, name: str, query: Mapping[str, object], limit: int) -> list[dict[str, Any]]:
    """The first `limit` of a list, all for 0. name: of the list in an answer."""
    found: list[dict[str, Any]] = []
    cursor: object = None
    while True:
        wanted = min(limit - len(found), PAGE) if limit else PAGE
        page = client.get(path, {**query, "limit": wanted, "cursor": cursor})
        found += page[name]
        cursor = page.get("next_cursor")
        if cursor is None or (limit and len(found) >= limit):
            return found
