"""When a message that was clicked away counts as sent: every answer that the page can give, on a clock that we set."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.states import Ack
from daemon.transports.browser import ticks
from daemon.transports.browser.ticks import FoundRow, NewRows, TickWait, Todo
from daemon.transports.protocol import Receipt

LIFE = 7.0


class Monotonic:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Monotonic:
    return Monotonic()


def waiting(clock: Monotonic, *, rows_before: int = 3, typed: bool = True, wait_s: float = 30.0) -> TickWait:
    clicked = ticks.Clicked(before=["x"] * rows_before, count=rows_before, born=LIFE)
    return TickWait(clicked, typed=typed, until=clock.now + wait_s, clock=clock)


def seen(*acks: str | None, draft: int | None = 0, born: float = LIFE) -> NewRows:
    """What the page shows: for each part the tick of its row, None where there is no row."""
    found = [None if ack is None else FoundRow(id=f"row{index}", ack=ack) for index, ack in enumerate(acks)]
    return NewRows(found=found, draft=draft, born=born)


@pytest.mark.parametrize(("ack", "receipt"), [("sent", Ack.SENT), ("delivered", Ack.DELIVERED), ("read", Ack.READ)])
def test_a_tick_is_the_receipt(clock: Monotonic, ack: str, receipt: Ack) -> None:
    """On the clock it is not sent yet."""
    wait = waiting(clock)

    assert wait.step(seen("pending")) is None
    assert Receipt("row0", receipt) == wait.step(seen(ack))


def test_of_several_parts_the_least_tick_counts(clock: Monotonic) -> None:
    """And the id is that of the last."""
    assert Receipt("row1", Ack.SENT) == waiting(clock).step(seen("read", "sent"))


def test_in_a_chat_that_was_empty_a_tick_is_looked_at_again(clock: Monotonic) -> None:
    """Older rows, ticked long ago, may have come only now; ours follows them."""
    wait = waiting(clock, rows_before=0)

    assert wait.step(seen("delivered")) is None
    assert ticks.LATE_ROWS_S == wait.pause_s
    assert Receipt("row0", Ack.SENT) == wait.step(seen("sent"))


def test_in_a_chat_that_was_empty_one_that_was_seen_on_the_clock_is_ours(clock: Monotonic) -> None:
    """It needs no second look."""
    wait = waiting(clock, rows_before=0)

    assert wait.step(seen("pending")) is None
    assert 0.0 == wait.pause_s
    assert Receipt("row0", Ack.SENT) == wait.step(seen("sent"))


def test_a_failure_is_believed_when_it_is_still_there_after_a_moment(clock: Monotonic) -> None:
    """The second look does not wait in the page, the pause before it is the time for WhatsApp's second try."""
    wait = waiting(clock)

    assert wait.step(seen("failed")) is None
    assert (ticks.SECOND_TRY_S, 0) == (wait.pause_s, wait.wait_ms)
    with pytest.raises(errors.NotSubmitted, match="reports that the message was not sent"):
        wait.step(seen("failed"))


def test_a_failure_from_which_whatsapp_recovers_is_none(clock: Monotonic) -> None:
    """And the next one gets its second look, too."""
    wait = waiting(clock)

    assert [None, None, None] == [wait.step(seen(ack)) for ack in ("failed", "pending", "failed")]
    assert Receipt("row0", Ack.SENT) == wait.step(seen("sent"))


@pytest.mark.parametrize("acks", [("sent", "failed", "delivered"), ("failed", "read", None)])
def test_a_failed_picture_of_an_album_is_not_nothing(clock: Monotonic, acks: tuple[str | None, ...]) -> None:
    """Sent again as a whole, the others would arrive twice."""
    wait = waiting(clock, typed=False)

    assert wait.step(seen(*acks)) is None
    with pytest.raises(errors.SubmitUnknown, match="Only a part of the message was sent"):
        wait.step(seen(*acks))


