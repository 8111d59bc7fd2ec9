"""Files, templates and history of the Cloud API's transport, over the stand-in for Meta's API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.errors import Blame
from daemon.states import E164, Kind, Status
from daemon.transports.protocol import Attachment, Location, Outgoing, Reports, TemplateButton, Templated, TemplateValue
from standin.graph.world import World
from tests.support.cloud import Sending, sending
from tests.support.graph import ANNA, BELA, QUICK

PNG = b"\x89PNG\r\n\x1a\n a picture"


@pytest.fixture
def picture(tmp_path: Path) -> Attachment:
    path = tmp_path / "abc"
    path.write_bytes(PNG)
    return Attachment(path, "spring.png", Kind.PHOTO, "image/png", len(PNG))


def message(number: str, *files: Attachment, **more: Any) -> Outgoing:
    return Outgoing(E164(number), "Look", files, **more)


def used(up: Sending) -> list[str]:
    """The ids of the files that were sent."""
    return [each.said["id"] for each in up.world.record.messages]


async def test_a_file_is_uploaded_once_for_all_who_get_it(picture: Attachment) -> None:
    """Also when they wait for it together, and by the next sender, which finds its id in the database."""
    async with sending() as up:
        await asyncio.gather(*(up.send(message(f"+49151{n:08}", picture)) for n in range(20)))
        assert (1, {"caption": "Look"}) == (
            len(up.world.media), {"caption": up.world.record.messages[0].said["caption"]},
        )  # fmt: skip
        up.transport._media.clear()  # as after a restart
        await up.send(message(ANNA, picture))
        assert (1, 1) == (len(up.world.media), len(set(used(up))))


async def test_a_file_that_meta_has_forgotten_is_uploaded_anew(picture: Attachment) -> None:
    """Once, also where many were in flight with the old id; nobody fails."""
    async with sending() as up:
        await up.send(message(ANNA, picture))
        up.world.media.clear()
        people = [message(f"+49151{n:08}", picture) for n in range(10)]
        done = await asyncio.gather(*map(up.send, people), return_exceptions=True)
        refused = [each for each in done if isinstance(each, errors.Refused)]
        assert [(Blame.NOBODY, 0)] * 10 == [(each.blame, each.wait_ms) for each in refused]
        await asyncio.gather(*map(up.send, people))
        assert (1, 11, 2) == (len(up.world.media), len(up.world.record.messages), len(set(used(up))))


async def test_a_file_that_meta_cannot_use_is_the_recipients_loss(picture: Attachment, tmp_path: Path) -> None:
    """Too large: it says so, and no message is sent. One that is not there any more is nobody's."""
    large = tmp_path / "large"
    large.write_bytes(PNG + bytes(5 * 2**20))
    gone = Attachment(tmp_path / "gone", "gone.png", Kind.PHOTO, "image/png", 5)
    async with sending() as up:
        with pytest.raises(errors.AttachmentMissing):
            await up.send(message(ANNA, gone))
        with pytest.raises(errors.Refused) as caught:
            await up.send(message(ANNA, Attachment(large, "large.png", Kind.PHOTO, "image/png", large.stat().st_size)))
        assert (Blame.RECIPIENT, "cloud_media_unfit") == (caught.value.blame, caught.value.told.code)
        assert [] == up.world.record.messages


@pytest.mark.parametrize("rule", [{"drop": "before"}, {"status": 502}, {"status": 500, "code": 2}], ids=str)
async def test_an_upload_without_an_answer_is_no_doubt(picture: Attachment, rule: dict[str, Any]) -> None:
    """At most there is a file that nobody names: the message waits, and is tried again."""
    async with sending() as up:
        up.world.rule(on="media", next=1, **rule)
        with pytest.raises(errors.Refused) as caught:
            await up.send(message(ANNA, picture))
        assert Blame.NOBODY is caught.value.blame
        await up.send(message(ANNA, picture))
        assert 1 == len(up.world.record.messages)


