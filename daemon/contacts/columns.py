"""A sheet's rows + what a person chose of its columns and numbers → who is to be written to. Pure.

A row's number is what the person said, else what they accepted for all rows with that trouble, else what can be read
as it is. Where none of these is, the row is not written to, and says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from daemon import errors
from daemon.contacts import phone_column, phone_repair, row_rules
from daemon.contacts.phone_column import Places, cell_at
from daemon.contacts.phone_repair import Diagnosis, Kind
from daemon.contacts.reasons import Fault, Reason, because
from daemon.contacts.refusals import Why
from daemon.contacts.row_rules import Rule
from daemon.formats import tabular
from daemon.formats.tabular import Row
from daemon.states import E164

REASON = "wasender_reason"
"""Title of the column that a download of rejected rows has beside the sheet's own; ignored when it comes back."""
LANDLINE = "landline"
"""The group of those who can be written to, but are probably not on WhatsApp."""
RULED = "ruled"
"""The group of those who are left out by a rule, whatever their number is."""

NAMES = frozenset({
    "name", "names", "fullname", "firstname", "lastname", "forename", "surname", "first", "last", "nome", "sobrenome",
    "nombre", "apellido", "nom", "prénom", "prenom", "vorname", "nachname", "cognome", "navn", "namn", "naam", "imię",
    "имя", "фамилия", "company", "firma",
})  # fmt: skip
"""Words in the title of a column that says who somebody is."""

_FILE = re.compile(
    r"(?i)[^/\\\n]{1,120}\.(?:pdf|docx?|xlsx?|pptx?|odt|txt|csv|zip|jpe?g|png|webp|mp4|3gp|mov|mp3|ogg|opus|m4a|vcf)"
)
_SAMPLE = 200
_FAULTS = {  # the code where the doctor has no more to say than the kind
    Kind.MISSING: Fault.MISSING,
    Kind.COUNTRY: Fault.NO_COUNTRY,
    Kind.ROUNDED: Fault.ROUNDED,
    Kind.SEVERAL: Fault.SEVERAL,
    Kind.EXTENSION: Fault.EXTENSION,
    Kind.SIGNS: Fault.LETTERS,
}


