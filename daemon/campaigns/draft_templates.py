"""The WhatsApp template that a draft is sent with."""

from __future__ import annotations

from daemon.accounts import limits
from daemon.campaigns import cloud_templates, draft_order, drafts
from daemon.campaigns.drafts import Draft
from daemon.config import Settings


def is_free_text(settings: Settings, draft: Draft) -> bool:
    """Whether a text is sent with the Cloud API, which reaches only whoever has written in the last 24 hours."""
    account = draft_order.account(settings, draft.data)
    return draft.data.template is None and limits.settings_of(settings, account).transport == "cloud"


def chosen(settings: Settings, draft: Draft, now: int) -> cloud_templates.Choice | None:
    """The WhatsApp template that its message is, with what is filled in. Raises InvalidInput, TemplateError."""
    if draft.data.template is None:
        return None
    account = draft_order.account(settings, draft.data)
    transport = limits.settings_of(settings, account).transport
    return cloud_templates.choose(account, transport, draft.data.template, now, drafts.own_files(draft))
