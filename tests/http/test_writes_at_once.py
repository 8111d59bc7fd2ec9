"""Every write there is, sent six times at once with one Idempotency-Key: one effect, and one answer for all.

The writes come from the registry of endpoints, so a new one fails here until a sample is given for it. What one request
does is counted first, in rows, in lines of the log and in requests to a webhook: six must do the same.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.accounts import directory, limits
from daemon.api import endpoint
from daemon.auth import users
from daemon.campaigns import create
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.models import AuditEntry, Delivery, Job, SecondFactor
from daemon.states import AccountState, Role
from daemon.transports.protocol import Health
from daemon.webhooks import dispatch
from standin.graph.server import Graph, serving
from standin.graph.world import BUSINESS_ID, NUMBER_ID, TOKEN, World
from tests.http.conftest import Caller, form
from tests.support.account_stock import fill
from tests.support.receiver import Receiver
from tests.support.row_counts import rows

AT_ONCE = 6
CSV = b"phone\n+4915110000000\n+4915110000001\n"
#: what is in the first answer only
SHOWN_ONCE = {
    "make_key": "key", "rotate_key": "key", "reset_password": "password",
    "make_webhook": "secret", "rotate_webhook": "secret",
}  # fmt: skip
ALL_ALIKE = {"test_notices"}  # of which there is no other request
NOT_OF_IT = {"request.finished", "audit.sealed"}  # lines of the log: the second is written now and then
LATER = "2035-01-01T00:00Z"


@dataclass(frozen=True)
class Ask:
    """A request. other: what else could have been sent in its place, with the same key."""

    path: str
    json: Any = None
    other: Any = None
    file: tuple[bytes, str] | None = None
    other_file: tuple[bytes, str] | None = None
    other_path: str | None = None


class Scene:
    """Makes what a write is about, a new one each time."""

    def __init__(self, api: Caller, settings: Settings, receiver: Receiver) -> None:
        self.api, self.settings, self.receiver, self._made = api, settings, receiver, 0

    def number(self) -> str:
        self._made += 1
        return f"+4915110{self._made:06}"

    def account(self, state: AccountState = AccountState.READY) -> str:
        self._made += 1
        name = f"a{self._made}"
        directory.open_account(name, clock.now_ms())
        directory.report(name, Health(state), clock.now_ms())
        return name

    def cloud(self, name: str) -> str:
        """An account of the Cloud API, made when it is first asked for."""
        if directory.known(name) is None:
            directory.open_account(name, clock.now_ms())
            ids = {"cloud_phone_number_id": NUMBER_ID, "cloud_business_account_id": BUSINESS_ID}
            limits.set_limits(name, limits.Limits(transport="cloud", cloud_token=TOKEN, **ids), "test")  # type: ignore[typeddict-item]
        return name

    def cloud_template(self, name: str | None = None) -> dict[str, str]:
        """A WhatsApp template to hand in."""
        of = {"account": self.cloud("meta"), "language": "en_US", "category": "UTILITY", "body": "It is ready."}
        return of | {"name": name or f"t{self.number()[1:]}"}

    def stock(self) -> dict[str, str]:
        number = self.number()
        return fill(self.settings, f"a{self._made}", "Aurora", number)

    def order(self, **more: Any) -> Order:
        return Order("Hi", numbers=[self.number(), self.number()], account=self.account(), **more)

    def job(self, **more: Any) -> int:
        return create.create(self.settings, self.order(**more), "test", clock.now_ms()).job_id

    def failed(self) -> int:
        order = self.order()
        job_id = create.create(self.settings, order, "test", clock.now_ms()).job_id
        for message in claim.claim(str(order.account), 2, clock.now_ms(), 60_000, limits.rules(self.settings)):
            moves.fail(message, "not on WhatsApp", clock.now_ms())
        return job_id

    async def made(self, path: str, body: Any) -> Any:
        return await self.api.post(path, body)

    async def people(self) -> int:
        made: int = (await self.made("/lists", {"name": f"L{self.number()}", "numbers": [self.number()]}))["id"]
        return made

    async def template(self) -> int:
        made: int = (await self.made("/templates", {"name": f"T{self.number()}", "text": "Hi"}))["id"]
        return made

    def user(self) -> int:
        return int(users.create(f"U{self.number()}", Role.VIEWER, "correct horse", "test", clock.now_ms()).id)

    async def key(self) -> int:
        made: int = (await self.made("/keys", {"name": f"K{self.number()}", "scopes": ["read"]}))["id"]
        return made

    async def hook(self, dead: bool = False) -> tuple[int, int]:
        """A webhook that is told nothing, with something that did not arrive."""
        wanted = {"url": self.receiver.url, "events": ["account.banned"]}
        hook: int = (await self.made("/webhooks", wanted))["webhook_id"]
        if not dead:
            return hook, 0
        await self.api.ask("PATCH", f"/webhooks/{hook}", json={"enabled": False})
        now, source = clock.now_ms(), f"j{self.number()}"
        about = {"kind": "job.paused", "topic": source, "source": source, "state": "dead"}
        times = {"at": now, "due_at": now, "tried_at": now, "ended_at": now}
        return hook, Delivery.create(webhook=hook, attempts=1, **about, **times).id


Make = Callable[[Scene], Awaitable[Ask]]
SAMPLES: dict[str, Make] = {}


def sample(make: Make) -> Make:
    SAMPLES[make.__name__] = make
    return make


def simple(name: str, make: Callable[[Scene], Ask]) -> None:
    async def asked(scene: Scene) -> Ask:
        return make(scene)

    SAMPLES[name] = asked


simple("add_account", lambda s: Ask("/accounts", {"name": f"n{s.number()[1:]}"}, {"name": "other"}))
simple("limit_account", lambda s: Ask(f"/accounts/{s.account()}", {"daily_cap": 7}, {"daily_cap": 8}))
simple("remove_account", lambda s: Ask(f"/accounts/{s.stock()['accounts']}?cancel=true", other_path="/accounts/west"))
for _name in ("screenshot", "reload", "page_check", "logout"):
    simple(f"ask_{_name}", lambda s, n=_name: Ask(f"/accounts/{s.account()}/{n}", other_path=f"/accounts/west/{n}"))  # type: ignore[misc]
simple(
    "ask_link",
    lambda s: Ask(f"/accounts/{s.account(AccountState.NEEDS_LINK)}/link", {"number": "+4915110000000"}, {}),
)
simple("make_cloud_template", lambda s: Ask("/cloud/templates", s.cloud_template(), s.cloud_template("another")))


@sample
async def sync_cloud_templates(scene: Scene) -> Ask:
    """Of an account that lacks one template of the business."""
    other = scene.cloud("meta2")
    await scene.api.post("/cloud/templates/sync", {"account": other})
    await scene.api.post("/cloud/templates", scene.cloud_template())
    return Ask("/cloud/templates/sync", {"account": other}, {"account": "meta"})


simple("decide", lambda s: Ask(f"/messages/{s.stock()['messages']}/decide", {"sent": True}, {"sent": False}))
simple(
    "send",
    lambda s: Ask("/send", body := {"numbers": [s.number()], "message": "Hi", "account": s.account()},
                  body | {"message": "Ho"}),
)  # fmt: skip
simple(
    "duplicate",
    lambda s: Ask(f"/jobs/{s.job()}/duplicate", {"people": "all"}, {"people": "all", "message": "Ho"}),
)
simple(
    "reschedule",
    lambda s: Ask(f"/jobs/{s.job(schedule_at=clock.now_ms() + 9_000_000)}/reschedule", {"schedule_at": LATER},
                  {"schedule_at": "2036-01-01T00:00Z"}),
)  # fmt: skip
simple(
    "start_early",
    lambda s: Ask(f"/jobs/{s.job(schedule_at=clock.now_ms() + 9_000_000)}/start", other_path="/jobs/99999/start"),
)
simple("pause", lambda s: Ask(f"/pause/{s.job()}", other_path="/pause/99999"))
simple("stop", lambda s: Ask(f"/stop/{s.job()}", other_path="/stop/99999"))
simple("retry", lambda s: Ask(f"/retry/{s.failed()}", other_path="/retry/99999"))
simple(
    "ignore_chat",
    lambda s: Ask(f"/replies/chats/{s.stock()['chats']}/ignore", other_path="/replies/chats/999/ignore"),
)
simple("pause_series", lambda s: Ask(f"/series/{s.stock()['series']}/pause", other_path="/series/999/pause"))
simple("end_series", lambda s: Ask(f"/series/{s.stock()['series']}/end", other_path="/series/999/end"))
simple("make_list", lambda s: Ask("/lists", {"name": s.number(), "numbers": [s.number()]}, {"name": "Other"}))
simple("suppress", lambda s: Ask("/suppressions", {"number": s.number()}, {"number": "+4915110999999"}))
_CONSENT = {"number": "+4915110999998", "how": "form"}
simple(
    "record_consent",
    lambda s: Ask("/people/consent", _CONSENT | {"number": s.number(), "given_on": "2025-01-31"},
                  _CONSENT | {"given_on": "2025-02-01"}),
)  # fmt: skip
simple(
    "withdraw_consent",
    lambda s: Ask("/people/consent/withdraw", _CONSENT | {"number": s.number()}, _CONSENT),
)
simple("test_notices", lambda s: Ask("/notices/test"))
simple("keep_template", lambda s: Ask("/templates", {"name": s.number(), "text": "Hi"}, {"name": "x", "text": "Ho"}))
simple("make_key", lambda s: Ask("/keys", {"name": s.number(), "scopes": ["read"]}, {"name": "x", "scopes": ["send"]}))
simple("make_webhook", lambda s: Ask("/webhooks", {"url": s.receiver.url}, {"url": s.receiver.url, "name": "Other"}))
simple("upload", lambda s: Ask("/upload", file=(CSV, "a.csv"), other_file=(CSV, "b.csv")))
simple(
    "upload_attachment", lambda s: Ask("/upload_attachment", file=(b"%PDF-1.4", "a.pdf"), other_file=(b"x", "a.pdf"))
)
simple(
    "import_suppressions",
    lambda s: Ask("/suppressions/import", file=(f"phone\n{s.number()}\n".encode(), "a.csv"), other_file=(CSV, "b.csv")),
)


@sample
async def assign_chat(scene: Scene) -> Ask:
    made = scene.stock()
    number = f"+4915110{made['accounts'][1:]:0>6}"
    return Ask(f"/replies/chats/{made['chats']}/assign", {"number": number}, {"number": scene.number()})


@sample
async def resume(scene: Scene) -> Ask:
    job_id = scene.job()
    await scene.api.post(f"/pause/{job_id}")
    return Ask(f"/resume/{job_id}", other_path="/resume/99999")


@sample
async def confirm(scene: Scene) -> Ask:
    job_id = scene.job()
    Job.update(unconfirmed="restored", unconfirmed_at=clock.now_ms()).where(Job.id == job_id).execute()
    return Ask(f"/jobs/{job_id}/confirm", {"choice": "uncertain", "first": 1}, {"choice": "go_on"})


@sample
async def erase_person(scene: Scene) -> Ask:
    order = scene.order()
    create.create(scene.settings, order, "test", clock.now_ms())
    await scene.made("/people/erase", {"number": scene.number()})  # the first one also does what is done once
    return Ask("/people/erase", {"number": order.numbers[0]}, {"number": order.numbers[1]})


@sample
async def archive(scene: Scene) -> Ask:
    job_id = scene.job()
    await scene.api.post(f"/stop/{job_id}")
    return Ask(f"/jobs/{job_id}/archive", other_path="/jobs/99999/archive")


@sample
async def unarchive(scene: Scene) -> Ask:
    path = (await archive(scene)).path
    await scene.api.post(path)
    return Ask(path.replace("archive", "unarchive"), other_path="/jobs/99999/unarchive")


@sample
async def resume_series(scene: Scene) -> Ask:
    series = scene.stock()["series"]
    await scene.api.post(f"/series/{series}/pause")
    return Ask(f"/series/{series}/resume", other_path="/series/999/resume")


@sample
async def reopen_chat(scene: Scene) -> Ask:
    chat = scene.stock()["chats"]
    await scene.api.post(f"/replies/chats/{chat}/ignore")
    return Ask(f"/replies/chats/{chat}/reopen", other_path="/replies/chats/999/reopen")


@sample
async def unsuppress(scene: Scene) -> Ask:
    number = scene.number()
    await scene.api.post("/suppressions", {"number": number})
    return Ask("/suppressions", {"number": number, "reason": "a mistake"}, {"number": number, "reason": "another"})


@sample
async def reset_password(scene: Scene) -> Ask:
    return Ask(f"/users/{scene.user()}/password/reset", other_path="/users/999/password/reset")


@sample
async def remove_second_factor(scene: Scene) -> Ask:
    user_id = scene.user()
    SecondFactor.insert(user=user_id, nonce="0" * 32, confirmed_at=1).execute()
    return Ask(f"/users/{user_id}/second_factor/remove", other_path="/users/999/second_factor/remove")


@sample
async def revoke_key(scene: Scene) -> Ask:
    return Ask(f"/keys/{await scene.key()}", other_path="/keys/999")


@sample
async def change_key(scene: Scene) -> Ask:
    return Ask(f"/keys/{await scene.key()}", {"rate_limit": 7}, {"rate_limit": 8})


@sample
async def rotate_key(scene: Scene) -> Ask:
    return Ask(f"/keys/{await scene.key()}/rotate", {}, {"ends_at": LATER})


@sample
async def rename_list(scene: Scene) -> Ask:
    return Ask(f"/lists/{await scene.people()}", {"name": f"R{scene.number()}"}, {"name": "Other"})


@sample
async def forget_list(scene: Scene) -> Ask:
    return Ask(f"/lists/{await scene.people()}", other_path="/lists/999")


@sample
async def add_to_list(scene: Scene) -> Ask:
    return Ask(f"/lists/{await scene.people()}/entries", {"numbers": [scene.number()]}, {"numbers": [scene.number()]})


@sample
async def record_list_consent(scene: Scene) -> Ask:
    people = [{"number": scene.number(), "opt_in_date": "2025-01-31"}]
    made = await scene.made("/lists", {"name": f"L{scene.number()}", "recipients": people})
    return Ask(f"/lists/{made['id']}/consent", {"how": "form"}, {"how": "paper"})


@sample
async def take_off_list(scene: Scene) -> Ask:
    number = scene.number()
    made = await scene.made("/lists", {"name": f"L{number}", "numbers": [number]})
    return Ask(f"/lists/{made['id']}/entries", {"numbers": [number]}, {"numbers": [scene.number()]})


@sample
async def change_template(scene: Scene) -> Ask:
    name = f"R{scene.number()}"
    return Ask(f"/templates/{await scene.template()}", {"name": name, "text": "Ho"}, {"name": name, "text": "Hi"})


@sample
async def forget_template(scene: Scene) -> Ask:
    return Ask(f"/templates/{await scene.template()}", other_path="/templates/999")


@sample
async def change_webhook(scene: Scene) -> Ask:
    return Ask(f"/webhooks/{(await scene.hook())[0]}", {"name": "New"}, {"name": "Other"})


@sample
async def delete_webhook(scene: Scene) -> Ask:
    return Ask(f"/webhooks/{(await scene.hook(dead=True))[0]}", other_path="/webhooks/999")


@sample
async def rotate_webhook(scene: Scene) -> Ask:
    return Ask(f"/webhooks/{(await scene.hook())[0]}/rotate", {"hours": 2}, {"hours": 1})


@sample
async def test_webhook(scene: Scene) -> Ask:
    return Ask(f"/webhooks/{(await scene.hook())[0]}/test", other_path="/webhooks/999/test")


@sample
async def replay_dead(scene: Scene) -> Ask:
    return Ask(f"/webhooks/{(await scene.hook(dead=True))[0]}/replay", other_path="/webhooks/999/replay")


@sample
async def replay(scene: Scene) -> Ask:
    _, delivery = await scene.hook(dead=True)
    return Ask(f"/webhooks/deliveries/{delivery}/replay", other_path="/webhooks/deliveries/999/replay")


test_webhook.__test__ = False  # type: ignore[attr-defined]  # it is named as its endpoint


@pytest.fixture
async def graph() -> AsyncIterator[Graph]:
    """Meta's API, played."""
    async with serving(World()) as served:
        yield served


