"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    SUPERVISORD_ENDED = "supervisord_ended", "supervisord has ended: see {log} and run/supervisord.log."
    HTTP_NOT_UP = "http_not_up", "The http process does not start: see {log}."