@dataclass(frozen=True)
class Columns:
    """What a person chose of a sheet's columns. header: index of the row of titles, None for none; phone: index of
    the column of numbers; names: field name of each column, "" where it is ignored; files: index of the column with
    each one's own attachment, or None; second: of the column whose number is taken where the first is empty, or None;
    rules: which rows are wanted."""

    phone: int
    names: list[str]
    header: int | None = None
    files: int | None = None
    second: int | None = None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Decisions:
    """What a person chose of the numbers. country: of those written without one, or "". fixes: by position as text,
    a number in E.164 or "" for a row left out. accepted, left: groups whose suggestions are taken, or that are left
    out, as a whole."""

    country: str = ""
    fixes: Mapping[str, str] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row, and whether it is written to: then `number` is E.164, else None and `why` says the reason.

    cell: the number as it is in the sheet. group: what the numbers step shows it under. own: whether a person
    decided on this very row. file: name of their own attachment, "" for none.
    """

    position: int
    cell: str
    fields: dict[str, str]
    found: Diagnosis
    group: str
    number: E164 | None
    why: Reason | None = None
    own: bool = False
    file: str = ""

    @property
    def reason(self) -> str:
        """The sentence of `why`, "" for none."""
        return str(self.why or "")

    @property
    def ruled(self) -> bool:
        """Whether a rule leaves the row out."""
        return self.group == RULED


def candidates(rows: Sequence[Row], columns: Columns, decisions: Decisions) -> list[Candidate]:
    """Every row below the titles."""
    used = {at: name for at, name in enumerate(columns.names) if name and at != columns.phone}
    start = 0 if columns.header is None else columns.header + 1
    heading = [] if columns.header is None else rows[columns.header].cells
    places = Places.of(heading, columns.phone)
    called = phone_column.labels(heading, len(columns.names))
    return [_candidate(row, columns, places, called, used, decisions) for row in islice(rows, start, None)]


def _candidate(
    row: Row,
    columns: Columns,
    places: Places,
    called: Sequence[str],
    used: Mapping[int, str],
    decisions: Decisions,
) -> Candidate:
    cell = places.cell(row.cells, decisions.country)
    if not cell and columns.second is not None:
        cell = places.spare(row.cells, columns.second, decisions.country)
    fields = {name: tabular.plain(cell_at(row.cells, at)) for at, name in used.items()}
    if ruled := row_rules.left_out(columns.rules, row.cells, called):
        return Candidate(row.position, cell, fields, Diagnosis(Kind.GOOD), RULED, None, ruled)
    found = phone_repair.diagnose(cell, decisions.country)
    file = "" if columns.files is None else tabular.plain(cell_at(row.cells, columns.files))
    fix = decisions.fixes.get(str(row.position))
    group = LANDLINE if found.kind is Kind.GOOD and found.landline else found.kind.value
    number: E164 | None = found.number
    reason = None if found.number else why(found).elsewhere(places.elsewhere(row.cells, decisions.country))
    if fix is not None:
        number, reason = E164(fix) if fix else None, None if fix else because(Fault.LEFT_OUT)
    elif group in decisions.left:
        number, reason = None, because(Fault.LEFT_OUT)
    elif group in decisions.accepted and found.suggestion:
        number, reason = found.suggestion, None
    return Candidate(row.position, cell, fields, found, group, number, reason, fix is not None, file)


def why(found: Diagnosis) -> Reason:
    """Why a row without a number is not written to."""
    if found.suggestion:
        return because(Fault.NOT_ACCEPTED)
    return found.why or because(_FAULTS.get(found.kind, Fault.DOUBTFUL), sentence=phone_repair.REASONS[found.kind])


def column_names(names: Sequence[str], taken_by: Sequence[int]) -> None:
    """Raises InvalidInput when two columns have one name, or one that a template cannot name.

    taken_by: indices of the columns that are not fields (the numbers).
    """
    seen = {"number"}
    for at, name in enumerate(names):
        if not name or at in taken_by:
            continue
        if not name.isidentifier() or len(name) > 64:
            raise errors.InvalidInput(Why.FIELD_NAME_UNFIT, name=f"{name[:40]!r}")
        if name in seen:
            raise errors.InvalidInput(Why.FIELD_NAME_TAKEN, name=f"{name!r}")
        seen.add(name)


def name_columns(columns: list[str]) -> list[str]:
    """The columns that say who somebody is."""
    return [name for name in columns if NAMES & set(name.split("_"))][:2] or columns[:1]


def files_column(rows: Sequence[Row], header: int | None, width: int, phone: int | None) -> int | None:
    """The column whose cells are names of files, if there is one."""
    start = 0 if header is None else header + 1
    sample = rows[start : start + _SAMPLE]
    for column in range(width):
        cells = [cell for row in sample if (cell := cell_at(row.cells, column))]
        if column != phone and cells and sum(bool(_FILE.fullmatch(cell)) for cell in cells) > len(cells) / 2:
            return column
    return None


def empty_columns(rows: Sequence[Row], header: int | None, width: int) -> set[int]:
    """Indices of the columns in which no row below the titles has anything."""
    left = set(range(width))
    for row in islice(rows, 0 if header is None else header + 1, None):
        left -= {at for at in left if cell_at(row.cells, at)}
        if not left:
            break
    return left


def returned(rows: Sequence[Row], columns: Columns, rejected: Mapping[int, str]) -> list[list[str]]:
    """The sheet's rows that were rejected, with the reason (by position) in a last column: a table that can be
    corrected and read again."""
    start = 0 if columns.header is None else columns.header + 1
    width = len(columns.names)
    titles = [cell_at(rows[start - 1].cells, at) if start else "" for at in range(width)]
    titles = [title or name or ("number" if at == columns.phone else f"column_{at + 1}")
              for at, (title, name) in enumerate(zip(titles, columns.names, strict=True))]  # fmt: skip
    kept = [at for at in range(width) if titles[at] != REASON]
    table = [[*(tabular.harmless(titles[at]) for at in kept), REASON]]
    for row in islice(rows, start, None):
        if (reason := rejected.get(row.position)) is not None:
            table.append([*(tabular.harmless(cell_at(row.cells, at)) for at in kept), tabular.harmless(reason)])
    return table
