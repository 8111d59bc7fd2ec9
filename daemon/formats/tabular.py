"""Rows of text cells, whatever file they come from, and telling a file's type by its first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from daemon import errors
from daemon.formats.refusals import Why
from daemon.i18n.coded import Phrase

MAX_ROWS = 1_000_000
MAX_COLUMNS = 200
MAX_CELL = 32_767
NOTHING = frozenset({
    "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#N/D", "#NV", "N/A", "n/a", "<NA>",
    "NaN", "nan", "NAN", "NaT", "NULL", "null", "(null)", "\\N", "None", "undefined", "-", "--", "\u2013", "\u2014",
})  # fmt: skip
"""What programs and people write where there is nothing; `Null` and `Nan` are names."""
CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n\r"} | {0xFEFF: None}
_SIGNATURES = (
    (b"%PDF", Phrase("a PDF")),
    (b"\x89PNG", Phrase("a PNG picture")),
    (b"\xff\xd8\xff", Phrase("a JPEG picture")),
    (b"GIF8", Phrase("a GIF picture")),
    (b"RIFF", Phrase("a media file")),
    (b"ID3", Phrase("an MP3 file")),
    (b"OggS", Phrase("an Ogg media file")),
    (b"{\\rtf", Phrase("a rich-text document")),
    (b"\x1f\x8b", Phrase("a gzip archive")),
    (b"7z\xbc\xaf\x27\x1c", Phrase("a 7z archive")),
    (b"Rar!", Phrase("a RAR archive")),
    (b"SQLite format 3", Phrase("a database")),
    (b"\x7fELF", Phrase("a program")),
    (b"MZ\x90", Phrase("a program")),
)
# What a spreadsheet takes for a formula: these signs, also full-width, small, raised, and the minus of typesetters.
_SIGNS = r"=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a\u207b\u207c\u208a\u208b\u208c\u2212"
# Where a cell begins: also behind what parts the cells in other countries, where quotation marks in a row do not help.
_BEGINS = r"(?:^|(?<=[;|\t\r\n\uff1b]))"
_FORMULA = rf"'*[ \"\u00a0]{{0,8}}[{_SIGNS}\t\r]"
_UNSAFE = re.compile(rf"{_BEGINS}(?={_FORMULA})")
_MADE_SAFE = re.compile(rf"{_BEGINS}'(?={_FORMULA})")


@dataclass(frozen=True, slots=True)
class Row:
    """position: line (text) or row (XLSX) in the file, from 1. cells: trimmed, without trailing empty ones."""

    position: int
    cells: list[str]


@dataclass(frozen=True)
class Sheet:
    """What is seen of a sheet, or all of a file that has none: title "". hidden_*: rows and columns with something in
    them that are hidden or filtered out, and are left out; visible: whether the sheet itself is; unsolved: the first
    cell with a formula without a result, as a program writes it that does not calculate; "" for none. encoding: of a
    text, the one that it was read in; encoding_sure: whether that is more than a guess."""

    title: str
    rows: list[Row]
    hidden_rows: int = 0
    hidden_columns: int = 0
    visible: bool = True
    unsolved: str = ""
    encoding: str | None = None
    encoding_sure: bool = True


def clean(text: str) -> str:
    """The text trimmed, with `\\n` line ends, without control characters and unpaired surrogates."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(CONTROLS)
    return text.encode("utf-8", "ignore").decode("utf-8").strip()


def bounded(records: Iterable[tuple[int, list[str]]], filename: str, most: int | None = None) -> list[Row]:
    """Cleaned rows that are not empty, at most `most` (MAX_ROWS).

    Raises UnreadableFile at the first thing above a limit.
    """
    rows: list[Row] = []
    most = MAX_ROWS if most is None else most
    for position, raw in records:
        cells = ["" if (text := clean(cell)) in NOTHING else text for cell in raw]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if len(cells) > MAX_COLUMNS:
            raise errors.UnreadableFile(Why.TOO_MANY_COLUMNS, row=position, file=filename, most=MAX_COLUMNS)
        if max(map(len, cells)) > MAX_CELL:
            raise errors.UnreadableFile(Why.CELL_TOO_LONG, row=position, file=filename, most=f"{MAX_CELL:,}")
        if len(rows) == most:
            raise errors.UnreadableFile(Why.TOO_MANY_ROWS, file=filename, most=f"{len(rows):,}")
        rows.append(Row(position, cells))
    return rows


def formula(text: str) -> bool:
    """Whether a spreadsheet may take a cell that begins like this for a formula."""
    return _UNSAFE.match(text) is not None


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula, whatever parts the cells there; `plain` undoes it."""
    return _UNSAFE.sub("'", text)


def plain(cell: str) -> str:
    """The original text of a cell written by `harmless`."""
    return _MADE_SAFE.sub("", cell)


def is_zip(data: bytes) -> bool:
    """Whether the file is a ZIP archive, as every XLSX is."""
    return data.startswith(b"PK\x03\x04")


def refuse_foreign(data: bytes, filename: str) -> None:
    """Raise UnreadableFile, naming the file's type, if it is neither text nor a ZIP archive."""
    if not data.strip():
        raise errors.UnreadableFile(Why.FILE_EMPTY, file=filename)
    if data.startswith(bytes.fromhex("D0CF11E0A1B11AE1")):
        raise errors.UnreadableFile(Why.OLD_WORKBOOK, file=filename)
    found = next((name for signature, name in _SIGNATURES if data.startswith(signature)), None)
    if data[4:8] == b"ftyp":
        found = Phrase("a video or picture")
    if re.match(rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype|html|table|\?xml)", data[:200]):
        found = Phrase("a web page or XML")
    if found:
        raise errors.UnreadableFile(Why.NOT_CONTACTS, file=filename, kind=found)
