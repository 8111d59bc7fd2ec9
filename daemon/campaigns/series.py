"""Campaigns that repeat by the week: each run becomes a campaign of its own when its time has come.

A run, the campaign that it became and the time of the next run are one transaction, and a series has each time once:
whichever process is killed whenever, no run is made twice, and none is lost. One whose time passed while wasender was
not running is left out, with the reason, instead of being sent late together with others. What a clock that was ahead
has left out, or ended, is set right once the clock is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import directory, limits, rights
from daemon.auth import audit
from daemon.campaigns import create, draft_order, draft_rows, drafts, list_runs, weekly
from daemon.campaigns.draft_content import ChosenTemplate, SourceKind, Weekly, When
from daemon.campaigns.refusals import Unmade, Why
from daemon.config import Settings
from daemon.contacts import lists, row_sets
from daemon.contacts.importer import Contact, Rejected
from daemon.db.clock import AHEAD_MS
from daemon.db.connection import after_commit, write
from daemon.db.proxy import in_order, locked, tuples
from daemon.delivery import interruptions
from daemon.delivery.refusals import Asks
from daemon.formats import styles
from daemon.i18n.coded import Told, filed, refusal, told
from daemon.models import Run, Series
from daemon.states import SeriesState

log = structlog.get_logger()

LATE_MS = 4_200_000  # so late a run may still be made: a restart of an hour, and then the doubt of ops/repeating.py
KEPT = ("text", "attachments", "window", "daily_cap", "language", "delay_min", "delay_max", "per")  # of a draft's order
SHOWN = 5  # next times
RUNS = 50
LEFT_OUT = Run.reason.is_null(False)
DRY_RUN, ASKED = "dry_run", "asked"  # it was begun in a dry run; a person is asked whether it goes on for real


@dataclass(frozen=True)
class Past:
    """A run that has been. job: the campaign it became, None where it became none; why: then."""

    at: int
    job: int | None
    why: Told | None


@dataclass(frozen=True)
class Repeating:
    """A series as it is shown. next: its next times, UTC ms; people: how many, None where a list is read each time;
    left: how many runs it has at most from now on; runs: newest first."""

    id: int
    name: str
    account: str
    text: str
    state: SeriesState
    weekly: Weekly
    zone: str
    people: int | None
    list_name: str
    next: list[int]
    made: int
    created_by: str
    runs: list[Past]


def begin(settings: Settings, draft_id: str, version: int, who: str, now: int) -> int:
    """Make a series of what the draft's dry run has frozen; asked again, it returns the same. Raises as
    `drafts.start`, InvalidInput when no run is left."""
    if (before := Series.get_or_none(Series.draft == draft_id)) is not None:
        return int(before.id)
    draft = drafts.find(draft_id)
    checked, found = drafts.checked_order(settings, draft, now)
    when = draft.data.when or When()
    rule = when.weekly
    if rule is None or (due := weekly.following(rule, when.zone, now)) is None:
        raise errors.InvalidInput(Why.SERIES_NEVER)
    source = draft.data.source
    anew = rule.anew and source is not None and source.kind is SourceKind.LIST
    order = checked.order
    kept = {name: getattr(order, name) for name in KEPT}
    kept["account"] = order.account or rights.usual(settings.account)
    kept["fields"] = drafts.fields(draft)
    kept["choice"] = list_runs.choice(draft, order.language) if anew else None
    kept["template"] = order.template.model_dump(mode="json") if order.template else None
    kept["rehearsed"] = DRY_RUN if limits.settings_of(settings, kept["account"]).transport == "dryrun" else ""
    kept["columns"] = styles.Styles(columns=order.columns or ()).stored()["columns"]
    audience_set = None if anew else draft_rows.keep_audience(checked.audience.people, order.per != create.PER_ROW)
    values: dict[str, Any] = {
        "draft": draft_id,
        "name": draft.name,
        "order": kept,
        "weekly": rule.model_dump(mode="json"),
        "zone": when.zone,
        "audience_set": audience_set,
        "list_id": source.list_id if anew and source else None,
        "state": SeriesState.ACTIVE,
        "next_at": due,
        "created_at": now,
        "created_by": who[:64],
    }
    with write():
        if not drafts.begin_series(draft, version, found):
            return int(Series.get(Series.draft == draft_id).id)
        row_sets.hold(audience_set)
        made = Series.create(**values)
        audit.about("series", made.id)
        after_commit(partial(log.info, "series.begun", series_id=made.id, who=who))
    return int(made.id)


def pause(series_id: int, who: str, now: int) -> None:
    """No run is made until it is resumed. Raises NotFound, IllegalMove."""
    _change(series_id, SeriesState.PAUSED, who, now)


def resume(series_id: int, who: str, now: int) -> None:
    """Its next run is the first one from now on. Raises NotFound, IllegalMove."""
    _change(series_id, SeriesState.ACTIVE, who, now)


def end(series_id: int, who: str, now: int) -> None:
    """No run is made any more; campaigns that were made go on. Raises NotFound, IllegalMove."""
    _change(series_id, SeriesState.ENDED, who, now)


def _change(series_id: int, state: SeriesState, who: str, now: int) -> None:
    with write():
        row = _locked(series_id)
        if row.state == state:
            return
        if row.state == SeriesState.ENDED:
            raise errors.IllegalMove(Why.SERIES_ENDED)
        due, order = row.next_at, row.order
        if state is SeriesState.ACTIVE:
            if order.get("rehearsed") == ASKED:
                order = order | {"rehearsed": ""}
            _forget_ahead(series_id, now)
            due = _next(series_id, Weekly.model_validate(row.weekly), row.zone, now)
            state = state if due is not None else SeriesState.ENDED
        due = None if state is SeriesState.ENDED else due
        Series.update(state=state, next_at=due, order=order).where(Series.id == series_id).execute()
        after_commit(partial(log.info, "series.changed", series_id=series_id, who=who, state=state.value))


def make_due(settings: Settings, now: int) -> int:
    """Make the campaigns of all runs whose time has come; returns how many. One that cannot be made keeps no other
    from it."""
    _set_right(now)
    count = 0
    for (series_id,) in due(now):
        try:
            while (row := Series.get_by_id(series_id)).state == SeriesState.ACTIVE and (row.next_at or now + 1) <= now:
                count += _make(settings, row, now)
        except errors.DatabaseBusy as error:
            log.warning("database.busy", reason=str(error))
        except Exception:
            log.exception("series.failed", series_id=series_id)
    return count


def due(now: int) -> list[Any]:
    """The ids of those with a run whose time has come."""
    with in_order():
        query = Series.select(Series.id).where(Series.state == SeriesState.ACTIVE.value, Series.next_at <= now)
        return list(tuples(query.order_by(Series.next_at)))


def _set_right(now: int) -> None:
    """Have those go on at their next time that a clock that was ahead has led past it, or to their end."""
    states = [SeriesState.ACTIVE.value, SeriesState.ENDED.value]
    columns = (Series.id, Series.weekly, Series.zone, Series.state, Series.next_at, Series.made)
    ahead = Series.select(*columns).where(Series.state.in_(states), Series.next_at > now + AHEAD_MS)
    for series_id, stored, zone, state, at, made in list(tuples(ahead)):
        try:
            rule = Weekly.model_validate(stored)
            goes_on = state == SeriesState.ACTIVE
            done = not goes_on and rule.most is not None and made >= rule.most
            if done or (goes_on and weekly.following(rule, zone, now + AHEAD_MS) == at):
                continue
            due = _next(series_id, rule, zone, now + AHEAD_MS)
            if due is not None and (due < at or not goes_on):
                _pull_back(series_id, state, at, due, now)
        except errors.DatabaseBusy as error:
            log.warning("database.busy", reason=str(error))
        except Exception:
            log.exception("series.failed", series_id=series_id)


def _pull_back(series_id: int, state: str, at: int, due: int, now: int) -> None:
    with write():
        row = _locked(series_id)
        if (row.state, row.next_at) == (state, at):
            _forget_ahead(series_id, now)
            Series.update(state=SeriesState.ACTIVE, next_at=due).where(Series.id == series_id).execute()
            after_commit(partial(log.warning, "series.set_right", series_id=series_id))


def _forget_ahead(series_id: int, now: int) -> None:
    """Forget the runs to come that were left out while the clock was ahead. Part of a transaction."""
    Run.delete().where(Run.series == series_id, Run.at > now + AHEAD_MS, LEFT_OUT).execute()


def _next(series_id: int, rule: Weekly, zone: str, after: int) -> int | None:
    """The next time after `after` whose campaign was not made yet."""
    due = weekly.following(rule, zone, after)
    while due is not None and _is_made(series_id, due):
        due = weekly.following(rule, zone, due)
    return due


def _is_made(series_id: int, at: int | None) -> bool:
    """Whether that run became a campaign, also if that was removed since."""
    return bool(Run.select().where(Run.series == series_id, Run.at == at, ~LEFT_OUT).exists())


def _make(settings: Settings, row: Series, now: int) -> bool:
    """Whether it became a campaign."""
    if _is_made(row.id, row.next_at):  # the clock has been set back
        with write():
            if _still(row):
                _go_on(row, row.made)
        return False
    if now - _time_of(row) > LATE_MS:
        _leave_out(row, refusal(Unmade.MISSED), now)
        return False
    if row.order.get("rehearsed") and _sends(settings, row.order["account"], now):
        _leave_out(row, refusal(Asks.MADE_FOR_DRY_RUN), now, SeriesState.PAUSED)
        return False
    try:
        checked = create.check(settings, _order(settings, row, now), now)
    except (errors.InvalidInput, errors.NotFound) as error:
        _leave_out(row, error.told, now)
        return False
    with create.filled(settings, checked, row.created_by, now) as job, write():
        if not _still(row):
            return False
        created = create.store(settings, checked, row.created_by, now, job)
        interruptions.cover(created.job_id, _time_of(row), now)
        _record(row, now, job=created.job_id)
        after_commit(partial(log.info, "series.ran", series_id=row.id, job_id=created.job_id))
    return True


def make_up(settings: Settings, series_id: int, at: int, who: str, now: int) -> int:
    """Make the campaign of a run that was left out, because a person asks for it; asked again, it is the same. Returns
    its id. Raises NotFound (no such run), InvalidInput (nobody is on the list …)."""
    find(series_id)
    if (made := _left(series_id, at).job_id) is not None:
        return made
    row = Series.get_by_id(series_id)
    checked = create.check(settings, _order(settings, row, now), now)
    with create.filled(settings, checked, who, now) as job, write():
        _locked(series_id)
        if (made := _left(series_id, at).job_id) is not None:
            return made
        created = create.store(settings, checked, who, now, job)
        same = (Run.series == series_id, Run.at == at)
        Run.update(job=created.job_id, reason=None, coded=None).where(*same).execute()
        Series.update(made=Series.made + 1).where(Series.id == series_id).execute()
        after_commit(partial(log.info, "series.made_up", series_id=series_id, job_id=created.job_id, who=who))
    return created.job_id


def _left(series_id: int, at: int) -> Run:
    run = Run.get_or_none(Run.series == series_id, Run.at == at)
    if run is None:
        raise errors.NotFound(Why.NO_RUN)
    found: Run = run
    return found


def _sends(settings: Settings, account: str, now: int) -> bool:
    """Whether what is made now may go out: this process may have been started before the account's sender was."""
    found = directory.known(account)
    own = limits.settings_of(settings, account)
    return own.transport != "dryrun" or (found is not None and directory.alive(found, now) and not found.dry_run)


