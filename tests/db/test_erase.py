"""A person is removed everywhere, and never written to again; what is known of them can be handed out before."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import tarfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import peewee
import pytest

from daemon import errors
from daemon.accounts import handovers
from daemon.campaigns import create, dry_run, lifecycle
from daemon.contacts import consents, erased, lists, mentions, row_sets, suppression, uploads
from daemon.contacts.importer import Contact, ContactList
from daemon.contacts.person import Person
from daemon.contacts.stored import attachment_path
from daemon.db import proxy, sqlite
from daemon.delivery import evidence, moves
from daemon.delivery.interruptions import Presence
from daemon.models import (
    TABLES,
    Account,
    Answer,
    Attachment,
    CloudBatch,
    CloudProgress,
    CloudStanding,
    Draft,
    Erased,
    Event,
    Evidence,
    Happening,
    Job,
    KeptAnswer,
    KnownColumns,
    KnownUser,
    LastWrote,
    ListEntry,
    Message,
    MessagePart,
    Notice,
    OldStop,
    OpenedChat,
    Picture,
    PortfolioPerson,
    Purpose,
    Reply,
    RowSet,
    Run,
    Series,
    Suppression,
    UnmatchedChat,
    Upload,
)
from daemon.ops import backup, erase, people
from daemon.ops.backup import Keep
from daemon.states import E164, ConsentHow, Finding, State, Status
from daemon.transports.protocol import ChatRow, Lookup
from tests.support.hand import Hand, fresh

THEIRS = E164("+5511987650077")  # also written without the ninth digit
FORMER = E164("+551187650077")
OTHER = E164("+5511987650088")
TRACES = ("987650077", "87650077", "98765-0077", "98765 0077", "Zeferina")
BY = "kim"


def put(hand: Hand, *people: dict[str, str], **order: Any) -> int:
    made = create.create(
        hand.settings, create.Order("Hi {{ name }}", recipients=list(people), **order), "test", hand.clock()
    )
    return made.job_id


def person(number: str = THEIRS, name: str = "Zeferina") -> dict[str, str]:
    return {"number": number, "name": name}


@pytest.fixture
def traces(hand: Hand) -> Hand:
    """Something of two people in every place there is, one of whom is erased."""
    Presence(hand.settings).beat(hand.clock())
    put(hand, person(), person(OTHER, "Bob"), {"number": "98765-0077", "name": "Zeferina"})
    message = hand.submit(hand.claim_one())
    evidence.keep(message.id, Lookup(Finding.UNKNOWN, "no", rows=(ChatRow(True, "Hi Zeferina", None),)), hand.clock())
    Message.update(mark='{"id": "true_5511987650077@c.us_A"}').where(Message.id == message.id).execute()
    moves.fail(message, f"{THEIRS} is not on WhatsApp", hand.clock())
    why = {"code": "x", "values": {"number": THEIRS}}
    ids = {"external_id": "98765-0077", "transport_id": "wamid.5511987650077", "coded": why}
    Message.update(ids).where(Message.id == message.id).execute()
    Event.update(coded=why).where(Event.message == message.id, Event.why.is_null(False)).execute()
    Evidence.update(finding="Zeferina", coded=why, screenshot=b"Zeferina").execute()
    MessagePart.create(
        message=message.id, part=0, of=1, what="Zeferina.pdf", mark="Zeferina", transport_id="98765-0077"
    )
    hand.confirm(hand.submit(hand.claim_one()))
    now = hand.clock()
    put(hand, person(FORMER), schedule_at=now + 10_000_000)
    rows = [Contact(2, THEIRS, {"name": "Zeferina"}), Contact(3, OTHER, {"name": "Bob"})]
    lists.create_list("Guests", ContactList(rows, columns=["name"]), now)
    uploads.add_contacts(hand.settings, ContactList(rows, columns=["name"]), "guests.csv", now)
    for body in (
        [1, ["Zeferina", "(11) 98765-0077"]],
        [2, ["Bob", "x"]],
        [3, [551187650077, "Zeferina"]],
        [4, ["", ""]],
    ):
        row_sets.keep([body, [9, ["Eve", "1"]]])
    suppression.suppress(hand.settings, THEIRS, "Zeferina asked", "Zeferina", now)
    suppression.remove(hand.settings, THEIRS, "by mistake of Zeferina", "test", now)
    agreed = consents.Given(now, ConsentHow.FORM, "Zeferina's card", f"I, {THEIRS}, agree.")
    consents.record(hand.settings, FORMER, agreed, BY, now)
    consents.withdraw(hand.settings, FORMER, now, ConsentHow.SPOKEN, "Zeferina called", BY, now)
    suppression.remove(hand.settings, THEIRS, "agreed again", "test", now)
    suppression.suppress(hand.settings, THEIRS, "Zeferina asked again", "Zeferina", now)
    handovers.keep_own("default", THEIRS, Purpose.CONFIRMATION, now)
    key = "false_5511987650077@c.us_B"
    common: dict[str, Any] = {"account": "default", "key": key}
    Reply.create(**common, number=THEIRS, person=Person(THEIRS).key, text="I am Zeferina", at=now)
    OldStop.create(**common)
    OpenedChat.create(account="default", title="Zeferina", number=THEIRS, person=Person(THEIRS).key, at=now)
    chat = {"account": "default", "first_at": now, "seen_at": now}
    UnmatchedChat.create(**chat, title="+55 11 98765-0077")
    UnmatchedChat.create(**chat, title="Zeferina", hint=THEIRS)
    UnmatchedChat.create(**chat, title="Z.", number=THEIRS)
    UnmatchedChat.create(**chat, title="Z", stop_key=key)
    LastWrote.create(account="default", person=Person(THEIRS).key, at=now)
    KnownUser.create(bsuid="BR.1", number=THEIRS, at=now)
    Picture.create(account="default", at=now, png=b"Zeferina")
    Job.update(name=f"For {THEIRS}", reason=f"{THEIRS} has no file", coded=why).execute()
    Job.update(rejected=[[7, "0 11 98765-0077 x", "no"]]).execute()
    own = personal_file(hand, f"invoice {THEIRS}", 2)
    data = {"numbers": "98765-0077\n+5511987650088", "files": {f"{THEIRS}.pdf": own, "x.pdf": "x"}}
    Draft.create(id="d", name=f"For {THEIRS}", data=data, report={"left": [THEIRS]}, created_by="kim", created_at=now,
                 updated_at=now, original=zlib.compress(b"Zeferina;+55 11 98765-0077"))  # fmt: skip
    choice = [{"files": data["files"]}, ["name"], {Person(THEIRS).key: "leave", Person(OTHER).key: "leave"}]
    order = {"account": "default", "attachments": [], "choice": choice}
    series = Series.create(draft="x", name=f"For {THEIRS}", order=order, weekly={}, zone="UTC", state="active",
                           next_at=now + 10**9, created_at=now, created_by="kim", list_id=1)  # fmt: skip
    Run.create(series=series.id, at=now, reason=f"{THEIRS} has no file", coded=why)
    Upload.update(filename=f"{THEIRS}.csv").execute()
    KnownColumns.create(shape="s", columns={"rules": [THEIRS]}, country="", used_at=now)
    answer = {"rejected": [{"value": "98765-0077"}]}
    KeptAnswer.create(operation="POST /send", caller="api", key="k", request="", response=answer, created_at=now)
    Answer.create(scope="send", key="k", request="", response=answer, created_at=now)
    Happening.create(after=0, at=now, kind="account.held", account="default", about={"detail": f"no {THEIRS}"})
    held = {"detail": f"Wait: no {THEIRS}", "coded": why}
    Account.update(**held, kept_hold=held).execute()
    CloudStanding.create(account="default", **held)
    Notice.create(subject="held", account="default", at=now, words=f"Held: no {THEIRS}", coded=why, count=1, due_at=now)
    PortfolioPerson.create(business="b", person=Person(THEIRS).key, at=now, message=message.id)
    batch = CloudBatch.create(at=now, body=b'{"wa_id": "5511987650077", "name": "Zeferina"}')
    CloudProgress.create(batch=batch.id, at=now, aside="no_batch")
    return hand


#: Columns in which there is nothing of a person: codes, ids, names of those who work with it, an account's own number,
#: digests, what is masked; and texts of campaigns and titles of columns, which stay.
NOBODYS = {
    "account": "name state hold qr owner owner_place failing next_reason quiet_hours timezone country number wish "
    "link_number link_code title transport canary home cloud_phone_number_id cloud_business_account_id cloud_token "
    "cloud_app_secret cloud_verify_token",
    "picture": "account",
    "page_check": "account body",
    "job": "account text attachments state columns window opens_zone kind formats dated made_by external_id "
    "unconfirmed template",
    "message": "account attachments state lease failed_by",
    "message_part": "ack",
    "reason": "code",
    "job_step": "move who",
    "handover": "account kind",
    "minute": "account",
    "event": "who move source target lease",
    "removal": "removed_by",
    "reply": "account",
    "old_stop": "account",
    "opened_chat": "account",
    "user": "name role password language accounts",
    "session": "id role csrf",
    "login_failure": "key",
    "draft": "id created_by sheets original",  # the last is packed, and looked into above
    "known_columns": "shape country",
    "template": "name text attachments",
    "contact_list": "name columns",
    "upload": "id columns phone_column candidates",
    "attachment": "id kind mimetype sha256",
    "idempotency": "scope key request",
    "kept_answer": "operation caller key request",  # for a week
    "unmatched_chat": "account who",
    "series": "draft weekly zone state created_by",
    "api_key": "name scopes accounts addresses created_by revoked_by changed_by",
    "key_secret": "prefix digest",
    "happening": "kind account",
    "webhook": "name url kinds accounts secret old_secret disabled_why created_by",
    "delivery": "source kind topic state problem",
    "duty": "name owner place",
    "kept_media": "number attachment media_id",
    "throughput": "number",
    "cloud_batch": "signers",
    "cloud_progress": "aside",
    "cloud_seen": "key",
    "cloud_count": "account kind",
    "cloud_standing": "account hold",
    "last_wrote": "account",
    "portfolio": "business",
    "portfolio_person": "business",
    "known_user": "bsuid",  # its row goes
    "cloud_template": "account template_id name language status category quality reason parameter_format components",
    "metric_count": "name account label",
    "metric_position": "history",
    "installation": "boot interruption secret",
    "erased": "digest",
    "notice": "subject account problem",
    "second_factor": "nonce",
    "recovery_code": "digest",
    "login_step": "id nonce",
    "audit_entry": "who identity action kind target address result code digest",
    "audit_head": "digest pruned_digest seal",
    "old_history": "body",  # see test_forgetting.py
    "unfinished": "kind",
    "kept": "kind",
    "consent": "how recorded_by withdrawn_how withdrawn_by",
}


def test_of_every_column_it_is_known_whether_a_person_may_stand_there(traces: Hand) -> None:
    """A new one is either filled by `traces`, so that the tests here look at it, or named above."""
    theirs, all_of_them = set(), set()
    for table in TABLES:
        for column in table._meta.sorted_fields:
            if isinstance(column, peewee.TextField | peewee.CharField | peewee.BlobField):
                name = f"{table._meta.table_name}.{column.column_name}"
                all_of_them.add(name)
                if found_in("\n".join(plain(value) for (value,) in table.select(column.coerce(False)).tuples())):
                    theirs.add(name)
    nobodys = {f"{table}.{column}" for table, columns in NOBODYS.items() for column in columns.split()}
    assert set() == all_of_them - theirs - nobodys
    assert set() == theirs & nobodys | nobodys - all_of_them


def plain(value: Any) -> str:
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def everything() -> str:
    """All values of all rows of all tables."""
    found = []
    for table in proxy.database.get_tables():
        for row in proxy.database.execute_sql(f'SELECT * FROM "{table}"').fetchall():
            found += [f"{table}: {plain(value)}" for value in row]
    return "\n".join(found)


def in_files(folder: Path) -> str:
    """What all files in the folder have in them."""
    return "\n".join(
        f"{path.name}: {path.read_bytes().decode('latin-1')}" for path in sorted(folder.rglob("*")) if path.is_file()
    )


def found_in(text: str) -> list[str]:
    return [line[:200] for line in text.splitlines() if any(trace in line for trace in TRACES)]


def test_nothing_is_left_in_any_table_file_or_backup(traces: Hand, tmp_path: Path) -> None:
    """And of the other person everything."""
    assert len(found_in(everything())) > 25
    done = erase.erase(traces.settings, "+55 11 98765-0077", BY, traces.clock())
    assert [] == found_in(everything())
    assert 4 <= done.messages + done.rows
    if not proxy.on_postgres():
        assert [] == found_in(in_files(traces.settings.data_dir))
    made = backup.make(traces.settings, tmp_path, (), Keep(), traces.clock())
    with tarfile.open(made.file) as tar:
        tar.extractall(tmp_path / "saved", filter="data")
    if proxy.on_postgres():
        dump = tmp_path / "saved" / "database.dump"
        text = subprocess.run(["pg_restore", "--file=-", dump], capture_output=True, check=True, text=True).stdout
        (tmp_path / "saved" / "text").write_text(text)
    assert [] == found_in(in_files(tmp_path / "saved"))
    assert str(OTHER) in everything() and "Bob" in everything()
    assert [OTHER] == [row.number for row in ListEntry.select()]
    assert all(row.count == sum(1 for _ in row_sets.rows(row.id, list)) for row in RowSet.select())


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_was_deleted_before_is_gone_from_the_file_too(traces: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whichever connection; and as long as somebody reads an earlier moment, it is not said to be done."""
    Reply.delete().execute()  # as retention does
    assert (1, 1) == (database_says("secure_delete"), database_says("foreign_keys"))
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(traces.settings.db_url.removeprefix("sqlite:///"))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM job").fetchone()
        with pytest.raises(errors.DatabaseBusy):
            erase.erase(traces.settings, THEIRS, BY, traces.clock())
        assert found_in(in_files(traces.settings.data_dir))
    erase.erase(traces.settings, THEIRS, BY, traces.clock())
    assert [] == found_in(in_files(traces.settings.data_dir))
    assert 1 == database_says("secure_delete")


