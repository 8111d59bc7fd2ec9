"""Workbooks as a test wants them."""

from __future__ import annotations

import io
from typing import Any

import openpyxl


def book(*sheets: list[list[Any]]) -> Any:
    """An openpyxl workbook with these rows on its sheets, which are called Sheet1 and so on."""
    made: Any = openpyxl.Workbook()
    made.remove(made.active)
    for number, rows in enumerate(sheets, 1):
        sheet = made.create_sheet(f"Sheet{number}")
        for row in rows:
            sheet.append(row)
    return made


def saved(made: Any) -> bytes:
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()
