"""POST /send with a WhatsApp template in place of a message."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.accounts import directory
from daemon.db import clock
from daemon.delivery import compose
from daemon.models import Job, Message
from daemon.server.visitors import SETTINGS
from daemon.transports.protocol import Location, TemplateButton
from tests.http.conftest import form
from tests.support.cloud_templates import LINK, body, buttons, header, listed, there

TO = [{"number": "+4915110000000", "name": "Ada"}]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def asked(name: str = "order_ready", language: str = "en_US", **values: str) -> dict[str, Any]:
    return {"name": name, "language": language, "values": values or {"1": "{{ name }}", "2": "17"}}


async def test_each_gets_the_template_filled_in(api: Any) -> None:
    """As a text it is what everybody sees here; the template itself is kept with the job."""
    there(clock.now_ms(), listed("order_ready", body(), buttons(LINK)))
    values = {"1": '{{ name | default("friend") }}', "2": "17", "button_0": "track/{{ name }}"}
    answer = await api.post("/send", {"recipients": TO, "template": asked(**values)})

    assert 1 == answer["total_numbers"]
    job, message = Job.get(), Message.get()
    assert "Hello Ada, your order 17 is ready." == compose.text_of(
        job.text, job.formats, message.fields, TO[0]["number"]
    )
    assert ("order_ready", "en_US") == (job.template["name"], job.template["language"])


@pytest.mark.parametrize(
    ("template", "code", "field"),
    [
        (asked("unknown"), "template_unknown", "template.name"),
        (asked(language="de"), "template_language_unknown", "template.language"),
        (asked("new"), "template_not_approved", "template.name"),
        (asked(**{"1": "a"}), "template_value_missing", "template.values.2"),
        (asked(**{"1": "a", "2": " "}), "template_value_missing", "template.values.2"),
        (asked(**{"1": "a", "2": "b", "3": "c"}), "template_value_surplus", "template.values.3"),
        (asked(**{"1": "{{ name", "2": "b"}), "placeholder_not_closed", "template.values.1"),
    ],
)
async def test_what_does_not_fit_is_refused_at_its_field(api: Any, template: Any, code: str, field: str) -> None:
    """With a code, and nothing is queued."""
    there(clock.now_ms(), listed(), listed("new", status="PENDING"))
    problem = await api.post("/send", {"recipients": TO, "template": template}, 422)

    assert (code, [field]) == (problem["code"], [each["field"] for each in problem["errors"]])
    assert (0, 0) == (Job.select().count(), Message.select().count())


async def test_a_message_is_either_a_text_or_a_template(api: Any) -> None:
    """Not both, and not none; files of a template are values of it."""
    there(clock.now_ms())
    both = await api.post("/send", {"recipients": TO, "message": "Hi", "template": asked()}, 422)
    none = await api.post("/send", {"recipients": TO}, 422)
    files = await api.post("/send", {"recipients": TO, "template": asked(), "attachments": ["0" * 16]}, 422)

    assert ["message_and_template", "message_empty", "template_with_files"] == [
        each["code"] for each in (both, none, files)
    ]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_people_whose_values_meta_would_refuse_are_named(api: Any, dry_run: bool) -> None:
    """Before anything is queued, by their place, as those are whom a text does not fit."""
    there(clock.now_ms())
    people = [*TO, {"number": "+4915110000001", "name": "Bo\nBo"}, {"number": "+4915110000002", "name": "C     D"}]
    problem = await api.post("/send", {"recipients": people, "template": asked(), "dry_run": dry_run}, 422)

    assert "text_not_for_all" == problem["code"]
    assert "1 (What is filled into 1 of the WhatsApp template has a line break" in problem["detail"]
    assert "2 (What is filled into 1 of the WhatsApp template has more than 4 spaces" in problem["detail"]
    assert "Bo" not in problem["detail"]


async def test_a_header_shows_the_file_that_it_is_for(api: Any) -> None:
    """Its value is the id of an upload, of a kind that Meta takes there."""
    there(clock.now_ms(), listed("with_picture", header("IMAGE"), body("Hi")))
    picture = await api.post("/upload_attachment", data=form(PNG, "a.png"))
    paper = await api.post("/upload_attachment", data=form(b"%PDF-1.4 " + bytes(64), "a.pdf"))
    unfit = {"recipients": TO, "template": asked("with_picture", header=paper["attachment_id"])}
    problem = await api.post("/send", unfit, 422)
    await api.post("/send", {"recipients": TO, "template": asked("with_picture", header=picture["attachment_id"])})

    assert ("header_file_unfit", "template.values.header") == (problem["code"], problem["errors"][0]["field"])
    assert [picture["attachment_id"]] == Job.get().attachments


async def test_an_account_of_whatsapp_web_sends_no_templates(api: Any) -> None:
    """Also where it has had some, as an account of the Cloud API."""
    there(clock.now_ms())
    await api.ask("PATCH", "/accounts/default", json={"transport": "browser"})
    problem = await api.post("/send", {"recipients": TO, "template": asked()}, 422)

    assert ("template_needs_cloud", "account") == (problem["code"], problem["errors"][0]["field"])


async def test_what_is_known_is_listed_with_what_it_wants(api: Any) -> None:
    """And why nothing is sent with it, where that is so."""
    there(clock.now_ms(), listed("b", header("IMAGE"), body(), buttons(LINK)), listed("a", status="PAUSED"))
    found = (await api.get("/cloud/templates"))["templates"]
    approved = (await api.get("/cloud/templates?status=APPROVED&account=default"))["templates"]

    assert [("a", False, "template_not_approved"), ("b", True, None)] == [
        (each["name"], each["usable"], each["code"]) for each in found
    ]
    assert [found[1]] == approved
    assert (["header", "1", "2", "button_0"], "image") == (found[1]["values"], found[1]["media"])
    assert found[1] == await api.get(f"/cloud/templates/{found[1]['id']}")
    assert [] == (await api.get("/cloud/templates?account=other"))["templates"]
    await api.get("/cloud/templates/999", 404)


async def test_a_text_from_an_account_of_the_cloud_api_is_taken_with_a_word(api: Any) -> None:
    """Meta decides; a template needs no such word."""
    directory.open_account("default", clock.now_ms())
    there(clock.now_ms())
    await api.ask("PATCH", "/accounts/default", json={"transport": "cloud"})
    texts = [await api.post("/send", {"recipients": TO, "message": "Hi", "dry_run": dry}) for dry in (True, False)]
    template = await api.post("/send", {"recipients": TO, "template": asked()})

    assert [True, True, False] == ["in the last 24 hours" in each["note"] for each in (*texts, template)]


async def test_a_place_on_the_map_is_one_of_each_persons_own(api: Any) -> None:
    """Whose coordinates are none is named; the others get the template with theirs."""
    there(clock.now_ms(), listed("branch", header("LOCATION"), body("Come!"), buttons({"type": "COPY_CODE"})))
    values = {"header_latitude": "{{ lat }}", "header_longitude": "13.4", "header_name": "Shop", "header_address": "1"}
    template = asked("branch", **values, button_0="{{ code }}")
    people = [TO[0] | {"lat": "52.5", "code": "A1"}, {"number": "+4915110000001", "lat": "north", "code": "B2"}]
    refused = await api.post("/send", {"recipients": people, "template": template}, 422)
    await api.post("/send", {"recipients": people[:1], "template": template})
    sent = compose.outgoing(api.client.app[SETTINGS], _claimed())

    assert "header_latitude" in str(refused)
    assert (Location("52.5", "13.4", "Shop", "1"), (TemplateButton(0, "copy_code", "A1"),)) == (
        sent.template.header, sent.template.buttons,
    )  # fmt: skip


def _claimed() -> Message:
    message: Message = Message.get()
    return message


@pytest.mark.parametrize(
    ("component", "word"),
    [({"type": "CAROUSEL", "cards": []}, "a carousel"), (buttons({"type": "CATALOG", "text": "Look"}), "a catalogue")],
)
async def test_what_is_not_sent_from_here_is_refused_in_words(api: Any, component: Any, word: str) -> None:
    """In the list of templates, too."""
    there(clock.now_ms(), listed("shop", body("Look"), component))
    problem = await api.post("/send", {"recipients": TO, "template": asked("shop")}, 422)
    (shown,) = (await api.get("/cloud/templates"))["templates"]

    assert ("template_unsupported", True) == (problem["code"], word in problem["detail"])
    assert (False, "template_unsupported") == (shown["usable"], shown["code"])


@pytest.mark.parametrize("status", ["PAUSED", "DISABLED", "DELETED"])
async def test_a_campaign_is_not_resumed_while_its_template_is_barred(api: Any, status: str) -> None:
    """409 with the reason; as soon as Meta has approved it again, it goes on."""
    there(clock.now_ms())
    job = (await api.post("/send", {"recipients": TO, "template": asked()}))["job_id"]
    there(clock.now_ms(), listed(status=status) if status != "DELETED" else listed("another"))
    assert "paused" == (await api.get(f"/status/{job}"))["status"]
    problem = await api.post(f"/resume/{job}", {}, 409)
    assert ("template_barred", True) == (problem["code"], "order_ready" in problem["detail"])
    there(clock.now_ms())
    await api.post(f"/resume/{job}", {})
