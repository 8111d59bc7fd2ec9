"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    TOO_LARGE = "selectors_too_large", "{file} is too large for a {name}: use the file as it was published."
    UNREADABLE = ("selectors_unreadable", "{file} cannot be read ({reason}): check that it is there and readable.")
    NOT_UTF8 = "selectors_not_utf8", "{file} is not text in UTF-8: use the file as it was published."
    NOT_TOML = "selectors_not_toml", "{name} is not valid TOML: {reason}. Use the file as it was published."
    UNUSABLE = ("selectors_unusable", "{name} cannot be used: {problems}. Use the file as it was published.")
    NOT_NEWER = (
        "selectors_not_newer",
        "{file} is of {date}, and the file that came with this version of {ours}: it would not be used, so nothing was "
        "installed.",
    )
    NEWER_INSTALLED = (
        "selectors_newer_installed",
        "{file} is of {date}, and the installed one of {installed}: nothing was changed. Add --older to go back to it.",
    )
