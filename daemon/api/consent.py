"""Consent: that people agreed to be messaged, one by one or as a list says it."""

from __future__ import annotations

from datetime import UTC, datetime, time

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import ListId, ToNumber
from daemon.api.refusals import Why
from daemon.api.schemas.consent import (
    Consent,
    ConsentRow,
    ListConsent,
    ListConsentRecorded,
    RecordConsent,
    UnreadableDate,
    WithdrawConsent,
)
from daemon.api.schemas.people import Suppression
from daemon.contacts import consent_import, consents
from daemon.contacts.consent_columns import Columns
from daemon.contacts.consent_import import Wanted
from daemon.contacts.consents import Given
from daemon.db import clock
from daemon.errors import IllegalMove, InvalidInput, NotFound
from daemon.server.scopes import Scope


@endpoint.get("/people/consent", scope=Scope.CONTROL, tag="people")
def consent(caller: Caller, *, number: ToNumber) -> Consent:
    """What is known of one person's consent, by any notation of their number."""
    return _told(consents.of(directory.with_country(caller.settings), number))


@endpoint.put("/people/consent", scope=Scope.CONTROL, errors=(IllegalMove,), tag="people")
def record_consent(caller: Caller, *, body: RecordConsent) -> Consent:
    """Record that somebody agreed. What was recorded before is kept beside it, and the suppression list is not changed.

    The same once more changes nothing. Where they withdrew at that time or later it is 409.
    """
    if (body.given_at is None) == (body.given_on is None):
        raise InvalidInput(Why.GIVEN_AT_OR_ON)
    at = body.given_at
    if body.given_on is not None:
        at = round(datetime.combine(body.given_on, time(), UTC).timestamp() * 1_000)
    given = Given(at or 0, body.how, body.words, body.text, body.given_on is not None)
    settings = directory.with_country(caller.settings)
    return _told(consents.record(settings, body.number, given, caller.name, clock.now_ms()))


@endpoint.post("/people/consent/withdraw", scope=Scope.CONTROL, tag="people")
def withdraw_consent(caller: Caller, *, body: WithdrawConsent) -> Consent:
    """Record that somebody wants no messages any more, and put them on the suppression list."""
    now = clock.now_ms()
    at = now if body.withdrawn_at is None else body.withdrawn_at
    settings = directory.with_country(caller.settings)
    return _told(consents.withdraw(settings, body.number, at, body.how, body.words, caller.name, now))


@endpoint.post("/lists/{list_id}/consent", scope=Scope.CONTROL, errors=(NotFound,), tag="lists")
def record_list_consent(caller: Caller, *, list_id: ListId, body: ListConsent) -> ListConsentRecorded:
    """Record the consents that a list's columns say, for all people on it, as many as have a date.

    Nothing is recorded where a date can be read in two ways and `order` does not say which. Of whom something newer is
    known, and who withdrew since, is left as they are.
    """
    columns = Columns(body.date_column or "", body.how_column, body.text_column)
    if body.date_column is None:
        columns = consent_import.proposed(list_id)
    wanted = Wanted(columns, body.how, body.words, body.text, body.order)
    done = consent_import.record(caller.settings, list_id, wanted, caller.name, clock.now_ms())
    return ListConsentRecorded(
        recorded=done.recorded,
        present=done.present,
        undated=done.undated,
        withdrawn=done.withdrawn,
        unreadable_total=done.unreadable_count,
        unreadable=[UnreadableDate(number=number, value=value) for number, value in done.unreadable],
    )


def _told(found: consents.Known) -> Consent:
    return Consent(
        number=found.number,
        given=found.given,
        consents=[ConsentRow.model_validate(row) for row in found.rows],
        suppressed=found.suppressed,
        suppression=Suppression.model_validate(found.entry) if found.entry else None,
    )
