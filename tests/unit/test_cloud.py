"""The Cloud API's transport over the stand-in for Meta's API: what it sends, and what each answer proves."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import structlog.testing
from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon import errors
from daemon.errors import Blame
from daemon.i18n.coded import refusal
from daemon.states import E164, AccountState, Ack, Finding, Hold
from daemon.transports.cloud import codes, transport
from daemon.transports.cloud.rate import BURST, Turnstile
from daemon.transports.cloud.refusals import Meta
from daemon.transports.protocol import Health, Outgoing, Receipt, Turns
from standin.graph.switches import Rule
from standin.graph.world import NUMBER_ID, TOKEN, Token, World
from tests.support.cloud import InMemory, Sending, sending
from tests.support.graph import ANNA, BELA, QUICK


async def refused(up: Sending, number: str = ANNA) -> errors.Refused:
    """Send what has to be refused."""
    with pytest.raises(errors.Refused) as caught:
        await up.text(number)
    return caught.value


async def test_a_text_is_accepted_with_its_callback_data() -> None:
    """Meta's 200 is acceptance, not a tick; the number goes out with its +."""
    async with sending() as up:
        receipt = await up.text(ANNA, "See https://example.org", "m:7:a:2")

        only = up.world.record.messages[0]
        assert (only.id, Ack.ACCEPTED, None) == (receipt.transport_id, receipt.ack, receipt.reason)
        assert (ANNA, "m:7:a:2", {"body": "See https://example.org", "preview_url": True}) == (
            only.given,
            only.callback,
            only.said,
        )


async def test_hundreds_are_in_flight_at_once() -> None:
    """Nobody waits for a connection: none is answered before all have asked."""
    asked, everybody = 0, asyncio.Event()
    numbers = [f"+49151{n:08}" for n in range(200)]

    @web.middleware
    async def wait(request: web.Request, handler: Any) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked == len(numbers):
            everybody.set()
        await everybody.wait()
        answer: web.StreamResponse = await handler(request)
        return answer

    async def say(request: web.Request) -> web.Response:
        return web.json_response({"messages": [{"id": f"wamid.{(await request.json())['to']}"}]})

    app = web.Application(middlewares=[wait])
    app.router.add_post("/{path:.*}", say)
    async with sending() as up, TestServer(app) as server:
        up.transport._graph._base = str(server.make_url("/v26.0"))
        receipts = await asyncio.wait_for(asyncio.gather(*map(up.text, numbers)), 60)

    assert [f"wamid.{number}" for number in numbers] == [each.transport_id for each in receipts]


@pytest.mark.parametrize(
    "rule",
    [{"drop": "before"}, {"drop": "after"}, {"drop": "middle"}, {"garbage": True}, {"status": 502},
     {"status": 500, "code": 2}, {"status": 503, "code": 131000, "accept": True}, {"status": 500, "code": 999_999}],
    ids=str,
)  # fmt: skip
async def test_an_answer_that_proves_nothing_leaves_it_open(rule: dict[str, Any]) -> None:
    """It may be out; a look finds nothing, says so only after the time for receipts, and never that it is not there."""
    world = World(QUICK)
    world.rules.add(Rule(next=1, **rule))
    async with sending(world) as up:
        message = Outgoing(E164(ANNA), "Hello", callback="m:1:a:1")
        mark = await up.transport.prepare(message)
        with pytest.raises(errors.SubmitUnknown):
            await up.transport.hand_over(message, mark)
        look = asyncio.create_task(up.transport.look_up(message, mark))
        done, _ = await asyncio.wait({look}, timeout=0.2)

        assert not done
        assert Finding.UNKNOWN is (await look).finding


@pytest.mark.parametrize(
    ("status", "answer", "meant"),
    [
        (500, {"error": {"message": "Oops"}}, errors.SubmitUnknown),
        (200, {"error": {"message": "Oops"}}, errors.SubmitUnknown),
        (200, {"messages": [{}]}, errors.SubmitUnknown),
        (302, {}, errors.SubmitUnknown),
        (400, {"error": {"message": "Oops"}}, errors.NotSubmitted),
        (404, {}, errors.NotSubmitted),
        (401, {"error": {"message": "Auth", "code": 0}}, errors.Refused),
    ],
)
async def test_an_error_without_a_code_proves_something_below_500_only(
    status: int, answer: dict[str, Any], meant: type[Exception]
) -> None:
    """Meta's code 0 is a code: the token's."""

    async def say(request: web.Request) -> web.Response:
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_post("/{path:.*}", say)
    async with sending() as up, TestServer(app) as server:
        up.transport._graph._base = str(server.make_url("/v26.0"))
        with pytest.raises(meant) as caught:
            await up.text(ANNA)

    assert meant is caught.type
    assert meant is not errors.Refused or Blame.ACCOUNT is caught.value.blame  # type: ignore[attr-defined]


