"""WhatsApp templates: what Meta tells of them, and the campaigns that it holds."""

from __future__ import annotations

from typing import Any

import pytest

from daemon import errors
from daemon.accounts import installed
from daemon.campaigns import cloning, cloud_templates, create, queries, removing
from daemon.campaigns.draft_content import ChosenTemplate
from daemon.delivery import compose
from daemon.models import Message
from daemon.states import JobState
from daemon.transports import parts
from daemon.transports.protocol import TemplateButton, Templated, TemplateValue
from tests.support.cloud_templates import LINK, body, buttons, header, listed, there
from tests.support.hand import Hand

VALUES = {"1": "{{ name }}", "2": "17"}


def queued(hand: Hand, name: str = "order_ready", **values: str) -> int:
    """A job that is sent with it, to somebody called Ada."""
    template = ChosenTemplate(name=name, language="en_US", values=values or VALUES)
    order = create.Order("", recipients=[{"number": "+4915110000000", "name": "Ada"}], template=template)
    return create.create(hand.settings, order, "test", hand.clock()).job_id


def state(job_id: int) -> tuple[str, str | None]:
    job = queries.job(job_id)
    return job.state, job.coded["code"] if job.coded else None


def test_a_synchronisation_says_what_is_new_changed_and_gone(hand: Hand) -> None:
    """The version grows with the components alone: what was mapped to them may not fit any more."""
    first = cloud_templates.sync("default", [listed("a"), listed("b"), listed("c")], hand.clock())
    second = cloud_templates.sync(
        "default",
        [listed("a", quality="RED"), listed("b", body("Hi {{1}}")), listed("d")],
        hand.clock(),
    )

    assert (3, 3, 0, 0) == (first.total, first.added, first.changed, first.gone)
    assert (3, 1, 2, 1) == (second.total, second.added, second.changed, second.gone)
    assert [("a", 1), ("b", 2), ("d", 1)] == [(each.name, each.version) for each in cloud_templates.every("default")]
    assert [] == cloud_templates.every("other")


@pytest.mark.parametrize("status", ["PAUSED", "DISABLED", "REJECTED"])
def test_what_meta_stops_holds_its_campaigns_and_no_others(hand: Hand, status: str) -> None:
    """With a reason by its code; what is sent with another template, or with a text, goes on."""
    there(hand.clock(), listed(), listed("other"))
    mine, other, text = queued(hand), queued(hand, "other"), hand.queue().id

    assert cloud_templates.changed("default", "order_ready", "en_US", status, None, None, hand.clock())

    assert (JobState.PAUSED, "template_barred") == state(mine)
    assert [JobState.PENDING] * 2 == [queries.job(each).state for each in (other, text)]
    assert status == cloud_templates.find("default", "order_ready", "en_US").status


def test_one_that_is_gone_holds_its_campaigns(hand: Hand) -> None:
    """As Meta lists it no more."""
    there(hand.clock())
    job = queued(hand)
    there(hand.clock(), listed("other"))

    assert (JobState.PAUSED, "template_barred") == state(job)


def test_quality_and_category_hold_nothing(hand: Hand) -> None:
    """They are shown. A flag is no status, and what is not known here is not made up."""
    there(hand.clock())
    job = queued(hand)
    told = cloud_templates.changed("default", "order_ready", "en_US", "FLAGGED", "RED", "MARKETING", hand.clock())
    unknown = cloud_templates.changed("default", "nobody_knows", "en_US", "APPROVED", None, None, hand.clock())

    found = cloud_templates.find("default", "order_ready", "en_US")
    assert (True, False) == (told, unknown)
    assert ("APPROVED", "RED", "MARKETING") == (found.status, found.quality, found.category)
    assert JobState.PENDING == queries.job(job).state


def test_a_job_keeps_what_it_was_made_of(hand: Hand) -> None:
    """What is filled in, also when the template changes afterwards; a duplicate fills in the same."""
    there(hand.clock())
    job = queries.job(queued(hand))

    assert "Hello {{ name }}, your order 17 is ready." == job.text
    assert job.template is not None
    assert [("1", "{{ name }}"), ("2", "17")] == [(each["place"], each["text"]) for each in job.template["body"]]
    again = cloning.order(job.id, "all", 0, cloning.Changed(None, None, None, None))
    assert ("", ChosenTemplate(name="order_ready", language="en_US", values=VALUES)) == (again.text, again.template)
    assert job.template == create.check(hand.settings, again, hand.clock()).order.filled


def test_each_wants_a_file_that_a_header_can_show(hand: Hand) -> None:
    """Nobody is queued where there is none."""
    there(hand.clock(), listed("with_picture", header("IMAGE"), body("Hi")))

    with pytest.raises(errors.InvalidInput, match="needs a value for header"):
        queued(hand, "with_picture", header=" ")
    with pytest.raises(errors.NotFound):
        queued(hand, "with_picture", header="0123456789abcdef")
    assert 0 == Message.select().count()


def test_the_transport_gets_it_filled_in_for_one(hand: Hand) -> None:
    """By place or by name, with what its buttons need; the text stays what people see of it here."""
    shown = {"type": "HEADER", "format": "TEXT", "text": "Dear {{first}}"}
    there(hand.clock(), listed("named", shown, body("{{first}} in {{city}}"), buttons(LINK), parameter_format="NAMED"))
    queued(hand, "named", header="{{ name }}", first="{{ name }}!", city="Bonn", button_0="a/{{ name }}")
    outgoing = compose.outgoing(hand.settings, hand.claim_one())

    value = TemplateValue("Ada", "first")
    places = (TemplateValue("Ada!", "first"), TemplateValue("Bonn", "city"))
    template = Templated("named", "en_US", places, value, (TemplateButton(0, "url", "a/Ada"),))
    assert ("Ada! in Bonn", template) == (outgoing.text, outgoing.template)
    assert [outgoing] == parts.split(outgoing)


def test_what_became_unfit_is_not_handed_over(hand: Hand) -> None:
    """Though it was fit when it was queued: Meta would refuse it."""
    there(hand.clock())
    queued(hand)
    Message.update(fields={"name": "Ada\nAda"}).execute()

    with pytest.raises(errors.TemplateError, match="line break"):
        compose.outgoing(hand.settings, hand.claim_one())


def test_a_repeat_makes_the_same_job(hand: Hand) -> None:
    """Though the template was changed at Meta between the two."""
    there(hand.clock())
    template = ChosenTemplate(name="order_ready", language="en_US", values={"1": "Ada", "2": "17"})
    order: dict[str, Any] = {"numbers": ["+4915110000000"], "template": template, "key": "order-17"}
    first = create.create(hand.settings, create.Order("", **order), "test", hand.clock())
    there(hand.clock(), listed("order_ready", body("Hi {{1}}: {{2}}")))

    assert first == create.create(hand.settings, create.Order("", **order), "test", hand.clock())


def test_a_removed_account_leaves_no_templates(hand: Hand) -> None:
    """Its name may be used again, for another number."""
    installed.add(hand.settings, "shop", {}, "test", hand.clock())
    there(hand.clock(), account="shop")
    removing.remove(hand.settings, "shop", False, "test", hand.clock())

    assert [] == cloud_templates.every("shop")
