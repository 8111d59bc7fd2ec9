"""Queries whose SQL is built once and reused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import peewee

from daemon.db import proxy

T = TypeVar("T")

# What the drivers raise becomes peewee's, as in its own `execute_sql`, which takes one row only.
_RAISED = peewee.ExceptionWrapper(
    {name: getattr(peewee, name) for name in ("OperationalError", "InterfaceError", "IntegrityError", "DataError")}
    | {name: getattr(peewee, name) for name in ("ProgrammingError", "InternalError", "DatabaseError")}
)


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
        sql, places = self._statement(shape)
        return proxy.database.execute_sql(sql, [values[p.name] if isinstance(p, _Place) else p for p in places])

    def bound(self, rows: Iterable[Mapping[str, Any]], *shape: Any, **values: Any) -> Callable[[], None]:
        """A function that executes it once for each of the rows; `values` are the same for all rows. Everything is
        prepared now, so that the transaction that calls it takes no longer than the database does."""
        sql, places = self._statement(shape)
        bound = [
            [(row[p.name] if p.name in row else values[p.name]) if isinstance(p, _Place) else p for p in places]
            for row in rows
        ]

        def execute() -> None:
            with _RAISED:
                proxy.database.cursor().executemany(sql, bound)

        return execute

    def _statement(self, shape: tuple[Any, ...]) -> tuple[str, list[Any]]:
        key = (proxy.on_postgres(), *shape)
        if key not in self._built:
            self._built[key] = proxy.database.get_sql_context().sql(self._build(*shape)).query()
        return self._built[key]


@dataclass(frozen=True)
class _Place:
    name: str


def param(name: str) -> peewee.Value:
    """The placeholder for the value of that name in a `Prepared` query."""
    return peewee.Value(_Place(name), converter=False, unpack=False)


def places(count: int) -> list[peewee.Value]:
    """The placeholders for so many values in a list, see `listed`."""
    return [param(f"n{n}") for n in range(count)]


def listed(values: Iterable[T]) -> tuple[int, dict[str, T]]:
    """Values for `places`, and how many places there are: some values are repeated, so that few variants of a query are
    built for lists of any length. There must be one."""
    given = list(values)
    size = next((each for each in _SIZES if each >= len(given)), -(-len(given) // _SIZES[-1]) * _SIZES[-1])
    given += given[-1:] * (size - len(given))
    return size, {f"n{n}": value for n, value in enumerate(given)}


_SIZES = (1, 8, 64, 256, 1024)


def rows_of(table: Any, cursor: Any) -> list[Any]:
    """The cursor's rows, which have all columns of the table, as its models."""
    names, found = [(field.name, field.python_value) for field in table._meta.sorted_fields], []
    for values in cursor.fetchall():
        row = table()
        row.__data__ = {name: of(value) for (name, of), value in zip(names, values, strict=True)}
        found.append(row)
    return found
