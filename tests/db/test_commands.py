"""What a person asks of an account's sender: taken between two messages, with an outcome in words, never late."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import structlog

from daemon import errors
from daemon.accounts import commands, directory, pace, pacing, status
from daemon.accounts import limits as account_limits
from daemon.accounts.commands import What
from daemon.db import clock
from daemon.delivery.duties import commands as command_duty
from daemon.delivery.engine import Engine
from daemon.models import Account, Job, Picture
from daemon.states import AccountState, Finding, JobState
from daemon.transports.dry_run import DryRunTransport
from daemon.transports.protocol import Health, Lookup
from tests.support.hand import account, job_state
from tests.support.scripted import RECEIPT, Hang, ScriptedTransport, until

OURS = "+4915112345678"
CODE = "ABCD1234"
UNLINKED = Health(AccountState.NEEDS_LINK, qr="2@secret")
WITH_CODE = Health(AccountState.NEEDS_LINK, link_code=CODE)
NOW = 1_767_261_600_000


@pytest.fixture
def quick(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bench whose senders look for commands all the time."""
    monkeypatch.setattr(command_duty, "ASK_S", 0.0)
    return bench


def told(row: Account | None = None, now: int | None = None) -> status.Told:
    """The account's last command, as it is told now, or then."""
    found = status.told(row or account(), clock.now_ms() if now is None else now)
    assert found is not None
    return found


def ask(what: What, number: str | None = None) -> None:
    commands.ask("default", what, "anna", clock.now_ms(), number)


async def granted(what: What, number: str | None = None) -> status.Told:
    ask(what, number)
    return await until(lambda: told().stage not in ("asked", "taken") and told(), "it has an outcome")


async def test_a_picture_of_the_browser(quick):
    """It is there to be seen, with its time, and the next one takes its place."""
    transport = ScriptedTransport(screenshot=[b"\x89PNG one", b"\x89PNG two"])
    async with quick.sending(transport):
        first = await granted(What.SCREENSHOT)
        assert b"\x89PNG one" == commands.screenshot("default", clock.now_ms())
        await granted(What.SCREENSHOT)
        assert b"\x89PNG two" == commands.screenshot("default", clock.now_ms())
    expected = ("screenshot", "done", "anna", "The screenshot is ready.")
    assert expected == (first.what, first.stage, first.who, first.outcome)
    assert 1 == Picture.select().count()
    assert account().screenshot_at


async def test_how_the_page_is_built(quick):
    """The sender looks it up, and it is kept for the one who asked."""
    async with quick.sending(ScriptedTransport(structure=['{"language": "en", "ids": {"app": 1}}'])):
        assert "page_checked" == (await granted(What.CHECK_PAGE)).code
    told = json.loads(commands.page_check("default", clock.now_ms()))
    assert {"language": "en", "ids": {"app": 1}} == {name: told[name] for name in ("language", "ids")}


async def test_a_code_for_a_number_and_the_way_back(quick):
    """The code is there while it is needed, and gone with the link."""
    transport = ScriptedTransport()
    transport.health_now = UNLINKED
    async with quick.sending(transport):
        await until(lambda: account().qr)
        transport.health_now = WITH_CODE
        assert "done" == (await granted(What.LINK_BY_CODE, OURS)).stage
        await until(lambda: account().link_code)
        assert (CODE, OURS, None) == (account().link_code, account().link_number, account().qr)
        assert account().link_code_at
        assert CODE not in str(status.report(quick.settings, directory.find("default"), clock.now_ms()))

        transport.health_now = UNLINKED
        await granted(What.LINK_BY_QR)
        await until(lambda: account().qr)
        assert (None, None, None) == (account().link_code, account().link_code_at, account().link_number)

        transport.health_now = WITH_CODE
        await until(lambda: account().link_code)
        transport.health_now = Health(AccountState.READY)
        await until(lambda: account().state == AccountState.READY)
        assert (None, None) == (account().link_code, account().link_code_at)
    assert [("link", OURS), ("link", "")] == transport.order("link")


async def test_a_sender_that_ends_takes_its_codes_along(quick):
    """Nobody could use them, and nobody should find them in the database."""
    transport = ScriptedTransport()
    transport.health_now = WITH_CODE
    async with quick.sending(transport):
        await until(lambda: account().link_code)
    assert (None, None) == (account().link_code, account().link_code_at)


