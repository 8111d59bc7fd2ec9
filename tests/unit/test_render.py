"""What a message text may hold, and what happens to fields that are missing."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import errors
from daemon.formats import template as message_text


@dataclass(frozen=True)
class Person:
    position: int
    number: str = "+12125550123"
    fields: dict[str, str] = field(default_factory=dict)


def filled(text: str, **fields: str) -> str:
    return message_text.render(message_text.compile(text), fields, "+12125550123")


def refusal(text: str, **fields: str) -> str:
    with pytest.raises(errors.TemplateError) as caught:
        filled(text, **fields)
    return str(caught.value)


def test_fields_and_number_are_filled_in() -> None:
    """A field by its name; `number` is always there."""
    assert "Hi Anna 👋\n(+12125550123)" == filled("Hi {{ name }} 👋\r\n({{number}})", name="Anna")


def test_the_recipients_number_wins_over_a_field_of_that_name() -> None:
    """`number` cannot be faked by a column."""
    assert "+12125550123" == filled("{{ number }}", number="other")


@pytest.mark.parametrize("text", ["100 % {name} {# no comment #}", "a { { b } }", "}} %}", "# {#", "$name"])
def test_text_without_placeholders_is_never_interpreted(text: str) -> None:
    """Only `{{` and `{%` mean anything."""
    assert text == filled(text)


def test_comment_marks_stay_text_beside_a_placeholder() -> None:
    """`{#` means the same with and without a placeholder in the message: itself."""
    assert "{# a #} Anna" == filled("{# a #} {{ name }}", name="Anna")


@pytest.mark.parametrize("value", ["{{ 7 * 7 }}", "{% for x in y %}", "<b>&amp;</b>", "=1+1", "<script>x</script>"])
def test_a_field_is_never_interpreted(value: str) -> None:
    """Templates, markup and formulas in a contact's name arrive as they are."""
    assert f"Hi {value}" == filled("Hi {{ name }}", name=value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ name | upper }}", "ANNA MARIA"),
        ("{{ name | lower | title }}", "Anna Maria"),
        ("{{ name | first }}{{ name | last }}", "aA"),
        ("{{ name | replace('a', 'o') | capitalize }}", "Onno moria"),
        ("{{ name | truncate(6) }}", "anna…"),
        ("{{ town | default('town') }}", "town"),
        ("{{ blank | d('none', true) | upper }}", "NONE"),
        ("{{ name ~ '!' }}", "anna MariA!"),
        ("{% if blank %}a{% elif name == 'anna MariA' %}b{% else %}c{% endif %}", "b"),
        ("{% if not town and name != 'x' %}y{% endif %}", "y"),
        ("{% if language in ('de', 'at') %}Hallo{% else %}Hello{% endif %}", "Hallo"),
        ("{{ 'yes' if name is defined else 'no' }}", "yes"),
        ("{% if blank == '' %}empty{% endif %}", "empty"),
        ("{% if town %}in {{ town }}{% endif %}here", "here"),
        ("{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
    ],
)
def test_filters_and_conditions(text: str, expected: str) -> None:
    """The whole language, on fields that are there, empty (`blank`) and absent (`town`)."""
    assert expected == filled(text, name="anna MariA", blank=" ", language="de")


def test_field_names_may_be_in_any_script() -> None:
    """A column titled in Hindi can be used as it is."""
    assert "राम" == filled("{{ नाम }}", नाम="राम")


