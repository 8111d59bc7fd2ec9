"""The page's forms: what each field takes, and that no handler reads one in a way of its own."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
from multidict import MultiDict, MultiDictProxy

from daemon import errors, pages
from daemon.accounts import commands
from daemon.pages import draft_rules, forms
from daemon.pages.draft_when import WhenForm

FOLDER = Path(inspect.getfile(pages)).parent
BY_HAND = {"posted", "post", "FileField", "ValidationError", "isdecimal", "isdigit"}
"""What only the reader needs; a file's own type may stand in an annotation."""


def form(*fields: tuple[str, Any]) -> forms.Posted:
    return forms.Posted(MultiDictProxy(MultiDict(fields)))


def test_only_the_reader_reads_forms() -> None:
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        if path.name == "forms.py":
            continue
        tree = ast.parse(path.read_text())
        annotations = {id(each) for node in ast.walk(tree) if isinstance(node, ast.arg) for each in ast.walk(node)}
        for node in ast.walk(tree):
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "json"
            if id(node) not in annotations and ((name in BY_HAND and not _is_route(node)) or called):
                found.append(f"{path.name}:{node.lineno} {name}")
    # A search by digits, and whether a form is the same that was sent before.
    assert ["draft_message.py", "working.py"] == sorted({each.partition(":")[0] for each in found}), found


def _is_route(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "routes"


def test_what_a_form_does_not_know_is_ignored() -> None:
    assert "viewer" == form(("csrf", "x"), ("role", "viewer"), ("age", "7")).parsed(forms.Role).role


def test_the_other_line_ends_of_forms() -> None:
    assert "a\nb" == form(("text", "a\r\nb")).parsed(forms.KeepTemplate).text


@pytest.mark.parametrize("given", ["0", "366", "1.5", "-3", "", "ten", "9" * 30, "²"])
def test_a_number_out_of_its_range(given: str) -> None:
    with pytest.raises(errors.InvalidInput, match=r"^The number of days is a whole number, 1 to 365\.$"):
        form(("days", given)).parsed(forms.DryRun)


def test_a_number_in_its_range() -> None:
    found = form(("days", " 30 "), ("recent", "keep"), ("version", "12")).parsed(forms.DryRun)
    assert (30, True, 12) == (found.days, found.keep, found.version)


@pytest.mark.parametrize("given", ["", "x", "9" * 19, "-1", "1.0"])
def test_what_the_page_put_there_and_cannot_be_read(given: str) -> None:
    found = form(("version", given), ("id", given), ("template", given), ("list", given))
    assert found.parsed(forms.Versioned).version is None
    begun = found.parsed(forms.NewDraft)
    assert (0, 0, 32) == (begun.template, begun.list, len(begun.id))


@pytest.mark.parametrize(
    ("sent", "pressed"),
    [("", ("next", "")), ("leave", ("leave", "")), ("accept:17", ("accept", "17")), ("a:b:c", ("a", "b:c"))],
)
def test_buttons(sent: str, pressed: tuple[str, str]) -> None:
    found = form(("go", sent)).parsed(forms.Step)
    assert pressed == (found.go.what, found.go.which)


@pytest.mark.parametrize(("given", "seconds"), [("2", 2.0), (" 1,5 ", 1.5), ("0", 0.0)])
def test_pauses(given: str, seconds: float) -> None:
    found = form(("delay_min", given), ("delay_max", "9")).parsed(WhenForm)
    assert (seconds, 0, False, None) == (found.delay_min, found.daily_cap, found.later, found.at)


@pytest.mark.parametrize("given", ["", "nan", "inf", "-1", "soon", "1e9"])
def test_pauses_that_are_none(given: str) -> None:
    with pytest.raises(errors.InvalidInput, match="The pause is a number of seconds"):
        form(("delay_min", given), ("delay_max", "9")).parsed(WhenForm)


def test_rows_of_a_form() -> None:
    sent = form(("role-0", "number"), ("name-1", "city"), ("role-1", "field"), ("roles", "x"))
    found = sent.parsed(draft_rules.Columns)
    assert ({"0": "number", "1": "field"}, {"1": "city"}) == (found.role, found.name)


def test_the_limits_of_an_account() -> None:
    """Empty: as the settings say; off: none. A version that cannot be read is not given."""
    given = [("hourly_cap", "10"), ("daily_cap", ""), ("quiet_hours", "OFF"), ("timezone", " Europe/Berlin ")]
    found = form(*given, ("version", "7")).parsed(forms.AccountLimits)
    assert (10, None, "", "Europe/Berlin", 7) == (
        found.hourly_cap, found.daily_cap, found.quiet_hours, found.timezone, found.version
    )  # fmt: skip
    assert form(*given, ("version", "x")).parsed(forms.AccountLimits).version is None


def test_a_cap_that_is_none() -> None:
    with pytest.raises(errors.InvalidInput, match="A cap is a whole number"):
        form(("hourly_cap", "many")).parsed(forms.AccountLimits)


def test_the_two_ways_to_link() -> None:
    assert commands.What.LINK_BY_QR is form(("qr", "")).parsed(forms.LinkAccount).what
    assert commands.What.LINK_BY_CODE is form(("number", " +49 ")).parsed(forms.LinkAccount).what


def test_the_two_ways_to_log_in() -> None:
    by_key, by_name = (
        form(("key", " k ")).parsed(forms.Login),
        form(("name", " me "), ("password", " p ")).parsed(forms.Login),
    )
    assert (True, "k") == (by_key.by_key, by_key.key)
    assert (False, "me", " p ") == (by_name.by_key, by_name.name, by_name.password)


def test_whom_to_take_off_a_list() -> None:
    found = form(("id", "3"), ("id", "x"), ("id", "5"), ("sure", "1")).parsed(forms.RemoveFromList)
    assert ([3, 5], True) == (found.id, found.sure)
