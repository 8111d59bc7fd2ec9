"""A file, a pasted text or a list from the API → recipients and rejected rows, each with its place and a reason.

The one reader: whatever comes in goes through `_Collector`, whose word on a number is `phone.read`; a draft's sheet, in
which a person decides row by row, asks the same (`columns`). Pure functions of their arguments. Every row with anything
in it is counted once: `total == len(contacts) + len(rejected) + duplicates`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from daemon import errors
from daemon.contacts import number_list, phone, several_numbers, sheet_choice
from daemon.contacts import phone_column as phone_columns
from daemon.contacts.person import Person
from daemon.contacts.phone_column import Places, cell_at
from daemon.contacts.reasons import Fault, Reason, because
from daemon.contacts.refusals import Why
from daemon.formats import csv, tabular, template, vcard
from daemon.formats.refusals import Why as OfFormats
from daemon.formats.tabular import Row, Sheet
from daemon.i18n.coded import Coded
from daemon.states import E164, PersonKey

MAX_SHOWN = 200
"""Characters of a rejected value that are kept."""
MAX_REJECTED = 100_000
MAX_FIELD_NAME = 64

_HUGE = 10**20


@dataclass(frozen=True)
class Contact:
    """Somebody to write to. position: row or line of the file from 1 (n-th card of a vCard), or index from 0 in a list.

    number: E.164. fields: text by field name, without the number; every column is there, if only as "".
    attachments: ids of this one's own files, None for those that everybody gets. nth: which of the messages to this
    number it is, where each row gets its own.
    """

    position: int
    number: E164
    fields: dict[str, str]
    attachments: list[str] | None = None
    nth: int = 0


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be written to. position: as in Contact; value: what is there instead of a number; fields: as in
    Contact, where they are kept for a repair."""

    position: int
    value: str
    why: Coded
    fields: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def reason(self) -> str:
        """A sentence a person can act on."""
        return str(self.why)

    @property
    def code(self) -> str:
        """The same for a program."""
        return self.why.code.value

    def stored(self, whole: bool = False) -> list[Any]:
        """As JSON keeps it, without its fields, or whole; `restored` is the way back."""
        kept = [self.position, self.value, self.reason, self.code, dict(self.why.values)]
        return [*kept, dict(self.fields)] if whole else kept


def restored(rows: Iterable[Sequence[Any]]) -> list[Rejected]:
    """Rejected rows that were stored, also by versions that kept no values, or no code."""
    padded = ([*row, *[None] * 3][:6] for row in rows)
    return [
        Rejected(place, value, Reason.restored(code, values, said), fields or {})
        for place, value, said, code, values, fields in padded
    ]


@dataclass(frozen=True)
class ContactList:
    """What was found. columns: the field names, in file order; phone_column: title of the column of numbers; sheet: of
    a workbook, the one that was read; hidden_*: what is hidden in it, and left out; encoding, encoding_sure: as of
    `tabular.Sheet`; repeated: the duplicates, where they are kept."""

    contacts: list[Contact] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    duplicates: int = 0
    columns: list[str] = field(default_factory=list)
    phone_column: str | None = None
    sheet: str | None = None
    hidden_rows: int = 0
    hidden_columns: int = 0
    encoding: str | None = None
    encoding_sure: bool = True
    repeated: list[Contact] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Rows with anything in them, the header not counted."""
        return len(self.contacts) + len(self.rejected) + self.duplicates


@dataclass(frozen=True)
class Said:
    """What a person has said about a file. phone_column: what the column of numbers is called; sheet: the title of a
    workbook's sheet; encoding: of a text; country: of numbers without one, where it is not that of the settings."""

    phone_column: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    country: str | None = None


NOTHING_SAID = Said()


def read(
    data: bytes, filename: str, default_country: str, trusted: bool = False, said: Said = NOTHING_SAID
) -> ContactList:
    """The contacts of a CSV, XLSX, TXT or vCard file, told apart by content; duplicates are left out.

    default_country: as in `phone.read`. trusted: it is about who must not be written to: each telephone number of a
    person counts, and one that no numbering plan has is taken as it is written, and named as well. Raises
    UnreadableFile: one sentence with what to do; ChoosePhoneColumn when it is not certain which column it is;
    InvalidInput.
    """
    tabular.refuse_foreign(data, filename)
    if tabular.is_zip(data):
        sheet = sheet_choice.people_sheet(_workbook(data, filename), filename, default_country, said.sheet)
        found = from_rows(several_numbers.spread(sheet.rows), filename, default_country, trusted, said.phone_column)
        return replace(found, sheet=sheet.title, hidden_rows=sheet.hidden_rows, hidden_columns=sheet.hidden_columns)
    decoded = csv.decode(data, filename, said.encoding)
    if vcard.is_vcard(decoded.text):
        found = _from_cards(vcard.read(decoded.text), default_country, trusted)
    else:
        rows = _text_rows(decoded.text, filename, default_country)
        found = from_rows(rows, filename, default_country, trusted, said.phone_column)
    return replace(found, encoding=decoded.encoding, encoding_sure=decoded.sure)


