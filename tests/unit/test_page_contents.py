"""Each template and its record name the same things: what a page is given is typed on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import jinja2
import pytest
from aiohttp import web
from aiohttp_jinja2 import get_env
from jinja2 import meta, nodes

from daemon.pages import shell
from daemon.pages.content import Names, PageContent

TEMPLATES = Path(shell.__file__).parent / "templates"
SHARED = {"base.html", "draft_base.html", "macros.html", "draft_macros.html", "list_parts.html"}


def records(of: type[PageContent] = PageContent) -> Iterator[type[PageContent]]:
    for each in of.__subclasses__():
        if hasattr(each, "template"):
            yield each
        yield from records(each)


@cache
def environment() -> jinja2.Environment:
    app = web.Application()
    shell.set_up(app)
    return get_env(app)


@cache
def tree(template: str) -> nodes.Template:
    return environment().parse((TEMPLATES / template).read_text())


def strays(parsed: nodes.Template) -> set[str]:
    """The names that a template uses, and has neither made nor imported. Jinja itself says `_trans`."""
    imported = {name for each in parsed.find_all(nodes.FromImport) for name in each.names}
    macros = {each.name for each in parsed.find_all(nodes.Macro)}
    set_ = {each.target.name for each in parsed.find_all(nodes.Assign) if isinstance(each.target, nodes.Name)}
    own = {"_trans"} | imported | macros | set_
    return meta.find_undeclared_variables(parsed) - own - environment().globals.keys()


def only(parsed: nodes.Template, wanted: Iterable[str]) -> nodes.Template:
    """The macros of these names, and those that they call."""
    macros = {each.name: each for each in parsed.find_all(nodes.Macro)}
    reached: dict[str, nodes.Macro] = {}
    waiting = set(wanted)
    while waiting := (waiting & macros.keys()) - reached.keys():
        name = waiting.pop()
        reached[name] = macros[name]
        waiting |= meta.find_undeclared_variables(_of(macros[name]))
    return _of(*reached.values())


def _of(*body: nodes.Node) -> nodes.Template:
    made = nodes.Template(list(body), lineno=1)
    made.set_environment(environment())
    return made


def used(parsed: nodes.Template) -> set[str]:
    """The strays of a template, with those of the one that it extends and of macros that it imports."""
    found = strays(parsed)
    for each in parsed.find_all(nodes.Extends):
        found |= used(tree(each.template.value))
    for each in parsed.find_all(nodes.FromImport):
        further = used(only(tree(each.template.value), each.names))
        found |= further if each.with_context else {f"{name} without context" for name in further}
    return found


def names(record: type[Names]) -> set[str]:
    return {each.name for each in fields(record)}


def test_each_template_has_one_record() -> None:
    """Those that are shown; the others are parts of them."""
    assert sorted(each.template for each in records()) == sorted(
        path.name for path in TEMPLATES.glob("*.html") if path.name not in SHARED
    )


@pytest.mark.parametrize("record", list(records()), ids=lambda each: each.template)
def test_a_template_uses_what_its_record_has(record: type[PageContent]) -> None:
    """A name that is nowhere would only be found when a page is shown that uses it."""
    given = names(shell.Frame).union(names(record), *map(names, record.beside))

    assert set() == used(tree(record.template)) - given
    assert set() == names(record) - used(tree(record.template)), "of no use"


@pytest.mark.parametrize("record", list(records()), ids=lambda each: each.template)
def test_no_record_hides_a_name_of_the_frame(record: type[PageContent]) -> None:
    """Nor a function that all templates may call."""
    frame = names(shell.Frame) | environment().globals.keys()

    assert set() == frame.union(*map(names, record.beside)) & names(record)


def test_names_of_no_record_are_seen() -> None:
    """Also inside a block; what a template itself has made or imported is none of these."""
    source = (
        "{% from 'macros.html' import when %}{% set own = 1 %}"
        "{% block main %}"
        "{% for each in people %}{{ each.name }}{{ when(_('x')) }}{% endfor %}{{ own }}{{ lost }}"
        "{% endblock %}"
    )

    assert {"people", "lost"} == strays(environment().parse(source))
