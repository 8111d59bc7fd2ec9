"""http and supervisord killed while a job is being ordered, on a whole instance with the fast transport.

There must be exactly one job then, and everybody in it gets the message once.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.crash import instance
from tests.crash.braked import Brake, build_in
from tests.crash.fast import Place
from tests.crash.instance import Client
from tests.crash.plan import ANY_TIME, Plan
from tests.crash.tally import Tally, handed_over, weigh
from tests.support.rig import Rig

PEOPLE = 3  # in each job


def play(plans: list[Plan], folder: Path, place: Place) -> Tally:
    """One round: these faults, one after the other, each while another job is being ordered."""
    (folder / "rig").mkdir()
    database = {"database_url": place.url} if place.url else {}
    rig = Rig(folder / "rig", transport="dryrun", delay_min=0, delay_max=0, lease_s=5, **database)
    brake, _ = build_in(rig)
    tally = Tally()
    numbers: list[str] = []
    with rig:
        rig.ready()
        for index, plan in enumerate(plans):
            people = [f"+4930231{index:03d}{n:02d}" for n in range(PEOPLE)]
            numbers += people
            tally.wrong += strike_in_an_order(rig, brake, plan, Client(rig, f"order {index}", people))
            tally.crashes += 1
        journal = rig.data / "dryrun.jsonl"
        uncertain = instance.finish(rig, lambda: handed_over(journal, numbers))
        tally.add(weigh(handed_over(journal, numbers), instance.states(rig), numbers, uncertain))
    return tally


def strike_in_an_order(rig: Rig, brake: Brake, plan: Plan, client: Client) -> list[str]:
    """Kill at one point of the client's first request; what is wrong with the answer in the end."""
    kill, orphans = instance.killer(rig, plan.kind), instance.orphans_of(rig)
    if plan.point == ANY_TIME:
        client.start()
        time.sleep(plan.nth / 1000)  # nothing is waited for: it is the moment that chance has chosen
    else:
        brake.halt(plan.point)
        client.start()
        brake.wait(60)
    kill()
    brake.release()
    wrong = instance.start_again(rig, orphans) if plan.kind == "supervisord" else []
    return wrong + client.settle()
