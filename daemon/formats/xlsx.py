"""An XLSX workbook's sheets → rows of text cells, with limits on the unpacked size."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from typing import IO, Any

from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE

from daemon import errors
from daemon.formats import number_format, tabular
from daemon.formats.number_format import Looks
from daemon.formats.refusals import Why
from daemon.formats.tabular import Sheet
from daemon.formats.xlsx_sheet import SheetReader, Styles, shared_strings

MAX_UNPACKED = 200 * 1024 * 1024
MAX_RATIO = 500
MAX_PARTS = 10_000
_EAST_ASIAN_DATES = {*range(27, 37), *range(50, 59)}
SHARED_STRINGS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
_COUNTED = {  # what openpyxl makes an object of, and how many of them a part may have
    "sharedStrings.xml": (re.compile(rb"<(?:\w+:)?si[\s/>]"), 2_000_000),
    "styles.xml": (re.compile(rb"<(?:\w+:)?(?:xf|font|fill|border|numFmt|dxf)[\s/>]"), 200_000),
}


def sheets(data: bytes, filename: str, most_rows: int | None = None) -> list[Sheet]:
    """What is seen of each sheet that is not empty, visible sheets first. Raises UnreadableFile.

    most_rows: limit for all sheets together.
    """
    _check_archive(data, filename)
    left = tabular.MAX_ROWS if most_rows is None else most_rows
    found: list[Sheet] = []
    hidden = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they concern styles and extensions, which we do not read
            reading = _WithoutStrings(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            reading.read()
            book: Any = reading.wb
            styles = _styles(book, reading.strings)
            for each in sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible"):
                with each._get_source() as source:
                    reader = SheetReader(styles, filename)
                    sheet = reader.read(source, str(each.title), each.sheet_state == "visible", left)
                hidden += sheet.hidden_rows
                if sheet.rows or sheet.unsolved:
                    found.append(sheet)
                    left -= len(sheet.rows)
    except errors.UnreadableFile:
        raise
    except MemoryError:
        raise
    except Exception as error:  # openpyxl lets through whatever its XML parser, zipfile and its own code raise
        raise errors.UnreadableFile(Why.FILE_DAMAGED_WORKBOOK, file=filename) from error
    if hidden and not found:
        raise errors.UnreadableFile(Why.ROWS_ALL_HIDDEN, file=filename)
    return found


class _WithoutStrings(ExcelReader):
    """openpyxl's, with our own reader of shared strings: an object for each takes ten times as long."""

    strings: list[str]

    def read_strings(self) -> None:
        self.shared_strings = self.strings = []
        parts: list[Any] = [each for each in self.package.Override if each.ContentType == SHARED_STRINGS]
        for part in parts[:1]:
            with self.archive.open(part.PartName[1:]) as source:
                self.shared_strings = self.strings = shared_strings(source)


def _styles(book: Any, strings: list[str]) -> Styles:
    """How cells look."""
    codes = list(book._number_formats)
    formats = []
    for style in book._cell_styles:
        number = style.numFmtId
        if number >= BUILTIN_FORMATS_MAX_SIZE:
            formats.append((-1, codes[number - BUILTIN_FORMATS_MAX_SIZE]))
        else:
            number = 14 if number in _EAST_ASIAN_DATES else number
            formats.append((number, BUILTIN_FORMATS.get(number, "General")))
    locale = number_format.locale_of(codes, book.properties.language or "")
    return Styles(formats, Looks(locale, book.epoch), strings)


def _check_archive(data: bytes, filename: str) -> None:
    """Raise UnreadableFile if the archive is not an XLSX file, is encrypted, or unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            _check_parts(parts, filename)
            for part in parts:
                with archive.open(part) as file:
                    if b"<!DOCTYPE" in file.read(4096):  # could define entities that expand without limit
                        raise errors.UnreadableFile(Why.NOT_BY_SPREADSHEET, file=filename)
                if (counted := _COUNTED.get(part.filename.rpartition("/")[2])) is not None:
                    with archive.open(part) as file:
                        _refuse_many(file, *counted, filename)
    except errors.UnreadableFile:
        raise
    except Exception as error:  # zipfile lets through whatever its decompressors raise
        raise errors.UnreadableFile(Why.FILE_DAMAGED_WORKBOOK, file=filename) from error


def _check_parts(parts: list[zipfile.ZipInfo], filename: str) -> None:
    if any(part.flag_bits & 1 for part in parts):
        raise errors.UnreadableFile(Why.FILE_PROTECTED, file=filename)
    unpacked = sum(part.file_size for part in parts)
    dense = any(part.file_size > max(10 << 20, part.compress_size * MAX_RATIO) for part in parts)
    if unpacked > MAX_UNPACKED or dense or len(parts) > MAX_PARTS:
        raise errors.UnreadableFile(Why.FILE_UNPACKS_TOO_FAR, file=filename)
    if not any(re.fullmatch(r"xl/worksheets/[^/]+\.xml", part.filename) for part in parts):
        raise errors.UnreadableFile(Why.NOT_A_WORKBOOK, file=filename)


def _refuse_many(file: IO[bytes], what: re.Pattern[bytes], most: int, filename: str) -> None:
    """Raise UnreadableFile at the first thing above the limit."""
    count, rest = 0, b""
    while chunk := file.read(1 << 20):
        whole, mark, cut = (rest + chunk).rpartition(b"<")  # a tag may go on in the next chunk
        count += len(what.findall(whole))
        rest = mark + cut[:64]
        if count > most:
            raise errors.UnreadableFile(Why.TOO_MANY_STYLES, file=filename, most=f"{most:,}")
