"""kill -9 in the middle of a campaign, through real Chromium: everybody gets the message exactly once.

The points of a send, by what the stand-in sees: the chat was opened (`claimed`, nothing has left), the click
(`sending`, WhatsApp's server has nothing yet), the message received (no tick yet), the tick shown (the
outcome not yet written down).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from standin.client import StandIn
from tests.support.attachments import a_png
from tests.support.rig import Rig, eventually

POINTS = ["chat.opened", "send.clicked", "message.received", "message.acked"]
PARTS = [("message.received", 1), ("send.clicked", 2)]  # `scripts/crash --only parts_kill` strikes at all others, too
SLOW_MS = 700  # between click and receipt, and between receipt and tick: time to be killed in
TEXT = "Dear {{ name }},\nyour appointment is tomorrow. 😀"


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with StandIn.start(tmp_path_factory.mktemp("standin"), linked=True, boot_ms=50, loading_ms=50) as standin:
        yield standin


@pytest.fixture(scope="module")
def rig(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), whatsapp_url=standin.url, delay_min=0, delay_max=0) as rig:
        rig.ready()
        yield rig


@pytest.mark.parametrize("victim", ["sender", "chrome"])
def test_a_kill_at_any_point_of_a_send_neither_loses_nor_doubles(standin: StandIn, rig: Rig, victim: str) -> None:
    """SIGKILL at each of the four points, once each in one campaign; the record holds everybody once."""
    numbers = [f"+4930231{['sender', 'chrome'].index(victim) + 25}{each:03d}" for each in range(len(POINTS) + 2)]
    standin.set(send_ms=SLOW_MS, ack_ms=SLOW_MS)
    rig.ready()
    standin.forget()
    recipients = [{"number": number, "name": f"N{each}"} for each, number in enumerate(numbers)]
    job = rig.call("POST", "/send", {"recipients": recipients, "message": TEXT})

    for point in POINTS:
        standin.wait(point)
        rig.kill(victim)
        # The next kill belongs to another life: its page must be up before its events count.
        standin.wait("page.main")
    standin.set(send_ms=0, ack_ms=0)
    status = rig.finish(job["job_id"])

    delivered = Counter(message["number"] for message in standin.messages() if message["number"] in numbers)
    assert dict.fromkeys(numbers, 1) == delivered
    assert len(numbers) == status["sent"] + status["delivered"] + status["read"]
    assert [] == standin.record()["violations"]


def test_the_http_process_may_die_at_any_time(standin: StandIn, rig: Rig, tmp_path: Path) -> None:
    """SIGKILL of http while a campaign runs: sending goes on, http comes back and tells the truth."""
    numbers = [f"+4930231270{each:02d}" for each in range(8)]
    standin.set(send_ms=100, ack_ms=100)
    rig.ready()
    standin.forget()
    job = rig.call("POST", "/send", {"numbers": numbers, "message": "Hello"})

    standin.wait("message.received")
    before = rig.pid("http")
    rig.kill("http")
    eventually(lambda: rig.pid("http") not in {0, before}, what="http runs again")
    status = rig.finish(job["job_id"])

    delivered = Counter(message["number"] for message in standin.messages() if message["number"] in numbers)
    assert dict.fromkeys(numbers, 1) == delivered
    assert len(numbers) == status["sent"] + status["delivered"] + status["read"]


@pytest.mark.parametrize("point", ["chat.opened", "send.clicked", "message.received"])
def test_sigterm_in_the_middle_of_a_send_ends_the_sender_in_ten_seconds(standin: StandIn, rig: Rig, point: str) -> None:
    """It exits with 0, leaves no browser behind, and the message in hand is neither lost nor doubled later."""
    numbers = [f"+49302312{POINTS.index(point)}8{each:02d}" for each in range(3)]
    standin.set(send_ms=SLOW_MS * 5, ack_ms=SLOW_MS * 4)
    rig.ready()
    standin.forget()
    job = rig.call("POST", "/send", {"numbers": numbers, "message": "Hello"})
    standin.wait(point)
    sender = psutil.Process(rig.pid("sender"))

    sender.terminate()
    sender.wait(60)

    ends = [event for event in rig.events() if event["event"] == "process.stopped" and event["process"] == "sender"]
    assert 0 == ends[-1]["exit_code"]
    standin.set(send_ms=0, ack_ms=0)
    rig.finish(job["job_id"])
    delivered = Counter(message["number"] for message in standin.messages() if message["number"] in numbers)
    assert dict.fromkeys(numbers, 1) == delivered


@pytest.mark.parametrize(("point", "jobs"), [("send.clicked", 2), ("message.received", 2), ("message.received", 1)])
def test_the_same_text_is_told_apart_by_its_place(standin: StandIn, rig: Rig, point: str, jobs: int) -> None:
    """A person wrote it on the phone, an earlier job sent it, two more jobs send it, or one to two people who share the
    number: with a kill in each, each one arrives, and none of them twice."""
    number, text = f"+4930231299{jobs}{len(point):02d}", "Your order can be picked up."
    standin.set(send_ms=0, ack_ms=0)
    standin.own(number, text)
    rig.finish(rig.call("POST", "/send", {"numbers": [number], "message": text})["job_id"])
    standin.set(send_ms=SLOW_MS, ack_ms=SLOW_MS)
    rig.ready()
    standin.forget()

    people = {"recipients": [{"number": number, "name": name} for name in ("Ana", "Bia")], "per": "row"}
    order = {"message": text, **({"numbers": [number]} if jobs == 2 else people)}
    queued = [rig.call("POST", "/send", order)["job_id"] for _ in range(jobs)]
    for _ in range(2):
        standin.wait(point, number=number)
        rig.kill("sender")
        standin.wait("page.main")
    standin.set(send_ms=0, ack_ms=0)
    ends = [rig.finish(job) for job in queued]

    arrived = [message for message in standin.messages() if message["number"] == number]
    assert [text] * 3 == [message["text"] for message in arrived]
    assert [2 // jobs] * jobs == [end["sent"] + end["delivered"] + end["read"] for end in ends]


def test_a_kill_within_the_parts_of_a_message_repeats_none_of_them(standin: StandIn, rig: Rig) -> None:
    """SIGKILL after the first part was received, and at the click on the second: of a document and a picture everybody
    has each once, in that order, and the message says what became of it."""
    numbers = [f"+4930231300{each:03d}" for each in range(len(PARTS) + 1)]
    ids = [rig.attach(name, content) for name, content in (("plan.pdf", b"%PDF-1.4 x"), ("map.png", a_png(3)))]
    standin.set(send_ms=SLOW_MS, ack_ms=SLOW_MS)
    rig.ready()
    standin.forget()
    job = rig.call("POST", "/send", {"numbers": numbers, "message": "See you", "attachments": ids})["job_id"]

    for number, (point, nth) in zip(numbers, PARTS, strict=False):
        for _ in range(nth):
            standin.wait(point, number=number)
        rig.kill("sender")
        standin.wait("page.main")
    standin.set(send_ms=0, ack_ms=0)
    status = rig.finish(job)

    for number in numbers:
        arrived = [message for message in standin.messages() if message["number"] == number]
        assert [("See you", ["plan.pdf"]), ("", ["map.png"])] == [
            (message["text"], [file["name"] for file in message["files"]]) for message in arrived
        ]
    assert len(numbers) == status["sent"] + status["delivered"] + status["read"]
    last = rig.call("GET", f"/jobs/{job}/messages")["messages"][-1]["id"]
    parts = rig.call("GET", f"/messages/{last}")["parts"]
    assert [("plan.pdf", "sent"), ("map.png", "sent")] == [(part["what"], part["state"]) for part in parts]
    assert [] == standin.record()["violations"]
