"""What people are told by mail: each thing once, in few mails, over TLS, whatever is killed."""

from __future__ import annotations

import asyncio
import gc
import ssl
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from structlog.testing import capture_logs

from daemon import errors
from daemon.accounts import counting, directory
from daemon.accounts.counting import Name
from daemon.config import Settings, load
from daemon.db import connection, proxy
from daemon.delivery import moves
from daemon.errors import ConfigError
from daemon.i18n.coded import refusal
from daemon.models import MetricPosition, Notice
from daemon.ops import backup, backup_failures, doctor, mail, mailing, notices
from daemon.ops.notices import AGAIN_MS, GATHER_MS, MINUTE_MS, Noticing
from daemon.ops.refusals import Notice as Says
from daemon.states import AccountState, Hold, JobState, State
from daemon.telemetry import logs
from daemon.transports.protocol import Health
from tests.support.hand import Hand
from tests.support.mailbox import Mailbox
from tests.support.plans import reading
from tests.support.rig import free_port

PASSWORD = "Mirabelle-4711-xyz"
TO = "ops@example.org, boss@example.org"
MANY = 5_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of a server on this machine, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "server.pem", folder / "server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


@pytest.fixture
def box(certificate: tuple[Path, Path]) -> Iterator[tuple[Mailbox, int]]:
    """A server that wants STARTTLS, and a login after it; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    mailbox = Mailbox()
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True,
        authenticator=login, auth_required=True,
    )  # fmt: skip
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


@pytest.fixture
def settings_with(make_settings: Any, box: Any) -> Callable[..., Settings]:
    def make(**changes: Any) -> Settings:
        usual = {"smtp_user": "wasender", "smtp_password": PASSWORD, "smtp_host": "localhost", "mail_to": TO}
        return make_settings(**usual | {"smtp_port": box[1]} | changes)

    return make


class Post:
    """Looks and mails, at a time of the test's."""

    def __init__(self, settings: Settings, clock: Any) -> None:
        self.settings, self.clock = settings, clock
        self.noticing = Noticing(settings)
        while MetricPosition.select().count() < 2:  # PostgreSQL has to see transactions end first
            self.look()

    def look(self) -> None:
        self.noticing.look(self.clock())

    def mail(self) -> None:
        """What is due now."""

        async def timed(work: Any, *arguments: Any) -> Any:
            return work(*arguments, now=self.clock())

        self.look()
        asyncio.run(mailing.mail_due(self.settings, timed))

    def after(self, ms: int) -> None:
        self.clock.advance(ms)
        self.mail()


@pytest.fixture
def post(hand: Hand, settings_with: Any, trusted: None) -> Post:
    directory.open_account("default", hand.clock())
    return Post(settings_with(), hand.clock)


def report(hand: Hand, state: AccountState, hold: Hold | None = None) -> None:
    directory.report("default", Health(state, hold), hand.clock())


def test_what_happens_is_told_once_in_one_mail_over_tls(hand: Hand, post: Post, box: Any) -> None:
    """To all who get notices; what happens at about the same time comes together."""
    with connection.write():
        counting.add({(Name.STATES, "default", "ready"): 1})
    report(hand, AccountState.READY)
    report(hand, AccountState.NEEDS_LINK)
    report(hand, AccountState.HELD, Hold.CONFLICT)
    hand.queue(1, name="Spring")
    moves.fail(hand.claim_one(), "its number is wrong", hand.clock())
    post.look()
    hand.clock.advance(1_000)
    hand.queue(1, name="Summer", first=5)
    moves.lose(hand.submit(hand.claim_one()), "nobody can tell", hand.clock())
    post.mail()
    assert [] == box[0].mails  # it gathers
    for _ in range(3):
        post.after(GATHER_MS)
    assert 1 == len(box[0].mails)
    assert [True] == box[0].tls
    told = box[0].texts[0].splitlines()
    assert "Account default is logged out: link it again. Its campaigns wait." == told[0]
    assert told[1].startswith("Account default is held, and its campaigns wait: ")
    assert "Campaign Spring is finished. Sent: 0 of 1; failed: 1." == told[2]
    assert "Of campaign Summer it is unclear whether messages went out (1): decide about them on its page." in told
    first = box[0].mails[0]
    assert (TO, "ops@example.org") == (first["To"], first["From"])
    assert first["Subject"].startswith("wasender: Account default is logged out")
    assert hand.people(1)[0].number not in first.as_string()


def test_an_account_that_is_set_up_is_not_logged_out(hand: Hand, post: Post, box: Any) -> None:
    """It shows its first QR code: nobody needs a mail about that."""
    report(hand, AccountState.NEEDS_LINK)
    post.after(GATHER_MS)
    post.after(GATHER_MS)
    assert [] == box[0].mails


