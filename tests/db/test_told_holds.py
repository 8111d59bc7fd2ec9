"""Meta tells that an account may not send: it is held as long as Meta says, and its sender heeds that, whatever else
holds it meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from daemon.accounts import cloud_standing
from daemon.delivery import cloud_inbox
from daemon.delivery.cloud_inbox import Counted
from daemon.delivery.context import Context
from daemon.delivery.duties.reports import Ask
from daemon.models import Happening
from daemon.states import AccountState, Hold, State
from daemon.transports.protocol import Health
from tests.support.hand import Hand, fresh
from tests.support.meta import BUSINESS_ID, change, failed
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


async def test_a_restriction_holds_the_account_until_it_ends(hand: Hand, post: Post, clock: Any) -> None:
    """Told twice it is one; one that only bars further numbers holds nothing."""
    ends = clock() // 1_000 + 7_200

    def restricted(kind: str) -> dict[str, Any]:
        info = [{"restriction_type": kind, "expiration": str(ends)}]
        return {"field": "account_update", "value": {"event": "ACCOUNT_RESTRICTION", "restriction_info": info}}

    await post.take(restricted("RESTRICTED_ADD_PHONE_NUMBER_ACTION"))
    assert cloud_standing.of("default", clock()).hold is None
    for _ in range(2):
        await post.take(restricted("RESTRICTED_BIZ_INITIATED_MESSAGING"))
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None
    assert (Hold.RESTRICTED, ends * 1_000) == (hold.hold, hold.until_ms)
    assert 2 == Happening.select().where(Happening.kind == "account.notice").count()
    assert cloud_standing.of("default", ends * 1_000).hold is None
    await post.take(restricted("RESTRICTED_BIZ_INITIATED_MESSAGING"), business_id="1")
    assert {("", Counted.UNKNOWN_NUMBER): 1} == cloud_inbox.counts()
    assert BUSINESS_ID != "1"


async def test_a_disabled_account_is_held_and_a_reinstated_one_is_not(hand: Hand, post: Post, clock: Any) -> None:
    """Where Meta names no end, sending is tried again after a day."""

    def banned(how: str) -> dict[str, Any]:
        value = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": how}}
        return {"field": "account_update", "value": value}

    await post.take(banned("DISABLE"))
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None
    assert clock() + DAY_MS == hold.until_ms
    await post.take(banned("REINSTATE"))
    assert cloud_standing.of("default", clock()).hold is None


async def test_an_error_of_the_account_holds_it(hand: Hand, post: Post, clock: Any) -> None:
    """For a day; the message itself has failed."""
    (message,) = sent(hand)
    await post.take(change("statuses", [failed(131042, named(message))]))
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None
    assert (Hold.PAYMENT, clock() + DAY_MS) == (hold.hold, hold.until_ms)
    assert State.FAILED == fresh(message).state


async def test_an_error_without_an_end_leaves_an_end_that_meta_has_named(hand: Hand, post: Post, clock: Any) -> None:
    """What was on its way when the account was restricted fails over it, too, and says less. Another trouble is told,
    and ends no sooner."""
    ends = clock() + 3 * DAY_MS
    cloud_standing.hold("default", Hold.RESTRICTED, ends, "until then", clock())
    for code, kind in ((131031, Hold.RESTRICTED), (131042, Hold.PAYMENT)):
        (message,) = sent(hand)
        await post.take(change("statuses", [failed(code, named(message), wamid=f"wamid.{code}")]))
        hold = cloud_standing.of("default", clock()).hold
        assert hold is not None
        assert (kind, ends, code == 131031) == (hold.hold, hold.until_ms, hold.detail == "until then")
    cloud_standing.hold("default", Hold.RESTRICTED, clock() + DAY_MS, "sooner", clock())
    hold = cloud_standing.of("default", clock()).hold
    assert hold is not None
    assert clock() + DAY_MS == hold.until_ms
