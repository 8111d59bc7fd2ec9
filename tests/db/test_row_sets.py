"""Rows that are kept in order: stored in short transactions, read in pieces, deleted when nobody has them."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from daemon import errors, models
from daemon.campaigns import create, draft_rows, drafts, leftovers
from daemon.contacts import importer, mentions, row_sets, stored, uploads
from daemon.db import clock, connection, proxy
from daemon.formats.tabular import Row, Sheet
from daemon.models import Draft, Job, KeptRow, Message, RowSet, Upload
from daemon.ops import erase
from daemon.states import E164
from tests.db import steps
from tests.support.hand import Hand

DAY_MS = 86_400_000


def of(set_id: int | None) -> list[Any]:
    return list(row_sets.rows(set_id, lambda each: each))


def test_rows_come_back_in_order_however_many_at_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, by place, and in slices; appended to what is there."""
    monkeypatch.setattr(row_sets, "CHUNK", 3)
    monkeypatch.setattr(row_sets, "PIECE", 2)
    made = row_sets.keep([n, "ä\u2028\"'"] for n in range(7))
    assert 9 == row_sets.append(made, [[7, ""], [8, ""]])
    kept = row_sets.rows(made, lambda each: each[0])
    assert ([*range(9)], 9) == (list(kept), len(kept))
    assert [*range(9)] == list(kept)
    assert (0, 8, [2, 3], [], [0, 2]) == (kept[0], kept[8], kept[2:4], kept[9:], kept[0:3:2])
    with pytest.raises(IndexError):
        kept[9]
    assert [6, "ä\u2028\"'"] == of(made)[6]
    assert ([], 0, False) == (of(None), len(row_sets.rows(99, str)), bool(row_sets.rows(None, str)))
    assert sum(len(json.dumps(each, ensure_ascii=False, separators=(",", ":"))) for each in of(made)) == row_sets.size(
        made
    )


