"""Which column of a sheet holds the telephone numbers to write to. Pure.

What the title means comes first (`titles`): WhatsApp, then mobiles, then telephones, whatever else is fuller. Where no
title tells, the cells do, if one column only has numbers written as people write them. Where that does not decide
either, nobody guesses: the columns that it could be are returned, and a person is asked. An id that happens to be
somebody's number would be a message to a stranger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from daemon import errors
from daemon.contacts import phone, several_numbers, split_numbers, titles
from daemon.contacts.reasons import Reason
from daemon.contacts.refusals import Why
from daemon.contacts.titles import Dialled, Rank, Title
from daemon.formats.tabular import Row
from daemon.states import E164

HEADER_ROWS = 10
"""A row of titles further down is none."""

_SAMPLE_ROWS = 200
_SAMPLE_CELLS = 4_000
_LEAST_RESEMBLANCE = 0.4
_MOST = 0.8
_FEW = 0.2
_MOSTLY_READ = 0.7
_GAPS = 0.3
GAPS = 2_000  # rows in which gaps are looked for
_LEAST_DIGITS = 5
_FEW_WORDS = 4  # a longer title has to have numbers below it
_HARDLY_FILLED = 0.05


@dataclass(frozen=True)
class Choice:
    """header: index of the row of titles, None for none. phone: index of the column of numbers, None where there is
    none, or where it is one of `doubt`, which a person has to say."""

    header: int | None = None
    phone: int | None = None
    doubt: tuple[int, ...] = ()


@dataclass
class _Column:
    """What a sample of a column's cells looks like. filled: how many hold something; likeness: sum of their
    resemblance to numbers; read: how many are a number; written: how many of those are not just digits; abroad: have
    their country code marked as one; chats: are WhatsApp's ids that are no numbers."""

    at: int
    title: Title
    filled: int = 0
    likeness: float = 0
    read: int = 0
    written: int = 0
    abroad: int = 0
    mobile: int = 0
    chats: int = 0
    numbers: dict[int, E164] = field(default_factory=dict)

    @property
    def plausible(self) -> bool:
        return self.filled > 0 and self.likeness / self.filled >= _LEAST_RESEMBLANCE

    @property
    def people_write_so(self) -> float:
        """Share of numbers that nobody writes so but telephone numbers."""
        return self.written / self.filled if self.filled else 0

    @property
    def rank(self) -> Rank:
        return self.title.rank


def choose(rows: Sequence[Row], default_country: str) -> Choice:
    """The row of titles, and the column of numbers or those that it could be."""
    width = max((len(row.cells) for row in rows), default=0)
    if not width:
        return Choice()
    header = _titled_row(rows, width, default_country)
    columns = _looked_at(rows, width, header, default_country)
    chosen, doubt = _chosen(columns)
    if header is None and (chosen is not None or doubt):
        header = _row_above(rows, chosen.at if chosen else doubt[0].at)
    used = [each for each in columns if each.filled]
    if chosen is None and len(used) == 1 and used[0].rank >= Rank.UNKNOWN and (doubt or _lines_of_numbers(rows)):
        chosen, doubt = used[0], []  # no other column has anything in it: there is nothing to ask
    chats = [each for each in used if each.chats >= _MOST * each.filled]
    if chosen is None and not doubt and len(chats) == 1:
        chosen = chats[0]  # nobody can be written to, and each is told why
    return Choice(header, chosen.at if chosen else None, tuple(each.at for each in doubt))


def chosen_by(rows: Sequence[Row], default_country: str, wanted: str) -> Choice:
    """As `choose`, where somebody has said which column it is: by its title, or as `column_3`.

    Raises InvalidInput.
    """
    width = max((len(row.cells) for row in rows), default=0)
    found = choose(rows, default_country)
    named = labels(rows[found.header].cells if found.header is not None else [], width)
    column = _named(named, wanted)
    if column is None:
        shown = ", ".join(each[:40] for each in named[:20])
        raise errors.InvalidInput(Why.UNKNOWN_PHONE_COLUMN, name=f"{wanted[:40]!r}", known=shown)
    sure = found.phone is not None or found.doubt or found.header is not None
    return Choice(found.header if sure else _row_above(rows, column), column)