def _workbook(data: bytes, filename: str, most_rows: int | None = None) -> list[Sheet]:
    # Loading this takes a tenth of a process's start and 20 MB, and only the one that reads files needs it.
    from daemon.formats import xlsx

    return xlsx.sheets(data, filename, most_rows)


def _text_rows(text: str, filename: str, default_country: str, most: int | None = None) -> list[Row]:
    if listed := number_list.numbers(text):
        return tabular.bounded(((place, [number]) for place, number in enumerate(listed, 1)), filename, most)
    rows = several_numbers.spread(csv.text_rows(text, filename, most))

    def fits(found: list[Row]) -> bool:
        return phone_columns.plausible(found, default_country)

    return rows if fits(rows) else csv.other_rows(text, filename, fits, most) or rows


@dataclass(frozen=True)
class Layout:
    """What a sheet's columns are taken for. header: index of the row of titles, None for none; phone: of the column
    of numbers, None where nothing looks like one, or where it could be any of `doubt`; names: field names, one for each
    column, unique."""

    header: int | None
    phone: int | None
    names: list[str]
    doubt: tuple[int, ...] = ()


def sheets(
    data: bytes, filename: str, default_country: str, most_rows: int, encoding: str | None = None
) -> list[Sheet]:
    """Each sheet of a workbook, or the one list that another file is; rows as they are.

    A vCard file becomes a list with a row of titles. Raises UnreadableFile.
    """
    tabular.refuse_foreign(data, filename)
    if tabular.is_zip(data):
        found = _workbook(data, filename, most_rows)
        if not found:
            raise errors.UnreadableFile(OfFormats.FILE_EMPTY, file=filename)
        return [replace(each, rows=several_numbers.spread(each.rows)) for each in sheet_choice.solved(found, filename)]
    decoded = csv.decode(data, filename, encoding)
    if vcard.is_vcard(decoded.text):
        rows = tabular.bounded(_card_rows(decoded.text, default_country), filename, most_rows)
    else:
        rows = _text_rows(decoded.text, filename, default_country, most_rows)
    if not rows:
        raise errors.UnreadableFile(OfFormats.FILE_EMPTY, file=filename)
    return [Sheet("", rows, encoding=decoded.encoding, encoding_sure=decoded.sure)]


def layout(rows: Sequence[Row], default_country: str) -> Layout:
    """What the columns of a sheet most likely are."""
    width = max((len(row.cells) for row in rows), default=0)
    found = phone_columns.choose(rows, default_country)
    header = found.header
    if header is None and found.phone is None and not found.doubt and len(rows) > 1:
        header = 0
    titles = [] if header is None else rows[header].cells
    return Layout(header, found.phone, field_names(titles, width), found.doubt)


def field_names(titles: list[str], width: int) -> list[str]:
    """Names for so many columns by their titles, each of them once."""
    taken = {"number"}
    return [_unique(field_name(cell_at(titles, column), f"column_{column + 1}"), taken) for column in range(width)]


def _card_rows(text: str, default_country: str) -> Iterator[tuple[int, list[str]]]:
    titles = ["name", "first_name", "last_name", "org", "title", "email"]
    yield 0, ["TEL", *titles]
    for card in vcard.read(text):
        yield card.position, [" / ".join(_best(card, default_country)), *(card.fields.get(name, "") for name in titles)]


def _best(card: vcard.Card, default_country: str) -> list[str]:
    """The card's number to write to: a good one, a mobile or the preferred one first; several mobiles that nothing
    tells apart; none where it has none."""
    good: dict[E164, tuple[str, tuple[int, int]]] = {}
    for text, rank in zip(card.numbers, card.ranks, strict=True):
        if not isinstance(number := several_numbers.read(text, default_country), Reason):
            good.setdefault(number, (text, rank))
    best = min((rank for _, rank in good.values()), default=None)
    equal = {number: text for number, (text, rank) in good.items() if rank == best}
    mobile = [text for number, text in equal.items() if not phone.is_landline(number)]
    return mobile or [*equal.values(), *card.numbers][:1]


