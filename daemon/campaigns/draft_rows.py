"""The rows of a draft: of its sheets, as they were read, and of the people whom its dry run has chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from daemon.contacts import row_sets
from daemon.contacts.importer import Contact
from daemon.contacts.row_sets import Rows
from daemon.formats.tabular import Row, Sheet
from daemon.models import Draft

Kept = list[list[Any]]  # the title of each sheet, and the set of its rows


def keep_sheets(sheets: Sequence[Sheet]) -> Kept | None:
    """Store the rows of the sheets, which nobody holds yet. Not to be called in a transaction."""
    return [[each.title, row_sets.keep([row.position, row.cells] for row in each.rows)] for each in sheets] or None


def hold_sheets(kept: Kept | None) -> None:
    """Part of the transaction that makes them the draft's."""
    row_sets.hold(*_sets(kept))


def sheet(kept: Kept, at: int) -> Rows[Row]:
    return row_sets.rows(kept[at][1], lambda each: Row(*each))


def keep_audience(people: Iterable[Contact], distinct: bool) -> int:
    """Store who gets the message; nobody holds them yet. distinct: each person once. Not to be called in a
    transaction."""
    rows = ([each.position, each.number, each.fields, each.attachments] for each in people)
    return row_sets.keep(rows, distinct=distinct)


def audience(set_id: int) -> Rows[Contact]:
    return row_sets.rows(set_id, lambda each: Contact(*each))


def let_go(which: Any, sheets: bool = True) -> None:
    """Part of a transaction that takes the rows of these drafts away: all, or only the audience."""
    for row in Draft.select(Draft.sheets, Draft.audience_set).where(which):
        row_sets.let_go(row.audience_set, *(_sets(row.sheets) if sheets else ()))


def _sets(kept: Kept | None) -> list[int]:
    return [set_id for _, set_id in kept or ()]
