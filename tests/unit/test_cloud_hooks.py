"""What Meta posts is read as it is documented, and what is not as we know it is no reason to lose the rest."""

from __future__ import annotations

import json

import pytest

from daemon.states import Status
from daemon.transports.cloud import hooks
from daemon.transports.cloud.hooks import Changed, OfAccount, OfTemplate, Prefers, Reported, Unread, Who, Wrote
from tests.support.meta import BUSINESS_ID, NUMBER_ID, SECRET, batch, change, failed, signature, status, text


def only(body: bytes) -> hooks.Told:
    (found,) = hooks.read(body)
    return found


def test_only_the_right_secret_signs_only_these_bytes() -> None:
    """Of several accounts each may have its own."""
    body = batch(change("statuses", [status("sent")]))
    assert hooks.signed(body, signature(body), [SECRET])
    assert hooks.signed(body, signature(body), ["another", SECRET])
    assert not hooks.signed(body + b" ", signature(body), [SECRET])
    for given in ("", "sha256=", signature(body).removeprefix("sha256="), signature(body)[:-1], "sha1=ä", "sha256=é"):
        assert not hooks.signed(body, given, [SECRET])
    assert not hooks.signed(body, signature(body, "another"), [SECRET])
    assert not hooks.signed(body, signature(body, ""), [])


def test_a_status_says_which_message_how_far_and_when() -> None:
    """By what we sent along; by Meta's id where that is missing."""
    people = [{"profile": {"username": "x"}, "wa_id": "16505551234", "user_id": "US.1349"}]
    told = status("sent", "m:12:a:3", recipient_id="16505551234", conversation={"id": "?"}, pricing={"billable": True})
    found = only(batch(change("statuses", [told], contacts=people)))
    at, who = 1_750_030_073_000, Who("+16505551234", "US.1349")
    assert Reported(NUMBER_ID, Status.SENT, "wamid.1", 12, 3, at, who) == found
    played = only(batch(change("statuses", [status("played", "m:12:a:3")])))
    assert isinstance(played, Reported)
    assert (Status.READ, 12, 3) == (played.status, played.message_id, played.submission)
    part = only(batch(change("statuses", [status("sent", "m:12:a:3:p:1")])))
    assert isinstance(part, Reported)
    assert (12, 3, 1, None) == (part.message_id, part.submission, part.part, played.part)
    foreign = only(batch(change("statuses", [status("read", "order-7")])))
    assert isinstance(foreign, Reported)
    assert (None, "wamid.1") == (foreign.message_id, foreign.wamid)


@pytest.mark.parametrize("code", [132015, "132015"])
def test_a_code_is_one_as_number_and_as_text(code: int | str) -> None:
    """Meta's own page prints both."""
    found = only(batch(change("statuses", [failed(code, "m:1:a:1", "Template is paused.")])))
    assert isinstance(found, Reported)
    assert (Status.FAILED, 132015, "Template is paused.") == (found.status, found.code, found.words)


def test_what_people_write_is_read_with_what_it_answers() -> None:
    """A text, the button of a template, a button of a message, a caption, an emoji; and what has no words."""
    answers = {"context": {"from": "1", "id": "wamid.ours"}}
    button = {"type": "button", "button": {"text": "No more", "payload": "STOP"}}
    chosen = {
        "type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": "STOP", "title": "x"}},
    }
    image = {"type": "image", "image": {"id": "1", "caption": "look"}}
    reaction = {"type": "reaction", "reaction": {"message_id": "wamid.ours", "emoji": "\U0001f44d"}}
    odd = {"type": "unsupported", "errors": [{"code": 131051}]}
    given = [text("Hällo \U0001f600", "16505551234", **answers), *(
        {"from": "16505551234", "id": f"wamid.{n}", "timestamp": "1750030073"} | each
        for n, each in enumerate((button | answers, chosen, image, reaction, odd))
    )]  # fmt: skip
    body = batch(change("messages", given))
    assert body.isascii()
    found = hooks.read(body)
    said = [(each.text, each.asked, each.answers) for each in found if isinstance(each, Wrote)]
    assert [
        ("Hällo \U0001f600", (), "wamid.ours"),
        ("No more", ("STOP",), "wamid.ours"),
        ("x", ("STOP",), None),
        ("look", (), None),
        ("\U0001f44d", (), "wamid.ours"),
        ("", (), None),
    ] == said


def test_people_without_a_number_and_with_another_one() -> None:
    """Missing values are missing keys; the one contact that is told is who wrote."""
    given = {"from_user_id": "US.9", "id": "wamid.in", "timestamp": "1", "type": "text", "text": {"body": "hi"}}
    found = only(batch(change("messages", [given], contacts=[{"profile": {"name": "N"}, "user_id": "US.9"}])))
    assert isinstance(found, Wrote)
    assert Who(None, "US.9") == found.who
    system = {"type": "user_changed_number", "body": "A changed", "wa_id": "491701", "previous_user_id": "DE.1"}
    moved = {"from": "16505551234", "id": "wamid.s", "timestamp": "1", "type": "system"}
    now = {"system": system | {"wa_id": "4917012345678", "user_id": "DE.2"}}
    found = only(batch(change("messages", [moved | now])))
    assert isinstance(found, Changed)
    assert (Who("+16505551234", "DE.1"), Who("+4917012345678", "DE.2")) == (found.before, found.now)


