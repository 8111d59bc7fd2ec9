"""What a room hands out of its tables: records, which nobody can change or save."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")


def record(kind: type[Record], row: Any, /, **given: Any) -> Record:
    """The record with the row's columns of the same names. given: what is no column, or has another type there."""
    return kind(**{each.name: getattr(row, each.name) for each in fields(kind) if each.name not in given}, **given)
