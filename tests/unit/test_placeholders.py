"""Placeholders of other tools are sent as they stand: they are found, with the column that is probably meant."""

from __future__ import annotations

import pytest

from daemon.formats import placeholders, template
from daemon.formats.placeholders import Foreign

FIELDS = ["name", "first_name", "city", "número_de_pedido"]


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("{name}", "name"),
        ("[name]", "name"),
        ("%name%", "name"),
        ("${name}", "name"),
        ("<name>", "name"),
        ("<<Name>>", "name"),
        ("{First Name}", "first_name"),
        ("%FIRST_NAME%", "first_name"),
        ("[[city]]", "city"),
        ("*|FNAME|*", "name"),
        ("#{city}", "city"),
        ("«City»", "city"),
        ("{Número de pedido}", "número_de_pedido"),
        ("@city@", "city"),
        ("{firstname}", "first_name"),
        ("{coupon}", ""),
        ("${link}", ""),
    ],
)
def test_a_foreign_placeholder_is_found_with_its_column(written: str, field: str) -> None:
    found = placeholders.foreign(f"Hi {written}, {{{{ name }}}}!", FIELDS)
    assert [Foreign(written, field)] == found
    assert written in str(found[0].told)
    assert not field or f"{{{{ {field} }}}}" in str(found[0].told)


@pytest.mark.parametrize("written", ["{Hi|Hello|Hey}", "{a|b}", "{Good morning|Good evening|}"])
def test_words_to_choose_from_are_not_chosen(written: str) -> None:
    (found,) = placeholders.foreign(f"{written} {{{{ name }}}}", FIELDS)
    assert found.choices
    assert "does not choose" in str(found.told)


@pytest.mark.parametrize(
    "text",
    [
        "Hi {{ name }}", "{% if name %}{{ name | upper }}{% endif %}", "100% off, 50% of all", "see [1] and <3",
        "a < b > c",
        "(name)", "{ }", "[ok]",
        "mail me@example.org, you@example.org", "5 % und 7 %",
        "{{ city ~ '{' ~ name ~ '}' }}",
    ],
)  # fmt: skip
def test_what_is_none_is_left_alone(text: str) -> None:
    assert [] == placeholders.foreign(text, FIELDS)


def test_few_are_named() -> None:
    """Each once, and not all of a text that is somebody's code."""
    assert 1 == len(placeholders.foreign("{name} {name}", FIELDS))
    assert placeholders.MOST == len(placeholders.foreign(" ".join(f"{{a{n}}}" for n in range(50)), FIELDS))


def test_braces_are_written_in_quotes() -> None:
    """A constant that is no word stands for itself."""
    assert "{{ Ann }}" == template.render(template.compile("{{ '{{' }} {{ name }} {{ '}}' }}"), {"name": "Ann"}, "+1")
