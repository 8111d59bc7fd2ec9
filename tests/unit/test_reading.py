"""When a chat has been read far enough to say whether a message is in it, on a clock that we set."""

from __future__ import annotations

import pytest

from daemon.states import Finding
from daemon.transports.browser import reading
from daemon.transports.browser.reading import History, Older, Outcome, Reading, Row
from daemon.transports.protocol import Mark

ANCHOR = Mark(last_own="own", name=None, last="last")
NEW_CHAT = Mark(last_own=None, name=None, last=None)
AT_TOP = Older(theirs=True, came=False, top=True, loading=False)
MORE = Older(theirs=True, came=True, top=False, loading=False)


class Monotonic:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Monotonic:
    return Monotonic()


def begun(clock: Monotonic, mark: Mark = ANCHOR, *, same_life: bool = False, proved: bool = True) -> Reading:
    return Reading(mark, 1, same_life=same_life, proved=proved, clock=clock)


def row(ack: str | None = "sent", fits: str = "yes", own: bool | None = True) -> Row:
    return Row(id="ours", own=own, ack=ack, fits=[fits], shell=False)


def history(*rows: Row, reached: bool = True, count: int = 4, **other: bool) -> History:
    seen = History(
        theirs=True,
        reached=reached,
        near=False,
        count=count,
        first="a",
        last="z",
        loading=False,
        painted=True,
        listed=False,
        rows=[],
    )
    seen.update(other, rows=list(rows))  # type: ignore[typeddict-item]
    return seen


def read_calmly(read: Reading, clock: Monotonic, seen: History, older: Older | None = None) -> Outcome | None:
    """Two looks at the same rows, with the time between them after which they count as complete."""
    assert read.step(seen, older) is None
    clock.now += reading.STABLE_S
    return read.step(seen, older)


@pytest.mark.parametrize(
    ("ack", "finding"), [("read", Finding.SENT), ("pending", Finding.WAITING), ("failed", Finding.FAILED)]
)
def test_what_follows_the_mark_is_believed_at_once(clock: Monotonic, ack: str, finding: Finding) -> None:
    """No further row changes it."""
    outcome = begun(clock).step(history(row(ack)), None)

    assert outcome and (finding, False) == (outcome.lookup.finding, outcome.read_through)


def test_what_cannot_be_read_behind_the_mark_leaves_it_open(clock: Monotonic) -> None:
    """At once, too."""
    outcome = begun(clock).step(history(row(fits="unclear")), None)

    assert outcome and Finding.UNKNOWN is outcome.lookup.finding


def test_it_is_absent_when_the_rows_behind_the_mark_have_come_to_rest(clock: Monotonic) -> None:
    """A row that comes meanwhile begins the wait anew, and so does a list that is loading."""
    read = begun(clock)
    assert read.step(history(count=4), None) is None
    clock.now += reading.STABLE_S - 0.1
    assert read.step(history(count=5), None) is None
    clock.now += reading.STABLE_S - 0.1
    for _ in range(3):
        assert read.step(history(count=5, loading=True), None) is None
        clock.now += reading.STABLE_S

    outcome = read_calmly(read, clock, history(count=5))

    assert outcome and (Finding.ABSENT, True) == (outcome.lookup.finding, outcome.read_through)


def test_in_a_chat_without_a_mark_a_row_of_the_first_page_is_ours(clock: Monotonic) -> None:
    """There was nothing before it."""
    outcome = begun(clock, NEW_CHAT).step(history(row(), reached=False), None)

    assert outcome and Finding.SENT is outcome.lookup.finding


def test_behind_older_pages_of_a_chat_without_a_mark_a_row_may_be_an_old_one(clock: Monotonic) -> None:
    """So a person decides."""
    read = begun(clock, NEW_CHAT)
    assert read.step(history(row(), reached=False), MORE) is None

    outcome = read_calmly(read, clock, history(row(), reached=False, count=9), AT_TOP)

    assert outcome and Finding.UNKNOWN is outcome.lookup.finding
    assert "may be an older one" in str(outcome.lookup.evidence)


