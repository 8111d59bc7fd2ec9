"""New campaign, the last steps: when, the dry run, a test to oneself, the start."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from aiohttp import web

from daemon import accounts, campaigns, contacts, drafts, errors, languages, pacing, rehearsal, uploads
from daemon.config import Settings
from daemon.db import now_ms
from daemon.models import Draft, Job
from daemon.pages.shell import only
from daemon.pages.steps import CONTEXTS, PATH, Form, get_step, go, load, post_step, show_step, text_of, whole
from daemon.pages.views import job_view, name_columns
from daemon.pages.words import WAITS, formatted, lasts
from daemon.web import SETTINGS, Role, caller, in_db, posted, require_key

routes = web.RouteTableDef()

PAGE = 50


# When


@routes.get(PATH + "/when")
@only(Role.OPERATOR)
async def when(request: web.Request) -> web.StreamResponse:
    """Name, time, window, cap, pauses, account."""
    return await get_step(request, "when")


@routes.post(PATH + "/when")
async def set_time(request: web.Request) -> web.StreamResponse:
    """Keep them."""
    return await post_step(request, "when", _set_time)


def _when(settings: Settings, draft: Draft, entered: Form | None, query: Mapping[str, str]) -> dict[str, Any]:
    kept = draft.data.get("when") or {}
    rules = campaigns.rules_of(settings, kept.get("account") or settings.account)
    zone = languages.zone.get()
    window = (kept.get("window") or "-").partition("-")
    at = datetime.fromtimestamp(kept["at"] / 1000, ZoneInfo(kept.get("zone") or zone)) if kept.get("at") else None
    values = {
        "name": draft.name,
        "start": "at" if at else "now",
        "at": at.strftime("%Y-%m-%dT%H:%M") if at else "",
        "zone": kept.get("zone") or zone,
        "from": window[0],
        "to": window[2],
        "daily_cap": str(kept.get("daily_cap") or ""),
        "delay_min": f"{kept.get('delay_min', settings.delay_min):g}",
        "delay_max": f"{kept.get('delay_max', settings.delay_max):g}",
        "account": kept.get("account") or settings.account,
    }
    if entered:
        values |= {name: text_of(entered, name) for name in values}
    known = [row.name for row in accounts.every() if row.name != settings.account]
    account_now = datetime.fromtimestamp(now_ms() / 1000, ZoneInfo(rules.zone)).strftime("%H:%M")
    return {
        "values": values,
        "accounts": [settings.account, *known],
        "zones": sorted({zone, rules.zone, values["zone"], "UTC"}),
        "account_zone": rules.zone,
        "account_now": account_now,
        "rules": rules,
        "settings": settings,
    }


def _set_time(settings: Settings, draft: Draft, form: Form) -> str | None:
    drafts.save(draft.id, draft.version, {"when": _chosen(settings, form)}, text_of(form, "name"))
    return None


def _chosen(settings: Settings, form: Form) -> dict[str, Any]:
    account = text_of(form, "account") or settings.account
    if account != settings.account and account not in {row.name for row in accounts.every()}:
        raise errors.InvalidInput("Choose one of the accounts in the list.")
    low, high = (_seconds(form, name) for name in ("delay_min", "delay_max"))
    if low > high:
        raise errors.InvalidInput("The pause in seconds: give the shorter one first.")
    start, end = text_of(form, "from").strip()[:5], text_of(form, "to").strip()[:5]
    window = f"{start}-{end}" if start or end else None
    try:
        pacing.window(window)
    except ValueError:
        raise errors.InvalidInput("Give both times of the window, two different ones, or neither.") from None
    cap = 0
    if text_of(form, "daily_cap").strip():
        cap = whole(form, "daily_cap", 1, campaigns.MAX_DAILY_CAP, "The most messages a day")
    zone = text_of(form, "zone")
    chosen = {"account": account, "delay_min": low, "delay_max": high, "window": window, "daily_cap": cap, "zone": zone}
    return chosen | {"at": _instant(form, zone) if text_of(form, "start") == "at" else None}


def _seconds(form: Form, name: str) -> float:
    try:
        seconds = float(text_of(form, name).strip().replace(",", "."))
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= campaigns.MAX_DELAY_S:
        raise errors.InvalidInput(f"The pause is a number of seconds, 0 to {campaigns.MAX_DELAY_S:,}.")
    return seconds


def _instant(form: Form, zone: str) -> int:
    """The time that was entered, as UTC ms. Raises InvalidInput."""
    if zone not in available_timezones():
        raise errors.InvalidInput("Choose one of the time zones in the list.")
    try:
        local = datetime.fromisoformat(text_of(form, "at"))
    except ValueError:
        raise errors.InvalidInput("Give the day and the time at which it begins.") from None
    at = round(local.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    if at < now_ms():
        raise errors.InvalidInput("This time has passed: choose a later one, or begin at once.")
    return at


# The dry run


@routes.get(PATH + "/check")
@only(Role.OPERATOR)
async def check(request: web.Request) -> web.StreamResponse:
    """What the dry run found; `?reason=` shows those it is about, a page at a time."""
    return await get_step(request, "check")


@routes.post(PATH + "/check")
async def run(request: web.Request) -> web.StreamResponse:
    """Look at everybody, and freeze what is found."""
    return await post_step(request, "check", _run)


def _run(settings: Settings, draft: Draft, form: Form) -> str | None:
    days = whole(form, "days", 1, drafts.MAX_RECENT_DAYS, "The number of days")
    rehearsal.run(settings, draft.id, draft.version, days, text_of(form, "recent") != "keep")
    return f"/app/drafts/{draft.id}/check"


def _check(settings: Settings, draft: Draft, entered: Form | None, query: Mapping[str, str]) -> dict[str, Any]:
    found, audience = rehearsal.current(settings, draft)
    recent = draft.data.get("recent") or {"days": drafts.RECENT_DAYS, "leave_out": True}
    test = draft.data.get("test") or {}
    job = Job.get_or_none(Job.id == test["job"]) if test.get("job") else None
    context = {
        "found": found,
        "valid": audience is not None,
        "days": text_of(entered, "days") if entered and "days" in entered else str(recent["days"]),
        "leave_out": text_of(entered, "recent") != "keep" if entered and "recent" in entered else recent["leave_out"],
        "reasons": rehearsal.REASONS,
        "test_number": text_of(entered, "number") if entered and "number" in entered else test.get("number", ""),
        "test_job": job_view(settings, job) if job else None,
        "nonce": secrets.token_hex(8),
        "waits": WAITS,
        "shown": None,
    }
    if found is None or audience is None:
        return context
    names = name_columns(drafts.fields(draft))
    context["lasts"] = lasts(found["ends"] - found["starts"]) if found["ends"] else ""
    context["people"] = [(row, _called(fields, names), number) for row, number, fields, _ in audience[:PAGE]]
    reason = query.get("reason", "")
    page = int(query["page"]) if query.get("page", "").isdecimal() and len(query["page"]) < 7 else 0
    window = slice(page * PAGE, (page + 1) * PAGE)
    if reason == "people":
        rows = [(row, number, _called(fields, names)) for row, number, fields, _ in audience[window]]
        context["shown"] = {"reason": reason, "rows": rows, "page": page, "last": (len(audience) - 1) // PAGE}
    elif reason in found["counts"]:
        all_rows = [(row, value, text) for row, value, code, text in found["left_out"] if code == reason]
        last = (len(all_rows) - 1) // PAGE
        context["shown"] = {"reason": reason, "rows": all_rows[window], "page": page, "last": last}
    return context


def _called(fields: Mapping[str, str], names: list[str]) -> str:
    return " ".join(filter(None, (fields.get(name, "") for name in names)))


# A test to oneself


@routes.post(PATH + "/test")
async def test(request: web.Request) -> web.StreamResponse:
    """Send one of the messages to oneself."""
    require_key(request)
    draft, form = await load(request), await posted(request)
    row = text_of(form, "row")
    position = int(row) if row.isdecimal() and len(row) < 10 else -1
    arguments = (draft.id, text_of(form, "number"), position, text_of(form, "nonce")[:40], caller(request))
    try:
        await in_db(request, rehearsal.send_test, request.app[SETTINGS], *arguments)
    except (errors.InvalidInput, errors.DraftChanged) as error:
        return await show_step(request, draft, "check", form, error)
    return await go(request, f"/app/drafts/{draft.id}/check#test")


# Start


@routes.get(PATH + "/start")
@only(Role.OPERATOR)
async def confirm(request: web.Request) -> web.StreamResponse:
    """Who, what and when, once more; nothing has been sent yet."""
    return await get_step(request, "start")


def _start(settings: Settings, draft: Draft, entered: Form | None, query: Mapping[str, str]) -> dict[str, Any]:
    found, audience = rehearsal.current(settings, draft)
    audience = audience or []
    files = uploads.attachments(draft.data.get("attachments", []))
    when = draft.data.get("when") or {}
    first = audience[0] if audience else None
    text = draft.data.get("text", "")
    who = contacts.Contact(*first) if first else None
    shown = rehearsal.preview(text, who, drafts.fields(draft), bool(files) or drafts.own_files(draft)).text
    return {
        "found": found,
        "audience": len(audience),
        "files": files,
        "own": sum(ids is not None for *_, ids in audience),
        "when_": when,
        "account_zone": campaigns.rules_of(settings, when.get("account") or settings.account).zone,
        "text": text,
        "html": formatted(shown),
        "lasts": lasts(found["ends"] - found["starts"]) if found and found["ends"] else "",
    }


@routes.post(PATH + "/start")
async def start(request: web.Request) -> web.StreamResponse:
    """Make it a campaign; pressed twice, or again from the browser's history, it is the same one."""
    require_key(request)
    form = await posted(request)
    draft = await load(request)
    version = text_of(form, "version")
    arguments = (draft.id, int(version) if version.isdecimal() and len(version) < 10 else -1, caller(request))
    try:
        job_id = await in_db(request, drafts.start, request.app[SETTINGS], *arguments)
    except (errors.InvalidInput, errors.DraftChanged, errors.NotFound) as error:
        return await show_step(request, await load(request), "check", None, error)
    return await go(request, f"/app/jobs/{job_id}")


CONTEXTS["when"] = _when
CONTEXTS["check"] = _check
CONTEXTS["start"] = _start