SPRING = {
    "name": "spring", "language": "en_US", "category": "MARKETING",
    "components": [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Dear {{1}}, until {{2}}."},
        {"type": "BUTTONS", "buttons": [
            {"type": "URL", "text": "Shop", "url": "https://example.org/{{1}}"},
            {"type": "QUICK_REPLY", "text": "Stop"},
        ]},
    ],
}  # fmt: skip


async def test_a_place_and_a_code_are_taken(picture: Attachment) -> None:
    """As the stand-in, which is as strict as Meta, wants them."""
    components = [
        {"type": "HEADER", "format": "LOCATION"},
        {"type": "BODY", "text": "We are here now."},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}, {"type": "COPY_CODE"}]},
    ]
    async with sending() as up:
        up.world.add_template(SPRING | {"components": components})
        place = Location("52.5163", "13.3777", "Gate", "Pariser Platz 1")
        filled = Templated("spring", "en_US", (), place, (TemplateButton(1, "copy_code", "SPRING25"),))
        await up.send(message(ANNA, picture, template=filled))
        (taken,) = up.world.record.messages
        given = taken.said["components"]
        assert vars(place) == given[0]["parameters"][0]["location"]
        assert ("copy_code", "SPRING25") == (given[1]["sub_type"], given[1]["parameters"][0]["coupon_code"])


async def test_a_template_is_taken_with_all_its_values(picture: Attachment) -> None:
    """Header, body and buttons as Meta wants them; one that is paused is the campaign's trouble, not theirs."""
    async with sending() as up:
        template = up.world.add_template(SPRING)
        filled = Templated(
            "spring", "en_US", (TemplateValue("Ann"), TemplateValue("Monday")), picture,
            (TemplateButton(0, "url", "ann"), TemplateButton(1, "quick_reply", "STOP")),
        )  # fmt: skip
        await up.send(message(ANNA, picture, template=filled))
        assert ["template"] == [each.kind for each in up.world.record.messages]
        short = Templated("spring", "en_US", (TemplateValue("Ann"),), picture, filled.buttons)
        blames = []
        for wrong in (short, Templated("autumn", "en_US"), None):
            if wrong is None:
                template.status = "PAUSED"
            with pytest.raises(errors.Refused) as caught:
                await up.send(message(BELA, template=wrong or filled))
            blames.append((caught.value.blame, caught.value.told.code))
        assert [
            (Blame.RECIPIENT, "cloud_values_unfit"),
            (Blame.CAMPAIGN, "cloud_template_missing"),
            (Blame.CAMPAIGN, "cloud_template_paused"),
        ] == blames


async def test_templates_are_listed_page_after_page_and_made() -> None:
    """As typed records; what Meta does not like is told in its words."""
    async with sending() as up:
        for n in range(105):
            up.world.add_template(SPRING | {"name": f"spring_{n:03}"})
        graph = up.transport._graph
        found = [each async for each in graph.templates()]
        assert ([f"spring_{n:03}" for n in range(105)], {"APPROVED"}) == (
            sorted(each.name for each in found), {each.status for each in found},
        )  # fmt: skip
        text = {"type": "BODY", "text": "Dear {{1}}, it is autumn.", "example": {"body_text": [["Ann"]]}}
        new = {"name": "autumn", "language": "en_US", "category": "UTILITY", "components": [text]}
        made = await graph.create_template(new)
        assert ("PENDING", "UTILITY", True) == (made.status, made.category, made.id.isdigit())
        with pytest.raises(errors.GraphRefused) as caught:
            await graph.create_template(new)
        assert caught.value.subcode


async def test_what_was_not_reported_can_be_asked_for() -> None:
    """By Meta's ids; of what it does not know nothing is told."""
    async with sending(World(QUICK | {"webhooks": False})) as up:
        receipt = await up.text(ANNA)
        await up.world.record.until(lambda: up.world.record.arrived == 1, 10)
        transport: object = up.transport
        assert isinstance(transport, Reports)
        found = await transport.reported([receipt.transport_id, "wamid.other"])
        assert {(Status.SENT, receipt.transport_id), (Status.DELIVERED, receipt.transport_id)} == {
            (each.status, each.transport_id) for each in found
        }
        at = up.world.record.messages[0].at * 1000
        assert all(abs(each.at - at) < 60_000 for each in found)