def database_says(pragma: str) -> int:
    return int(proxy.database.execute_sql(f"PRAGMA {pragma}").fetchone()[0])


def test_files_that_are_called_by_their_number_go(traces: Hand) -> None:
    """Those that a series or a draft has for them, also what is left of an erasure by an earlier version; who is
    somebody else's stays in the series."""
    lost = personal_file(traces, f"for {THEIRS}", 2)
    Message.update(attachments=None).execute()
    common = personal_file(traces, f"call {THEIRS}", 0)
    Job.update(attachments=[common]).execute()
    erase.erase(traces.settings, THEIRS, BY, traces.clock())
    assert [(common, "call [erased].pdf")] == [(row.id, row.filename) for row in Attachment.select()]
    assert not attachment_path(traces.settings, lost).exists()
    content, _, fixes = Series.get().order["choice"]
    assert ({"x.pdf": "x"}, {Person(OTHER).key: "leave"}) == (content["files"], fixes)
    assert {"x.pdf": "x"} == Draft.get().data["files"]


def test_campaigns_add_up_and_what_is_queued_is_not_sent(traces: Hand) -> None:
    """Each message stays as one that there was; a retry sends nothing to anybody who was erased."""
    before = {job.id: job.total for job in Job.select()}
    erase.erase(traces.settings, THEIRS, BY, traces.clock())
    assert before == {job.id: job.total for job in Job.select()}
    gone = list(Message.select().where(Message.person == erased.NOBODY).order_by(Message.id))
    assert ["failed", "skipped"] == [row.state for row in gone]
    assert [f"erased {row.id}" for row in gone] == [row.number for row in gone]
    lifecycle.retry(gone[0].job_id, "test", traces.clock())
    assert [] == traces.claim(5)
    assert State.SKIPPED == fresh(gone[0]).state


