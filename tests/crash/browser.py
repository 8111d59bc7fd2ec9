"""Faults in campaigns that go through real Chromium to the stand-in; see harness.py.

A whole instance runs under supervisord. A fault strikes when the stand-in sees one of POINTS: the chat
opened, the click, the message received, the tick shown.
"""

from __future__ import annotations

import random
import signal
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import psutil

from tests.crash.harness import Tally
from tests.rig import Rig, chrome_processes, eventually
from tests.standin.client import StandIn

POINTS = ("chat.opened", "send.clicked", "message.received", "message.acked")
KILLS = ("sender", "chrome", "chromedriver", "http", "supervisord")
TROUBLES = ("logout", "offline", "reload")
FAULTS_A_ROUND = 6
DELAY_MS = 300  # between click and receipt, and between receipt and tick: time to be hit in
TEXT = "Dear {{ name }},\nyour appointment is tomorrow. 😀"
SENT = frozenset({"sent", "delivered", "read"})


def run(seed: int, crashes: int) -> dict[str, Tally]:
    """About `crashes` faults in rounds of FAULTS_A_ROUND; each kind at each point in turn, in random order."""
    dice = random.Random(seed)
    faults = [(kind, point) for kind in (*KILLS, *TROUBLES) for point in POINTS]
    dice.shuffle(faults)
    while len(faults) < crashes:
        faults.append((dice.choice(KILLS), dice.choice(POINTS)))
    tallies: dict[str, Tally] = defaultdict(Tally)
    with tempfile.TemporaryDirectory(prefix="wasender-crash-") as folder:
        standin = StandIn.start(Path(folder) / "standin", linked=True, boot_ms=20, loading_ms=20, qr_canvas_ms=20)
        (Path(folder) / "rig").mkdir()
        rig = Rig(Path(folder) / "rig", whatsapp_url=standin.url, delay_min=0, delay_max=0, send_timeout_s=10)
        with standin, rig:
            for number, start in enumerate(range(0, crashes, FAULTS_A_ROUND)):
                chosen = faults[start : start + FAULTS_A_ROUND]
                tally = _round(rig, standin, number, chosen)
                for kind, _ in chosen:
                    tallies[f"{kind} (Chromium)"].crashes += 1
                tallies["campaigns (Chromium)"].add(tally)
    return tallies


def _round(rig: Rig, standin: StandIn, number: int, faults: list[tuple[str, str]]) -> Tally:
    numbers = [f"+49302315{number:02d}{each:02d}" for each in range(len(faults) + 3)]
    recipients = [{"number": each, "name": f"N{each[-2:]}"} for each in numbers]
    standin.set(send_ms=DELAY_MS, ack_ms=DELAY_MS)
    rig.ready()
    standin.forget()
    job_id = rig.call("POST", "/send", {"recipients": recipients, "message": TEXT})["job_id"]
    for kind, point in faults:
        standin.wait(point, timeout=90)
        strike(rig, standin, kind)
        rig.ready()
    standin.set(send_ms=0, ack_ms=0)
    rig.finish(job_id)
    return _judge(rig, standin, job_id, numbers, faults)


def strike(rig: Rig, standin: StandIn, kind: str) -> None:
    """Do it, and whatever a person or a network would do to end it."""
    if kind == "chromedriver":
        driver = next(p for p in chrome_processes(rig.data) if "chromedriver" in p.name())
        driver.send_signal(signal.SIGKILL)
    elif kind == "supervisord":
        _kill_supervisord(rig)
    elif kind in KILLS:
        rig.kill(kind)
    elif kind == "logout":
        standin.set(linked=False)
        standin.logout()
        standin.scan(30)
    elif kind == "offline":
        standin.set(offline=True)
        eventually(lambda: _feels_it(rig), 30, "it is offline with a message in hand, or notices")
        standin.set(offline=False)
    elif kind == "reload":
        standin.reload()


def _feels_it(rig: Rig) -> bool:
    """The account is held, or a message waits for its tick: the state is looked at between messages only."""
    newest = rig.call("GET", "/jobs?limit=1")["jobs"][0]
    return bool(newest["sending"]) or rig.call("GET", "/accounts/default").get("state") != "ready"


def _kill_supervisord(rig: Rig) -> None:
    """Its children live on without it; a service manager would start it again, in a clean group."""
    assert rig.daemon
    family = psutil.Process(rig.daemon.pid).children()
    rig.daemon.send_signal(signal.SIGKILL)
    rig.daemon.wait(10)
    for program in family:
        program.terminate()
    psutil.wait_procs(family, timeout=20)
    (rig.root / "run/supervisor.sock").unlink(missing_ok=True)
    rig.start()


def _judge(rig: Rig, standin: StandIn, job_id: int, numbers: list[str], faults: list[tuple[str, str]]) -> Tally:
    delivered = Counter(message["number"] for message in standin.messages())
    rows = rig.call("GET", f"/jobs/{job_id}/messages?limit=1000")["messages"]
    states = {row["number"]: row["state"] for row in rows}
    tally = Tally(messages=len(numbers))
    for number in numbers:
        times, state = delivered[number], states[number]
        tally.delivered_once += times == 1
        tally.duplicates += max(0, times - 1)
        tally.uncertain += state == "uncertain"
        tally.lost += state != "uncertain" and (times == 0 or state not in SENT)
    if tally.duplicates or tally.lost:
        tally.rounds.append(f"{faults} {states} {dict(delivered)}")
    return tally