async def test_what_is_not_ours_any_more_is_not_handed_over() -> None:
    """Asked right before it leaves: its lease has run out while it waited, and another sender may have it."""
    async with sending() as up:
        message = Outgoing(E164(ANNA), "Hello", callback="m:1:a:1")
        mark = await up.transport.prepare(message)
        with pytest.raises(errors.LeaseLost):
            await up.transport.hand_over(message, mark, lambda: False)

        assert [] == up.world.record.messages


async def test_answers_that_do_not_come_stop_the_others() -> None:
    """Else an outage would leave one recipient after the other uncertain. One is tried at a time, until one goes
    through."""
    world = World(QUICK)
    world.rules.add(Rule(status=502))
    async with sending(world) as up:
        for n in range(transport.UNCLEAR_LIMIT):
            with pytest.raises(errors.SubmitUnknown):
                await up.text(f"+49151{n:08}")
        held = await up.transport.health()
        with pytest.raises(errors.AccountUnready):
            await up.text(ANNA)
        assert (AccountState.HELD, "cloud_answers_missing") == (held.state, held.detail and held.detail.code)
        world.rules.clear()
        up.transport._standing._rest = None  # a minute later
        first, second = await asyncio.gather(up.text(ANNA), up.text(BELA), return_exceptions=True)
        assert ([ANNA], errors.AccountUnready) == ([each.given for each in world.record.messages], type(second))
        assert Ack.ACCEPTED is first.ack and AccountState.READY is (await up.transport.health()).state
        await up.text(BELA)


async def test_trouble_that_was_reported_is_asked_about_and_then_tried_with_one() -> None:
    """Meta has taken what it reports to have failed, so that taking the next one proves nothing. Each time it is
    reported again it is asked later."""
    async with sending() as up:
        standing = up.transport._standing
        told = Health(AccountState.HELD, Hold.PAYMENT, detail=refusal(Meta.PAYMENT, details="x"))
        for wait_s in (60, 120, 240, 480):
            asked_at = asyncio.get_running_loop().time()
            up.transport.told(told)
            assert (told, False) == (await up.transport.health(), up.transport.can_send())
            with pytest.raises(errors.AccountUnready):
                await up.text(ANNA)
            assert wait_s == pytest.approx(standing._next_look - asked_at, abs=1)
            standing._next_look = 0.0
            assert AccountState.READY is (await up.transport.health()).state and up.transport.can_send()
            done = await asyncio.gather(up.text(ANNA), up.text(BELA), return_exceptions=True)
            assert [Receipt, errors.AccountUnready] == list(map(type, done))
        up.transport.proved()
        assert AccountState.READY is (await up.transport.health()).state
        for _ in range(2):
            await up.text(BELA)