@pytest.mark.parametrize("number", [THEIRS, FORMER])
def test_nobody_writes_to_them_again(traces: Hand, number: str) -> None:
    """In whichever notation; only an administrator who takes them off the list changes that."""
    erase.erase(traces.settings, number, BY, traces.clock())
    assert {THEIRS, FORMER} == suppression.among([THEIRS, FORMER, OTHER])
    assert {Person(THEIRS).key} == dry_run.opted_out([Person(THEIRS).key, Person(OTHER).key])
    assert 64 == len(Erased.select().first().digest) and THEIRS not in everything()
    put(traces, person(number))
    assert [] == traces.claim(5)
    assert "is on the suppression list" == Message.select().order_by(Message.id.desc()).first().error
    suppression.remove(traces.settings, number, "they asked", BY, traces.clock())
    put(traces, person(number))
    assert number == traces.claim_one().number


def test_it_waits_for_what_is_being_sent_and_can_be_repeated(traces: Hand) -> None:
    """From the first try on nothing more is sent."""
    Suppression.delete().execute()
    put(traces, person())
    (message,) = [each for each in traces.claim(5) if each.number == THEIRS]
    traces.submit(message)
    with pytest.raises(errors.IllegalMove):
        erase.erase(traces.settings, THEIRS, BY, traces.clock())
    assert suppression.among([THEIRS])
    traces.confirm(message)
    erase.erase(traces.settings, THEIRS, BY, traces.clock())
    assert [] == found_in(everything())
    assert 0 == erase.erase(traces.settings, THEIRS, BY, traces.clock()).messages


