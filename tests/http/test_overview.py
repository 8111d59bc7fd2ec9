"""The first page: what needs somebody, the week in figures, the accounts, the campaigns and the first steps."""

from __future__ import annotations

import html
import re

from aiohttp import ClientResponse

from daemon.accounts import directory, limits
from daemon.campaigns import lifecycle
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import moves, receipts, replies
from daemon.models import Account, Job, Reply
from daemon.states import AccountState, Status
from daemon.transports.protocol import Health, Heard, Said, StatusUpdate
from tests.support.job_page import Client, campaign, fail_one, look, send_one, take


def plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<(style|title)>.*?</\1>|<[^>]+>", " ", text, flags=re.S)).split())


async def post(member: Client, path: str, data: dict[str, str]) -> ClientResponse:
    headers = {"Accept": "text/html", "Origin": f"http://{member.host}:{member.port}"}
    return await member.post(path, data=data, headers=headers, allow_redirects=False)


def part(text: str, name: str) -> str:
    """The section or part with that id, in words."""
    found = re.search(rf'<(section|div|li|tr|table)[^>]* id="{name}"[^>]*>.*?</\1>', text, re.S)
    return plain(found[0]) if found else ""


async def test_a_week_is_told_in_tiles_and_day_by_day(member: Client, settings: Settings) -> None:
    """Each with its values to be pointed at, and the same in a table."""
    assert 'id="week"' not in await look(member, "/app")
    campaign(settings, 4)
    sent = [send_one() for _ in range(3)]
    now = clock.now_ms()
    receipts.take("default", [StatusUpdate(Status.READ, now, message_id=sent[0].id)], now)
    replies.take("default", Heard(sent[0].number, [Said("id-1", True, ""), Said("r", False, "Yes")]), frozenset(), now)
    text = await look(member, "/app")
    assert ["Sent 3", "Delivered 1", "Read 1", "Replied 1"] == [
        part(text, f"tile-{name}").removesuffix(" last 7 days") for name in ("sent", "delivered", "read", "replied")
    ]
    assert 4 * 7 == len(re.findall(r'class="hit"[^>]*><title>', text))
    assert re.search(r"3 1 1 1 *$", part(text, "week").split("Day by day")[1].rstrip())
    assert len(text) < 100_000


async def test_what_needs_somebody_links_to_where_it_is_done(member: Client, settings: Settings) -> None:
    """And is not there where there is nothing; a reply is read once somebody has seen it."""
    campaign(settings, 3)
    message = send_one()
    assert "Needs you" not in await look(member, "/app")
    now = clock.now_ms()
    replies.take("default", Heard(message.number, [Said("id-1", True, ""), Said("r", False, "Yes")]), frozenset(), now)
    moves.lose(take(), "It could not be told.", now)
    directory.report("default", Health(AccountState.OFFLINE), now)
    text = await look(member, "/app")
    for name, path in (("undecided", "/app/decisions"), ("held-default", "/app/accounts#account-default")):
        assert f'href="{path}"' in re.search(rf'<li id="{name}">.*?</li>', text, re.S)[0]
    assert "1 unread reply" in part(text, "unread")
    await look(member, "/app/replies")
    assert "unread" not in part(await look(member, "/app"), "needs")
    assert not Reply.get().fresh


async def test_an_account_that_is_logged_out_needs_somebody_if_it_has_a_campaign(
    member: Client, settings: Settings
) -> None:
    """Also where that is paused: it could not go on. Without one there is nothing to wait for."""
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="2@a"), clock.now_ms())
    assert "Needs you" not in await look(member, "/app")
    job_id = campaign(settings, 3)
    lifecycle.pause(job_id, "test", clock.now_ms())
    assert 'id="held-default"' in await look(member, "/app")


async def test_an_account_says_its_number_its_use_and_its_next_message(member: Client, settings: Settings) -> None:
    """What is not known is not said."""
    campaign(settings, 2)
    send_one()
    Account.update(number="+4915112345678", daily_cap=50).execute()
    text = part(await look(member, "/app"), "accounts")
    assert "+4915112345678" in text
    assert "1 of 50" in text
    assert "Next message" in text
    assert "none is due" not in text
    Job.update(pending=0, state="completed").execute()
    assert "none is due" in part(await look(member, "/app"), "accounts")


