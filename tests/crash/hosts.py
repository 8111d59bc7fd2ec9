"""Three hosts with one PostgreSQL; one is cut off and comes back, one loses its power: `python -m tests.crash.hosts`.

Each host has a network, processes and a data folder of its own (`tests/support/machines.py`), and runs senders, as
supervisord would; one also runs http, to which the stand-in for Meta's API reports. Three campaigns of three accounts
go out from one number of the Cloud API, so the hosts share its rate. What counts is the stand-in's record.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import structlog

from daemon import config
from daemon.accounts import directory, installed, limits
from daemon.campaigns import create, lifecycle
from daemon.db import clock, connection, proxy
from daemon.delivery import cloud_inbox, counters
from daemon.models import Account, CloudBatch, Job, Message
from daemon.states import JobState, State
from standin.graph.client import GraphStandIn
from tests.crash.fast import ask
from tests.crash.tally import Tally, weigh
from tests.support.forks import Forked
from tests.support.machines import FIRST, Machine, Network
from tests.support.postgres import Server
from tests.support.rig import eventually, free_port

ACCOUNTS = ("default", "north", "south")
CUT, KILLED, SPARED = range(3)  # the hosts
SENDERS = (2, 2, 3)  # of each host: what is left can drive all accounts
RETRY_S = 1.0  # supervisord's first wait before it starts a program anew; each further one is longer by as much
NAMES = {CUT: "the host that was cut off", KILLED: "the host without power"}


@dataclass(frozen=True)
class Plan:
    """people: in each campaign; rate: messages a second of the number; slow_ms: after which Meta answers; reach:
    options of the database's URL."""

    people: int = 70
    rate: int = 20
    lease_s: float = 5
    send_timeout_s: float = 5
    slow_ms: int = 300
    silently: bool = True
    reach: str = ""


@dataclass
class Course:
    """What came of it. taken_over_s: until another host had the account, sent_s: until it sent for it, in seconds after
    the fault, by host; in_doubt: by host, how many messages it had in flight; fastest: the most messages in any second;
    refused: by Meta, as too many; starts: of senders while their host was cut off."""

    tally: Tally = field(default_factory=Tally)
    taken_over_s: dict[int, float] = field(default_factory=dict)
    sent_s: dict[int, float] = field(default_factory=dict)
    fastest: int = 0
    refused: int = 0
    starts: int = 0

    def told(self) -> str:
        lines = [self.tally.line()]
        lines += [
            f"{NAMES[host]}: its account was taken over after {self.taken_over_s[host]:.1f} s, "
            f"and sent again after {self.sent_s[host]:.1f} s"
            for host in self.sent_s
        ]
        lines.append(f"most messages in a second: {self.fastest}; refused as too many: {self.refused}")
        lines.append(f"starts of senders on the host that was cut off, until it was back: {self.starts}")
        return "\n".join([*lines, *self.tally.wrong])


@dataclass
class Program:
    """What supervisord keeps running on a host."""

    module: str
    name: str
    process: Forked
    failures: int = 0
    again_at: float | None = None


class Host:
    """A machine, and what runs on it."""

    def __init__(self, machine: Machine, environment: dict[str, str]) -> None:
        self.machine = machine
        data = machine.folder / "data"
        data.mkdir()
        self._environment = environment | {"WASENDER_DATA_DIR": str(data), "WASENDER_HOST": machine.address}
        self._programs: list[Program] = []
        self.starts = 0

    def run(self, module: str, name: str) -> None:
        self._programs.append(Program(module, name, self._start(module, name)))

    def tend(self) -> None:
        """As supervisord does with what has ended."""
        now = time.monotonic()
        for each in self._programs:
            if self.machine.dead:
                return
            if each.again_at is None and each.process.poll() is not None:
                each.failures += 1
                each.again_at = now + RETRY_S * each.failures
            if each.again_at is not None and now >= each.again_at:
                each.process, each.again_at = self._start(each.module, each.name), None
                self.starts += 1

    def events(self, name: str) -> list[str]:
        """What its senders have logged, by name of the event."""
        logs = self.machine.folder.glob("sender*.log")
        lines = [json.loads(line) for log in logs for line in log.read_text().splitlines() if line.startswith("{")]
        return [line["event"] for line in lines if line["event"] == name]

    def _start(self, module: str, name: str) -> Forked:
        return self.machine.start(module, name, self._environment)