def _named(named: list[str], wanted: str) -> int | None:
    """The index of the column that is called so."""
    if wanted in named:
        return named.index(wanted)
    alike = [at for at, name in enumerate(named) if name.strip().casefold() == wanted.strip().casefold()]
    numbered = wanted.removeprefix("column_")
    if not alike and numbered != wanted and numbered.isdecimal() and 0 < int(numbered[:9]) <= len(named):
        return int(numbered[:9]) - 1
    return alike[0] if len(alike) == 1 else None


def labels(heading: Sequence[str], width: int) -> list[str]:
    """What each column is called where somebody chooses one: its title, or `column_3` where that is empty or not the
    only one of its kind."""
    named = [cell_at(heading, at) for at in range(width)]
    return [name if name and named.count(name) == 1 else f"column_{at + 1}" for at, name in enumerate(named)]


def several(heading: Sequence[str], column: int) -> tuple[int, ...]:
    """The columns behind this one that hold more numbers of the same people, as exports spread them out (`Phone 1`,
    `Phone 2`…): the same title but for its digits."""
    title = cell_at(heading, column)
    family = titles.meaning(title).family
    if not family or not titles.meaning(title).rank.telephone:
        return ()
    return tuple(
        at
        for at in range(column + 1, len(heading))
        if heading[at] != title and any(map(str.isdigit, heading[at])) and titles.meaning(heading[at]).family == family
    )


def others(heading: Sequence[str], column: int) -> tuple[int, ...]:
    """The other columns that hold people's own telephone numbers by their titles, the likeliest first."""
    taken = {column, *several(heading, column)}
    found = [(at, titles.meaning(cell)) for at, cell in enumerate(heading) if at not in taken]
    own = [(at, title) for at, title in found if title.rank.telephone and not title.others and not title.emergency]
    return tuple(at for at, title in sorted(own, key=lambda each: (-each[1].rank, each[0])))


def filling(rows: Sequence[Row], header: int, column: int, country: str) -> int | None:
    """The likeliest other column of people's own telephone numbers that has one for somebody who has none in `column`;
    None where nobody is helped. header: the index of the row of titles."""
    heading = rows[header].cells
    gaps = [row.cells for row in rows[header + 1 : header + 1 + GAPS] if not cell_at(row.cells, column).strip()]
    for at in others(heading, column):
        if any(not isinstance(several_numbers.read(cell_at(cells, at), country), Reason) for cells in gaps):
            return at
    return None


@dataclass(frozen=True)
class Places:
    """Where a sheet's rows have the number to write to: in `column`; where an export spreads a person's numbers over
    several, in those of `more`, too. others: further columns of telephone numbers, which are only named. codes: those
    of codes that are dialled before the number."""

    heading: Sequence[str]
    column: int
    more: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    codes: tuple[tuple[Dialled, int], ...] = ()

    @classmethod
    def of(cls, heading: Sequence[str], column: int) -> Places:
        """Those of a sheet with these titles whose numbers are in that column."""
        told = ((titles.meaning(cell).dialled, at) for at, cell in enumerate(heading) if at != column)
        codes = tuple((kind, at) for kind, at in told if kind)
        return cls(heading, column, several(heading, column), others(heading, column), codes)

    def _cell(self, cells: Sequence[str], at: int, country: str) -> str:
        """The cell, with what is dialled before its number in other columns."""
        cell = cell_at(cells, at)
        codes = [(kind, code) for kind, place in self.codes if (code := cell_at(cells, place))]
        return split_numbers.whole(cell, codes, country) if codes else cell

    def cell(self, cells: Sequence[str], country: str) -> str:
        """The cell with the number: of several a mobile's, the first one of those, else the first that is any."""
        own = self._cell(cells, self.column, country)
        if not self.more:
            return own
        filled = [cell for at in (self.column, *self.more) if (cell := self._cell(cells, at, country))]
        read = [
            (cell, number) for cell in filled if not isinstance(number := several_numbers.read(cell, country), Reason)
        ]
        ways = (phone.is_mobile, lambda number: not phone.is_landline(number), lambda _: True)
        found = (cell for way in ways for cell, number in read if way(number))
        return next(found, own or next(iter(filled), ""))

    def spare(self, cells: Sequence[str], column: int, country: str) -> str:
        """The cell of the column whose number is taken where there is none."""
        return self._cell(cells, column, country)

    def every(self, cells: Sequence[str], country: str) -> list[str]:
        """What stands for each number in all columns of the person's telephone numbers."""
        telephones = (self.column, *self.more, *self.others)
        filled = [cell for at in telephones if (cell := self._cell(cells, at, country))]
        return [number for cell in filled for number in several_numbers.every(cell)]

    def untold(self, cells: Sequence[str], country: str) -> list[tuple[int, str]]:
        """(column, cell) of what is written as telephone numbers are in columns whose titles do not say whose it is."""
        taken = {self.column, *self.more, *self.others}
        return [
            (at, cell)
            for at, cell in enumerate(cells)
            if at not in taken
            and phone.resemblance(cell, country) == 1
            and not cell.isdigit()
            and titles.meaning(cell_at(self.heading, at)).rank not in (Rank.NEVER, Rank.RECORD)
        ]

    def elsewhere(self, cells: Sequence[str], country: str) -> str:
        """The title of another column in which the row has a number, "" for none."""
        numbers = ((at, several_numbers.read(self._cell(cells, at, country), country)) for at in self.others)
        found = (at for at, number in numbers if not isinstance(number, Reason))
        return next((self.heading[at] for at in found), "")


