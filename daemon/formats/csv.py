"""Bytes of an uploaded file → rows of text cells: CSV in any dialect and encoding, and plain text.

The content decides how a file is read; its name is only used in error messages."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from daemon import errors
from daemon.formats import encodings, tabular
from daemon.formats.refusals import Why
from daemon.formats.tabular import CONTROLS, Row

DELIMITERS = (";", "\t", ",", "|", "^", "~")
_SAMPLE_CHARS = 64 * 1024
_EVEN = 0.9
_UNIT = "\x1f"
_ALIGNED = re.compile(r'"[^"\n]*"|(?<=\S)([ \t\xa0]{2,})(?=\S)')
_WITH_AT = r"[^\s@]{1,80}@\S{1,200}|"  # addresses of e-mail and chats are not cut
_CHAT_IDS = re.compile(r"(?i)\d@(?:[a-z.]*\blid|[gc]\.us|s\.whatsapp\.net|broadcast|newsletter)\b")
_COLON = re.compile(r'"[^"\n]*"|[^\s@]{1,80}@\S{1,200}|://|(?<!\d)(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?!\d)|(:)')
_AREA_CODE = re.compile(r"(?:^|\s)[+(0][\d()]{1,6}[ \t\xa0]{2,}\d", re.MULTILINE)
_IN_NUMBERS = " -/."
_SEPARATOR_LINE = re.compile(r'(?i)"?sep=(.)"?[ \t]*(\r\n|\r|\n|$)')
_SWALLOWED = r"{0} ?\+?\d[\d ()./-]{{5,25}}\d ?(?:{0}|[\r\n])|[\r\n] ?\+?\d[\d ()./-]{{5,25}}\d ?{0}"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # starts with the same bytes as UTF-16's, so it has to be tried first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Decoded:
    """A file's text, and the encoding it was read in; sure: as of `encodings.Guess`."""

    text: str
    encoding: str
    sure: bool = True


