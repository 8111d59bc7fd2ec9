"""Why a job's messages have failed: by reason, each with how many there are."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.campaigns.rows import JobRow
from daemon.delivery import reasons
from daemon.i18n.coded import Told, told
from daemon.i18n.languages import N_
from daemon.models import Message

OTHER = N_("Other reasons.")
LOOKED_AT = 50  # of those without a code: if these say the same, all are taken to


@dataclass(frozen=True)
class Failure:
    """A reason by its code, in words, and how many messages have failed for it."""

    code: str
    why: Told
    count: int


def of(job: JobRow) -> list[Failure]:
    """The reasons of the job, the most frequent first."""
    if not job.failed:
        return []
    return [Failure(code, why(job.id, code), count) for code, count in reasons.of(job.id).items()]


def why(job_id: int, code: str) -> Told:
    """The reason in words: as the first of these messages has it. What has no code may be of several reasons."""
    of_it = Message.select().where(Message.job == job_id, Message.failed_by == code).order_by(Message.id)
    found = list(of_it.limit(LOOKED_AT if code == reasons.WORDS_ONLY else 1))
    if not found or len({row.error for row in found}) > 1:
        return OTHER
    return told(found[0].error, found[0].coded) or OTHER
