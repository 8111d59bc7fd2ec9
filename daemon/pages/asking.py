"""Asking on a page which column of a file has the telephone numbers, in the form that brought it."""

from __future__ import annotations

from daemon import errors
from daemon.i18n.languages import N_, say

QUESTION = N_("More than one column could have the phone numbers. Choose one.")


def doubt(error: Exception | str | None) -> errors.ChoosePhoneColumn | None:
    """What `list_parts.html` asks for, if that is what went wrong."""
    return error if isinstance(error, errors.ChoosePhoneColumn) else None


def said(error: Exception | str | None) -> str:
    """The error in the reader's language, for a page, on which nobody names a parameter; "" for none."""
    if doubt(error):
        return say(QUESTION)
    return say(error.told if isinstance(error, errors.DaemonError) else str(error or ""))
