"""What one room gives another says what it holds: no public function takes or returns a mapping to just anything."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints

import pytest

ROOMS = ("contacts", "accounts", "auth")
ROW = "an entry as the API and the page show it: the schemas of api/ check its fields"
KEPT = "JSON of the database, which only the one who wrote it reads"
EXCEPTIONS = {
    "contacts.suppression.suppress": ROW,
    "contacts.suppression.find": ROW,
    "contacts.suppression.page": ROW,
    "contacts.suppression.every": ROW,
    "contacts.suppression.removals": ROW,
    "contacts.suppression.describe": ROW,
    "contacts.uploads.add_contacts": ROW,
    "contacts.uploads.describe": ROW,
    "contacts.uploads.rejected_rows": ROW,
    "contacts.uploads.add_attachment": ROW,
    "accounts.commands.describe": ROW,
    "accounts.status.report": ROW,
    "accounts.status.asked": ROW,
    "accounts.directory.describe": ROW,
    "accounts.directory.failing": KEPT,
    "accounts.directory.keep_failing": KEPT,
}


def functions(room: str) -> Iterator[tuple[str, Any]]:
    package = importlib.import_module(f"daemon.{room}")
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"daemon.{room}.{found.name}")
        for name, each in inspect.getmembers(module, inspect.isfunction):
            if each.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{room}.{found.name}.{name}", each


def untyped(hint: Any) -> bool:
    """Whether a mapping to Any or object is in it; an alias is what it stands for."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Mapping) and inner[-1] in (Any, object):
        return True
    return hint in (dict, Mapping) or any(untyped(each) for each in inner if not isinstance(each, list))


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_gives_another_an_untyped_mapping(room: str) -> None:
    """Those that do are listed with the reason; one that does no more is taken off the list."""
    found = {name for name, each in functions(room) if any(map(untyped, get_type_hints(each).values()))}
    assert {name for name in EXCEPTIONS if name.startswith(room + ".")} == found
