"""What one room gives another says what it holds: no function that another room uses takes or returns a mapping to
just anything."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import daemon
from daemon import models
from tests.conftest import ROOT

EXCEPTIONS = {
    "db.prepared.Prepared.bound": "the values of a row by parameter, which are whatever the statement takes",
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


@cache
def trees() -> list[tuple[str, ast.Module]]:
    """Every file: its room, and what stands in it."""
    files = (ROOT / "daemon").rglob("*.py")
    return [(path.relative_to(ROOT / "daemon").parts[0], ast.parse(path.read_text())) for path in files]


def used_elsewhere(room: str, by: Container[str] | None = None) -> tuple[set[str], set[str]]:
    """Of a room: `room.module.name` of what files of others import, or take from a module that they import; and the
    names of all attributes that they ask for, of whatever it is. by: these rooms only."""
    used, attributes = set(), set()
    for place, tree in trees():
        if place == room or (by is not None and place not in by):
            continue
        names: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("daemon."):
                place = node.module.removeprefix("daemon.")
                if place.split(".")[0] == room:
                    names |= {alias.asname or alias.name: f"{place}.{alias.name}" for alias in node.names}
        used |= set(names.values())
        used |= {
            f"{names[node.value.id]}.{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
        }
        attributes |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
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
