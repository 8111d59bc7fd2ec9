"""What is kept for a while only is deleted then, on both databases; what somebody has to decide by stays longer."""

from __future__ import annotations

from typing import Any

from daemon.accounts import commands, directory
from daemon.campaigns import create
from daemon.db import clock
from daemon.delivery import evidence, moves
from daemon.delivery.evidence import DAY_MS
from daemon.models import Account, Evidence, Picture
from daemon.states import Finding, State
from daemon.transports.protocol import ChatRow, Lookup
from tests.support.hand import Hand, fresh

SEEN = Lookup(Finding.UNKNOWN, "Unclear.", rows=(ChatRow(False, "Something private", None),), screenshot=b"png")


def doubtful(hand: Hand, first: int) -> Any:
    hand.queue(1, first=first)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "who knows", hand.clock(), SEEN)
    return message


def test_what_a_chat_looked_like_goes_a_week_after_it_is_of_no_use(hand: Hand) -> None:
    """The one that was decided on goes; the other one stays until somebody decides, but not for ever."""
    decided, waiting = doubtful(hand, 0), doubtful(hand, 50)
    moves.decide(fresh(decided), "settle", "test", hand.clock())
    hand.clock.advance(evidence.DECIDED_MS)
    assert 0 == evidence.prune(hand.clock())
    assert 1 == evidence.prune(hand.clock() + 1)
    assert [waiting.id] == [row.message_id for row in Evidence.select()]

    hand.clock.advance(evidence.KEEP_MS - evidence.DECIDED_MS)
    assert (0, 1) == (evidence.prune(hand.clock()), evidence.prune(hand.clock() + 1))
    assert (0, State.UNCERTAIN) == (Evidence.select().count(), fresh(waiting).state)


def test_pictures_of_browsers_go_after_a_day(database: str) -> None:
    """Also where no other picture takes their place."""
    now = clock.now_ms()
    for name in ("default", "second"):
        directory.open_account(name, now)
        commands.ask(name, commands.What.SCREENSHOT, "test", now)
        wish = commands.take(name, True, now)
        assert wish
        commands.fulfil(name, wish, now, b"png")
    assert 2 == Picture.select().count() == Account.select().count()
    assert 0 == commands.prune(now + DAY_MS)
    assert 2 == commands.prune(now + DAY_MS + 1)
    assert 0 == Picture.select().count()


def test_answers_to_requests_go_after_a_week(hand: Hand) -> None:
    """Numbers that were rejected stand in them; until then a repeat makes nothing new."""
    first = hand.queue(1, key="k")
    hand.clock.advance(7 * DAY_MS)
    assert (0, first.id) == (create.forget_answers(hand.clock()), hand.queue(1, key="k").id)
    assert 1 == create.forget_answers(hand.clock() + 1)
    assert first.id != hand.queue(1, key="k").id