async def test_no_log_line_holds_a_code_or_a_whole_number(quick):
    """Whatever is asked for and reported."""
    transport = ScriptedTransport()
    with structlog.testing.capture_logs() as lines:
        for transport.health_now in (UNLINKED, WITH_CODE):
            async with quick.sending(transport):
                await until(lambda: account().state == AccountState.NEEDS_LINK)
                await granted(What.LINK_BY_CODE, OURS)
                await until(lambda: account().qr or account().link_code)
    assert {"command.asked", "command.ended", "account.changed"} <= {line["event"] for line in lines}
    assert not [secret for secret in (CODE, "2@secret", OURS[1:]) if secret in str(lines)]


async def test_logging_out_and_a_reload(quick):
    """Each is one call of the transport."""
    transport = ScriptedTransport()
    async with quick.sending(transport):
        await granted(What.LOG_OUT)
        await granted(What.RELOAD)
    assert ["log_out", "reload"] == [name for name, _ in transport.order("log_out", "reload", "link", "screenshot")]


async def test_what_cannot_be_done_says_why(quick):
    """The transport's own sentence; sending goes on."""
    job = quick.queue(1)
    transport = ScriptedTransport(log_out=[errors.NotOffered("There is no way. Use the phone.")])
    ask(What.LOG_OUT)
    await quick.run_out(transport, job)
    assert ("failed", "There is no way. Use the phone.") == (told().stage, told().outcome)
    assert "not_offered" == told().code


async def test_a_browser_lost_over_it_is_started_anew(quick):
    """The command says so, and the sender goes on."""
    job = quick.queue(1)
    transport = ScriptedTransport(screenshot=[errors.BrowserLost("gone")])
    ask(What.SCREENSHOT)
    await quick.run_out(transport, job)
    assert ("failed", "browser_crashed") == (told().stage, told().code)
    assert 2 == transport.count("start")


async def test_nothing_is_granted_while_a_message_is_in_hand(quick):
    """It waits for the message's end, however long that takes."""
    hang = Hang()
    transport = ScriptedTransport(hand_over=[hang])
    job = quick.queue(1)
    async with quick.sending(transport):
        await hang.entered.wait()
        ask(What.LOG_OUT)
        await until(lambda: transport.count("health") > 0)
        assert 0 == transport.count("log_out")
        hang.let_go()
        await until(lambda: told().stage == "done")
    assert JobState.COMPLETED == job_state(job)
    order = [name for name, _ in transport.order("hand_over", "log_out")]
    assert ["hand_over", "log_out"] == order


async def test_while_a_message_is_doubtful_only_a_picture_may_be_taken(quick):
    """It shows why, and disturbs nothing; a log-out would take the proof away."""
    waiting = Lookup(Finding.WAITING, "it is on the clock")
    transport = ScriptedTransport(hand_over=[errors.SubmitUnknown("no tick")])
    transport.script["look_up"] = [waiting] * 1000
    job = quick.queue(1)
    async with quick.sending(transport):
        await until(lambda: transport.count("look_up") > 1)
        assert "done" == (await granted(What.SCREENSHOT)).stage
        looks = transport.count("look_up")
        ask(What.LOG_OUT)
        await until(lambda: transport.count("look_up") > looks + 5)
        assert ("asked", 0) == (told().stage, transport.count("log_out"))
        transport.script["look_up"] = [Lookup(Finding.SENT, "it is there", RECEIPT)]
        await until(lambda: told().stage == "done")
    assert JobState.COMPLETED == job_state(job)


async def test_stopping_the_sender_ends_a_command(quick):
    """It says that it was stopped."""
    hang = Hang()
    transport = ScriptedTransport(screenshot=[hang])
    async with quick.sending(transport):
        ask(What.SCREENSHOT)
        await hang.entered.wait()
    assert ("failed", "sender_stopped") == (told().stage, told().code)


def test_a_command_that_nobody_takes_is_void_after_a_minute(hand):
    """It says why; a sender that comes up later does nothing about it."""
    row = commands.ask("default", What.LOG_OUT, "anna", NOW)
    assert "asked" == told(row, NOW + commands.WAIT_MS).stage
    late = NOW + commands.WAIT_MS + 1
    said = told(now=late)
    assert ("missed", "sender_not_running", NOW + commands.WAIT_MS) == (said.stage, said.code, said.ended_at)
    directory.seen("default", late)
    assert "sender_busy" == told(now=late).code
    assert commands.waiting("default")

    assert commands.take("default", True, late) is None


