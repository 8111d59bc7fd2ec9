"""A job's report as a table, for CSV and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from daemon.campaigns.funnel import NOT_DELIVERED, is_late
from daemon.contacts import masking
from daemon.formats import tabular
from daemon.i18n.instants import instant
from daemon.models import Message

REPORTED = ("state", "attempts", "reason", "sent_at", "delivered_at", "read_at")
REJECTED = ("row", "value", "reason")
EXCEL_MARK = "\ufeff"
"""Before a CSV file: by it Excel knows that it is UTF-8."""


def head(columns: Sequence[str]) -> list[str]:
    """The titles of the report's columns; `columns` are the names of the recipients' fields."""
    return ["row", "number", *map(masking.title, _titles(columns)), *REPORTED]


def _titles(columns: Sequence[str]) -> list[str]:
    """The fields' titles; `_field` is appended to one that clashes with a column of the report, until it is unique."""
    taken, titles = {"row", "number", *REPORTED}, []
    for name in columns:
        title = name
        while title in taken or (title != name and title in columns):
            title += "_field"
        taken.add(title)
        titles.append(title)
    return titles


def line(row: Message, columns: Sequence[str], now: int) -> list[int | str]:
    """One recipient as the reader may see them: whole numbers and texts, times in ISO 8601 (UTC). A message that has
    only its first tick for long says so as its reason."""
    reason = row.error or (NOT_DELIVERED if is_late(row, now) else "")
    times = (row.sent_at, row.delivered_at, row.read_at)
    fields: Mapping[str, str] = row.fields
    return [
        row.row,
        masking.phone(row.number),
        *(masking.text(fields.get(name, "")) for name in columns),
        row.state,
        row.attempts,
        masking.text(reason),
        *(instant(at).isoformat(timespec="milliseconds") if at else "" for at in times),
    ]


def rejected(rows: Iterable[Sequence[Any]]) -> Iterator[list[int | str]]:
    """The rows that a job rejected, as the reader may see them; from the titles on."""
    yield list(REJECTED)
    for place, value, reason, *_ in rows:
        yield [place, masking.value(value), masking.text(reason)]


def as_csv(rows: Iterable[Sequence[int | str]], plain: int | None = None) -> str:
    """The rows as CSV in which no cell is taken for a formula. plain: the place of a cell that is left as it is: a
    number such as +49…, which a program reads."""
    text = io.StringIO()
    csv.writer(text).writerows(
        [tabular.harmless(cell) if isinstance(cell, str) and at != plain else cell for at, cell in enumerate(cells)]
        for cells in rows
    )
    return text.getvalue()


def filename(job_id: int, state: str | None, ending: str) -> str:
    return f"job-{job_id}-{state or 'report'}.{ending}"
