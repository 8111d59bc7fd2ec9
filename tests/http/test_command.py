"""The command `wasender` as a client of an instance that runs: one for all of these."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from daemon.cli import following
from daemon.cli.exits import Exit
from daemon.db import clock
from tests.conftest import ROOT
from tests.support.commanding import CONTACTS, Command, instance
from tests.support.rig import free_port

SOON_S = 60


@pytest.fixture(scope="module")
def wasender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with instance(tmp_path_factory.mktemp("rig")) as command:
        yield command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two people, one of them twice, and a row that cannot be used."""
    made = tmp_path / "contacts.csv"
    made.write_text(CONTACTS)
    return made


def test_a_file_is_sent_and_waited_for(wasender: Command, file: Path) -> None:
    """What was read is told, then how it ended; the report has everybody."""
    done = wasender("send", file, "--message", "Hello {{ name }}!", "--name", "Spring", "--wait")

    assert 0 == done.exit_code, done.output
    assert '2 people, numbers in the column "phone"' in done.stderr
    assert "row 5: 123: " in done.stderr and "1 duplicate left out" in done.stderr
    assert "(Spring): completed" in done.stdout and "2 people: 2 sent" in done.stdout
    job = wasender.json("jobs", "--search", "Spring")["jobs"][0]
    rows = list(csv.DictReader(io.StringIO(wasender("report", job["job_id"]).stdout)))
    assert [("+4915112345670", "Ada"), ("+4915112345671", "Bob")] == [(each["number"], each["name"]) for each in rows]


def test_a_program_gets_one_document(wasender: Command, file: Path) -> None:
    """With all that a person is told, also of the wait."""
    told = wasender.json("send", file, "--message", "Hello {{ name }}!", "--wait")

    assert (2, 1, 1) == (told["total_numbers"], told["upload"]["duplicates"], len(told["upload"]["rejected"]))
    assert ("completed", 2) == (told["job"]["status"], told["job"]["sent"])


def test_every_way_to_say_who_and_what(wasender: Command, file: Path, tmp_path: Path) -> None:
    """Numbers, a list, a template, a text from a file or the input, files to attach, and when."""
    text, flyer = tmp_path / "text.txt", tmp_path / "flyer.pdf"
    text.write_text("\ufeffHello {{ name }}\n")
    flyer.write_bytes(b"%PDF-1.4 flyer")
    wasender("lists", "make", "Guests", file)
    wasender("templates", "save", "Sale", text)
    at = clock.now_ms() // 60_000 * 60_000 + 86_400_000
    of = "--schedule", datetime.fromtimestamp(at / 1000, UTC).isoformat()
    first = wasender.json(
        "send", file, "--message-file", text, "--attach", flyer, *of, "--delay-min", 1, "--delay-max", 2
    )
    second = wasender.json("send", "--list", "Guests", "--template", "Sale", *of, "--account", "default", "--name", "N")
    third = wasender("send", "--number", "+4915112345677", "--message-file", "-", *of, "--json", stdin="Read\n")
    rig = wasender.rig

    assert at == rig.call("GET", f"/jobs/{first['job_id']}")["schedule_at"]
    assert ("N", 2) == (rig.call("GET", f"/jobs/{second['job_id']}")["name"], second["total_numbers"])
    assert 1 == json.loads(third.stdout)["total_numbers"]
    jobs = wasender.json("jobs", "--state", "scheduled")["jobs"]
    assert {first["job_id"], second["job_id"]} <= {each["job_id"] for each in jobs}
    stopped = [wasender("stop", each["job_id"]) for each in jobs]
    assert {0} == {each.exit_code for each in stopped} and "stopped" in stopped[0].stdout


def test_a_rehearsal_queues_nothing(wasender: Command, file: Path) -> None:
    before = wasender.json("jobs", "--limit", 1)["jobs"]
    done = wasender("send", file, "--message", "Hello {{ name }}!", "--dry-run")

    assert 0 == done.exit_code and "2 people would get it. Nothing is queued." in done.stdout
    wasender("suppress", "add", "+4915112345677", "--reason", "asked")
    left = wasender("send", "--number", "+4915112345677", "--number", "+4915112345676", "-m", "Hi", "--dry-run").stdout
    assert "1 person would get it" in left and "1 would be skipped:\n  row 0: +4915112345677: " in left
    assert before == wasender.json("jobs", "--limit", 1)["jobs"]


