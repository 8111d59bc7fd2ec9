"""The dry run of a draft: renders every message and reports who will get it, who will not and why, and when.

Its result is frozen in the draft: a start uses these people and no others. Opting out later still counts, because that
is checked when a message is claimed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import peewee

from daemon import errors
from daemon.accounts import directory, handovers, limits, pacing, rights
from daemon.campaigns import (
    careful,
    cloud_templates,
    create,
    draft_order,
    draft_templates,
    drafts,
    fitting,
    forecasts,
    shared_numbers,
)
from daemon.campaigns.dated import Dates, Missed
from daemon.campaigns.draft_content import Exclusion, Notes, Reason, Recent, Report, SelfTest, When
from daemon.campaigns.drafts import Draft
from daemon.campaigns.exclusions import Detail, Details, details
from daemon.campaigns.refusals import Why
from daemon.config import Settings
from daemon.contacts import consents, erased, importer, uploads
from daemon.contacts.columns import Candidate
from daemon.contacts.importer import Contact
from daemon.contacts.person import Person
from daemon.contacts.reasons import Fault, because
from daemon.db.clock import lately
from daemon.db.proxy import tuples
from daemon.formats import placeholders
from daemon.formats import template as message_text
from daemon.formats.cloud_template import Filled
from daemon.formats.placeholders import Foreign
from daemon.formats.styles import Styles
from daemon.i18n.coded import Coded, Phrase, refusal
from daemon.i18n.languages import N_
from daemon.models import UNCAPPED, Handover, Job, KeyScope, Kind, Message, Suppression
from daemon.states import E164, MAY_RUN, JobState, PersonKey, State
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage
from daemon.transports import parts

REASONS = {  # what the page calls those it is about
    Reason.BAD_NUMBER: N_("Unusable number"),
    Reason.LEFT_OUT: N_("Excluded by you"),
    Reason.RULE: N_("Excluded by your rules"),
    Reason.DUPLICATE: N_("Duplicate"),
    Reason.OPTED_OUT: N_("Opted out"),
    Reason.NO_CONSENT: N_("No consent recorded"),
    Reason.RECENT: N_("Got a campaign recently"),
    Reason.TOO_OFTEN: N_("Reached the per-person limit"),
    Reason.MISSING_FIELD: N_("A field used in the message is empty"),
    Reason.TOO_LONG: N_("Message too long"),
    Reason.UNREADABLE: N_("Date, time or amount not readable"),
    Reason.UNFIT: N_("Message blank or unusable"),
    Reason.ATTACHMENT: N_("Attachment missing or too large"),
    Reason.NO_DATE: N_("No readable date"),
    Reason.DATE_PASSED: N_("The time has passed"),
}
TROUBLES = {
    message_text.Trouble.MISSING: Reason.MISSING_FIELD,
    message_text.Trouble.TOO_LONG: Reason.TOO_LONG,
    message_text.Trouble.UNREADABLE: Reason.UNREADABLE,
    message_text.Trouble.UNFIT: Reason.UNFIT,
}
BATCH = 500
TEST = "Test: "  # how the page names a test message
QUEUED = sorted({State.PENDING, State.CLAIMED})


def run(settings: Settings, draft_id: str, version: int, recent_days: int, leave_out_recent: bool, now: int) -> Draft:
    """Check everybody and freeze the result. Raises InvalidInput, TemplateError, NotFound, EditConflict."""
    if not 1 <= recent_days <= drafts.MAX_RECENT_DAYS:
        raise errors.InvalidInput(Why.DAYS_UNFIT, most=drafts.MAX_RECENT_DAYS)
    draft = drafts.save(draft_id, version, {"recent": Recent(days=recent_days, leave_out=leave_out_recent)}, now)
    for step in ("people", "columns", "message", "when"):
        if not drafts.ready(draft, step):
            raise errors.InvalidInput(Why.DRAFT_INCOMPLETE)
    audience, left_out, notes = sort(settings, draft, drafts.people(draft), now)
    counts = Counter(each.reason for each in left_out)
    found = Report(
        at=now,
        total=len(audience) + len(left_out),
        people=len(audience),
        counts={reason: counts[reason] for reason in Reason if reason in counts},
        left_out=tuple(left_out),
        warnings=notes,
        version=draft.version,
        **dict(forecasts.forecast(settings, draft, len(audience), now)),
    )
    found = _dated(found.model_copy(update=_ends(settings, draft, audience)))
    drafts.freeze(draft, audience, found)
    return draft


def _ends(settings: Settings, draft: Draft, audience: Sequence[Contact]) -> dict[str, int]:
    """When the first and the last one is due, where each has a date."""
    by = dates(settings, draft)
    if by is None or not audience:
        return {}
    times = [by.due(each.fields).at for each in audience]
    return {"first_due": min(times), "last_due": max(times)}


def _dated(found: Report) -> Report:
    """Its forecast, where each has a date: nothing goes out before the first of them is due."""
    if found.first_due is None or found.last_due is None or found.starts is None or found.ends is None:
        return found
    starts, ends = max(found.starts, found.first_due), max(found.ends, found.last_due)
    return found.model_copy(update={"starts": starts, "ends": ends, "why": pacing.Why.DATE})


@dataclass(frozen=True)
class _Trouble:
    """Why somebody cannot get the message."""

    reason: Reason
    details: Coded


def sort(
    settings: Settings, draft: Draft, people: Sequence[Candidate], now: int
) -> tuple[list[Contact], list[Exclusion], Notes]:
    """Who gets the message, who does not, and how many deserve a second look."""
    keys = [Person(each.number).key if each.number else None for each in people]
    everybody = set(filter(None, keys))
    recent = draft.data.recent or Recent(days=drafts.RECENT_DAYS, leave_out=True)
    lately = _lately(now - recent.days * pacing.DAY_MS, now, draft.data.replaces) & everybody
    message = _Message(settings, draft, now)
    unrecorded = unrecorded_consents(settings, everybody)
    checks = _Checks(
        message,
        opted_out(everybody),
        unrecorded if settings.require_consent else frozenset(),
        lately if recent.leave_out else frozenset(),
        too_often(limits.rules(settings), everybody, now),
        details(Detail.LATELY, days=str(recent.days)),
        shared_numbers.Merged(drafts.fields(draft), draft.data.numbers.per == create.PER_ROW),
    )
    audience: list[Contact] = []
    left_out: list[Exclusion] = []
    landlines = again = 0
    for each, person in progress.through(Stage.CHECKING, zip(people, keys, strict=True), len(people)):
        trouble = checks.trouble(each, person)
        if trouble is not None or each.number is None:
            found = trouble or _Trouble(Reason.BAD_NUMBER, _of_number(each))
            value = each.number or each.cell[: importer.MAX_SHOWN]
            left_out.append(Exclusion(each.position, value, found.reason, found.details))
        else:
            audience.append(Contact(each.position, each.number, each.fields, message.own_files(each)))
            landlines += each.found.landline
            again += person in lately
    account = (draft.data.when or When()).account or rights.usual(settings.account)
    fresh = careful.never_written(account, (Person(each.number).key for each in audience))
    without = sum(Person(each.number).key in unrecorded for each in audience)
    notes = Notes(recent=again, landline=landlines, fresh=fresh, messages=message.messages, unrecorded=without)
    return audience, left_out, notes


class _Checks:
    """Reasons to leave somebody out, in the order in which they are checked; the first that applies is reported."""

    def __init__(
        self,
        message: _Message,
        opted_out: Collection[PersonKey],
        unrecorded: Collection[PersonKey],
        recent: Collection[PersonKey],
        often: Collection[PersonKey],
        lately: Details,
        merged: shared_numbers.Merged,
    ) -> None:
        self._message, self._merged = message, merged
        self._by_person = (
            (Reason.OPTED_OUT, opted_out, details(Detail.SUPPRESSED)),
            (Reason.NO_CONSENT, unrecorded, details(Detail.NO_CONSENT)),
            (Reason.RECENT, recent, lately),
            (Reason.TOO_OFTEN, often, details(Detail.CAPPED)),
        )

    def trouble(self, who: Candidate, person: PersonKey | None) -> _Trouble | None:
        """person: who that is; None where there is no number."""
        if person is None:
            by_person = who.why is not None and who.why.code is Fault.LEFT_OUT
            reason = Reason.RULE if who.ruled else Reason.LEFT_OUT if by_person else Reason.BAD_NUMBER
            return _Trouble(reason, _of_number(who))
        if merged := self._merged.into(who, person):
            return _Trouble(Reason.DUPLICATE, merged)
        for reason, people, told in self._by_person:
            if person in people:
                return _Trouble(reason, told)
        return self._message.trouble(who)


class _Message:
    """The draft's message, checked against one person after another. messages: how many WhatsApp makes of it for
    somebody at most."""

    def __init__(self, settings: Settings, draft: Draft, now: int) -> None:
        self.messages = 1
        self._now = now
        self._dates = dates(settings, draft)
        self._dated = draft.data.when.dated if draft.data.when else None
        self._own = drafts.own_files(draft)
        chosen = draft_templates.chosen(settings, draft, now)
        self._filled = chosen.filled if chosen else None
        self._common = list(chosen.files if chosen else draft.data.attachments)
        self._by_name: Mapping[str, str] = draft.data.files
        self._optional = draft.data.files_optional
        rows = uploads.attachments([*self._common, *set(self._by_name.values())])
        self._files = {row.id: row for row in rows}
        self._lost = {row.id: reason for row in rows if (reason := _lost(settings, row))}
        text = chosen.text if chosen else draft.data.text or ""
        self._template = message_text.compile_for(text, styles(settings, draft), self._filled) if text.strip() else None

    def own_files(self, who: Candidate) -> list[str] | None:
        """Ids of this person's attachments; None if they get the common ones."""
        mine = self._by_name.get(who.file.casefold()) if self._own and who.file else None
        common = [] if self._filled else self._common  # a header shows one file
        return [*common, mine] if mine else None

    def trouble(self, who: Candidate) -> _Trouble | None:
        """Why the message cannot be sent to this person."""
        return self._at_its_time(who) or self._as_it_is(who)

    def _at_its_time(self, who: Candidate) -> _Trouble | None:
        if self._dates is None or self._dated is None:
            return None
        missed, field = self._dates.missed(who.fields, self._now), self._dated.field
        shown = who.fields.get(field, "")[: importer.MAX_SHOWN]
        if missed is Missed.PASSED:
            return _Trouble(Reason.DATE_PASSED, details(Detail.DATE_PASSED, field=field, date=shown))
        if missed is Missed.TOO_FAR:
            return _Trouble(Reason.NO_DATE, details(Detail.DATE_TOO_FAR, field=field, date=shown))
        return _Trouble(Reason.NO_DATE, details(Detail.NO_DATE, field=field)) if missed else None

    def _as_it_is(self, who: Candidate) -> _Trouble | None:
        if self._own and not who.file and not self._optional:
            return _Trouble(Reason.ATTACHMENT, details(Detail.NO_FILE))
        if self._own and who.file and who.file.casefold() not in self._by_name:
            return _Trouble(Reason.ATTACHMENT, details(Detail.NOT_UPLOADED, file=who.file[:80]))
        files = self.own_files(who) or self._common
        if lost := next((each for each in files if each in self._lost), None):
            return _Trouble(Reason.ATTACHMENT, self._lost[lost])
        kinds = [self._files[each].kind for each in files]
        if reason := fitting.unfit(kinds):
            return _Trouble(Reason.UNFIT, reason)
        if self._filled and (reason := fitting.unfit_header(self._filled["media"], [self._files[at] for at in files])):
            return _Trouble(Reason.ATTACHMENT, reason)
        if self._template is None:
            self.messages = max(self.messages, parts.count("", kinds))
            return None if files else _Trouble(Reason.UNFIT, details(Detail.NOTHING))
        person = Contact(who.position, who.number or E164(""), who.fields)

        def count(_: Contact, said: str) -> None:
            self.messages = max(self.messages, parts.count(said, kinds))

        seen = count if files and self._filled is None else None
        for problem in message_text.problems(self._template, [person], first=1, seen=seen).first:
            return _Trouble(TROUBLES[problem.kind], _of_text(problem))
        return None


