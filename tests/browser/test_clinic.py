"""Two weeks of a clinic's reception, on one instance with a real sender and WhatsApp's stand-in: what a receptionist
does, in the order in which she does it. Time passes by moving all that is stored into the past."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import peewee
import pytest

from daemon import models
from daemon.db import clock, connection
from daemon.models import Account, AuditEntry, Installation, Job, Message, Session, Suppression
from standin.client import StandIn
from tests.support.driving import QUICK
from tests.support.visitor import Instance, Visitor, use

DAY_MS = 86_400_000
BERLIN = ZoneInfo("Europe/Berlin")
CLINIC = """Name;Handy;Festnetz;WhatsApp;Termin
Anna Adam;0151 23456701;;ja;14.12.2026 09:00
Ben Bauer;0151 23456702;;ja;14.12.2026 09:30
Carla Conrad;;0151 23456703;ja;14.12.2026 10:00
Dora Dietz;0151 23456704;;nein;14.12.2026 10:30
Emil Engel;0151 23456705;;ja;15.12.2026 08:00
Emma Engel;0151 23456705;;ja;15.12.2026 08:15
Finn Falk;4.915123456706E+12;;ja;15.12.2026 09:00
Greta Horn;0151 23456707;;Nein;15.12.2026 09:30
Hans Igel;0151 2345;;ja;16.12.2026 14:30
Ida Jung;0151 23456709;;ja;16.12.2026 15:00
Jan Kern;0151 23456710;;ja;nach Absprache
Kim Lenz;0151 23456711;;nein;17.12.2026 11:00
"""
ANNA, BEN, CARLA, EMIL, FINN, HANS, IDA = (f"+49151234567{n:02}" for n in (1, 2, 3, 5, 6, 8, 9))
TEXT = "Guten Tag {{ name }}, Ihr Termin: {{ termin|date('EEEE, d. MMMM') }}, {{ termin|time }} Uhr. STOP, wenn nicht."
OF = "Guten Tag {}, Ihr Termin: {}, {} Uhr. STOP, wenn nicht."


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """WhatsApp, where nobody is linked yet."""
    with StandIn.start(tmp_path_factory.mktemp("whatsapp"), **QUICK | {"linked": False}) as running:
        yield running


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory, standin: StandIn) -> Iterator[Instance]:
    """The clinic's; its sender is started where something is sent."""
    settings: dict[str, Any] = {"delay_min": 0, "delay_max": 0, "long_pause_every": 0, "retry_after_s": 0}
    settings |= {"transport": "browser", "whatsapp_url": standin.url}
    settings |= {"timezone": "Europe/Berlin", "default_country": "DE", "log_level": "warning"}
    with Instance(tmp_path_factory.mktemp("clinic"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def visitor(instance: Instance) -> Iterator[Visitor]:
    """The receptionist, logged in."""
    with Visitor(instance) as visitor:
        visitor.size(1280, 900)
        visitor.log_in()
        yield visitor


NOW = (Account, Installation, Session, AuditEntry)


def pass_by(length_ms: int) -> None:
    """That much time: whatever is stored happened so much earlier. Logins last, accounts and installation are there
    now, and the audit log is only added to."""
    with connection.write():
        for table in models.TABLES:
            fields = [each for each in table._meta.sorted_fields if isinstance(each, peewee.BigIntegerField)]
            for field in fields if table not in NOW else []:
                if field.column_name == "at" or field.column_name.endswith(("_at", "not_before")):
                    table.update({field: field - length_ms}).where(field > length_ms).execute()


def sent(job_id: int) -> int:
    return int(
        Job.get_by_id(job_id).total - Message.select().where(Message.job == job_id, Message.sent_at.is_null()).count()
    )


def upload(visitor: Visitor, folder: Path, name: str) -> None:
    """A new campaign with the clinic's file, at its columns."""
    (file := folder / name).write_text(CLINIC)
    visitor.open("/app/new")
    visitor.press("Start a new campaign")
    visitor.find("#file").send_keys(str(file))
    visitor.press("Next: columns")
    visitor.find(".columns-table")


def test_the_first_week_is_planned(visitor: Visitor, tmp_path: Path) -> None:
    """Who wants none is left out, siblings get one each, a damaged number is mended, a date is written out; what has no
    date is told by the dry run; it is to start in two days at nine."""
    upload(visitor, tmp_path, "clinic.csv")
    visitor.find("select[name=role-2] option[value=second]").click()
    visitor.press("Next: numbers")
    visitor.reads("#step-error", "Some people may not want messages")
    use(visitor, "exclude-rows:3")
    visitor.reads("#remain", "9 of 12 rows remain")
    visitor.press("Next: numbers")
    visitor.reads("#counts", "6 of 9 can be messaged")
    assert "Emil Engel, Emma Engel" in visitor.text("#shared")
    visitor.find("#shared input[value=row]").click()
    use(visitor, "accept-all:rounded")
    visitor.reads("#counts", "8 of 9")
    assert visitor.find("#shared input[value=row]").is_selected()
    visitor.find("a[href*='group=']:not([href$='group=rounded'])").click()
    number = visitor.find("input[name=number-10]")
    number.clear()
    number.send_keys("0151 23456708")
    use(visitor, "accept:10")
    visitor.reads("#row-10", "used")
    visitor.link("Back to all numbers").click()
    visitor.reads("#counts", "9 of 9")
    visitor.press("Next: message")
    visitor.find("#language option[value=de]").click()
    visitor.fill("text", TEXT)
    visitor.reads("#preview", OF.format("Anna Adam", "Montag, 14. Dezember", "09:00"))
    visitor.press("Next: time")
    visitor.find("#delay_min")
    visitor.fill("name", "Termine")
    at = (datetime.now(BERLIN) + timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)
    visitor.fill("at", at.strftime("%Y-%m-%dT%H:%M"))
    assert visitor.find("input[name=start][value=at]").is_selected()
    visitor.press("Next: dry run")
    visitor.press("Run the dry run")
    visitor.reads("#report", "8 people will get it")
    visitor.reads(".outcomes", "Date, time or amount not readable 1")
    visitor.reads(".outcomes", "Excluded by your rules 3")
    job_id = visitor.start()
    visitor.reads("#summary .chip", "scheduled")
    assert round(at.timestamp() * 1000) == Job.get_by_id(job_id).schedule_at


def test_it_goes_out_in_spite_of_a_pause_and_a_logout(visitor: Visitor, instance: Instance, standin: StandIn) -> None:
    """Its time comes; paused after the first; the phone unlinks it and links it again; everybody gets theirs once."""
    job = Job.get()
    pass_by((job.schedule_at or 0) - clock.now_ms())
    instance.start("sender")
    visitor.open("/app")
    visitor.find("#accounts img.qr")
    standin.scan(60)
    visitor.open(f"/app/jobs/{job.id}")
    visitor.until(lambda: sent(job.id))
    visitor.press("Pause")
    visitor.reads("#summary .chip", "paused")
    visitor.until(lambda: not Message.select().where(Message.state.in_(("claimed", "sending", "accepted"))).count())
    before = sent(job.id)
    assert before < 8
    standin.logout()
    visitor.open("/app")
    visitor.find("#accounts img.qr")
    standin.scan(60)
    visitor.reads("#accounts .chip", "ready")
    assert before == sent(job.id)
    visitor.open(f"/app/jobs/{job.id}")
    visitor.press("Resume")
    visitor.reads("#summary .chip", "completed")
    visitor.reads("#funnel", "8 sent")

    got = sorted((each["number"], each["text"]) for each in standin.messages())
    assert 8 == len(got)
    assert [(EMIL, "Emil Engel", "08:00"), (EMIL, "Emma Engel", "08:15")] == [
        (number, name, hour) for number, text in got for name, hour in [(text[10:20], text[-28:-23])] if number == EMIL
    ]
    assert {ANNA, BEN, CARLA, EMIL, FINN, HANS, IDA} == {number for number, _ in got}
    assert (HANS, OF.format("Hans Igel", "Mittwoch, 16. Dezember", "14:30")) in got
    assert [] == standin.record()["violations"]


def test_replies_are_read_and_a_stop_is_heeded(visitor: Visitor, standin: StandIn) -> None:
    """Ben wants no more and is on the list at once; Anna's question waits in the badge and on the page."""
    standin.incoming(BEN, "STOP")
    standin.incoming(ANNA, "Kann ich auch um zehn kommen?")
    visitor.open("/app")
    visitor.reads("#unread", "2 unread replies")
    visitor.open("/app/replies")
    visitor.until(lambda: 2 == len(visitor.texts("#replies li")))
    (stop,) = visitor.texts("#replies li.stop")
    assert "Ben Bauer" in stop and "on the suppression list" in stop
    assert any("Anna Adam" in text and "Kann ich auch um zehn kommen?" in text for text in visitor.texts("#replies li"))
    assert [BEN] == [row.number for row in Suppression.select()]


def test_the_report_has_it_all(visitor: Visitor) -> None:
    """As the file that is downloaded from the campaign's page."""
    visitor.open(f"/app/jobs/{Job.get().id}")
    visitor.reads("#funnel", "2 replied")
    visitor.link("Download the report (CSV)").click()
    file = visitor.until(lambda: next(visitor.downloads.glob("*.csv"), None))
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))
    columns = {
        "number",
        "name",
        "termin",
        "state",
        "reason",
        "sent_at",
        "delivered_at",
        "read_at",
        "replied_at",
        "reply",
    }
    assert columns <= set(rows[0])
    assert 8 == len(rows)
    told = {row["name"]: (row["state"], row["reply"]) for row in rows}
    assert ("Kann ich auch um zehn kommen?", "STOP") == (told["Anna Adam"][1], told["Ben Bauer"][1])
    assert {""} == {reply for name, (_, reply) in told.items() if name not in ("Anna Adam", "Ben Bauer")}
    assert all(row["sent_at"] for row in rows)


