"""Mistakes in placeholders: told in words for who writes a message, with what to write instead."""

from __future__ import annotations

import re

import pytest

from daemon import errors
from daemon.formats import template

FAULTS = [
    ("Hi {{ First Name }}", "no spaces: write {{ first_name }}"),
    ("Hi {{nombre del cliente}}", "no spaces: write {{ nombre_del_cliente }}"),
    ("Hi {{ Nom  Prénom }}", "no spaces: write {{ nom_prénom }}"),
    ("Hi {{first-name}}", "write {{ first_name }}"),
    ("Hi {{ 5name }}", "no digit first: write {{ _5name }}"),
    ("Hi {{name?}}", "write {{ name }}"),
    ("Hi {{name}", "opened with {{ but not closed with }}"),
    ("Hi {{ name", "opened with {{ but not closed with }}"),
    ("Hi {{ name } and {{ city }}", "opened with {{ but not closed with }}"),
    ("Hi {{{name}}}", "two braces on each side, not three"),
    ("Hi {{{ name }}", "two braces on each side, not three"),
    ("Hi {{#if name}}{{name}}{{/if}}", "{{ #if name }} is written as in another program"),
    ("Hi {{ $name }}", "as in another program"),
    ("{{^name}}friend{{/name}}", "as in another program"),
    ('Hi {{name | default: "friend"}}', 'write {{ name | default("friend") }}'),
    ("Hi {{ name | truncate: 9 }}", 'write {{ name | truncate("9") }}'),
    ("Hi {{ “name” }}", "quotation marks in a placeholder are straight"),
    ("Hi {{ name | default(‘you’) }}", "quotation marks in a placeholder are straight"),
    ("Hi {{ }}", "a placeholder is empty"),
    ("Hi {% if name %}x", "an {% if %} has no {% endif %}"),
    ("Hi {% endif %}", "the tag {% endif %} has no {% if %} before it"),
    ("{% if a %}x{% endif %}{% else %}", "the tag {% else %} has no {% if %} before it"),
    ("{% if a %}x{% elseif b %}y{% endif %}", "write elif instead of elseif"),
    ('{% if a = "b" %}x{% endif %}', "compared by two signs"),
    ("{% if a == “b” %}x{% endif %}", "quotation marks in a tag are straight"),
    ("{% if name", "opened with {% but not closed with %}"),
    ("Hi {{ name,, }}", "a placeholder cannot be read"),
    ("Hi {{ a == }}", "a placeholder cannot be read"),
    ("{% foo %}", "a placeholder cannot be read"),
]
JINJA = re.compile(r"expected token|unexpected|got '|print statement|Encountered|unknown tag|Jinja|char ")


@pytest.mark.parametrize(("text", "words"), FAULTS)
def test_a_mistake_is_explained(text, words):
    """In one sentence, without the words of the template engine."""
    with pytest.raises(errors.TemplateError) as caught:
        template.compile(text)
    said = str(caught.value)
    assert words in said
    assert said.startswith("Line 1 of the message: ") and said.endswith(".")
    assert not JINJA.search(said)


def test_the_line_is_that_of_the_mistake():
    """Not where the engine noticed it."""
    with pytest.raises(errors.TemplateError, match="Line 3 of the message: names of fields"):
        template.compile("Hi {{ name }},\n\nyour {{ order number }} is {{ here }}.")


@pytest.mark.parametrize(
    "text",
    ["{{ name }}", "{{name|default('my friend')}}", "{% if a == 'x = y' %}{{ a }}{% else %}b{% endif %}", "{a} }}"],
)
def test_what_is_right_is_not_complained_about(text):
    """Nor what is no placeholder."""
    template.compile(text)


@pytest.mark.parametrize(
    "text", ["{{" * 20_000, "{% if a %}" * 5_000, "{{ a b }}" * 7_000, "{{ " + "a " * 30_000 + "}}"]
)
def test_a_hostile_text_costs_little(text):
    """The look for a mistake goes over the text once."""
    with pytest.raises(errors.TemplateError):
        template.compile(text)