def test_missing_and_empty_fields_are_errors_that_name_them() -> None:
    """No hole in the text: both the absent and the empty field are named, but not the recipient."""
    reason = refusal("{{ name }} {{ town | upper }} {{ blank ~ '!' }}", name="Anna", blank="")

    assert "The fields blank, town are empty." == reason


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("Hi\n{{ name", 2, "not closed"),
        ("{% if name %}x", 1, "endif"),
        ("{{ name | shout }}", 1, "'shout'"),
        ("{{ name | truncate(name) }}", 1, "arguments"),
        ("{{ name.upper }}", 1, "dot"),
        ("{{ name['x'] }}", 1, "dot"),
        ("{{ ''.__class__.__mro__ }}", 1, "dot"),
        ("Hi {{1}}", 1, "no field in it"),
        ("Hi {{ 2 }},\n{{ name }}", 1, "no field in it"),
        ("{{ name }}\n{{ 'name' }}", 2, "no field in it"),
        ("{{ true }}", 1, "no field in it"),
        ("{{ 1 ~ 'a' | upper }}", 1, "no field in it"),
        ('{% if name %}{{ "Ann" }}{% endif %}', 1, "no field in it"),
        ("{{ name | attr('__class__') }}", 1, "'attr'"),
        ("\n\n{% for x in name %}{% endfor %}", 3, "loop"),
        ("{% include '/etc/passwd' %}", 1, "Include"),
        ("{% import 'x' as y %}", 1, "Import"),
        ("{% macro m() %}{% endmacro %}", 1, "Macro"),
        ("{% set x = 1 %}", 1, "Assign"),
        ("{{ range(10**9) }}", 1, "call"),
        ("{{ 'x' * 10**9 }}", 1, "arithmetic"),
        ("{{ 9 ** 9 ** 9 }}", 1, "arithmetic"),
        ("{{ -1 }}", 1, "arithmetic"),
        ("{% if age > '18' %}x{% endif %}", 1, "comparison"),
        ("{% if age == 18 %}x{% endif %}", 1, "quotes"),
        ("{{ self }}", 1, "'self'"),
        ("{{ }}", 1, "empty"),
        ("{{ name if name }}", 1, "else"),
    ],
)
def test_everything_else_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    """Loops, calls, arithmetic, attributes and tags never reach Jinja's compiler."""
    with pytest.raises(errors.TemplateError) as caught:
        message_text.compile(text)

    assert str(caught.value).startswith(f"Line {line} of the message")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 20_000 + "a" + ")" * 20_000 + " }}",
        "{{ " + "not " * 10_000 + "a }}",
        "{% if a %}" * 3_000 + "x" + "{% endif %}" * 3_000,
        "{{ " + "a ~ " * 10_000 + "a }}",
        "{{ a }}" * 9_000,
        "x" * 70_000,
        "😀" * 40_000,
        "half \ud83d",
        " \n ",
        "",
    ],
)
def test_hostile_and_empty_texts_are_refused(text: str) -> None:
    """Nesting, length, half emoji and emptiness end in a TemplateError, not in a crash."""
    with pytest.raises(errors.TemplateError):
        message_text.compile(text)


def test_a_chain_of_replacements_cannot_grow_without_bound() -> None:
    """Each step multiplies: 16 to the power of 30 characters are refused before they are made."""
    assert "65,536" in refusal("{{ a " + "| replace('a', 'aaaaaaaaaaaaaaaa')" * 30 + " }}", a="aa")


def test_lengths_are_counted_as_whatsapp_counts() -> None:
    """An emoji is two; a caption is shorter than a message."""
    template = message_text.compile("{{ name }}")

    assert "😀" * 512 == message_text.render(template, {"name": "😀" * 512}, "+1", message_text.MAX_CAPTION)
    with pytest.raises(errors.TemplateError, match="1,026 characters; 1,024 are allowed beside an attachment"):
        message_text.render(template, {"name": "😀" * 513}, "+1", message_text.MAX_CAPTION)
    with pytest.raises(errors.TemplateError, match="65,536 are allowed"):
        message_text.render(message_text.compile("{{ a }}{{ a }}{{ a }}"), {"a": "x" * 30_000}, "+1")


def test_a_blank_result_is_an_error() -> None:
    """A message of nothing is not sent."""
    assert "blank" in refusal("{% if town %}x{% endif %} ")


