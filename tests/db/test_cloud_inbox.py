"""What Meta has posted is worked through in its order: doubled, late, out of order, killed in the middle; nothing is
lost, and nothing is done twice."""

from __future__ import annotations

import itertools
from typing import Any, cast

import pytest

from daemon import errors
from daemon.accounts import cloud_standing, installed, limits, portfolios
from daemon.campaigns import lifecycle
from daemon.contacts import suppression
from daemon.db import proxy
from daemon.db.refusals import Unsent
from daemon.delivery import cloud_inbox, moves, receipts, replies, unreported
from daemon.delivery.cloud_inbox import Counted
from daemon.models import CloudBatch, CloudProgress, Handover, Happening, Job, Message, Reply, Suppression
from daemon.states import Ack, JobState, State
from daemon.transports.protocol import Receipt
from daemon.webhooks import cloud, cloud_taking, duty
from tests.support.hand import Hand, fresh
from tests.support.meta import BUSINESS_ID, SETTINGS, batch, change, failed, status, text
from tests.support.posting import Post, named, sent, told

DAY_MS = 86_400_000


def state(message: Message) -> str:
    return str(fresh(message).state)


def counted() -> dict[tuple[str, str], int]:
    return cloud_inbox.counts()


async def test_receipts_of_many_messages_arrive_and_nothing_is_left(hand: Hand, post: Post) -> None:
    """In one batch, and in several."""
    messages = sent(hand, 7)
    await post.take(change("statuses", [told(each, "sent") for each in messages]))
    post.store(*(batch(change("statuses", [told(each, "delivered")])) for each in messages[:4]))
    post.store(batch(change("statuses", [told(messages[0], "read")])))
    await post.work()
    assert ["read"] + ["delivered"] * 3 + ["sent"] * 3 == [state(each) for each in messages]
    assert [0, 0] == [CloudBatch.select().count(), CloudProgress.select().count()]
    assert {} == counted()
    assert post.clock() == cloud_standing.of("default", post.clock()).heard_at


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])))
async def test_whatever_the_order_and_however_often(hand: Hand, post: Post, order: tuple[str, ...]) -> None:
    """Of all that are told the furthest counts."""
    (message,) = sent(hand)
    for word in (*order, *order):
        await post.take(change("statuses", [told(message, word), told(message, word)]))
    assert State.READ == fresh(message).state


async def test_before_the_answer_and_by_metas_id_alone(hand: Hand, post: Post) -> None:
    """The callback names it before its id there is known; later the id does."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    early = status("sent", named(message), "wamid.early")
    await post.take(change("statuses", [early]))
    assert ("sent", "wamid.early") == (state(message), fresh(message).transport_id)
    await post.take(change("statuses", [status("delivered", None, "wamid.early")]))
    assert State.DELIVERED == fresh(message).state


async def test_what_is_of_nobody_here_is_counted_and_left_out(hand: Hand, post: Post) -> None:
    """Another number, another installation's message, other shapes; never by the number of the person."""
    (message,) = sent(hand)
    theirs = told(message, "read", recipient_id=message.number[1:])
    other = status("read", "m:999999:a:1", "wamid.other", recipient_id=message.number[1:])
    await post.take(change("statuses", [theirs], number_id="1"), change("statuses", [other, {"odd": 1}]))
    assert State.ACCEPTED == fresh(message).state
    unknown, unmatched, unread = ("", Counted.UNKNOWN_NUMBER), ("default", Counted.UNMATCHED), ("", Counted.UNREAD)
    assert {unknown: 1, unmatched: 1, unread: 1} == counted()


async def test_a_report_of_another_message_with_that_id_counts_for_nobody(hand: Hand, post: Post) -> None:
    """After a restore ids are given again: it would say of somebody that they got what they were never sent. What a
    version before sent along is taken still. Who stops marketing does so, whoever had that id before."""
    before, now_theirs = sent(hand, 2)
    theirs = [told(now_theirs, "read"), failed(131050, named(now_theirs), wamid="wamid.lost")]
    Job.update(created_at=Job.created_at + 1).execute()
    await post.take(change("statuses", theirs))
    assert (State.ACCEPTED, None) == (fresh(now_theirs).state, fresh(now_theirs).read_at)
    assert ({("default", Counted.UNMATCHED): 2}, 0) == (counted(), Suppression.select().count())
    await post.take(change("statuses", [status("read", f"m:{before.id}:a:1", before.transport_id)]))
    assert State.READ == fresh(before).state
    stopped = [failed(131050, named(fresh(before)), wamid=wamid) for wamid in ("wamid.a", "wamid.b")]
    await post.take(change("statuses", stopped[:1]))
    suppression.remove(post.settings, before.number, "they asked for it", "admin", post.clock())
    await post.take(change("statuses", stopped))
    assert 1 == Suppression.select().count()


