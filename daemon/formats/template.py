"""A message text with `{{ field }}` placeholders + one recipient → the text to send. Pure.

The language is a small part of Jinja: fields, text, a few filters, `{% if %}`, `and`, `or`, `not`, `==`, `!=`, `in`,
`~`. The syntax tree is checked against an allow-list *before* Jinja compiles it: nothing in it can loop, multiply or
reach into an object, so neither a text nor a field can use much time or memory. Fields are never interpreted.

An empty field counts as missing: no message is better than one that says "Dear ,".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any, Protocol

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from daemon import errors
from daemon.formats import cloud_template, filters, template_faults
from daemon.formats.cloud_template import Filled
from daemon.formats.filters import FILTERS, Missing, Value, is_number, spend
from daemon.formats.refusals import Part, Unsent, Why
from daemon.formats.styles import PLAIN, Styles
from daemon.i18n.coded import Clause, Coded, Phrase, Refusal, refusal

MAX_TEXT = filters.MAX_TEXT
MAX_CAPTION = 1_024
"""Longest text beside an attachment."""
NUMBER = "number"
"""The field every recipient has: the telephone number in E.164."""
_STATEMENTS = {
    "for",
    "endfor",
    "set",
    "block",
    "extends",
    "include",
    "import",
    "from",
    "macro",
    "call",
    "filter",
    "with",
}
RESERVED = frozenset({"and", "or", "not", "in", "is", "if", "elif", "else", "endif", "true", "false", "none"}) | (
    _STATEMENTS | {"raw", "loop", "self", "super", "caller", "varargs", "kwargs", "context", "environment"}
)
"""Names that cannot be fields."""
FIRST_PROBLEMS = 20

_MAX_NODES = 2_000
_CONCAT = "joined by ~"  # the filter that stands for `~` once a tree was checked; nobody can write its name
_MARKS = re.compile(r"\{\{|\{%")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ALLOWED = {  # allowed nodes and their names; everything else is refused
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter, nodes.Keyword, nodes.Test,
    nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Concat, nodes.Tuple,
}  # fmt: skip
_DESCRIPTIONS: dict[type[nodes.Node], Phrase] = {
    nodes.For: Phrase("a loop"),
    nodes.Call: Phrase("a call"),
    nodes.CondExpr: Phrase("an 'if' without 'else'"),
    nodes.Compare: Phrase("a comparison other than ==, != and in with a text in quotes"),
}
_COMPARISONS = {"eq", "ne", "in", "notin"}
_TESTS = {"defined", "undefined"}


class Recipient(Protocol):
    """What `problems` needs to know about a recipient."""

    @property
    def position(self) -> int: ...
    @property
    def number(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Template:
    """A text that passed the checks of `compile`. fields: the names it uses; styles: of dates and amounts; samples:
    values for the fields that have to be a date or an amount. parts: the texts that a WhatsApp template is filled in
    with, by what they are called, where the text is of one."""

    text: str
    fields: frozenset[str]
    styles: Styles
    samples: Mapping[str, str]
    _body: Callable[[dict[str, Any]], str] | None = field(repr=False, compare=False)
    parts: tuple[tuple[str, Template], ...] = ()


class Trouble(StrEnum):
    """Why a text cannot be sent to somebody."""

    MISSING = "missing"  #: a field is empty
    TOO_LONG = "too_long"
    UNREADABLE = "unreadable"  #: a date, a time, a number or an amount cannot be read
    UNFIT = "unfit"  #: anything else: it is blank, or cannot be filled in


@dataclass(frozen=True)
class Problem:
    """A recipient who cannot get the text. missing: fields absent or empty; length: of the text, in
    UTF-16 units, where it is too long."""

    position: int
    number: str
    missing: tuple[str, ...]
    reason: Coded
    kind: Trouble
    length: int = 0


@dataclass(frozen=True)
class Problems:
    """first: the first few, in order; count: how many there are in all."""

    count: int = 0
    first: list[Problem] = field(default_factory=list)


def compile(text: str, styles: Styles = PLAIN) -> Template:
    """Check and compile the text. Raises TemplateError: one sentence that names the line."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise errors.TemplateError(Why.TEXT_EMPTY)
    if _LONE_SURROGATE.search(text):
        raise errors.TemplateError(Why.HALF_EMOJI)
    if _length(text) > MAX_TEXT:
        raise errors.TemplateError(Why.TEXT_TOO_LONG_TO_SEND, most=f"{MAX_TEXT:,}")
    if not _MARKS.search(text):
        return Template(text, frozenset(), styles, {}, None)
    try:
        tree = _ENVIRONMENT.parse(text)
        names = _checked(tree, text)
        samples = _samples(tree)
        body = _ENVIRONMENT.from_string(_Joins().visit(tree))
    except jinja2.TemplateSyntaxError as error:
        raise _unreadable(text, error.lineno, error.message or "") from None
    except (RecursionError, SyntaxError, MemoryError, ValueError, OverflowError):
        raise errors.TemplateError(Why.PLACEHOLDERS_TOO_DEEP) from None
    return Template(text, frozenset(names), styles, samples, partial(_filled, body))


