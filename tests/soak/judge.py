"""Who got what in a soak: the stand-ins' record is held against what wasender says, message by message."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.soak.world import World

ARRIVED = frozenset({"accepted", "sent", "delivered", "read"})
NOT_SENT = frozenset({"failed", "cancelled", "skipped"})
DOUBT = "uncertain"
OVER = frozenset({"completed", "stopped"})
PATIENCE_S = 420.0
SHOWN = 5
LARGEST = 1_000


@dataclass
class Outcome:
    """messages: by the state they ended in; doubtful: about which a person had to decide."""

    messages: Counter[str] = field(default_factory=Counter)
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubtful: int = 0

    def __str__(self) -> str:
        states = ", ".join(f"{count:,} {state}" for state, count in self.messages.most_common())
        return (
            f"messages={self.messages.total()} ({states}) duplicates={len(self.doubled)} lost={len(self.lost)} "
            f"uncertain={self.doubtful}"
        )

    def wrong(self) -> list[str]:
        both = (("got it twice", self.doubled), ("lost", self.lost))
        return [
            f"{what}: {', '.join(each[:SHOWN])}" + (" …" if len(each) > SHOWN else "") for what, each in both if each
        ]


def weigh(rows: list[dict[str, Any]], people: set[str], got: Counter[str]) -> Outcome:
    """rows: all messages as the API tells them; people: all that were ordered; of whoever was erased no row has a
    number, and only that nothing came twice can be said."""
    outcome = Outcome()
    outcome.doubled = sorted(number for number, times in got.items() if times > 1)
    known: set[str] = set()
    for row in rows:
        number, state = row["number"], row["state"]
        outcome.messages[state] += 1
        if number is None or number not in people:
            continue
        known.add(number)
        if state in ARRIVED and not got[number]:
            outcome.lost.append(f"{number} is {state} and got nothing")
        elif state in NOT_SENT and got[number]:
            outcome.lost.append(f"{number} is {state} and got it")
        elif state == DOUBT and row.get("stopped") and not got[number]:
            continue  # a campaign that was stopped sends nothing again, so the doubt about it stays
        elif state not in ARRIVED | NOT_SENT:
            outcome.lost.append(f"{number} is still {state}")
    outcome.lost += [f"{number} is in no job" for number in sorted(people - known)]
    return outcome


def settle(world: World) -> tuple[Outcome, list[str]]:
    """Wait until all is over, deciding what only a person can; what came of it, and what hangs."""
    until, doubtful, stopped = time.monotonic() + PATIENCE_S, 0, set[int]()
    while True:
        waiting = _unfinished(world)
        asked = world.rig.call("GET", "/messages?state=uncertain&limit=200")["messages"]
        asked = [row for row in asked if row["id"] not in stopped]
        if asked:
            got = world.delivered()
            for row in asked:
                told = world.rig.call("POST", f"/messages/{row['id']}/decide", {"sent": got[row["number"]] > 0})
                if told.get("code") == "job_stopped":
                    stopped.add(row["id"])
            doubtful += len(asked)
        if (not waiting and not asked) or time.monotonic() > until:
            break
        time.sleep(0.5)
    rows = [row | {"stopped": row["id"] in stopped} for row in _rows(world)]
    people = {number for each in world.ordered for number in each.numbers} - world.erased
    outcome = weigh(rows, people, world.delivered())
    outcome.doubtful = doubtful
    return outcome, [f"job {job} is not over after {PATIENCE_S:.0f} s" for job in waiting[:SHOWN]]


def _unfinished(world: World) -> list[int]:
    """Jobs that are not over, or of which something is in doubt or accepted only."""
    left = []
    for each in world.ordered:
        job = world.rig.call("GET", f"/status/{each.job_id}")
        if job["status"] not in OVER or job["accepted"] or job["pending"] or job["sending"]:
            left.append(each.job_id)
    return left


def _rows(world: World) -> Iterator[dict[str, Any]]:
    for each in world.ordered:
        found = world.rig.call("GET", f"/jobs/{each.job_id}/messages?limit={LARGEST}")["messages"]
        assert len(found) == len(each.numbers), f"job {each.job_id} has {len(found)} of {len(each.numbers)}"
        yield from found
