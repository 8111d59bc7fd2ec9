"""What people write, as Meta posts it: whose it is, what it answers, and who asks for no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daemon.contacts import consents, suppression
from daemon.delivery import moves, replies, unmatched, windows
from daemon.models import Happening, Message, Reply, Suppression
from daemon.states import E164, Ack, ConsentHow
from daemon.transports.protocol import Receipt, Said
from tests.support.hand import Hand, fresh
from tests.support.meta import change, text
from tests.support.posting import Post, sent

DAY_MS = 86_400_000


async def test_a_reply_is_matched_by_what_it_quotes(hand: Hand, post: Post, clock: Any) -> None:
    """Else it is to what they got last; a doubled one is one."""
    first, second = sent(hand, 1), sent(hand, 1)
    (one,), (two,) = first, second
    assert one.number == two.number
    quoting = text("yes", one.number[1:], "wamid.in.1", context={"id": one.transport_id})
    plain = text("thanks", one.number[1:], "wamid.in.2")
    for _ in range(2):
        await post.take(change("messages", [quoting, plain]))
    found = [(each.text, each.message_id) for each in Reply.select().order_by(Reply.id)]
    assert [("yes", one.id), ("thanks", two.id)] == found
    assert 2 == Happening.select().where(Happening.kind == "reply.received").count()


@pytest.mark.parametrize("word", ["Stop", "hi"])
async def test_whoever_writes_is_who_wrote_whomever_they_quote(hand: Hand, post: Post, clock: Any, word: str) -> None:
    """They may quote what another number of theirs got, or somebody forwarded. Who got it is left alone."""
    (quoted,), writer = sent(hand), "+4915200000077"
    said = text(word, writer[1:], context={"id": quoted.transport_id}, at=clock() // 1_000)
    await post.take(change("messages", [said]))
    stops = [writer] if word == "Stop" else []
    assert stops == [each.number for each in Suppression.select()]
    assert stops == [each.number for each in Reply.select()]
    assert [False, True] == [
        windows.window("default", windows.key_of(E164(each)), clock()) is not None for each in (quoted.number, writer)
    ]


async def test_another_notation_of_the_number_that_got_it_is_them(hand: Hand, post: Post) -> None:
    """Meta tells numbers as WhatsApp has them."""
    hand.queue(1, recipients=[{"number": "+525512345678", "name": "Ana"}])
    message = hand.submit(hand.claim_one())
    moves.confirm(message, Receipt("wamid.mx", Ack.ACCEPTED), hand.clock())
    await post.take(change("messages", [text("Stop", "5215512345678", context={"id": "wamid.mx"})]))
    assert [message.number] == [each.number for each in Suppression.select()]
    assert [(message.number, message.id)] == [(each.number, each.message_id) for each in Reply.select()]


async def test_long_ids_that_begin_alike_are_two_replies(hand: Hand, post: Post) -> None:
    """Meta's ids differ at their ends."""
    (message,) = sent(hand)
    said = [text(word, message.number[1:], f"wamid.{'A' * 90}{word}") for word in ("one", "two")]
    await post.take(change("messages", said))
    assert ["one", "two"] == [each.text for each in Reply.select().order_by(Reply.id)]


STOPS: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": {"body": "Stop."}},
    "payload": {"type": "button", "button": {"text": "No thanks", "payload": "STOP"}},
    "button": {
        "type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": "STOP", "title": "-"}},
    },
}


@pytest.mark.parametrize("way", STOPS)
async def test_stop_is_taken_however_it_is_said(hand: Hand, post: Post, way: str) -> None:
    """Also by somebody whom we have not written to: a campaign may be about to."""
    (message,) = sent(hand)
    for n, number in enumerate((message.number, "+4915200000000")):
        said = {"from": number[1:], "id": f"wamid.{n}", "timestamp": "1750030073"} | STOPS[way]
        await post.take(change("messages", [said]))
    assert {message.number, "+4915200000000"} == {each.number for each in Suppression.select()}
    assert {suppression.REPLY} == {each.source for each in Suppression.select()}


def prefers(number: str, value: str, at: int) -> dict[str, Any]:
    said = {"wa_id": number[1:], "category": "marketing_messages", "value": value, "timestamp": at}
    return change("user_preferences", [said])


async def test_preferences_put_on_the_list_and_lift_only_their_own(hand: Hand, post: Post) -> None:
    """In the order in which they were said, not told; what somebody else has put there stays."""
    first, other = (each.number for each in sent(hand, 2))
    suppression.suppress(post.settings, other, "by hand", "admin", post.clock())
    at = post.clock() // 1_000
    await post.take(prefers(first, "stop", at), prefers(other, "stop", at))
    assert {first, other} == {each.number for each in Suppression.select()}
    await post.take(prefers(first, "resume", at + 10), prefers(other, "resume", at + 10))
    assert [(other, "admin")] == [(each.number, each.source) for each in Suppression.select()]
    await post.take(prefers(first, "stop", at), prefers(first, "stop", at + 5))
    assert 1 == Suppression.select().count()


def replied(post: Post, number: E164) -> None:
    replies.take_one("default", number, Said("in", False, "STOP"), False, None, frozenset(), post.clock())