def test_a_template_knows_its_fields() -> None:
    """All names, `number` and those in conditions among them."""
    assert {"a", "b", "number"} == message_text.compile("{{ a }}{% if b %}{{ number }}{% endif %}").fields
    assert frozenset() == message_text.compile("none").fields


def test_problems_name_rows_and_fields_and_count_all() -> None:
    """The first few in detail, the rest as a number."""
    people = [Person(2, fields={"name": "A", "city": "B"}), *(Person(n, fields={"name": ""}) for n in range(3, 103))]

    found = message_text.problems("{{ name }} {{ city }}", people, first=2)

    assert 100 == found.count
    assert [(3, ("city", "name")), (4, ("city", "name"))] == [(each.position, each.missing) for each in found.first]


def test_check_says_it_in_one_sentence() -> None:
    """Position and field of those it does not fit; their numbers stay out of it."""
    people = [Person(2, fields={"name": "Anna"}), Person(3)]

    with pytest.raises(errors.TemplateError) as caught:
        message_text.check("Hi {{ name }}", people)

    expected = "The message does not fit 1 recipient, by position: 3 (The field name is empty)."
    assert expected == str(caught.value)
    assert {"name"} == set(message_text.check("Hi {{ name }}", people[:1]).fields)


def test_a_text_is_compiled_once_for_all_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling it takes a hundred times as long as filling it in."""
    compiled = []
    real = message_text.compile
    monkeypatch.setattr(message_text, "compile", lambda text: compiled.append(text) or real(text))
    people = [Person(n, fields={"name": f"N{n}", "city": "Rome"}) for n in range(1_000)]

    assert 0 == message_text.problems("Hi {{ name }} in {{ city }} {{ x | default('?') }}", people).count
    assert 1 == len(compiled)


@given(st.text("{}%|'\"()ab .~=!#\n\\if endif"), st.text())
def test_any_text_is_filled_in_or_refused(text: str, value: str) -> None:
    """Nothing but TemplateError comes out, whatever the text and the field."""
    try:
        filled(text, a=value, b=value)
    except errors.TemplateError as error:
        assert str(error)


BIG = "x" * 60_000


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + " ~ ".join(["a"] * 900) + " }}",
        "{{ a }}" * 900,
        "{{ " + "(" * 30 + "a" + " ~ a)" * 30 + " | upper }}",
        "{% if " + " ~ ".join(["a"] * 900) + " == 'x' %}y{% endif %}{{ a }}",
        "Hi {{ a }}" + "{% if a | upper | lower == 'x' %}y{% endif %}" * 200,
        "{{ a | default(" + " ~ ".join(["a"] * 900) + ") }}",
    ],
)
def test_neither_work_nor_output_grows_with_what_is_joined(text: str) -> None:
    """A text of some kilobytes and a long field: refused after a few texts' worth of work, however they are joined."""
    compiled = message_text.compile(text)
    tracemalloc.start()
    try:
        with pytest.raises(errors.TemplateError, match="more than 65,536 characters"):
            message_text.render(compiled, {"a": BIG}, "+4915123456789")
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


def test_a_field_that_is_longer_than_any_message_is_named() -> None:
    """Before anything is done with it."""
    with pytest.raises(errors.TemplateError, match="The field a has more than 65,536"):
        message_text.render(message_text.compile("{{ a | truncate(5) }}"), {"a": "x" * 70_000}, "+4915123456789")


def test_texts_are_joined_as_before() -> None:
    """With a name, a text in quotes, a filter and a field that is missing."""
    compiled = message_text.compile("{{ 'Dear ' ~ a | upper ~ '!' ~ (b ~ c | default('-')) }}")

    assert "Dear ANNA!b-" == message_text.render(compiled, {"a": "Anna", "b": "b"}, "+4915123456789")
    with pytest.raises(errors.TemplateError, match="The field b is empty"):
        message_text.render(compiled, {"a": "Anna"}, "+4915123456789")