def test_preferences_and_their_times_as_numbers() -> None:
    """`stop` and `resume` of marketing; any other category is nothing we know."""
    given = {"wa_id": "16505551234", "detail": "x", "category": "marketing_messages", "timestamp": 1731705721}
    found = hooks.read(batch(change("user_preferences", [
        given | {"value": "stop"}, given | {"value": "resume"}, given | {"value": "stop", "category": "calls"},
    ])))  # fmt: skip
    who = Who("+16505551234")
    at = 1_731_705_721_000
    assert [Prefers(NUMBER_ID, True, at, who), Prefers(NUMBER_ID, False, at, who), Unread("preference")] == found


def test_templates_numbers_and_accounts() -> None:
    """Ids are numbers there, and only the business account is named."""
    template = {"message_template_id": 5, "message_template_name": "offer", "message_template_language": "en_US"}
    paused = {"event": "PAUSED", "reason": "NONE", "other_info": {"title": "FIRST_PAUSE"}} | template
    restricted = [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": "1750116473"}]
    found = hooks.read(batch(
        {"field": "message_template_status_update", "value": paused},
        {"field": "message_template_quality_update", "value": {"new_quality_score": "RED"} | template},
        {"field": "template_category_update", "value": {"new_category": "MARKETING"} | template},
        {"field": "account_update", "value": {"event": "ACCOUNT_RESTRICTION", "restriction_info": restricted}},
        {"field": "something_new", "value": {"x": 1}},
    ))  # fmt: skip
    at = 1_750_030_073_000
    status_, quality, category, account = found
    field = "message_template_status_update"
    assert status_ == OfTemplate(BUSINESS_ID, field, at, "offer", "en_US", status="PAUSED", why="FIRST_PAUSE")
    assert isinstance(quality, OfTemplate)
    assert "RED" == quality.quality
    assert isinstance(category, OfTemplate)
    assert "MARKETING" == category.category
    assert isinstance(account, OfAccount)
    assert (1_750_116_473_000, ("RESTRICTED_BIZ_INITIATED_MESSAGING",)) == (account.until, account.restrictions)


def test_metas_words_come_without_numbers() -> None:
    """They are stored as the reason, and logged; Meta writes people's numbers into them. A limit is no number."""
    said = "Message failed to send to +49 1512 345-6789 because …\n(4915123456789)"
    metadata = {"phone_number_id": NUMBER_ID}
    trouble = {"metadata": metadata, "errors": [{"code": 130429, "title": said}]}
    alert = {"alert_type": "OBA", "alert_description": said, "max_daily_conversations_per_business": 100000}
    template = {"message_template_name": "offer", "message_template_language": "de", "event": "REJECTED"}
    found = hooks.read(batch(
        change("statuses", [failed(131026, "m:1:a:1", said)]),
        {"field": "messages", "value": trouble},
        {"field": "account_alerts", "value": alert},
        {"field": "message_template_status_update", "value": template | {"reason": said}},
    ))  # fmt: skip
    words = [getattr(each, "words", None) or getattr(each, "why", "") for each in found]
    plain = "Message failed to send to +… because … (…)"
    assert [plain, plain, f"100000; {plain}", plain] == words


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"{}", b'{"entry": 1}', b"\xff\xfe", b"[" * 100_000, b"1e999"]
)
def test_what_is_no_batch_is_refused_as_a_whole(body: bytes) -> None:
    """Nothing else is raised."""
    with pytest.raises(ValueError, match=r"\S"):
        hooks.read(body)


def test_one_strange_thing_does_not_lose_the_others() -> None:
    """Whatever stands where something else belongs."""
    strange = [None, 1, "x", [], {}, {"id": 1, "status": []}, {"status": "sent"}, {"id": {}, "status": "sent"},
               {"id": "w", "status": "warped"}, {"id": "w", "status": "failed", "errors": {"code": 1}}]  # fmt: skip
    body = batch(
        change("statuses", [*strange, status("sent")]), change("messages", [*strange, text("hi", "16505551234")])
    )
    found = hooks.read(body)
    assert 1 == len([each for each in found if isinstance(each, Reported) and each.status is Status.SENT])
    assert 1 == len([each for each in found if isinstance(each, Wrote) and each.text])
    assert len(found) == 2 * (len(strange) + 1)
    odd = [{"field": "messages", "value": each} for each in (None, [], {}, {"metadata": 1}, {"metadata": {}})]
    assert {Unread("messages")} == set(hooks.read(batch(*odd)))
    assert [Unread("object")] == hooks.read(b'{"object": "page", "entry": []}')


def test_half_a_character_is_no_reason_to_lose_a_batch() -> None:
    """Somebody may have typed it; no database stores it."""
    body = batch(change("messages", [text("a\ud800b\0c", "16505551234")]), change("statuses", [status("sent")]))
    wrote, sent = hooks.read(body)
    assert isinstance(wrote, Wrote)
    assert ("a?bc", True) == (wrote.text, isinstance(sent, Reported))


def test_a_large_batch_is_read_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand updates, piece by piece."""
    monkeypatch.setattr(hooks, "LARGE", 100_000)
    many = [status("sent", f"m:{n}:a:1", wamid=f"wamid.{n}", recipient_id="16505551234") for n in range(1_000)]
    body = batch(change("statuses", many))
    assert len(body) > hooks.LARGE
    assert list(range(1_000)) == [each.message_id for each in hooks.read(body) if isinstance(each, Reported)]
    assert json.loads(body)
