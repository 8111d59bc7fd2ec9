"""Writes a spreadsheet (XLSX, ECMA-376) row by row into a file.

openpyxl would take ten times as long for a large one and hold the interpreter all the while, with requests waiting;
the tests use it to read the files back. Every text is written as a text cell, never as a formula; one that looks like
a formula is marked (quotePrefix) so that it stays text when somebody edits the cell.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import IO, BinaryIO
from xml.sax.saxutils import escape

from daemon.formats import tabular

ROWS_PER_SHEET = 1_000_000  # Excel's limit is 1,048,576
MAX_CELL = 32_767  # characters, Excel's limit
NARROWEST, WIDEST = 9, 60  # width of a column, in characters

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # not allowed in XML
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # XLSX would take _x0041_ for an escaped "A"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_BOLD, _TEXT = 1, 2  # indexes into cellXfs
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill '
    'patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/>'
    '</borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/><xf fontId="1" applyFont="1"/>'
    '<xf quotePrefix="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/>'
    "</cellStyles></styleSheet>"
)


class Workbook:
    """A spreadsheet with one table, continued on more sheets if it is too long for one; close() finishes the file."""

    def __init__(self, file: BinaryIO, title: str, head: Sequence[str]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4)
        self._title, self._head = title, head
        self._letters = [_letters(n) for n in range(len(head))]
        self._sheets = 0
        self._closed = False
        self._sheet: IO[bytes] | None = None
        self._row = 0

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Append rows: integers stay numbers, everything else is text. The first call sets the width of the columns."""
        at = 0
        while at < len(rows):
            if self._sheet is None or self._row > ROWS_PER_SHEET:
                self._begin(rows[at : at + 200])
            part = rows[at : at + ROWS_PER_SHEET + 1 - self._row]
            self._write(part)
            at += len(part)

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._sheet is None:
            self._begin([])
        self._end()
        names = [f"{self._title} {n}" if n > 1 else self._title for n in range(1, self._sheets + 1)]
        for path, text in _frame(names).items():
            self._zip.writestr(path, text)
        self._zip.close()

    def _begin(self, sample: Sequence[Sequence[object]]) -> None:
        self._end()
        self._sheets += 1
        self._row = 0
        self._sheet = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w", force_zip64=True)
        lengths = [max(len(str(cell)) for cell in column) for column in zip(self._head, *sample, strict=True)]
        columns = "".join(
            f'<col min="{n}" max="{n}" width="{min(max(length + 2, NARROWEST), WIDEST)}" customWidth="1"/>'
            for n, length in enumerate(lengths, 1)
        )
        self._sheet.write(
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" '
            f'topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>{columns}</cols>'
            "<sheetData>".encode()
        )
        self._write([self._head], _BOLD)

    def _write(self, rows: Iterable[Sequence[object]], style: int = 0) -> None:
        lines = []
        for cells in rows:
            self._row += 1
            row = self._row
            written = [
                _cell(f"{letters}{row}", value, style) for letters, value in zip(self._letters, cells, strict=True)
            ]
            lines.append(f'<row r="{row}">{"".join(written)}</row>')
        if self._sheet is not None:
            self._sheet.write("".join(lines).encode())

    def _end(self) -> None:
        if self._sheet is not None:
            self._sheet.write(f'</sheetData><autoFilter ref="A1:{self._letters[-1]}{self._row}"/></worksheet>'.encode())
            self._sheet.close()
            self._sheet = None


def _cell(place: str, value: object, style: int) -> str:
    if isinstance(value, int):
        return f'<c r="{place}"><v>{value}</v></c>'
    text = str(value)
    if not text:
        return ""
    if not style and tabular.formula(text):
        style = _TEXT
    text = escape(_ESCAPED.sub("_x005F_", _ILLEGAL.sub("", text[:MAX_CELL]))).replace("\r", "_x000D_")
    styled = f' s="{style}"' if style else ""
    return f'<c r="{place}"{styled} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _letters(column: int) -> str:
    """A column's name: A is 0, AA is 26."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _frame(names: Sequence[str]) -> dict[str, str]:
    """The parts of the package other than the sheets, by path."""
    count = range(1, len(names) + 1)
    sheets = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in zip(count, names, strict=True)
    )
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in count
    )
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_KIND}.worksheet+xml"/>' for n in count
    )
    return {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>{overrides}</Types>',
        "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{relations}'
        f'<Relationship Id="rIdStyles" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }
