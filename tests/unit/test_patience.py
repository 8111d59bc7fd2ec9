"""No state of the page lasts for ever: when it is loaded anew, by a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, ClassVar, cast

import pytest
import structlog.testing

from daemon.states import AccountState, Hold
from daemon.transports.browser import patience as patience_module
from daemon.transports.browser import screens as screens_module
from daemon.transports.browser.bridge import Operation, Surface
from daemon.transports.browser.looks import Look
from daemon.transports.browser.patience import Ends, Patience
from daemon.transports.browser.screen_rules import ACCOUNT, ANYWHERE, PARTS, START, Heal, Rule, Seen, Verdict, first
from daemon.transports.browser.screens import Screens
from daemon.transports.protocol import Health
from tests.support.screens import look

NOW_MS = 1_767_261_600_000
HOUR_S = 3600
READY = Verdict(Health(AccountState.READY))
LOADING = Verdict(Health(AccountState.LOADING))


def held(hold: Hold = Hold.TERMS, until: int | None = None, **more: Any) -> Verdict:
    return Verdict(Health(AccountState.HELD, hold, until), **more)


def reloads(
    show: Callable[[float], Verdict],
    seconds: int,
    patience: Patience | None = None,
    shown: Callable[[float], Look] | None = None,
) -> list[int]:
    """When the page is loaded anew while it is looked at once a second. Each reload is a new life of it."""
    patience, born, found = patience or Patience(), 0.0, []
    for now in range(seconds):
        at = shown(now) if shown else look()
        if patience.is_over(show(now), born, at["percent"], now, NOW_MS + now * 1000):
            found.append(now)
            born += 1
    return found


@pytest.mark.parametrize(
    "verdict",
    [
        LOADING,
        *(held(hold) for hold in Hold if hold is not Hold.TEMPORARY_BAN),
        Verdict(Health(AccountState.BANNED, Hold.TEMPORARY_BAN)),
    ],
    ids=lambda verdict: str(verdict.health.hold or verdict.health.state),
)
def test_every_hold_and_a_page_that_stays(verdict: Verdict) -> None:
    """After a minute, then every two to four."""
    found = reloads(lambda _: verdict, HOUR_S)

    assert 60 == found[0]
    assert all(120 <= later - earlier <= 240 for earlier, later in pairwise(found))
    assert len(found) > 14


@pytest.mark.parametrize(
    ("rules", "shown"),
    [
        (START, {"said": ["terms"]}),
        (START, {"said": ["deprecated"]}),
        (START, {"said": ["unsupported"]}),
        (START, {"said": ["logging_out"]}),
        (START, {"splash": True, "progress": True, "percent": 0.0}),
        (START, {"said": ["reconnecting"]}),
        (START, {"qr_screen": True}),
        (ANYWHERE, {"said": ["banned"]}),
        (ANYWHERE, {"said": ["offline"]}),
        (ACCOUNT, {"said": ["restricted"]}),
        (ACCOUNT, {"said": ["monthly_cap"]}),
        (ACCOUNT, {"lang": "pt"}),
        (ACCOUNT, {"passkey": "prompt"}),
        (PARTS, {}),
    ],
)
def test_every_screen_that_stays(rules: list[Rule], shown: dict[str, Any]) -> None:
    """By the rules that tell it."""
    changed = ("composer",) if rules is PARTS else ()
    verdict = first(rules, Seen(look(**shown), changed=changed))
    assert verdict

    assert 60 == reloads(lambda _: verdict, 100, shown=lambda _: look(**shown))[0]


@pytest.mark.parametrize("heal", [Heal.RELOAD, Heal.TAKE_WINDOW, Heal.PROBE])
def test_what_looks_by_itself_is_left_to_that(heal: Heal) -> None:
    """It does so more often."""
    assert [] == reloads(lambda _: held(heal=heal), HOUR_S)


def test_a_named_end_is_waited_for() -> None:
    """Not before it; when it comes, at once; and where it has passed as any hold without one."""
    until = NOW_MS + 1_000_000
    found = reloads(lambda now: held(until=until if now < 1_000 else None), 1_500)

    assert [1_000, 1_121, 1_332] == found


def test_an_end_that_is_named_anew_each_time_makes_no_storm() -> None:
    """A page that always says "in 5 seconds" is loaded anew once a minute at most."""
    found = reloads(lambda now: held(until=NOW_MS + (int(now) // 5 + 1) * 5_000 - 5_000), 600)

    assert all(later - earlier >= 60 for earlier, later in pairwise(found))


@pytest.mark.parametrize("step", ["QR payload", "code ABCD1234", "passkey prompt"])
def test_nobody_is_disturbed_while_they_link(step: str) -> None:
    """Half an hour without a change; a change begins it anew."""
    linking = Verdict(Health(AccountState.NEEDS_LINK), linking=step)
    other = Verdict(Health(AccountState.NEEDS_LINK), linking="passkey step")

    assert [1_800, 3_601] == reloads(lambda _: linking, 3_700)
    assert [3_000] == reloads(lambda now: linking if now < 1_200 else other, 3_700)


def test_what_still_loads_is_waited_for() -> None:
    """Each step counts; a bar that stands, falls back or never ends does not."""
    grows = reloads(lambda _: LOADING, 1_200, shown=lambda now: look(progress=True, percent=now // 50))
    stands = reloads(lambda _: LOADING, 300, shown=lambda now: look(progress=True, percent=40.0))
    swings = reloads(lambda _: LOADING, 300, shown=lambda now: look(progress=True, percent=now % 10))
    endless = reloads(lambda _: LOADING, 2_000, shown=lambda now: look(progress=True, percent=now))

    assert ([], [60, 181]) == (grows, stands)
    assert 69 == swings[0]
    assert 1_859 == endless[0]


def test_a_page_between_two_reloads_begins_nothing_anew() -> None:
    """It loads for some seconds each time; the steps grow all the same."""
    last = 0.0
    patience, found, born = Patience(), [], 0.0
    for now in range(1_000):
        verdict = LOADING if found and now - last < 8 else held()
        if patience.is_over(verdict, born, None, now, NOW_MS):
            found.append(now)
            last, born = now, born + 1
    assert [60, 188, 406, 624, 842] == found


@pytest.mark.parametrize(("fine_s", "next_s"), [(400, 60), (20, 210)])
def test_trouble_that_comes_back_at_once_is_the_same(fine_s: int, next_s: int) -> None:
    """Only an account that has been fine for a while begins with the first step again."""
    patience = Patience()
    assert [60, 181] == reloads(lambda _: held(), 200, patience)
    begun = 200 + fine_s
    found = [
        now for now in range(200, 1_200) if patience.is_over(READY if now < begun else held(), 9.0, None, now, NOW_MS)
    ]
    assert begun + next_s == found[0]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            [(0, "2 hours", 7_200), (60, "2 hours", 7_200), (600, "2 hours", 7_200)],
            7_200,
        ),  # it stands as it was written
        ([(0, "1:00:00", 3_600), (1, "0:59:59", 3_599), (59, "0:59:02", 3_542)], 3_600),  # it counts down
        ([(0, "59 minutes", 3_540), (60, "58 minutes", 3_480), (125, "57 minutes", 3_420)], 3_540),
        ([(0, "1 hour", 3_600), (60, "1 day", 86_400)], 86_460),  # it is another one
        ([(0, "1 hour", 3_600), (60, "", None)], None),
    ],
)
def test_an_end_stays_where_it_was_named(told: list[tuple[int, str, int | None]], expected: int | None) -> None:
    """It would never come if each look moved it on."""
    ends = Ends()
    for at, words, seconds in told:
        until = ends.until(look(duration=words or None), seconds, NOW_MS + at * 1000)

    assert expected == (until and (until - NOW_MS) // 1000)


def test_a_page_that_came_anew_names_its_own_end() -> None:
    """In another life of the page the same words are new."""
    ends = Ends()
    ends.until(look(duration="1 hour", born=1.0), 3_600, NOW_MS)

    assert NOW_MS + 4_200_000 == ends.until(look(duration="1 hour", born=2.0), 3_600, NOW_MS + 600_000)


def test_a_page_that_cannot_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its script fails each time: it is loaded anew like one that stays as it is."""

    class Page:
        born = 1.0
        opened = 0

        def open(self) -> None:
            self.opened += 1

    page = Page()
    screens = Screens(cast(Surface, page))
    assert (AccountState.LOADING, 0) == (screens.unseen().state, page.opened)
    monkeypatch.setattr(patience_module, "FIRST_S", 0.0)

    assert (AccountState.LOADING, 1) == (screens.unseen().state, page.opened)


