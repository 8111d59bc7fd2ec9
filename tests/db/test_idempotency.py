"""One request, one piece of work: by the key it came with, through rivals, failures and an upgrade."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import idempotency
from daemon.campaigns.idempotency import Once, Replay
from daemon.db import clock, connection
from daemon.delivery.refusals import Unsent as OfDeliveryUnsent
from daemon.models import KeptAnswer, Template

ASKED = idempotency.digest({"name": "Sale"})


def once(key: str | None = "k", caller: str = "api", asked: str = ASKED, operation: str = "POST /things") -> Once:
    return Once(operation, caller, key, asked)


def work() -> dict[str, Any]:
    """Something that is stored, and the answer to it."""
    now = clock.now_ms()
    made = Template.create(name=f"No. {Template.select().count()}", text="Hi", created_at=now, updated_at=now)
    return {"id": made.id}


def replayed(one: Once) -> Any:
    """The first answer, which is what the request gets."""
    with pytest.raises(Replay) as again:
        one.run(work, clock.now_ms())
    return again.value.response


def test_the_first_answer_is_that_of_all(database: str) -> None:
    """By operation, caller and key; without a key the work is simply done."""
    first = once().run(work, clock.now_ms())

    assert first == replayed(once())
    with pytest.raises(Replay):
        once().look()
    for other in (once("other"), once(caller="Ada"), once(operation="POST /others"), once(None), once(None)):
        other.look()
        assert first != other.run(work, clock.now_ms())
    assert 6 == Template.select().count()
    with pytest.raises(errors.KeyReused):
        once(asked="another").run(work, clock.now_ms())


def test_what_fails_is_not_kept(database: str) -> None:
    """Neither the work nor its key; the next try is the first one."""

    def fails() -> Any:
        work()
        raise errors.IllegalMove(OfDeliveryUnsent.JOB_NOT_RUNNING, job=7, state="paused")

    for _ in range(2):
        with pytest.raises(errors.IllegalMove):
            once().run(fails, clock.now_ms())
    assert (0, 0) == (Template.select().count(), KeptAnswer.select().count())
    once().run(work, clock.now_ms())


@pytest.mark.parametrize("ends", ["commits", "fails"])
def test_of_two_at_once_the_second_waits_for_the_first(database: str, ends: str) -> None:
    """It gets the first one's answer; or does the work, when the first one has failed."""

    def rival() -> Any:
        try:
            return once().run(work, clock.now_ms())
        except Replay as replay:
            return replay.response
        finally:
            connection.close()

    def first() -> Any:
        answer = work()
        second.append(threads.submit(rival))
        if ends == "fails":
            raise errors.IllegalMove(OfDeliveryUnsent.JOB_NOT_RUNNING, job=7, state="paused")
        return answer

    second: list[Future[Any]] = []
    answers = []
    with ThreadPoolExecutor(1) as threads:
        try:
            answers.append(once().run(first, clock.now_ms()))
        except errors.IllegalMove:
            pass
        answers.append(second[0].result(30))

    assert 1 == Template.select().count() == KeptAnswer.select().count()
    assert [{"id": Template.get().id}] * len(answers) == answers


def test_keys_are_forgotten_after_seven_days(database: str) -> None:
    """By the hourly work alone: no other request deletes them, nor the same one while the clock is ahead."""
    first = once().run(work, clock.now_ms())
    KeptAnswer.update(created_at=clock.now_ms() - idempotency.KEEP_MS).execute()
    once("other").run(work, clock.now_ms())
    assert first == replayed(once())
    assert 1 == idempotency.prune(clock.now_ms())

    assert ["other"] == [row.key for row in KeptAnswer.select()]
    assert 3 == once().run(work, clock.now_ms())["id"]


@pytest.mark.parametrize(
    ("key", "valid"), [("k", True), ("x" * 255, True), ("a b!~", True), ("", False), ("x" * 256, False), ("ü", False)]
)
def test_a_key_is_1_to_255_ascii_characters(key: str, valid: bool) -> None:
    """Whatever they say."""
    assert valid == idempotency.valid_key(key)


def test_the_order_of_fields_makes_no_other_request() -> None:
    """But values do, and their kinds."""
    assert idempotency.digest({"a": 1, "b": [1, 2]}) == idempotency.digest({"b": [1, 2], "a": 1})
    assert 4 == len({idempotency.digest(each) for each in ({"a": 1}, {"a": "1"}, {"a": None}, {"b": 1})})


def test_answers_of_the_version_before_are_given_to_any_caller(database: str) -> None:
    """Nobody was told apart, nor is it known how the request was compared; nothing may be sent twice over that."""
    old = {"operation": "POST /send", "caller": "", "key": "order-17", "request": "", "created_at": clock.now_ms()}
    KeptAnswer.create(**old, response=json.loads('{"job_id": 7}'))

    assert {"job_id": 7} == replayed(once("order-17", operation="POST /send"))
    assert {"job_id": 7} == replayed(once("order-17", caller="Ada", operation="POST /send"))