@pytest.mark.parametrize(
    ("kept", "code", "outcome"),
    [
        ({"outcome": "WhatsApp Web was reloaded."}, "other", "WhatsApp Web was reloaded."),
        ({"outcome": ""}, "other", ""),
        ({"code": "reloaded", "values": {}}, "reloaded", "WhatsApp Web was reloaded."),
        ({"code": "of_tomorrow", "values": {"sentence": "It flew."}}, "other", "It flew."),
    ],
)
def test_an_outcome_that_another_version_stored_is_shown(hand, kept, code, outcome):
    """Before there were codes it was a sentence; a later version may have more codes."""
    wish = {"id": "1", "what": "reload", "who": "anna", "at": NOW, "stage": "done", "ended_at": NOW, **kept}
    row = account()
    row.wish = wish
    said = told(row, NOW)
    assert (code, outcome) == (said.code, said.outcome)


def test_a_command_is_taken_once(hand):
    """Two senders that are up at once do not both log out."""
    commands.ask("default", What.LOG_OUT, "anna", NOW)
    assert commands.take("default", True, NOW)
    assert not commands.waiting("default")
    assert commands.take("default", True, NOW) is None


def test_a_sender_that_died_over_it(hand):
    """Nobody can tell what came of it; it may be asked for again."""
    commands.ask("default", What.LOG_OUT, "anna", NOW)
    commands.take("default", True, NOW)
    with pytest.raises(errors.IllegalMove, match="is busy"):
        commands.ask("default", What.SCREENSHOT, "anna", NOW + 1000)
    late = NOW + commands.WORK_MS + 1
    assert ("failed", "sender_ended") == (told(now=late).stage, told(now=late).code)
    commands.ask("default", What.SCREENSHOT, "anna", late)
    assert "asked" == told(now=late).stage


def test_the_same_command_twice_is_one(hand):
    """A double click; another one takes its place while it waits."""
    first = commands.ask("default", What.SCREENSHOT, "anna", NOW).wish
    assert first == commands.ask("default", What.SCREENSHOT, "anna", NOW + 500).wish
    commands.ask("default", What.RELOAD, "ben", NOW + 900)
    taken = commands.take("default", True, NOW + 1000)
    assert taken and What.RELOAD is taken.what


def test_an_outcome_of_an_earlier_command_does_not_cover_a_later_one(hand):
    """The slow sender's word comes too late."""
    commands.ask("default", What.RELOAD, "anna", NOW)
    slow = commands.take("default", True, NOW)
    assert slow
    late = NOW + commands.WORK_MS + 1
    commands.ask("default", What.SCREENSHOT, "anna", late)
    commands.fulfil("default", slow, late)

    assert ("screenshot", "asked") == (account().wish["what"], account().wish["stage"])


def test_a_picture_is_kept_for_a_day(hand):
    """It may show chats."""
    commands.ask("default", What.SCREENSHOT, "anna", NOW)
    wish = commands.take("default", True, NOW)
    assert wish
    commands.fulfil("default", wish, NOW, b"\x89PNG\0\xff")
    assert b"\x89PNG\0\xff" == commands.screenshot("default", NOW + commands.KEEP_MS)
    with pytest.raises(errors.NotFound):
        commands.screenshot("default", NOW + commands.KEEP_MS + 1)


def test_nobody_is_asked_for_what_makes_no_sense(hand):
    """Refused at once, with the reason."""
    with pytest.raises(errors.NotFound):
        status.ask(hand.settings, "nobody", What.SCREENSHOT, "anna", NOW)
    directory.report("default", Health(AccountState.READY), NOW)
    with pytest.raises(errors.IllegalMove, match="already linked"):
        status.ask(hand.settings, "default", What.LINK_BY_CODE, "anna", NOW, OURS)
    directory.report("default", UNLINKED, NOW)
    with pytest.raises(errors.IllegalMove, match="not linked"):
        status.ask(hand.settings, "default", What.LOG_OUT, "anna", NOW)
    with pytest.raises(errors.InvalidNumber):
        status.ask(hand.settings, "default", What.LINK_BY_CODE, "anna", NOW, "12345")
    assert account().wish is None


# -- limits of the account's own --


def limited(**limits: Any) -> Account:
    return account_limits.set_limits("default", limits, "anna")


