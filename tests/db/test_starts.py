"""From a draft to its campaign on every database: the text and the people that were seen, once, or nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory
from daemon.campaigns import create, drafts, dry_run
from daemon.campaigns.draft_content import Changes, ChosenNumbers, SelfTest, When
from daemon.campaigns.drafts import Draft
from daemon.contacts import lists
from daemon.contacts.importer import Contact, ContactList
from daemon.db import clock, connection
from daemon.db.refusals import Unsent as OfDb
from daemon.formats.tabular import Sheet
from daemon.models import Answer, Job, KeyScope, Kind, Message
from daemon.models import Draft as DraftRow
from tests.support.contacts import pasted
from tests.support.rehearsing import NUMBERS, rehearse


@pytest.fixture
def rehearsed(prepared: Draft, settings: Any) -> Draft:
    """A draft that can be started."""
    rehearse(settings, prepared)
    return drafts.find(prepared.id)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done while a start looks at everybody, which with many people takes a while."""

    def arrange(work: Callable[[], object]) -> None:
        check = create.check

        def checked(*given: Any) -> create.Checked:
            found = check(*given)
            work()
            return found

        monkeypatch.setattr(create, "check", checked)

    return arrange


def test_a_draft_that_is_saved_while_it_starts_is_not_started(
    rehearsed: Draft, settings: Any, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """Whoever saved was told that it is saved: the old text must not go out then."""
    meanwhile(lambda: drafts.save(rehearsed.id, rehearsed.version, {"text": "Corrected"}, clock.now_ms()))
    with pytest.raises(errors.EditConflict):
        drafts.start(settings, rehearsed.id, rehearsed.version, "test", clock.now_ms())
    assert (0, "Corrected") == (Job.select().count(), drafts.find(rehearsed.id).data.text)


def test_a_draft_that_is_discarded_while_it_starts_is_not_started(
    rehearsed: Draft, settings: Any, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """It is gone, and so is the campaign."""
    meanwhile(lambda: drafts.discard(rehearsed.id, "another tab"))
    with pytest.raises(errors.NotFound, match="discarded"):
        drafts.start(settings, rehearsed.id, rehearsed.version, "test", clock.now_ms())
    assert (0, 0) == (Job.select().count(), DraftRow.select().count())


def test_a_new_dry_run_while_it_starts_counts(
    rehearsed: Draft, settings: Any, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """It has frozen other people under the same version."""
    create.create(settings, create.Order("x", numbers=[NUMBERS[0]]), "test", clock.now_ms())
    meanwhile(lambda: rehearse(settings, rehearsed))
    with pytest.raises(errors.EditConflict, match="dry run"):
        drafts.start(settings, rehearsed.id, rehearsed.version, "test", clock.now_ms())
    assert 1 == Job.select().count()


def test_a_start_that_breaks_off_leaves_the_draft_as_it_was(
    rehearsed: Draft, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign and the draft's tie to it are one transaction: the next start makes one campaign."""
    store = create.store

    def broken(*given: Any) -> create.Created:
        store(*given)
        raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")

    with monkeypatch.context() as patched:
        patched.setattr(create, "store", broken)
        with pytest.raises(errors.DatabaseBusy):
            drafts.start(settings, rehearsed.id, rehearsed.version, "test", clock.now_ms())
    assert 0 == Job.select().count()
    job_id = drafts.start(settings, rehearsed.id, rehearsed.version, "test", clock.now_ms())
    assert [job_id] == [job.id for job in Job.select()]


def test_starts_and_saves_at_once_agree(prepared: Draft, settings: Any) -> None:
    """However they fall: a save that is confirmed is in no campaign that was begun from the text before it."""
    for _ in range(8):
        draft = drafts.begin(
            secrets.token_hex(16), "test", clock.now_ms(), "Spring", prepared.data, [Sheet("", drafts.rows(prepared))]
        )
        rehearse(settings, draft, leave_out=False)
        draft = drafts.find(draft.id)

        def attempt(work: Callable[[], Any]) -> Any:
            try:
                return work()
            except errors.EditConflict as error:
                return error
            finally:
                connection.close()

        def start(draft: Draft = draft) -> int:
            return drafts.start(settings, draft.id, draft.version, "test", clock.now_ms())

        def save(draft: Draft = draft) -> Draft:
            return drafts.save(draft.id, draft.version, {"text": "Corrected"}, clock.now_ms())

        with ThreadPoolExecutor(3) as threads:
            one, saved, other = threads.map(attempt, (start, save, start))
        begun = {each for each in (one, other) if isinstance(each, int)}
        assert len(begun) + isinstance(saved, Draft) == 1
        assert {draft.id} == {row.id for row in DraftRow.select().where(DraftRow.job.in_(sorted(begun)))} or not begun
    assert Job.select().count() == DraftRow.select().where(DraftRow.job.is_null(False)).count()


def test_a_tab_from_before_another_dry_run_starts_nothing(rehearsed: Draft, settings: Any) -> None:
    """It shows a text that has been changed since, however ready the draft is again."""
    seen = rehearsed.version
    drafts.save(rehearsed.id, seen, {"text": "Something else"}, clock.now_ms())
    rehearse(settings, rehearsed)
    with pytest.raises(errors.EditConflict):
        drafts.start(settings, rehearsed.id, seen, "the first tab", clock.now_ms())
    assert 0 == Job.select().count()


def walk(settings: Any, draft_id: str, numbers: list[str]) -> Draft:
    """A draft for these numbers, up to its dry run; its people are looked at on the way, as the page does."""
    draft = drafts.begin(draft_id, "test", clock.now_ms())
    draft = drafts.take_sheets(settings, draft, pasted(numbers), clock.now_ms())
    draft = drafts.save(
        draft.id, draft.version, {"columns": draft.data.columns.model_copy(update={"sure": True})}, clock.now_ms()
    )
    assert numbers == [each.number for each in drafts.people(draft)]
    when = When(account="default", delay_min=1, delay_max=1)
    changes: Changes = {"numbers": ChosenNumbers(seen=True), "text": "Hi", "when": when}
    return drafts.save(draft.id, draft.version, changes, clock.now_ms(), "Spring")


def test_an_id_that_is_used_again_brings_nobody_back(database: str, settings: Any) -> None:
    """A draft is begun, discarded, and begun again by Back and the same button: it goes to its own people."""
    directory.open_account("default", clock.now_ms())
    walk(settings, "a" * 32, NUMBERS[:2])
    drafts.discard("a" * 32, "test")
    draft = walk(settings, "a" * 32, NUMBERS[2:])
    rehearse(settings, draft)
    drafts.start(settings, draft.id, drafts.find(draft.id).version, "test", clock.now_ms())
    assert NUMBERS[2:] == [message.number for message in Message.select().order_by(Message.id)]


def test_a_tab_of_a_discarded_draft_changes_nothing_in_the_next_one(database: str, settings: Any) -> None:
    """Both have the same id, and both have been saved as often."""
    old = walk(settings, "a" * 32, NUMBERS[:2])
    drafts.discard(old.id, "test")
    new = walk(settings, "a" * 32, NUMBERS[2:])
    with pytest.raises(errors.EditConflict):
        drafts.save(old.id, old.version, {"text": "Of the old tab"}, clock.now_ms())
    assert "Hi" == drafts.find(new.id).data.text


# Keys


def test_a_callers_key_is_not_the_pages(rehearsed: Draft, settings: Any) -> None:
    """A job planted under what the page would call its own is neither started nor sent as a test."""
    keys = [f"draft:{rehearsed.id}", f"test:{rehearsed.id}:n", f"list:{rehearsed.id}"]
    planted = {
        create.create(settings, create.Order("Planted", numbers=[NUMBERS[0]], key=key), "api", clock.now_ms()).job_id
        for key in keys
    }
    lists.create_list("Guests", ContactList([Contact(1, NUMBERS[0], {})]), clock.now_ms(), rehearsed.id)
    tested = dry_run.send_test(settings, rehearsed.id, NUMBERS[1], 1, "n", "test", clock.now_ms())
    started = drafts.start(settings, rehearsed.id, rehearsed.version, "test", clock.now_ms())

    assert not planted & {tested, started}
    assert (Kind.TEST, Kind.CAMPAIGN) == (Job.get_by_id(tested).kind, Job.get_by_id(started).kind)
    assert {"Planted"} == {Job.get_by_id(each).text for each in planted}
    assert {Kind.CAMPAIGN} == {Job.get_by_id(each).kind for each in planted}
    assert 3 == Answer.select().where(Answer.scope == KeyScope.SEND).count()


def test_a_key_of_a_list_is_not_one_of_a_campaign(database: str, settings: Any) -> None:
    """Each kind of request has its own, and so have the page's form and the API."""
    people = ContactList([Contact(1, NUMBERS[0], {})])
    made, _ = lists.create_list("Guests", people, clock.now_ms(), "k")
    create.create(settings, create.Order("x", numbers=[NUMBERS[0]], key="k"), "api", clock.now_ms())
    other, _ = lists.create_list("Friends", people, clock.now_ms(), "k", KeyScope.LIST_FORM)
    assert made.id != other.id
    assert made == lists.create_list("Guests", people, clock.now_ms(), "k")[0]


def test_the_same_key_for_other_attachments_is_told(database: str, settings: Any) -> None:
    """It is another message."""
    order = create.Order("x", numbers=[NUMBERS[0]], key="k")
    create.create(settings, order, "test", clock.now_ms())
    with pytest.raises(errors.KeyReused):
        create.create(settings, replace(order, attachments=["f" * 32]), "test", clock.now_ms())


def test_the_same_key_for_the_same_people_with_other_fields_is_another_list(database: str) -> None:
    """What was corrected after Back is not thrown away in silence."""
    lists.create_list(
        "Guests", ContactList([Contact(1, NUMBERS[0], {"name": "Ana"})], columns=["name"]), clock.now_ms(), "k"
    )
    with pytest.raises(errors.InvalidInput, match="already"):
        lists.create_list(
            "Guests", ContactList([Contact(1, NUMBERS[0], {"name": "Anna"})], columns=["name"]), clock.now_ms(), "k"
        )


# A test to oneself


def test_another_number_under_the_same_form_is_another_test(rehearsed: Draft, settings: Any) -> None:
    """After Back the form is the same one, and the number was mended; the same once more is the same test."""
    first = dry_run.send_test(settings, rehearsed.id, NUMBERS[0], 1, "n", "test", clock.now_ms())
    second = dry_run.send_test(settings, rehearsed.id, NUMBERS[1], 1, "n", "test", clock.now_ms())
    again = dry_run.send_test(settings, rehearsed.id, NUMBERS[1], 1, "n", "test", clock.now_ms())

    assert (first != second, second) == (True, again)
    assert NUMBERS[:2] == [message.number for message in Message.select().order_by(Message.id)]
    assert SelfTest(number=NUMBERS[1], job=second) == drafts.find(rehearsed.id).data.test
