"""A campaign that is relative to a date of each person: chosen at Time, seen in the dry run and at the start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.models import Job, Message
from tests.support.drafting import Client, check, draft_of, look, post, refused, with_message

GIVEN = {"start": "dated", "zone": "UTC", "delay_min": "1", "delay_max": "2", "dated_field": "termin"}
GIVEN |= {"dated_days": "2", "dated_side": "before", "dated_time": "09:00"}


def people(*days: str) -> str:
    return "name,phone,termin\n" + "".join(f"P{n},+4915110000{n:03},{day}\n" for n, day in enumerate(days))


def day(ahead: int, pattern: str = "%Y-%m-%d") -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).strftime(pattern)


async def test_from_the_form_to_the_queue(member: Client) -> None:
    """Who has no date, or whose time has passed, is listed with the reason; each of the others has their own time."""
    sheet = people(day(10), day(5), day(1), day(-3), "", day(7))
    base = await with_message(member, people=sheet)
    assert "By a date of each person" in await look(member, f"{base}/when")
    await post(member, f"{base}/when", go="next", **GIVEN)
    page = await check(member, base)
    for words in ("3 people will get it", "The time has passed <b>2</b>", "No readable date <b>1</b>"):
        assert words in page
    assert "each on their own day" in page
    assert "The field termin has no readable date." in await look(member, f"{base}/check?reason=no_date")
    assert f"The time for the date {day(1)} in termin has passed." in await look(
        member, f"{base}/check?reason=date_passed"
    )
    shown = await look(member, f"{base}/check?reason=people")
    assert [3, 5, 8] == [n for n in range(-5, 11) if f"{day(n)}T09:00:00Z" in shown]
    assert "each person on their own day" in await look(member, f"{base}/start")
    await post(member, f"{base}/start")
    times = [row.not_before for row in Message.select().order_by(Message.not_before)]
    assert [f"{day(n)}T09:00:00" for n in (3, 5, 8)] == [
        datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") for at in times
    ]
    assert {"field": "termin", "days": -2, "time": "09:00", "order": ""} == Job.get().dated


async def test_what_comes_first_is_asked_where_it_is_unclear(member: Client) -> None:
    """At its field; the answer is kept with the draft."""
    base = await with_message(member, people="name,phone,termin\nAnna,+493023125001,03/04/2031\n")
    assert "dated_order" in await look(member, f"{base}/when")
    assert "say which comes first" in await refused(member, f"{base}/when", 422, **GIVEN)
    await post(member, f"{base}/when", go="next", **GIVEN, dated_order="mdy")
    assert '<option value="mdy" selected' in await look(member, f"{base}/when")
    await check(member, base)
    when = draft_of(base).data.when
    assert when is not None and when.dated is not None and (-2, "mdy") == (when.dated.days, when.dated.order)


async def test_what_is_missing_in_the_form_is_said(member: Client) -> None:
    """A column without dates is not offered; a file without such a column has no such choice."""
    base = await with_message(member, people=people(day(10)))
    assert "column that has dates" in await refused(member, f"{base}/when", 422, **GIVEN | {"dated_field": "name"})
    assert "time of day" in await refused(member, f"{base}/when", 422, **GIVEN | {"dated_time": "soon"})
    assert 'value="dated"' not in await look(member, f"{await with_message(member)}/when")