async def test_without_a_connection_nothing_has_left_and_the_account_is_offline() -> None:
    """Nobody listens there: it is not the recipient's trouble."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    async with sending() as up:
        up.transport._graph._base = f"http://127.0.0.1:{port}/v26.0"
        caught = await refused(up)

        assert Blame.ACCOUNT is caught.blame
        assert AccountState.OFFLINE is (await up.transport.health()).state
        with pytest.raises(errors.AccountUnready):
            await up.text(BELA)
        assert [] == up.world.record.messages


@pytest.mark.parametrize(
    ("rule", "blame", "wait_ms", "code"),
    [
        ({"code": 131026}, Blame.RECIPIENT, 0, "cloud_undeliverable"),
        ({"code": 131049}, Blame.RECIPIENT, 0, "cloud_held_back"),
        ({"code": 131050}, Blame.RECIPIENT, 0, "cloud_marketing_stopped"),
        ({"code": 470, "details": "Something new"}, Blame.RECIPIENT, 0, "cloud_refused"),
        ({"code": 132001}, Blame.CAMPAIGN, 0, "cloud_template_missing"),
        ({"code": 132015}, Blame.CAMPAIGN, 0, "cloud_template_paused"),
        ({"code": 134102, "status": 500}, Blame.CAMPAIGN, 0, "cloud_template_elsewhere"),
        ({"code": 134101}, Blame.NOBODY, 600_000, "cloud_template_syncing"),
        ({"code": 131056}, Blame.NOBODY, 6_000, "cloud_person_too_often"),
        ({"code": 130429}, Blame.NOBODY, 1_000, "cloud_too_fast"),
        ({"code": 130429, "retry_after_s": 7}, Blame.NOBODY, 7_000, "cloud_too_fast"),
        ({"code": 130429, "retry_after_s": 7, "regain_minutes": 15}, Blame.NOBODY, 7_000, "cloud_too_fast"),
        ({"code": 4, "regain_minutes": 15}, Blame.NOBODY, 900_000, "cloud_too_many_calls"),
        ({"code": 80007, "regain_minutes": 2}, Blame.NOBODY, 120_000, "cloud_too_many_calls"),
        ({"code": 131057}, Blame.NOBODY, 120_000, "cloud_maintenance"),
        ({"code": 131042}, Blame.ACCOUNT, 0, "cloud_payment"),
        ({"code": 368}, Blame.ACCOUNT, 0, "cloud_account_restricted"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_refusal_says_who_is_to_blame(rule: dict[str, Any], blame: Blame, wait_ms: int, code: str) -> None:
    """By Meta's code, whatever the HTTP status."""
    world = World(QUICK)
    world.rules.add(Rule(next=1, **rule))
    async with sending(world) as up:
        caught = await refused(up)

        assert (blame, wait_ms, code) == (caught.blame, caught.wait_ms, caught.told.code)
        assert (code == "cloud_marketing_stopped") is caught.opted_out
        assert [] == world.record.messages


async def test_trouble_that_passes_uses_an_attempt_and_something_in_front_of_meta_is_not_meta() -> None:
    """Both prove that nothing was sent, and both are tried again."""
    for rule in ({"code": 131000, "status": 400}, {"status": 403}):
        world = World(QUICK)
        world.rules.add(Rule(next=1, **rule))
        async with sending(world) as up:
            with pytest.raises(errors.NotSubmitted) as caught:
                await up.text(ANNA)
            assert not isinstance(caught.value, errors.Refused)


async def test_too_fast_is_said_once_for_all_that_were_in_flight() -> None:
    """The number is slowed down once, not once for each message."""
    world = World(QUICK | {"throughput": 1000})
    world.rules.add(Rule(code=130429, slow_ms=100))
    async with sending(world) as up:
        done = await asyncio.gather(*(up.text(f"+49151{n:08}") for n in range(20)), return_exceptions=True)

        assert [Blame.NOBODY] * 20 == [each.blame for each in done if isinstance(each, errors.Refused)]
        assert [1_000] == up.kept.pauses


@pytest.mark.parametrize("asked_s", [0.0, 3.0])
async def test_too_fast_again_and_again_waits_longer_each_time(asked_s: float) -> None:
    """Up to a minute, and at least as long as Meta asks; all senders of the number with it."""
    async with sending() as up:
        waits = []
        for _ in range(8):
            up.transport._slow_until = 0.0
            caught = await up.transport._wait(codes.rule(130429), refusal(Meta.TOO_FAST), asked_s)
            waits.append(round(caught.wait_ms / 1000))

        assert [max(asked_s, each) for each in (1, 2, 4, 8, 16, 32, 60, 60)] == waits
        assert waits == [round(each / 1000) for each in up.kept.pauses]


async def test_one_person_is_not_written_to_too_often() -> None:
    """Only their messages wait; a few at once are no haste."""
    async with sending() as up:
        for _ in range(BURST):
            await up.text(ANNA)
        caught = await refused(up)
        await up.text(BELA)

        assert (Blame.NOBODY, True) == (caught.blame, 0 < caught.wait_ms <= 6_000)
        assert BURST + 1 == len(up.world.record.messages)


async def test_turns_are_not_taken_long_before_they_are_used() -> None:
    """Those of a sender that dies pass unused, and others of the number wait for them: a second of them at most."""
    taken = 0

    class Shared(InMemory):
        async def turns(self, number: str, most: int, rate: int) -> Turns:
            nonlocal taken
            taken += most
            return Turns(most, round((taken - most) * 1000 / rate), round(1000 / rate))

    turnstile = Turnstile(Shared(), "1", rate=20)
    waiting = [asyncio.create_task(turnstile.turn()) for _ in range(200)]
    await waiting[0]
    for _ in range(1000):
        await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)
    assert 10 <= taken <= 20