def _of_number(who: Candidate) -> Coded:
    return who.why or because(Fault.NOT_A_NUMBER)


def _of_text(problem: message_text.Problem) -> Coded:
    """What is wrong with the text for one of them."""
    if problem.missing:
        several = len(problem.missing) > 1
        return details(Detail.FIELDS_EMPTY if several else Detail.FIELD_EMPTY, names=", ".join(problem.missing))
    if problem.kind is message_text.Trouble.TOO_LONG:
        return details(Detail.TEXT_LONG, length=f"{problem.length:,}", limit=f"{message_text.MAX_TEXT:,}")
    return problem.reason


def _lost(settings: Settings, row: uploads.Attachment) -> Details | None:
    """What is wrong with an attachment's file; None for nothing."""
    try:
        uploads.check(settings, row)
    except errors.AttachmentMissing:
        return details(Detail.FILE_MISSING, file=row.filename)
    except errors.AttachmentLost:
        return details(Detail.FILE_DAMAGED, file=row.filename)
    return None


def _among(query: Any, column: Any, people: Iterable[PersonKey]) -> set[PersonKey]:
    """Those of the people that the query finds."""
    found: set[PersonKey] = set()
    for batch in peewee.chunked(sorted(people), BATCH):
        found |= {person for (person,) in tuples(query.where(column.in_(batch)))}
    return found


