"""Dates, times, numbers and amounts in a message: read as people write them, written in the campaign's language."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.formats import styles, template, values
from daemon.formats.refusals import Unsent, Why
from daemon.formats.styles import Column, Styles
from daemon.formats.values import Kind

GERMAN = Styles("de_DE", "Europe/Berlin")
CASES = [
    ('{{ x|date("EEEE d. MMMM") }}', "2026-11-29", "Sonntag 29. November"),
    ('{{ x|date("EEEE d. MMMM") }}', "29.11.26", "Sonntag 29. November"),
    ("{{ x|date }}", "So, 29. Nov. 2026 um 14.30 Uhr", "29.11.2026"),
    ("{{ x|time }}", "2:30 PM", "14:30"),
    ("{{ x|time }}", "2026-11-29T13:30:00Z", "14:30"),
    ("{{ x|date('d. MMMM, HH:mm') }}", "2026-11-29 08:05", "29. November, 08:05"),
    ("{{ x|date }}", "November 29, 2026", "29.11.2026"),
    ("{{ x|date }}", "25/04/2026", "25.04.2026"),
    ('{{ x|date(order="mdy") }}', "03/04/2026", "04.03.2026"),
    ("{{ x|money }}", "1234.5", "1.234,50 €"),
    ("{{ x|money }}", "1.234 €", "1.234,00 €"),
    ('{{ x|money("CHF") }}', "12", "12,00 CHF"),
    ("{{ x|number }}", "1,234.50", "1.234,5"),
    ('{{ x|number("#,##0.00") }}', "1234,5", "1.234,50"),
    ("{{ x|date|default('bald') }}", "", "bald"),
]


@pytest.mark.parametrize(("text", "cell", "expected"), CASES)
def test_a_message_writes_it_by_a_pattern(text: str, cell: str, expected: str) -> None:
    """Whatever it looks like in the file."""
    assert expected == template.render(template.compile(text, GERMAN), {"x": cell}, "+49")


@pytest.mark.parametrize(
    ("text", "cell", "code"),
    [
        ("{{ x|date }}", "morgen", Unsent.NOT_A_DATE),
        ("{{ x|date }}", "30.02.2026", Unsent.NOT_A_DATE),
        ("{{ x|date }}", "14:30", Unsent.NOT_A_DATE),
        ("{{ x|date }}", "03/04/2026", Unsent.DATE_AMBIGUOUS),
        ("{{ x|time }}", "03/04/2026 14:30", Unsent.DATE_AMBIGUOUS),
        ("{{ x|time }}", "29.11.2026", Unsent.NOT_A_TIME),
        ("{{ x|date('d. MMMM HH:mm') }}", "29.11.2026", Unsent.NOT_A_TIME),
        ("{{ x|time }}", "2026-03-04T10:00+25:00", Unsent.NOT_A_TIME),
        ("{{ x|date }}", "0001-01-01T00:00+05:00", Unsent.NOT_A_DATE),
        ("{{ x|number }}", "1.234", Unsent.NUMBER_AMBIGUOUS),
        ("{{ x|number }}", "viele", Unsent.NOT_A_NUMBER),
        ("{{ x|money }}", "12 Kekse", Unsent.NOT_A_NUMBER),
    ],
)
def test_what_cannot_be_read_is_refused_for_that_person(text: str, cell: str, code: Unsent) -> None:
    """With a code and the field's name, but not with what stands there; and never guessed."""
    person = values_of(cell)
    found = template.problems(template.compile(text, GERMAN), [person]).first[0]
    assert (code, template.Trouble.UNREADABLE) == (found.reason.code, found.kind)
    assert "x" in str(found.reason)
    assert cell not in str(found.reason)


def test_an_amount_without_a_currency_needs_one() -> None:
    """A language alone names no country, so no currency."""
    with pytest.raises(errors.TemplateError) as refused:
        template.render(template.compile("{{ x|money }}", Styles("de")), {"x": "12"}, "+49")
    assert Unsent.CURRENCY_UNKNOWN == refused.value.told.code


@pytest.mark.parametrize(
    "text",
    [
        '{{ x|date("foo") }}',
        '{{ x|date("DD.MM.YYYY") }}',
        "{{ x|date(x) }}",
        '{{ x|date("d", order="ymd") }}',
        '{{ x|money("Taler") }}',
        '{{ x|number("viel") }}',
        '{{ x|date("' + "d" * 65 + '") }}',
    ],
)
def test_a_pattern_that_says_nothing_is_refused_while_writing(text: str) -> None:
    """Also YYYY and DD, which mean other things than most think."""
    with pytest.raises(errors.TemplateError) as refused:
        template.compile(text)
    assert Why.PATTERN_UNFIT == refused.value.told.code


def test_a_column_is_written_as_in_the_file_unless_it_was_chosen() -> None:
    """A filter still reads what stands in the file."""
    chosen = Styles("en_GB", "UTC", (("day", Column("weekday", "dmy")), ("fee", Column("money"))))
    text = template.compile("{{ day }} / {{ day|date('yyyy') }} / {{ fee }} / {{ plain }}", chosen)
    fields = {"day": "03/04/2026", "fee": "1.234,50 €", "plain": "03/04/2026"}
    assert "Friday 3 April / 2026 / €1,234.50 / 03/04/2026" == template.render(text, fields, "+44")
    assert chosen == styles.restored(chosen.stored())


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["29.11.2026", "", "1.12.2026"], (Kind.DATE, False)),
        (["03/04/2026", "25/04/2026"], (Kind.DATE, True)),
        (["29.11.2026 14:30"], (Kind.MOMENT, False)),
        (["14:30", "9:05"], (Kind.TIME, False)),
        (["1,5", "2"], (Kind.NUMBER, False)),
        (["12 €", "€ 3,50"], (Kind.MONEY, False)),
        (["1001", "1002"], (None, False)),
        (["29.11.2026", "Anna"], (None, False)),
        (["29.11.2026", "30.11.2026", "morgen"], (Kind.DATE, False)),
        ([], (None, False)),
    ],
)
def test_what_a_column_holds(cells: list[str], expected: tuple[Kind | None, bool]) -> None:
    """Whole numbers may be anybody's keys, so nothing is offered for them."""
    assert expected == values.kind(cells, "de")


@pytest.mark.parametrize("language", styles.OFFERED)
def test_every_choice_is_written_in_every_language(language: str) -> None:
    """With plain spaces, and with the whole name of the day."""
    for kind, choices in styles.CHOICES.items():
        cell = {Kind.NUMBER: "1234.5", Kind.MONEY: "1234.5 EUR", Kind.TIME: "14:30"}.get(kind, "2026-11-29 14:30")
        for style in choices:
            shown = styles.shown(cell, Styles(language), Column(style))
            assert shown
            assert not set(shown) & {"\xa0", "\u202f"}


def values_of(cell: str) -> template.Recipient:
    """Somebody with that in the field x."""
    from daemon.contacts.importer import Contact
    from daemon.states import E164

    return Contact(1, E164("+49"), {"x": cell})


def test_a_language_has_the_name_of_its_country_with_a_capital() -> None:
    """Of both words only the first might lack one."""
    assert ["Deutsch (Deutschland)", "Français (France)"] == [styles.called(each) for each in ("de_DE", "fr_FR")]
