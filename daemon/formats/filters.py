"""What stands behind a `|` in a message text: each filter, what it may be given, and how much work all may be. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import jinja2
from jinja2 import nodes

from daemon import errors
from daemon.formats import styles as writing
from daemon.formats import values
from daemon.formats.refusals import Unsent
from daemon.formats.styles import PLAIN, Styles
from daemon.formats.values import Fault

MAX_TEXT = 65_536
"""Longest message, in UTF-16 units as WhatsApp counts (an emoji is two)."""
EXAMPLES = {  # of the filters that are given a pattern
    "date": 'day | date("EEEE d. MMMM")',
    "time": 'day | time("HH:mm")',
    "number": 'count | number("#,##0.00")',
    "money": 'amount | money("EUR")',
}
SAMPLES = {"date": "2026-11-29 14:30", "time": "2026-11-29 14:30", "number": "1234.5", "money": "1234.5 EUR"}
UNREADABLE = {
    Fault.NOT_A_DATE: Unsent.NOT_A_DATE,
    Fault.DATE_AMBIGUOUS: Unsent.DATE_AMBIGUOUS,
    Fault.NOT_A_TIME: Unsent.NOT_A_TIME,
    Fault.NOT_A_NUMBER: Unsent.NOT_A_NUMBER,
    Fault.NUMBER_AMBIGUOUS: Unsent.NUMBER_AMBIGUOUS,
    Fault.CURRENCY_UNKNOWN: Unsent.CURRENCY_UNKNOWN,
}
# The most characters that one filling-in handles in filters, joins and the text itself: without it every placeholder
# could cost a whole text.
_MAX_WORK = 16 * MAX_TEXT
_left: ContextVar[int] = ContextVar("left", default=_MAX_WORK)  # of the work on the text being filled in
_styles: ContextVar[Styles] = ContextVar("styles", default=PLAIN)  # of the text being filled in


class Missing(jinja2.Undefined):
    """An absent or empty field: false, equal to "", and recorded in `holes` when the text would contain it."""

    def __init__(self, name: str, holes: set[str]) -> None:
        super().__init__(name=name)
        self._holes = holes

    def __str__(self) -> str:
        self._holes.add(str(self._undefined_name))
        return ""

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return other == "" or isinstance(other, Missing)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __contains__(self, item: object) -> bool:
        return item == ""

    __hash__ = jinja2.Undefined.__hash__


class Value(str):
    """A field. As a text it is what the style of its column makes of it; the filters for dates and the like read what
    stands in the file."""

    name: str
    column: writing.Column

    @classmethod
    def of(cls, text: str, name: str, styles: Styles) -> Value:
        value = cls(text)
        value.name, value.column = name, styles.of(name)
        return value

    def __str__(self) -> str:
        given = str.__str__(self)
        if not self.column.style:
            return given
        with _reading(self):
            return writing.shown(given, _styles.get(), self.column)


def begin(styles: Styles) -> None:
    """A text is filled in, with its dates and amounts in these styles."""
    _left.set(_MAX_WORK)
    _styles.set(styles)


def spend(characters: int) -> None:
    """Raises TemplateError once the work on the text is more than any message needs."""
    left = _left.get() - characters
    _left.set(left)
    if left < 0:
        raise errors.TemplateError(Unsent.FILLED_IN_TOO_LONG, most=f"{MAX_TEXT:,}")


def counted(work: Callable[..., object]) -> Callable[..., object]:
    """A filter whose work counts."""

    @wraps(work)
    def counted(value: object, *args: object, **kwargs: object) -> object:
        if isinstance(value, str):
            spend(len(value))
        return work(value, *args, **kwargs)

    return counted


def concat(*values: object) -> str:
    """What `~` does, bounded as `_replace` is."""
    texts = []
    for value in values:
        texts.append(str(value))
        spend(len(texts[-1]))
    if sum(map(len, texts)) > MAX_TEXT:
        raise errors.TemplateError(Unsent.FILLED_IN_TOO_LONG, most=f"{MAX_TEXT:,}")
    return "".join(texts)


def takes(node: nodes.Filter) -> bool:
    """Whether the filter accepts the arguments it is given."""
    try:
        given = inspect.signature(FILTERS[node.name]).bind(
            None, *node.args, **{str(each.key): each for each in node.kwargs}
        )
    except TypeError:
        return False
    if node.dyn_args or node.dyn_kwargs:
        return False
    if node.name in EXAMPLES:
        return all(_fits(node.name, *each) for each in given.arguments.items() if each[0] != "value")
    length = given.arguments.get("length")
    length = length.value if isinstance(length, nodes.Keyword) else length
    return length is None or is_number(length)


def is_number(node: nodes.Node) -> bool:
    """Whether a whole number stands there."""
    return isinstance(node, nodes.Const) and type(node.value) is int


def _fits(name: str, argument: str, given: object) -> bool:
    """Whether the filter of that name can write by that argument, which has to be a text in quotes."""
    given = given.value if isinstance(given, nodes.Keyword) else given
    if not isinstance(given, nodes.Const) or not isinstance(given.value, str):
        return False
    return given.value in writing.ORDERS if argument == "order" else writing.pattern_fits(name, given.value)


def _replace(text: object, old: object, new: object) -> str:
    """Checks the resulting length first: each `replace` could make a text thousands of times longer."""
    source, before, after = str(text), str(old), str(new)
    if len(source) + source.count(before) * max(0, len(after) - len(before)) > MAX_TEXT:
        raise errors.TemplateError(Unsent.FILLED_IN_TOO_LONG, most=f"{MAX_TEXT:,}")
    return source.replace(before, after)


def _truncate(text: object, length: int = 255, end: str = "…") -> str:
    """At most `length` characters including `end`, cut at the end of a word if possible."""
    source, end = str(text), str(end)
    if len(source) <= length:
        return source
    kept = source[: max(0, length - len(end))]
    return (kept.rsplit(" ", 1)[0] if " " in kept else kept).rstrip() + end


def _default(value: object, instead: object = "", boolean: bool = False) -> object:
    """`boolean` is accepted because Jinja's filter has it; here an empty field always counts as missing."""
    return instead if isinstance(value, Missing) else value


