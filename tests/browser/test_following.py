"""How far messages have come, by the list of chats and by chats that are open, in a real Chromium."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

import pytest

from daemon import errors
from daemon.states import AccountState, Ack
from daemon.transports.protocol import Listed, ListedTick, Tick
from standin.client import StandIn
from standin.phone import formatted as shown
from tests.support.driving import ONCE, Driving, a_number
from tests.support.incoming import away

ELSEWHERE = True  # see `driving`
DAY_MS = 86_400_000
MINUTE_MS = 60_000


def now_ms() -> int:
    return int(time.time() * 1000)


def listed(driving: Driving, further: bool = False, days: int = 3) -> Listed:
    return driving.run(driving.transport.listed(now_ms() - days * DAY_MS, further))


def until_listed(driving: Driving, title: str, ack: Ack) -> ListedTick:
    """The row of that title at the top of the list, once it shows that tick."""
    for _ in range(100):
        found = [chat for chat in listed(driving).chats if (chat.title, chat.ack) == (title, ack)]
        if found:
            return found[0]
        driving.run(asyncio.sleep(0.05))
    raise AssertionError(f"{ack} is not shown")


def titles(found: Listed) -> set[str]:
    return {chat.title for chat in found.chats}


def round_(driving: Driving) -> list[Listed]:
    """All parts of the list."""
    parts = [listed(driving, further=True)]
    while parts[-1].more:
        parts.append(listed(driving, further=True))
    return parts


@pytest.mark.parametrize("labels", [True, False])
def test_the_list_tells_how_far_the_last_message_of_a_chat_has_come(
    driving: Driving, standin: StandIn, labels: bool
) -> None:
    """With words for screen readers or by its icons only; no chat is opened, and one tick is no news."""
    driving.set(labels=labels)
    numbers = [a_number() for _ in range(6)]
    before = now_ms()
    for number in numbers:
        driving.send(number, "Hello *Anna*")
    away(driving)
    standin.forget()
    assert not set(map(shown, numbers)) & titles(listed(driving))
    for number in numbers:
        standin.tick(number, 2)
    delivered = [until_listed(driving, shown(number), Ack.DELIVERED) for number in numbers]
    standin.tick(numbers[0], 3)
    read = until_listed(driving, shown(numbers[0]), Ack.READ)

    assert (numbers, {False}) == ([chat.number for chat in delivered], {chat.alone for chat in delivered})
    assert {"Hello *Anna*", ""} == {chat.preview for chat in delivered}  # most rows show none
    for at in [chat.at for chat in (*delivered, read)]:
        assert at and at[1] - at[0] == MINUTE_MS and at[0] <= now_ms() and before < at[1]
    assert [] == [event for event in standin.events() if event["event"] == "chat.opened"]


def test_what_is_not_ours_has_no_tick(driving: Driving, standin: StandIn) -> None:
    """Who has answered, whoever wrote first, and what somebody searches for."""
    answered, wrote, other = a_number(), a_number(), a_number()
    driving.send(answered, "hello")
    driving.send(other, "hello")
    away(driving)
    for number in (answered, other):
        standin.tick(number, 3)
    until_listed(driving, shown(answered), Ack.READ)
    standin.incoming(answered, "Thank you")
    standin.incoming(wrote, "Read")
    for _ in range(100):
        if not (gone := shown(answered) not in titles(listed(driving))):
            driving.run(asyncio.sleep(0.05))
    assert gone
    assert {shown(other)} == titles(listed(driving)) & {shown(wrote), shown(other)}
    page = driving.transport._page
    assert page is not None
    tabs = page._surface._driver.find_elements("css selector", "#side [role=tab]")
    tabs[2].click()  # a filter hides who else has the same name
    assert Listed() == listed(driving)
    tabs[0].click()
    assert shown(other) in titles(listed(driving))
    page._surface._driver.find_element("css selector", "#side [data-tab='3']").send_keys("hello")
    assert Listed() == listed(driving)
    driving.reload()


def test_a_chat_that_is_open_tells_of_its_messages_by_their_ids(driving: Driving, standin: StandIn) -> None:
    """Each step once; also of messages that are not the last one, and in the chat that another takes the place of."""
    number = a_number()
    first = driving.send(number, "first")
    second = driving.send(number, "second")
    driving.run(driving.transport.ticked())
    standin.tick(number, 3, id=first.transport_id)
    standin.tick(number, 2, id=second.transport_id)
    for _ in range(100):
        listed(driving)
        if seen := driving.run(driving.transport.ticked()):
            break
        driving.run(asyncio.sleep(0.05))
    listed(driving)
    seen += driving.run(driving.transport.ticked())
    assert {Tick(first.transport_id, Ack.READ), Tick(second.transport_id, Ack.DELIVERED)} == set(seen)
    assert 2 == len(seen)
    standin.tick(number, 3)
    driving.run(asyncio.sleep(0.1))
    away(driving)

    assert Tick(second.transport_id, Ack.READ) in driving.run(driving.transport.ticked())


def test_a_round_goes_down_the_list_in_parts(driving: Driving, standin: StandIn) -> None:
    """Names are told at its end, and only those that one chat alone has."""
    kims, anna, number = (a_number(), a_number()), a_number(), a_number()
    driving.set(names={kims[0]: "Kim", kims[1]: "Kim", anna: "Anna ♥"})
    for each in (kims[0], anna, number):
        driving.send(each, "hello")
        standin.tick(each, 2)
    for _ in range(60):
        standin.own(a_number(), "on the phone")
    driving.send(kims[1], "hello")
    away(driving)
    assert {"Anna ♥", "Kim", shown(number)}.isdisjoint(titles(listed(driving)))
    began = time.monotonic()
    parts = round_(driving)

    assert time.monotonic() - began < 10
    chats = [chat for part in parts for chat in part.chats if chat.title in {"Anna ♥", "Kim", shown(number)}]
    assert {("Anna ♥", None, True), (shown(number), number, False)} == {
        (chat.title, chat.number, chat.alone) for chat in chats
    }
    assert "Anna ♥" in titles(parts[-1])


@ONCE
def test_a_round_ends_where_chats_are_too_old(driving: Driving, standin: StandIn) -> None:
    """Rows say the day where it is not today's: all of it is told, as it may have been at any time."""
    days = {back: a_number() for back in (9, 4, 2, 1)}
    noon = datetime.now().replace(hour=12)
    for back, each in days.items():
        standin.own(each, "older", at_ms=int((noon - timedelta(days=back)).timestamp() * 1000))
        standin.tick(each, 2)
    driving.reload()
    spans = {chat.number: chat.at for part in round_(driving) for chat in part.chats}
    for back in (1, 2, 4):
        at = spans[days[back]]
        assert at and at[0] <= (noon - timedelta(days=back)).timestamp() * 1000 < at[1]
        assert 23 <= (at[1] - at[0]) / 3_600_000 <= 25
    old = spans[days[9]]
    assert old and old[0] == 0 and old[1] < now_ms() - 5 * DAY_MS


