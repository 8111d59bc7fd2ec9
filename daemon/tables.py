"""Bytes of an uploaded file → rows of text cells: CSV in any dialect and encoding, XLSX, plain text.

What a file is, is decided by its content; its name only helps to word the error.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import charset_normalizer
import openpyxl

from daemon import errors

MAX_ROWS = 1_000_000
MAX_COLUMNS = 200
MAX_CELL = 32_767
"""Characters in a cell: what Excel itself allows."""
MAX_UNPACKED = 200 * 1024 * 1024
"""Bytes an XLSX may unpack to; openpyxl needs several times as much memory."""
MAX_RATIO = 500
"""Times its packed size that any large part of an XLSX may unpack to (real sheets: 5 to 60)."""

MAX_PARTS = 10_000

DELIMITERS = (";", "\t", ",", "|", "^", "~")
"""The signs that delimit nearly every file; of equals the first."""
_SHEET_ROWS = 1_048_576
_SHEET_CELLS = 20_000_000
_SAMPLE_CHARS = 64 * 1024
_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n\r"} | {0xFEFF: None}
_EVEN = 0.9
"""Share of the lines that another sign has to cut into the same number of cells."""
_UNIT = "\x1f"
"""Stands for such a sign; no text holds one, since control characters are removed."""
_ALIGNED = re.compile(r'"[^"\n]*"|(?<=\S)([ \t\xa0]{2,})(?=\S)')
_COLON = re.compile(r'"[^"\n]*"|://|(?<!\d)(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?!\d)|(:)')
_AREA_CODE = re.compile(r"(?:^|\s)[+(0][\d()]{1,6}[ \t\xa0]{2,}\d", re.MULTILINE)
_IN_NUMBERS = " -/."
_SEPARATOR_LINE = re.compile(r'(?i)"?sep=(.)"?[ \t]*(\r\n|\r|\n|$)')

_SWALLOWED = r"{0} ?\+?\d[\d ()./-]{{5,25}}\d ?(?:{0}|[\r\n])|[\r\n] ?\+?\d[\d ()./-]{{5,25}}\d ?{0}"
"""A telephone number with a delimiter beside it *inside* a cell: rows between two unclosed quotation marks."""

_SIGNATURES = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a media file"),
    (b"ID3", "an MP3 file"),
    (b"OggS", "an Ogg media file"),
    (b"{\\rtf", "a rich-text document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WINDOWS = [f"cp125{n}" for n in range(8)]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
_SAVE_AS = "save it as .xlsx or .csv and upload that"


@dataclass(frozen=True)
class Row:
    """position: the line it starts on (text) or its row (XLSX), from 1. cells: trimmed, no trailing empty ones."""

    position: int
    cells: list[str]


def clean(text: str) -> str:
    """Trimmed, with `\\n` line ends, without NUL and other control characters or half surrogate pairs."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    return text.encode("utf-8", "ignore").decode("utf-8").strip()


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula; `plain` is the way back."""
    return "'" + text if text.lstrip("'").startswith(FORMULA) else text


def plain(cell: str) -> str:
    """What `harmless` has made harmless."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'").startswith(FORMULA) else cell


def is_zip(data: bytes) -> bool:
    """Whether the file is a ZIP archive, as every XLSX is."""
    return data.startswith(b"PK\x03\x04")


def refuse_foreign(data: bytes, filename: str) -> None:
    """Raise UnreadableFile, naming what the file is, for what is neither text nor a ZIP archive."""
    if not data.strip():
        raise errors.UnreadableFile(f"{filename} is empty: upload a file with at least one telephone number.")
    if data.startswith(bytes.fromhex("D0CF11E0A1B11AE1")):
        raise errors.UnreadableFile(
            f"{filename} is an old .xls workbook or is protected by a password: "
            "save it as .xlsx without a password and upload that."
        )
    found = next((name for signature, name in _SIGNATURES if data.startswith(signature)), None)
    if data[4:8] == b"ftyp":
        found = "a video or picture"
    if re.match(rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype|html|table|\?xml)", data[:200]):
        found = "a web page or XML"
    if found:
        raise errors.UnreadableFile(f"{filename} is {found}, not a list of contacts: {_SAVE_AS}.")