def test_own_caps_hold_at_the_next_claim(hand):
    """Whatever the settings say, without a restart; None goes back to them."""
    hand.queue(5)
    limited(hourly_cap=2)
    assert 2 == len(hand.send_all())
    opens = pace.opening("default", hand.clock(), hand.rules)
    assert (pacing.Why.HOURLY_CAP, True) == (opens.why, opens.at > hand.clock())
    limited(hourly_cap=3)
    assert 1 == len(hand.send_all())
    limited(hourly_cap=None)
    assert 2 == len(hand.send_all())


def test_an_own_cap_of_zero_lifts_the_settings_cap(hand):
    """0 is no cap, not what the settings say."""
    hand.rules = pacing.Rules(daily_cap=1)
    hand.queue(3)
    assert 1 == len(hand.send_all())
    limited(daily_cap=0)
    assert 2 == len(hand.send_all())


def test_own_quiet_hours_and_zone(hand):
    """The clock stands at 10:00 UTC, which is 19:00 in Tokyo."""
    hand.queue(1)
    limited(quiet_hours="18:00-20:00")
    assert (pacing.Why.READY, hand.clock()) == tuple(
        getattr(pace.opening("default", hand.clock(), hand.rules), name) for name in ("why", "at")
    )
    limited(timezone="Asia/Tokyo")
    opens = pace.opening("default", hand.clock(), hand.rules)
    assert (pacing.Why.QUIET_HOURS, hand.clock() + pacing.HOUR_MS) == (opens.why, opens.at)
    assert [] == hand.claim()
    hand.rules = pacing.Rules(quiet=pacing.window("09:00-11:00"))
    limited(quiet_hours="", timezone=None)
    assert 1 == len(hand.claim())


def test_a_jobs_window_is_in_the_accounts_own_zone(hand):
    """At 10:00 UTC it is 19:00 in Tokyo, and the window has closed."""
    job = hand.queue(1)
    Job.update(window="09:00-18:00").where(Job.id == job.id).execute()
    limited(timezone="Asia/Tokyo")
    assert [] == hand.claim()
    limited(timezone=None)
    Job.update(opens_at=0).where(Job.id == job.id).execute()
    assert 1 == len(hand.claim())


@pytest.mark.parametrize(
    ("limits", "stored"),
    [
        ({"hourly_cap": 0}, 0),
        ({"daily_cap": 1_000_000}, 1_000_000),
        ({"quiet_hours": " 9:00 – 8:30 "}, "09:00-08:30"),
        ({"quiet_hours": ""}, ""),
        ({"timezone": " Europe/Berlin"}, "Europe/Berlin"),
        ({"timezone": None}, None),
    ],
)
def test_limits_are_stored_as_they_are_meant(hand, limits, stored):
    """In one way of writing."""
    (name,) = limits
    assert stored == getattr(limited(**limits), name)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"hourly_cap": -1}, "0 (no cap)"),
        ({"daily_cap": 1_000_001}, "1000000"),
        ({"quiet_hours": "21-8"}, "21:00-08:00"),
        ({"quiet_hours": "08:00-08:00"}, "two different times"),
        ({"quiet_hours": "25:00-08:00"}, "24-hour"),
        ({"timezone": "Berlin"}, "Europe/Berlin"),
        ({"timezone": "../etc/passwd"}, "Europe/Berlin"),
    ],
)
def test_limits_that_make_no_sense_are_refused(hand, limits, said):
    """With what to write instead, and nothing is changed, whatever else was right."""
    with pytest.raises(errors.InvalidInput) as refused:
        limited(**{"hourly_cap": 7} | limits if "hourly_cap" not in limits else limits)
    assert said in str(refused.value)
    assert (None, None, None, None) == tuple(
        getattr(account(), name) for name in ("hourly_cap", "daily_cap", "quiet_hours", "timezone")
    )


async def test_what_a_transport_cannot_do_is_said(quick):
    """Whichever has no browser and no phone: who asks for them is told so, and not that it is a dry run."""

    class Interface(DryRunTransport):
        """Sends in earnest, and has no page."""

    quick.queue(1)
    running = Engine(quick.settings, Interface(quick.settings))
    task = asyncio.create_task(running.run())
    try:
        for what, number in (
            (What.SCREENSHOT, None),
            (What.RELOAD, None),
            (What.LOG_OUT, None),
            (What.LINK_BY_QR, None),
        ):
            outcome = await granted(what, number)
            assert ("failed", True) == (
                outcome.stage,
                (outcome.outcome or "").startswith("This account sends without "),
            )
    finally:
        running.stop()
        assert 0 == await task
