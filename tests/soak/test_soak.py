"""`scripts/soak` finds what grows and who was lost, and plays a short run of the Cloud API."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.soak import judge, verdict
from tests.soak.__main__ import soak
from tests.soak.samples import MEASURES
from tests.soak.verdict import Measure, Samples, Shown

HOUR_S = 3_600.0
LIFE_S = 900.0


def memory(leaks_mb: Callable[[float], float], life_s: float = HOUR_S) -> verdict.Line:
    """What is said of an hour, sampled each 5 s, of a process that is started anew after `life_s`."""
    dice, samples = random.Random(1), Samples(HOUR_S)
    for at in range(0, 3_600, 5):
        age = at % life_s
        warming = 30 * min(age / 200, 1)  # what any process takes at first
        samples.add("memory", at, 60 + warming + leaks_mb(age) + dice.gauss(0, 3), str(at // life_s))
    (line,) = verdict.judge(samples, [Measure("memory", "MB", 10, lives=True)])
    return line


def test_a_leak_is_found_also_where_the_process_is_restarted() -> None:
    """40 MB an hour; within a quarter of an hour that is 10, beside a noise of 3 and the 30 that each start takes."""
    found = [memory(lambda age: 40 * age / HOUR_S, life_s) for life_s in (HOUR_S, LIFE_S)]
    assert [True, True] == [each.grows for each in found]
    assert all(each.growth is not None and 22 < each.growth < 38 for each in found), found
    assert "GROWS" in verdict.table(found)[2]


def test_what_goes_up_and_comes_down_is_no_leak() -> None:
    """Nor is what a start takes, or a burst that is over."""
    steady = [memory(lambda _: 0, life_s) for life_s in (HOUR_S, LIFE_S)]
    burst = memory(lambda age: 40.0 if 1_800 < age < 2_000 else 0.0)
    assert [False] * 3 == [each.grows for each in (*steady, burst)]


def test_what_grows_with_the_work_may() -> None:
    """A database by so much a message, and no more; a latency is judged by its quickest tenth."""
    samples, dice = Samples(HOUR_S), random.Random(2)
    for at in range(0, 3_600, 5):
        samples.add("messages", at, at)
        samples.add("database", at, at * 0.01)
        samples.add("leaking", at, at * 0.03)
        samples.add("quick", at, 20 + dice.expovariate(1 / (10 + at / 36)))
        samples.add("slower", at, 20 + at / 36)
    stored = [Measure(name, "MB", 4, per="messages", each=0.016) for name in ("database", "leaking")]
    waits = [Measure(name, "ms", 15, share=0.5, shown=Shown.P10) for name in ("quick", "slower", "unknown")]
    lines = verdict.judge(samples, [*stored, *waits])
    assert [False, True, False, True, False] == [each.grows for each in lines]
    assert None is lines[-1].growth and 6 == len(verdict.table(lines))


def test_whoever_is_lost_or_doubled_is_found() -> None:
    """By what the stand-in has: the ones that wasender says were sent, those it says were not, and those it forgot."""
    rows: list[dict[str, Any]] = [
        {"number": f"+{n}", "state": state} for n, state in enumerate(("read", "read", "failed", "failed", "sending"))
    ]
    rows.append({"number": None, "state": "read"})  # erased
    found = judge.weigh(rows, {f"+{n}" for n in range(6)}, Counter({"+0": 2, "+3": 1, "+9": 1}))
    assert ["+0"] == found.doubled
    assert ["+1", "+3", "+4", "+5"] == [each.partition(" ")[0] for each in found.lost]
    assert 2 == len(found.wrong())
    doubt = {"number": "+0", "state": "uncertain", "stopped": True}
    assert [0, 1] == [len(judge.weigh([doubt], {"+0"}, Counter({"+0": n})).lost) for n in range(2)]
    assert not judge.weigh(rows[:1], {"+0"}, Counter({"+0": 1})).wrong()


def test_a_short_run(tmp_path: Path) -> None:
    """All of it but the browser: what was measured is there, and everybody got theirs once. Of growth nothing can be
    said in so short a time."""
    found = soak(tmp_path, minutes=0.06, seed=1, database="sqlite", browser=False, peace_s=0.05)
    assert [] == found.wrong
    assert found.outcome.messages.total() > 20
    sampled = {each.measure.name for each in found.lines if any(value is not None for value in each.quarters)}
    without = {each.name for each in MEASURES} - sampled
    assert {"7 pages"} >= {name for name in without if not any(word in name for word in ("hrom", "Xvfb", "browser"))}
