"""What the steps of a draft show of its sheet: doubtful columns, its encoding, and what was chosen for such a file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from daemon import errors
from daemon.campaigns import drafts, known_columns
from daemon.campaigns.draft_content import Changes, ChosenColumns, ChosenNumbers
from daemon.campaigns.drafts import Draft
from daemon.campaigns.known_columns import Known
from daemon.campaigns.refusals import Why
from daemon.contacts import opt_out_columns, phone_column
from daemon.contacts.row_sets import Rows
from daemon.formats.tabular import Row

HEADERS = 6
"""Rows that may have the titles."""
SAMPLED = 50  # rows that are looked through for the few cells that are shown
SAMPLES = 3
WORDS = 5


def doubtful_columns(draft: Draft) -> list[tuple[int, str, list[str]]]:
    """The columns that may have the numbers, where nobody has said which: (index, title, the first few cells)."""
    chosen = draft.data.columns
    if chosen is None or chosen.phone is not None or not chosen.doubt:
        return []
    sheet = drafts.rows(draft)
    heading = sheet[chosen.header].cells if chosen.header is not None else []
    called = phone_column.labels(heading, len(chosen.names))
    body = below(sheet, chosen)[:SAMPLED]
    cells = {at: [phone_column.cell_at(row.cells, at) for row in body] for at in chosen.doubt}
    return [(at, called[at], list(filter(None, cells[at]))[:SAMPLES]) for at in chosen.doubt]


def encoded_words(draft: Draft) -> list[str]:
    """Cells that show whether a text was read in the right encoding: the first few with anything else than ASCII."""
    cells = (cell[:40] for row in drafts.rows(draft) for cell in row.cells if not cell.isascii())
    return list(islice(dict.fromkeys(islice(cells, SAMPLED)), WORDS))


def rows(draft: Draft) -> Rows[Row]:
    """The rows below the titles."""
    return below(drafts.rows(draft), draft.data.columns)


def below(sheet: Rows[Row], chosen: ChosenColumns | None) -> Rows[Row]:
    """Those of the sheet's rows that are below the titles."""
    return sheet.after(0 if chosen is None or chosen.header is None else chosen.header + 1)


def with_header(sheet: Rows[Row], before: ChosenColumns, header: int | None, names: tuple[str, ...]) -> ChosenColumns:
    """The columns with another row of titles, and these names."""
    titles = sheet[header].cells if header is not None else []
    proposed = opt_out_columns.proposed(sheet, header, len(names), before.phone)
    fresh = {"proposed": tuple(each for each in proposed if each not in before.rules)}
    return before.model_copy(
        update={"header": header, "sure": False, "names": names, "shape": known_columns.shape(titles), **fresh}
    )


@dataclass(frozen=True)
class Offer:
    """What was chosen before for a file with the same row of titles. header: index of that row here."""

    known: Known
    header: int


def offer(draft: Draft, sheet: Rows[Row]) -> Offer | None:
    """The choice that can be taken over; None where there is none, or where it is what the draft has."""
    chosen = draft.data.columns
    shapes = {known_columns.shape(row.cells): at for at, row in reversed(list(enumerate(sheet[:HEADERS])))}
    known = known_columns.find([shape for shape in shapes if shape])
    if chosen is None or known is None or len(known.columns.names) != len(chosen.names):
        return None
    found = Offer(known, shapes[known.columns.shape])
    taken = _taken(found, chosen)
    same = taken == chosen.model_copy(update={"sure": False, "doubt": (), "proposed": taken.proposed})
    return None if same and known.country == draft.data.numbers.country else found


def take_over(draft: Draft, now: int) -> Draft:
    """Use the columns, rules and country that were chosen before for such a file. Raises InvalidInput, EditConflict."""
    found = offer(draft, drafts.rows(draft))
    if found is None or draft.data.columns is None:
        raise errors.InvalidInput(Why.COLUMNS_NOT_KNOWN)
    changes: Changes = {
        "columns": _taken(found, draft.data.columns),
        "numbers": ChosenNumbers(country=found.known.country),
    }
    return drafts.save(draft.id, draft.version, changes, now)


def _taken(found: Offer, chosen: ChosenColumns) -> ChosenColumns:
    """proposed: what the same file was asked about before is not asked again, but what is new in it is."""
    rules = found.known.columns.rules
    proposed = tuple(each for each in chosen.proposed if each not in rules and each not in found.known.columns.declined)
    return found.known.columns.model_copy(update={"header": found.header, "sure": False, "proposed": proposed})
