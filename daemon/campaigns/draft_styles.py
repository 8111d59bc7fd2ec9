"""How a draft's message writes dates and amounts: in which language, and as chosen for its columns."""

from __future__ import annotations

from daemon.accounts import directory
from daemon.campaigns.draft_content import ChosenColumns, Content
from daemon.config import Settings
from daemon.formats import styles
from daemon.formats.styles import Column
from daemon.i18n import languages


def language(settings: Settings, data: Content) -> str:
    """The locale of its dates and amounts: the chosen one, or that of the people's country."""
    account = data.when.account if data.when else None
    country = data.numbers.country or directory.country(settings, account)
    return data.language or styles.usual(country, languages.language.get())


def columns(data: Content) -> tuple[tuple[str, Column], ...] | None:
    """How the fields are written for which something was chosen."""
    chosen = data.columns or ChosenColumns()
    named = [(chosen.names[at], Column(*each)) for at, each in sorted(chosen.styles.items()) if at < len(chosen.names)]
    return tuple(each for each in named if each[0]) or None