async def test_campaigns_are_searched_filtered_archived_and_leafed_through(
    member: Client, settings: Settings, monkeypatch
) -> None:
    """An archived one is found in the archive, and comes back."""
    monkeypatch.setattr("daemon.pages.overview.JOBS_SHOWN", 2)
    ids = [campaign(settings, 1, name=name) for name in ("Spring", "Summer", "Autumn")]

    async def names(query: str = "") -> list[str]:
        return re.findall(r'<a href="/app/jobs/\d+"><bdi>(\w+)</bdi>', await look(member, f"/app{query}"))

    assert ["Autumn", "Summer"] == await names()
    assert ["?cursor=2"] == re.findall(r'href="/app(\?cursor=\d+)"', await look(member, "/app"))
    assert ["Spring"] == await names("?cursor=2")
    assert ["Summer"] == await names("?search=summ")
    assert "No campaign has this in its name." in await look(member, "/app?search=winter")
    lifecycle.stop(ids[2], "test", clock.now_ms())
    assert ["Autumn"] == await names("?show=over")
    refused = await post(member, f"/app/jobs/{ids[0]}/archive", {})
    assert 409 == refused.status
    done = await post(member, f"/app/jobs/{ids[2]}/archive", {"next": "/app?show=over"})
    assert (303, "/app?show=over") == (done.status, done.headers["Location"])
    assert ["Summer", "Spring"] == await names()
    assert ["Autumn"] == await names("?show=archived")
    await post(member, f"/app/jobs/{ids[2]}/unarchive", {})
    assert [] == await names("?show=archived")


async def test_first_steps_are_ticked_off_and_can_be_hidden(member: Client, settings: Settings) -> None:
    """Each leads to where it is done, until it is; hidden they stay so in this browser."""
    text = await look(member, "/app")
    assert '<a href="/app/users">' in text
    assert 0 == text.count('<li class="done">')
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    limits.set_limits("default", limits.Limits(timezone="Europe/Berlin"), "test")
    await post(member, "/app/accounts/default/zone", {"country": "DE"})
    assert "DE" == directory.country(settings)
    text = await look(member, "/app")
    assert 2 == text.count('<li class="done">')
    await post(member, "/app/checklist", {})
    assert "First steps" not in await look(member, "/app")


async def test_a_campaign_has_tabs_and_a_summary(member: Client, settings: Settings) -> None:
    """Failures by reason, replies, what each person got, what was done; and all figures on one sheet."""
    job_id = campaign(settings, 4)
    message = send_one()
    fail_one("No such number.")
    now = clock.now_ms()
    replies.take(
        "default", Heard(message.number, [Said("id-1", True, ""), Said("r", False, "Gern!")]), frozenset(), now
    )
    page = f"/app/jobs/{job_id}"
    text = await look(member, page)
    assert "Why messages failed 1 No such number." in part(text, "failures")
    assert f'data-post="/retry/{job_id}?code=other"' in text
    assert f"/jobs/{job_id}/report.xlsx?state=failed&amp;code=other" in text.replace("&code", "&amp;code")
    assert ["Person 1"] == re.findall(r"<b><bdi>(Person \d+)", await look(member, f"{page}?state=failed&code=other"))
    assert "Gern!" in await look(member, f"{page}?tab=replies")
    assert "Hi Person 0" in part(await look(member, f"{page}?tab=message"), "as-sent")
    assert "Hi Person 2" in await look(member, f"{page}?tab=message&person={message.id + 2}")
    await look(member, f"{page}?tab=message&person=99999", 404)
    lifecycle.pause(job_id, "Anna", now)
    assert re.search(r"paused Anna", part(await look(member, f"{page}?tab=settings"), "settings"))
    assert "Pause" not in re.findall(r"<button[^>]*>(\w+)</button>", await look(member, page))
    told = plain(await look(member, f"{page}/summary"))
    for words in ("Greeting", "4 queued 1 sent", "No such number.", "Account default", "1 sent"):
        assert words in told or words == "1 sent"