def personal_file(hand: Hand, name: str, job_id: int) -> str:
    """A file that only their message of that job has; returns its id."""
    part = hand.settings.data_dir / "part"
    part.write_bytes(f"invoice of {name}".encode())
    found = str(uploads.add_attachment(hand.settings, part, f"{name}.pdf", hand.clock()).id)
    Attachment.update(used_at=hand.clock()).where(Attachment.id == found).execute()
    Message.update(attachments=[found]).where(Message.job == job_id).execute()
    return found


@pytest.mark.parametrize("posted", [False, True])
def test_files_go_with_their_message(hand: Hand, posted: bool) -> None:
    """Also where erasing is refused at first: before any message is touched while one is being sent, after them while
    something that Meta has posted is stored. What others were to get, too, stays."""
    first, second = (put(hand, person()) for _ in range(2))
    own, common = personal_file(hand, "Zeferina", first), personal_file(hand, "prices", second)
    Message.update(attachments=[own, common]).where(Message.job == first).execute()
    put(hand, person(OTHER, "Bob"))
    Message.update(attachments=[common]).where(Message.number == OTHER).execute()
    hand.confirm(hand.submit(hand.claim_one()))
    hand.clock.advance(100_000)
    batch = CloudBatch.create(at=hand.clock(), body=b"5511987650077") if posted else None
    message = None if posted else hand.submit(hand.claim_one())
    with pytest.raises(errors.IllegalMove):
        erase.erase(hand.settings, THEIRS, BY, hand.clock())
    assert (posted, posted) == (not Attachment.get_or_none(id=own), not attachment_path(hand.settings, own).exists())
    if batch:
        batch.delete_instance()
    if message:
        hand.confirm(message)
    erase.erase(hand.settings, THEIRS, BY, hand.clock())
    assert [common] == [row.id for row in Attachment.select()]
    assert [common] == [path.name for path in attachment_path(hand.settings, "").iterdir()]