async def test_after_a_restore_nobody_is_sent_what_they_have_got(hand: Hand, post: Post) -> None:
    """The database does not know of these hand-overs; what Meta reports of them settles them. What failed is sent
    again, by another number, so that what is told late of the one before does not count."""
    job = hand.queue(4)
    sent_, got, missed, old = Message.select().where(Message.job == job).order_by(Message.id)
    failed_ = failed(131026, named(missed), wamid="wamid.m")
    on_its_way = status("sent", named(missed), "wamid.m")
    await post.take(change("statuses", [failed_, on_its_way, status("sent", named(sent_), "wamid.s")]))
    await post.take(change("statuses", [status("delivered", named(got), "wamid.g"), on_its_way]))
    await post.take(change("statuses", [status("delivered", f"m:{old.id}:a:1", "wamid.o")]))
    assert ["sent", "delivered", "pending", "pending"] == [state(each) for each in (sent_, got, missed, old)]
    assert ("wamid.g", 1) == (fresh(got).transport_id, fresh(got).submissions)
    assert [True, False] == [fresh(each).expires_at is not None for each in (sent_, got)]
    left = [(row.message_id, row.missed) for row in Handover.select().order_by(Handover.message)]
    assert [(sent_.id, False), (got.id, False), (missed.id, True)] == left
    first, second = map(hand.submit, hand.claim(4))
    assert [(missed.id, 2), (old.id, 1)] == [(each.id, fresh(each).submissions) for each in (first, second)]
    await post.take(change("statuses", [failed_]))
    assert State.SENDING == fresh(missed).state


@pytest.mark.parametrize("word", ["sent", "delivered", "read"])
@pytest.mark.parametrize("before", [False, True])
async def test_after_a_restore_what_is_claimed_and_turns_out_to_be_out_is_not_sent(
    hand: Hand, post: Post, word: str, before: bool
) -> None:
    """Also where the hand-over before that one is known to have failed. That one failed itself stops nobody."""
    hand.queue(1)
    message = hand.claim_one()
    nth = 1
    if before:
        moves.release(message, "not now", hand.clock())
        await post.take(change("statuses", [failed(131026, named(message), wamid="wamid.1")]))
        message, nth = hand.claim_one(), 2
    await post.take(change("statuses", [failed(131026, named(message, nth), wamid="wamid.u")]))
    assert State.CLAIMED == fresh(message).state
    await post.take(change("statuses", [status(word, named(message, nth), "wamid.u")]))
    assert (word, "wamid.u", nth) == (state(message), fresh(message).transport_id, fresh(message).submissions)
    with pytest.raises((errors.LeaseLost, errors.IllegalMove)):
        hand.submit(message)
    assert [] == hand.claim()


async def test_accounts_with_one_number_are_told_each_of_its_own(hand: Hand, post: Post) -> None:
    """Whichever has it first gets what people write; what was sent is looked for with each."""
    own = {field: value for field, value in SETTINGS.items() if field in limits.CHECKS}
    installed.add(hand.settings, "second", cast(limits.Limits, own), "anna", hand.clock())
    (first,) = sent(hand)
    hand.queue(1, first=1, account="second")
    (second,) = hand.claim(account="second")
    moves.confirm(hand.submit(second), Receipt(f"wamid.{second.id}", Ack.ACCEPTED), hand.clock())
    other = status("read", "m:999999:a:1", "wamid.other")
    await post.take(change("statuses", [told(second, "delivered"), other, told(first, "read")]))
    assert ["read", "delivered"] == [state(first), state(second)]
    assert {("default", Counted.UNMATCHED): 1} == counted()


