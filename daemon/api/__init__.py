"""The REST API: each endpoint is declared once, with its input, answer and errors (`endpoint.py`)."""

from __future__ import annotations

from daemon.api import (
    accounts,
    audit,
    cloud,
    cloud_setup,
    cloud_templates,
    confirmations,
    docs,
    events,
    following,
    health,
    jobs,
    keys,
    lists,
    messages,
    people,
    replies,
    series,
    suppressions,
    templates,
    uploads,
    webhooks,
)
from daemon.api.endpoint import routes

__all__ = [
    "accounts",
    "audit",
    "cloud",
    "cloud_setup",
    "cloud_templates",
    "confirmations",
    "docs",
    "events",
    "following",
    "health",
    "jobs",
    "keys",
    "lists",
    "messages",
    "people",
    "replies",
    "routes",
    "series",
    "suppressions",
    "templates",
    "uploads",
    "webhooks",
]
