"""A job's report as a table, for CSV and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from daemon.campaigns import gone
from daemon.campaigns.funnel import NOT_DELIVERED, is_late
from daemon.campaigns.rows import MessageRow
from daemon.contacts import masking
from daemon.delivery import replies
from daemon.formats import tabular
from daemon.i18n.instants import instant

REPORTED = ("state", "attempts", "reason", "sent_at", "delivered_at", "read_at", "replied_at", "reply", "dry_run")
ZONE = "time_zone"
DRY_RUN = "yes"
BETWEEN = " | "  # between several replies of one person
REJECTED = ("row", "value", "reason")
EXCEL_MARK = "\ufeff"
"""Before a CSV file: by it Excel knows that it is UTF-8."""


def head(columns: Sequence[str], zone: str | None = None) -> list[str]:
    """The titles of the report's columns; `columns` are the names of the recipients' fields. zone: of its times, which
    is then named in a column of its own."""
    return ["row", "number", *map(masking.title, _titles(columns)), *REPORTED, *([ZONE] if zone else [])]


def _titles(columns: Sequence[str]) -> list[str]:
    """The fields' titles; `_field` is appended to one that clashes with a column of the report, until it is unique."""
    taken, titles = {"row", "number", ZONE, *REPORTED}, []
    for name in columns:
        title = name
        while title in taken or (title != name and title in columns):
            title += "_field"
        taken.add(title)
        titles.append(title)
    return titles


def lines(
    rows: Sequence[MessageRow], columns: Sequence[str], now: int, zone: str | None = None, dry_run: bool = False
) -> list[list[int | str]]:
    """Recipients as the reader may see them, one line each: whole numbers and texts, times in ISO 8601 (UTC), or as a
    clock in `zone` shows them. A message that has only its first tick for long says so as its reason. dry_run: of a job
    that was a dry run, which each line says: what counts as sent there went to nobody."""
    answers = replies.to_messages([row.id for row in rows])
    return [line(row, columns, now, answers.get(row.id, ()), zone, dry_run) for row in rows]


def line(
    row: MessageRow,
    columns: Sequence[str],
    now: int,
    answers: Sequence[replies.Reacted] = (),
    zone: str | None = None,
    dry_run: bool = False,
) -> list[int | str]:
    """One of these lines."""
    reason = row.error or (NOT_DELIVERED if is_late(row, now) else "")
    times = (row.sent_at, row.delivered_at, row.read_at, answers[0].at if answers else None)
    fields: Mapping[str, str] = row.fields
    return [
        row.row,
        masking.phone(row.number),
        *(gone.IN_A_REPORT if row.fields_removed else masking.text(fields.get(name, "")) for name in columns),
        row.state,
        row.attempts,
        masking.text(reason),
        *(_time(at, zone) if at else "" for at in times),
        masking.text(BETWEEN.join(each.text for each in answers)),
        DRY_RUN if dry_run else "",
        *([zone] if zone else []),
    ]


def _time(at: int, zone: str | None) -> str:
    if zone is None:
        return instant(at).isoformat(timespec="milliseconds")
    return instant(at, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def rejected(rows: Iterable[Sequence[Any]]) -> Iterator[list[int | str]]:
    """The rows that a job rejected, as the reader may see them; from the titles on."""
    yield list(REJECTED)
    for place, value, reason, *_ in rows:
        yield [place, masking.value(value), masking.text(str(reason))]


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