def decode(data: bytes, filename: str, encoding: str | None = None) -> Decoded:
    """The file's text, in the encoding that is given, or else by its BOM, as UTF-16 (recognised by NULs), as UTF-8, or
    in the likeliest one of eight bits.

    Raises UnreadableFile when it is not text, and when it is not in that encoding; InvalidInput for an unknown one.
    """
    found = _decoded(data) if encoding is None else _as_told(data, filename, encoding)
    head = found.text[:_SAMPLE_CHARS]
    strange = sum((sign < " " and sign not in "\t\n\r\0\x1a") or sign == "\ufffd" for sign in head)
    if strange > max(8, len(head) // 50):
        raise errors.UnreadableFile(Why.NOT_TEXT_FILE, file=filename)
    return replace(found, text=found.text.translate(CONTROLS))


def _as_told(data: bytes, filename: str, encoding: str) -> Decoded:
    chosen = encodings.known(encoding)
    if chosen is None:
        raise errors.InvalidInput(Why.UNKNOWN_ENCODING, name=f"{encoding[:40]!r}", known=", ".join(encodings.CHOICES))
    try:
        return Decoded(data.decode(chosen), chosen)
    except UnicodeDecodeError:
        raise errors.UnreadableFile(Why.NOT_IN_ENCODING, file=filename, encoding=chosen) from None


def _decoded(data: bytes) -> Decoded:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return Decoded(data[len(bom) :].decode(encoding, "replace"), encoding)
    even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
    if max(even, odd) > len(data[:4096]) // 20 and min(even, odd) <= max(even, odd) // 20:
        wide = "utf-16-le" if odd > even else "utf-16-be"
        return Decoded(data.decode(wide, "replace"), wide)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        guess = encodings.guess(data)
        return Decoded(data.decode(guess.encoding, "replace"), guess.encoding, guess.sure)


def text_rows(text: str, filename: str, most: int | None = None) -> list[Row]:
    """Rows of delimited or one-per-line text; blank lines, and `#` comments in a .txt, are left out.

    Raises UnreadableFile, at the first row above `most` (as in `tabular.bounded`) or another limit.
    """
    delimiter, skipped = "", 0
    if marked := _SEPARATOR_LINE.match(text):
        delimiter, skipped = marked[1], 1
        text = text[marked.end() :]
    delimiter = delimiter or _delimiter(text)
    if delimiter == '"' or delimiter in "\r\n":
        delimiter = ","
    number = re.compile(_SWALLOWED.format(re.escape(delimiter)))
    comments = filename.lower().endswith(".txt")

    def wanted(records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
        widths: set[int] = set()
        for line, cells in records:
            if any("\n" in cell and number.search(cell) for cell in cells) and _swallowed(cells, delimiter, widths):
                raise _unclosed(line + skipped, filename)
            widths.add(len(cells))
            if not (comments and cells and cells[0].lstrip().startswith("#")):
                yield line + skipped, cells

    try:
        return tabular.bounded(wanted(_records(text, delimiter, strict=True)), filename, most)
    except csv.Error:
        # Either a harmless `"Anna" Maria`, or a quotation mark that was never closed, which would swallow
        # every row up to the next one.
        return tabular.bounded(wanted(_lenient(text, delimiter, filename, skipped)), filename, most)


def other_rows(text: str, filename: str, accept: Callable[[list[Row]], bool], most: int | None = None) -> list[Row]:
    """Rows of a file without a usual delimiter: columns aligned by spaces, or separated by a colon (not in times), any
    other punctuation, or a space.

    The separator has to split the first lines into equally many cells, and must not be part of a telephone number;
    `accept` checks the resulting rows. [] when nothing fits.
    """
    if _SEPARATOR_LINE.match(text):
        return []
    head = text if len(text) <= _SAMPLE_CHARS else text[:_SAMPLE_CHARS].rpartition("\n")[0]
    for pattern in _other_signs(head):
        try:
            cut = _cut(head, pattern)
            if _even(cut) and accept(text_rows(cut, filename)):
                return text_rows(_cut(text, pattern), filename, most)
        except (csv.Error, errors.UnreadableFile):
            continue
    return []


def _other_signs(head: str) -> Iterator[re.Pattern[str]]:
    """Patterns of possible separators, likeliest first; the group is the separator itself."""
    if not _AREA_CODE.search(head):
        yield _ALIGNED
    yield _COLON
    first = next((line for line in head.splitlines() if line.strip()), "")
    signs = [sign for sign in dict.fromkeys(first) if unicodedata.category(sign)[0] in "PS"]
    for sign in [*signs, " "]:
        if sign in DELIMITERS or sign in "\"'+()" or (sign == "@" and _CHAT_IDS.search(head)):
            continue
        part = re.escape(sign)
        dash = sign in _IN_NUMBERS or unicodedata.category(sign) == "Pd"
        if not dash or not re.search(rf"\d\)? ?{part} ?\(?\d", head):
            yield re.compile(
                r'"[^"\n]*"|(?<=\S)( +)(?=\S)'
                if sign == " "
                else rf'"[^"\n]*"|{"" if sign == "@" else _WITH_AT}({part})'
            )


def _cut(text: str, pattern: re.Pattern[str]) -> str:
    return pattern.sub(lambda found: _UNIT if found[1] else found[0], text)


def _even(cut: str) -> bool:
    """Whether nearly all lines have as many cells as the first (at least two), and none has more."""
    widths = [len(cells) for _, cells in _records(cut, _UNIT, strict=False) if cells]
    return bool(widths) and 1 < widths[0] == max(widths) and widths.count(widths[0]) >= _EVEN * len(widths)


def _records(text: str, delimiter: str, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each record; raises csv.Error."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=strict)
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def _swallowed(cells: list[str], delimiter: str, widths: set[int]) -> bool:
    """Whether a cell of several lines is the end of one row, whole rows, and the beginning of another, each as wide as
    others: then a quotation mark was not closed. A note of several lines is not so regular."""
    for at, cell in enumerate(cells):
        first, *others = [line.count(delimiter) for line in cell.split("\n")]
        behind = len(cells) - 1 - at
        for width in widths if others else ():
            *between, last = others
            if first == width - 1 - at and last == width - 1 - behind and set(between) <= {width - 1}:
                return True
    return False


def _with_doubled_quotes(text: str, delimiter: str) -> str:
    """The text with `"Anna "Annie" One"` written as CSV has it, where it is clear what the quotation marks are."""
    edge = re.escape(delimiter)
    cell = re.compile(rf'(?m)(^|{edge})( ?)"([^\r\n]{{1,1000}}?)"(?= ?(?:{edge}|\r|$))')
    opens = re.compile(rf'{edge} ?"')

    def doubled(found: re.Match[str]) -> str:
        inner = found[3].replace('""', '"')
        if '"' not in inner or opens.search(inner):
            return found[0]
        return found[1] + found[2] + '"' + inner.replace('"', '""') + '"'

    return cell.sub(doubled, text)


def _lenient(text: str, delimiter: str, filename: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    line = 0
    try:
        for line, cells in _records(_with_doubled_quotes(text, delimiter), delimiter, strict=False):
            if any("\n" in cell or "\r" in cell for cell in cells):
                raise _unclosed(line + skipped, filename)
            yield line, cells
    except csv.Error:
        raise errors.UnreadableFile(Why.CELL_ENDLESS, line=line + skipped, file=filename) from None


def _unclosed(line: int, filename: str) -> errors.UnreadableFile:
    return errors.UnreadableFile(Why.QUOTATION_OPEN, line=line, file=filename)


def _delimiter(text: str) -> str:
    """The delimiter that splits most of the first rows into the same number of cells, at least two."""
    sample = text[:_SAMPLE_CHARS]
    if _UNIT in sample:
        return _UNIT
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        widths: Counter[int] = Counter()
        try:
            for _, cells in _records(sample, delimiter, strict=False):
                if cells:
                    widths[len(cells)] += 1
        except csv.Error:
            pass
        rows = widths.total()
        common = max((count for width, count in widths.items() if width > 1), default=0)
        score = (rows - widths[1] + common) / rows if rows else 0.0
        if next(iter(widths), 1) == 1:
            score /= 2  # found below the header but not in it: more likely part of the text
        if score > best_score:
            best, best_score = delimiter, score
    return best