def test_a_column_that_is_in_doubt(wasender: Command, tmp_path: Path) -> None:
    """It is asked for, and taken; a country is that of numbers without one."""
    file = tmp_path / "two.csv"
    file.write_text("Buyer;Seller\n" + "".join(f"0171 392{n:04};0171 393{n:04}\n" for n in range(10, 16)))
    asked = wasender("send", file, "-m", "Hi", "--country", "DE")
    told = wasender.json("send", file, "-m", "Hi", "--country", "DE", exit_code=1)
    sent = wasender.json("send", file, "-m", "Hi", "--country", "DE", "--phone-column", "Seller", "--dry-run")

    assert 1 == asked.exit_code and '"Buyer", "Seller"' in asked.stderr and "--phone-column" in asked.stderr
    assert ("choose_phone_column", ["Buyer", "Seller"]) == (told["code"], told["candidates"])
    wrong = wasender.json("send", file, "-m", "Hi", "--country", "XX", exit_code=1)
    assert ("Seller", 6, "country_unknown") == (sent["upload"]["phone_column"], sent["total_numbers"], wrong["code"])


def test_a_repeat_with_the_same_key_sends_nothing_again(wasender: Command) -> None:
    words = ("send", "--number", "+4915112345679", "-m", "Hi", "--idempotency-key", "night-of-the-1st")
    assert wasender.json(*words)["job_id"] == wasender.json(*words)["job_id"]


def test_a_repeat_with_files_sends_nothing_again(wasender: Command, file: Path, tmp_path: Path) -> None:
    """They are uploaded once. What was refused can be corrected, in the file too; another order is refused."""
    flyer, twin = tmp_path / "flyer.pdf", tmp_path / "twin.pdf"
    flyer.write_bytes(b"%PDF-1.4 flyer")
    twin.write_bytes(b"%PDF-1.4 twin")
    words = ("--attach", flyer, "--attach", twin, "--idempotency-key", "night-of-the-2nd")
    refused = wasender("send", file, "-m", "{{", *words)
    file.write_text(CONTACTS + "Emil,+4915112345672,Bremen\n")
    first, again = (wasender.json("send", file, "-m", "Hi", *words) for _ in range(2))
    file.write_text(CONTACTS)
    other = wasender("send", file, "-m", "Hi", *words)

    assert (Exit.REFUSED, 3) == (refused.exit_code, first["total_numbers"])
    assert first["job_id"] == again["job_id"] and first["upload"]["upload_id"] == again["upload"]["upload_id"]
    assert Exit.REFUSED == other.exit_code and "Idempotency-Key" in other.stderr


def test_a_job_is_paused_resumed_and_stopped(wasender: Command) -> None:
    """Each tells how it is now; what cannot be done is refused with its reason."""
    job = wasender.json("send", "--number", "+4915112345678", "-m", "Hi", "--window", "03:00-03:01")["job_id"]
    assert "paused" == wasender.json("pause", job)["status"]
    assert wasender.json("resume", job)["status"] in ("pending", "running")
    assert "stopped" == wasender.json("stop", job)["status"]
    assert "no failed" in wasender("retry", job).output or wasender("retry", job).exit_code in (0, 1)
    refused = wasender("resume", job)
    assert (Exit.REFUSED, "") == (refused.exit_code, refused.stdout)
    assert refused.stderr.startswith("wasender: ")


