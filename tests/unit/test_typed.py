"""What one room gives another says what it holds: no function that another room uses takes or returns a mapping to
just anything."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import daemon
from daemon import models
from tests.conftest import ROOT

_VALUES = "the values of a row by parameter, which are whatever the statement takes"
EXCEPTIONS = {
    "db.prepared.Prepared.bound": _VALUES,
    "db.prepared.Prepared.for_all": _VALUES,
    "transports.cloud.graph.Graph.send": "a message as Meta takes it, which only the transport itself makes",
}
ANSWERING = {"api", "pages", "server"}
ROOMS = sorted(each.name for each in pkgutil.iter_modules(daemon.__path__) if each.ispkg)


def modules(room: str) -> Iterator[str]:
    package = importlib.import_module(f"daemon.{room}")
    for found in pkgutil.walk_packages(package.__path__, f"daemon.{room}."):
        if not found.ispkg and ".migrations." not in found.name:
            yield found.name


def functions(module: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public functions and methods of a module, by name; of a class also how it is made."""
    found = importlib.import_module(module)
    for name, each in vars(found).items():
        if name.startswith("_") or getattr(each, "__module__", None) != module:
            continue
        if inspect.isfunction(each):
            yield name, each
        elif inspect.isclass(each):
            for of, method in vars(each).items():
                plain = getattr(method, "__func__", method)
                if inspect.isfunction(plain) and of == "__init__":
                    yield name, plain
                elif inspect.isfunction(plain) and not of.startswith("_"):
                    yield f"{name}.{of}", plain


@dataclass(frozen=True)
class Uses:
    """What a file of a room takes from others, and asks of whatever it is."""

    room: str
    imported: dict[str, tuple[str, str]]  # by its name there: the module, without `daemon.`, and its name in it
    taken: set[tuple[str, str]]  # of a name, an attribute
    attributes: set[str]


@cache
def files() -> list[Uses]:
    found = []
    for path in (ROOT / "daemon").rglob("*.py"):
        imported, taken, attributes = {}, set(), set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("daemon."):
                place = (node.module or "").removeprefix("daemon.")
                imported |= {alias.asname or alias.name: (place, alias.name) for alias in node.names}
            elif isinstance(node, ast.Attribute):
                attributes.add(node.attr)
                if isinstance(node.value, ast.Name):
                    taken.add((node.value.id, node.attr))
        found.append(Uses(path.relative_to(ROOT / "daemon").parts[0], imported, taken, attributes))
    return found


def used_elsewhere(room: str, by: Container[str] | None = None) -> tuple[set[str], set[str]]:
    """Of a room: `room.module.name` of what files of others import, or take from a module that they import; and the
    names of all attributes that they ask for, of whatever it is. by: these rooms only."""
    used: set[str] = set()
    attributes: set[str] = set()
    for file in files():
        if file.room == room or (by is not None and file.room not in by):
            continue
        names = {name: f"{place}.{of}" for name, (place, of) in file.imported.items() if place.split(".")[0] == room}
        used |= set(names.values())
        used |= {f"{names[name]}.{attribute}" for name, attribute in file.taken if name in names}
        attributes |= file.attributes
    return used, attributes


def untyped(hint: Any) -> bool:
    """Whether a mapping to Any or object is in it; an alias is what it stands for."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping) and inner[-1] in (Any, object):
        return True
    return hint in (dict, Mapping) or any(
        any(map(untyped, each)) if isinstance(each, list) else untyped(each) for each in inner
    )


def found_in(room: str) -> set[str]:
    used, attributes = used_elsewhere(room)
    return {
        full
        for module in modules(room)
        for name, each in functions(module)
        if (full := f"{module.removeprefix('daemon.')}.{name}")
        and ".".join(full.split(".")[: module.count(".") + 1]) in used
        and ("." not in name or name.split(".")[1] in attributes)
        and any(map(untyped, get_type_hints(each).values()))
    }


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_gives_another_an_untyped_mapping(room: str) -> None:
    """Those that do are listed with the reason; one that does no more is taken off the list."""
    assert {name for name in EXCEPTIONS if name.startswith(room + ".")} == found_in(room)


def tables(hint: Any) -> Iterator[str]:
    """The tables whose rows are in it."""
    if inspect.isclass(hint) and issubclass(hint, models.Table):
        yield hint.__name__
    for inner in hint if isinstance(hint, list) else get_args(hint):
        yield from tables(inner)


def test_no_row_of_a_table_is_handed_out() -> None:
    """What answers requests gets records, which nobody can change or save."""
    found = {}
    for room in set(ROOMS) - ANSWERING:
        used, _ = used_elsewhere(room, ANSWERING)
        for module in modules(room):
            for name, each in functions(module):
                if f"{module.removeprefix('daemon.')}.{name}" in used:
                    found[f"{module}.{name}"] = set(tables(list(get_type_hints(each).values())))

    assert len(found) > 100
    assert {} == {name: rows for name, rows in found.items() if rows}


Alias = dict[str, Any]


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (dict[str, Any], True),
        (Mapping[str, object], True),
        (dict, True),
        (Alias, True),
        (list[tuple[str, Alias]], True),
        (Alias | None, True),
        (Callable[[Alias], int], True),
        (dict[str, int], False),
        (Sequence[str], False),
    ],
)
def test_an_untyped_mapping_is_seen(hint: Any, expected: bool) -> None:
    """However it is wrapped or called."""
    assert expected == untyped(hint)


def test_what_a_page_shows_is_typed() -> None:
    """No function of the pages takes or returns such a mapping, not even among themselves: a page is given a record."""
    found = [
        f"{module}.{name}"
        for module in modules("pages")
        for name, each in vars(importlib.import_module(module)).items()
        if inspect.isfunction(each) and each.__module__ == module and any(map(untyped, get_type_hints(each).values()))
    ]

    assert [] == found
