"""Files that nobody uses, and drafts that have become a campaign, go after a while; what anything needs stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import create, drafts, idempotency, leftovers, templates
from daemon.campaigns.create import Order
from daemon.campaigns.draft_content import ChosenTemplate, Content
from daemon.contacts import stored, uploads
from daemon.contacts.stored import DAY_MS
from daemon.db import clock as db_clock
from daemon.models import Attachment, Draft, Job, KeptAnswer, Upload
from daemon.ops import retention
from tests.support.contacts import read
from tests.support.hand import Hand

NUMBER = "+4915110000000"


def file(settings: Any, folder: Path, name: str) -> str:
    """An attachment of that name; its id."""
    part = folder / "part"
    part.write_bytes(name.encode())
    found: str = uploads.add_attachment(settings, part, name, db_clock.now_ms()).id
    return found


def left(settings: Any) -> set[str]:
    """Names of the attachments that are there; their files are there, too, and no others."""
    rows = list(Attachment.select())
    assert {row.id for row in rows} == {place.name for place in (settings.data_dir / "attachments").iterdir()}
    return {row.filename for row in rows}


def test_attachments_that_nothing_needs_go(hand: Hand, settings: Any, tmp_path: Path) -> None:
    """Those of a template, of a draft, for all, for one or in a header, and of a campaign, for all or for one, stay."""
    names = ("unused", "template", "draft", "draft's own", "header", "job", "job's own")
    ids = {name: file(settings, tmp_path, name) for name in names}
    templates.keep("Kept", "Hi", hand.clock(), [ids["template"]])
    content = Content(attachments=(ids["draft"],), files={"a.pdf": ids["draft's own"]})
    header = ChosenTemplate(name="n", language="en", values={"header": ids["header"], "1": "Hi"})
    drafts.begin("cd" * 16, "test", hand.clock(), "With a header", Content(template=header))
    drafts.begin("ab" * 16, "test", hand.clock(), "Open", content)
    hand.queue(1, attachments=[ids["job"]])
    people = [create.importer.Contact(1, NUMBER, {}, [ids["job's own"]])]
    audience = create.Audience(people, [], 0, "row")
    create.create(settings, Order("Hi", audience=audience), "test", hand.clock())

    hand.clock.advance(30 * DAY_MS)
    assert (0, 0) == stored.prune(settings, leftovers.attachments, hand.clock())
    assert (0, 1) == stored.prune(settings, leftovers.attachments, hand.clock() + 1)
    assert set(names) - {"unused"} == left(settings)
    assert (0, 0) == stored.prune(settings, leftovers.attachments, hand.clock() + 1)


class Killed(BaseException):
    """Nothing of what comes after it is done."""


def test_a_kill_while_a_row_comes_or_goes_leaves_no_file(
    hand: Hand, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour after it. What has a row stays, and so does each file that nobody was at: the database may be another."""
    folder, part = settings.data_dir / "attachments", tmp_path / "part"
    kept, gone = (file(settings, tmp_path, name) for name in ("kept", "gone"))
    Attachment.update(used_at=hand.clock()).where(Attachment.id == kept).execute()
    part.write_bytes(b"new")
    (folder / ("0" * 16)).write_bytes(b"of another database")

    def dies(*_: Any) -> Any:
        raise Killed

    hand.clock.advance(31 * DAY_MS)
    with monkeypatch.context() as patched:
        patched.setattr(stored, "remove", dies)
        with pytest.raises(Killed):
            uploads.keep_attachment(settings, part, "new", hand.clock(), dies)
        with pytest.raises(Killed):
            stored.prune(settings, leftovers.attachments, hand.clock())
    (folder / f"{kept}.doubt").touch()
    assert [kept] == [row.id for row in Attachment.select()] and gone in {place.name for place in folder.iterdir()}
    assert 7 == len(list(folder.iterdir()))

    now = max(round(place.stat().st_mtime * 1000) for place in folder.glob("*.doubt"))
    for at in (now + stored.SETTLED_MS - 5_000, now - DAY_MS, now - DAY_MS + stored.SETTLED_MS - 1):
        assert 0 == stored.settle(settings, at)
    assert 2 == stored.settle(settings, now - DAY_MS + stored.SETTLED_MS)  # as the clock was ahead, from then on
    assert {kept, "0" * 16} == {place.name for place in folder.iterdir()}


