"""Uploads: contacts files and attachments, their names and their limits."""

from __future__ import annotations

import asyncio
import io
import signal
from typing import Any

import pytest
from aiohttp import FormData

from daemon.contacts import file_reading, uploads
from daemon.http import DB_THREADS, make_app
from daemon.models import Attachment, Upload
from tests.http.conftest import KEY, Caller, form
from tests.support.scripted import until
from tests.support.workbooks import book, saved


async def test_a_contacts_file_is_shown_as_it_was_read(api):
    """Counts, columns, and the first rows."""
    found = await api.post("/upload", data=form("phone,Vorname\n+4915110000000,Jürgen\n".encode(), "Gäste 🎉.csv"))
    assert "Gäste 🎉.csv" == found["filename"]
    assert (1, 1, 0, ["vorname"], "phone") == tuple(
        found[key] for key in ("total", "unique", "duplicates", "columns", "phone_column")
    )
    assert [{"row": 2, "number": "+4915110000000", "fields": {"vorname": "Jürgen"}}] == found["preview"]


async def test_a_preview_is_short_and_the_upload_whole(api):
    """20 rows are shown, all are kept."""
    lines = [f"+491511{n:07}" for n in range(100)]
    found = await api.post("/upload", data=form("\n".join(lines).encode(), "list.txt"))
    assert (20, 100) == (len(found["preview"]), found["unique"])


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "empty"), (b"\x89PNG\r\n\x1a\n" + b"\0" * 9, "."), (b"no numbers here\nnone", "telephone")],
)
async def test_a_file_that_is_no_list_of_contacts_is_refused(api, data, words):
    """422 with what to do."""
    assert words in (await api.post("/upload", None, 422, data=form(data, "x.csv")))["detail"]


@pytest.mark.parametrize("path", ["/upload", "/upload_attachment"])
@pytest.mark.parametrize(
    "what",
    [
        {"json": {"file": "x"}},
        {"data": form(b"x", "x.csv", name="other")},
        {"data": b"nonsense", "headers": {"Content-Type": "multipart/form-data"}},
        {"data": b"nonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    ],
    ids=["json", "other part", "no boundary", "no part", "cut short"],
)
async def test_a_request_without_a_file_is_refused(api, path, what):
    """400 with the curl line that works."""
    assert "curl -F file=@" in (await api.post(path, None, 400, **what))["detail"]


@pytest.mark.parametrize("path", ["/upload", "/upload_attachment"])
async def test_an_upload_that_ends_in_the_middle_is_refused(api, settings, path):
    """Half a list of contacts is no list; half a picture is not kept."""
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n+4915110000000\n+49151'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert "cut off" in (await api.post(path, None, 400, data=body, headers=headers))["detail"]
    assert 0 == Attachment.select().count()


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        ("Foto.JPG", "photo"),
        ("clip.mp4", "video"),
        ("song.mp3", "audio"),
        ("Einladung Ä.pdf", "document"),
        ("no ending", "document"),
        ("page.svg", "document"),
        ("old phone.3GP", "video"),
        ("clip.mov", "video"),
        ("sticker.webp", "photo"),
        ("voice.ogg", "audio"),
        ("voice.opus", "audio"),
        ("voice.m4a", "audio"),
        ("iphone.heic", "document"),
        ("song.mid", "document"),
        ("mp3", "document"),
    ],
)
async def test_an_attachment_is_kept_by_id(api, settings, filename, kind):
    """Its bytes under the id, its name as it was, its kind as WhatsApp takes it."""
    found = await api.post("/upload_attachment", data=form(b"\0bytes\xff", filename))
    assert (filename, 7, kind) == (found["filename"], found["size"], found["kind"])
    place = settings.data_dir / "attachments" / found["attachment_id"]
    assert b"\0bytes\xff" == place.read_bytes()
    assert [found["attachment_id"]] == [each.name for each in place.parent.iterdir()]