def test_what_is_on_the_clock_beside_a_failure_is_waited_for(clock: Monotonic) -> None:
    """It may be sent yet, or fail as well; at the end nobody knows."""
    wait, late = waiting(clock, typed=False), waiting(clock, typed=False)

    assert [None, None, None] == [wait.step(seen("failed", ack)) for ack in ("pending", "pending", "failed")]
    with pytest.raises(errors.NotSubmitted):
        wait.step(seen("failed", "failed"))
    assert late.step(seen("failed", "pending")) is None
    assert ticks.SECOND_TRY_S == late.pause_s
    clock.now += 30.0
    with pytest.raises(errors.SubmitUnknown, match="on the clock"):
        late.step(seen("failed", "pending"))


def test_a_failure_waits_for_the_rows_of_the_other_files(clock: Monotonic) -> None:
    """They may come late, and be sent; files that share one row have no others."""
    wait, shared = waiting(clock, typed=False), waiting(clock, typed=False)

    assert [None, None] == [wait.step(seen("failed", None)) for _ in range(2)]
    with pytest.raises(errors.SubmitUnknown):
        wait.step(seen("failed", "sent"))
    assert [None, None] == [shared.step(seen("failed", None)) for _ in range(2)]
    clock.now += ticks.SHARED_ROW_S + 0.1
    with pytest.raises(errors.NotSubmitted):
        shared.step(seen("failed", None))


def test_files_that_share_a_row_count_after_a_while(clock: Monotonic) -> None:
    """The row of the second part may also be late."""
    wait = waiting(clock)

    assert wait.step(seen("sent", None)) is None
    clock.now += ticks.SHARED_ROW_S + 0.1
    assert Receipt("row0", Ack.SENT) == wait.step(seen("sent", None))


def test_a_click_that_was_ignored_is_taken_back_once(clock: Monotonic) -> None:
    """While the text stands in the composer and no row has come."""
    wait = waiting(clock)

    assert wait.step(seen(None, draft=5)) is None
    clock.now += ticks.IGNORED_S + 0.1
    assert Todo.TAKE_BACK is wait.step(seen(None, draft=5))
    assert wait.step(seen(None, draft=5)) is None


@pytest.mark.parametrize(
    ("typed", "answer"), [(False, seen(None, draft=5)), (True, seen(None, draft=0)), (True, seen("pending", draft=5))]
)
def test_nothing_else_is_taken_back(clock: Monotonic, typed: bool, answer: NewRows) -> None:
    """Not a file, not what has left the composer, not what is in the chat."""
    wait = waiting(clock, typed=typed)
    clock.now += ticks.IGNORED_S + 0.1

    assert wait.step(answer) is None


@pytest.mark.parametrize("ack", [None, "pending"])
def test_a_page_that_loads_anew_before_the_tick_leaves_it_open(clock: Monotonic, ack: str | None) -> None:
    """It may be out, or not."""
    with pytest.raises(errors.SubmitUnknown, match="reloaded"):
        waiting(clock).step(seen(ack, born=LIFE + 1))


def test_a_tick_counts_also_in_a_page_that_has_loaded_anew(clock: Monotonic) -> None:
    """The row is ours all the same."""
    assert Receipt("row0", Ack.SENT) == waiting(clock).step(seen("sent", born=LIFE + 1))


@pytest.mark.parametrize(("ack", "what"), [("pending", "still on the clock"), (None, "does not show up")])
def test_it_ends_when_the_time_is_over(clock: Monotonic, ack: str | None, what: str) -> None:
    """It says what was seen last; and no look waits longer than is left."""
    wait = waiting(clock, typed=False, wait_s=1.0)

    assert 1_000 == wait.wait_ms
    assert wait.step(seen(ack)) is None
    clock.now += 1.0
    assert 0 == wait.wait_ms
    with pytest.raises(errors.SubmitUnknown, match=what):
        wait.step(seen(ack))
