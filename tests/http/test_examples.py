"""The examples do what they say: they send and wait, and they tell wasender's webhooks from others'.

One instance for all; scripts/test has installed the languages."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from daemon.campaigns.news import Told
from daemon.webhooks import dispatch
from daemon.webhooks.sending import Sender
from tests.conftest import ROOT
from tests.support.commanding import Command, instance
from tests.support.rig import eventually, free_port

EXAMPLES = ROOT / "examples"
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ..!").decode()
BODY = json.dumps({"type": "message.sent", "timestamp": "2030-01-01T00:00:00Z", "data": {"name": "Ünal"}}).encode()
SENDERS = {
    "curl": ["bash", "curl/send.sh"], "python": [sys.executable, "python/send.py"], "node": ["node", "node/send.mjs"],
    "php": ["php", "php/send.php"],
}  # fmt: skip
RECEIVERS = {
    "python": [sys.executable, "python/webhook.py"], "node": ["node", "node/webhook.mjs"],
    "php": ["php", "-S", "127.0.0.1:{port}", "php/webhook.php"],
}  # fmt: skip


@pytest.fixture(scope="module")
def wasender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with instance(tmp_path_factory.mktemp("rig")) as command:
        yield command


@pytest.mark.parametrize("language", SENDERS)
def test_it_sends_and_waits(wasender: Command, language: str) -> None:
    """It ends with 0 when everybody got it, with what to do when it was refused."""
    environment = os.environ | {
        "WASENDER_URL": f"http://127.0.0.1:{wasender.rig.port}",
        "WASENDER_KEY": (wasender.rig.data / "api_key").read_text().strip(),
    }
    command = SENDERS[language]
    options: dict[str, Any] = {"cwd": EXAMPLES, "capture_output": True, "text": True, "timeout": 120, "check": False}
    done = subprocess.run(
        [*command, f"Hello from {language}!", "+4930231250", "+12125550123"], env=environment, **options
    )
    refused = subprocess.run([*command, "", "+4930231250"], env=environment, **options)
    stranger = subprocess.run([*command, "Hi", "+4930231250"], env=environment | {"WASENDER_KEY": "x" * 40}, **options)
    job = wasender.json("jobs", "--limit", 1)["jobs"][0]

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "+4930231250" in done.stdout if language == "curl" else "completed" == json.loads(done.stdout)["status"]
    assert ("completed", 2) == (job["status"], job["sent"])
    assert refused.returncode and stranger.returncode
    assert "no_key" in stranger.stdout + stranger.stderr


def signed(body: bytes = BODY, secret: str = SECRET, at: int | None = None, event_id: str = "evt_1") -> dict[str, str]:
    at = round(time.time()) if at is None else at
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": event_id, "webhook-timestamp": str(at), "webhook-signature": signature}


OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes .....").decode()
NOT_OURS = {
    "another secret": signed(secret=OTHER),
    "another body": signed(body=BODY + b" "),
    "too old": signed(at=round(time.time()) - 3_600),
    "from the future": signed(at=round(time.time()) + 3_600),
    "another id": signed() | {"webhook-id": "evt_2"},
    "no signature": signed() | {"webhook-signature": ""},
    "half a signature": signed() | {"webhook-signature": "v1,"},
}


@contextmanager
def receiver(language: str) -> Iterator[int]:
    port = free_port()
    environment = os.environ | {"WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    command = [each.format(port=port) for each in RECEIVERS[language]]
    with subprocess.Popen(
        command, cwd=EXAMPLES, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield port
        finally:
            process.kill()


def post(port: int, headers: dict[str, str], body: bytes = BODY) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


@pytest.mark.parametrize("language", RECEIVERS)
def test_a_receiver_knows_who_speaks(language: str) -> None:
    """With both secrets while one is replaced; anything else is 401, and a repeat is taken."""
    both = signed() | {
        "webhook-signature": f"{signed(secret=OTHER)['webhook-signature']} {signed()['webhook-signature']}"
    }
    with receiver(language) as port:
        eventually(lambda: post(port, signed()) == 204, what="it takes what is wasender's")
        assert (204, 204) == (post(port, signed()), post(port, both))
        assert dict.fromkeys(NOT_OURS, 401) == {name: post(port, headers) for name, headers in NOT_OURS.items()}


@pytest.mark.parametrize("language", RECEIVERS)
async def test_a_receiver_is_told_by_the_dispatcher(language: str) -> None:
    """What wasender itself makes of an event, from body to signatures, is taken, also while a secret is replaced; not
    with another secret, nor when it is old."""
    told = Told(id="evt_7", type="message.sent", timestamp="2030-01-01T00:00:00Z", data={"name": "Ünal 👍"})
    now = round(time.time() * 1000)
    with receiver(language) as port:
        await asyncio.to_thread(eventually, lambda: post(port, {}) == 401, what="it listens")
        async with Sender((ip_network("127.0.0.1"),)) as sender:
            send = partial(dispatch.send, f"http://127.0.0.1:{port}/hook", told, sender=sender)
            taken = [await send(keys=keys, now=now) for keys in ((SECRET,), (OTHER, SECRET), (SECRET, OTHER))]
            refused = await send(keys=(OTHER,), now=now), await send(keys=(SECRET,), now=now - 3_600_000)

    assert [204] * 3 == [each.status for each in taken] and all(each.arrived for each in taken)
    assert [401] * 2 == [each.status for each in refused]


def verified(headers: dict[str, str]) -> int:
    command = ["bash", "curl/verify.sh", *(headers[f"webhook-{each}"] for each in ("id", "timestamp", "signature"))]
    environment = os.environ | {"WEBHOOK_SECRET": SECRET}
    return subprocess.run(
        command, input=BODY, cwd=EXAMPLES, env=environment, capture_output=True, check=False
    ).returncode


def test_openssl_knows_who_speaks() -> None:
    assert 0 == verified(signed())
    assert dict.fromkeys(NOT_OURS, 1) == {name: verified(headers) for name, headers in NOT_OURS.items()}


HARNESS = """
const [code, headers, body] = JSON.parse(require("fs").readFileSync(0));
const item = { json: { headers }, binary: { data: { data: body } } };
const run = new Function("$input", "$env", "require", code);
const [{ json }] = run({ first: () => item }, process.env, require);
console.log(JSON.stringify(json));
"""


def test_the_workflow_of_n8n() -> None:
    """Its nodes are joined to each other, it asks as the API is asked, and its code knows who speaks."""
    workflow = json.loads((EXAMPLES / "n8n" / "workflow.json").read_text())
    nodes = {each["name"]: each for each in workflow["nodes"]}
    joined = {end["node"] for each in workflow["connections"].values() for way in each["main"] for end in way}

    assert joined | {"Start", "Webhook"} == set(nodes) and set(workflow["connections"]) <= set(nodes)
    assert all("X-API-KEY" not in json.dumps(each) for each in nodes.values()), "the key is a credential of n8n"
    assert (
        nodes["Send"]["parameters"]["url"].endswith("/send")
        and "?wait=" in nodes["Wait for a change"]["parameters"]["url"]
    )

    def check(headers: dict[str, str]) -> subprocess.CompletedProcess[str]:
        given = json.dumps([nodes["Verify"]["parameters"]["jsCode"], headers, base64.b64encode(BODY).decode()])
        environment = os.environ | {"WEBHOOK_SECRET": SECRET}
        return subprocess.run(
            ["node", "-e", HARNESS], input=given, env=environment, capture_output=True, text=True, check=False
        )

    assert "message.sent" == json.loads(check(signed()).stdout)["type"]
    assert all(check(headers).returncode for headers in NOT_OURS.values())


def test_every_example_is_named() -> None:
    """And every one that is named is there."""
    text = (EXAMPLES / "README.md").read_text()
    named = set(re.findall(r"\]\(([\w/.]+)\)", text))
    there = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("*/*")}

    assert there == named
    assert all(os.access(EXAMPLES / each, os.X_OK) for each in there if Path(each).suffix == ".sh")