async def test_what_is_no_batch_is_set_aside_and_holds_nobody_up(hand: Hand, post: Post) -> None:
    """It is tried once, kept for a while, and what comes behind it is taken."""
    (message,) = sent(hand)
    post.store(b"{", batch(change("statuses", [told(message, "sent")])), b'{"entry": 1}')
    await post.work()
    await post.work()
    assert (State.SENT, 2) == (fresh(message).state, cloud_inbox.set_aside_count())
    cloud_inbox.prune(post.clock())
    assert 2 == CloudBatch.select().count()
    cloud_inbox.prune(post.clock() + cloud_inbox.ASIDE_MS + 1)
    assert [0, 0] == [CloudBatch.select().count(), CloudProgress.select().count()]


async def test_a_worker_that_is_stopped_in_the_middle_leaves_the_rest(hand: Hand, post: Post, monkeypatch: Any) -> None:
    """What is done is not done again: another one goes on where it was."""
    messages = sent(hand, 5)
    post.store(batch(change("statuses", [told(each, "sent") for each in messages])))
    real, calls = receipts.take, 0

    def dies(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise errors.DatabaseBusy(Unsent.DATABASE_UNANSWERED, reason="locked")
        return real(*given)

    monkeypatch.setattr(receipts, "take", dies)
    post.worker._size = 2
    monkeypatch.setattr(cloud, "next_size", lambda size, took: 2)
    await post.work()
    assert [(2,)] == proxy.tuples(CloudProgress.select(CloudProgress.done))
    assert ["sent"] * 2 + ["accepted"] * 3 == [state(each) for each in messages]
    duty.leave(cloud.DUTY, post.worker._owner)
    await post.work(cloud.Worker(post.settings))
    assert ["sent"] * 5 == [state(each) for each in messages]
    assert 0 == CloudBatch.select().count() + CloudProgress.select().count()


@pytest.mark.parametrize("body", [b"{", batch(change("messages", [text("hi", "4915200000000")]))])
async def test_who_has_lost_the_duty_meanwhile_leaves_batches_alone(
    hand: Hand, post: Post, monkeypatch: Any, body: bytes
) -> None:
    """Another one has worked through it, and the next one that came may have its id: what is wrong with the first must
    not count for it."""
    (message,) = sent(hand)
    real, whole = cloud.Work.of, replies.take_one

    def slowly(*given: Any) -> cloud.Work:
        duty.leave(cloud.DUTY, post.worker._owner)
        (old,) = proxy.tuples(CloudBatch.select(CloudBatch.id))
        CloudBatch.delete().execute()
        again = batch(change("statuses", [told(message, "read"), {"odd": 1}]))
        CloudBatch.create(id=old[0], at=post.clock(), body=again)
        post.worker._held_at = float("inf")  # it has not noticed yet
        return real(*given)

    def breaks(*given: Any) -> Any:
        raise KeyError

    post.store(body)
    monkeypatch.setattr(cloud.Work, "of", slowly)
    monkeypatch.setattr(replies, "take_one", breaks)
    await post.worker._round(post.timed)
    assert (0, 0) == (CloudProgress.select().count(), cloud_inbox.set_aside_count())
    monkeypatch.setattr(cloud.Work, "of", real)
    monkeypatch.setattr(replies, "take_one", whole)
    await post.work(cloud.Worker(post.settings))
    assert State.READ == fresh(message).state


async def test_a_batch_of_several_kinds_goes_on_with_what_is_left_of_it(
    hand: Hand, post: Post, monkeypatch: Any
) -> None:
    """What people write is taken first, wherever it stands: what is left after a stop there is the receipts, all of
    them, and none of what was written."""
    messages = sent(hand, 3)
    receipts_ = change("statuses", [told(each, "delivered") for each in messages])
    post.store(batch(receipts_, change("messages", [text("Thanks", messages[0].number[1:])])))

    def busy(*_given: Any) -> Any:
        raise errors.DatabaseBusy(Unsent.DATABASE_UNANSWERED, reason="locked")

    with monkeypatch.context() as patched:
        patched.setattr(receipts, "take", busy)
        await post.work()
    assert ([(1,)], 1) == (proxy.tuples(CloudProgress.select(CloudProgress.done)), Reply.select().count())
    await post.work()
    assert ["delivered"] * 3 == [state(each) for each in messages]
    assert (1, 0) == (Reply.select().count(), CloudBatch.select().count() + CloudProgress.select().count())


async def test_one_that_has_lost_the_duty_unnoticed_stores_nothing(hand: Hand, post: Post, monkeypatch: Any) -> None:
    """It was suspended in the middle, and believes that it still has it: the other one does the work."""
    (message,) = sent(hand)
    post.store(batch(change("statuses", [told(message, "sent")])))
    real = cloud_taking.known

    def meanwhile(*given: Any) -> Any:
        duty.leave(cloud.DUTY, post.worker._owner)
        assert duty.hold(cloud.DUTY, "another", post.worker._place, post.clock())
        return real(*given)

    monkeypatch.setattr(cloud_taking, "known", meanwhile)
    assert await post.worker._round(post.timed)
    assert (State.ACCEPTED, 1, 0) == (fresh(message).state, CloudBatch.select().count(), CloudProgress.select().count())


async def test_only_one_of_two_works_through_it(hand: Hand, post: Post) -> None:
    """The other one finds that the duty is taken."""
    (message,) = sent(hand)
    assert duty.hold(cloud.DUTY, "another", post.worker._place, post.clock())
    await post.take(change("statuses", [told(message, "sent")]))
    assert (State.ACCEPTED, 1) == (fresh(message).state, CloudBatch.select().count())
    duty.leave(cloud.DUTY, "another")
    await post.work()
    assert State.SENT == fresh(message).state


async def test_something_that_fails_unforeseen_is_left_out_alone(hand: Hand, post: Post, monkeypatch: Any) -> None:
    """Of the same chunk everything else is taken."""
    messages = sent(hand, 3)
    real = receipts.take

    def fails(account: str, updates: Any, now: int) -> Any:
        if any(each.message_id == messages[1].id for each in updates):
            raise ZeroDivisionError
        return real(account, updates, now)

    monkeypatch.setattr(receipts, "take", fails)
    await post.take(change("statuses", [told(each, "sent") for each in messages]))
    assert ["sent", "accepted", "sent"] == [state(each) for each in messages]
    assert {("", Counted.FAILED): 1} == counted()
    assert 0 == CloudBatch.select().count()


async def test_why_it_failed_is_said_by_its_code(hand: Hand, post: Post) -> None:
    """As number or text; in Meta's words where there is no code; who has stopped marketing is suppressed, once. Of what
    would be tried again after an answer nobody says that it is: it is not."""
    messages = sent(hand, 6)
    for each, code in zip(messages, (131049, "131050", 999, 131026, 131000, 130429), strict=True):
        callback = named(each)
        await post.take(change("statuses", [failed(code, callback, "Words of Meta.", wamid=f"wamid.{each.id}")]))
    assert ["failed"] * 6 == [state(each) for each in messages]
    found = ["cloud_held_back", "cloud_marketing_stopped", "cloud_refused", "cloud_undeliverable"]
    found += ["cloud_not_delivered_for_now"] * 2
    assert found == [fresh(each).failed_by for each in messages]
    assert "(error 131000). It is not sent again by itself: retry it. Words of Meta." in str(fresh(messages[4]).error)
    assert "Meta refused it with error 999: Words of Meta." == fresh(messages[2]).error
    (entry,) = Suppression.select()
    assert (messages[1].number, suppression.WHATSAPP) == (entry.number, entry.source)
    suppression.remove(post.settings, messages[1].number, "they asked for it", "admin", post.clock())
    again = failed("131050", named(messages[1]), wamid=f"wamid.{messages[1].id}")
    await post.take(change("statuses", [again]))
    assert 0 == Suppression.select().count()


@pytest.mark.parametrize(
    ("topic", "value", "most"),
    [
        ("business_capability_update", {"max_daily_conversations_per_business": 2000}, 2_000),
        ("business_capability_update", {"max_daily_conversations_per_business": "TIER_10K"}, 10_000),
        ("phone_number_quality_update", {"event": "UPGRADE", "current_limit": "TIER_UNLIMITED"}, None),
        ("phone_number_quality_update", {"event": "ONBOARDING", "current_limit": "TIER_NOT_SET"}, 250),
    ],
)
async def test_the_limit_of_people_is_taken_over(
    hand: Hand, post: Post, clock: Any, topic: str, value: dict[str, Any], most: int | None
) -> None:
    """In each of Meta's notations; what says nothing changes nothing."""
    portfolios.told(BUSINESS_ID, 250, clock())
    await post.take({"field": topic, "value": value})
    assert most == portfolios.reach(BUSINESS_ID, clock()).most


async def test_what_was_told_is_remembered_for_more_than_eight_days(hand: Hand, post: Post, clock: Any) -> None:
    """Meta repeats for a week what it was not answered."""
    cloud_inbox.first_time("x", clock())
    cloud_inbox.prune(clock() + 8 * DAY_MS)
    assert not cloud_inbox.first_time("x", clock())
    cloud_inbox.prune(clock() + 10 * DAY_MS)
    assert cloud_inbox.first_time("x", clock())
    replies.prune(clock())


async def test_what_meta_held_back_is_not_sent_again_before_a_day(hand: Hand, post: Post, clock: Any) -> None:
    """Also where a person asks for it at once; what failed otherwise is due at once."""
    held, other = sent(hand, 2)
    for each, code in ((held, 131049), (other, 131026)):
        await post.take(change("statuses", [failed(code, named(each), wamid=f"wamid.{each.id}")]))
    clock.advance(1_000)
    lifecycle.retry(held.job_id, "person", clock())
    assert [other.id] == [each.id for each in hand.claim(2)]
    clock.advance(DAY_MS)
    assert [held.id] == [each.id for each in hand.claim(2)]


async def test_what_nobody_reports_is_asked_for_once_in_a_round(hand: Hand, post: Post, clock: Any) -> None:
    """Where webhooks come only what is overdue; else everything that may have come on."""
    first, second, third = sent(hand, 3)
    await post.take(change("statuses", [told(first, "sent")]))
    assert not unreported.polls("default", clock())
    start = unreported.Place()
    assert [] == unreported.due("default", start, clock()).ids
    clock.advance(unreported.SILENT_MS)
    assert [second.transport_id, third.transport_id] == unreported.due("default", start, clock()).ids
    clock.advance(2 * unreported.EXPECTED_MS)
    assert not unreported.polls("default", clock())  # nothing was handed over since
    (late,) = sent(hand, 1)
    clock.advance(2 * unreported.EXPECTED_MS)
    assert unreported.polls("default", clock())
    every = [each.transport_id for each in (first, second, third, late)]
    found = unreported.due("default", start, clock())
    assert (every, None) == (found.ids, found.after)


def test_a_round_goes_on_where_it_was(hand: Hand, clock: Any, monkeypatch: Any) -> None:
    """Each once, however many have the same time."""
    monkeypatch.setattr(unreported, "AT_ONCE", 2)
    monkeypatch.setattr(unreported, "LOOKED_AT", 3)
    messages = sent(hand, 7)
    Message.update(submitted_at=clock(), accepted_at=clock()).execute()
    clock.advance(unreported.SILENT_MS)
    place: unreported.Place | None = unreported.Place()
    asked: list[str] = []
    while place is not None:
        found = unreported.due("default", place, clock())
        asked += found.ids
        place = found.after
    assert [each.transport_id for each in messages] == asked


def test_what_was_only_taken_lives_for_thirty_days(hand: Hand, clock: Any) -> None:
    """By our own clock: Meta promises no report of its end."""
    (message,) = sent(hand)
    assert clock() + 30 * DAY_MS == message.expires_at
    clock.advance(30 * DAY_MS + receipts.EXPIRY_GRACE_MS + 1)
    assert 1 == receipts.expire_due(clock())
    assert State.EXPIRED == fresh(message).state


async def test_a_template_that_meta_pauses_holds_its_campaigns(hand: Hand, post: Post, clock: Any) -> None:
    """Told of the template, or by a message that failed over it; what is told too late is no news."""
    names = {"message_template_id": 1, "message_template_name": "offer", "message_template_language": "en_US"}

    def event(word: str, at: int) -> bytes:
        value = names | {"event": word, "reason": "NONE"}
        return batch({"field": "message_template_status_update", "value": value}, at=at)

    at, filled = clock() // 1_000, {"name": "offer", "language": "en_US"}
    for tells in ("status", "failure"):
        (message,) = sent(hand, 1)
        Job.update(template=filled, state=JobState.RUNNING).where(Job.id == message.job_id).execute()
        if tells == "status":
            post.store(event("PAUSED", at), event("APPROVED", at - 60))
        else:
            post.store(batch(change("statuses", [failed("132015", named(message), "Paused.")])))
        await post.work()
        job = Job.get_by_id(message.job_id)
        assert (JobState.PAUSED, "template_barred") == (job.state, job.coded["code"])
    notices = Happening.select().where(Happening.kind == "account.notice")
    assert ["offer: PAUSED"] == [each.about["detail"] for each in notices]