def _lately(since: int, now: int, but: int | None = None) -> set[PersonKey]:
    """People who got a campaign since then, or are queued in one created since then. Test messages do not count.
    but: a job that does not count, because it is replaced."""
    open_jobs = [*sorted(MAY_RUN), JobState.SCHEDULED, JobState.PAUSED]
    queued = Message.select(Message.person).join(Job)
    queued = queued.where(
        Message.state.in_(QUEUED), Job.state.in_(open_jobs), lately(Job.created_at, since, now), real()
    )
    if but is not None:
        queued = queued.where(Job.id != but)
    return {person for query in (handovers.reached(since, now), queued) for (person,) in tuples(query)}


def opted_out(people: Iterable[PersonKey]) -> set[PersonKey]:
    """Those of the people who are on the suppression list."""
    asked = list(people)
    return _among(Suppression.select(Suppression.person), Suppression.person, asked) | erased.among(asked)


def unrecorded_consents(settings: Settings, people: set[PersonKey]) -> set[PersonKey]:
    """Those of the people who did not agree, or withdrew it; nobody where consents are not recorded at all."""
    return people - consents.among(people) if settings.require_consent or consents.any_yet() else set()


def too_often(rules: pacing.Rules, people: Iterable[PersonKey], now: int) -> set[PersonKey]:
    """People who have reached the per-person limit: they would be skipped when their turn comes."""
    if not rules.person_cap:
        return set()
    return _among(handovers.often(rules.person_cap, now - rules.person_window_ms, now), Handover.person, people)


