"""A new campaign's columns: which rows are wanted, who wants no messages, a second number, and last week's choice."""

from __future__ import annotations

import re

import pytest

from daemon.campaigns import drafts, known_columns
from daemon.campaigns.draft_content import Reason
from daemon.contacts.row_rules import Condition, Rule
from daemon.models import Job, KnownColumns
from tests.support.drafting import (
    Client,
    begin,
    check,
    draft_of,
    look,
    map_columns,
    post,
    refused,
    send,
    with_people,
)

CLINIC = """Name;Handy;Festnetz;WhatsApp;Ort
Anna;+49 151 12345678;;ja;Berlin
Ben;;+49 30 23125001;ja;Leeds
Carl;+49 151 12345679;;Nein;Berlin
Dora;+49 151 12345670;;nein;Leeds
"""
RULE = {"rule_only-0": "not", "rule_column-0": "4", "rule_test-0": "is", "rule_value-0": " leeds "}


def _words(page: str) -> str:
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.S).split())


async def _decided(member: Client, answer: str = "exclude-rows:3", **changes: str) -> str:
    base = await with_people(member, CLINIC)
    assert f"{base}/columns#rules" == await map_columns(member, base, go=answer)
    await map_columns(member, base, **changes)
    return base


async def test_rows_that_want_no_messages_are_asked_about(member: Client) -> None:
    """The question names the column and the value; without an answer nobody goes on."""
    base = await with_people(member, CLINIC)
    page = await look(member, f"{base}/columns")
    assert "2 people may not want messages: WhatsApp Nein" in _words(page)
    said = await refused(
        member, f"{base}/columns", 422, go="next", **{"role-1": "number", "role-0": "field", "name-0": "a"}
    )
    assert "choose “Exclude them” or “Include them”" in said

    await map_columns(member, base, go="exclude-rows:3")
    page = _words(await look(member, f"{base}/columns"))
    assert "may not want" not in page and "2 rows match" in page and "2 of 4 rows remain" in page
    assert f"{base}/numbers" == await map_columns(member, base, go="next")
    assert (Rule(3, False, Condition.IS, "Nein"),) == draft_of(base).data.columns.rules


async def test_a_column_that_fills_gaps_is_proposed_as_the_second_number(member: Client) -> None:
    """It is chosen already when the columns are first seen, and can be chosen otherwise."""
    base = await with_people(member, CLINIC)
    assert (1, 2) == (draft_of(base).data.columns.phone, draft_of(base).data.columns.second)
    await map_columns(member, base, go="include-rows:3", role__2="ignore")
    assert draft_of(base).data.columns.second is None


async def test_whoever_includes_them_is_not_asked_again(member: Client) -> None:
    """The answer is kept; another row of titles is another question."""
    base = await _decided(member, "include-rows:3")
    assert [None] * 4 == [each.why and each.why.code if each.ruled else None for each in drafts.people(draft_of(base))]
    assert "may not want" not in await look(member, f"{base}/columns")


async def test_everybody_whom_a_rule_leaves_out_is_in_the_report(member: Client) -> None:
    """By a code of its own, in the dry run, its download, and the job that is made; never as a bad number."""
    base = await _decided(member, role__2="second")
    page = _words(await look(member, f"{base}/numbers"))
    assert "2 of 2 can be messaged" in page and "2 more rows are excluded by your rules" in page
    assert "Anna" not in await look(member, f"{base}/rejected.csv")
    await post(member, f"{base}/numbers", go="next")
    await post(member, f"{base}/message", text="Hi {{ name }}", go="next")
    await post(member, f"{base}/when", name="Recall", delay_min="1", delay_max="3", start="now")
    await check(member, base)

    found = drafts.report(draft_of(base))
    assert found is not None and (4, 2, {Reason.RULE: 2}) == (found.total, found.people, found.counts)
    shown = _words(await look(member, f"{base}/check?reason=rule"))
    assert "Excluded by your rules 2" in shown and "excludes rows where WhatsApp is “Nein”" in shown
    assert "Carl" in await look(member, f"{base}/left-out.csv")

    await post(member, f"{base}/start", version=str(draft_of(base).version))
    job = Job.get()
    assert ["+4915112345678", "+493023125001"] == [each.number for each in job.messages.order_by("id")]
    assert [("+4915112345679", "rule_is"), ("+4915112345670", "rule_is")] == [
        (each[1].replace(" ", ""), each[3]) for each in job.rejected
    ]


