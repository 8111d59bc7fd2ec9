"""Meta tells that an account may not send: it is held as long as Meta says, and its sender heeds that, whatever else
holds it meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from daemon.accounts import cloud_standing
from daemon.db.connection import write
from daemon.delivery import cloud_inbox, unreported
from daemon.delivery.cloud_inbox import Counted
from daemon.delivery.context import Context
from daemon.delivery.duties.reports import Ask
from daemon.models import CloudStanding, Happening, Message
from daemon.states import AccountState, Hold, State, Status
from daemon.transports.protocol import Health
from tests.support.hand import Hand, fresh
from tests.support.meta import BUSINESS_ID, change, failed, status
from tests.support.posting import Post, named, sent

NOW, DAY_MS = 1_800_000_000_000, 86_400_000
TRIAL = Health(AccountState.HELD, Hold.FAILURES, NOW + 600_000, "five failed")


async def test_a_hold_of_metas_is_heeded_once_another_one_ends(database: str) -> None:
    """It came while the account was on trial, or the trial came after it; what is over is over."""

    async def timed(work: Any, *given: Any) -> Any:
        return work(*given, NOW)

    async def report() -> None:
        pass

    standing = SimpleNamespace(hold=None, report=report)
    context = SimpleNamespace(standing=standing, db=SimpleNamespace(timed=timed), account="default", transport=None)
    ask = Ask(cast(Context, context))
    await ask._heed()
    assert standing.hold is None

    standing.hold = TRIAL
    cloud_standing.hold("default", Hold.RESTRICTED, NOW + 7_200_000, "restricted", NOW)
    for _ in range(2):
        await ask._heed()
        assert standing.hold == TRIAL
        standing.hold = None
        await ask._heed()
        assert Hold.RESTRICTED is standing.hold.hold
        standing.hold = TRIAL

    standing.hold = None  # as it is ended at its time
    await ask._heed()
    cloud_standing.release("default", NOW)
    await ask._heed()
    assert standing.hold is None


def restricted(ends: int, kind: str = "RESTRICTED_BIZ_INITIATED_MESSAGING") -> dict[str, Any]:
    info = [{"restriction_type": kind, "expiration": str(ends)}]
    return {"field": "account_update", "value": {"event": "ACCOUNT_RESTRICTION", "restriction_info": info}}


async def test_a_restriction_holds_the_account_until_it_ends(hand: Hand, post: Post, clock: Any) -> None:
    """Told twice it is one; one that only bars further numbers holds nothing."""
    ends = clock() // 1_000 + 7_200
    await post.take(restricted(ends, "RESTRICTED_ADD_PHONE_NUMBER_ACTION"))
    assert cloud_standing.of("default", clock()).hold is None
    for _ in range(2):
        await post.take(restricted(ends))
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None
    assert (Hold.RESTRICTED, ends * 1_000) == (hold.hold, hold.until_ms)
    assert 2 == Happening.select().where(Happening.kind == "account.notice").count()
    assert cloud_standing.of("default", ends * 1_000).hold is None
    await post.take(restricted(ends), business_id="1")
    assert {("", Counted.UNKNOWN_NUMBER): 1} == cloud_inbox.counts()
    assert BUSINESS_ID != "1"


async def test_a_restriction_that_is_told_while_the_clock_is_ahead_holds_once_it_is_right(
    hand: Hand, post: Post, clock: Any
) -> None:
    """It seems to be over by then. One that comes late and is over takes the place of none that stands."""
    at = clock() // 1_000
    clock.advance(365 * DAY_MS)
    await post.take(restricted(at + 7_200), at=at)
    assert cloud_standing.of("default", clock()).hold is None
    clock.advance(-365 * DAY_MS)
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None
    assert (Hold.RESTRICTED, (at + 7_200) * 1_000) == (hold.hold, hold.until_ms)

    clock.advance(DAY_MS)
    cloud_standing.hold("default", Hold.PAYMENT, None, "payment", clock())
    await post.take(restricted(at + 7_800), at=at + 1)
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None
    assert Hold.PAYMENT == hold.hold


def banned(how: str) -> dict[str, Any]:
    value = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": how}}
    return {"field": "account_update", "value": value}


async def test_a_disabled_account_is_held_and_a_reinstated_one_is_not(hand: Hand, post: Post, clock: Any) -> None:
    """Meta names no end, so none is told; after a day nothing is held over it any more. What was before that and is
    told later is no news."""
    at = clock() // 1_000
    await post.take(banned("DISABLE"), at=at - 3_600)
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None and hold.until_ms is None
    assert cloud_standing.of("default", clock() + DAY_MS).hold is None
    await post.take(banned("REINSTATE"), at=at)
    assert cloud_standing.of("default", clock()).hold is None
    await post.take(banned("DISABLE"), at=at - 1_800)
    assert cloud_standing.of("default", clock()).hold is None
    await post.take(banned("DISABLE"), at=at + 1)
    assert cloud_standing.of("default", clock()).hold is not None


async def fails(post: Post, message: Message, code: int, ago_s: int = 0) -> Health | None:
    """It is reported to have failed so long ago; returns the hold that there is then."""
    at = post.clock() // 1_000 - ago_s
    await post.take(change("statuses", [failed(code, named(message), wamid=f"wamid.{message.id}", at=at)]))
    return cloud_standing.of("default", post.clock()).hold


async def test_an_error_of_the_account_holds_it(hand: Hand, post: Post, clock: Any) -> None:
    """The message itself has failed. What is taken meanwhile proves nothing: Meta takes what it will not send."""
    message, _ = sent(hand, 2)
    hold = await fails(post, message, 131042)
    assert hold is not None
    assert (Hold.PAYMENT, None) == (hold.hold, hold.until_ms)
    assert State.FAILED == fresh(message).state


async def test_a_late_report_holds_nothing(hand: Hand, post: Post, clock: Any) -> None:
    """Meta repeats for a week what it was not answered; the message has failed all the same."""
    late, early = sent(hand, 2)
    assert await fails(post, late, 131042, 2 * 3_600) is None
    assert State.FAILED == fresh(late).state
    assert await fails(post, early, 131042, 60) is not None


async def test_a_report_that_something_since_has_shown_to_be_over_holds_nothing(
    hand: Hand, post: Post, clock: Any
) -> None:
    """A later message went out after it; one that went out before it shows nothing."""
    first, before, second = sent(hand, 3)
    clock.advance(600_000)
    (after,) = sent(hand)
    went = status("sent", named(before), f"wamid.{before.id}", at=clock() // 1_000 - 120)
    await post.take(change("statuses", [went]))
    assert await fails(post, first, 131048, 60) is not None
    cloud_standing.release("default", 0)
    went = status("sent", named(after), f"wamid.{after.id}", at=clock() // 1_000)
    await post.take(change("statuses", [went]))
    assert await fails(post, second, 131048, 60) is None


async def test_what_was_handed_over_before_a_hold_ended_says_nothing_about_now(
    hand: Hand, post: Post, clock: Any
) -> None:
    """It fails over what is over; the next one does not."""
    first, second = sent(hand, 2)
    assert await fails(post, first, 131042) is not None
    clock.advance(1_000)
    cloud_standing.release("default", clock())
    assert await fails(post, second, 131042) is None
    clock.advance(1_000)
    (third,) = sent(hand)
    assert await fails(post, third, 131042) is not None


async def test_a_hold_without_an_end_ends_when_meta_says_that_it_can_send(hand: Hand, clock: Any) -> None:
    """The transport asks; then one is tried at a time, until one of those has gone out. A new sender asks, too."""

    class Asks:
        able, calls = True, list[Hold | str | None]()

        async def reported(self, transport_ids: Any) -> Any:
            raise AssertionError

        def told(self, hold: Health) -> None:
            self.able = False
            self.calls.append(hold.hold)

        def can_send(self) -> bool:
            return self.able

        def proved(self) -> None:
            self.calls.append("proved")

    async def timed(work: Any, *given: Any) -> Any:
        return work(*given, clock())

    async def report() -> None:
        pass

    standing = SimpleNamespace(hold=None, report=report, look_soon=lambda: None)
    transport, db = Asks(), SimpleNamespace(timed=timed)
    context = SimpleNamespace(standing=standing, db=db, account="default", transport=transport)
    (before,) = sent(hand)
    clock.advance(1)
    cloud_standing.hold("default", Hold.PAYMENT, None, "payment", clock())
    earlier, ask = Ask(cast(Context, context)), Ask(cast(Context, context))
    for each in (earlier, ask):
        for _ in range(3):
            await each._heed()
    assert ([Hold.PAYMENT] * 2, None) == (transport.calls, standing.hold)
    transport.able = True
    cloud_standing.end("default", clock() - 1, clock())  # another one
    await ask._heed()
    assert cloud_standing.of("default", clock()).hold is None
    clock.advance(1)
    (trial,) = sent(hand)
    hand.receipt(before, Status.SENT, submission=1)
    await ask._heed()
    assert [Hold.PAYMENT] * 2 == transport.calls
    hand.receipt(trial, Status.SENT, submission=1)
    for _ in range(2):
        await ask._heed()
    assert [*[Hold.PAYMENT] * 2, "proved"] == transport.calls

    cloud_standing.hold("default", Hold.PAYMENT, None, "payment", clock())
    await ask._heed()
    clock.advance(DAY_MS)
    await ask._heed()
    assert "proved" == transport.calls[-1]


async def test_an_error_without_an_end_leaves_an_end_that_meta_has_named(hand: Hand, post: Post, clock: Any) -> None:
    """What was on its way when the account was restricted fails over it, too, and says less. Another trouble is told,
    and ends no sooner."""
    ends = clock() + 3 * DAY_MS
    cloud_standing.hold("default", Hold.RESTRICTED, ends, "until then", clock())
    for code, kind in ((131031, Hold.RESTRICTED), (131042, Hold.PAYMENT)):
        (message,) = sent(hand)
        await post.take(change("statuses", [failed(code, named(message), wamid=f"wamid.{code}", at=clock() // 1_000)]))
        hold = cloud_standing.of("default", clock()).hold
        assert hold is not None
        assert (kind, ends, code == 131031) == (hold.hold, hold.until_ms, hold.detail == "until then")
    cloud_standing.hold("default", Hold.RESTRICTED, clock() + DAY_MS, "sooner", clock())
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None
    assert clock() + DAY_MS == hold.until_ms


async def test_what_was_told_while_the_clock_was_ahead_does_not_count(hand: Hand, post: Post, clock: Any) -> None:
    """Neither an end of a hold, nor a hold without an end, nor that Meta reports."""
    ahead = clock() + 365 * DAY_MS
    (message,) = sent(hand)
    cloud_standing.hold("default", Hold.PAYMENT, None, "payment", ahead)
    assert cloud_standing.of("default", clock()).hold is None
    assert cloud_standing.trial_over("default", ahead, clock())
    cloud_standing.release("default", ahead)
    assert await fails(post, message, 131042) is not None

    cloud_standing.release("default", clock())
    CloudStanding.update(heard_at=ahead).execute()
    clock.advance(2 * unreported.EXPECTED_MS)
    assert unreported.polls("default", clock())
    with write():
        cloud_standing.heard("default", clock())
    assert not unreported.polls("default", clock())
    assert clock() == cloud_standing.of("default", clock()).heard_at
