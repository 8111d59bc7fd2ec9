"""The process in which files are read: it stays for the next file, and no file takes more than it may."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import signal
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon import errors
from daemon.contacts import file_reading, importer
from daemon.contacts.file_reading import File, Reader
from daemon.contacts.importer import ContactList
from daemon.telemetry import progress
from tests.support.contacts import ANNA, BEN
from tests.support.scripted import until

MEMORY = 512 << 20  # of the process, in these tests
PEOPLE = f"name,phone\nAnna,{ANNA}\nBen,{BEN}\nNobody,1\n".encode()


@pytest.fixture
async def reader(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reader]:
    """A process of the test's own, which has read a file."""
    made = Reader(memory=MEMORY, cpu_s=20, patience=20)
    monkeypatch.setattr(file_reading, "READER", made)
    await file_reading.contacts(File("first.csv", PEOPLE), "")
    yield made
    await asyncio.to_thread(made.stop)


def pid(of: Reader) -> int:
    (process,) = of.processes
    return process.pid


def told(found: ContactList) -> dict[str, object]:
    """What was found, with rejected rows as they are stored."""
    return vars(found) | {"rejected": [each.stored() for each in found.rejected]}


def workbook(xml: bytes, shared: bytes = b"") -> bytes:
    """A workbook whose one sheet holds that."""
    main = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    place = b'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    kinds = b"application/vnd.openxmlformats-officedocument.spreadsheetml."
    of = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    parts = {
        "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        b'<Override PartName="/xl/workbook.xml" ContentType="' + kinds + b'sheet.main+xml"/>'
        b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kinds + b'sharedStrings+xml"/>'
        b'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="' + kinds + b'worksheet+xml"/></Types>',
        "_rels/.rels": b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="a" Type="' + of + b'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": b"<workbook " + main + b" " + place + b'><sheets><sheet name="S" sheetId="1" r:id="a"/>'
        b"</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": b"<Relationships "
        b'xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="a" Type="' + of + b'worksheet" Target="worksheets/sheet1.xml"/>'
        b'<Relationship Id="b" Type="' + of + b'sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": b"<sst " + main + b">" + shared + b"</sst>",
        "xl/worksheets/sheet1.xml": b"<worksheet " + main + b"><sheetData>" + xml + b"</sheetData></worksheet>",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return made.getvalue()


async def test_it_finds_what_the_reader_finds(reader):
    """Contacts, rejected rows with their codes, columns; and sheets as they are."""
    content = io.BytesIO(PEOPLE)
    content.seek(7)
    assert told(importer.read(PEOPLE, "a.csv", "")) == told(await file_reading.contacts(File("a.csv", content), ""))
    assert importer.sheets(PEOPLE, "a.csv", "", 9) == await file_reading.sheets(File("a.csv", PEOPLE), "", 9)
    people = await file_reading.contacts(File("a.csv", b"phone\n0171 3920011\n+4917\n+88888888\n"), "DE", trusted=True)
    assert ["+491713920011", "+88888888"] == [each.number for each in people.contacts]


async def test_many_rows_come_in_batches(reader):
    """All of them, in order."""
    data = "\n".join(f"N{n},+491511{n:07}" if n % 7 else f"N{n},{n}" for n in range(6_007)).encode()
    found = await file_reading.contacts(File("a.csv", data), "")
    assert told(importer.read(data, "a.csv", "")) == told(found)
    assert (5_148, 858) == (len(found.contacts), len(found.rejected))


async def test_one_process_serves_file_after_file(reader):
    """Also after one that it refuses."""
    first = pid(reader)
    for data, words in ((b"", "a.csv is empty"), (b"%PDF-1.7", "a.csv is a PDF")):
        with pytest.raises(errors.UnreadableFile, match=words):
            await file_reading.contacts(File("a.csv", data), "")
    assert 2 == len((await file_reading.contacts(File("a.csv", PEOPLE), "")).contacts)
    assert first == pid(reader)


HOSTILE = {
    "lines of one letter": (b"a\n" * 1_100_000, "more than 1,000,000 rows"),
    "one line of cells": (b"x;" * 100_000, "columns"),
    "rejected rows": (b"phone\n+4915110000000\n" + b"1\n" * 100_002, "More than 100,000 rows"),
    "rows in a workbook": (workbook(b'<row r="1048570"/>' + b"<row/>" * 10), "far outside"),
    "cells in a workbook": (workbook(b"<row>" + b"<c/>" * 250_000 + b"</row>"), "far outside"),
    "strings in a workbook": (workbook(b"", b"<si/>" * 2_000_001), "more than 2,000,000 texts or styles"),
    "letters in a workbook": (
        workbook(b'<row><c t="s"><v>0</v></c></row>' * 20_000, b"<si><t>" + b"x" * 32_000 + b"</t></si>"),
        "unpacks to far more",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_takes_no_more_than_it_may(reader, name):
    """One sentence, at the first excess; what asked has not grown, and the next file is read."""
    data, words = HOSTILE[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(errors.InvalidInput, match=words):
        await file_reading.contacts(File("list", data), "")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB
    assert 2 == len((await file_reading.contacts(File("a.csv", PEOPLE), "")).contacts)


async def test_a_file_that_takes_too_much_memory_is_refused():
    """By the limit of the process, whatever in the file needs it."""
    reader = Reader(memory=96 << 20)
    try:
        with pytest.raises(errors.UnreadableFile, match="takes too much memory to read: split it"):
            await reader.ask(
                "sheets", File("a.csv", b"a,b,c,d,e\n" * 300_000), default_country="", most_rows=10**6, encoding=None
            )
    finally:
        await asyncio.to_thread(reader.stop)


async def test_a_file_that_takes_too_much_work_is_refused():
    """Its process is ended after so many seconds of work, and another one reads the next file."""
    reader = Reader(cpu_s=1, patience=60)
    data = workbook(b"<row><c><v>1</v></c></row>" * 300_000)
    try:
        with pytest.raises(errors.UnreadableFile, match="takes too long to read: split it"):
            await reader.ask("contacts", File("a.xlsx", data), default_country="", said={})
        answer = await reader.ask("contacts", File("a.csv", PEOPLE), default_country="", said={})
        assert 2 == len(answer.contacts)
    finally:
        await asyncio.to_thread(reader.stop)


async def test_a_process_that_does_not_answer_is_ended(reader):
    """After a while by the clock, however little it works."""
    reader._cpu_s, reader._patience = 1, 1
    stopped = pid(reader)
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(errors.UnreadableFile, match="takes too long to read"):
        await file_reading.contacts(File("a.csv", PEOPLE), "")
    reader._cpu_s, reader._patience = 20, 20
    assert 2 == len((await file_reading.contacts(File("a.csv", PEOPLE), "")).contacts)
    assert stopped != pid(reader)
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)  # reaped


async def test_a_process_that_was_killed_is_replaced(reader):
    """Between two files nobody notices; in the middle of one, that one is to be uploaded again."""
    os.kill(pid(reader), signal.SIGKILL)
    await until(lambda: all(each.poll() is not None for each in reader.processes))
    assert 2 == len((await file_reading.contacts(File("a.csv", PEOPLE), "")).contacts)
    os.kill(pid(reader), signal.SIGSTOP)
    asked = asyncio.create_task(file_reading.contacts(File("a.csv", PEOPLE), ""))
    await until(lambda: reader.asking == 1)
    os.kill(pid(reader), signal.SIGKILL)
    with pytest.raises(errors.UnreadableFile):
        await asked
    assert 2 == len((await file_reading.contacts(File("a.csv", PEOPLE), "")).contacts)


def asks(caller: str) -> asyncio.Task[ContactList]:
    """Somebody's file, which is being read or waits for it."""
    file_reading.asker.set(caller)
    return asyncio.create_task(file_reading.contacts(File("a.csv", PEOPLE), ""))


async def test_the_queue_is_bounded(reader, monkeypatch):
    """So many wait, each is answered in the end; one more is told to come again, one caller sooner."""
    for name, most in {"READERS": 1, "PLACES": 6, "PLACES_EACH": 4}.items():
        monkeypatch.setattr(file_reading, name, most)
    os.kill(pid(reader), signal.SIGSTOP)
    asked = [asks("ann") for _ in range(4)]
    await until(lambda: reader.asking == 4)
    with pytest.raises(errors.ReadingBusy, match="try again"):
        await asks("ann")
    asked += [asks("ben") for _ in range(2)]
    await until(lambda: reader.asking == 6)
    with pytest.raises(errors.ReadingBusy, match="try again"):
        await asks("cem")
    os.kill(pid(reader), signal.SIGCONT)
    assert [2] * len(asked) == [len(found.contacts) for found in await asyncio.gather(*asked)]


async def test_a_slow_file_keeps_no_other_waiting(reader):
    """Neither the same caller's nor, when that one has two of them, somebody else's; one process stays in the end."""
    slow = [asks("ann")]
    await asyncio.sleep(0)
    os.kill(pid(reader), signal.SIGSTOP)
    stopped = list(reader.processes)
    assert 2 == len((await asks("ann")).contacts)
    slow += [asks("ann"), asks("ann")]
    await until(lambda: len(reader.processes) == file_reading.EACH)
    for process in reader.processes:
        if process not in stopped:
            process.send_signal(signal.SIGSTOP)
            stopped.append(process)
    assert [2, 2] == [len((await asks(caller)).contacts) for caller in ("ben", "cem")]
    for process in stopped:
        process.send_signal(signal.SIGCONT)
    assert [2] * 3 == [len(found.contacts) for found in await asyncio.gather(*slow)]
    await until(lambda: len(reader.processes) == 1)


class Failing(io.BytesIO):
    """A file whose disk fails, or that is closed, after the first part of it."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(size)


async def test_a_file_that_fails_is_not_mixed_with_the_next(reader):
    """What has come of it is never the answer to somebody else's file."""
    theirs = b"phone\n" + b"\n" * (file_reading.CHUNK - 20) + b"+4915110000009\n"
    assert len(theirs) > file_reading.CHUNK
    with pytest.raises(OSError, match="Input/output"):
        await file_reading.contacts(File("theirs.csv", Failing(theirs)), "")

    found = await file_reading.contacts(File("ours.csv", PEOPLE), "")

    assert [ANNA, BEN] == [each.number for each in found.contacts]


async def test_a_large_file_is_not_taken(reader, monkeypatch):
    """Whoever did not look before."""
    monkeypatch.setattr(file_reading, "MAX_FILE", 10)
    with pytest.raises(errors.TooLarge, match="32 MB"):
        await file_reading.contacts(File("a.csv", io.BytesIO(PEOPLE)), "")


async def test_what_nobody_foresaw_is_logged_by_its_kind(reader):
    """Without the file's name or content; the process goes on."""
    with capture_logs() as logs, pytest.raises(RuntimeError):
        await reader.ask("nothing that there is", File("Anna.csv", PEOPLE))
    assert ["KeyError, file_reading_process.py"] == [each["kind"].partition(" line")[0] for each in logs]
    assert "Anna" not in str(logs)
    assert 2 == len((await file_reading.contacts(File("a.csv", PEOPLE), "")).contacts)


async def test_the_process_knows_no_settings(reader, monkeypatch):
    """Neither the key nor the address of the database: a file could take it over."""
    environment = Path(f"/proc/{pid(reader)}/environ").read_bytes().split(b"\0")
    assert {"PATH"} <= {name.decode().partition("=")[0] for name in environment} <= set(file_reading.ENVIRONMENT) | {""}


async def test_it_ends_with_the_process_that_asks(reader):
    """No process is left behind."""
    was = pid(reader)
    await asyncio.to_thread(reader.stop)
    with pytest.raises(ProcessLookupError):
        os.kill(was, 0)
    with pytest.raises(errors.ReadingBusy, match="is shutting down"):
        await file_reading.contacts(File("a.csv", PEOPLE), "")


async def test_a_file_that_nobody_waits_for_any_more_is_not_read_on(reader):
    """Its process is ended in the middle of it; the next file gets another."""

    class Cancelled(Exception):
        """What the listener says."""

    def listen(stage, done, total, can_end):
        raise Cancelled

    options = {"default_country": "DE", "most_rows": 1_000_000, "encoding": None}
    many = File("many.csv", b"number,name\n" + b"".join(b"+49151%08d,P\n" % n for n in range(300_000)))
    with progress.listening(listen), pytest.raises(Cancelled):
        await reader.ask("sheets", many, **options)
    answer = await reader.ask("sheets", File("few.csv", b"+4915110000000"), **options)
    assert 1 == len(answer.sheets[0].rows)


async def test_contacts_are_handed_on_as_they_come(reader):
    """In batches, to whoever takes them; what the taker raises ends the reading."""
    rows = b"number\n" + b"".join(b"+49151%08d\n" % n for n in range(5_000))
    batches = []
    options = {"default_country": "DE", "trusted": False, "said": vars(importer.NOTHING_SAID)}
    again = rows + b"+4915100000007\n+4915100000008\n"
    answer = await reader.ask("contacts", File("a.csv", again), lambda *batch: batches.append(batch), **options)
    assert ([2_000, 2_000, 1_000, 2], []) == ([len(each) for each, _ in batches], answer.contacts)
    assert [False, False, False, True] == [repeated for _, repeated in batches]
    assert ([2, "+4915100000000", {}], [5_002, "+4915100000007", {}]) == (batches[0][0][0], batches[3][0][0])

    def refuse(*batch):
        raise errors.DiskFull

    with pytest.raises(errors.DiskFull):
        await reader.ask("contacts", File("a.csv", rows), refuse, **options)
    assert 5_000 == len((await reader.ask("contacts", File("a.csv", rows), **options)).contacts)
