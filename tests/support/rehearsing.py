"""Drafts that are ready for their dry run."""

from __future__ import annotations

import secrets
from typing import Any

from daemon.accounts import directory, pacing
from daemon.campaigns import create, drafts, dry_run
from daemon.campaigns.draft_content import Changes, ChosenNumbers, Report, When
from daemon.campaigns.drafts import Draft
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.models import Message
from daemon.states import Ack
from daemon.transports.protocol import Mark, Receipt
from tests.support.contacts import pasted

NUMBERS = [f"+491511{n:07}" for n in range(4)]


def send_to(settings: Any, number: str, **order: Any) -> None:
    """A campaign that this person has got."""
    job_id = create.create(settings, create.Order("x", numbers=[number], **order), "test", clock.now_ms()).job_id
    message = Message.get(Message.job == job_id)
    now = clock.now_ms()
    (message,) = claim.claim("default", 1, now, 60_000, pacing.Rules())
    assert number == message.number
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    moves.confirm(message, Receipt("id", Ack.SENT), now)


def rehearse(settings: Any, draft: Draft, days: int = 7, leave_out: bool = True) -> Report:
    fresh = drafts.find(draft.id)
    dry_run.run(settings, draft.id, fresh.version, days, leave_out, clock.now_ms())
    found = drafts.report(fresh)
    assert found is not None
    return found


def prepare(settings: Any, numbers: list[str] = NUMBERS) -> Draft:
    """A draft for four people, or those with these numbers, up to its dry run."""
    directory.open_account("default", clock.now_ms())
    draft = drafts.begin(secrets.token_hex(16), "test", clock.now_ms())
    draft = drafts.take_sheets(settings, draft, pasted(numbers), clock.now_ms())
    assert draft.data.columns is not None
    columns = draft.data.columns.model_copy(update={"sure": True})
    when = When(account="default", delay_min=1, delay_max=1)
    changes: Changes = {"columns": columns, "numbers": ChosenNumbers(seen=True), "text": "Hi", "when": when}
    return drafts.save(draft.id, draft.version, changes, clock.now_ms(), "Spring")
