"""New campaign, numbers: problems by kind, the old number beside the new one, and what the person decides."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import babel
import phonenumbers
from aiohttp import web

from daemon import errors
from daemon.campaigns import create, drafts, shared_numbers
from daemon.campaigns.draft_content import ChosenNumbers
from daemon.campaigns.drafts import Draft
from daemon.campaigns.shared_numbers import Shared
from daemon.config import Settings
from daemon.contacts import columns, phone, phone_repair
from daemon.contacts.columns import LANDLINE, Candidate
from daemon.contacts.person import Person
from daemon.contacts.phone_repair import Kind
from daemon.i18n import languages
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import only
from daemon.pages.steps import AS_TYPED, CONTENTS, PATH, StepContent, get_step, load, post_step
from daemon.server.visitors import in_db
from daemon.states import Role

routes = web.RouteTableDef()

PAGE = 50
SHOWN_SHARED = 20
GROUPS = (*(kind.value for kind in Kind if kind is not Kind.GOOD), LANDLINE)
TITLES: dict[str, str] = {**{kind.value: text for kind, text in phone_repair.TITLES.items()}, LANDLINE: N_("Landlines")}
REASONS: dict[str, str] = {
    **{kind.value: text for kind, text in phone_repair.REASONS.items()},
    LANDLINE: N_("Landlines are probably not on WhatsApp. They are messaged anyway."),
}


@routes.get(PATH + "/numbers")
@only(Role.OPERATOR)
async def look(request: web.Request) -> web.StreamResponse:
    """The groups of problems, or with `?group=` the rows of one group, a page at a time."""
    return await get_step(request, "numbers")


@routes.post(PATH + "/numbers")
async def decide(request: web.Request) -> web.StreamResponse:
    """Set the default country, or decide about one row or a whole group."""
    return await post_step(request, "numbers", forms.Decision, _decide)


@dataclass(frozen=True)
class Group:
    """The rows with the same problem. usable: how many have a number; suggestions: for how many there is one; accepted,
    left: what was decided about all of them; example: one of them."""

    name: str
    title: str
    reason: str
    count: int
    usable: int
    suggestions: int
    accepted: bool
    left: bool
    example: Candidate | None
    name_of_example: str


@dataclass(frozen=True)
class NumbersStep(StepContent):
    """usable, twice, left: how many people can be messaged, how many rows have a number that another one has, or none;
    ruled: how many further ones the rules exclude; group: whose rows are shown, None for the overview; entries: numbers
    that were entered, by the name of their field; page, last: of its rows, from 0; names: of those, by row. shared:
    the first numbers that several rows have, more_shared: how many further ones; per: what such rows get."""

    template: ClassVar = "draft_numbers.html"

    total: int
    usable: int
    twice: int
    left: int
    ruled: int
    shared: list[Shared]
    more_shared: int
    per: str
    names: dict[int, str]
    groups: list[Group]
    group: Group | None
    rows: list[Candidate]
    entries: dict[str, str]
    page: int
    last: int
    country: str
    countries: Sequence[tuple[str, str]]


def _numbers(settings: Settings, draft: Draft, entered: Posted, query: Posted) -> NumbersStep:
    everybody, chosen = drafts.people(draft), drafts.decisions(draft)
    people = [each for each in everybody if not each.ruled]
    shown = entered or query
    group = shown.text("group") if shown.text("group") in GROUPS else ""
    at = shown.index("page")
    grouped: dict[str, list[Candidate]] = {}
    for each in people:
        grouped.setdefault(each.group, []).append(each)
    rows = grouped.get(group, [])
    entries = entered.texts(f"number-{each.position}" for each in rows) if entered else {}
    good = [Person(each.number).key for each in people if each.number]
    shared = _shared(draft, people)
    per = entered.text("per") or draft.data.numbers.per
    more = sum(len(each.names) - 1 for each in shared) if per == create.PER_ROW else 0
    fields = drafts.fields(draft)
    window = rows[at * PAGE : (at + 1) * PAGE]
    return NumbersStep(
        shared=shared[:SHOWN_SHARED],
        more_shared=max(0, len(shared) - SHOWN_SHARED),
        per=per,
        names={each.position: shared_numbers.called(each, fields) for each in window},
        total=len(people),
        usable=len(set(good)) + more,
        twice=len(good) - len(set(good)) - more,
        left=sum(each.number is None for each in people),
        ruled=len(everybody) - len(people),
        groups=[_group(name, grouped[name], chosen, fields) for name in GROUPS if name in grouped],
        group=_group(group, rows, chosen, fields) if group else None,
        rows=window,
        entries=entries,
        page=at,
        last=max(0, (len(rows) - 1) // PAGE),
        country=entered.text("country") if "country" in entered else chosen.country,
        countries=countries(languages.language.get()),
    )


def _shared(draft: Draft, people: Sequence[Candidate]) -> list[Shared]:
    return shared_numbers.shared(people, drafts.fields(draft))


def _group(name: str, rows: list[Candidate], chosen: columns.Decisions, fields: Sequence[str]) -> Group:
    example = next((each for each in rows if each.found.suggestion or each.number), rows[0] if rows else None)
    return Group(
        name=name,
        title=TITLES[name],
        reason=REASONS[name],
        count=len(rows),
        usable=sum(each.number is not None for each in rows),
        suggestions=sum(each.found.suggestion is not None for each in rows),
        accepted=name in chosen.accepted,
        left=name in chosen.left,
        example=example,
        name_of_example=shared_numbers.called(example, fields) if example else "",
    )


@lru_cache(16)
def countries(language: str) -> list[tuple[str, str]]:
    """(ISO code, name with its code) of every country that has telephone numbers, by name."""
    names = babel.Locale.parse(language).territories
    codes = [code for code in phonenumbers.SUPPORTED_REGIONS if len(code) == 2]
    named = [(c, f"{names.get(c, c)} (+{phonenumbers.country_code_for_region(c)})") for c in codes]
    return sorted(named, key=lambda each: each[1].casefold())


def _decide(settings: Settings, draft: Draft, form: forms.Decision, now: int) -> str | None:
    what, which = form.go.what, form.go.which
    before = changed = draft.data.numbers
    country = form.country if form.country is not None else before.country
    if country and country not in phonenumbers.SUPPORTED_REGIONS:
        raise errors.InvalidInput(Why.COUNTRY_NOT_LISTED)
    if country != before.country:  # earlier decisions were about other suggestions
        changed = before.model_copy(update={"country": country, "accepted": (), "left": ()})
    if form.per in (create.PER_NUMBER, create.PER_ROW):  # whichever button was pressed then
        changed = changed.model_copy(update={"per": form.per})
    here = f"/app/drafts/{draft.id}/numbers"
    group = form.group
    if what in ("next", "leave", "country", AS_TYPED):
        if what == "next" and not changed.per and _shared(draft, drafts.people(draft)):
            raise errors.InvalidInput(Why.SHARED_NOT_DECIDED)
        changed = changed.model_copy(update={"seen": changed.seen or what == "next"})
        drafts.save(draft.id, draft.version, {"numbers": changed}, now)
        return here if what == "country" else None
    if what in ("accept-all", "leave-all", "undo-all") and which in GROUPS:
        drafts.save(draft.id, draft.version, {"numbers": _of_group(draft, changed, what, which)}, now)
        return here + (f"?group={which}" if group else "")
    if what in ("accept", "leave-out", "undo"):
        fixes = dict(changed.fixes)
        fixes.pop(which, None)
        if what != "undo":
            fixes[which] = _typed(form.number.get(which, ""), which, country) if what == "accept" else ""
        drafts.save(draft.id, draft.version, {"numbers": changed.model_copy(update={"fixes": fixes})}, now)
        return f"{here}?group={group if group in GROUPS else ''}&page={form.page}#row-{which}"
    return f"{here}?group={group}" if group in GROUPS else here


def _of_group(draft: Draft, changed: ChosenNumbers, what: str, group: str) -> ChosenNumbers:
    """The decision about a whole group; it replaces decisions about its single rows."""
    mine = {str(each.position) for each in drafts.people(draft) if each.group == group}
    accepted, left = set(changed.accepted) - {group}, set(changed.left) - {group}
    if what == "accept-all":
        accepted.add(group)
    elif what == "leave-all":
        left.add(group)
    fixes = {position: fix for position, fix in changed.fixes.items() if position not in mine}
    said = {"accepted": tuple(sorted(accepted)), "left": tuple(sorted(left)), "fixes": fixes}
    return changed.model_copy(update=said)


def _typed(text: str, position: str, country: str) -> str:
    """The number that a person entered or accepted for a row. Raises InvalidNumber."""
    try:
        return phone.normalise(text, country)
    except errors.InvalidNumber as error:
        raise errors.InvalidNumber(Why.ROW_UNFIT, row=position, why=error.told) from None


@routes.get(PATH + "/rejected.csv")
@only(Role.OPERATOR)
async def rejected(request: web.Request) -> web.StreamResponse:
    """The rows with an unusable number, as a file that can be corrected and uploaded again."""
    return await _download(request, "rejected.csv")


@routes.get(PATH + "/left-out.csv")
@only(Role.OPERATOR)
async def left_out(request: web.Request) -> web.StreamResponse:
    """The rows of everybody that the dry run excludes, in the same form."""
    return await _download(request, "left-out.csv")


async def _download(request: web.Request, name: str) -> web.StreamResponse:
    draft = await load(request)
    text = io.StringIO()
    csv.writer(text).writerows(await in_db(request, _rejected, draft, name == "left-out.csv"))
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return web.Response(body=("\ufeff" + text.getvalue()).encode(), headers=headers)


def _rejected(draft: Draft, all_of_them: bool) -> list[list[str]]:
    if all_of_them:
        found = drafts.report(draft)
        reasons = {each.row: str(each.details) for each in found.left_out} if found else {}
    else:
        reasons = {
            each.position: each.reason for each in drafts.people(draft) if each.number is None and not each.ruled
        }
    return columns.returned(drafts.rows(draft), drafts.columns(draft), reasons)


CONTENTS["numbers"] = _numbers
