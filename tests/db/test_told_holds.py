"""The sender heeds what Meta has told of its account, whatever else holds it meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from daemon.accounts import cloud_standing
from daemon.delivery.context import Context
from daemon.delivery.duties.reports import Ask
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health

NOW = 1_800_000_000_000
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
