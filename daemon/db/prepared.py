"""Queries whose SQL is built once and reused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import peewee

from daemon.db import proxy


class Prepared:
    """A query whose SQL Peewee builds once per variant, because building it costs more than running it.

    Decorates a function (*shape) -> query, which has `param("name")` wherever a value goes; each distinct `shape` is
    one variant. Calling it with (*shape, name=value) executes the query and returns the cursor. Values are passed to
    the database as they are, without the fields' conversion.
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
    """The placeholder for the value of that name in a `Prepared` query."""
    return peewee.Value(_Place(name), converter=False, unpack=False)
