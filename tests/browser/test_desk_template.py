"""A campaign with a WhatsApp template in a real Chromium: from Meta's list to what everybody got."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from daemon.models import Job
from standin.graph.server import Graph, serving
from standin.graph.world import World
from tests.support.cloud import cloud_settings
from tests.support.graph import QUICK
from tests.support.rig import eventually
from tests.support.visitor import Instance, Visitor

READY = {
    "name": "order_ready", "language": "en_US", "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Hello {{1}}, your order {{2}} is ready."}],
}  # fmt: skip
SHOP = {"name": "shop", "language": "en_US", "category": "UTILITY", "components": [
    {"type": "BODY", "text": "Look"}, {"type": "BUTTONS", "buttons": [{"type": "CATALOG", "text": "View"}]},
]}  # fmt: skip


@contextmanager
def meta(world: World) -> Iterator[str]:
    """The stand-in for Meta's API, on a thread; its address."""
    served: list[Graph] = []
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(world, webhook=None) as graph:
            served.append(graph)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield served[0].url
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
        loop.close()


def test_a_template_is_picked_filled_in_and_sent(tmp_path: Path) -> None:
    """Read from Meta; one with a catalogue cannot be picked and says why; a field with words for where it is empty."""
    people = tmp_path / "people.csv"
    people.write_text("name;phone\nAda;+4930231250\n;+4930231251\n")
    world = World(QUICK)
    for each in (READY, SHOP):
        world.add_template(each)
    with meta(world) as url, Instance(tmp_path, **cloud_settings(url)) as instance:
        instance.start("sender")
        with Visitor(instance) as visitor:
            visitor.log_in()
            visitor.open("/app/cloud-templates")
            visitor.find("form[action='/app/cloud-templates/sync'] button").click()
            visitor.reads(".note.good", "as Meta has them")
            visitor.begin_campaign(people)
            options = visitor.read_all("#whatsapp option", lambda each: (each.text, each.is_enabled()))
            assert [True, False] == [enabled for _, enabled in options]
            assert "a catalogue" in options[1][0]
            visitor.find("button[value=whatsapp]").click()
            visitor.find("#field-1")
            Select(visitor.driver.find_element(By.ID, "field-1")).select_by_value("name")
            visitor.fill("empty-1", "friend")
            visitor.fill("value-2", "17")
            visitor.press("Save and show")
            visitor.reads(".bubble", "Hello Ada, your order 17 is ready.")
            visitor.rehearse("Orders")
            job = visitor.start()
            eventually(lambda: Job.get_by_id(job).accepted == 2, 60, "both are taken")
            visitor.reads("#summary", "2 accepted", 30)
    said = {message.person.number: message.said["components"][0]["parameters"] for message in world.record.messages}
    texts = {number: [each["text"] for each in values] for number, values in said.items()}
    assert {"+4930231250": ["Ada", "17"], "+4930231251": ["friend", "17"]} == texts
