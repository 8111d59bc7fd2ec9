"""The people of a list that is read anew for each run of a series: chosen as the draft of the series has chosen them.

Its rules, and what was said of single people and of groups, hold for those who come later, too; a list keeps its
columns, and those that are new since say nothing here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from daemon.campaigns import draft_content, drafts, dry_run
from daemon.campaigns.draft_content import Exclusion, Recent
from daemon.campaigns.drafts import Draft
from daemon.config import Settings
from daemon.contacts import columns, lists
from daemon.contacts.importer import Contact
from daemon.contacts.person import Person
from daemon.formats.tabular import Row
from daemon.states import E164, PersonKey


class Choice(NamedTuple):
    """What a series keeps, as JSON. content: of the draft, without what it says of single rows; titles: the list's
    columns then; fixes: what was said of single people, see `contacts.columns.Decisions`."""

    content: dict[str, Any]
    titles: list[str]
    fixes: dict[PersonKey, str]


def choice(draft: Draft, language: str | None) -> Choice:
    """What is to be kept of a draft whose people are those of a list. language: of its message."""
    numbers = draft.data.numbers.model_copy(update={"fixes": {}})
    content = draft.data.model_copy(update={"numbers": numbers, "language": language or "", "replaces": None})
    fixes = draft.data.numbers.fixes
    everybody = drafts.people(draft)
    said = {Person(E164(each.cell)).key: fixes[str(each.position)] for each in everybody if each.own}
    return Choice(draft_content.dump(content), drafts.rows(draft)[0].cells[1:], said)


def people(
    settings: Settings, name: str, kept: Choice, list_id: int, now: int
) -> tuple[list[Contact], list[Exclusion]]:
    """Who is on the list now and gets the message; of the others, why not. Raises NotFound."""
    everybody = lists.people(list_id)
    rows = [Row(0, ["number", *kept.titles])]
    rows += [Row(each.position, [each.number, *(each.fields.get(t, "") for t in kept.titles)]) for each in everybody]
    keys = {str(each.position): Person(each.number).key for each in everybody}
    data = draft_content.load(kept.content)
    numbers = data.numbers.model_copy(
        update={"fixes": {at: kept.fixes[k] for at, k in keys.items() if k in kept.fixes}}
    )
    # Who got the last run is not left out of this one; the limit for each person holds.
    changed = {"numbers": numbers, "recent": Recent(days=1, leave_out=False)}
    draft = Draft("", name, data.model_copy(update=changed), 0, "", now, None)
    candidates = columns.candidates(rows, drafts.columns(draft), drafts.decisions(draft))
    audience, left_out, _ = dry_run.sort(settings, draft, candidates, now)
    return audience, left_out