def test_a_chat_without_a_mark_is_read_up_to_its_top(clock: Monotonic) -> None:
    """Not there while older rows come, or before they were asked for."""
    read = begun(clock, NEW_CHAT)
    for older in (None, MORE, MORE | {"came": False}, AT_TOP | {"loading": True}):
        assert read_calmly(read, clock, history(reached=False), older) is None

    outcome = read.step(history(reached=False), AT_TOP)

    assert outcome and (Finding.ABSENT, True) == (outcome.lookup.finding, outcome.read_through)


def test_a_mark_that_has_gone_leaves_it_open(clock: Monotonic) -> None:
    """Somebody has deleted it, or cleared the chat."""
    outcome = read_calmly(begun(clock), clock, history(reached=False), AT_TOP)

    assert outcome and Finding.UNKNOWN is outcome.lookup.finding
    assert "no longer there" in str(outcome.lookup.evidence)


def test_a_chat_that_is_not_proved_is_so_by_the_mark_only(clock: Monotonic) -> None:
    """Without it not even a row that fits is believed."""
    read = begun(clock, NEW_CHAT, proved=False)

    outcome = read_calmly(read, clock, history(row(), reached=False), AT_TOP)

    assert outcome and Finding.UNKNOWN is outcome.lookup.finding
    assert "cannot be confirmed" in str(outcome.lookup.evidence)
    behind_the_mark = begun(clock, proved=False).step(history(row()), None)
    assert behind_the_mark and Finding.SENT is behind_the_mark.lookup.finding


def test_one_like_it_just_above_the_mark_leaves_it_open(clock: Monotonic) -> None:
    """By clocks that differ WhatsApp may have put ours there."""
    outcome = read_calmly(begun(clock), clock, history(near=True))

    assert outcome and Finding.UNKNOWN is outcome.lookup.finding


@pytest.mark.parametrize(("same_life", "listed"), [(True, False), (False, True)])
def test_a_blank_chat_proves_nothing_where_its_rows_may_be_missing(
    clock: Monotonic, same_life: bool, listed: bool
) -> None:
    """In the page that was handed the message, or where the list of chats tells of messages."""
    read = begun(clock, NEW_CHAT, same_life=same_life)
    blank = history(reached=False, painted=False, listed=listed, count=0)
    assert read_calmly(read, clock, blank, AT_TOP) is None
    clock.now += reading.EMPTY_S

    outcome = read.step(blank, AT_TOP)

    assert outcome and (Finding.UNKNOWN, True) == (outcome.lookup.finding, outcome.blank)


def test_a_new_chat_that_stays_blank_is_empty(clock: Monotonic) -> None:
    """In another life of the page, and after a longer time than one that shows something."""
    read = begun(clock, NEW_CHAT)
    blank = history(reached=False, painted=False, count=0)
    assert read_calmly(read, clock, blank, AT_TOP) is None
    clock.now += reading.EMPTY_S

    outcome = read.step(blank, AT_TOP)

    assert outcome and (Finding.ABSENT, True) == (outcome.lookup.finding, outcome.read_through)


def test_it_ends_when_the_rows_never_come_to_rest(clock: Monotonic) -> None:
    """Then nothing is proved."""
    read = begun(clock)
    assert read.step(history(reached=False, loading=True), MORE) is None
    clock.now += reading.LOOK_BACK_S + 0.1

    outcome = read.step(history(reached=False, loading=True), MORE)

    assert outcome and Finding.UNKNOWN is outcome.lookup.finding
    assert "could not be loaded" in str(outcome.lookup.evidence)


@pytest.mark.parametrize("late", ["rows", "older"])
def test_rows_of_another_chat_prove_nothing(clock: Monotonic, late: str) -> None:
    """Somebody has opened it since; not even if theirs is the open one again at the next look."""
    read = begun(clock, NEW_CHAT)
    assert read.step(history(reached=False), None) is None
    clock.now += reading.STABLE_S

    seen, older = history(row(), reached=False), AT_TOP
    outcome = read.step(seen | {"theirs": late != "rows"}, older | {"theirs": late != "older"})  # type: ignore[arg-type]

    assert outcome and Finding.UNKNOWN is outcome.lookup.finding
    assert "cannot be confirmed" in str(outcome.lookup.evidence)