def parse_numbers(
    values: Sequence[object], default_country: str, opt_out: bool = False, each_row: bool = False
) -> ContactList:
    """The API's `numbers: [...]` and `recipients: [{number, ...fields}]`, order kept, duplicates left out.

    values: anything that JSON can hold; what is no number is rejected by its index. Field names are made identifiers
    (`field_name`); a recipient keeps only the fields it came with. opt_out: they must not be written to, as in `read`.
    each_row: nobody is a duplicate.
    """
    collected = _Collector(default_country, trusted=True, opt_out=opt_out, each_row=each_row)
    for position, value in enumerate(values):
        given: Mapping[object, object] = value if isinstance(value, Mapping) else {"number": value}
        shown = given.get("number")
        fields, taken, wrong = {}, {"number"}, None
        if len(given) > tabular.MAX_COLUMNS:
            raise errors.InvalidInput(Why.TOO_MANY_FIELDS, position=position, most=tabular.MAX_COLUMNS)
        for name, content in given.items():
            if name != "number":
                if (text := _scalar(content)) is None:
                    wrong = wrong or because(Fault.FIELD_NOT_TEXT, name=str(name))
                fields[_unique(field_name(str(name), "field"), taken)] = tabular.clean(text or "")
        if (number := _number_text(shown)) is None:
            collected.reject(position, _shown(shown), because(Fault.NOT_TEXT))
        else:
            collected.add(position, number, fields, wrong)
    columns = dict.fromkeys(name for contact in collected.contacts for name in contact.fields)
    return collected.result(list(columns), None)


def one(value: str, default_country: str) -> E164:
    """A single number that somebody has written for themselves or somebody they know. Raises InvalidNumber."""
    found = parse_numbers([value], default_country)
    if found.rejected:
        raise errors.InvalidNumber(found.rejected[0].why)
    return found.contacts[0].number


def field_name(title: str, fallback: str) -> str:
    """A title as an identifier that a template can name: `First Name` → `first_name`; `fallback` if nothing is left."""
    signs = unicodedata.normalize("NFKC", title).lower()
    words = "".join(sign if ("a" + sign).isidentifier() else " " for sign in signs).replace("_", " ").split()
    name = "_".join(words)[:MAX_FIELD_NAME].rstrip("_")
    if not name:
        return fallback
    if not name.isidentifier():
        name = "_" + name
    return name + "_" if name in template.RESERVED else name


class _Collector:
    """Sorts rows into contacts, rejected and duplicates."""

    def __init__(
        self, default_country: str, trusted: bool = False, opt_out: bool = False, each_row: bool = False
    ) -> None:
        self.contacts: list[Contact] = []
        self.repeated: list[Contact] = []
        self._rejected: list[Rejected] = []
        self._seen: set[PersonKey] = set()
        self._country, self._trusted, self._opt_out = default_country, trusted, opt_out
        self._each_row = each_row

    def add(self, position: int, value: str, fields: dict[str, str], wrong: Reason | None = None) -> None:
        """wrong: what is the matter with the row beside its number, if anything is."""
        number = phone.read(value, self._country, self._trusted)
        if self._opt_out and isinstance(number, Reason) and (given := phone.as_given(value, self._country)):
            self.reject(position, value, because(Fault.TAKEN_AS_WRITTEN))
            number = given
        self.take(position, value, number, fields, wrong)

    def take(
        self, position: int, value: str, number: E164 | Reason, fields: dict[str, str], wrong: Reason | None = None
    ) -> None:
        """As `add`, where the value was read already."""
        if isinstance(number, Reason):
            self.reject(position, value, number, fields)
        elif wrong:
            self.reject(position, value, wrong)
        elif (person := Person(number).key) in self._seen and not self._each_row:
            self.repeated.append(Contact(position, number, fields))
        else:
            self._seen.add(person)
            self.contacts.append(Contact(position, number, fields))

    def reject(self, position: int, value: str, why: Reason, fields: Mapping[str, str] | None = None) -> None:
        """Raises InvalidInput when there are too many."""
        if len(self._rejected) == MAX_REJECTED:
            raise errors.InvalidInput(Why.TOO_MANY_REJECTED, most=f"{MAX_REJECTED:,}")
        self._rejected.append(Rejected(position, tabular.clean(value)[:MAX_SHOWN], why, fields or {}))

    def result(self, columns: list[str], phone_column: str | None) -> ContactList:
        found = ContactList(self.contacts, self._rejected, len(self.repeated), columns, phone_column)
        return replace(found, repeated=self.repeated)