def test_next_week_those_who_did_not_reply_are_asked_again(visitor: Visitor, tmp_path: Path) -> None:
    """Within the seven days nobody would get it; after them six do. Last week's columns and rules fit the new file, of
    which the one who wrote STOP is left out."""
    first = Job.get()
    visitor.open(f"/app/jobs/{first.id}")
    visitor.find("#clone-people option[value=unanswered]").click()
    visitor.press("Duplicate campaign")
    visitor.find("#text")
    visitor.press("Next: time")
    visitor.find("#delay_min")
    visitor.press("Next: dry run")
    visitor.press("Run the dry run")
    visitor.reads("#report", "0 people will get it")
    visitor.reads(".outcomes", "Got a campaign recently 6")
    pass_by(8 * DAY_MS)
    visitor.press("Run again")
    visitor.reads("#report", "6 people will get it")
    job_id = visitor.start()
    visitor.reads("#summary .chip", "completed")
    again = {row.number for row in Message.select().where(Message.job == job_id)}
    assert {CARLA, EMIL, FINN, HANS, IDA} == again

    upload(visitor, tmp_path, "next-week.csv")
    use(visitor, "known")
    visitor.reads("#remain", "9 of 12 rows remain")
    visitor.press("Next: numbers")
    visitor.find("#shared input[value=number]").click()
    visitor.press("Next: message")
    visitor.fill("text", "Hallo {{ name }}")
    visitor.rehearse("Nächste Woche")
    visitor.find("a[href*='reason=opted_out']").click()
    visitor.reads("#shown", "Ben Bauer")
