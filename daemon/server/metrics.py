"""The numbers of `GET /metrics`, read from the database at each scrape (Prometheus text format)."""

from __future__ import annotations

from daemon.accounts import directory
from daemon.campaigns import progress
from daemon.db import clock
from daemon.delivery import cloud_inbox


def exposition() -> bytes:
    """All metrics in Prometheus' format, without telephone numbers or texts."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest  # slow to load, and many never ask

    registry = CollectorRegistry()
    now = clock.now_ms()
    messages = Gauge("wasender_messages", "Messages by the state they are in.", ["state"], registry=registry)
    for state, count in progress.totals().items():
        messages.labels(state).set(count)
    jobs = Gauge("wasender_jobs", "Jobs by their stored state.", ["state"], registry=registry)
    for state, count in progress.job_totals().items():
        jobs.labels(state).set(count)
    ready = Gauge("wasender_account_can_send", "1 when the account can send now.", ["account"], registry=registry)
    hold = Gauge(
        "wasender_account_state", "1 for the state the account is in.", ["account", "state"], registry=registry
    )
    seen = Gauge("wasender_account_silent_seconds", "Time since its sender reported.", ["account"], registry=registry)
    for account in directory.every():
        ready.labels(account.name).set(directory.can_send(account, now))
        hold.labels(account.name, account.state).set(1)
        seen.labels(account.name).set((now - account.seen_at) / 1000)
    left_out = Gauge(
        "wasender_cloud_left_out",
        "Things that Meta told and that came to nothing",
        ["account", "kind"],
        registry=registry,
    )
    for (account_name, kind), count in cloud_inbox.counts().items():
        left_out.labels(account_name, kind).set(count)
    aside = Gauge("wasender_cloud_batches_set_aside", "Posted batches that could not be read", registry=registry)
    aside.set(cloud_inbox.set_aside_count())
    return generate_latest(registry)
