"""Consent on the page, by the API and by the command."""

from __future__ import annotations

from typing import Any

from daemon.config import Settings
from daemon.contacts import consents, lists
from daemon.contacts.importer import Contact, ContactList
from daemon.db import clock
from daemon.states import E164, Role
from tests.support.drafting import look, send

NUMBER, OTHER = "+4930123456", "+4930123457"
DAY = "2025-03-04"


async def test_it_is_recorded_by_the_api(api: Any, settings: Settings) -> None:
    """By any notation, with a day or a time; what is wrong is said, and a withdrawal suppresses."""
    body = {"number": "+49 30 123456", "given_on": DAY, "how": "form", "words": "shop", "text": "Yes, offers."}
    made = await api.ask("PUT", "/people/consent", json=body)
    assert (
        made
        == await api.ask("PUT", "/people/consent", json=body)
        == await api.get("/people/consent", params={"number": NUMBER})
    )
    (row,) = made["consents"]
    assert (True, False, None) == (made["given"], made["suppressed"], made["suppression"])
    assert (1_741_046_400_000, True, "shop") == (row["given_at"], row["day_only"], row["words"])
    for wrong in (
        {"given_on": None}, {"given_at": 5}, {"given_on": "04.03.2025"}, {"given_on": 7}, {"how": "magic"},
        {"how": "other", "words": ""}, {"given_on": "2099-01-01"}, {"number": "12"},
    ):  # fmt: skip
        await api.ask("PUT", "/people/consent", 422, json=body | wrong)
    gone = await api.post("/people/consent/withdraw", {"number": NUMBER, "how": "spoken"})
    assert (False, True, consents.WITHDRAWN) == (gone["given"], gone["suppressed"], gone["suppression"]["reason"])
    refused = await api.ask("PUT", "/people/consent", 409, json=body)
    assert "withdrew" in refused["detail"]


def guests() -> int:
    rows = [Contact(1, E164(NUMBER), {"opt_in_date": "03/04/2025"}), Contact(2, E164(OTHER), {"opt_in_date": "soon"})]
    made, _ = lists.create_list("Guests", ContactList(rows, columns=["opt_in_date"]), clock.now_ms())
    return made.id


async def test_a_list_is_read_by_the_api(api: Any) -> None:
    """The columns are found by their titles; what comes first in a date is asked for."""
    path = f"/lists/{guests()}/consent"
    refused = await api.post(path, {}, 422)
    assert "03/04/2025" in refused["detail"]
    done = await api.post(path, {"order": "mdy", "how": "paper"})
    assert (1, 1, [{"number": OTHER, "value": "soon"}]) == (
        done["recorded"], done["unreadable_total"], done["unreadable"]
    )  # fmt: skip
    await api.post(path, {"date_column": "nonsense"}, 422)


async def test_it_is_done_on_the_page(member: Any, browser: Any, api: Any) -> None:
    """Looked up, recorded, withdrawn; what was entered stays where it is refused. Viewers are not shown it."""
    await look(member, "/app/consent")
    refused = await send(member, "/app/consent", again=True, number="12")
    assert 422 == refused.status and 'id="find-error"' in await refused.text()
    assert "No consent is recorded." in await (await send(member, "/app/consent", again=True, number=NUMBER)).text()
    wrong = await send(
        member, "/app/consent/record", again=True, number=NUMBER, given_on=DAY, how="", text="<b>Yes</b>"
    )
    told = await wrong.text()
    assert 422 == wrong.status and 'id="record-error"' in told and "&lt;b&gt;Yes" in told and DAY in told
    given = {"number": NUMBER, "given_on": DAY, "how": "paper", "words": "card", "text": "<b>Yes</b>"}
    done = await (await send(member, "/app/consent/record", again=True, **given)).text()
    assert "The consent is recorded." in done and "Agreed on Mar 4, 2025." in done and "&lt;b&gt;Yes" in done
    body = {"number": OTHER, "given_on": DAY, "how": "form"}
    await api.ask("PUT", "/people/consent", json=body)
    assert "Recorded by the API, " in await (await send(member, "/app/consent", again=True, number=OTHER)).text()
    gone = await (await send(member, "/app/consent/withdraw", again=True, number=NUMBER, how="spoken")).text()
    assert "Withdrawn: " in gone and "On the suppression list" in gone and consents.WITHDRAWN in gone
    late = await send(member, "/app/consent/record", again=True, **given)
    assert 409 == late.status and "This person withdrew on" in await late.text()

    viewer = await browser(Role.VIEWER)
    assert "/app/consent" not in await look(viewer, "/app")
    await look(viewer, "/app/consent", 403)


async def test_a_list_is_read_on_the_page(member: Any) -> None:
    """With the columns proposed; the choice stays where a date may be two."""
    list_id = guests()
    path = f"/app/lists/{list_id}/consent"
    assert path in await look(member, f"/app/lists/{list_id}")
    assert "<option selected>opt_in_date</option>" in await look(member, path)
    asked = await send(member, path, again=True, date="opt_in_date", how="form", words="the fair")
    told = await asked.text()
    assert 422 == asked.status and "03/04/2025" in told and 'value="the fair"' in told
    done = await (await send(member, path, again=True, date="opt_in_date", how="form", order="dmy")).text()
    assert "Recorded: 1." in done and "soon" in done
