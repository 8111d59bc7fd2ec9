"""A whole instance for an hour, with all that people and programs do to it: does anything grow, is anybody lost?

Run as `scripts/soak --minutes 60 --seed 1 [--database sqlite|postgresql] [--no-browser]`. http and senders run under
supervisord: one sender drives a real Chromium on the stand-in's page at a human pace, the other the Cloud API, with
the stand-in for Meta's. Campaigns by the API and from files, pauses, stops, retries, logouts, killed browsers,
restarted senders, webhooks to somebody slow or away, event streams, pages, broken-off uploads, exports and erasures
come by chance, as the seed has it. The table has each measure by quarter and what it may grow (tests/soak/samples.py).
The exit code is 1 when anything grows, or when anybody was lost or got a message twice.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.soak import judge, verdict, world
from tests.soak.deeds import Deeds, shown
from tests.soak.readers import Readers
from tests.soak.samples import MEASURES, TOLD, Place, Sampler
from tests.soak.verdict import Line, Samples
from tests.support.rig import is_dead

PEACE_S = 4.0  # between two things that somebody does, on average
READ_S = 1.0  # between two questions to the API
LOOK_S = 5.0
LOOKS = 60  # at least, of a shorter run


@dataclass
class Soaked:
    """What came of it. lines: what is judged; told: what is not."""

    lines: list[Line]
    told: list[Line]
    outcome: judge.Outcome
    done: dict[str, int]
    wrong: list[str] = field(default_factory=list)

    @property
    def grown(self) -> list[str]:
        return [f"{each.measure.name} grows" for each in self.lines if each.grows]

    def report(self) -> list[str]:
        wrong = [f"WRONG: {each}" for each in self.wrong + self.grown]
        return [*verdict.table([*self.lines, *self.told]), "", shown(self.done), *wrong, str(self.outcome)]


def soak(folder: Path, minutes: float, seed: int, database: str, browser: bool, peace_s: float = PEACE_S) -> Soaked:
    """Run it for so long in that folder."""
    dice, length_s = random.Random(seed), minutes * 60
    with ExitStack() as stack:
        ran = world.begin(folder, database, browser, stack)
        samples = Samples(length_s)
        place = Place(ran.rig, ran.manager, ran.database, ran.people)
        sampler = Sampler(place, samples)
        readers = Readers(ran.rig, sampler.add, ran.latest)
        deeds = Deeds(ran, readers, dice, sampler.add)
        over = threading.Event()
        looking = ThreadPoolExecutor(1)
        looks = looking.submit(_look, sampler, ran, over, min(LOOK_S, length_s / LOOKS))
        try:
            readers.start(min(READ_S, peace_s))
            while sampler.now() < length_s and not looks.done():  # which ends by itself only where it fails
                deeds.one()
                time.sleep(min(dice.expovariate(1 / peace_s), 5 * peace_s))
        finally:
            over.set()
            looking.shutdown()
            readers.stop()
        looks.result()
        deeds.calm()
        outcome, wrong = judge.settle(ran)
        wrong += outcome.wrong() + ran.violations() + deeds.refused[:5]
        wrong += [f"not answered: {each}" for each in readers.failed[:5]]
        wrong += [f"a process outside the tree: {each}" for each in ran.manager.strays()]
        wrong += _logged(ran)
        tree = ran.manager.tree()
    psutil.wait_procs(tree, 20)
    wrong += [f"after the end there still was process {each.pid}" for each in tree if not is_dead(each)]
    wrong += [f"the database: {each}" for each in ran.sound()]
    (folder / "samples.json").write_text(json.dumps(samples.points, default=vars))  # stays where something is wrong
    lines = verdict.judge(samples, MEASURES)
    return Soaked(lines, verdict.judge(samples, TOLD), outcome, deeds.done, wrong)


def _look(sampler: Sampler, ran: world.World, over: threading.Event, every_s: float) -> None:
    while not over.wait(every_s):
        with ran.supervising:
            sampler.look()


def _logged(ran: world.World) -> list[str]:
    """Exceptions that nobody foresaw."""
    events = {str(each.get("event")) for each in ran.rig.events() if "exception" in each}
    return [f"logged with an exception: {', '.join(sorted(events))}"] if events else []


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1, help="repeats the same choices (1)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--no-browser", action="store_true", help="the Cloud API alone")
    parser.add_argument("--every", type=float, default=PEACE_S, help="seconds between two things that are done (4)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without ending what was started
    folder = Path(tempfile.mkdtemp(prefix="wasender-soak-"))
    print(f"in {folder}, seed {given.seed}", file=sys.stderr, flush=True)
    found = soak(folder, given.minutes, given.seed, given.database, not given.no_browser, given.every)
    print(*found.report(), sep="\n")
    if found.wrong or found.grown:
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