def test_an_attachment_that_has_just_gone_is_in_no_campaign(hand: Hand, settings: Any, tmp_path: Path) -> None:
    """It was there when the order was checked."""
    order = Order("Hi", numbers=[NUMBER], attachments=[file(settings, tmp_path, "late")])
    checked = create.check(settings, order, hand.clock())
    hand.clock.advance(31 * DAY_MS)
    stored.prune(settings, leftovers.attachments, hand.clock())
    with pytest.raises(errors.AttachmentMissing, match="upload it again"):
        create.store(settings, checked, "test", hand.clock())
    assert 0 == Job.select().count()


def test_an_upload_goes_a_while_after_it_was_last_sent_to(hand: Hand, settings: Any) -> None:
    """Its people are in the campaigns that were made of it."""
    kept, gone = (
        uploads.add_contacts(settings, read(f"number\n{NUMBER}\n"), name, hand.clock()).id
        for name in ("a.csv", "b.csv")
    )
    hand.clock.advance(20 * DAY_MS)
    create.create(settings, Order("Hi", upload_id=kept), "test", hand.clock())
    hand.clock.advance(11 * DAY_MS)
    assert (1, 0) == stored.prune(settings, leftovers.attachments, hand.clock())
    assert [kept] == [row.id for row in Upload.select()]
    with pytest.raises(errors.NotFound, match="POST /upload"):
        uploads.find(gone)
    hand.clock.advance(20 * DAY_MS)
    assert (1, 0) == stored.prune(settings, leftovers.attachments, hand.clock())


def test_room_is_counted_over_both_tables(hand: Hand, make_settings: Any, tmp_path: Path) -> None:
    """A file may take what is left to the byte; what is deleted makes room again."""
    settings = make_settings(max_stored_mb=1)
    file(settings, tmp_path, "x" * 100)
    uploads.add_contacts(settings, read(f"number\n{NUMBER}\n"), "a.csv", hand.clock())
    taken = stored.taken()
    assert 100 + len(f'[2,"{NUMBER}",{{}}]') == taken
    stored.room(settings, stored.MB - taken)
    with pytest.raises(errors.StorageFull, match="1 MB"):
        stored.room(settings, stored.MB - taken + 1)
    hand.clock.advance(31 * DAY_MS)
    stored.prune(settings, leftovers.attachments, hand.clock())
    assert 0 == stored.taken()


def test_a_draft_goes_a_while_after_its_campaign_was_made(hand: Hand, make_settings: Any) -> None:
    """Not one that is still open, however old; nor one of which a campaign was made today."""
    settings = make_settings(keep_unused_days=3)
    old, new = hand.queue(1), None
    for name in ("open", "old", "new"):
        drafts.begin(name, "test", hand.clock())
    hand.clock.advance(3 * DAY_MS)
    new = hand.queue(1, first=10)
    for name, job in (("old", old), ("new", new)):
        Draft.update(job=job.id).where(Draft.id == name).execute()
    assert 0 == leftovers.forget_started(settings, hand.clock())
    assert 1 == leftovers.forget_started(settings, hand.clock() + 1)
    assert {"open", "new"} == {row.id for row in Draft.select()}
    assert 2 == Job.select().count()


def test_a_clock_that_jumps_takes_no_answer_away(hand: Hand, settings: Any) -> None:
    """Set right again, the same request makes nothing new, a caller's and a page's; nor is a started draft gone."""
    first = hand.queue(1, key="k")
    once = idempotency.Once("POST /send", "api", "k", "digest")
    once.run(lambda: "done", hand.clock())
    Draft.create(id="started", created_by="kim", created_at=hand.clock(), updated_at=hand.clock(), job=first.id)
    retention.prune(settings, hand.clock())
    retention.prune(settings, hand.clock() + 400 * DAY_MS)
    with pytest.raises(idempotency.Replay):
        once.run(lambda: "twice", hand.clock() + 400 * DAY_MS)
    assert (first.id, 1) == (hand.queue(1, key="k").id, Draft.select().count())


def test_callers_answers_go_when_they_are_no_longer_given(hand: Hand, settings: Any) -> None:
    """By the hourly work, also where no caller comes with another key."""
    once = idempotency.Once("POST /send", "api", "k", "digest")
    assert "done" == once.run(lambda: "done", hand.clock())
    hand.clock.advance(idempotency.KEEP_MS)
    retention.prune(settings, hand.clock() - 1)
    assert 1 == KeptAnswer.select().count()
    retention.prune(settings, hand.clock())
    assert 0 == KeptAnswer.select().count()
