"""What `scripts/start --demo` does once wasender is running: link, upload the sample, send it, print the report.

Run as `python -m standin.demo PID`, where PID is supervisord's. It only uses what any client has, the REST API
and the key file; of the stand-in it uses the "phone" that scans the QR code, and its record. With the
transport `cloud` it is the stand-in for Meta's API (`standin/graph`): nothing is scanned, receipts come by webhooks.
Exit code 0 when the report and the stand-in's record agree on every recipient.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import aiohttp

from daemon import config

SAMPLE = Path(__file__).parent / "sample"
NOT_ON_WHATSAPP = "+12025550199"
START_S = 60
DONE = {"completed", "stopped"}
OUT = {"sent", "delivered", "read"}
UNSETTLED = {"pending", "claimed", "sending", "accepted", "uncertain"}


class Demo:
    """A client of wasender's API and of the stand-in."""

    pace: ClassVar[dict[str, float]] = {"delay_min": 0.2, "delay_max": 0.8}

    def __init__(self, session: aiohttp.ClientSession, base: str, standin: str, pid: int) -> None:
        self._session, self._base, self._standin, self._pid = session, base, standin, pid

    async def run(self) -> int:
        await self._until(START_S, "wasender answers", self._healthy)
        await self._until(START_S, "the stand-in answers", self._standin_up)
        await self._link()
        answer = await self._send()
        say(
            f"job {answer['job_id']}: {answer['total_numbers']} recipients, "
            f"{answer['duplicates_removed']} duplicate, {len(answer['rejected'])} rows rejected"
        )
        for row in answer["rejected"]:
            say(f"  row {row['row']}: {row['value']}: {row['reason']}")
        await self._until(1800, "the campaign is done", lambda: self._done(answer["job_id"]))
        return await self._compare(answer["job_id"])

    async def _until(self, limit_s: float, what: str, ready: Any) -> None:
        """Ask until `ready()` holds. Raises RuntimeError past the limit, or when supervisord is gone."""
        deadline = asyncio.get_running_loop().time() + limit_s
        while not await ready():
            try:
                os.kill(self._pid, 0)
            except ProcessLookupError:
                raise RuntimeError(f"supervisord ended before {what}; see the log") from None
            if asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"not within {limit_s:.0f} s: {what}; see the log")
            await asyncio.sleep(0.3)

    async def _json(self, method: str, url: str, **arguments: Any) -> Any:
        async with self._session.request(method, url, **arguments) as response:
            body = await response.json(content_type=None)
            if response.status >= 400:
                raise RuntimeError(f"{method} {url}: {response.status} {body.get('detail', body)}")
            return body

    async def _healthy(self) -> bool:
        try:
            return bool((await self._json("GET", f"{self._base}/health"))["status"] == "ok")
        except aiohttp.ClientConnectionError:
            return False

    async def _standin_up(self) -> bool:
        try:
            switches = {"not_on_whatsapp": [NOT_ON_WHATSAPP]}
            await self._json("POST", f"{self._standin}/_standin/switches", json=switches)
        except aiohttp.ClientConnectionError:
            return False
        return True

    async def _link(self) -> None:
        say("linking: the stand-in's phone scans the QR code")
        await self._until(START_S, "the account is linked", self._linked)

    async def _linked(self) -> bool:
        accounts = (await self._json("GET", f"{self._base}/accounts"))["accounts"]
        states = {account["state"] for account in accounts}
        if "needs_link" in states:
            async with self._session.post(f"{self._standin}/_standin/scan", json={}):
                pass  # 409 while the page draws its code: asked again
        return "ready" in states

    async def _send(self) -> dict[str, Any]:
        uploaded = await self._upload("/upload", SAMPLE / "contacts.csv")
        attached = await self._upload("/upload_attachment", SAMPLE / "invitation.pdf")
        order = {
            "upload_id": uploaded["upload_id"],
            "attachments": [attached["attachment_id"]],
            "message": (SAMPLE / "message.txt").read_text(),
            "name": "Sample campaign",
            **self.pace,
        }
        answer: dict[str, Any] = await self._json("POST", f"{self._base}/send", json=order)
        return answer

    async def _upload(self, path: str, file: Path) -> dict[str, Any]:
        form = aiohttp.FormData()
        form.add_field("file", file.read_bytes(), filename=file.name)
        answer: dict[str, Any] = await self._json("POST", self._base + path, data=form)
        return answer

    async def _done(self, job_id: int) -> bool:
        status = await self._json("GET", f"{self._base}/status/{job_id}")
        out = sum(status[state] for state in OUT)
        left = status["total"] - out - status["failed"]
        line = f"{status['status']}: {out} sent, {status['failed']} failed, {left} to go"
        if line != getattr(self, "_line", ""):
            self._line = line
            say(line)
        return status["status"] in DONE and not status["accepted"]

    async def _compare(self, job_id: int) -> int:
        async with self._session.get(f"{self._base}/jobs/{job_id}/report.csv") as response:
            report = await response.text()
        sys.stdout.write(report)
        sys.stdout.flush()
        rows = list(csv.DictReader(io.StringIO(report)))
        reported = sorted(row["number"] for row in rows if row["state"] in OUT)
        delivered = await self._delivered()
        unsettled = [row for row in rows if row["state"] in UNSETTLED]
        agrees = reported == delivered and not unsettled
        say(f"{len(delivered)} delivered according to the stand-in, {len(reported)} according to the report")
        say("every recipient is accounted for" if agrees else "the report and the stand-in DIFFER")
        return 0 if agrees else 1

    async def _delivered(self) -> list[str]:
        """Whom the stand-in has something for. Raises RuntimeError when it saw what a careful driver never does."""
        record = await self._json("GET", f"{self._standin}/_standin/record")
        if record["violations"]:
            raise RuntimeError(f"the stand-in saw what is never to be done: {record['violations']}")
        return sorted(message["number"] for message in record["messages"])


class OverCloud(Demo):
    """The same over the stand-in for Meta's API."""

    pace: ClassVar[dict[str, float]] = {}  # as quickly as the number may

    async def _standin_up(self) -> bool:
        try:
            people = [{"number": NOT_ON_WHATSAPP, "on_whatsapp": False}]
            await self._json("POST", f"{self._standin}/_world", json={"people": people})
        except aiohttp.ClientConnectionError:
            return False
        return True

    async def _link(self) -> None:
        await self._until(START_S, "the account is ready", self._ready)

    async def _ready(self) -> bool:
        accounts = (await self._json("GET", f"{self._base}/accounts"))["accounts"]
        return "ready" in {account["state"] for account in accounts}

    async def _delivered(self) -> list[str]:
        record = await self._json("GET", f"{self._standin}/_record")
        if record["twice"]:
            raise RuntimeError("somebody was sent the same message twice")
        return sorted(message["to"] for message in record["messages"] if message["arrived"])


def say(text: str) -> None:
    print(f"demo: {text}", file=sys.stderr, flush=True)


async def main() -> int:
    settings = config.load()
    base = f"http://{settings.host}:{settings.port}"
    headers = {"X-API-KEY": config.api_key(settings)}
    async with aiohttp.ClientSession(headers=headers) as session:
        try:
            if settings.transport == "cloud":
                return await OverCloud(session, base, settings.cloud_url, int(sys.argv[1])).run()
            return await Demo(session, base, settings.whatsapp_url, int(sys.argv[1])).run()
        except (RuntimeError, aiohttp.ClientError) as error:
            say(str(error))
            return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
