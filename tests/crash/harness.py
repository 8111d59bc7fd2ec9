"""Campaigns with faults in them: does everybody get the message exactly once? Run as `scripts/crash`.

A round is a campaign on a fresh database with faults of one kind in it: each kind at each point of a send first,
then by chance (plan.py). Rounds go through the fast dry-run transport (fast.py; service.py for those that strike
http), through the Cloud API and the stand-in for Meta's (cloud.py), or through real Chromium and the stand-in
(browser.py).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, redirect_stdout
from functools import partial
from pathlib import Path

import structlog

from tests.crash import accounts, cloud, fast, service
from tests.crash.fast import Place
from tests.crash.plan import BROWSER, CLOUD, FAST, Kind, Plan, plans
from tests.crash.tally import Tally, report

SERVICE = ("http", "supervisord")  # struck in a whole instance
Play = Callable[[list[Plan], Path], Tally]
EPILOG = """\
Prints a table by kind of fault, then one line of figures. The exit code is 1 when anybody was lost or got the
message twice, or when something else was wrong, which is named; what a wrong round left is kept in a folder.
`uncertain` are those about whom a person had to decide: the harness plays the person, and finishes the campaign.

--seed repeats the same faults in the same order; within a round they are as exact as the scheduler.
A full disk and a read-only data folder are real file systems, mounted for the purpose: only root can do that.

{kinds}

examples:
  scripts/crash                                a few minutes, on SQLite
  scripts/crash --rounds 100 --seed 2026       some 450 faults
  scripts/crash --lanes 200                    with two hundred messages in flight
  scripts/crash --transport cloud --rounds 40  through the Cloud API
  scripts/crash --rounds 0 --browser 9         each kind at each point, through Chromium
  scripts/crash --only kill --only stop        these kinds only"""


def run(kinds: Mapping[str, Kind], rounds: list[list[Plan]], play: Play, tallies: dict[str, Tally]) -> None:
    """Play the rounds, each in a folder of its own, and add what comes of them to the tallies by kind of fault."""
    struck = 0
    for number, chosen in enumerate(rounds, 1):
        kind = kinds[chosen[0].kind]
        _say(f"round {number} of {len(rounds)}, {struck} faults so far: {kind.title} × {len(chosen)}")
        folder = Path(tempfile.mkdtemp(prefix="wasender-crash-"))
        try:
            with redirect_stdout(sys.stderr):  # for what an instance that broke has to say
                tally = play(chosen, folder)
        except KeyboardInterrupt:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except Exception as error:  # one round must not take the figures of all others with it
            traceback.print_exc()
            tally = Tally(wrong=[f"it broke off: {error!r}"])
        if tally.wrong:
            where = f"round {number} ({' '.join(map(str, chosen))}; kept in {folder})"
            tally.wrong = [f"{where}: {what}" for what in tally.wrong]
        else:
            shutil.rmtree(folder)
        tallies.setdefault(kind.title, Tally()).add(tally)
        struck += tally.crashes
    _say(f"{len(rounds)} rounds, {struck} faults", end="\n")


def _say(line: str, end: str | None = None) -> None:
    """A line of progress; on a terminal it takes the place of the one before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end=end or "", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def fast_play(places: Iterator[Place]) -> Play:
    """How a round without a browser is played."""

    def play(chosen: list[Plan], folder: Path) -> Tally:
        if chosen[0].kind in CLOUD:
            return cloud.play(chosen, folder, next(places))
        if chosen[0].kind == "accounts":
            return accounts.play_fast(chosen, folder, next(places))
        game = service if chosen[0].kind in SERVICE else fast
        return game.play(chosen, folder, next(places))

    return play