def compile_for(text: str, styles: Styles, filled: Filled | None) -> Template:
    """The same for the text of a WhatsApp template, if it is of one: what is filled in is checked, too, for everybody
    who gets it. Raises TemplateError."""
    whole = compile(text, styles)
    if filled is None:
        return whole
    parts = tuple((place, compile(value, styles)) for place, value in cloud_template.values(filled))
    names, samples = set(whole.fields), dict(whole.samples)
    for _, part in parts:
        names |= part.fields
        samples |= part.samples
    return replace(whole, fields=frozenset(names), samples=samples, parts=parts)


def render(template: Template, fields: Mapping[str, str], number: str, limit: int = MAX_TEXT) -> str:
    """The text for one recipient.

    limit: MAX_TEXT, or MAX_CAPTION with an attachment.
    Raises TemplateError when a field is missing or empty, or the result is blank or too long. The error goes to logs
    and history, so it does not name the recipient.
    """
    text, wrong = _rendered(template, fields, number, limit)
    if wrong:
        raise errors.TemplateError(wrong.reason)
    return text


Seen = Callable[[Any, str], None]
"""Is told each recipient who can get the text, and what they get."""


def problems(
    text: str | Template,
    recipients: Iterable[Recipient],
    limit: int = MAX_TEXT,
    first: int = FIRST_PROBLEMS,
    seen: Seen | None = None,
) -> Problems:
    """The recipients who cannot get the text as it is; the first few in detail.

    Raises TemplateError when the text itself is wrong.
    """
    template = compile(text) if isinstance(text, str) else text
    count, found = 0, []
    for recipient in recipients:
        said, wrong = _rendered(template, recipient.fields, recipient.number, limit)
        if seen and not wrong:
            seen(recipient, said)
        if wrong:
            count += 1
            if count <= first:
                place = (recipient.position, recipient.number)
                found.append(Problem(*place, wrong.missing, wrong.reason, wrong.kind, wrong.length))
    return Problems(count, found)


def check(
    text: str | Template, recipients: Iterable[Recipient], limit: int = MAX_TEXT, seen: Seen | None = None
) -> Template:
    """The compiled text, if every recipient can get it.

    Raises TemplateError: one sentence with the number of problems and the first few places.
    """
    template = compile(text) if isinstance(text, str) else text
    found = problems(template, recipients, limit, 5, seen)
    if not found.count:
        return template
    one = found.count == 1
    raise errors.TemplateError(
        Why.TEXT_NOT_FOR_ALL,
        who=refusal(Part.ONE_RECIPIENT) if one else refusal(Part.MANY_RECIPIENTS, count=f"{found.count:,}"),
        places=tuple(refusal(Part.UNFIT_AT, position=at.position, reason=Clause(at.reason)) for at in found.first),
        more=refusal(Part.AND_MORE, count=left) if (left := found.count - len(found.first)) else "",
    )


