"""The buttons that act at once, where the page's script is off: each is in a form that does the same."""

from __future__ import annotations

import html
import re

import pytest

from daemon.accounts import directory
from daemon.config import Settings
from daemon.contacts import suppression
from daemon.db import clock
from daemon.delivery import moves, replies
from daemon.formats.refusals import Unsent
from daemon.i18n.coded import refusal
from daemon.models import Account, Job, Message
from daemon.states import AccountState
from daemon.transports.protocol import Health, Heard, Said
from tests.support.job_page import Client, campaign, fail_one, look, post, send_one, take

FORM = re.compile(r'<form method="post" action="([^"]*)"[^>]*>(.*?)</form>', re.S)
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
Form = tuple[str, dict[str, str]]


def forms(text: str, mark: str = " data-post=") -> list[Form]:
    """(address, fields) of the forms with such a button."""
    found = [(action, inner) for action, inner in FORM.findall(text) if mark in inner]
    return [(action, {k: html.unescape(v) for k, v in FIELD.findall(inner)}) for action, inner in found]


def ends(form: Form, address: str, **fields: str) -> bool:
    return form[0].endswith(address) and fields.items() <= form[1].items()


async def press(client: Client, page: str, address: str, **fields: str) -> str:
    """The button of `page` whose form leads there: the question is answered with yes. The page that it leads on to."""
    text = await look(client, page)
    assert len(forms(text)) == text.count(" data-post="), "a button without a form"
    ((action, given),) = [each for each in forms(text) if ends(each, address, **fields)]
    answer = await post(client, action, next=page, **given)
    if "ask" in given:
        asked = await answer.text()
        assert (200, True) == (answer.status, f"<h1>{html.escape(given['ask'])}</h1>" in asked)
        ((again, kept),) = forms(asked, 'class="danger"')
        assert again == action
        answer = await post(client, again, **kept)
    assert 303 == answer.status
    goal = answer.headers["Location"].partition("#")[0]
    await look(client, goal)
    return goal


def state(job_id: int) -> tuple[str, int, int]:
    row = Job.get_by_id(job_id)
    return row.state, row.pending, row.failed


async def test_a_campaign_is_paused_resumed_and_stopped(member: Client, settings: Settings) -> None:
    """The way back leads to the page with the button; what is not possible any more is said."""
    page = f"/app/jobs/{(job_id := campaign(settings))}"
    await press(member, page, "/pause")
    assert "paused" == state(job_id)[0]
    answer = await post(member, f"{page}/pause")
    assert (409, True) == (answer.status, "paused" in await answer.text())
    await press(member, page, "/resume")
    assert "running" == state(job_id)[0]
    await press(member, page, "/stop")
    assert ("stopped", 0, 0) == state(job_id)


async def test_what_failed_is_sent_again(member: Client, settings: Settings) -> None:
    """All of a reason, only those that a search finds, or all."""
    page = f"/app/jobs/{(job_id := campaign(settings, 12))}"
    for _ in range(12):
        fail_one()
    found = f"{page}?search=person+11"
    assert found == await press(member, found, "/retry", search="person 11")
    assert ("running", 1, 11) == state(job_id)
    await press(member, page, "/retry", code="other")
    assert ("running", 12, 0) == state(job_id)


async def test_of_one_reason_only_those_that_a_search_finds_are_sent_again(member: Client, settings: Settings) -> None:
    """The question says for whom and why they failed, and no more people than it counts get it."""
    page = f"/app/jobs/{(job_id := campaign(settings, 12))}"
    for _ in range(11):
        fail_one()
    moves.fail(take(), refusal(Unsent.MESSAGE_TOO_LONG, length=9, limit=4), clock.now_ms())
    shown = await look(member, f"{page}?state=failed&code=other&search=person+1")
    (form,) = [each for each in forms(shown) if ends(each, "/retry", search="person 1")]
    assert "Retry 2 failed messages found for “person 1”?" == form[1]["ask"]
    assert form[1]["more"].startswith("Only those that failed for this reason: ")
    assert f'data-post="/retry/{job_id}?search=person+1&amp;code=other"' in shown
    await press(member, f"{page}?state=failed&code=other&search=person+1", "/retry", search="person 1", code="other")
    assert ("running", 2, 10) == state(job_id)


@pytest.mark.parametrize(("sent", "then"), [("yes", "sent"), ("no", "pending")])
@pytest.mark.parametrize("page", ["/app/decisions", "/app/jobs/{job}", "/app/messages/{id}"])
async def test_a_message_in_doubt_is_decided(
    member: Client, settings: Settings, page: str, sent: str, then: str
) -> None:
    """On every page that shows it."""
    job_id = campaign(settings, 1)
    moves.lose(message := take(), "the chat could not be read", clock.now_ms())
    await press(member, page.format(job=job_id, id=message.id), "/decide", sent=sent)
    assert then == Message.get_by_id(message.id).state
    assert 400 == (await post(member, f"/app/messages/{message.id}/decide", sent="perhaps")).status


async def test_who_asked_for_it_gets_nothing_more(member: Client, settings: Settings) -> None:
    """From a reply."""
    campaign(settings, 1)
    number, now = send_one().number, clock.now_ms()
    replies.take("default", Heard(number, (Said("id-2", False, "Not for me"),)), frozenset(), now)
    await press(member, "/app/replies", "/app/suppressions", number=number)
    assert {number} == suppression.among([number])


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("/ask/screenshot", "screenshot"),
        ("/ask/reload", "reload"),
        ("/ask/page_check", "check_page"),
        ("/logout", "logout"),
    ],
)
async def test_an_account_is_asked(member: Client, settings: Settings, address: str, asked: str) -> None:
    """Its sender has the command; there is none of another name."""
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    await press(member, "/app/accounts", f"/default{address}")
    assert asked == Account.get().wish["what"]
    assert 404 == (await post(member, "/app/accounts/default/ask/dance")).status
