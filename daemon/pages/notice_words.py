"""What browsers show of notices, by their codes."""

from __future__ import annotations

import json

from daemon.i18n import languages
from daemon.i18n.languages import N_
from daemon.ops.refusals import Notice as Says

WORDS = {  # without names or numbers: others may see the screen
    Says.LOGGED_OUT: N_("An account is logged out: link it again."),
    Says.HELD: N_("An account is held, and its campaigns wait."),
    Says.STALLED: N_("Nothing has been sent for ten minutes, although messages are due."),
    Says.FINISHED: N_("A campaign is finished."),
    Says.UNDECIDED: N_("It is unclear whether messages went out: decide about them."),
    Says.BACKUP_FAILED: N_("A backup has failed."),
    Says.TEST: N_("This is a test. Notices from wasender arrive."),
}


def words() -> str:
    """What the browser shows, by code, in the reader's language: JSON."""
    return json.dumps({code.value: languages.gettext(each) for code, each in WORDS.items()}, ensure_ascii=False)
