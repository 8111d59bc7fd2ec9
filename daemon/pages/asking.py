"""Asking on a page which column of a file has the telephone numbers, in the form that brought it."""

from __future__ import annotations

from daemon import errors
from daemon.i18n.languages import N_, say
from daemon.pages.pointing import Said
from daemon.server import fields

QUESTION = N_("More than one column could have the phone numbers. Choose one.")


def doubt(error: Exception | str | None) -> errors.ChoosePhoneColumn | None:
    """What `list_parts.html` asks for, if that is what went wrong."""
    return error if isinstance(error, errors.ChoosePhoneColumn) else None


def said(error: Exception | str | None) -> str:
    """The error in the reader's language, for a page, on which nobody names a parameter; "" for none. `show` puts it
    at the field that it is about."""
    if doubt(error):
        return say(QUESTION)
    if isinstance(error, errors.DaemonError):
        return Said.of(say(error.told), fields.names(error))
    return say(str(error or ""))