def _time_of(row: Series) -> int:
    """When the run is due that is made now."""
    return row.next_at or 0


def _still(row: Series) -> bool:
    """Whether this run is still to be made; locks the series until the transaction ends."""
    found = _locked(row.id)
    return bool(found.state == SeriesState.ACTIVE and found.next_at == row.next_at)


def _leave_out(row: Series, why: Told, now: int, then: SeriesState = SeriesState.ACTIVE) -> None:
    """then: as what it goes on; paused, a person is asked."""
    with write():
        if _still(row):
            if then is SeriesState.PAUSED:
                order = _locked(row.id).order | {"rehearsed": ASKED}  # as it is now: somebody may have been erased
                Series.update(order=order).where(Series.id == row.id).execute()
            _record(row, now, then=then, reason=str(why), coded=filed(why))
            after_commit(partial(log.info, "series.left_out", series_id=row.id, why=str(why)))


def _record(row: Series, now: int, job: int | None = None, then: SeriesState = SeriesState.ACTIVE, **why: Any) -> None:
    """Part of the transaction that makes the run. It may have been left out before, while the clock was ahead."""
    Run.delete().where(Run.series == row.id, Run.at == row.next_at, LEFT_OUT).execute()
    Run.create(series=row.id, at=row.next_at, job=job, **why)
    _go_on(row, row.made + (job is not None), then)