def real() -> Any:
    """Whether a job is a campaign that is sent: no test message, and none that a dry run has begun."""
    return Job.kind.not_in(sorted(UNCAPPED)) & ~Job.dry_run


# When


def current(settings: Settings, draft: Draft, now: int) -> tuple[Report | None, Sequence[Contact] | None]:
    """(the latest report, who will get the message; None if something was changed after the dry run). As long as it
    holds, its times are recalculated: limits, time zone and queue may have changed since the dry run."""
    found, audience = drafts.report(draft), drafts.audience_frozen(draft)
    if found is not None and audience:
        found = found.model_copy(update=dict(forecasts.forecast(settings, draft, len(audience), now)))
        found = _dated(found)
    return found, audience


# Preview and test


def dates(settings: Settings, draft: Draft) -> Dates | None:
    """When each gets its message, where that is by a date of theirs."""
    return create.dates_of(settings, draft_order.order(settings, draft))


def styles(settings: Settings, draft: Draft) -> Styles:
    """How its message writes dates and amounts."""
    return create.styles_of(settings, draft_order.order(settings, draft))


@dataclass(frozen=True)
class Preview:
    """The message as one person would get it. error: why the text is wrong or cannot be sent to them. foreign:
    other tools' placeholders in it."""

    text: str
    error: Coded | None = None
    missing: tuple[str, ...] = ()
    foreign: tuple[Foreign, ...] = ()