@pytest.mark.parametrize(
    ("filename", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.png", "photo.png"),
        ("..", "file"),
        ("a\nb\0c.txt", "abc.txt"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("ท" * 100 + ".pdf", "ท" * 45 + ".pdf"),
        ("🎁" * 60, "🎁" * 35),
        ("👨\u200d👩\u200d👧 Familie.pdf", "👨\u200d👩\u200d👧 Familie.pdf"),
        ("می\u200cخواهم.pdf", "می\u200cخواهم.pdf"),
        ("क्\u200dष.pdf", "क्\u200dष.pdf"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("\u200d", "file"),
        ("." + "é" * 100, "é" * 70),
    ],
)
async def test_a_file_name_is_never_a_path(settings, filename, kept):
    """Only its last part is kept, without what is not printable, and not longer than a file system takes."""
    assert kept == uploads.safe_name(filename)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.mark.parametrize(
    ("filename", "data", "kept", "kind"),
    [
        ("iphone.jpg", HEIC, "iphone.jpg", "document"),
        ("scan.png", b"%PDF-1.7 ...", "scan.png", "document"),
        ("movie.mp4", b"\x1aE\xdf\xa3webm", "movie.mp4", "document"),
        ("moved.jpg", b"GIF89a", "moved.jpg", "document"),
        ("page.jpg", b"<!DOCTYPE html><p>404", "page.jpg", "document"),
        ("note.mp3", b"this is no song at all", "note.mp3", "document"),
        ("photo.png", b"\xff\xd8\xff\xe0jpeg", "photo.png", "photo"),
        ("photo", b"\x89PNG\r\n\x1a\n...", "photo.png", "photo"),
        ("download.bin", b"\0\0\0\x18ftypisom", "download.bin.mp4", "video"),
        ("voice.txt", b"OggS....OpusHead", "voice.txt.ogg", "audio"),
        ("song.m4a", b"\0\0\0\x18ftypmp42", "song.m4a", "audio"),
        ("offer.docx", b"PK\x03\x04", "offer.docx", "document"),
    ],
)
async def test_a_kind_is_by_the_content(api, filename, data, kept, kind):
    """Not by what a file is called; a medium gets the ending that browsers know it by."""
    found = await api.post("/upload_attachment", data=form(data, filename))
    assert (kept, kind) == (found["filename"], found["kind"])


@pytest.mark.parametrize("ending", sorted(uploads.MEDIA_TYPES))
async def test_a_kind_does_not_depend_on_the_machine(monkeypatch, ending):
    """What WhatsApp knows is found by a table of ours, not by /etc/mime.types."""
    monkeypatch.setattr("mimetypes.guess_type", lambda name: ("text/plain", None))
    assert uploads.MEDIA_TYPES[ending] == uploads.mimetype_of(f"a.b.{ending.upper()}")


async def test_a_medium_above_the_limit_goes_as_a_document(api):
    """16 MB are media, a byte more is a document."""
    limit = uploads.MEDIA_LIMIT
    types = {"image/png": "photo", "video/3gpp": "video", "audio/ogg": "audio"}
    assert list(types.values()) == [uploads.kind_of(each, limit) for each in types]
    assert ["document"] * 3 == [uploads.kind_of(each, limit + 1) for each in types]


async def test_an_empty_attachment_is_refused(api, settings):
    """And leaves nothing behind."""
    assert "empty" in (await api.post("/upload_attachment", None, 422, data=form(b"", "x.png")))["detail"]
    assert [] == list((settings.data_dir / "attachments").iterdir())
    assert 0 == Attachment.select().count()


async def test_an_attachment_above_the_limit_is_refused(make_settings, database, aiohttp_client):
    """413 with the limit and the setting, and leaves nothing behind."""
    settings = make_settings(max_upload_mb=1)
    api: Any = Caller(await aiohttp_client(make_app(settings, KEY)), KEY)
    problem = await api.post("/upload_attachment", None, 413, data=form(b"x" * (1024 * 1024 + 1), "x.png"))
    assert "1 MB" in problem["detail"] and "WASENDER_MAX_UPLOAD_MB" in problem["detail"]
    assert [] == list((settings.data_dir / "attachments").iterdir())
    await api.post("/upload_attachment", data=form(b"x" * (1024 * 1024), "x.png"))


async def test_others_are_served_while_files_are_read(api, settings, member, monkeypatch):
    """However many are uploaded at once, no database thread waits for them; page and API."""
    await api.post("/upload", data=form(b"+4915110000000", "first.txt"))
    monkeypatch.setattr(file_reading, "READERS", 1)
    (process,) = file_reading.READER.processes
    process.send_signal(signal.SIGSTOP)
    try:
        uploading = [
            asyncio.create_task(api.post("/upload", data=form(b"+4915110000000", "list.txt")))
            for _ in range(DB_THREADS + 2)
        ]
        pasted = {"numbers": "+4915110000001", "reason": "asked"}
        blocked = form(b"+4915110000002", "left.csv")
        uploading.append(asyncio.create_task(api.post("/suppressions/import", data=blocked)))
        await until(lambda: file_reading.READER.asking == len(uploading))
        await api.get("/jobs")
        assert 1 == (await api.post("/suppressions/import", data=pasted))["added"]
        assert 200 == (await member.get("/app/lists", headers={"Accept": "text/html"})).status
        assert not any(each.done() for each in uploading)
    finally:
        process.send_signal(signal.SIGCONT)
    *found, left = await asyncio.gather(*uploading)
    assert ([1] * len(found), 1) == ([each["unique"] for each in found], left["added"])


async def test_a_file_that_finds_no_place_is_refused(api, monkeypatch):
    """503 with what to do; nothing is kept of it."""
    monkeypatch.setattr(file_reading, "PLACES", 0)
    refused = await api.post("/upload", None, 503, data=form(b"+4915110000000", "list.txt"))
    assert ("urn:wasender:problem:reading-busy", True) == (refused["type"], "try again" in refused["detail"])
    assert 0 == Upload.select().count()


async def test_all_files_together_have_a_limit(make_settings, database, aiohttp_client):
    """507 with the setting; whatever comes first takes the room, contacts files and attachments alike."""
    settings = make_settings(max_stored_mb=1, keep_unused_days=7)
    api: Any = Caller(await aiohttp_client(make_app(settings, KEY)), KEY)
    await api.post("/upload_attachment", data=form(b"x" * 1_030_000, "x.png"))
    contacts = b"number\n" + b"".join(b"+4915110%06d\n" % n for n in range(500))
    await api.post("/upload", data=form(contacts, "a.csv"))
    for path, name, data in (("/upload", "b.csv", contacts), ("/upload_attachment", "y.png", b"x" * 20_000)):
        problem = await api.post(path, None, 507, data=form(data, name))
        assert "urn:wasender:problem:storage-full" == problem["type"]
        assert "WASENDER_MAX_STORED_MB" in problem["detail"] and "7 days" in problem["detail"]
    assert (1, 1) == (Attachment.select().count(), Upload.select().count())
    assert 1 == len(list((settings.data_dir / "attachments").iterdir()))
    await api.post("/upload_attachment", data=form(b"x", "z.png"))


async def test_what_is_hidden_in_a_workbook_is_told(api):
    """It is left out; so is the other sheet, and a title says which one was read."""
    made = book([["How to use this list"]], [["name", "old", "phone"], ["Ann", "+447700900109", "+447700900101"]])
    sheet = made.worksheets[1]
    sheet.append(["Bob", "+447700900108", "+447700900102"])
    sheet.row_dimensions[3].hidden = sheet.column_dimensions["B"].hidden = True
    found = await api.post("/upload", data=form(saved(made), "list.xlsx"))
    assert ("Sheet2", 1, 1, None) == tuple(found[key] for key in ("sheet", "hidden_rows", "hidden_columns", "encoding"))
    assert [("+447700900101", {"name": "Ann"})] == [(each["number"], each["fields"]) for each in found["preview"]]


@pytest.mark.parametrize("where", ["query", "before", "after"])
async def test_an_encoding_that_was_guessed_is_told_and_can_be_given(api, where):
    """In the query, or in a part of its own before or behind the file."""
    data = "name;phone\nZieliński;+48512345678\n".encode("cp1250")
    found = await api.post("/upload", data=form(data, "list.csv"))
    assert ("cp1252", False) == (found["encoding"], found["encoding_sure"])
    given = FormData(quote_fields=False)
    if where == "before":
        given.add_field("encoding", "windows-1250")
    given.add_field("file", io.BytesIO(data), filename="list.csv", content_type="application/octet-stream")
    if where == "after":
        given.add_field("encoding", "cp1250")
    again = await api.post("/upload" + ("?encoding=cp1250" if where == "query" else ""), data=given)
    assert ("cp1250", True) == (again["encoding"], again["encoding_sure"])
    assert {"name": "Zieliński"} == again["preview"][0]["fields"]


async def test_an_encoding_that_is_none_is_refused(api):
    """With those that there are; and several sheets with people are asked about."""
    refused = await api.post("/upload?encoding=klingon", None, 422, data=form(b"+447700900101", "list.csv"))
    assert "cp1252" in refused["detail"]
    made = saved(book([["phone"], ["+447700900101"]], [["phone"], ["+447700900102"]]))
    assert "say which one" in (await api.post("/upload", None, 422, data=form(made, "list.xlsx")))["detail"]
    assert 1 == (await api.post("/upload?sheet=Sheet2", data=form(made, "list.xlsx")))["unique"]
