"""Errors stand at the field that they are about."""

from __future__ import annotations

import re

import pytest
from multidict import MultiDict

from daemon import errors
from daemon.campaigns.refusals import Why as OfCampaigns
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.draft_when import WhenForm
from daemon.pages.forms import Posted
from daemon.pages.pointing import Said, pointed
from daemon.pages.refusals import Why
from daemon.server import fields
from tests.support import translations

PAGE = (
    '<p id="step-error" class="error" role="alert" tabindex="-1">Too &amp; big.</p>'
    '<form id="other"><input name="cap"></form>'
    '<form id="a"><input type="hidden" name="cap" value="1"><input name="first" autofocus>'
    '<input id="cap" name="cap" aria-describedby="cap-help" aria-invalid="false" value="a > b"> '
    '<select name="zone"><option>x</option></select><textarea name="text">\nx</textarea></form>'
)


def test_every_code_that_names_a_field_is_one() -> None:
    """One that is misspelt would point nowhere."""
    known = {code.value for code in translations.wordings()} | {"too_many_files"}
    assert set() == fields.FIELDS.keys() - known


def test_an_error_is_moved_to_its_field() -> None:
    """It is described by it, wrong, and the only one with the focus; where the error stood, nothing is left."""
    page = PAGE.replace('<form id="other"><input name="cap"></form>', "")
    html = pointed(page, Said.of("Too & big.", ("daily", "cap")))
    assert '<p id="step-error" class="error" tabindex="-1" hidden></p>' in html
    tag = re.search(r'<input id="cap".*?"a > b".*?>', html)
    assert tag
    assert 'aria-invalid="true" aria-describedby="cap-wrong cap-help" autofocus>' in tag[0]
    assert f'{tag[0]}<span id="cap-wrong" class="error at-field" role="alert">Too &amp; big.</span>' in html
    assert 1 == len(re.findall(r"\sautofocus", html))
    assert 1 == html.count("Too &amp; big.")


def test_what_stands_at_its_field_stays_there() -> None:
    """Where the page has it so by itself."""
    page = (
        '<form><input name="new" aria-invalid="true" aria-describedby="help new-error" autofocus>'
        '<p id="new-error" class="error">Too short.</p></form>'
    )
    assert page == pointed(page, Said.of("Too short.", ("new",)))


@pytest.mark.parametrize(("name", "closing"), [("zone", "</select>"), ("text", "</textarea>")])
def test_it_stands_after_the_whole_field(name: str, closing: str) -> None:
    """Not within a choice, and not in a text."""
    assert f'{closing}<span id="{name}-wrong"' in pointed(PAGE, Said.of("Too & big.", (name,)))


def test_of_several_forms_the_refused_one_is_meant() -> None:
    """That with the error in it; and a page without the field stays as it is, with its own focus."""
    inside = PAGE.replace('<input name="first"', '<p class="error">Wrong.</p><input name="first"')
    html = pointed(inside, Said.of("Wrong.", ("cap",)))
    assert '<form id="other"><input name="cap"></form>' in html
    assert PAGE == pointed(PAGE, Said.of("Too & big.", ("nothing",)))


@pytest.mark.parametrize(
    ("form", "sent", "field"),
    [
        (WhenForm, {"delay_min": "x"}, "delay_min"),
        (WhenForm, {"daily_cap": "many"}, "daily_cap"),
        (forms.DryRun, {"days": "0"}, "days"),
    ],
)
def test_a_form_says_which_field_it_could_not_read(form: type[forms.Form], sent: dict[str, str], field: str) -> None:
    """Whoever reads a value does not know what it is called."""
    with pytest.raises(errors.InvalidInput) as refused:
        Posted(MultiDict({"days": "7", "delay_min": "1", "delay_max": "2"} | sent)).parsed(form)
    assert field == fields.names(refused.value)[0]


def test_a_sentence_knows_its_field() -> None:
    """By its code, by its kind, or by whoever raised it; what is about no one field has none."""
    shown = said(errors.InvalidInput(OfCampaigns.SCHEDULE_UNFIT))
    assert isinstance(shown, Said)
    assert ("schedule_at", "at") == shown.names
    assert "file" == fields.names(errors.UnreadableFile(Why.FILE_ABOVE_LIMIT, file="x", limit=1))[0]
    assert () == fields.names(errors.EditConflict(OfCampaigns.DRAFT_CHANGED))


def test_of_a_choice_it_stands_under_the_title() -> None:
    """Within the label of the first answer it would be taken for a part of that one."""
    answers = (
        '<label><input type="radio" name="who" value="a"> A</label><label><input type="radio" name="who"> B</label>'
    )
    told = '<span id="who-wrong" class="error at-field" role="alert">Choose one.</span>'
    error = '<p class="error">Choose one.</p>'
    chosen = answers.replace(' value="a"', ' value="a" aria-describedby="who-wrong" autofocus', 1)
    for before in ("<fieldset><legend>Who?</legend>", "<fieldset><legend>Else?</legend></fieldset>"):
        page = pointed(f"<form>{error}{before}{answers}</form>", Said.of("Choose one.", ("who",)))
        assert page == f'<form><p class="error" hidden></p>{before}{told}{chosen}</form>'