def plausible(rows: Sequence[Row], default_country: str) -> bool:
    """Whether the cells of any column look like telephone numbers."""
    width = max((len(row.cells) for row in rows), default=0)
    return any(each.plausible for each in _looked_at(rows, width, None, default_country)) if width else False


def cell_at(cells: Sequence[str], column: int) -> str:
    """The cell, "" behind the end of its row."""
    return cells[column] if column < len(cells) else ""


# The row of titles


def _titled_row(rows: Sequence[Row], width: int, country: str) -> int | None:
    """The first row with the most cells that titles have. What stands above it is a heading, unless it is a person."""
    best, most = None, (0, 0)
    for index, row in enumerate(rows[:HEADER_ROWS]):
        filled = [cell for cell in row.cells if cell]
        if (len(filled) > 1 or width == 1) and any(phone.resemblance(cell, country) for cell in filled):
            break
        if any(sum(map(str.isdigit, cell)) >= _LEAST_DIGITS for cell in filled):
            continue
        known = sum(titles.meaning(cell).known for cell in filled)
        tells = any(titles.meaning(cell).rank is not Rank.UNKNOWN for cell in filled)
        if (tells or known > 1 or known == len(filled)) and known and not _repeated(rows, index):
            score = (known, len(filled))
            best, most = (index, score) if score > most else (best, most)
    return best


def _repeated(rows: Sequence[Row], index: int) -> bool:
    """Whether a cell that could be a title stands in the rows below again: then it is a value."""
    below = rows[index + 1 : index + 1 + HEADER_ROWS]
    return any(
        titles.meaning(cell).known and any(cell_at(row.cells, at) == cell for row in below)
        for at, cell in enumerate(rows[index].cells)
        if cell
    )


def _row_above(rows: Sequence[Row], column: int) -> int | None:
    """The row of titles where no word of it is known: above the first number of the column."""
    for index, row in enumerate(rows[:HEADER_ROWS]):
        if cell := cell_at(row.cells, column):
            if sum(map(str.isdigit, cell)) < _LEAST_DIGITS and not phone.resemblance(cell, ""):
                return index
            return 0 if index else None
    return 0 if len(rows) > 1 else None


# The columns