@pytest.mark.parametrize(("back_s", "told"), [(0, 1), (20, 1), (400, 2)])
def test_a_page_that_cannot_be_reached_is_loaded_less_and_less_often_and_told_of_once(
    monkeypatch: pytest.MonkeyPatch, back_s: int, told: int
) -> None:
    """Not every five seconds while offline, also if the chats are there for a moment in between."""
    now = 1_000.0
    monkeypatch.setattr(screens_module.time, "monotonic", lambda: now)

    class Page:
        born = 1.0
        text: ClassVar[dict[str, str]] = {}
        opened: ClassVar[list[float]] = []

        def observe(self) -> Look:
            return shown

        def open(self) -> None:
            self.opened.append(now)

        def ask(self, *_: Any, **__: Any) -> list[str]:
            return []

    page = Page()
    page.opened.clear()
    screens = Screens(cast(Surface, page))
    away, there = look(error_page="ERR_INTERNET_DISCONNECTED"), look(main=True)
    with structlog.testing.capture_logs() as lines:
        for second in range(1_300):
            now = 1_000.0 + second
            shown = there if 600 <= second < 600 + back_s else away
            screens.look(Operation(), idle=True)

    reloads = [line for line in lines if line["event"] == "page.reloaded"]
    assert told == [line["log_level"] for line in reloads].count("info")
    assert [0, 5, 15, 35, 75, 155, 275] == [at - 1_000 for at in page.opened[:7]]
    assert len(page.opened) < 20