def suppressed(post: Post, number: E164) -> None:
    suppression.suppress(post.settings, number, "called", "admin", post.clock())


def withdrew(post: Post, number: E164) -> None:
    consents.withdraw(post.settings, number, post.clock(), ConsentHow.SPOKEN, "", "admin", post.clock())


def imported(post: Post, number: E164) -> None:
    assert 1 == suppression.import_text(post.settings, number, "from the shop", "admin", post.clock()).present


def assigned(post: Post, number: E164) -> None:
    unmatched.note_user("default", "DE.1", "in", post.clock())
    (chat,) = unmatched.listed(post.clock())
    unmatched.assign(post.settings, chat.id, number, "admin", post.clock())


@pytest.mark.parametrize("asks", [replied, suppressed, withdrew, imported, assigned])
async def test_whoever_asks_beside_whatsapp_stays_listed(
    hand: Hand, post: Post, clock: Any, asks: Callable[[Post, E164], None]
) -> None:
    """Who wants WhatsApp's marketing again has not taken back what they asked of us."""
    ((number, at),) = ((E164(each.number), clock() // 1_000) for each in sent(hand))
    await post.take(prefers(number, "stop", at))
    clock.advance(5_000)
    asks(post, number)
    entry = suppression.find(number)
    assert suppression.WHATSAPP != entry.source and suppression.NO_MARKETING != entry.reason
    assert clock() == entry.created_at
    await post.take(prefers(number, "resume", at + 10))
    assert entry == suppression.find(number)
    await post.take(prefers(number, "stop", at + 20))
    assert entry == suppression.find(number)


@pytest.mark.parametrize("who", ["admin", suppression.WHATSAPP])
async def test_a_new_number_is_lifted_only_if_the_one_before_would_be(hand: Hand, post: Post, who: str) -> None:
    """It is on the list for the same reason."""
    (message,), new, at = sent(hand), "+4915200000001", post.clock() // 1_000
    suppression.suppress(post.settings, message.number, "asked", who, post.clock())
    system = {"type": "user_changed_number", "body": "moved", "wa_id": new[1:]}
    said = {"from": message.number[1:], "id": "wamid.s", "timestamp": "1", "type": "system", "system": system}
    await post.take(change("messages", [said]))
    assert {message.number, new} == suppression.among([message.number, new])
    await post.take(prefers(new, "resume", at))
    assert (who == "admin") == bool(suppression.among([new]))


async def test_another_number_moves_nothing_silently(hand: Hand, post: Post) -> None:
    """It is shown among their replies; who must not be written to is not written to there either."""
    one, two = sent(hand, 2)
    suppression.suppress(post.settings, two.number, "asked", "admin", post.clock())

    def moved(message: Message, to: str) -> dict[str, Any]:
        system = {"type": "user_changed_number", "body": f"now {to}", "wa_id": to}
        return {"from": message.number[1:], "id": f"wamid.s{to}", "timestamp": "1", "type": "system", "system": system}

    await post.take(change("messages", [moved(one, "4915200000001"), moved(two, "4915200000002")]))
    assert ["now 4915200000001", "now 4915200000002"] == [each.text for each in Reply.select().order_by(Reply.id)]
    assert {two.number, "+4915200000002"} == {each.number for each in Suppression.select()}
    assert one.number == fresh(one).number


async def test_the_window_is_open_for_a_day_from_when_they_wrote(hand: Hand, post: Post, clock: Any) -> None:
    """What comes late says when that was."""
    (message,) = sent(hand)
    person = windows.key_of(message.number)
    at = clock() // 1_000 - 3_600
    assert windows.window("default", person, clock()) is None
    await post.take(change("messages", [text("hi", message.number[1:], "wamid.2", at)]))
    await post.take(change("messages", [text("before", message.number[1:], "wamid.1", at - 7_200)]))
    assert at * 1_000 + DAY_MS == windows.window("default", person, clock())
    assert windows.window("other", person, clock()) is None
    assert windows.window("default", person, clock() + DAY_MS) is None


async def test_a_reply_is_kept_while_the_clock_is_a_year_ahead(hand: Hand, post: Post, clock: Any) -> None:
    """By Meta's time it answers what they have just got."""
    (message,) = sent(hand)
    at = clock() // 1_000 + 60
    clock.advance(365 * DAY_MS)
    await post.take(change("messages", [text("yes", message.number[1:], "wamid.in.1", at)]))
    assert [("yes", message.id)] == [(each.text, each.message_id) for each in Reply.select()]


def test_a_window_from_while_the_clock_was_ahead_is_not_open(hand: Hand, clock: Any) -> None:
    """The next time that they write opens it."""
    person, ahead = windows.key_of(E164("+4930123456")), clock() + 365 * DAY_MS
    windows.wrote("default", person, ahead, ahead)
    assert windows.window("default", person, clock()) is None
    windows.wrote("default", person, clock(), clock())
    assert clock() + DAY_MS == windows.window("default", person, clock())
    windows.wrote("default", person, clock() - 1_000, clock())
    assert clock() + DAY_MS == windows.window("default", person, clock())