@contextmanager
def _reading(value: object) -> Iterator[None]:
    """Raises TemplateError when what is in a field cannot be read."""
    try:
        yield
    except values.Unreadable as error:
        code = UNREADABLE[error.why]
        raise errors.TemplateError(code, name=value.name if isinstance(value, Value) else "…") from None
    except (ValueError, ArithmeticError, KeyError):
        raise errors.TemplateError(Unsent.NOT_FILLABLE) from None


def _written(value: object, by: Callable[..., str], *terms: str) -> object:
    """What stands in the field, in the language of the message. What is missing stays so."""
    if isinstance(value, Missing):
        return value
    with _reading(value):
        return writing.plainly(by(_given(value), _styles.get(), *terms))


def _given(value: object) -> str:
    return str.__str__(value) if isinstance(value, Value) else str(value)


def _order(value: object, order: str) -> str:
    return order or (value.column.order if isinstance(value, Value) else "")


def _date(value: object, pattern: str = "", order: str = "") -> object:
    return _written(value, writing.day, pattern, _order(value, order))


def _time(value: object, pattern: str = "", order: str = "") -> object:
    return _written(value, writing.clock, pattern, _order(value, order))


def _number(value: object, pattern: str = "") -> object:
    return _written(value, writing.number, pattern)


def _money(value: object, currency: str = "") -> object:
    return _written(value, writing.money, currency)


FILTERS: dict[str, Callable[..., object]] = {
    "default": _default,
    "d": _default,
    "upper": lambda text: str(text).upper(),
    "lower": lambda text: str(text).lower(),
    "capitalize": lambda text: str(text).capitalize(),
    "title": lambda text: " ".join(word.capitalize() for word in str(text).split(" ")),
    "trim": lambda text: str(text).strip(),
    "first": lambda text: str(text)[:1],
    "last": lambda text: str(text)[-1:],
    "replace": _replace,
    "truncate": _truncate,
    "date": _date,
    "time": _time,
    "number": _number,
    "money": _money,
}