async def test_whoever_waits_for_a_turn_heeds_a_pause() -> None:
    """The turn was taken before Meta said that it was too much: another one is taken after that."""

    class Shared(InMemory):
        asked = 0

        async def turns(self, number: str, most: int, rate: int) -> Turns:
            self.asked += 1
            return Turns(most, 50, 0)

    kept = Shared()
    turnstile = Turnstile(kept, "1", rate=20)
    waiting = asyncio.create_task(turnstile.turn())
    while not kept.asked:
        await asyncio.sleep(0)
    await turnstile.slower(1.0)
    await asyncio.wait_for(waiting, 30)
    assert (2, [1_000]) == (kept.asked, kept.pauses)


async def test_a_message_that_takes_another_turn_is_one_message_to_its_person() -> None:
    """It was held up after its first turn, and was not handed over."""
    async with sending() as up:
        late = Outgoing(E164(ANNA), "Hello", callback="m:1:a:1")
        marks = [await up.transport.prepare(late) for _ in range(BURST + 2)]
        assert all(mark.turn_at is not None and "turn_at" not in mark.dumps() for mark in marks)
        for nth in range(BURST - 1):
            await up.text(ANNA, "Hello", f"m:{2 + nth}:a:1")
        await refused(up)


async def test_a_token_that_expires_holds_the_account_until_there_is_another() -> None:
    """In mid-campaign: the message keeps its place, the reason says what to do, nothing more goes out."""
    async with sending() as up:
        await up.text(ANNA)
        up.world.tokens[TOKEN] = Token(expires_at=1.0)
        caught = await refused(up)
        health = await up.transport.health()

        assert (Blame.ACCOUNT, "cloud_token_invalid") == (caught.blame, caught.told.code)
        assert (AccountState.HELD, Hold.CREDENTIALS) == (health.state, health.hold)
        with pytest.raises(errors.AccountUnready):
            await up.transport.prepare(Outgoing(E164(BELA), "Hello"))
        del up.world.tokens[TOKEN]


@pytest.mark.parametrize(
    ("number", "state", "hold"),
    [
        ({}, AccountState.READY, None),
        ({"health": "LIMITED", "health_errors": [{"error_code": 141010, "error_description": "Verify."}]},
         AccountState.READY, None),
        ({"health": "BLOCKED", "health_errors": [{"error_code": 141006, "error_description": "Pay."}]},
         AccountState.HELD, Hold.PAYMENT),
        ({"status": "DISCONNECTED"}, AccountState.HELD, Hold.NUMBER),
        ({"status": "BANNED"}, AccountState.BANNED, Hold.RESTRICTED),
    ],
    ids=str,
)  # fmt: skip
async def test_health_is_what_meta_says(number: dict[str, Any], state: AccountState, hold: Hold | None) -> None:
    """With Meta's own reason."""
    world = World(QUICK)
    for name, value in number.items():
        setattr(world.numbers[NUMBER_ID], name, value)
    async with sending(world) as up:
        found = await up.transport.health()

        assert (state, hold) == (found.state, found.hold)
        words = [each["error_description"] for each in number.get("health_errors", [])]
        assert all(each in (found.words or "") for each in words)


async def test_settings_that_are_missing_are_named() -> None:
    """Before anybody is asked."""
    async with sending(cloud_token="") as up:
        health = await up.transport.health()

        assert (AccountState.HELD, Hold.CREDENTIALS) == (health.state, health.hold)
        assert "WASENDER_CLOUD_TOKEN" in str(health.detail)
        assert 0 == up.world.record.requests.total()


async def test_nothing_secret_is_logged() -> None:
    """Neither the token nor the number nor the text; not even where Meta repeats them."""
    world = World(QUICK)
    world.rules.add(Rule(next=1, code=131009, details=f"Parameter value is not valid: {ANNA}"))
    with structlog.testing.capture_logs() as logs:
        async with sending(world) as up:
            caught = await refused(up)
            await up.text(ANNA, "a secret text")

    told = f"{logs} {caught} {up.transport.__dict__['_settings']!r}"
    assert "graph.answered" in told
    assert not [word for word in (TOKEN, ANNA, ANNA[1:], "a secret text") if word in told]
