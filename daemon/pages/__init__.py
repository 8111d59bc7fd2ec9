"""The web page `/app`: server-rendered, with a small script of our own.

A page that is open stays true by being rendered again: its script listens to `/events`, and when something
has changed it fetches the same address and takes over what differs. So each word stands in one place only.
"""

from __future__ import annotations

from aiohttp import web

from daemon.pages import (
    accounts,
    audit,
    cloud_setup,
    cloud_templates,
    confirmations,
    consent,
    draft_finish,
    draft_message,
    draft_numbers,
    draft_rules,
    draft_start,
    draft_template,
    draft_when,
    drafts,
    imports,
    jobs,
    keys,
    lists,
    login,
    login_steps,
    moving,
    notices,
    overview,
    pressed,
    privacy,
    replies,
    scheduled,
    second_factor,
    series,
    shell,
    steps,
    suppressions,
    templates,
    users,
    ways_back,
    webhooks,
    working,
)

NEW = (steps, drafts, draft_rules, draft_numbers, draft_message, draft_template, draft_when, draft_finish, draft_start)
JOBS = (jobs, confirmations, scheduled, moving, series, pressed)
routes: list[web.AbstractRouteDef] = [
    route
    for part in (
        shell,
        accounts,
        login,
        login_steps,
        users,
        second_factor,
        keys,
        webhooks,
        overview,
        *JOBS,
        *NEW,
        templates,
        cloud_setup,
        cloud_templates,
        imports,
        lists,
        replies,
        suppressions,
        consent,
        privacy,
        notices,
        audit,
    )
    for route in part.routes
]


def set_up(app: web.Application) -> None:
    """Templates and styles, and room for what takes a while."""
    shell.set_up(app)
    app[working.WORKS] = {}
    app.on_shutdown.append(working.stop)


ONE_BY_ONE = login.ONE_BY_ONE
Turns = login.Turns
lead_back = ways_back.lead_back
