"""A WhatsApp template: what it wants filled in, and the message that it becomes."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.formats import cloud_template, template
from daemon.formats.refusals import Unsent
from daemon.formats.styles import PLAIN
from tests.support.cloud_templates import CALL, LINK, STOP, body, buttons, header


def compiled_with(text: str, place: str, value: str) -> template.Template:
    kept = cloud_template.Filled(
        name="a", language="en", media="", header=None, body=[{"place": place, "text": value}], buttons=[]
    )
    return template.compile_for(text, PLAIN, kept)


def test_what_is_wanted_is_said_in_order() -> None:
    """Header, places of the body by their number, and buttons whose address has a place; taps may report something."""
    found = cloud_template.shape([header("IMAGE"), body("{{2}} and {{1}}, {{1}}"), buttons(STOP, LINK, CALL)])

    assert ("header", "1", "2", "button_1") == found.wanted
    assert {*found.wanted, "button_0"} == found.taken
    assert ("1", "2", "button_1") == found.texts_wanted
    assert "" == found.unsupported


def test_names_come_as_they_stand() -> None:
    """A header of text has one place, a name keeps its name when it is sent."""
    text = {"type": "HEADER", "format": "TEXT", "text": "Dear {{first}}"}
    found = cloud_template.shape([text, body("{{zip}} {{city}}")], "NAMED")
    kept = cloud_template.filled("a", "de", found, {"header": "{{ name }}", "zip": "1", "city": "Bonn"})

    assert ("header", "zip", "city") == found.wanted
    assert {"place": "header", "text": "{{ name }}", "name": "first"} == kept["header"]
    assert ["zip", "city"] == [each["name"] for each in kept["body"]]


@pytest.mark.parametrize(
    ("components", "what"),
    [
        ([body(), {"type": "CAROUSEL", "cards": []}], "carousel"),
        ([body(), buttons({"type": "CATALOG", "text": "Look"})], "catalog"),
        ([header("PRODUCT"), body(), buttons({"type": "SPM", "text": "Look"})], "product, spm"),
    ],
)
def test_what_is_not_sent_from_here_is_named(components: list[dict[str, object]], what: str) -> None:
    """Rather than that Meta refuses each message."""
    assert what == cloud_template.shape(components).unsupported


def test_a_place_on_the_map_and_a_code_to_copy_are_filled_in() -> None:
    """The place by four values; coordinates are degrees with a point."""
    found = cloud_template.shape([header("LOCATION"), body("Come!"), buttons({"type": "COPY_CODE"})])
    place = {"header_latitude": "52.5163", "header_longitude": "13.3777", "header_name": "Gate", "header_address": "1"}
    kept = cloud_template.filled("a", "de", found, place | {"button_0": "SPRING25"})

    assert (*place, "button_0") == found.wanted == found.texts_wanted
    assert ("", "location") == (found.unsupported, found.shows)
    assert list(place.items()) == [(each["place"], each["text"]) for each in kept["location"]]
    assert [{"index": 0, "kind": "copy_code", "text": "SPRING25"}] == kept["buttons"]
    assert [*place.items(), ("button_0", "SPRING25")] == cloud_template.values(kept)


@pytest.mark.parametrize(
    ("place", "text", "fits"),
    [
        ("header_latitude", "-33.86", True), ("header_longitude", " 151 ", True), ("header_longitude", "-180.0", True),
        ("header_latitude", "91", False), ("header_latitude", "52,5", False), ("header_longitude", "180.1", False),
        ("header_latitude", "nan", False), ("header_latitude", "1e1", False), ("header_name", "91 N", True),
    ],
)  # fmt: skip
def test_a_coordinate_is_one(place: str, text: str, fits: bool) -> None:
    """Of latitude and longitude only."""
    fault = cloud_template.fault(place, text)
    assert (None if fits else Unsent.TEMPLATE_VALUE_NO_COORDINATE) == (fault and fault.code)


@pytest.mark.parametrize("written", ["{% if %} {{ 1 }}", "{{{1}}}", "{# no comment #} {", "100 % {{", "{{1}}}} {%"])
def test_what_stands_in_a_template_means_itself(written: str) -> None:
    """Braces, too: only places are filled in."""
    found = cloud_template.shape([body(written)])
    text = cloud_template.text_of(found, {"1": "{{ name }}"})

    wanted = written.replace("{{ 1 }}", "Ada").replace("{{1}}", "Ada")
    assert wanted == template.render(template.compile(text), {"name": "Ada"}, "+4915110000000")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("Ada\nLovelace", Unsent.TEMPLATE_VALUE_LINES),
        ("Ada\tLovelace", Unsent.TEMPLATE_VALUE_LINES),
        ("Ada\u2028Lovelace", Unsent.TEMPLATE_VALUE_LINES),
        ("Ada     Lovelace", Unsent.TEMPLATE_VALUE_BLANKS),
        (" ", Unsent.FIELD_EMPTY_IN_TEXT),
        ("", Unsent.FIELD_EMPTY_IN_TEXT),
    ],
)
def test_what_meta_would_refuse_is_told_before(value: str, code: Unsent) -> None:
    """For the person it is about, though the message as a whole could be sent."""
    compiled = compiled_with("Dear {{ name }}", "1", "{{ name }}")

    with pytest.raises(errors.TemplateError) as refused:
        template.render(compiled, {"name": value}, "+4915110000000")
    assert code == refused.value.told.code


def test_an_empty_value_names_its_place() -> None:
    """Also where the text around it is none of a field."""
    compiled = compiled_with("Hello", "button_0", '{{ code | default("") }}')

    with pytest.raises(errors.TemplateError, match="button_0"):
        template.render(compiled, {"code": ""}, "+4915110000000")


def test_four_blanks_are_fine() -> None:
    """As Meta says: more than four are not."""
    compiled = compiled_with("{{ name }}", "1", "{{ name }}")

    assert "Ada    Lovelace" == template.render(compiled, {"name": "Ada    Lovelace"}, "+4915110000000")
