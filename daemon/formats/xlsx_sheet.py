"""One sheet of a workbook, as it is seen → rows of text: without what is hidden, with merged cells filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO
from xml.etree.ElementTree import Element, iterparse

from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries

from daemon import errors
from daemon.formats import number_format, tabular
from daemon.formats.number_format import Looks
from daemon.formats.refusals import Why
from daemon.formats.tabular import MAX_COLUMNS, Row, Sheet

_LAST_ROW = 1_048_576
_MOST_CELLS = 20_000_000  # also empty ones
_MOST_PARTS = 200_000  # of a row, which has 16,384 cells at most
_MOST_MERGED = 1_000_000
_MOST_TEXT = 200 << 20  # characters of all cells: a long text may stand in many of them, and be there only once


@dataclass(frozen=True)
class Styles:
    """How cells look, by the number of their style: the number of a built-in format or -1, and the format's code."""

    formats: Sequence[tuple[int, str]]
    looks: Looks
    strings: Sequence[str]


class SheetReader:
    """Goes through a sheet's XML, once."""

    def __init__(self, styles: Styles, filename: str) -> None:
        self._styles, self._filename = styles, filename
        self._row = self._column = self._cells = self._characters = 0
        self._hidden_columns: set[int] = set()
        self._hidden_rows: set[int] = set()
        self._merged: list[tuple[int, int, int]] = []  # column, first row, last row
        self._unsolved = ""  # where a formula has no result

    def read(self, source: IO[bytes], title: str, visible: bool, most: int) -> Sheet:
        """What is seen of it. most: rows, also hidden ones. Raises UnreadableFile, ParseError and what is like it."""
        rows = tabular.bounded(self._records(source), self._filename, most)
        self._fill(rows)
        seen = [row for row in rows if row.position not in self._hidden_rows]
        used = {at for row in rows for at, cell in enumerate(row.cells) if cell} & self._hidden_columns
        if used:
            seen = [Row(row.position, self._without(row.cells, used)) for row in seen]
            seen = [row for row in seen if row.cells]
        hidden = sum(row.position in self._hidden_rows for row in rows)
        return Sheet(title, seen, hidden, len(used), visible, self._unsolved)

    @staticmethod
    def _without(cells: list[str], hidden: set[int]) -> list[str]:
        kept = [cell for at, cell in enumerate(cells) if at not in hidden]
        while kept and not kept[-1]:
            kept.pop()
        return kept

    def _records(self, source: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        path: list[Element] = []
        row: Element | None = None
        parts = 0  # of the row
        for event, element in iterparse(source, ("start", "end")):  # noqa: S314 (`_check_archive` refuses a DOCTYPE)
            name = element.tag.rpartition("}")[2]
            if event == "start":
                path.append(element)
                if row is None and name == "row":
                    row, parts = element, 0
                parts += 1
                if parts > _MOST_PARTS:
                    raise self._far_outside()
                continue
            path.pop()
            if row is not None and element is not row:
                continue
            if name == "row":
                row = None
                yield self._read_row(element)
            elif name == "col":
                self._read_columns(element)
            elif name == "mergeCell":
                self._read_merged(element)
            element.clear()
            if path:
                path[-1].clear()

    def _read_columns(self, element: Element) -> None:
        first, last = int(element.get("min", 0)), int(element.get("max", 0))
        if element.get("hidden") in ("1", "true") or element.get("width") == "0":
            self._hidden_columns.update(range(first - 1, min(last, MAX_COLUMNS + 1)))

    def _read_merged(self, element: Element) -> None:
        column, first, _, last = range_boundaries(element.get("ref", ""))
        if column and first and last and last > first:
            self._merged.append((column - 1, first, last))

    def _read_row(self, element: Element) -> tuple[int, list[str]]:
        self._row = int(float(element.get("r") or self._row + 1))
        self._column = 0
        cells: list[str] = []
        hidden = element.get("hidden") in ("1", "true") or element.get("ht") == "0"
        if hidden:
            self._hidden_rows.add(self._row)
        if self._row > _LAST_ROW:
            raise self._far_outside()
        for each in element:
            reference = each.get("r")
            self._column = coordinate_to_tuple(reference)[1] if reference else self._column + 1
            self._cells += 1
            if self._cells > _MOST_CELLS:
                raise self._far_outside()
            if not len(each):
                continue
            seen = not hidden and self._column - 1 not in self._hidden_columns
            text = self._text(each, reference or f"in row {self._row}", seen)
            self._characters += len(text)
            if self._characters > _MOST_TEXT:
                filename = self._filename
                raise errors.UnreadableFile(Why.FILE_UNPACKS_TOO_FAR, file=filename)
            if text:
                if self._column > MAX_COLUMNS:
                    return self._row, [*cells, *[text] * (MAX_COLUMNS + 1)]  # `bounded` refuses it
                cells.extend([""] * (self._column - len(cells) - 1))
                cells.append(text)
        return self._row, cells

    def _far_outside(self) -> errors.UnreadableFile:
        return errors.UnreadableFile(Why.CELLS_FAR_OUTSIDE, file=self._filename)

    def _text(self, cell: Element, where: str, seen: bool) -> str:
        kind, value, formula, inline = cell.get("t", "n"), "", False, ""
        for part in cell:
            name = part.tag.rpartition("}")[2]
            if name == "v":
                value = part.text or ""
            elif name == "f":
                formula = True
            elif name == "is":
                inline = _inline(part)
        if kind == "inlineStr":
            value = inline
        elif not value:
            if formula and kind != "str" and seen:
                self._unsolved = self._unsolved or where
            return ""
        return self._shown(kind, value, int(cell.get("s") or 0))

    def _shown(self, kind: str, value: str, style: int) -> str:
        number, code = self._styles.formats[style] if style < len(self._styles.formats) else (-1, "General")
        if kind == "n":
            given = float(value) if re.search("[.eE]", value) else int(value)
            return number_format.shown(given, code, self._styles.looks, number)
        if kind == "e":  # #N/A and the like are no values
            return ""
        if kind == "b":
            return "TRUE" if value.strip() in ("1", "true") else "FALSE"
        if kind == "d":
            return value.replace("T00:00:00", "").replace("T", " ")
        return number_format.text(self._styles.strings[int(value)] if kind == "s" else _unescaped(value), code)

    def _fill(self, rows: list[Row]) -> None:
        """Give each row what is in the cells that it shares with rows above it."""
        if not self._merged:
            return
        places = {row.position: at for at, row in enumerate(rows)}
        filled = 0
        for column, first, last in self._merged:
            anchor = places.get(first)
            text = rows[anchor].cells[column] if anchor is not None and column < len(rows[anchor].cells) else ""
            if anchor is None or not text:
                continue
            for row in rows[anchor + 1 :]:
                if row.position > last:
                    break
                filled += 1
                if filled > _MOST_MERGED:
                    raise self._far_outside()
                row.cells.extend([""] * (column + 1 - len(row.cells)))
                row.cells[column] = row.cells[column] or text


def shared_strings(source: IO[bytes]) -> list[str]:
    """The texts that cells refer to by their numbers."""
    found: list[str] = []
    path: list[Element] = []
    for event, element in iterparse(source, ("start", "end")):  # noqa: S314 (as above)
        if event == "start":
            path.append(element)
            continue
        path.pop()
        if element.tag.endswith("}si"):
            found.append(_inline(element))
            element.clear()
            path[-1].clear()
    return found


def _inline(element: Element) -> str:
    """The text, in one piece or in several that look different; not how it is pronounced."""
    parts = []
    for part in element:
        name = part.tag.rpartition("}")[2]
        if name == "t":
            parts.append(part.text or "")
        elif name == "r":
            parts += [each.text or "" for each in part if each.tag.rpartition("}")[2] == "t"]
    return _unescaped("".join(parts))


def _unescaped(text: str) -> str:
    """Excel writes control signs as `_x000D_`."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
