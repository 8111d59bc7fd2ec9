"""A new campaign with a WhatsApp template in place of a text."""

from __future__ import annotations

from typing import Any

from daemon.accounts import directory, limits
from daemon.campaigns import cloud_templates
from daemon.db import clock
from daemon.delivery import compose
from daemon.models import Job, Message
from tests.support.cloud_templates import LINK, body, buttons, header, listed, there
from tests.support.drafting import Client, check, draft_of, look, post, send, with_columns

WHEN = {"name": "Orders", "delay_min": "1", "delay_max": "3", "start": "now"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


async def with_template(client: Client, *components: dict[str, Any]) -> str:
    """A draft at its message, which is that template; its address."""
    directory.open_account("default", clock.now_ms())
    there(clock.now_ms(), listed("order_ready", *components), listed("new", status="PENDING"))
    base = await with_columns(client)
    await post(client, f"{base}/numbers", go="next")
    (row,) = [each for each in cloud_templates.every() if each.name == "order_ready"]
    await post(client, f"{base}/message", go="whatsapp", whatsapp=row.id)
    return base


async def _sent(client: Client, base: str, go: str, files: Any, values: dict[str, str]) -> Any:
    version = draft_of(base).version
    page = await look(client, f"{base}/message")
    csrf = page.split('name="csrf" value="')[1].split('"')[0]
    return await send(client, f"{base}/template", files, again=True, csrf=csrf, version=version, go=go, **values)


async def test_a_template_is_chosen_filled_in_and_queued(member: Client) -> None:
    """A place is a field, with what is taken where it is empty, or a text; the preview has header, body and buttons."""
    base = await with_template(member, body(), {"type": "FOOTER", "text": "Reply STOP to end"}, buttons(LINK))
    filled = {
        "field__1": "name",
        "value__2": "17 in {{ city or 'town' }}",
        "field__button_0": "city",
        "empty__button_0": 'x"y',
    }
    shown = await _sent(member, base, "show", (), filled)
    page = await look(member, shown.headers["Location"])

    assert "Hello Anna, your order 17 in Berlin is ready." in page
    assert "Reply STOP to end" in page and "<bdi>Track</bdi>" in page
    assert '{{ city or "x\\"y" }}' == draft_of(base).data.template.values["button_0"]
    assert 303 == (await _sent(member, base, "next", (), filled)).status
    await post(member, f"{base}/when", **WHEN)
    await check(member, base)
    await post(member, f"{base}/start", go="start")
    job = Job.get()
    texts = [
        compose.text_of(job.text, job.formats, row.fields, row.number) for row in Message.select().order_by(Message.row)
    ]
    assert ["Hello Anna, your order 17 in Berlin is ready.", "Hello Ben, your order 17 in town is ready."] == texts
    assert ("order_ready", '{{ city or "x\\"y" }}') == (job.template["name"], job.template["buttons"][0]["text"])


async def test_what_is_not_approved_is_shown_and_cannot_be_chosen(member: Client) -> None:
    """With the reason; and there is a way back to a text, which is still there."""
    base = await with_template(member)
    assert 303 == (await _sent(member, base, "text", (), {})).status
    page = await look(member, f"{base}/message")

    assert "disabled>new (en_US, default): The WhatsApp template new is in review" in page
    assert draft_of(base).data.template is None


async def test_a_value_that_is_missing_is_told_before_the_next_step(member: Client) -> None:
    """Also one of a field that there is not."""
    base = await with_template(member)
    missing = await _sent(member, base, "next", (), {"field__1": "name"})
    unknown = await _sent(member, base, "next", (), {"field__1": "name", "value__2": "{{ nobody }}"})

    assert 422 == missing.status and "needs a value for 2" in await missing.text()
    assert 422 == unknown.status and "nobody" in await unknown.text()


async def test_rows_that_meta_would_refuse_are_left_out_with_the_reason(member: Client) -> None:
    """As others are whom the message does not fit."""
    base = await with_template(member, body("Hi {{1}}"))
    await _sent(member, base, "next", (), {"value__1": "{{ name }}{% if name == 'Ben' %}      {% endif %}!"})
    await post(member, f"{base}/when", **WHEN)
    await check(member, base)
    page = await look(member, f"{base}/check?reason=unfit")

    assert "has more than 4 spaces in a row" in page
    assert "1 person will get it" in page


async def test_a_file_for_the_header_is_uploaded_there(member: Client) -> None:
    """One that WhatsApp does not take there is refused at its field."""
    base = await with_template(member, header("IMAGE"), body("Hi"))
    unfit = await _sent(member, base, "attach", [("file", b"%PDF-1.4 " + bytes(64), "a.pdf")], {})
    await _sent(member, base, "attach", [("file", PNG, "a.png")], {})
    page = await look(member, f"{base}/message")

    assert 422 == unfit.status and "cannot be the image in the header" in await unfit.text()
    assert "a.png" in page
    assert draft_of(base).data.template.values["header"]


async def test_a_text_from_an_account_of_the_cloud_api_is_warned_of(member: Client) -> None:
    """On the message and in the dry run; Meta decides."""
    base = await with_template(member)
    await _sent(member, base, "text", (), {})
    limits.set_limits("default", {"transport": "cloud"}, "test")

    assert "reaches only people who have written to it in the last 24 hours" in await look(member, f"{base}/message")


async def test_a_place_on_the_map_is_filled_in_and_shown(member: Client) -> None:
    """Its four values by name, the button's code; a coordinate that is none is told."""
    base = await with_template(member, header("LOCATION"), body("Come!"), buttons({"type": "COPY_CODE"}))
    filled = {
        "value__header_latitude": "52.5163", "value__header_longitude": "13.3777",
        "field__header_name": "city", "empty__header_name": "Town", "value__header_address": "Main Street 1",
        "value__button_0": "SPRING25",
    }  # fmt: skip
    shown = await look(member, (await _sent(member, base, "show", (), filled)).headers["Location"])
    wrong = await _sent(member, base, "show", (), filled | {"value__header_latitude": "north"})

    assert "Header: latitude" in shown and "<b>location</b> <bdi>Berlin</bdi>" in shown
    assert 'id="problems"' not in shown
    assert "no coordinate" in await look(member, wrong.headers["Location"])
