"""The order that a draft stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from daemon.accounts import rights
from daemon.campaigns import create, draft_styles
from daemon.campaigns.draft_content import Content, Exclusion, Reason, Report, When
from daemon.config import Settings
from daemon.contacts import importer
from daemon.contacts.importer import Contact
from daemon.models import KeyScope

if TYPE_CHECKING:
    from daemon.campaigns.drafts import Draft


def whole(
    settings: Settings, draft: Draft, fields: list[str], audience: Sequence[Contact], found: Report
) -> create.Order:
    """With the people that its dry run has found; a repeat makes the same job. fields: that the message may use."""
    rejected = left_out(found.left_out)
    chosen = create.Audience(
        people=audience,
        rejected=rejected,
        duplicates=found.counts.get(Reason.DUPLICATE, 0),
        place="row",
        source=draft.name,
        columns=fields,
    )
    return replace(order(settings, draft), audience=chosen, key=draft.id, scope=KeyScope.DRAFT)


def left_out(found: Iterable[Exclusion]) -> list[importer.Rejected]:
    """As a campaign keeps them."""
    return [importer.Rejected(each.row, each.value, each.details) for each in found]


def account(settings: Settings, content: Content) -> str:
    """The account that a draft of this is sent from, as far as that was said."""
    template, when = content.template, content.when
    chosen = (when.account if when else None) or (template.account if template else None)
    return chosen or rights.usual(settings.account)


def order(settings: Settings, draft: Draft) -> create.Order:
    """The order that the draft stands for, without its people: text, files, name, time, pace and limits."""
    data, when = draft.data, draft.data.when or When()
    return create.Order(
        text="" if data.template else data.text or "",
        template=data.template,
        attachments=[] if data.template else list(data.attachments),
        name=draft.name,
        account=when.account,
        delay_min=when.delay_min,
        delay_max=when.delay_max,
        schedule_at=when.at,
        window=when.window,
        daily_cap=when.daily_cap,
        language=draft_styles.language(settings, data),
        columns=draft_styles.columns(data),
        cloned_from=data.cloned_from,
        replaces=data.replaces,
        per=data.numbers.per or None,
        dated=when.dated,
    )
