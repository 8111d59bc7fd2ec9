"""When a campaign that is not started yet would begin and end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from daemon.accounts import directory, handovers, limits, pace, pacing, portfolios, rights
from daemon.campaigns import create
from daemon.campaigns.draft_content import Forecast, When
from daemon.campaigns.drafts import Draft
from daemon.config import Settings
from daemon.models import Job
from daemon.states import MAY_RUN, JobState

TRIES = 10


def forecast(settings: Settings, draft: Draft, people: int, now: int) -> Forecast:
    """When the first and the last message will be sent, with the present pace, windows and caps, and with the other
    messages queued for the account: running jobs take turns."""
    when = draft.data.when or When()
    account = when.account or rights.usual(settings.account)
    rules, own = limits.rules_of(settings, account), limits.settings_of(settings, account)
    terms = pacing.Terms(pacing.window(when.window), when.daily_cap)
    others = [job for job in _others(account, max(now, when.at or 0)) if job.pending and job.id != draft.data.replaces]
    queued = sum(job.pending for job in others)
    opens = _opens(account, max(now, when.at or now), now, rules, terms)
    if opens is None or not people:
        return Forecast(starts=None, why=pacing.Why.READY, ends=None, jobs=len(others), messages=queued)
    streak, slow = directory.pace(account, now)
    given = when.delay_min is not None or when.delay_max is not None
    pause = create.delays(own, when.delay_min, when.delay_max)
    sends = limits.send_ms(settings, account)
    delays = pacing.with_send(pacing.slowed(limits.spacing(own, pause, given), slow), sends)
    rules = rules if pacing.pauses(rules.paced, pause[1], given) else replace(rules, long_pause_every=0)
    alone = pacing.eta(people, opens, delays, streak, pacing.narrowed(rules, terms))
    shared = people + sum(min(people, job.pending) for job in others)
    past = handovers.by_minute(account, now - pacing.DAY_MS, now) if rules.windows() else []
    window_only = pacing.narrowed(rules, pacing.Terms(terms.window))
    together = pacing.eta(shared, opens, delays, streak, window_only, past)
    room_for_all = portfolios.opens_at(rules.portfolio, now, shared)
    ends = max(alone or 0, together or 0, room_for_all or 0) + sends
    return Forecast(starts=opens.at, why=opens.why, ends=ends, jobs=len(others), messages=queued)


def _others(account: str, until: int) -> Iterator[Job]:
    """The account's jobs that would take turns with one starting then."""
    begun = Job.state.in_(sorted(MAY_RUN)) | ((Job.state == JobState.SCHEDULED) & (Job.schedule_at <= until))
    return iter(Job.select().where(Job.account == account, begun))


def _opens(account: str, begins: int, now: int, rules: pacing.Rules, terms: pacing.Terms) -> pacing.Opening | None:
    """When both the account and the draft's window allow the first message; None if they never agree."""
    found = pace.opening(account, now, rules)
    if begins > found.at:
        found = pacing.Opening(begins, pacing.Why.READY)
    at = portfolios.opens_at(rules.portfolio, now)
    if at is not None and at > found.at:
        found = pacing.Opening(at, pacing.Why.PORTFOLIO_LIMIT)
    for _ in range(TRIES):
        quiet = pacing.quiet_until(found.at, rules)
        if quiet > found.at:
            found = pacing.Opening(quiet, pacing.Why.QUIET_HOURS)
        own = pacing.job_opening(found.at, terms, rules.zone, lambda _n, _since: None)
        if own.at == found.at:
            return found
        found = own
    return None
