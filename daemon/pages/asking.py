"""Asking on a page which column of a file has the telephone numbers, in the form that brought it."""

from __future__ import annotations

from daemon import errors
from daemon.i18n.languages import N_

QUESTION = N_("More than one column could have the phone numbers. Choose one.")


def doubt(error: Exception | str | None) -> errors.ChoosePhoneColumn | None:
    """What `list_parts.html` asks for, if that is what went wrong."""
    return error if isinstance(error, errors.ChoosePhoneColumn) else None


def said(error: Exception | str | None) -> str:
    """The error as a sentence for a page, on which nobody names a parameter."""
    return QUESTION if doubt(error) else str(error or "")
