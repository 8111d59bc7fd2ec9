"""What was removed from a job because of its age (delivery/forgetting.py), in words: so that nobody takes what is empty
now for what it was."""

from __future__ import annotations

from collections.abc import Callable

from daemon.campaigns.refusals import Gone
from daemon.campaigns.rows import JobRow
from daemon.delivery import compose
from daemon.delivery.forgetting import Kind
from daemon.i18n.coded import Coded, refusal
from daemon.states import E164

IN_A_REPORT = "(removed)"  #: in the place of a field


MARKS: dict[Kind, tuple[Gone, Callable[[JobRow], int | None]]] = {
    Kind.TEXTS: (Gone.TEXTS, lambda job: job.texts_gone_at),
    Kind.FIELDS: (Gone.FIELDS, lambda job: job.fields_gone_at),
    Kind.REJECTED: (Gone.REJECTED, lambda job: job.rejected_gone_at),
    Kind.HISTORY: (Gone.HISTORY, lambda job: job.history_gone_at),
    Kind.RECIPIENTS: (Gone.RECIPIENTS, lambda job: job.recipients_gone_at),
}


def removed(job: JobRow) -> dict[str, int]:
    """When what was removed from it, UTC ms, by kind."""
    return {kind.value: at for kind, (_, when) in MARKS.items() if (at := when(job)) is not None}


def why(job: JobRow, *kinds: Kind) -> list[Coded]:
    """A sentence for each of these kinds that was removed from it."""
    return [refusal(MARKS[kind][0]) for kind in kinds if MARKS[kind][1](job) is not None]


def unreadable(job: JobRow) -> list[Coded]:
    """Why nobody can say any more what its recipients got; empty where it can be said."""
    return why(job, Kind.TEXTS, *([Kind.FIELDS] if job.columns else []))


def text(job: JobRow, fields: dict[str, str], number: E164) -> str:
    """What the person with these fields got; "" where that cannot be said, see `unreadable`. Raises InvalidInput."""
    return "" if unreadable(job) else compose.text_of(job.text, job.formats, fields, number)
