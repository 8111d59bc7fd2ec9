"""Attachments survive a power cut, and one that did not is noticed before anybody gets it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon import config
from daemon.campaigns import drafts
from daemon.campaigns.draft_content import Reason
from daemon.contacts import uploads
from daemon.db import clock
from daemon.files import data_folder
from daemon.models import Attachment, Job, Template
from daemon.ops import retention
from tests.http.conftest import form
from tests.support.drafting import (
    check,
    draft_of,
    post,
    refused,
    send,
    with_message,
)

PEOPLE = ["+493023125001"]
DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "missing": ("is no longer there", lambda file: file.unlink()),
    "empty": ("is damaged", lambda file: file.write_bytes(b"")),
    "cut": ("is damaged", lambda file: file.write_bytes(file.read_bytes()[:10])),
    "of another content": ("is damaged", lambda file: file.write_bytes(b"y" * file.stat().st_size)),
}


class Disk:
    """What of the files would be there after a power cut: content and names that were flushed, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flushed: dict[int, int] = {}  # inode: the size that is on the disk
        self.names: set[str] = set()  # paths that are on the disk
        self.early: list[str] = []  # names that were given before the content was on the disk
        fsync, replace, link = os.fsync, Path.replace, Path.hardlink_to

        def flush(handle: int) -> None:
            fsync(handle)
            status, path = os.fstat(handle), Path(f"/proc/self/fd/{handle}").readlink()
            self.flushed[status.st_ino] = status.st_size
            if path.is_dir():
                self.names |= {str(each) for each in path.iterdir()}

        def rename(source: Path, target: Path) -> Path:
            self._named(source, target)
            return replace(source, target)

        def name(target: Path, source: Path) -> None:
            self._named(source, target)
            link(target, source)

        monkeypatch.setattr(os, "fsync", flush)
        monkeypatch.setattr(Path, "replace", rename)
        monkeypatch.setattr(Path, "hardlink_to", name)

    def _named(self, source: Path, target: Path) -> None:
        if not self._whole(source):
            self.early.append(str(target))

    def _whole(self, path: Path) -> bool:
        return self.flushed.get(path.stat().st_ino) == path.stat().st_size

    def keeps(self, path: Path) -> bool:
        """Whether the whole file is there, under its name, in folders that are there."""
        named = {str(path), str(path.resolve())}
        return (
            self._whole(path)
            and not named & set(self.early)
            and {str(path.resolve()), str(path.parent.resolve())} <= self.names
        )


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """See `Disk`."""
    return Disk(monkeypatch)


def kept(settings: config.Settings, attachment_id: str) -> Path:
    return uploads.attachment_path(settings, attachment_id)


async def test_what_was_uploaded_survives_a_power_cut(api, settings, disk, monkeypatch):
    """The whole file has its name on the disk before the database knows of it, and so before anybody is told."""
    at_that_time = []
    save = Attachment.save
    monkeypatch.setattr(
        Attachment,
        "save",
        lambda row, **how: at_that_time.append(disk.keeps(kept(settings, row.id))) or save(row, **how),
    )
    await api.post("/upload_attachment", data=form(b"x" * 100_000, "a.pdf"))
    assert [True] == at_that_time


async def test_files_of_a_draft_and_of_a_template_survive_it_too(member, settings, disk):
    """Three ways lead in, and all end in the same place."""
    base = await with_message(member)
    await post(member, f"{base}/message", [("file", b"x" * 5_000, "draft.pdf")], text="Hi", go="next")
    await send(member, "/app/templates/new", [("file", b"x" * 6_000, "template.pdf")], name="T", text="Hi")
    rows = list(Attachment.select())
    assert {"draft.pdf", "template.pdf"} == {row.filename for row in rows}
    assert all(disk.keeps(kept(settings, row.id)) for row in rows)


def test_the_api_key_survives_it(make_settings, tmp_path, disk):
    """A key's name without the key would keep the service from starting."""
    settings = make_settings(data_dir=tmp_path / "new" / "data")
    data_folder.prepare(settings.data_dir)
    config.api_key(settings)
    assert disk.keeps(settings.data_dir / "api_key")


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_file_that_is_not_what_was_uploaded_is_not_queued(api, settings, damage):
    """422 with the file's name and what to do; no job is made. Uploaded again, it goes."""
    words, harm = DAMAGES[damage]
    found = await api.post("/upload_attachment", data=form(b"x" * 100_000, "a.pdf"))
    order = {"numbers": PEOPLE, "message": "Hi", "attachments": [found["attachment_id"]]}
    await api.post("/send", order)
    harm(kept(settings, found["attachment_id"]))
    answer = await api.post("/send", order, 422)
    assert "urn:wasender:problem:attachment-lost" == answer["type"]
    assert f"The file a.pdf {words}: upload it again." == answer["detail"]
    assert 1 == Job.select().count()
    again = await api.post("/upload_attachment", data=form(b"x" * 100_000, "a.pdf"))
    await api.post("/send", order | {"attachments": [again["attachment_id"]]})