def fresh_places(database: str, stack: ExitStack, lanes: int = 1) -> Iterator[Place]:
    """A fresh database for each round, whose senders have so many lanes."""
    if database == "sqlite":
        while True:
            yield Place(lanes=lanes)
    from tests.support.postgres import Server

    server = stack.enter_context(Server())
    while True:  # in order, and as when the machine loses its power
        for how in (signal.SIGINT, signal.SIGQUIT):
            yield Place(server.new_database(), partial(server.restart, how), lanes)


def possible(kinds: Mapping[str, Kind], database: str, root: bool, only: list[str], lanes: int = 1) -> dict[str, Kind]:
    """Those kinds that there can be here, and that are asked for. An open chat is a matter of one lane, and a whole
    instance has the product's own transports, so these are left out with several."""
    return {
        name: kind
        for name, kind in kinds.items()
        if kind.database in ("", database)
        and (lanes == 1 or not (kind.answers or name in (*SERVICE, "accounts")))
        and (root or not kind.root)
        and (name in only or not only)
    }


def arguments() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {name:<12} {kind.title}" for each in (FAST, CLOUD, BROWSER) for name, kind in each.items())
    parser = argparse.ArgumentParser(
        prog="scripts/crash",
        description="Run campaigns with faults in them, and count who got the message how often.",
        epilog=EPILOG.format(kinds=f"kinds:\n{kinds}"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--transport", choices=["dryrun", "cloud"], default="dryrun",
        help="what the rounds go through: the fast transport (default), or the Cloud API and a stand-in for Meta's, "
        "where each fault has a campaign of a few dozen people",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=int, default=20, metavar="N",
        help="rounds through that transport, with 1 to 8 faults of one kind in each (default 20)",
    )  # fmt: skip
    parser.add_argument(
        "--browser", type=int, default=0, metavar="N",
        help="campaigns through real Chromium, after the others, each a minute or more (default 0)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="repeats the same faults (default 1)")
    parser.add_argument(
        "--database", choices=["sqlite", "postgresql"], default="sqlite",
        help="for the rounds without a browser (default sqlite); PostgreSQL is a server of the harness's own",
    )  # fmt: skip
    parser.add_argument(
        "--lanes", type=int, default=1, metavar="N",
        help="messages in flight at once in the fast rounds (default 1); with several, faults in replies and http "
        "are left out",
    )  # fmt: skip
    parser.add_argument(
        "--only", action="append", default=[], metavar="KIND", choices=[*FAST, *CLOUD, *BROWSER],
        help="faults of this kind only; may be given several times",
    )  # fmt: skip
    return parser


def main() -> int:
    options = arguments().parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    root = os.geteuid() == 0
    every = CLOUD if options.transport == "cloud" else FAST
    kinds = possible(every, options.database, root, options.only, options.lanes)
    if left_out := possible(every, options.database, True, options.only, options.lanes).keys() - kinds.keys():
        titles = ", ".join(every[name].title for name in sorted(left_out))
        _say(f"not root, so these are left out: {titles}", end="\n")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # processes and mounts are to be cleaned up then, too
    began = time.monotonic()
    tallies: dict[str, Tally] = {}
    try:
        _run_all(options, kinds, tallies)
    except KeyboardInterrupt:
        report(tallies, time.monotonic() - began)
        return 130
    return report(tallies, time.monotonic() - began)


def _run_all(options: argparse.Namespace, kinds: Mapping[str, Kind], tallies: dict[str, Tally]) -> None:
    with ExitStack() as stack:
        if options.rounds and kinds:
            chosen = plans(random.Random(options.seed), kinds, options.rounds)
            run(kinds, chosen, fast_play(fresh_places(options.database, stack, options.lanes)), tallies)
        seen = possible(BROWSER, "", True, options.only)
        if options.browser and seen:
            from tests.crash import browser

            def play(chosen: list[Plan], folder: Path) -> Tally:
                return (accounts if chosen[0].kind == "two" else browser).play(chosen, folder)

            run(seen, plans(random.Random(options.seed), seen, options.browser), play, tallies)


if __name__ == "__main__":
    sys.exit(main())
