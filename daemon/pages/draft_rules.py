"""New campaign, columns: which rows are wanted, how many those are, and what is asked about who wants no messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from aiohttp import web

from daemon import errors
from daemon.campaigns import draft_columns
from daemon.campaigns.draft_content import ChosenColumns
from daemon.campaigns.drafts import Draft
from daemon.config import Settings
from daemon.contacts import row_rules
from daemon.contacts.row_rules import Condition, Rule
from daemon.formats.tabular import Row
from daemon.i18n import languages
from daemon.i18n.languages import N_, gettext, ngettext
from daemon.pages import forms
from daemon.pages.refusals import Why
from daemon.pages.steps import PATH, load
from daemon.server import heavy
from daemon.server.visitors import SETTINGS, require_key

routes = web.RouteTableDef()

CONDITIONS: dict[str, str] = {
    Condition.IS: N_("is"),
    Condition.IS_NOT: N_("is not"),
    Condition.CONTAINS: N_("contains"),
    Condition.CONTAINS_NOT: N_("does not contain"),
    Condition.EMPTY: N_("is empty"),
    Condition.FILLED: N_("is not empty"),
}
BUTTONS = ("rules", "add-rule", "drop-rule", "exclude-rows", "include-rows")


class Columns(forms.Step):
    """What each column is, by its index, and its name; the rules, by their number. header: index of the row of titles,
    None for none."""

    header: forms.Perhaps
    role: forms.Rows
    name: forms.Rows
    style: forms.Rows
    order: forms.Rows
    rule_only: forms.Rows
    rule_column: forms.Indices
    rule_test: forms.Rows
    rule_value: forms.Rows


@dataclass(frozen=True)
class RuleView:
    """A rule as it is entered. matches: what is said about how many rows match it."""

    rule: Rule
    matches: str


@dataclass(frozen=True)
class Question:
    """What is asked about a column. values: of those rows, none where it is not empty; rows: how many they are."""

    column: int
    title: str
    values: list[str]
    rows: int


@dataclass(frozen=True)
class RulesView:
    """rules: as they are entered; remain: what is said about how many rows they leave; columns: that a rule can be
    about, by index and title."""

    rules: list[RuleView]
    questions: list[Question]
    remain: str
    columns: list[tuple[int, str]]
    conditions: dict[str, str]
    full: bool


@dataclass(frozen=True)
class Counted:
    """What our script shows of rules that are not saved yet."""

    matches: list[str]
    remain: str


def view(rules: Sequence[Rule], chosen: ChosenColumns, body: Sequence[Row], called: Sequence[str]) -> RulesView:
    counted = _counted(rules, body)
    shown = [RuleView(rule, said) for rule, said in zip(rules, counted.matches, strict=True)]
    return RulesView(
        rules=shown,
        questions=list(_questions(chosen.proposed, body, called)),
        remain=counted.remain,
        columns=list(enumerate(called)),
        conditions=CONDITIONS,
        full=len(rules) >= row_rules.MOST,
    )


def _questions(proposed: Sequence[Rule], body: Sequence[Row], called: Sequence[str]) -> list[Question]:
    found = []
    for column, each in groupby(proposed, lambda rule: rule.column):
        rules = list(each)
        rows = len(body) - row_rules.counts(rules, body).remain
        found.append(Question(column, called[column], [rule.value for rule in rules if rule.test.valued], rows))
    return found


def _counted(rules: Sequence[Rule], body: Sequence[Row]) -> Counted:
    found = row_rules.counts(rules, body)
    matches = [gettext("Enter a value.") if count is None else _matching(count) for count in found.matches]
    remain = ngettext("%(remain)s of %(count)s row remains", "%(remain)s of %(count)s rows remain", len(body))
    return Counted(matches, remain % {"remain": languages.amount(found.remain), "count": languages.amount(len(body))})


def _matching(count: int) -> str:
    return ngettext("%(count)s row matches", "%(count)s rows match", count) % {"count": languages.amount(count)}


def entered(form: Columns, width: int) -> tuple[Rule, ...]:
    """The rules of the form, in their order."""
    found = []
    for row, column in form.rule_column.items():
        test, value = form.rule_test.get(str(row), ""), form.rule_value.get(str(row), "")
        if column < width and test in CONDITIONS:
            only = form.rule_only.get(str(row)) != "not"
            found.append(Rule(column, only, Condition(test), value[: row_rules.LONGEST]))
    return tuple(found[: row_rules.MOST])


def pressed(form: Columns, changed: ChosenColumns) -> ChosenColumns:
    """The columns with the rules as the button (one of BUTTONS) leaves them."""
    what, which = form.go.what, form.go.index
    rules = list(changed.rules)
    mine = tuple(each for each in changed.proposed if each.column == which)
    rest = tuple(each for each in changed.proposed if each.column != which)
    if what == "add-rule" and len(rules) < row_rules.MOST:
        rules.append(Rule(0, False, Condition.IS))
    elif what == "drop-rule" and 0 <= which < len(rules):
        del rules[which]
    elif what == "exclude-rows":
        return changed.model_copy(update={"rules": (*rules, *mine)[: row_rules.MOST], "proposed": rest})
    elif what == "include-rows":
        return changed.model_copy(update={"declined": (*changed.declined, *mine), "proposed": rest})
    return changed.model_copy(update={"rules": tuple(rules)})


def check(chosen: ChosenColumns, body: Sequence[Row]) -> None:
    """Refuse rules that are not finished, or leave nobody, and questions without an answer. Raises InvalidInput."""
    for number, rule in enumerate(chosen.rules, 1):
        if not rule.finished:
            raise errors.InvalidInput(Why.RULE_WITHOUT_VALUE, rule=number)
    if chosen.proposed:
        raise errors.InvalidInput(Why.ROWS_NOT_DECIDED)
    if chosen.rules and body and not row_rules.counts(chosen.rules, body).remain:
        raise errors.InvalidInput(Why.RULES_LEAVE_NOBODY)


@routes.post(PATH + "/columns/counts")
async def counts(request: web.Request) -> web.StreamResponse:
    """How many rows match the rules as they are being entered; nothing is saved."""
    require_key(request)
    draft, form = await load(request), (await forms.read(request)).parsed(Columns)
    size = draft.data.source.size if draft.data.source else 0
    found = await heavy.timed(request, size, _counts, request.app[SETTINGS], draft, form)
    return web.json_response(asdict(found))


def _counts(settings: Settings, draft: Draft, form: Columns, now: int) -> Counted:
    chosen = draft.data.columns or ChosenColumns()
    return _counted(entered(form, len(chosen.names)), draft_columns.rows(draft))