class Trial:
    """One trial on a network of its own, with files in `folder`."""

    def __init__(self, plan: Plan, folder: Path, stack: ExitStack) -> None:
        self._plan = plan
        self._course = Course()
        self._numbers: dict[str, list[str]] = {}
        self._struck: dict[int, tuple[str, str, float]] = {}  # host: account, its owner then, when
        network = stack.enter_context(Network())
        server = stack.enter_context(Server(address=network.address))
        database = server.new_database()
        port = free_port()
        self._meta = stack.enter_context(
            GraphStandIn.start(
                f"http://{network.address_of(FIRST + SPARED)}:{port}/webhooks/cloud", host=network.address,
                window="open", throughput=plan.rate, retry_ms=50, retry_most_ms=200, batch=8,
            )
        )  # fmt: skip
        self._meta.rule(slow_ms=plan.slow_ms)
        outside = {name: value for name, value in os.environ.items() if not name.startswith(config.PREFIX)}
        environment = outside | self._meta.settings | {
            "WASENDER_DATABASE_URL": database.replace("127.0.0.1", network.address) + plan.reach,
            "WASENDER_PORT": str(port),
            "WASENDER_LEASE_S": str(plan.lease_s), "WASENDER_SEND_TIMEOUT_S": str(plan.send_timeout_s),
            "WASENDER_CLOUD_THROUGHPUT": str(plan.rate), "WASENDER_RETRY_AFTER_S": "0",
            "WASENDER_API_KEY": "a-key-for-tests-0123456789",
        }  # fmt: skip
        (own := folder / "data").mkdir()
        given = {name.removeprefix(config.PREFIX).lower(): value for name, value in self._meta.settings.items()}
        self._settings = config.load(_env_file=None, data_dir=own, database_url=database, **given)
        connection.connect(database)
        stack.callback(connection.close)
        directory.open_account(ACCOUNTS[0], clock.now_ms())
        theirs = {field: value for field, value in given.items() if field in limits.CHECKS and field != "cloud_url"}
        for account in ACCOUNTS[1:]:
            chosen = cast(limits.Limits, theirs | {"cloud_throughput": plan.rate})
            installed.add(self._settings, account, chosen, "crash", clock.now_ms())
        machines = [stack.enter_context(network.machine(folder / f"host{nth}")) for nth in range(3)]
        self._hosts = [Host(machine, environment) for machine in machines]

    def play(self) -> Course:
        course, hosts = self._course, self._hosts
        try:
            hosts[SPARED].run("daemon.http", "http")
            drives = self._one_sender_each()
            for nth, account in enumerate(ACCOUNTS):
                self._queue(nth, account)
            self._accepted(len(ACCOUNTS) * 5)
            for host, senders in zip(hosts, SENDERS, strict=True):
                for nth in range(1, senders):
                    host.run("daemon.sender", f"sender{nth + 1}")
            self._accepted(len(ACCOUNTS) * 10)
            self._strike(CUT, drives, lambda: hosts[CUT].machine.cut_off(self._plan.silently))
            self._strike(KILLED, drives, hosts[KILLED].machine.die)
            self._until(self._taken_over, "the accounts are taken over")
            self._until(self._sent_again, "the accounts send again")
            self._until(self._out_of_doubt, "nothing of the host that is cut off is in doubt")
            given_up = self._uncertain()
            course.starts = hosts[CUT].starts
            hosts[CUT].machine.let_back()
            self._until(lambda: hosts[CUT].events("process.refused"), "the sender that was cut off gives up")
            self._finish()
            before = len(self._record())
            uncertain = self._decide()
            self._finish()
            course.tally = self._weigh(uncertain)
            late = given_up & {each["to"] for each in self._record()[:before]}
            course.tally.wrong += [f"{number} came out of the network after it was given up" for number in sorted(late)]
        except (AssertionError, TimeoutError) as error:
            course.tally.wrong.append(f"it is stuck: {error}")
        course.tally.crashes = 2
        return course

    def _one_sender_each(self) -> dict[int, str]:
        """The accounts that the hosts drive: the first free one, by name, each."""
        drives: dict[int, str] = {}
        for nth, host in enumerate(self._hosts):
            host.run("daemon.sender", "sender1")
            drives[nth] = self._until(lambda: self._owned() - set(drives.values()), "a sender has an account").pop()
        return drives

    def _owned(self) -> set[str]:
        query = Account.select(Account.name).where(Account.owner.is_null(False), Account.state == "ready")
        return {name for (name,) in ask(lambda: list(proxy.tuples(query)))}

    def _queue(self, nth: int, account: str) -> None:
        self._numbers[account] = [f"+4915{nth}{n:08d}" for n in range(self._plan.people)]
        order = create.Order("Hello", numbers=self._numbers[account], account=account)
        ask(lambda: create.create(self._settings, order, "crash", clock.now_ms()))

    # -- faults ------------------------------------------------------------------------------------------------

    def _strike(self, host: int, drives: dict[int, str], how: Callable[[], None]) -> None:
        account = drives[host]
        self._struck[host] = (account, self._owner(account), time.time())
        how()

    def _owner(self, account: str) -> str:
        return str(ask(lambda: Account.get(Account.name == account)).owner)

    def _taken_over(self) -> bool:
        """Whether other hosts have the accounts of both."""
        for host, (account, before, at) in self._struck.items():
            if host not in self._course.taken_over_s and self._owner(account) not in (before, "None"):
                self._course.taken_over_s[host] = time.time() - at
        return self._course.taken_over_s.keys() == self._struck.keys()

    def _sent_again(self) -> bool:
        """Whether they have sent for both."""
        for host, (account, _, at) in self._struck.items():
            theirs, since = set(self._numbers[account]), at + self._course.taken_over_s[host]
            if times := [each["at"] for each in self._record() if each["to"] in theirs and each["at"] > since]:
                self._course.sent_s[host] = min(times) - at
        return self._course.sent_s.keys() == self._struck.keys()

    def _out_of_doubt(self) -> bool:
        """Whether all that the host had in flight when it was cut off is settled, or left to a person."""
        account, _, at = self._struck[CUT]
        then = round(at * 1000) + 1000  # as the kernel of all of them has one clock
        sending = Message.select().where(Message.account == account, Message.state == State.SENDING)
        return not ask(sending.where(Message.submitted_at < then).exists)

    def _uncertain(self) -> set[str]:
        query = Message.select(Message.number).where(Message.state == State.UNCERTAIN)
        return {number for (number,) in ask(lambda: list(proxy.tuples(query)))}

    # -- the end -----------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        done = Job.select().where(Job.state != JobState.COMPLETED)
        self._until(lambda: not ask(done.exists), "the campaigns are done")
        self._until(lambda: self._meta.record(accepted=0)["webhooks"]["waiting"] == 0, "all webhooks are taken")
        worked = CloudBatch.select()
        self._until(lambda: ask(lambda: worked.count() == cloud_inbox.set_aside_count()), "all receipts are taken")

    def _decide(self) -> int:
        """Play the person who decides about the uncertain ones; returns how many there were."""
        accepted = {each["to"] for each in self._record()}
        doubtful = ask(lambda: list(Message.select().where(Message.state == State.UNCERTAIN)))
        for message in doubtful:
            if message.number in accepted:
                self._course.tally.wrong.append(f"{message.number} is uncertain although it was reported")
            ask(lambda m=message: lifecycle.settle(m.id, m.number in accepted, "a person", clock.now_ms()))
        return len(doubtful)

    def _weigh(self, uncertain: int) -> Tally:
        course, record = self._course, self._record()
        numbers = [number for each in self._numbers.values() for number in each]
        states = dict(ask(lambda: list(proxy.tuples(Message.select(Message.number, Message.state)))))
        tally = weigh(Counter(each["to"] for each in record), states, numbers, uncertain)
        tally.wrong = course.tally.wrong + tally.wrong
        if ask(counters.miscounted):
            tally.wrong.append("the jobs' counters differ from their messages")
        course.fastest = fastest([each["at"] for each in record])
        course.refused = int(self._meta.record(accepted=0)["requests"].get("error 130429", 0))
        most = 2 * math.ceil(self._plan.rate * (self._plan.slow_ms / 1000 + 0.5))
        if uncertain > most:
            tally.wrong.append(f"{uncertain} are uncertain, and about {most} were in flight")
        return tally

    def _record(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._meta.record()["messages"]
        return found

    def _accepted(self, count: int) -> None:
        self._until(lambda: self._meta.record(accepted=0)["accepted"] >= count, f"{count} messages are accepted")

    def _until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait for it while supervisord does its work."""

        def looked() -> Any:
            for host in self._hosts:
                host.tend()
            return holds()

        return eventually(looked, 60 + 4 * self._plan.lease_s, what)


def fastest(times: Collection[float]) -> int:
    """The most messages within any second."""
    ordered, most, first = sorted(times), 0, 0
    for nth, at in enumerate(ordered):
        while ordered[first] <= at - 1.0:
            first += 1
        most = max(most, nth - first + 1)
    return most


def play(plan: Plan, folder: Path) -> Course:
    with ExitStack() as stack:
        return Trial(plan, folder, stack).play()


def main() -> int:
    """Play some rounds; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="every other one with its cable pulled (default 4)")
    parser.add_argument("--people", type=int, default=200, help="of each of the three campaigns (default 200)")
    parser.add_argument("--lease", type=float, default=5, help="WASENDER_LEASE_S (default 5)")
    parser.add_argument("--rate", type=int, default=20, help="messages a second of the number (default 20)")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    whole = Tally()
    for nth in range(options.rounds):
        plan = Plan(people=options.people, rate=options.rate, lease_s=options.lease, silently=nth % 2 == 0)
        with tempfile.TemporaryDirectory(prefix="wasender-hosts-") as folder:
            course = play(plan, Path(folder))
        print(f"-- round {nth + 1}, {'silently' if plan.silently else 'the cable pulled'}\n{course.told()}", flush=True)
        whole.add(course.tally)
    print(whole.line())
    return 1 if whole.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
