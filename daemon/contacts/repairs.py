"""What rejected rows of a list or a suppression import most likely were, by what is wrong with them. Pure.

The same doctor as in a campaign (`phone_repair`): a suggestion is proposed to a person, never taken by itself.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from daemon.contacts import phone_repair
from daemon.contacts.importer import Rejected
from daemon.contacts.phone_repair import Kind
from daemon.contacts.reasons import Fault
from daemon.formats import tabular
from daemon.states import E164

Suggested = dict[tuple[int, str], E164]
"""What rows most likely were, by their place and what stands there."""
MOST = 1_000
"""Rows that are looked at together: each takes a millisecond or two."""
TITLE = "whatsapp_number"
_SETTLED = frozenset({Fault.TAKEN_AS_WRITTEN, Fault.OTHER_COLUMN, Fault.FIELD_NOT_TEXT})
"""Reasons that are not about what the number is."""


@dataclass(frozen=True)
class Repair:
    """A row. old: as it stands there; new: what it most likely was, None where only its country is missing."""

    position: int
    old: str
    new: E164 | None
    fields: Mapping[str, str] = field(default_factory=dict)


def proposed(rejected: Iterable[Rejected], country: str) -> dict[Kind, list[Repair]]:
    """The rows that can be repaired, by what is wrong with them. country: of numbers without one, "" for none."""
    found: dict[Kind, list[Repair]] = {}
    for each in rejected:
        if each.why.code in _SETTLED:
            continue
        diagnosis = phone_repair.diagnose(each.value, country)
        if (new := diagnosis.number or diagnosis.suggestion) or diagnosis.kind is Kind.COUNTRY:
            found.setdefault(diagnosis.kind, []).append(Repair(each.position, each.value, new, each.fields))
    return {kind: found[kind] for kind in Kind if kind in found}


def suggested(rejected: Iterable[Rejected], country: str) -> Suggested:
    """That of the first MOST of the rows."""
    found = proposed(islice(rejected, MOST), country).values()
    return {(each.position, each.old): each.new for rows in found for each in rows if each.new}


def as_text(repairs: Sequence[Repair]) -> str:
    """The repaired rows as a table that is read like a pasted one."""
    names = list(dict.fromkeys(name for each in repairs for name in each.fields))
    text = io.StringIO()
    table = csv.writer(text, delimiter=";")
    table.writerow([TITLE, *names])
    for each in repairs:
        table.writerow([each.new or each.old, *(tabular.harmless(each.fields.get(name, "")) for name in names)])
    return text.getvalue()