async def test_rules_are_counted_before_anything_is_saved(member: Client) -> None:
    """As our script asks while they are entered; and by the button, without it."""
    base = await _decided(member, "include-rows:3")
    before = draft_of(base)
    response = await send(member, f"{base}/columns/counts", json=True, again=True, **RULE)
    assert {"matches": ["2 rows match"], "remain": "2 of 4 rows remain"} == await response.json()
    response = await send(member, f"{base}/columns/counts", json=True, again=True, **{**RULE, "rule_value-0": " "})
    assert {"matches": ["Enter a value."], "remain": "4 of 4 rows remain"} == await response.json()
    assert before == draft_of(base)

    assert f"{base}/columns#rules" == await map_columns(member, base, go="rules", **RULE)
    page = _words(await look(member, f"{base}/columns"))
    assert "2 rows match" in page and "2 of 4 rows remain" in page
    assert f"{base}/columns#rules" == await map_columns(member, base, go="drop-rule:0", **RULE)
    assert () == draft_of(base).data.columns.rules
    await map_columns(member, base, go="add-rule")
    assert (Rule(0, False, Condition.IS, ""),) == draft_of(base).data.columns.rules


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ({"rule_value-0": "  "}, "Rule 1: enter a value, or remove the rule."),
        ({"rule_test-0": "is_not_empty"}, "Your rules exclude every row: change one of them."),
    ],
)
async def test_rules_that_cannot_be_meant_are_refused(member: Client, rule: dict[str, str], wanted: str) -> None:
    """What was entered stays on the page; nothing is saved."""
    base = await _decided(member, "include-rows:3")
    entered = {**RULE, **rule, "role-1": "number", "role-0": "field", "name-0": "a"}
    assert wanted == await refused(member, f"{base}/columns", 422, go="next", **entered)
    assert () == draft_of(base).data.columns.rules


async def test_what_was_chosen_last_week_is_taken_with_one_click(member: Client) -> None:
    """Columns, rules and country, for a file with the same row of titles, wherever it stands; for no other file."""
    base = await _decided(member, role__2="second", role__4="ignore")
    await post(member, f"{base}/numbers", country="DE", go="next")
    await post(member, f"{base}/message", text="Hi {{ name }}", go="next")
    await post(member, f"{base}/when", name="Recall", delay_min="1", delay_max="3", start="now")
    await check(member, base)
    assert 0 == KnownColumns.select().count()  # only what was started is worth keeping
    await post(member, f"{base}/start", version=str(draft_of(base).version))

    other = await with_people(member, CLINIC.replace("Ort", "Stadt"))
    assert "such a file" not in await look(member, f"{other}/columns")
    week = "Recall list of the practice\n" + CLINIC.replace("Name;Handy", " NAME ;handy")
    following = await with_people(member, week)
    assert "There was 1 rule." in _words(await look(member, f"{following}/columns"))
    assert f"{following}/columns" == await post(member, f"{following}/columns", go="known")

    found = draft_of(following).data
    assert (1, 2, ("name", "", "", "whatsapp", "")) == (found.columns.phone, found.columns.second, found.columns.names)
    assert ("DE", (Rule(3, False, Condition.IS, "Nein"),)) == (found.numbers.country, found.columns.rules)
    page = _words(await look(member, f"{following}/columns"))
    assert "such a file" not in page and "may not want" not in page and "2 of 4 rows remain" in page
    await map_columns(member, following)
    assert [False, False, True, True] == [each.ruled for each in drafts.people(draft_of(following))]
    said = await send(member, f"{following}/columns", json=True, go="known")
    assert 422 == said.status


async def test_ignored_columns_are_folded(member: Client) -> None:
    """They stay where they can be chosen; an empty one is among them."""
    base = await with_people(member, "Name;Phone;Fax\nAnna;+49 151 12345678;\n")
    page = await look(member, f"{base}/columns")
    assert re.search(r"<details[^>]*>\s*<summary>1 ignored column.*?name=\"role-2\"", page, re.S)


