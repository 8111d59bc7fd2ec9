"""Queries whose SQL is built once and reused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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

    def for_all(self, rows: Sequence[Mapping[str, Any]], *shape: Any, **values: Any) -> Any:
        """Execute it once for all these rows, see `Given`; `values` are of the statement itself. While it runs, nothing
        waits for Python's lock, and PostgreSQL is asked once. Returns the cursor."""
        return self(*shape, given=json.dumps(rows), **values)

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


@contextmanager
def unanswered() -> Iterator[None]:
    """Statements of which nothing is asked back, within a transaction: PostgreSQL is given one after the other without
    waiting for it, and what went wrong is raised at the end."""
    if not proxy.on_postgres():
        yield
        return
    with _RAISED, proxy.database.connection().pipeline():
        yield


class Given:
    """The rows of `for_all`, as a table within a statement. like: the columns that theirs are like, by name."""

    def __init__(self, **like: Any) -> None:
        self._like = like

    @property
    def rows(self) -> peewee.SQL:
        """What the statement selects from."""
        return peewee.SQL(f"{self._read()} AS given{self._columns()}", [_Place("given")])

    def __getitem__(self, name: str) -> peewee.SQL:
        return peewee.SQL(f'given."{name}"' if proxy.on_postgres() else f"json_extract(given.value, '$.{name}')")

    def inserted(self, table: Any, *others: str) -> Any:
        """The statement that inserts them. others: columns that have the same value in all rows."""
        fields = [table._meta.fields[name] for name in (*self._like, *others)]
        columns = [*(self[name] for name in self._like), *(param(name) for name in others)]
        every = peewee.Select([self.rows], columns).where(peewee.SQL("true"))  # SQLite needs one before ON CONFLICT
        return table.insert_from(every, fields).returning()  # nothing: else all their ids

    @staticmethod
    def _read() -> str:
        way = "json_to_recordset({}::json)" if proxy.on_postgres() else "json_each({})"
        return way.format(proxy.database.param)

    def _columns(self) -> str:
        columns = ", ".join(f'"{name}" {_kind(field)}' for name, field in self._like.items())
        return f"({columns})" if proxy.on_postgres() else ""


def _kind(field: Any) -> str:
    """The type of a column as PostgreSQL reads it from JSON."""
    if isinstance(field, peewee.BooleanField):
        return "boolean"
    return "bigint" if isinstance(field, peewee.IntegerField | peewee.ForeignKeyField) else "text"


def among(column: Any, name: str = "among") -> Any:
    """SQL: the column has one of the values of a list, however long it is: its value in a `Prepared` query is made by
    `several`."""
    if proxy.on_postgres():
        every = peewee.NodeList((peewee.SQL("ANY("), param(name), peewee.SQL(f"::{_kind(column)}[])")), glue="")
        return peewee.Expression(column, "=", every)
    return column.in_(peewee.Select([peewee.SQL("json_each(?)", [_Place(name)])], [peewee.SQL("value")]))


def several(values: Iterable[object]) -> str:
    """Numbers or texts for `among`."""
    if not proxy.on_postgres():
        return json.dumps(list(values))
    quoted = (
        '"{}"'.format(each.replace("\\", r"\\").replace('"', r"\"")) if isinstance(each, str) else str(each)
        for each in values
    )
    return "{" + ",".join(quoted) + "}"


def rows_of(table: Any, cursor: Any) -> list[Any]:
    """The cursor's rows, which have all columns of the table, as its models."""
    names, found = [(field.name, field.python_value) for field in table._meta.sorted_fields], []
    for values in cursor.fetchall():
        row = table(__no_default__=True)
        row.__data__ = {name: of(value) for (name, of), value in zip(names, values, strict=True)}
        found.append(row)
    return found


def by_key(table: Any, key: object, lock: bool = False) -> Any:
    """The row by its primary key, None where there is none: of a table of fifty columns, Peewee takes ten times longer
    to say what it wants than the database to find it. lock: until the transaction ends, see `proxy.locked`."""
    return next(iter(rows_of(table, _by_key(table, lock, key=table._meta.primary_key.db_value(key)))), None)


@Prepared
def _by_key(table: Any, lock: bool) -> Any:
    query = table.select().where(table._meta.primary_key == param("key"))
    return proxy.locked(query) if lock else query