def test_what_nobody_holds_is_deleted_in_pieces(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an hour: one that was let go, and one that never came to its end; not one that is still being filled."""
    monkeypatch.setattr(row_sets, "CHUNK", 2)
    held, gone, broken = (row_sets.keep([n] for n in range(5)) for _ in range(3))
    now = clock.now_ms()
    drafts.begin("d", "test", now)
    Draft.update(audience_set=held).execute()
    row_sets.hold(held, gone)
    row_sets.let_go(gone, None)
    assert 0 == row_sets.sweep(now)
    RowSet.update(touched_at=now - row_sets.GRACE_MS - 1).where(RowSet.id.in_([held, gone])).execute()
    assert 1 == row_sets.sweep(now)
    assert ({held, broken}, 10) == ({row.id for row in RowSet.select()}, KeptRow.select().count())
    assert 1 == row_sets.sweep(now + 2 * row_sets.GRACE_MS)
    assert ([held], 5) == ([row.id for row in RowSet.select()], KeptRow.select().count())


def incoming(settings: Any, count: int, broken: bool = False) -> uploads.Upload | None:
    """As a file of so many people comes in, a batch after another."""
    taking = uploads.Incoming()
    for start in range(0, count, 2_000):
        taking.take([[n, f"+4915{n:09}", {"name": f"P{n}"}] for n in range(start, min(count, start + 2_000))])
    found = importer.ContactList(columns=["name"], duplicates=2, phone_column="number")
    return None if broken else taking.prepared(settings, found, "many.csv", clock.now_ms())()


def test_a_campaign_is_made_of_an_upload_without_having_it_in_memory(hand: Hand, settings: Any, backend: str) -> None:
    """Its people are gone through piece by piece, for each check and when they are queued."""
    upload = incoming(settings, 6_000)
    assert upload is not None and (6_000, 6_002) == (len(upload.contacts), upload.total)
    tracemalloc.start()
    made = create.create(settings, create.Order("Hi {{ name }}", upload_id=upload.id), "test", hand.clock())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 6_000 == made.total == Message.select().where(Message.job == made.job_id).count()
    assert ("P5999", 5_999) == (
        Message.get(Message.number == "+4915000005999").fields["name"],
        Message.select(Message.row).order_by(Message.row.desc()).get().row,
    )
    assert peak < 6 << 20, peak  # all of them at once are 8 MB as objects


@pytest.mark.parametrize("count", [10, 600])
def test_nobody_is_lost_whose_row_is_gone_when_it_is_read(hand: Hand, settings: Any, count: int) -> None:
    """No campaign is made of fewer people than it says."""
    upload = incoming(settings, count)
    KeptRow.delete().where(KeptRow.n == count - 1).execute()
    assert upload is not None
    with pytest.raises(errors.DatabaseBusy):
        create.create(settings, create.Order("Hi", upload_id=upload.id), "test", hand.clock())
    assert (0, 0) == (Job.select().count(), Message.select().count())


def test_an_upload_that_ends_in_the_middle_leaves_nothing(settings: Any, database: str) -> None:
    """Nor one for which there is no room."""
    incoming(settings, 2_500, broken=True)
    small = settings.model_copy(update={"max_stored_mb": 0})
    with pytest.raises(errors.StorageFull):
        incoming(small, 10)
    assert 0 == Upload.select().count()
    assert 3 == row_sets.sweep(clock.now_ms() + 2 * row_sets.GRACE_MS)
    assert (0, 0) == (RowSet.select().count(), KeptRow.select().count())


def test_a_part_of_the_rows_is_read_without_the_others(settings: Any, database: str, monkeypatch: Any) -> None:
    """Those behind the titles, and a sample of them, as of a list."""
    monkeypatch.setattr(row_sets, "PIECE", 3)
    numbers = list(range(50))
    kept = row_sets.rows(row_sets.keep(numbers), int)
    read: list[int] = []
    real = row_sets._piece
    monkeypatch.setattr(row_sets, "_piece", lambda *given: (read.append(given[2]), real(*given))[1])
    for count in (0, 1, 49, 50, 51):
        below = kept.after(count)
        assert numbers[count:] == list(below) == below[:] == list(below.after(0))
        assert len(numbers[count:]) == len(below)
    assert numbers[3:] == list(kept.after(1).after(2))
    read.clear()
    below = kept.after(1)
    assert (numbers[1:6], numbers[4], numbers[1::10]) == (below[:5], below[3], below[::10])
    assert [5, 1] + [1] * 5 == read


def test_an_upload_goes_with_its_rows(settings: Any, database: str) -> None:
    incoming(settings, 10)
    later = clock.now_ms() + (settings.keep_unused_days + 1) * DAY_MS
    assert (1, 0) == stored.prune(settings, leftovers.attachments, later)
    assert 2 == row_sets.sweep(later)
    assert (0, 0) == (RowSet.select().count(), KeptRow.select().count())


def test_a_draft_has_the_rows_of_its_sheets_and_of_its_audience(settings: Any, database: str) -> None:
    """Another file, a new dry run and its end let go of what was there; a save that comes too late, too."""
    now = clock.now_ms()
    rows = [Row(1, ["number", "name"]), Row(2, ["+4915110000000", "Anna"])]
    draft = drafts.begin("d", "test", now, sheets=[Sheet("One", rows), Sheet("Two", rows[:1])])
    assert rows == list(drafts.rows(draft))
    drafts.begin("d", "test", now, sheets=[Sheet("Again", rows)])
    assert [["One", 1], ["Two", 2]] == Draft.get().sheets
    draft = drafts.save("d", draft.version, {"text": "Hi"}, now, sheets=[Sheet("Three", rows)])
    with pytest.raises(errors.EditConflict):
        drafts.save("d", draft.version - 1, {"text": "Ho"}, now, sheets=[Sheet("Late", rows)])
    people = [importer.Contact(2, "+4915110000000", {"name": "Anna"}, ["a"])]  # type: ignore[arg-type]
    first, second = (draft_rows.keep_audience(people, distinct=True) for _ in range(2))
    row_sets.hold(first)
    Draft.update(audience_set=first).execute()
    assert people == list(draft_rows.audience(first)) == list(draft_rows.audience(second))

    ((_, kept),) = Draft.get().sheets
    assert {kept, first} == {row.id for row in RowSet.select().where(RowSet.held)}
    drafts.discard("d", "test")
    assert 0 == RowSet.select().where(RowSet.held).count()
    row_sets.sweep(now + 2 * row_sets.GRACE_MS)
    assert (0, 0) == (RowSet.select().count(), KeptRow.select().count())


def test_what_earlier_versions_kept_as_one_value_becomes_rows(nothing: str, tmp_path: Path) -> None:
    """Of uploads and drafts, also of one in doubt and of what has no codes; none is lost."""
    before = [name for name in steps.STEPS if name < "0030"][-1]
    steps.build(nothing, steps.steps_until(before, tmp_path / "steps"), fill_it=False)
    current, steps.inspection.MIGRATIONS = steps.inspection.MIGRATIONS, tmp_path / "steps"
    connection.connect(nothing)
    steps.inspection.MIGRATIONS = current
    people = [[n, f"+4915{n:09}", {"name": f"Ä{n}"}] for n in range(700)]
    upload = {
        "filename": "a.csv",
        "created_at": 1,
        "total": 701,
        "duplicates": 0,
        "columns": '["name"]',
        "size": 9,
        "used_at": 1,
    }
    sheets = [["One", [[1, ["number"]], [2, ["+4915110000000"]]]], ["Empty", []]]
    draft = {"name": "d", "data": '{"stamp": "s"}', "version": 3, "created_by": "x", "created_at": 1, "updated_at": 1}
    audience = [[2, "+4915110000000", {"name": "Anna"}, ["a"]]]
    _insert(
        "upload",
        id="u",
        **upload,
        contacts=json.dumps(people),
        rejected='[[5, "12", "too short"]]',
        phone_column="number",
    )
    _insert("upload", id="v", **upload, contacts="[]", rejected="[]", sheet='[[1, ["a", "b"]]]', candidates='["a"]')
    _insert("draft", id="d", **draft, sheet=json.dumps(sheets), audience=json.dumps(audience))
    _insert("draft", id="e", **draft)
    connection.close()

    connection.connect(nothing)
    found = uploads.find("u")
    assert [importer.Contact(*each) for each in people] == list(found.contacts)
    assert ([(5, "12", "too short")], None) == ([(e.position, e.value, e.reason) for e in found.rejected], found.sheet)
    assert ([Row(1, ["a", "b"])], []) == (list(uploads.find("v").sheet or ()), list(uploads.find("v").contacts))
    row = Draft.get(Draft.id == "d")
    assert [Row(1, ["number"]), Row(2, ["+4915110000000"])] == list(draft_rows.sheet(row.sheets, 0))
    assert ([], "Empty") == (list(draft_rows.sheet(row.sheets, 1)), row.sheets[1][0])
    assert [importer.Contact(*each) for each in audience] == list(draft_rows.audience(row.audience_set))
    assert (None, None) == (Draft.get(Draft.id == "e").sheets, Draft.get(Draft.id == "e").audience_set)
    assert 0 == row_sets.sweep(clock.now_ms())
    assert not {"contacts", "sheet"} & {column.name for column in proxy.database.obj.get_columns("upload")}
    connection.close()


def _insert(table: str, **values: Any) -> None:
    names, places = ", ".join(f'"{name}"' for name in values), ", ".join([proxy.database.obj.param] * len(values))
    proxy.database.execute_sql(f'INSERT INTO "{table}" ({names}) VALUES ({places})', tuple(values.values()))


def test_a_set_that_is_being_filled_stays_without_gaps(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody in its first rows is erased meanwhile."""
    kept = row_sets.keep([[2, "+5511987650077"], [3, "+5511987650088"]])
    real = row_sets._ENCODER

    class Late:
        def encode(self, value: Any) -> str:
            erase._rows(mentions.of(E164("+5511987650077")))
            return real.encode(value)

    monkeypatch.setattr(row_sets, "_ENCODER", Late())
    row_sets.append(kept, [[4, "a"], [5, "b"]])
    assert [3, 4, 5] == [row[0] for row in row_sets.rows(kept, list)]
    assert [0, 1, 2] == [row.n for row in KeptRow.select(KeptRow.n).where(KeptRow.set == kept).order_by(KeptRow.n)]


def in_doubt(settings: Any) -> str:
    """An upload of which a person has to say where its numbers are; its id."""
    rows = [(1, ["name", "phone a", "phone b"])]
    rows += [(n, [f"P{n}", f"+49151{n:08}", f"+49160{n:08}"]) for n in range(2, 40)]
    told = uploads.in_doubt(settings, errors.ChoosePhoneColumn(["phone a", "phone b"], rows), "a.csv", clock.now_ms())
    assert told.upload_id is not None
    return told.upload_id


def held() -> set[int]:
    return {row.id for row in RowSet.select().where(RowSet.held)}


def of_upload() -> set[int]:
    return {set_id for set_id in (getattr(Upload.get(), each.name) for each in stored.SETS) if set_id is not None}


def test_an_upload_in_doubt_is_counted_once_however_often_it_is_sent_to(hand: Hand, settings: Any) -> None:
    """Another column takes the place of the first."""
    upload_id = in_doubt(settings)
    order = create.Order("Hi", upload_id=upload_id, phone_column="phone a")
    sizes, sets = set(), set()
    for _ in range(3):
        create.create(settings, order, "test", hand.clock())
        sizes.add(uploads.size(upload_id))
        sets.add(frozenset(held()))
    assert {row_sets.size(*of_upload())} == sizes
    assert {frozenset(of_upload())} == sets
    people = uploads.chosen(upload_id, "", "phone b").contacts
    assert "+4916000000002" == people[0].number
    assert (of_upload(), row_sets.size(*of_upload())) == (held(), uploads.size(upload_id))


def test_two_who_choose_at_once_leave_nothing_behind(
    settings: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id, real, columns = in_doubt(settings), uploads.found_in, ["phone b"]

    def found_in(*given: Any) -> importer.ContactList:
        found = real(*given)
        if columns:  # while the first one is being read
            uploads.chosen(upload_id, "", columns.pop())
        return found

    monkeypatch.setattr(uploads, "found_in", found_in)
    assert "+4915100000002" == uploads.chosen(upload_id, "", "phone a").contacts[0].number
    assert (of_upload(), row_sets.size(*of_upload())) == (held(), uploads.size(upload_id))
    monkeypatch.setattr(row_sets, "keep", lambda *_, **__: Upload.delete().execute() and None)
    with pytest.raises(errors.NotFound):
        uploads.chosen(upload_id, "", "phone b")


def test_what_is_held_and_nothing_has_is_deleted(settings: Any, database: str) -> None:
    """Not what an upload, a draft or a series has."""
    in_doubt(settings)
    now = clock.now_ms()
    drafts.begin("d", "test", now, sheets=[Sheet("One", [Row(1, ["number"])])])
    audience, nobodys = row_sets.keep([1]), row_sets.keep([2])
    row_sets.hold(audience, nobodys)
    Draft.update(audience_set=audience).execute()
    kept = held() - {nobodys}
    for _ in range(2):
        row_sets.sweep(now + 2 * row_sets.GRACE_MS)
    assert kept == {row.id for row in RowSet.select()} == held()


def test_every_column_that_names_rows_is_known() -> None:
    """Else what it names would be deleted."""
    names = {(model, name) for model in models.TABLES for name in model._meta.fields if name.endswith("_set")}
    assert names == {(column.model, column.name) for column in row_sets.NAMED}