def test_a_job_that_does_not_end_well_is_told(wasender: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 7, and where to look. In a pipe each change is a line, for a program a document."""
    job = wasender.json("send", "--number", "+4915112345678", "-m", "Hi", "--window", "03:00-03:01")["job_id"]
    wasender("stop", job)
    lines = wasender("status", job, "--watch")
    documents = wasender("status", job, "--watch", "--json")

    assert Exit.NOT_DONE == lines.exit_code == documents.exit_code
    assert "stopped\t1/1\t1 cancelled" in lines.stdout and f"wasender report {job}" in lines.stderr
    assert "stopped" == json.loads(documents.stdout.splitlines()[-1])["status"]
    assert "not_all_sent" == json.loads(documents.stderr)["error"]["code"]


def test_a_report_is_saved(wasender: Command, file: Path, tmp_path: Path) -> None:
    """As CSV or as a workbook, for its owner only; nothing half-written is left."""
    job = wasender.json("send", file, "-m", "Hello {{ name }}!", "--wait")["job_id"]
    folder = tmp_path / "reports"
    folder.mkdir()
    for name in ("r.csv", "r.xlsx"):
        assert 0 == wasender("report", job, "-o", folder / name, "--zone", "Europe/Berlin").exit_code
    book = openpyxl.load_workbook(folder / "r.xlsx")

    assert 3 == book.active.max_row == len((folder / "r.csv").read_text().splitlines())
    assert {"r.csv", "r.xlsx"} == {each.name for each in folder.iterdir()}
    assert 0o600 == stat.S_IMODE((folder / "r.csv").stat().st_mode)
    assert Exit.USAGE == wasender("report", job, "-o", folder / "r.pdf").exit_code
    assert Exit.REFUSED == wasender("report", job, "-o", tmp_path / "nowhere" / "r.csv").exit_code
    assert Exit.USAGE == wasender("report", job, "--json").exit_code
    gone = wasender("report", 999, "-o", folder / "none.csv")
    assert (Exit.NOT_FOUND, False) == (gone.exit_code, (folder / "none.csv").exists())


def test_people_who_get_no_messages(wasender: Command, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("phone\n+4915112349001\nnobody\n")
    added = wasender.json("suppress", "add", "+49 151 12349000", "--reason", "called us")
    imported = wasender("suppress", "import", file, "--reason", "by e-mail")
    listed = wasender.json("suppress", "list", "--search", "1234900")["suppressions"]
    saved = wasender("suppress", "export")
    removed = wasender("suppress", "remove", "+4915112349000", "--reason", "asked")
    unknown = wasender("suppress", "remove", "+4915112349000")

    assert ("+4915112349000", "called us") == (added["number"], added["reason"])
    assert Exit.REFUSED == imported.exit_code and "1 added" in imported.stdout and "row 3" in imported.stdout
    assert ["+4915112349001", "+4915112349000"] == [each["number"] for each in listed]
    assert "+4915112349001" in saved.stdout
    assert (0, Exit.NOT_FOUND) == (removed.exit_code, unknown.exit_code)
    assert "by e-mail" in wasender("suppress").stdout


def test_lists_and_templates(wasender: Command, file: Path, tmp_path: Path) -> None:
    """By name or by id; a bare group lists."""
    more, text = tmp_path / "more.csv", tmp_path / "text.txt"
    more.write_text("name,phone\nDora,+4915112345674\n")
    made = wasender.json("lists", "make", "Friends", file)
    added = wasender.json("lists", "add", "Friends", more)
    shown = wasender.json("lists", "show", made["id"])
    exported = wasender("lists", "export", "Friends")
    text.write_text("Hello")
    wasender("templates", "save", "Greeting", text)
    text.write_text("Hello again")
    kept = wasender.json("templates", "save", "Greeting", text)

    assert (2, 1) == (made["people"], added["added"])
    assert ["Ada", "Bob", "Dora"] == [each["fields"]["name"] for each in shown["entries"]]
    assert "Dora" in exported.stdout and "Friends" in wasender("lists").stdout
    assert ("Hello again\n", kept["id"]) == (wasender("templates", "show", "Greeting").stdout, kept["id"])
    assert "Greeting" in wasender("templates").stdout
    for words in (("lists", "delete", "Friends"), ("templates", "delete", "Greeting")):
        assert (0, Exit.NOT_FOUND) == (wasender(*words).exit_code, wasender(*words).exit_code)


def test_accounts_and_events(wasender: Command) -> None:
    """What is there now; a sender that cannot be linked says so."""
    wasender("send", "--number", "+4915112345678", "-m", "Hi")
    accounts = wasender.json("accounts")["accounts"]
    shown = wasender("accounts", "show")
    events = [json.loads(line) for line in wasender("events", "--json").stdout.splitlines()]

    assert ["default"] == [each["name"] for each in accounts]
    assert "default: ready" in shown.stdout and Exit.NOT_FOUND == wasender("accounts", "show", "other").exit_code
    assert {"job", "account"} == {each["event"] for each in events}
    assert "default is linked." in wasender("link").stdout
    assert "account default\tready" in wasender("events", "--kind", "account").stdout
    assert "" == wasender("events", "--account", "other").stdout
    assert "account default\tready" in wasender("events", "--account", "default").stdout
    assert Exit.USAGE == wasender("events", "--types", "reply").exit_code


def test_accounts_are_added_changed_and_removed(wasender: Command) -> None:
    """With what they have of their own; one that there is cannot be added again."""
    added = wasender.json("accounts", "add", "shop", "--title", "Shop", "--daily-cap", "200", "--transport", "dryrun")
    changed = wasender.json("accounts", "change", "shop", "--quiet-hours", "21:00-08:00", "--timezone", "Europe/Berlin")
    again = wasender("accounts", "add", "shop")
    nothing = wasender("accounts", "change", "shop")
    removed = wasender("accounts", "remove", "shop")

    assert (200, "21:00-08:00") == (added["daily_cap"], changed["quiet_hours"])
    assert (Exit.REFUSED, Exit.USAGE, 0) == (again.exit_code, nothing.exit_code, removed.exit_code)
    assert Exit.NOT_FOUND == wasender("accounts", "remove", "shop").exit_code


def test_a_key_is_edited(wasender: Command) -> None:
    """What is not named stays; a limit is taken away by its own word."""
    wasender("keys", "make", "till", "--scope", "read", "--account", "default", "--rate", 9, "--expires", "2098-01-01")
    first = wasender.json("keys", "edit", "till", "--name", "desk", "--scope", "send", "--scope", "read")
    second = wasender.json(
        "keys", "edit", "desk", "--every-account", "--any-address", "--rate", 0, "--expires", "never"
    )
    said = wasender("keys", "edit", "desk", "--address", "127.0.0.1", "--account", "default")
    wrong = [
        wasender("keys", "edit", "desk", *words)
        for words in ((), ("--account", "default", "--every-account"), ("--expires", "soon"))
    ]

    assert (["read", "send"], ["default"], 9) == (first["scopes"], first["accounts"], first["rate_limit"])
    assert (None, None, None) == (second["accounts"], second["rate_limit"], second["expires_at"])
    assert "The key desk is changed; it may read send." in said.stdout
    assert {Exit.USAGE} == {each.exit_code for each in wrong}
    assert Exit.NOT_FOUND == wasender("keys", "edit", "till", "--rate", 1).exit_code


def test_keys(wasender: Command, tmp_path: Path) -> None:
    """A new one may do what it is for, and nothing else; in a pipe only its secret is written."""
    url, file = f"http://127.0.0.1:{wasender.rig.port}", tmp_path / "key"
    made = wasender("keys", "make", "monitor", "--scope", "read", "--rate", "1000", "--expires", "2098-01-01")
    file.write_text(made.stdout)
    with_it = ("--url", url, "--key-file", file)
    may = wasender("jobs", *with_it), wasender("send", "--number", "+4915112345678", "-m", "Hi", *with_it)
    rotated = wasender.json("keys", "rotate", "monitor")
    old = wasender("jobs", *with_it)
    listed = wasender("keys").stdout
    revoked = wasender.json("keys", "revoke", str(rotated["id"]))

    assert 1 == made.stdout.count("\n") and "not shown again" in made.stderr
    assert [0, Exit.NOT_AUTHORISED] == [each.exit_code for each in may]
    assert Exit.NOT_AUTHORISED == old.exit_code and made.stdout.strip() != rotated["key"]
    assert "monitor" in listed and made.stdout.strip() not in listed
    assert "revoked" == revoked["status"]
    assert Exit.NOT_FOUND == wasender("keys", "revoke", "nobody's").exit_code


WRONG: list[tuple[tuple[str, ...], Exit, str]] = [
    (("status", "999"), Exit.NOT_FOUND, "no_job"),
    (("send", "nowhere.csv", "-m", "x"), Exit.REFUSED, "file_unreadable"),
    (("send", "-m", "x"), Exit.USAGE, "usage"),
    (("send", "--number", "1", "--list", "x", "-m", "x"), Exit.USAGE, "usage"),
    (("send", "--number", "1", "-m", "x", "--template", "x"), Exit.USAGE, "usage"),
    (("send", "--number", "1", "-m", "x", "--encoding", "cp1252"), Exit.USAGE, "usage"),
    (("send", "--list", "nobody's", "-m", "x"), Exit.NOT_FOUND, "no_list"),
    (("send", "--number", "12", "-m", "x"), Exit.REFUSED, "nobody_left"),
    (("send", "--number", "+4915112345670", "-m", "{{"), Exit.REFUSED, "text_unreadable"),
    (("jobs", "--since", "soon"), Exit.USAGE, "usage"),
    (("jobs", "--url", "http://127.0.0.1:1"), Exit.USAGE, "usage"),
    (("jobs", "--key-file", "nowhere"), Exit.NOT_AUTHORISED, "no_key"),
    (("jobs", "--data", "nowhere"), Exit.NOT_AUTHORISED, "no_key"),
]


@pytest.mark.parametrize(("words", "exit_code", "code"), WRONG, ids=[" ".join(each[0]) for each in WRONG])
def test_an_error_is_one_sentence_and_an_exit_code(
    wasender: Command, words: tuple[str, ...], exit_code: Exit, code: str
) -> None:
    """With what to do; for programs a code that is not the sentence."""
    plain, told = wasender(*words), wasender.json(*words, exit_code=exit_code)

    assert (exit_code, "") == (plain.exit_code, plain.stdout)
    assert plain.stderr.startswith("wasender: ") and 1 == plain.stderr.count("\n")
    assert code == told["code"] or code in ("nobody_left", "text_unreadable"), told
    assert plain.stderr == f"wasender: {told['detail']}\n"


def test_keys_and_addresses(wasender: Command, tmp_path: Path) -> None:
    """The key of a file for a named address; a wrong key, nobody there, and somebody else."""
    good, wrong = tmp_path / "good", tmp_path / "wrong"
    good.write_text((wasender.rig.data / "api_key").read_text())
    wrong.write_text("x" * 40)
    url = f"http://127.0.0.1:{wasender.rig.port}"

    def code(*words: object, **environment: str) -> int:
        return wasender(*words, **environment).exit_code

    assert 0 == code("jobs", "--url", f"{url}/", "--key-file", good)
    assert 0 == code("jobs", WASENDER_URL=url, WASENDER_KEY_FILE=str(good))
    assert Exit.NOT_AUTHORISED == code("suppress", "--key-file", wrong)
    assert Exit.UNREACHABLE == code("jobs", "--url", f"http://127.0.0.1:{free_port()}", "--key-file", good)
    assert Exit.USAGE == code("jobs", "--url", "ftp://here", "--key-file", good)
    assert Exit.UNREACHABLE == code("jobs", WASENDER_PORT=str(free_port()))
    nowhere = wasender("jobs", WASENDER_PORT=str(free_port()))
    assert "wasender start" in nowhere.stderr


def test_ctrl_c_ends_the_waiting_and_not_the_job(wasender: Command, tmp_path: Path) -> None:
    """As a process of its own: it says that the job goes on. A pipe gets no colours, and no bar."""
    words = ["send", "--number", "+4915112345675", "-m", "Hi", "--window", "03:00-03:01", "--wait"]
    environment = {**os.environ, "WASENDER_DATA_DIR": str(wasender.rig.data), "WASENDER_PORT": str(wasender.rig.port)}
    command = [sys.executable, "-m", "daemon.cli", *words]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        first = process.stderr.readline().decode()
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest, out = process.stderr.read().decode(), process.stdout.read()
    job = int(first.split()[1].rstrip(":"))

    assert (Exit.INTERRUPTED, b"") == (process.returncode, out)
    assert f"job {job} goes on" in rest and "Traceback" not in rest and "\x1b" not in first + rest
    assert wasender.json("status", job)["status"] in ("pending", "running")
    wasender("stop", job)


def test_a_terminal_gets_a_bar(wasender: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn on standard error; the result is as in a pipe."""
    monkeypatch.setattr("daemon.cli.output.Output.live", True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = wasender("send", "--number", "+4915112345676", "-m", "Hi", "--wait")

    assert 0 == done.exit_code and "completed" in done.stdout
    assert "━" in done.stderr


def test_what_comes_from_elsewhere_does_not_steer_the_terminal(wasender: Command) -> None:
    """A campaign's name may hold anything."""
    job = wasender.json("send", "--number", "+4915112345676", "-m", "Hi", "--name", "a\x1b[2Jb")["job_id"]
    assert "\x1b" not in wasender("status", job).output + wasender("jobs").output


def test_what_is_waited_for_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing new in time is no end; neither is a stop that is still cancelling."""
    jobs: list[Any] = [
        {"status": "running", "pending": 1, "claimed": 0, "sending": 0},
        None,
        {"status": "stopped", "pending": 1, "claimed": 0, "sending": 0},
        {"status": "stopped", "pending": 0, "claimed": 0, "sending": 0},
    ]

    class Client:
        def changed(self, path: str, tag: str, wait: int) -> tuple[Any, str]:
            return jobs.pop(0), "tag"

    assert 3 == len(list(following.changes(Client(), 1)))  # type: ignore[arg-type]


def test_a_backup_is_made_while_it_runs_and_restored_elsewhere(wasender: Command, file: Path, tmp_path: Path) -> None:
    """Encrypted for the holder of a key; not over the instance that runs."""
    assert 0 == wasender("send", file, "--message", "Hello", "--name", "Saved", "--wait").exit_code
    public = wasender.json("backup-key", tmp_path / "key")["public_key"]
    made = wasender.json("backup", "--to", tmp_path, "--encrypt", public, "--keep", 2)

    assert made["encrypted"] and made["rows"]["message"] >= 2 and Path(made["file"]).stat().st_size == made["size"]
    assert Exit.USAGE == wasender("backup-key", tmp_path / "key").exit_code
    refused = wasender.json("restore", made["file"], "--key", tmp_path / "key", exit_code=Exit.REFUSED)
    assert "backup_refused" == refused["code"] and "stop wasender first" in refused["detail"]
    other = tmp_path / "other"
    assert Exit.REFUSED == wasender("restore", made["file"], "--data", other).exit_code
    done = wasender("restore", made["file"], "--key", tmp_path / "key", "--data", other)
    assert 0 == done.exit_code and "wasender confirmations" in done.stdout, done.output
    assert (wasender.rig.data / "api_key").read_text() == (other / "api_key").read_text()
    found = wasender("check", "--data", other)
    assert 0 == found.exit_code and "sound, and up to date" in found.stdout
    assert "No job waits" in wasender("confirmations").stdout or "" == wasender("confirmations").stdout
    assert Exit.REFUSED == wasender("confirm", 1, "--choice", "go_on").exit_code
    assert Exit.USAGE == wasender("confirm", 1, "--choice", "go_on", "--first", 2).exit_code


def test_consent_is_recorded_and_withdrawn(wasender: Command, tmp_path: Path) -> None:
    """For one person, and for a list by its columns; dates that cannot be read are named, with exit code 1."""
    number = "+4915112345699"
    assert f"No consent of {number}" in wasender("consent", "show", number).stdout
    text = tmp_path / "text.txt"
    text.write_text("Yes, offers.")
    words = ("--how", "form", "--given", "2025-03-04", "--words", "shop", "--text-file", text)
    assert "agreed on 2025-03-04 (form: shop)" in wasender("consent", "record", number, *words).stdout
    gone = wasender("consent", "withdraw", number, "--how", "spoken").stdout
    assert "withdrew on" in gone and "On the suppression list since" in gone
    people = tmp_path / "people.csv"
    people.write_text("phone,opt_in_date\n+4915112345698,2025-03-04\n+4915112345697,soon\n")
    wasender("lists", "make", "Agreed", people)
    done = wasender("consent", "list", "Agreed", "--how", "paper")
    assert 1 == done.exit_code and "1 recorded" in done.stdout and "soon is no date" in done.stdout