def preview(
    text: str, who: Contact | None, fields: Collection[str], styles: Styles, filled: Filled | None = None
) -> Preview:
    """The text filled in for `who`; the raw text if there is nobody. filled: the WhatsApp template it is of."""
    found = _filled_in(text, who, fields, styles, filled)
    return replace(found, foreign=tuple(placeholders.foreign(text, [*fields, message_text.NUMBER])))


def _filled_in(
    text: str, who: Contact | None, fields: Collection[str], styles: Styles, filled: Filled | None
) -> Preview:
    if not text.strip():
        return Preview("")
    try:
        template = message_text.compile_for(text, styles, filled)
    except errors.TemplateError as error:
        return Preview(text, error.told)
    unknown = sorted(template.fields - {*fields, message_text.NUMBER})
    if unknown:
        known = ", ".join(fields) or Phrase("the list has numbers only")
        return Preview(text, refusal(Why.UNKNOWN_FIELDS, names=", ".join(unknown), fields=known))
    if who is None:
        return Preview(text)
    for problem in message_text.problems(template, [who], first=1).first:
        return Preview(text, problem.reason, problem.missing)
    return Preview(message_text.render(template, who.fields, who.number))


def send_test(settings: Settings, draft_id: str, number: str, position: int, nonce: str, who: str, now: int) -> int:
    """Send one recipient's message to a number of one's own, as a small job. Returns its id.

    nonce: made by the form; the same one again, with the same number and message, is the same test. Raises
    InvalidNumber, InvalidInput, EditConflict.
    """
    draft = drafts.find(draft_id)
    people = drafts.audience_frozen(draft)
    if not people:
        raise errors.EditConflict(Why.TEST_OUTDATED)
    row = next((each for each in people if each.position == position), people[0])
    account = draft.data.when.account if draft.data.when else None
    to = importer.one(number, drafts.decisions(draft).country or directory.country(settings, account))
    person = Contact(1, to, row.fields, row.attachments)
    text = draft.data.text or ""
    if text.strip():
        rendered = message_text.render(
            message_text.compile(text, styles(settings, draft)),
            row.fields,
            row.number,
        )
        text = text if "{{" in rendered or "{%" in rendered else rendered  # braces in a name are no placeholders
    template = draft.data.template
    if template is not None:
        text = ""
        template = cloud_templates.for_one(template, row.fields, row.number, styles(settings, draft))
    audience = create.Audience([person], [], 0, "row", columns=drafts.fields(draft))
    asked = json.dumps(
        [draft_id, draft.version, nonce, person.number, [row.position, row.number, row.fields, row.attachments], text]
        + ([template.model_dump(mode="json")] if template else [])
    )
    key = hashlib.sha256(asked.encode()).hexdigest()
    order = replace(
        draft_order.order(settings, draft),
        text=text,
        template=template,
        audience=audience,
        key=key,
        scope=KeyScope.TEST,
        kind=Kind.TEST,
        name=TEST + draft.name,
        cloned_from=None,
        replaces=None,
        schedule_at=None,
        window=None,
        daily_cap=None,
        dated=None,
    )
    created = create.create(settings, order, who, now)
    drafts.remember(draft_id, SelfTest(number=person.number, job=created.job_id))
    return created.job_id