def test_a_storm_is_one_mail_an_hour(hand: Hand, post: Post, box: Any) -> None:
    """It says how often it has happened."""
    for _ in range(30):
        report(hand, AccountState.HELD, Hold.CONFLICT)
        report(hand, AccountState.READY)
        post.after(MINUTE_MS)
    assert 1 == len(box[0].mails)
    for _ in range(4):
        post.after(AGAIN_MS // 3)
    assert 2 == len(box[0].mails)
    assert "This has happened 28 times since then." in box[0].texts[1] or "29 times" in box[0].texts[1]
    post.after(2 * AGAIN_MS)
    assert 2 == len(box[0].mails)


def test_a_queue_that_stands_still_for_ten_minutes_is_told_once(hand: Hand, post: Post, box: Any) -> None:
    """Only when it has stood still before our eyes; a paused campaign does not."""
    job = hand.queue(2)
    for _ in range(30):
        post.after(MINUTE_MS)
    assert 1 == len(box[0].mails)
    assert box[0].texts[0].startswith("Account default has sent nothing for ")
    hand.confirm(hand.submit(hand.claim_one()))
    type(job).update(state=JobState.PAUSED).execute()
    for _ in range(30):
        post.after(MINUTE_MS)
    assert 1 == len(box[0].mails)


def test_what_a_mail_server_refuses_is_tried_again_and_given_up_after_days(hand: Hand, post: Post, box: Any) -> None:
    """Later each time; what it answers is not repeated in the log."""
    box[0].refuses = f"451 try later {PASSWORD}"
    report(hand, AccountState.HELD, Hold.CONFLICT)
    post.look()
    with capture_logs() as told:
        post.after(GATHER_MS)
        post.after(1_000)
        (row,) = Notice.select()
        assert (1, "mail_refused", None) == (row.tries, row.problem, row.ended_at)
        post.after(mailing.GIVE_UP_MS + MINUTE_MS)  # the clock may have jumped: it was hardly tried
        assert Notice.get().ended_at is None
        for _ in range(mailing.LEAST_TRIES):
            post.after(max(mailing.RETRIES_MS))
    (row,) = Notice.select()
    assert row.ended_at is not None
    assert {"mail.failed", "mail.given_up"} == {line["event"] for line in told}
    assert PASSWORD not in str(told)
    box[0].refuses = None
    post.after(AGAIN_MS)
    assert [] == box[0].mails


def test_one_of_those_who_get_it_is_refused(hand: Hand, post: Post, box: Any) -> None:
    """The others get it once; it is logged, without the address, and a test mail says so."""
    box[0].unknown = "boss@example.org"
    report(hand, AccountState.HELD, Hold.CONFLICT)
    post.look()
    with capture_logs() as told:
        post.after(GATHER_MS)
        post.after(AGAIN_MS)
    assert 1 == len(box[0].mails)
    assert ["mail.refused_for_some", "mail.sent"] == [line["event"] for line in told]
    assert "boss" not in str(told) and (1, 550) == (told[0]["count"], told[0]["status"])
    found = doctor.mailed(post.settings)
    assert "bad" == found.level and "550" in found.says


def test_a_kill_after_the_mail_sends_it_again_with_the_same_id(
    hand: Hand, post: Post, box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a mail program can tell; nothing is forgotten."""
    report(hand, AccountState.HELD, Hold.CONFLICT)
    post.look()

    def killed(*arguments: Any, **options: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(mailing, "ended", killed)
        post.after(GATHER_MS)
    post.mail()
    first, second = box[0].mails
    assert first["Message-ID"] == second["Message-ID"]
    post.after(AGAIN_MS)
    assert 2 == len(box[0].mails)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"smtp_password": "wrong"}, "mail_login"),
        ({"smtp_security": "tls"}, "mail_not_trusted"),
        ({"smtp_port": 9}, "mail_unreached"),
        ({"mail_to": ""}, "mail_not_set"),
    ],
)
def test_a_test_mail_says_what_is_wrong(
    settings_with: Any, trusted: None, hand: Hand, changes: dict[str, Any], code: str
) -> None:
    """By code, for `wasender doctor --mail`."""
    problem = asyncio.run(mailing.test(settings_with(**changes), hand.clock()))
    assert problem is not None and code == problem.code
    found = doctor.mailed(settings_with(**changes))
    assert ("bad", str(problem)) == (found.level, found.says)


def test_a_server_whose_certificate_is_not_trusted_gets_nothing(settings_with: Any, hand: Hand, box: Any) -> None:
    """Neither the password nor the mail."""
    problem = asyncio.run(mailing.test(settings_with(), hand.clock()))
    assert problem is not None and "mail_not_trusted" == problem.code
    assert [] == box[0].mails


def test_a_test_mail_arrives_in_its_language(settings_with: Any, trusted: None, box: Any, hand: Hand) -> None:
    """`wasender doctor --mail` says so."""
    assert "good" == doctor.mailed(settings_with(mail_language="de")).level
    assert "Dies ist ein Test. Mails von wasender kommen an." in box[0].mails[0].get_content()


@pytest.mark.parametrize("polite", [True, False])
def test_a_mail_server_that_does_not_hang_up_has_the_mail_and_no_connection_of_ours(
    settings_with: Any, trusted: None, box: Any, hand: Hand, polite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ran the command has their answer; what is open then is never closed."""
    box[0].holds, box[0].polite = threading.Event(), polite
    monkeypatch.setattr(mail, "QUIT_S", 5 if polite else 0.1)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        assert asyncio.run(mailing.test(settings_with(), hand.clock())) is None
        gc.collect()
    box[0].holds.set()
    assert [] == [str(each.message) for each in told]


def test_a_password_is_never_sent_openly(tmp_path: Path) -> None:
    """Nor shown with the settings."""
    with pytest.raises(ConfigError, match="WASENDER_SMTP_SECURITY"):
        load(_env_file=None, data_dir=tmp_path, smtp_password=PASSWORD, smtp_security="none")
    assert PASSWORD not in repr(load(_env_file=None, data_dir=tmp_path, smtp_password=PASSWORD))
    for wrong in ("nobody", "a@b, c", "A <a@b.org>"):
        with pytest.raises(ConfigError, match="WASENDER_MAIL_TO"):
            load(_env_file=None, data_dir=tmp_path, mail_to=wrong)


def test_a_backup_that_failed_is_told_once(
    hand: Hand, post: Post, box: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`wasender backup` notes it, in whichever process it runs; one that succeeds takes that back."""
    place, folder = tmp_path / "nowhere" / "backups", post.settings.data_dir
    with pytest.raises(errors.BackupRefused):
        backup.make(post.settings, place, (), backup.Keep(), hand.clock())
    for _ in range(4):
        post.after(GATHER_MS)
    (text,) = box[0].texts
    why = f"There is no folder {place.parent}: make it, or look whether its disk is mounted."
    assert f"A backup has failed: {why}" == text
    with backup_failures.noted(folder, hand.clock()):
        pass
    assert backup_failures.last(folder) is None
    with pytest.raises(OSError), backup_failures.noted(folder, hand.clock()):
        raise OSError(28, "No space left on device")
    assert backup_failures.last(folder) is not None


def test_a_notice_from_while_the_clock_was_ahead_is_told_now(hand: Hand) -> None:
    """And what comes to the same after it an hour later, not a year."""
    now, ahead = hand.clock(), hand.clock() + 365 * mailing.GIVE_UP_MS
    found = notices.Found("held", "default", refusal(Says.TEST))
    with connection.write():
        notices.note(found, ahead)
    assert ([], [1]) == (mailing.due(ahead), [each.count for each in mailing.due(now)])
    mailing.seen_only(ahead + GATHER_MS)
    with connection.write():
        notices.note(found, now)
    assert ([], 1) == (mailing.due(now), len(mailing.due(now + AGAIN_MS)))
    mailing.seen_only(now + AGAIN_MS)
    assert 0 == Notice.select().where(Notice.ended_at.is_null()).count()


def test_old_notices_are_deleted(hand: Hand, post: Post) -> None:
    """Those that were told."""
    report(hand, AccountState.HELD, Hold.CONFLICT)
    post.after(GATHER_MS)
    post.after(GATHER_MS)
    notices.prune(hand.clock() + notices.KEEP_MS + MINUTE_MS)
    assert 0 == Notice.select().count()
    assert "mail.sent" in logs.EVENTS


@pytest.mark.usefixtures("fresh_database")
def test_a_look_reads_neither_what_was_told_nor_the_history(
    hand: Hand, settings_with: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is new and what waits."""
    message = hand.bring(State.SENT)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})"
    if proxy.on_postgres():
        numbers = f"WITH n AS (SELECT generate_series(1, {MANY}) AS i)"
    told = "'held default ' || i, 'default', i, 'w', 1, i, 0, i"
    columns = "subject, account, at, words, count, due_at, tries, ended_at"
    proxy.database.execute_sql(f"INSERT INTO notice ({columns}) {numbers} SELECT {told} FROM n")
    lines = f"{message.id}, i, 'sender', 'lose', 'sending', 'uncertain'"
    columns = "message_id, at, who, move, source, target"
    proxy.database.execute_sql(f"INSERT INTO event ({columns}) {numbers} SELECT {lines} FROM n")
    proxy.database.execute_sql("ANALYZE")
    post = Post(settings_with(), hand.clock)
    report(hand, AccountState.HELD, Hold.CONFLICT)
    with reading(monkeypatch) as reads:
        post.look()
        mailing.due(hand.clock())
    assert reads.rows < MANY // 5, reads
    proxy.database.execute_sql("DELETE FROM event WHERE who = 'sender' AND at < 1000000")