def decode(data: bytes, filename: str) -> str:
    """The file's text: by its BOM, UTF-16 by its NULs, UTF-8, or the likeliest old code page (cp1252 in doubt).

    Raises UnreadableFile when it is not text.
    """
    text = _decoded(data)
    head = text[:_SAMPLE_CHARS]
    strange = sum((sign < " " and sign not in "\t\n\r\0\x1a") or sign == "\ufffd" for sign in head)
    if strange > max(8, len(head) // 50):
        raise errors.UnreadableFile(f"{filename} is not a text file: {_SAVE_AS}.")
    return text.translate(_CONTROLS)


def _decoded(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
    if max(even, odd) > len(data[:4096]) // 20 and min(even, odd) <= max(even, odd) // 20:
        return data.decode("utf-16-le" if odd > even else "utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(_code_page(data), "replace")


def _code_page(data: bytes) -> str:
    """The encoding of 8-bit text; only lines that say something about it are looked at."""
    telling = b"\n".join(line[:1000] for line in data[: 4 << 20].splitlines() if not line.isascii())[:20_000]
    matches = charset_normalizer.from_bytes(telling, cp_isolation=_WINDOWS)
    best = matches.best() or charset_normalizer.from_bytes(telling).best()
    if best is None or "cp1252" in best.could_be_from_charset:
        return "cp1252"
    as_good = (m for m in matches if m.chaos <= best.chaos and m.coherence >= best.coherence)
    return "cp1252" if any(match.encoding == "cp1252" for match in as_good) else best.encoding


def text_rows(text: str, filename: str) -> list[Row]:
    """Rows of delimited or one-per-line text; blank lines, and `#` comments in a .txt, are left out.

    Raises UnreadableFile.
    """
    delimiter, skipped = "", 0
    if marked := _SEPARATOR_LINE.match(text):
        delimiter, skipped = marked[1], 1
        text = text[marked.end() :]
    delimiter = delimiter or _delimiter(text)
    if delimiter == '"' or delimiter in "\r\n":
        delimiter = ","
    try:
        records = list(_records(text, delimiter, strict=True))
    except csv.Error:
        # Either a sloppy `"Anna" Maria`, which is harmless, or a quotation mark left open, which would
        # swallow the rows up to the next one.
        records = list(_lenient(text, delimiter, filename, skipped))
    swallowed = re.compile(_SWALLOWED.format(re.escape(delimiter)))
    for line, cells in records:
        if any("\n" in cell and swallowed.search(cell) for cell in cells):
            raise _unclosed(line + skipped, filename)
    comments = filename.lower().endswith(".txt")
    rows = (
        (line + skipped, cells)
        for line, cells in records
        if not (comments and cells and cells[0].lstrip().startswith("#"))
    )
    return _bounded(rows, filename)


def other_rows(text: str, filename: str, accept: Callable[[list[Row]], bool]) -> list[Row]:
    """Rows as another sign cuts them: aligned by spaces, a colon (not in times), any punctuation, a space.

    The sign has to cut the first lines alike, and never where it may be part of a telephone number; `accept` looks
    at their rows. [] when there is no such sign.
    """
    if _SEPARATOR_LINE.match(text):
        return []
    head = text if len(text) <= _SAMPLE_CHARS else text[:_SAMPLE_CHARS].rpartition("\n")[0]
    for pattern in _other_signs(head):
        try:
            cut = _cut(head, pattern)
            if _even(cut) and accept(text_rows(cut, filename)):
                return text_rows(_cut(text, pattern), filename)
        except (csv.Error, errors.UnreadableFile):
            continue
    return []


def _other_signs(head: str) -> Iterator[re.Pattern[str]]:
    """What may cut the lines, likeliest first; the group is the sign."""
    if not _AREA_CODE.search(head):
        yield _ALIGNED
    yield _COLON
    first = next((line for line in head.splitlines() if line.strip()), "")
    signs = [sign for sign in dict.fromkeys(first) if unicodedata.category(sign)[0] in "PS"]
    for sign in [*signs, " "]:
        if sign in DELIMITERS or sign in "\"'+()":
            continue
        part = re.escape(sign)
        dash = sign in _IN_NUMBERS or unicodedata.category(sign) == "Pd"
        if not dash or not re.search(rf"\d\)? ?{part} ?\(?\d", head):
            yield re.compile(r'"[^"\n]*"|(?<=\S)( +)(?=\S)' if sign == " " else rf'"[^"\n]*"|({part})')


def _cut(text: str, pattern: re.Pattern[str]) -> str:
    return pattern.sub(lambda found: _UNIT if found[1] else found[0], text)


def _even(cut: str) -> bool:
    """Whether nearly all lines have as many cells as the first, more than one, and none has more."""
    widths = [len(cells) for _, cells in _records(cut, _UNIT, strict=False) if cells]
    return bool(widths) and 1 < widths[0] == max(widths) and widths.count(widths[0]) >= _EVEN * len(widths)


def _records(text: str, delimiter: str, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each record; raises csv.Error."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=strict)
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def _lenient(text: str, delimiter: str, filename: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    line = 0
    try:
        for line, cells in _records(text, delimiter, strict=False):
            if any("\n" in cell or "\r" in cell for cell in cells):
                raise _unclosed(line + skipped, filename)
            yield line, cells
    except csv.Error:
        raise errors.UnreadableFile(
            f"A cell below line {line + skipped} of {filename} is far too long: is a quotation mark not closed?"
        ) from None


def _unclosed(line: int, filename: str) -> errors.UnreadableFile:
    return errors.UnreadableFile(
        f"Line {line} of {filename} has a quotation mark that is not closed: close or remove it."
    )


def _delimiter(text: str) -> str:
    """The delimiter that cuts most of the first rows into the same number of cells, more than one."""
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
            score /= 2  # a comma in the cells below, but not in the header, does not delimit
        if score > best_score:
            best, best_score = delimiter, score
    return best


def sheet_rows(data: bytes, filename: str) -> list[Row]:
    """Rows of the first sheet with anything in it, visible ones first. Raises UnreadableFile."""
    return next((rows for _, rows in sheets(data, filename, only_first=True)), [])


def sheets(
    data: bytes, filename: str, most_rows: int | None = None, only_first: bool = False
) -> list[tuple[str, list[Row]]]:
    """(title, rows) of each sheet with anything in it, visible ones first. Raises UnreadableFile.

    most_rows: of all sheets together.
    """
    _check_archive(data, filename)
    left = MAX_ROWS if most_rows is None else most_rows
    found: list[tuple[str, list[Row]]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, which are not read anyway
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            for sheet in sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible"):
                sheet.reset_dimensions()  # what the file claims about its size is often wrong
                if rows := _bounded(_sheet_records(sheet, filename), filename, left):
                    found.append((str(sheet.title), rows))
                    left -= len(rows)
                    if only_first:
                        break
            return found
    except errors.UnreadableFile:
        raise
    except Exception as error:  # openpyxl raises what its XML parser, zipfile and its own code come across
        raise errors.UnreadableFile(f"{filename} is damaged: open it in a spreadsheet, {_SAVE_AS}.") from error


def _sheet_records(sheet: Any, filename: str) -> Iterator[tuple[int, list[str]]]:
    width = 0
    # openpyxl fills every gap, so a tiny file with one cell far away would cost minutes.
    for position, values in enumerate(sheet.iter_rows(values_only=True), 1):
        width += len(values)
        if position > _SHEET_ROWS or width > _SHEET_CELLS:
            raise errors.UnreadableFile(
                f"{filename} has cells far outside of any list: copy the list to a new workbook."
            )
        yield position, [_cell_text(value) for value in values]


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).upper() if isinstance(value, bool) else str(value)


def _check_archive(data: bytes, filename: str) -> None:
    """Raise UnreadableFile for an archive that is no XLSX, is encrypted, or unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            _check_parts(parts, filename)
            for part in parts:
                with archive.open(part) as file:
                    if b"<!DOCTYPE" in file.read(4096):  # may define entities that grow without bound
                        raise errors.UnreadableFile(f"{filename} was not written by a spreadsheet: {_SAVE_AS}.")
    except errors.UnreadableFile:
        raise
    except Exception as error:  # zipfile passes on what its decompressors raise
        raise errors.UnreadableFile(f"{filename} is damaged: open it in a spreadsheet, {_SAVE_AS}.") from error


def _check_parts(parts: list[zipfile.ZipInfo], filename: str) -> None:
    if any(part.flag_bits & 1 for part in parts):
        raise errors.UnreadableFile(f"{filename} is protected by a password: {_SAVE_AS}.")
    unpacked = sum(part.file_size for part in parts)
    dense = any(part.file_size > max(10 << 20, part.compress_size * MAX_RATIO) for part in parts)
    if unpacked > MAX_UNPACKED or dense or len(parts) > MAX_PARTS:
        raise errors.UnreadableFile(f"{filename} unpacks to far more than a list of contacts: split it, or use .csv.")
    if not any(re.fullmatch(r"xl/worksheets/[^/]+\.xml", part.filename) for part in parts):
        raise errors.UnreadableFile(f"{filename} is an archive, but not an .xlsx workbook: {_SAVE_AS}.")


def _bounded(records: Iterable[tuple[int, list[str]]], filename: str, most: int | None = None) -> list[Row]:
    """Cleaned rows with anything in them. Raises UnreadableFile above a limit."""
    rows: list[Row] = []
    for position, raw in records:
        cells = [clean(cell) for cell in raw]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if len(cells) > MAX_COLUMNS:
            raise errors.UnreadableFile(
                f"Row {position} of {filename} has more than {MAX_COLUMNS} columns: remove some."
            )
        if max(map(len, cells)) > MAX_CELL:
            raise errors.UnreadableFile(
                f"Row {position} of {filename} has a cell of more than {MAX_CELL:,} characters."
            )
        if len(rows) == (MAX_ROWS if most is None else most):
            raise errors.UnreadableFile(f"{filename} has more than {len(rows):,} rows: split it.")
        rows.append(Row(position, cells))
    return rows
