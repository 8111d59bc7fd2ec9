"""Which sheet of a workbook has the people."""

from __future__ import annotations

from collections.abc import Sequence

from daemon import errors
from daemon.contacts import phone_column
from daemon.contacts.refusals import Why
from daemon.formats.tabular import Sheet


def people_sheet(found: Sequence[Sheet], filename: str, default_country: str, wanted: str | None) -> Sheet:
    """The sheet that is wanted, or the only one that has numbers, of the visible ones if there are any.

    Raises UnreadableFile when several have, for a title that none has, and for formulas without results.
    """
    if wanted is not None:
        titled = [each for each in found if each.title.strip().casefold() == wanted.strip().casefold()]
        if not titled:
            raise errors.UnreadableFile(Why.NO_SHEET, file=filename, name=f"{wanted[:60]!r}", sheets=_titles(found))
        return solved(titled, filename)[0]
    seen = [each for each in found if each.visible] or found
    peopled = [each for each in seen if phone_column.plausible(each.rows, default_country)]
    if len(peopled) > 1:
        raise errors.UnreadableFile(Why.NUMBERS_ON_SEVERAL_SHEETS, file=filename, sheets=_titles(peopled))
    if peopled:
        return solved(peopled, filename)[0]
    unsolved = [each for each in seen if each.unsolved]
    return solved(unsolved, filename)[0] if unsolved else (*seen, Sheet("", []))[0]


def solved(found: Sequence[Sheet], filename: str) -> list[Sheet]:
    """Those in which nothing is missing that a person sees there. Raises UnreadableFile when there is none."""
    whole = [each for each in found if not each.unsolved]
    if not whole:
        raise errors.UnreadableFile(Why.FORMULA_UNSOLVED, cell=found[0].unsolved, file=filename)
    return whole


def likeliest(found: Sequence[Sheet], default_country: str) -> int:
    """Index of the first sheet that has numbers; 0 where none has."""
    have = (phone_column.plausible(each.rows, default_country) for each in found)
    return next((at for at, has in enumerate(have) if has), 0)


def _titles(found: Sequence[Sheet]) -> str:
    return ", ".join(repr(each.title[:60]) for each in found[:10])