@pytest.mark.parametrize("damage", ["missing", "of another content"])
async def test_a_draft_does_not_start_with_such_a_file(member, settings, damage):
    """The dry run was right, then the file was damaged: the start says so, and nothing is queued."""
    words, harm = DAMAGES[damage]
    base = await with_message(member)
    await post(member, f"{base}/message", [("file", b"x" * 5_000, "plan.pdf")], text="Hi", go="next")
    when = {"name": "Spring", "delay_min": "1", "delay_max": "3", "start": "now"}
    await post(member, f"{base}/when", **when)
    await check(member, base)
    harm(kept(settings, Attachment.get().id))
    assert f"The file plan.pdf {words}" in await refused(member, f"{base}/start", 422, go="start")
    assert 0 == Job.select().count()


async def test_the_dry_run_looks_at_the_content_too(member, settings):
    """Half a file of the right size is none."""
    base = await with_message(member)
    await post(member, f"{base}/message", [("file", b"x" * 5_000, "plan.pdf")], text="Hi", go="next")
    await post(member, f"{base}/when", name="Spring", delay_min="1", delay_max="3", start="now")
    DAMAGES["of another content"][1](kept(settings, Attachment.get().id))
    await check(member, base)
    found = drafts.report(draft_of(base))
    assert found is not None
    reasons = {str(each.details) for each in found.left_out if each.reason is Reason.ATTACHMENT}
    assert {"The file plan.pdf is damaged: upload it again."} == reasons


def test_a_file_is_read_once_for_all_who_get_it(settings: Any, database: str, tmp_path: Path) -> None:
    """As long as nobody writes to it; a link to it, as the browser makes them, is no change."""
    part = uploads.new_part(settings)
    part.write_bytes(b"x" * 1_000)
    found = uploads.add_attachment(settings, part, "a.pdf", now=0)
    uploads._digest.cache_clear()
    for number in range(3):
        uploads.intact(settings, [found.id])
        os.link(kept(settings, found.id), tmp_path / str(number))
    assert (1, 2) == (uploads._digest.cache_info().misses, uploads._digest.cache_info().hits)


@pytest.mark.parametrize("damage", ["missing", "of another content"])
async def test_a_template_is_not_saved_with_such_a_file(api, member, settings, damage):
    """Said while it can be uploaded again, not when a campaign is made of it; in the API and on the page."""
    words, harm = DAMAGES[damage]
    one = await api.post("/upload_attachment", data=form(b"x" * 5_000, "a.pdf"))
    body = {"name": "Sale", "text": "Hi", "attachments": [one["attachment_id"]]}
    made = await api.post("/templates", body)
    harm(kept(settings, one["attachment_id"]))
    said = f"The file a.pdf {words}: upload it again."
    assert said == (await api.post("/templates", body | {"name": "B"}, 422))["detail"]
    assert said == (await api.ask("PUT", f"/templates/{made['id']}", 422, json=body | {"text": "Bye"}))["detail"]
    response = await send(member, "/app/templates/new", name="C", text="Hi", attachments=one["attachment_id"])
    assert (422, True) == (response.status, said in await response.text())
    assert [("Sale", "Hi")] == [(row.name, row.text) for row in Template.select()]


async def test_a_draft_goes_on_only_without_such_a_file(member, settings):
    """Where the message is written, not first in the dry run; nor does it become a template."""
    base = await with_message(member)
    await post(member, f"{base}/message", [("file", b"x" * 5_000, "plan.pdf")], text="Hi", go="attach")
    DAMAGES["cut"][1](kept(settings, Attachment.get().id))
    for go in ("next", "keep"):
        said = await refused(member, f"{base}/message", 422, text="Hi", template_name="Plan", go=go)
        assert "The file plan.pdf is damaged: upload it again." == said
    await post(member, f"{base}/message", text="Hi", go=f"remove:{Attachment.get().id}")
    await post(member, f"{base}/message", text="Hi", go="next")
    assert 0 == Template.select().count()


@pytest.mark.usefixtures("beside")
async def test_what_a_killed_upload_has_left_is_swept(settings: Any, database: str) -> None:
    """At the start and every hour; an upload that bytes still come for is left alone, and so is what was kept."""
    old, ahead, young = (uploads.new_part(settings) for _ in range(3))
    whole = kept(settings, "0" * 16)
    now = time.time()
    for place, age in ((old, 3_601), (ahead, -120), (young, 3_500), (whole, 1e6)):
        place.write_bytes(b"x")
        os.utime(place, (now - age, now - age))
    retention.prune(settings, clock.now_ms())
    assert {young.name, whole.name} == {place.name for place in whole.parent.iterdir()}
    young.unlink()
    assert 0 == uploads.sweep(settings, round(now * 1000))
