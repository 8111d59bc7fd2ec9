"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Recorded


class Unusable(Recorded):
    """The codes are API: they are added to, never changed."""

    FILE = "file_unusable", "{file} cannot be used ({reason}): {advice}."
    SOME_FILE = "some_file_unusable", "A file that wasender needs cannot be used ({reason}): {advice}."
