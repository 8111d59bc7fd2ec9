"""Queries that are built once for each shape they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import peewee

from daemon.db import proxy


class Prepared:
    """A query that Peewee builds once for each shape it takes, as building it costs more than running it.

    Decorates a function (*shape) -> query that has `param("name")` where values go; called with (*shape, name=value)
    it executes the query and returns the cursor. Values are plain ones, as the database has them.
    """

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build
        self._built: dict[tuple[Any, ...], tuple[str, list[Any]]] = {}

    def __call__(self, *shape: Any, **values: Any) -> Any:
        key = (proxy.on_postgres(), *shape)
        if key not in self._built:
            self._built[key] = proxy.database.get_sql_context().sql(self._build(*shape)).query()
        sql, places = self._built[key]
        return proxy.database.execute_sql(sql, [values[p.name] if isinstance(p, _Place) else p for p in places])


@dataclass(frozen=True)
class _Place:
    name: str


def param(name: str) -> peewee.Value:
    """Where the value of that name goes in a `Prepared` query."""
    return peewee.Value(_Place(name), converter=False, unpack=False)