@dataclass(frozen=True)
class _Wrong:
    reason: Coded
    kind: Trouble = Trouble.UNFIT
    missing: tuple[str, ...] = ()
    length: int = 0


def _rendered(template: Template, fields: Mapping[str, str], number: str, limit: int) -> tuple[str, _Wrong | None]:
    """The text, or what is wrong with it."""
    text, holes = template.text, set[str]()
    if template._body:
        context: dict[str, Any] = {}
        for name in template.fields:
            value = number if name == NUMBER else fields.get(name, "")
            if len(value) > MAX_TEXT:
                return "", _Wrong(refusal(Unsent.FIELD_TOO_LONG, name=name, most=f"{MAX_TEXT:,}"))
            context[name] = Value.of(value, name, template.styles) if value.strip() else Missing(name, holes)
        filters.begin(template.styles)
        try:
            text = template._body(context)
        except errors.TemplateError as error:
            unread = error.told.code in filters.UNREADABLE.values()
            return "", _Wrong(error.told, Trouble.UNREADABLE if unread else Trouble.UNFIT)
        except (jinja2.TemplateError, TypeError, ValueError, IndexError):
            return "", _Wrong(refusal(Unsent.NOT_FILLABLE))
    if holes:
        why = Unsent.FIELDS_EMPTY_IN_TEXT if len(holes) > 1 else Unsent.FIELD_EMPTY_IN_TEXT
        return "", _Wrong(refusal(why, names=", ".join(sorted(holes))), Trouble.MISSING, tuple(sorted(holes)))
    for place, part in template.parts:
        value, wrong = _rendered(part, fields, number, limit)
        if wrong and wrong.reason.code is not Unsent.TEXT_BLANK:
            return "", wrong
        if reason := cloud_template.fault(place, value):
            return "", _Wrong(reason)
    if not text.strip():
        return "", _Wrong(refusal(Unsent.TEXT_BLANK))
    if len(text) * 2 > limit and (length := _length(text)) > limit:
        why = Unsent.CAPTION_TOO_LONG if limit == MAX_CAPTION else Unsent.MESSAGE_TOO_LONG
        reason = refusal(why, length=f"{length:,}", limit=f"{limit:,}")
        return "", _Wrong(reason, Trouble.TOO_LONG, length=length)
    return text, None


def _filled(body: jinja2.Template, context: dict[str, Any]) -> str:
    """The text. Raises TemplateError once it, or the work on it, is more than any message needs."""
    parts = []
    for part in body.root_render_func(body.new_context(context, shared=True)):
        spend(len(part))
        parts.append(part)
    return "".join(parts)