@pytest.fixture
def settings(make_settings: Callable[..., Settings], graph: Graph) -> Settings:
    return make_settings(webhook_networks="127.0.0.1", cloud_url=graph.url)


@pytest.fixture
async def scene(api: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    async def nothing(*_: Any) -> bool:
        return False

    monkeypatch.setattr(dispatch.Dispatcher, "_round", nothing)  # what is told meanwhile is not of the request
    async with Receiver() as receiver:
        yield Scene(api, settings, receiver)


async def effect(scene: Scene, method: str, ask: Ask, times: int, key: str) -> tuple[Counter[str], list[Any]]:
    """What came of so many requests: rows more or less, events, requests to the webhook; and the answers."""

    async def one() -> Any:
        response = await scene.api.send(method, ask.path, headers={"Idempotency-Key": key}, **content(ask))
        return response.status, await response.text()

    before, arrived, seen = rows(), len(scene.receiver.got), AuditEntry.select().count()
    with capture_logs() as told:
        answers = await asyncio.gather(*(one() for _ in range(times)))
    found = rows()
    found.subtract(before)
    found.update(each["event"] for each in told if each["event"] not in NOT_OF_IT)
    found.update(f"entry: {row.code}" for row in AuditEntry.select().where(AuditEntry.id > seen))
    found["requests"] = len(scene.receiver.got) - arrived
    return Counter({name: count for name, count in found.items() if count}), answers


def content(ask: Ask, other: bool = False) -> dict[str, Any]:
    body, file = (ask.other, ask.other_file) if other else (ask.json, ask.file)
    if file is not None:
        return {"data": form(*file)}
    return {} if body is None else {"json": body}


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
async def test_six_at_once_do_what_one_does(scene: Scene) -> None:
    writes = {each.name: each.method for each in endpoint.REGISTRY if each.idempotent}
    assert set(writes) == set(SAMPLES)
    wrong: dict[str, Any] = {}
    unaudited: set[str] = set()  # what does not leave one entry in the audit log, and one for each repeat
    for name, method in writes.items():
        single, (first,) = await effect(scene, method, await SAMPLES[name](scene), 1, "one")
        if single.pop("entry: ", 0) != 1:
            unaudited.add(name)
        ask = await SAMPLES[name](scene)
        several, answers = await effect(scene, method, ask, AT_ONCE, "six")
        if several.pop("entry: ", 0) != 1 or several.pop("entry: repeated", 0) != AT_ONCE - 1:
            unaudited.add(name)
        path = ask.other_path or ask.path
        other = await scene.api.send(
            method, path, headers={"Idempotency-Key": "six"}, **content(ask, ask.other_path is None)
        )
        seen = (first[0], {each[0] for each in answers}, 409 if name in ALL_ALIKE else other.status)
        if name in SHOWN_ONCE:
            alike = [json.loads(each[1]) for each in answers]
            assert 1 == sum(each.pop(SHOWN_ONCE[name]) is not None for each in alike)
        else:
            alike = [each[1] for each in answers]
        if seen != (200, {200}, 409) or alike != alike[:1] * AT_ONCE or single != several or not single:
            wrong[name] = (seen, single, several, list(set(map(str, alike)))[:2])

    assert {} == wrong
    assert set() == unaudited
