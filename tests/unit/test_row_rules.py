"""Which rows a person wants, and the columns that say who must not be written to."""

from __future__ import annotations

import pytest

from daemon.contacts import columns, opt_out_columns, row_rules
from daemon.contacts.columns import Columns, Decisions
from daemon.contacts.row_rules import Condition, Counts, Rule
from daemon.formats.tabular import Row

CELLS = ["Berlin", "BERLIN ", "Ｂerlin", "Berlin-Mitte", "", "  ", "Straße", "STRASSE"]


def _rows(*cells: str, title: str = "City") -> list[Row]:
    return [Row(1, ["Phone", title])] + [Row(at, ["+4915112345678", cell]) for at, cell in enumerate(cells, 2)]


@pytest.mark.parametrize(
    ("condition", "value", "wanted"),
    [
        (Condition.IS, " berlin ", CELLS[:3]),
        (Condition.IS, "strasse", CELLS[6:]),
        (Condition.IS_NOT, "Berlin", CELLS[3:]),
        (Condition.CONTAINS, "berlin", CELLS[:4]),
        (Condition.CONTAINS_NOT, "BERLIN", CELLS[4:]),
        (Condition.EMPTY, "", CELLS[4:6]),
        (Condition.FILLED, "ignored", CELLS[:4] + CELLS[6:]),
    ],
)
def test_a_rule_compares_what_the_cell_shows(condition: Condition, value: str, wanted: list[str]) -> None:
    """Capitals, width and blanks around it do not count; a rule with "only" leaves out exactly the others."""
    rows = _rows(*CELLS)[1:]
    for only in (True, False):
        rule = Rule(1, only, condition, value)
        kept = [row.cells[1] for row in rows if row_rules.left_out([rule], row.cells, ["Phone", "City"]) is None]
        assert (wanted if only else [cell for cell in CELLS if cell not in wanted]) == kept
        assert Counts((len(wanted),), len(kept)) == row_rules.counts([rule], rows)


@pytest.mark.parametrize("most", [1, 2, 10_000])
def test_rows_that_are_alike_are_counted_together(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """However many kinds of them there are: the counts are the same."""
    monkeypatch.setattr(row_rules, "MOST_ALIKE", most)
    rows = _rows("Berlin", "Leeds", "Berlin", "", "York", "Leeds")[1:]
    rules = [Rule(1, False, Condition.IS, "leeds"), Rule(1, True, Condition.FILLED), Rule(0, True, Condition.IS, " ")]
    assert Counts((2, 5, None), 3) == row_rules.counts(rules, iter(rows))  # type: ignore[arg-type]
    assert Counts((None,), 6) == row_rules.counts(rules[2:], rows)


def test_rules_hold_together_and_say_which_left_somebody_out() -> None:
    """All of "only", and none of the others; a rule without its value leaves nobody out, and counts nothing."""
    rules = [
        Rule(1, True, Condition.CONTAINS, "Berlin"),
        Rule(1, False, Condition.IS, "Berlin-Mitte"),
        Rule(0, False, Condition.IS, " "),
    ]
    rows = _rows("Berlin", "Berlin-Mitte", "Leeds")
    assert Counts((2, 1, None), 1) == row_rules.counts(rules, rows[1:])
    found = columns.candidates(rows, Columns(0, ["", "city"], 0, rules=tuple(rules)), Decisions())
    assert [
        (None, ""),
        ("rule_is", "Your rule excludes rows where City is “Berlin-Mitte”."),
        ("rule_contains_not", "Your rule excludes rows where City does not contain “Berlin”."),
    ] == [(each.why and each.why.code.value, each.reason) for each in found]
    assert [False, True, True] == [each.ruled for each in found]


def test_a_decision_about_a_row_does_not_bring_it_back() -> None:
    """Neither a corrected number nor an accepted group; the rule is what is changed."""
    rule = Rule(1, False, Condition.IS, "Leeds")
    said = Decisions(fixes={"2": "+4915112345678"}, accepted=frozenset({"ruled", "good"}))
    (found,) = columns.candidates(_rows("Leeds"), Columns(0, ["", "city"], 0, rules=(rule,)), said)
    assert (None, True) == (found.number, found.ruled)


def test_the_second_column_is_used_where_the_first_is_empty_only() -> None:
    """A bad number in the first is not replaced by itself: it says what is wrong, as ever."""
    rows = [Row(1, ["Handy", "Festnetz"]), Row(2, ["", "030 23125001"]), Row(3, ["12345", "030 23125001"])]
    rows += [Row(4, ["0151 12345678", "030 23125001"]), Row(5, ["", ""])]
    found = columns.candidates(rows, Columns(0, ["", ""], 0, second=1), Decisions("DE"))
    assert ["+493023125001", None, "+4915112345678", None] == [each.number for each in found]


IS, FILLED, CONTAINS = Condition.IS, Condition.FILLED, Condition.CONTAINS
SAYS_NO = [  # title, cells, the rules that are proposed, as (condition, value)
    ("WhatsApp", ["ja", "Nein", "", "nein"], [(IS, "Nein")]),
    ("WhatsApp erlaubt?", ["Ja", "Nein"], [(IS, "Nein")]),
    ("opt_in", ["TRUE", "FALSE"], [(IS, "FALSE")]),
    ("Consentimento", ["sim", "não"], [(IS, "não")]),
    ("Einwilligung", ["1", "0"], [(IS, "0")]),
    ("Opt-out", ["", "x"], [(FILLED, "")]),
    ("OptOut", ["yes", "no"], [(IS, "yes")]),
    ("Kein WhatsApp", ["", "12.03.2026"], [(FILLED, "")]),
    ("DoNotContact", ["True", "False"], [(IS, "True")]),
    ("Notiz", ["Bitte kein WhatsApp!", "ruft zurück", "Kein WhatsApp"], [(CONTAINS, "kein whatsapp")]),
    ("Notes", ["Do not message", "regular"], [(IS, "Do not message")]),
    ("Bemerkung", ["WhatsApp: nein", "gut"], [(IS, "WhatsApp: nein")]),
    ("Notas", ["No contactar", "VIP"], [(IS, "No contactar")]),
    ("ملاحظات", ["لا ترسل", "جيد"], [(IS, "لا ترسل")]),
    ("टिप्पणी", ["संपर्क न करें", "ठीक"], [(IS, "संपर्क न करें")]),
    ("Name", ["Anna", "No", "Nein"], []),
    ("WhatsApp", ["ja", ""], []),
    ("Opt-out", ["", ""], []),
    ("Kundenstatus", ["aktiv", "neu"], []),
    ("Paid", ["yes", "no"], []),
]  # fmt: skip


@pytest.mark.parametrize(("title", "cells", "wanted"), SAYS_NO)
def test_columns_that_say_who_wants_no_messages(
    title: str, cells: list[str], wanted: list[tuple[Condition, str]]
) -> None:
    """By the title, the values, or a note; every row that says so is left out by what is proposed, and no other."""
    rows = _rows(*cells, title=title)
    found = opt_out_columns.proposed(rows, 0, 2, 0)
    assert [Rule(1, False, *each) for each in wanted] == list(found)
    assert () == opt_out_columns.proposed(rows, 0, 2, 1)  # not of the numbers themselves