def test_of_erasures_at_the_same_time_none_removes_another_person(
    traces: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows take each other's places."""
    rows = [[2, THEIRS], [3, OTHER], ["a", "b"], ["c", "d"], [4, "+4915112345678"]]
    kept = row_sets.keep(rows)
    real, others = people.kept_rows, ["+4915112345678", THEIRS]

    def late(who: Any) -> list[Any]:
        found = list(real(who))
        if others:
            erase._rows(mentions.of(E164(others.pop())))
        return found

    monkeypatch.setattr(people, "kept_rows", late)
    erase._rows(mentions.of(THEIRS))
    monkeypatch.undo()
    assert [["a", "b"], ["c", "d"], [3, OTHER]] == sorted(row_sets.rows(kept, list), key=str)
    assert 3 == RowSet.get_by_id(kept).count
    assert [] == list(people.kept_rows(mentions.of(THEIRS)))


def test_a_receipt_that_comes_late_tells_nothing_anew(traces: Hand) -> None:
    """Only that it was read."""
    message = Message.select().where(Message.person == Person(OTHER).key).first()
    erase.erase(traces.settings, OTHER, BY, traces.clock())
    traces.receipt(message, Status.READ, transport_id="wamid.5511987650088")
    assert ("read", f"erased {message.id}") == (fresh(message).state, fresh(message).transport_id)


def test_everything_that_is_known_is_handed_out(traces: Hand) -> None:
    """In every notation, with the text as it was sent; nothing of anybody else."""
    known = people.known(traces.settings, THEIRS)
    text = json.dumps(vars(known))
    assert [THEIRS, FORMER] == known.notations and "Bob" not in text and str(OTHER) not in text
    assert ["Hi Zeferina"] * 2 == [each["text"] for each in known.messages]
    assert ["failed", "pending"] == [each["state"] for each in known.messages]
    assert "enqueue" == known.messages[0]["history"][0]["move"]
    assert ["I am Zeferina"] == [each["text"] for each in known.replies]
    assert [{"list": "Guests", "number": THEIRS, "fields": {"name": "Zeferina"}}] == known.lists
    assert "by mistake of Zeferina" == known.suppressions[1]["why"]
    assert 3 <= len(known.rows)
    said = {(each["where"], each["words"]) for each in known.mentions}
    assert {("series", "leave"), ("notice", f"Held: no {THEIRS}"), ("account", f"Wait: no {THEIRS}")} < said


def test_who_is_not_known_is_kept_away_all_the_same(hand: Hand) -> None:
    """And of a number that is none nothing is stored."""
    erase.erase(hand.settings, "+4915112345678", BY, hand.clock())
    assert {"+4915112345678"} == suppression.among([E164("+4915112345678")])
    with pytest.raises(errors.InvalidNumber):
        erase.erase(hand.settings, "12", BY, hand.clock())
    assert not Suppression.select().count() and not Event.select().count()


@pytest.mark.parametrize(
    ("number", "text", "theirs"),
    [
        ("+4512345678", "+45 12 34 56 78", True),
        ("+4512345678", "004512345678", True),
        ("+4512345678", "12345678", True),
        ("+4512345678", "+47 12345678", False),  # ends alike, in another country
        ("+4512345678", "4712345678", False),
        ("+4512345678", "001 45 12 34 56 78", True),  # as in Hong Kong; in Brazil
        ("+4512345678", "0031 45 12 34 56 78", True),
        ("+4512345678", "001 46 12 34 56 78", False),
        ("+491701234567", "(0170) 123-45 67", True),
        ("+491701234567", "call 0170/1234567 or 0171 7654321", True),
        ("+491701234567", "0171 1234567", False),
        ("+491701234567", "1234567", False),  # too few to be anybody's
        ("+491701234567", "true_491701234567@c.us_3EB0", True),
        ("+5511987650077", "98765-0077", True),  # without the code of its area
        ("+5511987650077", "+55 11 8765-0077", True),  # before it had the ninth digit
        ("+5511987650077", "+55 21 98765-0077", False),
        ("+491701234567", "+491701234567+491707654321", True),
        ("+491701234567", "\u0664\u0669\u0661\u0667\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667", True),
    ],
)
def test_a_number_is_known_however_it_is_written(number: str, text: str, theirs: bool) -> None:
    """And no other one is taken for it."""
    who = mentions.of(E164(number))
    assert (theirs, theirs) == (who.is_in(text), who.stands_in([1, {"cell": text}]))
    assert who.may_be_in(text) or not theirs
    assert (text in who.without(text)) is not theirs