def from_rows(
    rows: list[Row], filename: str, default_country: str, trusted: bool = False, phone_column: str | None = None
) -> ContactList:
    """The contacts of a sheet. Arguments and errors: as of `read`."""
    if not rows:
        raise errors.UnreadableFile(OfFormats.FILE_EMPTY, file=filename)
    width = max(len(row.cells) for row in rows)
    if phone_column:
        found = phone_columns.chosen_by(rows, default_country, phone_column)
    else:
        found = phone_columns.choose(rows, default_country)
    titles = [] if found.header is None else rows[found.header].cells
    called = phone_columns.labels(titles, width)
    if found.doubt:
        raise errors.ChoosePhoneColumn([called[at] for at in found.doubt], [(row.position, row.cells) for row in rows])
    if found.header is not None and found.header == len(rows) - 1:
        raise errors.UnreadableFile(Why.FILE_ONLY_HEADER, file=filename)
    if found.phone is None:
        raise errors.UnreadableFile(Why.NO_PHONE_COLUMN, file=filename)
    taken = {"number"}
    names = {
        column: _unique(field_name(cell_at(titles, column), f"column_{column + 1}"), taken)
        for column in range(width)
        if column != found.phone
    }
    places = Places.of(titles, found.phone)
    collected = _Collector(default_country, trusted, opt_out=trusted)
    for row in rows[0 if found.header is None else found.header + 1 :]:
        fields = {name: tabular.plain(cell_at(row.cells, column)) for column, name in names.items()}
        every = (
            places.every(row.cells, default_country) if trusted else []
        )  # of whom must not be written to no number is left out
        for cell in every:
            collected.add(row.position, cell, fields)
        for column, cell in places.untold(row.cells, default_country) if trusted else ():
            collected.reject(row.position, cell, because(Fault.OTHER_COLUMN, column=called[column]))
        if every:
            continue
        cell = places.cell(row.cells, default_country)
        number = several_numbers.read(cell, default_country)
        if isinstance(number, Reason):
            number = number.elsewhere(places.elsewhere(row.cells, default_country))
        collected.take(row.position, cell, number, fields)
    return collected.result(list(names.values()), cell_at(titles, found.phone) or f"column_{found.phone + 1}")


def _from_cards(cards: Iterable[vcard.Card], default_country: str, trusted: bool) -> ContactList:
    collected = _Collector(default_country, trusted, opt_out=trusted)
    for card in cards:
        if card.broken:
            collected.reject(card.position, card.fields["name"], because(Fault.CARD_BROKEN))
        elif not card.numbers:
            collected.reject(card.position, card.fields["name"], because(Fault.CARD_WITHOUT_NUMBER))
        else:
            fields = {name: tabular.clean(text) for name, text in card.fields.items()}
            best = _best(card, default_country)
            if len(best) > 1 and not trusted:
                collected.reject(card.position, " / ".join(best), because(Fault.SEVERAL_MOBILES))
                continue
            for text in best if not trusted else ():
                collected.take(card.position, text, several_numbers.read(text, default_country), fields)
            for text in card.numbers if trusted else ():
                for number in several_numbers.every(text):
                    collected.add(card.position, number, fields)
    used = dict.fromkeys(name for contact in collected.contacts for name, text in contact.fields.items() if text)
    for contact in (*collected.contacts, *collected.repeated):
        for name in contact.fields.keys() - used.keys():
            del contact.fields[name]
    return collected.result(list(used), "TEL")


def _unique(name: str, taken: set[str]) -> str:
    """The name, or with `_2`, `_3`… if it is taken; takes it."""
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    taken.add(found)
    return found


def _scalar(value: object) -> str | None:
    """Text, number or nothing as text; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int | float) and abs(value) < _HUGE:  # false for NaN
        return str(value)
    return None


def _number_text(value: object) -> str | None:
    """A telephone number as JSON may hold it, as text; None for what cannot be one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _HUGE:
        return str(value)
    return None


def _shown(value: object) -> str:
    """What was given instead of a number, as far as it can be shown."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return str(value)
    except (ValueError, RecursionError):  # Python does not write out integers of thousands of digits
        return f"({type(value).__name__})"