async def test_only_one_second_column(member: Client) -> None:
    base = await begin(member)
    await post(member, f"{base}/people", [("file", CLINIC.encode(), "a.csv")], go="next")
    said = await refused(
        member, f"{base}/columns", 422, go="next", **{"role-1": "number", "role-2": "second", "role-4": "second"}
    )
    assert "Only one column can be the second phone number." == said


def test_only_the_newest_choices_are_kept(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number has a limit, and a choice for the same titles replaces the one before."""
    monkeypatch.setattr(known_columns, "MOST", 2)
    for at, title in enumerate(["a", "b", "b", "c"]):
        columns = drafts.ChosenColumns(phone=0, names=(title,), shape=known_columns.shape([title]))
        known_columns.remember(columns, f"X{at}", at)
    assert {"X2", "X3"} == {row.country for row in KnownColumns.select()}
    assert known_columns.find([known_columns.shape(["a"])]) is None
    assert "X2" == known_columns.find([known_columns.shape(["a"]), known_columns.shape([" B", ""])]).country


# Rows that share a number

FAMILY = """Name;Handy;Termin
Ana;+49 151 12345678;9:00
Bia;0049 151 12345678;9:30
Cem;+49 151 12345670;10:00
Ana;+4915112345678;9:00
Dora;+49 151 12345670;
"""


async def _shared(member: Client, per: str) -> str:
    base = await with_people(member, FAMILY)
    await map_columns(member, base)
    assert "share a number" in await refused(member, f"{base}/numbers", 422, go="next")
    await post(member, f"{base}/numbers", go="next", per=per)
    await post(member, f"{base}/message", text="{{ name }}: {{ termin }}", go="next")
    await post(member, f"{base}/when", name="Recall", delay_min="1", delay_max="3", start="now")
    await check(member, base, recent="keep")
    return base


async def test_people_who_share_a_number_are_asked_about(member: Client) -> None:
    """By their names; a row that says the same as another one is none of them, and nobody goes on without an answer."""
    base = await with_people(member, FAMILY)
    await map_columns(member, base)
    page = _words(await look(member, f"{base}/numbers"))
    assert "2 numbers are shared by several rows" in page and "2 of 5 can be messaged" in page
    assert "+4915112345678 : Ana , Bia" in page and "+4915112345670 : Cem , Dora" in page
    await post(member, f"{base}/numbers", go="country", per="row")
    page = await look(member, f"{base}/numbers")
    assert "4 of 5 can be messaged" in _words(page) and 'value="row" checked' in page
    assert "Bia" in _words(await look(member, f"{base}/numbers?group=prefix"))


async def test_each_person_gets_their_own(member: Client) -> None:
    """With their own fields; the row that says the same is listed with the one that stands for it."""
    base = await _shared(member, "row")
    found = drafts.report(draft_of(base))
    assert found is not None and [(5, "same_row"), (6, "field_empty")] == [
        (each.row, each.details.code) for each in found.left_out
    ]
    await post(member, f"{base}/start", version=str(draft_of(base).version))
    sent = [(each.number, each.nth, each.fields["name"]) for each in Job.get().messages.order_by("id")]
    assert [("+4915112345678", 0, "Ana"), ("+4915112345678", 1, "Bia"), ("+4915112345670", 0, "Cem")] == sent


async def test_or_one_for_each_number_and_who_was_merged_is_listed(member: Client) -> None:
    """With the row and the name of whoever gets it."""
    base = await _shared(member, "number")
    shown = _words(await look(member, f"{base}/check?reason=duplicate"))
    assert "Bia +4915112345678 Row 2 (Ana) has the same number and gets the message." in shown
    assert "Dora +4915112345670 Row 4 (Cem) has the same number and gets the message." in shown
    await post(member, f"{base}/start", version=str(draft_of(base).version))
    job = Job.get()
    assert ["Ana", "Cem"] == [each.fields["name"] for each in job.messages.order_by("id")]
    assert ["merged", "same_row", "merged"] == [each[3] for each in job.rejected]
