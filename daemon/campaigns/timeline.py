"""A job over time: its outcomes in equal intervals, and how fast it sends."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

from daemon.campaigns.rows import JobRow
from daemon.delivery import job_moves, tallies
from daemon.models import Message
from daemon.states import MAY_RUN, JobState

SECOND_MS = 1_000
HOUR_MS = 3_600 * SECOND_MS
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
STRETCHES = 48  # the most intervals shown
FINER = 12  # the average uses intervals this many times shorter, to leave out breaks
NOW_MS = 5 * 60 * SECOND_MS  # the period of the rate "now"
BREAK_MS = 10 * 60 * SECOND_MS  # anything longer is not a pause between two messages


@dataclass(frozen=True)
class Stretch:
    """How many messages had which outcome in the `width_ms` from `at` on."""

    at: int
    out: int = 0
    failed: int = 0
    other: int = 0  # uncertain, expired, skipped, cancelled
    accepted: int = 0  # accepted by WhatsApp, without a tick yet

    @property
    def total(self) -> int:
        return self.out + self.accepted + self.failed + self.other


@dataclass(frozen=True)
class Break:
    """Nothing was sent from `at` until `until`. paused: because somebody had paused it."""

    at: int
    until: int
    paused: bool


@dataclass(frozen=True)
class Course:
    """A job's intervals, without a gap from its first outcome to its last or to now; per hour: messages sent; breaks:
    oldest first."""

    width_ms: int
    stretches: list[Stretch]
    per_hour_now: float | None  # None: it does not send now
    per_hour: float | None  # on average, without breaks; None: too few to say
    breaks: list[Break]


def course(job: JobRow, now: int) -> Course:
    """What came of a job's messages from its start to its end, or to now while it runs: by its tallies, so that it
    takes no longer for a million messages than for ten thousand."""
    begun, ended = _ends(job, now)
    width = max(_width(ended - begun), job.tally_ms)
    fine = max(SECOND_MS, width // FINER, job.tally_ms)
    counted = tallies.of(job.id, fine)
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for at, counts in counted:
        # What a person settles long after the end counts at the end.
        found[min(max(at, begun), ended) // width * width].update(counts)
    if job.state == JobState.STOPPED and found:
        # Those cancelled by the stop were never tried: one high bar at the end would make all others invisible.
        last = max(found)
        found[last]["other"] = max(0, found[last]["other"] - job.cancelled)
    stretches = []
    if found:
        first = min(found)
        last = max(max(found), ended // width * width if job.state in MAY_RUN else 0)
        stretches = [Stretch(at, **found[at]) for at in range(first, last + 1, width)]
    sent = {at: counts["out"] for at, counts in counted if counts["out"]}
    pauses = _pauses(job, now)
    idle = (
        []
        if not counted
        else _idle([at for at, _ in counted if at <= ended], fine, now if job.state in MAY_RUN else None)
    )
    waits = [each for each in idle if not any(each.at < other.until and other.at < each.until for other in pauses)]
    breaks = sorted([*pauses, *waits], key=lambda each: each.at)
    return Course(width, stretches, _now(job, now), _average(sent, fine), breaks)


def _pauses(job: JobRow, now: int) -> list[Break]:
    """While somebody had it paused."""
    found, since = [], None
    for step in job_moves.steps(job.id):
        if step.move == "pause":
            since = step.at
        elif since is not None:
            found.append(Break(since, step.at, True))
            since = None
    if since is not None and job.state == JobState.PAUSED:
        found.append(Break(since, now, True))
    return found


def _idle(at: list[int], fine: int, now: int | None) -> list[Break]:
    """Between two outcomes, and since the last one, where that is far longer than a pause between two messages."""
    ends = [*at, now] if now is not None else at
    most = max(BREAK_MS, 2 * fine)
    return [Break(one + fine, other, False) for one, other in pairwise(ends) if other - one > most]


def _last_tried(job: JobRow) -> int | None:
    """When the last outcome was that is not of the stop: however much later that came, all before it is to be seen."""
    cancelled = job.cancelled
    for at, counts in reversed(tallies.of(job.id, job.tally_ms)):
        of_stop = min(cancelled, counts["other"])
        cancelled -= of_stop
        if sum(counts.values()) > of_stop:
            return at
    return None


def _ends(job: JobRow, now: int) -> tuple[int, int]:
    begun = job.started_at or job.created_at
    if job.state == JobState.STOPPED and job.cancelled:
        return begun, max(begun, _last_tried(job) or begun)
    if job.state in MAY_RUN:
        return begun, max(begun, now)
    return begun, max(begun, job.completed_at or tallies.newest(job.id) or begun)


def _width(ms: int) -> int:
    """The shortest of the usual widths (ms) that needs at most STRETCHES intervals."""
    fitting = (width * SECOND_MS for width in WIDTHS_S if ms < (STRETCHES - 1) * width * SECOND_MS)
    day = WIDTHS_S[-1] * SECOND_MS
    return next(fitting, day * (1 + ms // (day * (STRETCHES - 1))))


def _now(job: JobRow, now: int) -> float | None:
    if job.state not in MAY_RUN or job.started_at is None:
        return None
    over = min(NOW_MS, max(SECOND_MS, now - job.started_at))
    young = over < NOW_MS
    lately = Message.select().where(Message.job == job.id, Message.sent_at > now - over - young).count()
    if young:  # the first went out at once: after two seconds it would be thirty a minute
        lately = max(0, lately - 1)
    return float(lately * HOUR_MS / over)


def _average(sent: dict[int, int], fine: int) -> float | None:
    """Messages per hour between the first and the last, ignoring breaks."""
    at = sorted(sent)
    gaps = [later - earlier for earlier, later in pairwise(at)]
    breaks = [gap - fine for gap in gaps if gap > max(BREAK_MS, 2 * fine)]
    count = sum(sent.values())
    if count < 2:
        return None
    active = max(fine, sum(gaps) - sum(breaks))
    return (count - 1) * HOUR_MS / active
