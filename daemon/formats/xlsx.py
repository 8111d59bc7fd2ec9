"""An XLSX workbook's sheets → rows of text cells, with limits on the unpacked size."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import openpyxl

from daemon import errors
from daemon.formats import tabular
from daemon.formats.tabular import SAVE_AS, Row

MAX_UNPACKED = 200 * 1024 * 1024
MAX_RATIO = 500
MAX_PARTS = 10_000
_SHEET_ROWS = 1_048_576
_SHEET_CELLS = 20_000_000


def sheet_rows(data: bytes, filename: str) -> list[Row]:
    """Rows of the first sheet that is not empty, visible sheets first. Raises UnreadableFile."""
    return next((rows for _, rows in sheets(data, filename, only_first=True)), [])


def sheets(
    data: bytes, filename: str, most_rows: int | None = None, only_first: bool = False
) -> list[tuple[str, list[Row]]]:
    """(title, rows) of each sheet that is not empty, visible ones first. Raises UnreadableFile.

    most_rows: limit for all sheets together.
    """
    _check_archive(data, filename)
    left = tabular.MAX_ROWS if most_rows is None else most_rows
    found: list[tuple[str, list[Row]]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they concern styles and extensions, which we do not read
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            for sheet in sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible"):
                sheet.reset_dimensions()  # the size stated in the file is often wrong
                if rows := tabular.bounded(_sheet_records(sheet, filename), filename, left):
                    found.append((str(sheet.title), rows))
                    left -= len(rows)
                    if only_first:
                        break
            return found
    except errors.UnreadableFile:
        raise
    except Exception as error:  # openpyxl lets through whatever its XML parser, zipfile and its own code raise
        raise errors.UnreadableFile(f"{filename} is damaged: open it in a spreadsheet, {SAVE_AS}.") from error


def _sheet_records(sheet: Any, filename: str) -> Iterator[tuple[int, list[str]]]:
    width = 0
    # openpyxl fills every gap, so a tiny file with one cell far to the right would take minutes.
    for position, values in enumerate(sheet.iter_rows(values_only=True), 1):
        width += len(values)
        if position > _SHEET_ROWS or width > _SHEET_CELLS:
            raise errors.UnreadableFile(f"{filename} has cells far outside the list: copy the list to a new workbook.")
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
    """Raise UnreadableFile if the archive is not an XLSX file, is encrypted, or unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            _check_parts(parts, filename)
            for part in parts:
                with archive.open(part) as file:
                    if b"<!DOCTYPE" in file.read(4096):  # could define entities that expand without limit
                        raise errors.UnreadableFile(f"{filename} was not written by a spreadsheet: {SAVE_AS}.")
    except errors.UnreadableFile:
        raise
    except Exception as error:  # zipfile lets through whatever its decompressors raise
        raise errors.UnreadableFile(f"{filename} is damaged: open it in a spreadsheet, {SAVE_AS}.") from error


def _check_parts(parts: list[zipfile.ZipInfo], filename: str) -> None:
    if any(part.flag_bits & 1 for part in parts):
        raise errors.UnreadableFile(f"{filename} is protected by a password: {SAVE_AS}.")
    unpacked = sum(part.file_size for part in parts)
    dense = any(part.file_size > max(10 << 20, part.compress_size * MAX_RATIO) for part in parts)
    if unpacked > MAX_UNPACKED or dense or len(parts) > MAX_PARTS:
        raise errors.UnreadableFile(f"{filename} unpacks to far more than a list of contacts: split it, or use .csv.")
    if not any(re.fullmatch(r"xl/worksheets/[^/]+\.xml", part.filename) for part in parts):
        raise errors.UnreadableFile(f"{filename} is an archive, but not an .xlsx workbook: {SAVE_AS}.")