def _go_on(row: Series, made: int, then: SeriesState = SeriesState.ACTIVE) -> None:
    """To the next time, or the end. One that ends by its last day without a campaign keeps its last time: where that
    turns out to be still to come, `_set_right` has it go on."""
    rule = Weekly.model_validate(row.weekly)
    due = _next(row.id, rule, row.zone, _time_of(row)) if rule.most is None or made < rule.most else None
    state = then if due is not None else SeriesState.ENDED
    kept = row.next_at if due is None and made == row.made else due
    Series.update(made=made, next_at=kept, state=state).where(Series.id == row.id).execute()


def _order(settings: Settings, row: Series, now: int) -> create.Order:
    """What a campaign of the series is made of now. Raises NotFound (the list was deleted), InvalidInput (nobody is on
    it, or it ended so long ago that its people were forgotten)."""
    kept = {name: row.order[name] for name in (*KEPT, "account")}
    people: Sequence[Contact]
    if row.audience_set is not None:
        people, rejected = draft_rows.audience(row.audience_set), list[Rejected]()
    elif row.list_id is None:
        raise errors.InvalidInput(Why.SERIES_FORGOTTEN)
    else:
        people, left = list_runs.people(
            settings, row.name, list_runs.Choice(*row.order["choice"]), row.list_id or 0, now
        )
        rejected = draft_order.left_out(left)
    if not people:
        raise errors.InvalidInput(Why.GROUP_EMPTY)
    chosen = create.Audience(people, rejected, 0, "row", row.name, columns=row.order["fields"])
    given = styles.restored({"language": "", "zone": "", "columns": row.order["columns"]}).columns
    template = row.order.get("template")
    if template is not None:
        kept |= {"text": "", "attachments": [], "template": ChosenTemplate.model_validate(template)}
    return create.Order(**kept, name=row.name, audience=chosen, columns=given or None)