class _Joins(NodeTransformer):
    """Puts a filter in the place of each `~`: Jinja's own joins without a bound."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        first, *others = (self.visit(each) for each in node.nodes)
        return nodes.Filter(first, _CONCAT, others, [], None, None, lineno=node.lineno)


def _checked(tree: nodes.Template, text: str) -> set[str]:
    """The names the tree uses. Raises TemplateError for a node that is not in the allow-list."""
    names = set()
    for count, node in enumerate(_walk(tree), 1):
        if count > _MAX_NODES:
            raise errors.TemplateError(Why.TOO_MANY_PLACEHOLDERS)
        if type(node) not in _ALLOWED or _forbidden(node):
            if found := template_faults.first(text):
                raise errors.TemplateError(found)
            if isinstance(node, nodes.Filter) and (example := filters.EXAMPLES.get(node.name)):
                given = [repr(each.value) for each in node.args if isinstance(each, nodes.Const)]
                pattern, name = given[0] if given else Phrase("this"), node.name
                line = node.lineno
                raise errors.TemplateError(Why.PATTERN_UNFIT, line=line, pattern=pattern, filter=name, example=example)
            raise errors.TemplateError(Why.PLACEHOLDER_NOT_ALLOWED, line=node.lineno, what=_described(node))
        if isinstance(node, nodes.Name):
            names.add(node.name)
    _refuse_constants(tree)
    return names


def _samples(tree: nodes.Template) -> dict[str, str]:
    """What may stand in the fields that a filter for dates and the like reads."""
    found = {}
    for node in _walk(tree):
        inner = node.node if isinstance(node, nodes.Filter) and node.name in filters.SAMPLES else None
        while isinstance(inner, nodes.Filter):
            inner = inner.node
        if isinstance(node, nodes.Filter) and isinstance(inner, nodes.Name):
            found[inner.name] = filters.SAMPLES[node.name]
    return found


def _refuse_constants(tree: nodes.Template) -> None:
    """Raise TemplateError for a placeholder without a field, such as `{{ 1 }}`: everybody would get that 1. Braces in
    quotes may stand there: they are how braces are written."""
    outputs = (node for node in _walk(tree) if isinstance(node, nodes.Output))
    for placeholder in (each for output in outputs for each in output.nodes):
        signs = isinstance(placeholder, nodes.Const) and not any(map(str.isalnum, str(placeholder.value)))
        named = any(isinstance(node, nodes.Name) for node in _walk(placeholder))
        if not isinstance(placeholder, nodes.TemplateData) and not named and not signs:
            raise errors.TemplateError(Why.PLACEHOLDER_WITHOUT_FIELD, line=placeholder.lineno)


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [node]
    while waiting:  # not recursive: a hostile text may be deeply nested
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())


def _forbidden(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Name):
        return node.ctx != "load" or node.name in RESERVED
    if isinstance(node, nodes.Const):
        return not isinstance(node.value, str | int | bool | None)
    if isinstance(node, nodes.Filter):
        return node.node is None or node.name not in FILTERS or not filters.takes(node)
    if isinstance(node, nodes.Test):
        return node.name not in _TESTS or bool(node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
    if isinstance(node, nodes.CondExpr):
        return node.expr2 is None
    if isinstance(node, nodes.Compare):
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        # Fields are text, so `age == 18` could never be true.
        return any(operand.op not in _COMPARISONS for operand in node.ops) or any(map(is_number, sides))
    return False


def _described(node: nodes.Node) -> Refusal | Phrase | str:
    """What stands there, for a sentence."""
    if isinstance(node, nodes.Filter):
        return refusal(Part.FILTER_ARGUMENTS if node.name in FILTERS else Part.FILTER, name=repr(node.name))
    if isinstance(node, nodes.Test | nodes.Name):
        return refusal(Part.TEST if isinstance(node, nodes.Test) else Part.NAME, name=repr(node.name))
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return Phrase("a part of a field (a dot or brackets)")
    if isinstance(node, nodes.BinExpr | nodes.UnaryExpr):
        return Phrase("arithmetic")
    return _DESCRIPTIONS.get(type(node), repr(type(node).__name__))


def _unreadable(text: str, line: int, message: str) -> errors.TemplateError:
    """The error for a text that is no template, in words for who writes it. message: Jinja's."""
    if found := template_faults.first(text):
        return errors.TemplateError(found)
    if "needs to be closed is 'if'" in message:
        return errors.TemplateError(Why.IF_NOT_ENDED, line=line)
    return errors.TemplateError(Why.PLACEHOLDER_UNREADABLE, line=line)


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        comment_start_string="\0#",  # so that `{#` in a message is plain text
        comment_end_string="#\0",
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update({name: filters.counted(work) for name, work in FILTERS.items()})
    environment.filters[_CONCAT] = filters.concat
    return environment


_ENVIRONMENT = _environment()
