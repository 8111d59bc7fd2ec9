"""What was chosen for the columns of a file, kept by its row of titles: the next file of that shape is offered it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.campaigns.draft_content import ChosenColumns
from daemon.contacts import row_rules
from daemon.models import KnownColumns

MOST = 500


@dataclass(frozen=True)
class Known:
    """columns: as they were when a campaign was started with them; country: of numbers without one; used_at: UTC ms."""

    columns: ChosenColumns
    country: str
    used_at: int


def shape(titles: Sequence[str]) -> str:
    """What two files with the same row of titles have in common; "" for a row that has none."""
    folded = [row_rules.folded(title) for title in titles]
    while folded and not folded[-1]:
        folded.pop()
    return hashlib.sha256(json.dumps(folded).encode()).hexdigest() if folded else ""


def remember(columns: ChosenColumns | None, country: str, now: int) -> None:
    """Keep what was chosen, if the file had a row of titles. In the caller's transaction."""
    if columns is None or not columns.shape:
        return
    chosen = columns.model_copy(update={"doubt": (), "proposed": ()}).model_dump(mode="json", exclude_defaults=True)
    row = {"shape": columns.shape, "columns": chosen, "country": country, "used_at": now}
    newer = [KnownColumns.columns, KnownColumns.country, KnownColumns.used_at]
    KnownColumns.insert(**row).on_conflict(conflict_target=[KnownColumns.shape], preserve=newer).execute()
    kept = KnownColumns.select(KnownColumns.shape).order_by(KnownColumns.used_at.desc(), KnownColumns.shape).limit(MOST)
    KnownColumns.delete().where(KnownColumns.shape.not_in([row.shape for row in kept])).execute()


def find(shapes: Sequence[str]) -> Known | None:
    """The choice for the first of these shapes for which one is kept."""
    rows = {row.shape: row for row in KnownColumns.select().where(KnownColumns.shape.in_(list(shapes)))}
    row = next((rows[each] for each in shapes if each in rows), None)
    return Known(ChosenColumns.model_validate(row.columns), row.country, row.used_at) if row is not None else None
