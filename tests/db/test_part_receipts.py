"""What Meta reports of the parts of a message settles each by itself; the message says which one has failed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from daemon.accounts import pacing
from daemon.db.connection import write
from daemon.delivery import moves, parts
from daemon.models import Job, Message
from daemon.states import Ack, JobState, State
from daemon.transports.cloud import hooks
from daemon.transports.protocol import Receipt
from daemon.webhooks import cloud_taking
from tests.support.hand import MARK, Hand, fresh
from tests.support.meta import NUMBER_ID, batch, change, failed, status
from tests.support.posting import named

Tell = Callable[..., None]


@pytest.fixture
def tell(hand: Hand) -> Tell:
    """Meta tells that, in one batch."""
    ours = cloud_taking.Known({NUMBER_ID: "default"}, {})

    def tell(*statuses: dict[str, Any]) -> None:
        found = [(each, hand.clock()) for each in hooks.read(batch(change("statuses", statuses)))]
        with write():
            cloud_taking.take_reported(found, ours, hand.clock())

    return tell


def state(message: Message) -> str:
    return str(fresh(message).state)


WHATS = ("plan.pdf", "map.pdf", "terms.pdf")


def of_parts(hand: Hand, out: int, taken: int) -> Message:
    """A message of three parts: so many were handed over, and Meta has answered about so many."""
    message = hand.claim_one()
    for at in range(out):
        piece = parts.Piece(at, WHATS)
        if at == 0:
            moves.submit(message, MARK, hand.clock(), pacing.Gap(0, pacing.Why.READY, 0), piece=piece)
        else:
            moves.submit_part(message, MARK, piece, hand.clock())
        if at < taken:
            done = moves.confirm if piece.last else moves.confirm_part
            done(message, Receipt(f"wamid.{at}", Ack.ACCEPTED), hand.clock(), piece=piece)
    return message


def about(message: Message, at: int, word: str = "delivered", code: int = 131053) -> dict[str, Any]:
    """What Meta tells of a part."""
    callback, wamid = named(message) + ("" if at == 2 else f":p:{at}"), f"wamid.{at}"
    return failed(code, callback, "Words.", wamid=wamid) if word == "failed" else status(word, callback, wamid)


def shown(message: Message) -> list[str]:
    return [str(each.state) for each in parts.shown(message.id, fresh(message).state)]


@pytest.mark.parametrize("stop", [False, True])
def test_a_part_in_doubt_is_settled_alone_and_the_rest_follows(hand: Hand, tell: Tell, stop: bool) -> None:
    """Also where all others are done and the campaign was completed, but not where it was stopped."""
    job = hand.queue(1)
    message = of_parts(hand, out=2, taken=1)
    moves.lose(message, "who knows", hand.clock())
    assert (State.UNCERTAIN, JobState.COMPLETED) == (state(message), Job.get_by_id(job.id).state)
    if stop:
        Job.update(state=JobState.STOPPED.value).where(Job.id == job.id).execute()
    for _ in range(2):
        tell(about(message, 1, "sent"), about(message, 1))
    if stop:
        assert (State.CANCELLED, ["sent", "sent", "cancelled"]) == (state(message), shown(message))
        return
    assert (State.PENDING, JobState.RUNNING) == (state(message), Job.get_by_id(job.id).state)
    assert (["sent", "sent", "pending"], None, 2) == (shown(message), fresh(message).error, parts.done(message))
    assert [message.id] == [each.id for each in hand.claim()]


def test_a_part_in_doubt_that_is_in_hand_stays_in_that_hand(hand: Hand, tell: Tell) -> None:
    """The answer, where it still comes, changes nothing; where the sender gives up, the rest follows."""
    hand.queue(2)
    first, second = of_parts(hand, out=1, taken=0), of_parts(hand, out=1, taken=0)
    tell(about(first, 0), about(second, 0))
    assert [("sending", ["sent", "pending", "pending"])] * 2 == [(state(m), shown(m)) for m in (first, second)]
    moves.confirm_part(first, Receipt("wamid.0", Ack.ACCEPTED), hand.clock(), parts.Piece(0, WHATS))
    moves.lose(second, "nothing was reported", hand.clock())
    assert ["sending", "pending"] == [state(first), state(second)]


def test_what_is_told_of_another_id_settles_no_part(hand: Hand, tell: Tell) -> None:
    """Meta has answered with this part's own; a later failure does not undo that the person got it."""
    hand.queue(1)
    message = of_parts(hand, out=3, taken=3)
    tell(failed(131053, named(message) + ":p:0", wamid="wamid.another"))
    tell(about(message, 1), about(message, 1, "failed"))
    assert ("accepted", None, ["sent"] * 3) == (state(message), fresh(message).error, shown(message))


@pytest.mark.parametrize("order", list(itertools.permutations([(0, "failed"), (1, "delivered"), (2, "sent")])))
def test_a_part_that_fails_later_fails_the_message_and_is_named(hand: Hand, tell: Tell, order: Any) -> None:
    """Whatever the order; how far the last part comes is seen, and that one has failed stays said."""
    hand.queue(1)
    message = of_parts(hand, out=3, taken=3)
    for at, word in (*order, *order):
        tell(about(message, at, word))
    row, why = fresh(message), "Part 1 of 3 was not delivered (plan.pdf): Meta could not use the file"
    assert ("failed", True, "part_failed") == (row.state, str(row.error).startswith(why), row.failed_by)
    assert ["failed", "sent", "sent"] == shown(message)
    tell(about(message, 2))
    tell(about(message, 2, "read"), about(message, 0, "failed"))
    row = fresh(message)
    assert ("read", True, None) == (row.state, str(row.error).startswith(why), row.failed_by)


def test_a_part_that_fails_while_others_are_on_their_way(hand: Hand, tell: Tell) -> None:
    """They go out, and then the message has failed; to retry one whose last part failed sends that alone."""
    hand.queue(2)
    first, second = of_parts(hand, out=2, taken=2), of_parts(hand, out=3, taken=3)
    tell(about(first, 0, "failed"), about(second, 2, "failed"))
    assert ["sending", "failed"] == [state(first), state(second)]
    piece = parts.Piece(2, WHATS)
    moves.submit_part(first, MARK, piece, hand.clock())
    moves.confirm(first, Receipt("wamid.2", Ack.ACCEPTED), hand.clock(), piece=piece)
    assert ("failed", "part_failed") == (state(first), fresh(first).failed_by)
    assert [3, 2] == [parts.done(first), parts.done(second)]
