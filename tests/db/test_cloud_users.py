"""People whose number Meta does not show: nobody is shut out, and no STOP is lost."""

from __future__ import annotations

import pytest

from daemon.delivery import cloud_inbox, unmatched, windows
from daemon.delivery.cloud_inbox import Counted
from daemon.models import OpenedChat, Reply, Suppression
from tests.support.hand import Hand
from tests.support.meta import change
from tests.support.posting import Post, sent, told


async def test_somebody_without_a_number_is_known_by_what_came_with_both(hand: Hand, post: Post) -> None:
    """Or by the message that they quote; of anybody else it is counted that they wrote."""
    one, two = sent(hand, 2)
    people = [{"wa_id": one.number[1:], "user_id": "DE.1"}]
    await post.take(change("statuses", [told(one, "read", recipient_id=one.number[1:])], contacts=people))
    said = {"timestamp": "1750030073", "type": "text", "text": {"body": "stop"}}
    quote = {"context": {"id": two.transport_id}}
    await post.take(change("messages", [
        said | {"from_user_id": "DE.1", "id": "wamid.in.1"},
        said | {"from_user_id": "DE.2", "id": "wamid.in.2"} | quote,
        said | {"from_user_id": "DE.3", "id": "wamid.in.3"},
    ]))  # fmt: skip
    assert {one.number, two.number} == {each.number for each in Suppression.select()}
    assert {("default", Counted.UNKNOWN_PERSON): 1} == cloud_inbox.counts()
    assert [("DE.3", True)] == [(chat.title, chat.stop) for chat in unmatched.listed(post.clock())]


async def test_whose_an_id_is_is_learnt_from_our_own_message(hand: Hand, post: Post) -> None:
    """Where Meta does not show the number either: what was sent along names the message."""
    (message,) = sent(hand)
    await post.take(change("statuses", [told(message, "delivered", recipient_user_id="DE.1")]))
    said = {"from_user_id": "DE.1", "id": "wamid.in.1", "timestamp": "1750030073", "type": "text"}
    await post.take(change("messages", [said | {"text": {"body": "Thank you"}}]))
    assert [(message.number, "Thank you")] == [(each.number, each.text) for each in Reply.select()]


@pytest.mark.parametrize("way", ["text", "preference"])
@pytest.mark.parametrize("then", ["report", "person"])
async def test_a_stop_of_somebody_unknown_is_kept_until_it_is_known_whose_it_is(
    hand: Hand, post: Post, way: str, then: str
) -> None:
    """It stands among the chats that could not be matched; a report about a message to them tells, or a person."""
    asked = {"from_user_id": "DE.1", "id": "wamid.in.1", "timestamp": "1750030073", "type": "text"}
    if way == "text":
        await post.take(change("messages", [asked | {"text": {"body": "STOP"}}]))
    else:
        prefers = {"user_id": "DE.1", "category": "marketing_messages", "value": "stop", "timestamp": 1_750_030_073}
        await post.take(change("user_preferences", [prefers]))
    (message,) = sent(hand)
    (chat,) = unmatched.listed(post.clock())
    assert ("DE.1", True, 0) == (chat.title, chat.stop, Suppression.select().count())
    if then == "report":
        await post.take(change("statuses", [told(message, "sent", recipient_user_id="DE.1")]))
    else:
        unmatched.assign(post.settings, chat.id, message.number, "admin", post.clock())
    assert [message.number] == [each.number for each in Suppression.select()]
    assert [] == unmatched.listed(post.clock())
    assert message.number == windows.number_of(None, "DE.1")
    assert 0 == OpenedChat.select().count()