def _looked_at(rows: Sequence[Row], width: int, header: int | None, country: str) -> list[_Column]:
    """Every column with what a sample over the whole sheet says of it."""
    heading = rows[header].cells if header is not None else []
    start = header + 1 if header is not None else 0
    wanted = max(20, min(_SAMPLE_ROWS, _SAMPLE_CELLS // width))
    sample = rows[start :: max(1, (len(rows) - start) // wanted)]
    found = []
    for at in range(width):
        column = _Column(at, titles.meaning(cell_at(heading, at)))
        cells = [(place, cell) for place, row in enumerate(sample) if (cell := cell_at(row.cells, at))]
        marks = [phone.resemblance(cell, country) for _, cell in cells]
        if header is None and len(marks) > 1 and marks[0] == 0:  # a title, it seems
            cells, marks = cells[1:], marks[1:]
        for (place, cell), mark in zip(cells, marks, strict=True):
            column.filled += 1
            column.likeness += mark
            column.chats += not mark and phone.is_chat(cell)
            if mark > 0.5 and not isinstance(number := phone.read(cell, country), Reason):
                column.read += 1
                column.written += not cell.isdigit()
                column.abroad += cell.startswith(("+", "00"))
                column.mobile += phone.is_mobile(number)
                column.numbers[place] = number
        found.append(column)
    return found


def _chosen(columns: list[_Column]) -> tuple[_Column | None, list[_Column]]:
    """The column of numbers; or None and those that it could be."""
    titled = [each for each in columns if each.rank.telephone and each.filled]
    good = [each for each in titled if each.plausible]
    if good:
        return _titled(good)
    titled = [each for each in titled if each.title.words <= _FEW_WORDS]
    open_ = [each for each in columns if each.plausible and Rank.UNKNOWN <= each.rank <= Rank.NUMBER]
    most = max((each.filled for each in open_), default=0)
    open_ = [each for each in open_ if each.filled > _HARDLY_FILLED * most]
    if open_:
        return (None, [*open_, *titled]) if titled else _untitled(open_)
    if titled:  # its rows are rejected with their reasons, one by one
        return max(titled, key=lambda each: (each.rank, -each.at)), []
    records = [each for each in columns if each.plausible and each.read]
    sure = [each for each in records if each.abroad >= _MOST * each.filled and each.rank is Rank.RECORD]
    return (sure[0], []) if len(sure) == 1 else (None, records)


def _titled(good: list[_Column]) -> tuple[_Column | None, list[_Column]]:
    """Of columns whose titles say telephone: people's own first, then the likeliest kind."""
    pool = [each for each in good if not each.title.emergency] or good
    own = [each for each in pool if not each.title.others]
    best = max(each.rank for each in own or pool)
    likelier = [each for each in pool if own and each.title.others and each.rank > max(best, Rank.PHONE)]
    equal = [each for each in own or pool if each.rank == best]
    if likelier:  # the parent's WhatsApp beside a telephone of one's own
        return None, [*equal, *likelier]
    equal = _without_later(equal)
    if len(equal) == 1 or len({each.title.family for each in equal}) == 1:
        return equal[0], []
    mobile = [each for each in equal if each.mobile >= _MOST * each.filled]
    if len(mobile) == 1 and all(each.mobile <= _FEW * each.filled for each in equal if each is not mobile[0]):
        return mobile[0], []
    return (equal[0], []) if _fill_gaps(equal) else (None, equal)


def _without_later(equal: list[_Column]) -> list[_Column]:
    """Without the second and old ones, where there is a first."""
    first = min(each.title.order for each in equal)
    return [each for each in equal if each.title.order == first]


def _fill_gaps(equal: list[_Column]) -> bool:
    """Whether hardly anybody has two different numbers in these columns."""
    places = set().union(*(each.numbers for each in equal))
    both = sum(len({each.numbers[place] for each in equal if place in each.numbers}) > 1 for place in places)
    return both <= _GAPS * len(places)


def _untitled(open_: list[_Column]) -> tuple[_Column | None, list[_Column]]:
    """Of columns whose titles do not tell, or that have none."""
    written = [each for each in open_ if each.people_write_so >= _MOST]
    if len(written) == 1 and all(each.people_write_so <= _FEW for each in open_ if each is not written[0]):
        return written[0], []
    if len(open_) > 1:
        return None, open_
    (only,) = open_
    digits_only = only.written < _MOST * only.read
    unsure = only.read < _MOSTLY_READ * only.filled or only.mobile < _MOST * only.read
    return (None, open_) if digits_only and unsure else (only, [])


def _lines_of_numbers(rows: Sequence[Row]) -> bool:
    """Whether nearly every line has a number somewhere, and one is nothing else."""
    cells = [cell for row in rows[:_SAMPLE_ROWS] for cell in row.cells if cell]
    with_digits = sum(sum(map(str.isdigit, cell)) >= phone.SHORTEST for cell in cells)
    return with_digits >= _MOST * len(cells) and any(phone.resemblance(cell, "") > 0.5 for cell in cells)