@ONCE
def test_what_a_row_says_of_its_time(driving: Driving) -> None:
    """At 15:30 on a Sunday, in hours of that day; it may be in the form of either half of the world."""
    page = driving.transport._page
    assert page is not None
    script = """
        const day = new Date(2026, 10, 29), at = new Date(2026, 10, 29, 15, 30);
        const hours = (ms) => (ms - day) / 3600000;
        return arguments[0].map((text) => spanOf(clean(text), at)).map((span) => span && span.map(hours));
    """

    def said(*texts: str) -> list[list[float] | None]:
        found: list[list[float] | None] = page._surface._driver.execute_script(page._surface._code + script, texts)
        return found

    morning = pytest.approx([9 + 5 / 60, 9 + 6 / 60])
    assert [morning] * 3 == said("9:05", "09.05", "9:05\u202fAM")
    assert [pytest.approx([0, 1 / 60]), pytest.approx([12, 12 + 1 / 60])] == said("12:00 AM", "12:00 PM")
    assert [[-24, 0], [-24, 0], [-168, -144]] == said("Yesterday", "Saturday", "Sunday")
    assert [-144, -144] == [span and span[1] for span in said("11/22/2026", "22.11.2026")]
    assert [None] * 4 == said("3:31 PM", "later", "25", "9:05 or so")  # in a minute it is not yet


@ONCE
def test_offline_nothing_is_told(driving: Driving, standin: StandIn) -> None:
    driving.set(offline=True)
    driving.until(AccountState.OFFLINE)
    with pytest.raises(errors.AccountUnready):
        listed(driving)