def _locked(series_id: int) -> Series:
    row = locked(Series.select().where(Series.id == series_id)).first()
    if row is None or not rights.may(row.order["account"]):
        raise errors.NotFound(Why.NO_SERIES, series=series_id)
    found: Series = row
    return found


def find(series_id: int) -> Repeating:
    """One series. Raises NotFound."""
    row = Series.get_or_none(Series.id == series_id)
    if row is None or not rights.may(row.order["account"]):
        raise errors.NotFound(Why.NO_SERIES, series=series_id)
    return _shown(row)


def every() -> list[Repeating]:
    """All, those that go on first, then the newest."""

    def place(row: Series) -> tuple[bool, int, int]:
        over = row.state == SeriesState.ENDED
        return over, 0 if over else _time_of(row), -row.id

    rows = sorted(Series.select(), key=place)
    return [_shown(row) for row in rows if rights.may(row.order["account"])]


def going_on(account: str) -> list[int]:
    """The ids of those that are sent from that account and have not ended."""
    rows = Series.select(Series.id, Series.order).where(Series.state != SeriesState.ENDED).order_by(Series.id)
    return [row.id for row in rows if row.order["account"] == account]


def of_draft(draft_id: str) -> int | None:
    """The series that was made from this draft."""
    row = Series.get_or_none(Series.draft == draft_id)
    return row.id if row else None


def of_job(job_id: int) -> int | None:
    """The series that made this campaign, None for one that was made otherwise."""
    row = Run.get_or_none(Run.job == job_id)
    return row.series_id if row else None


def _shown(row: Series) -> Repeating:
    rule = Weekly.model_validate(row.weekly)
    left = SHOWN if rule.most is None else min(SHOWN, rule.most - row.made)
    runs = Run.select().where(Run.series == row.id).order_by(Run.at.desc()).limit(RUNS)
    active = row.state == SeriesState.ACTIVE
    return Repeating(
        id=row.id,
        name=row.name,
        account=row.order["account"],
        text=row.order["text"],
        state=SeriesState(row.state),
        weekly=rule,
        zone=row.zone,
        people=row.order.get("people") if row.audience_set is None else len(draft_rows.audience(row.audience_set)),
        list_name=_list_name(row.list_id),
        next=list(weekly.times(rule, row.zone, row.next_at, left)) if active else [],
        made=row.made,
        created_by=row.created_by,
        runs=[Past(each.at, each.job_id, told(each.reason, each.coded)) for each in runs],
    )


def _list_name(list_id: int | None) -> str:
    try:
        return lists.listed(list_id).name if list_id else ""
    except errors.NotFound:
        return ""
