"""Each template and its record name the same things: what a page is given is typed on both sides."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import jinja2
import pytest
from aiohttp import web
from aiohttp_jinja2 import get_env
from jinja2 import meta, nodes

from daemon.pages import shell
from daemon.pages.content import Names, PageContent
from daemon.pages.jobs import JobPage

TEMPLATES = Path(shell.__file__).parent / "templates"
SHARED = {
    "base.html",
    "draft_base.html",
    "macros.html",
    "draft_macros.html",
    "list_parts.html",
    "navigation.html",
    "editor.html",
} | {  # included
    "draft_recent.html",
    "job_actions.html",
    "job_course.html",
    "job_duplicate.html",
    "job_failures.html",
    "job_message.html",
    "job_recipients.html",
    "job_replies.html",
    "job_scheduled.html",
    "job_settings.html",
    "series_parts.html",
    "key_parts.html",
    "second_factor_parts.html",
    "webhook_parts.html",
}


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
    set_ = {
        each.target.name
        for each in parsed.find_all((nodes.Assign, nodes.AssignBlock))
        if isinstance(each.target, nodes.Name)
    }
    own = {"_trans"} | imported | macros | set_
    return meta.find_undeclared_variables(parsed) - own - environment().globals.keys()


def only(parsed: nodes.Template, wanted: Iterable[str]) -> nodes.Template:
    """The macros of these names, those that they call, and what these import."""
    macros = {each.name: each for each in parsed.find_all(nodes.Macro)}
    reached: dict[str, nodes.Macro] = {}
    waiting = set(wanted)
    while waiting := (waiting & macros.keys()) - reached.keys():
        name = waiting.pop()
        reached[name] = macros[name]
        waiting |= meta.find_undeclared_variables(_of(macros[name]))
    return _of(*parsed.find_all(nodes.FromImport), *reached.values())


def _of(*body: nodes.Node) -> nodes.Template:
    made = nodes.Template(list(body), lineno=1)
    made.set_environment(environment())
    return made


def used(parsed: nodes.Template) -> set[str]:
    """The strays of a template, with those of what it extends and includes, and of macros that it imports."""
    found = strays(parsed)
    for each in (*parsed.find_all(nodes.Extends), *parsed.find_all(nodes.Include)):
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


def attributes(of: Any) -> dict[str, Any] | None:
    """What something of that type has, by name; None where that cannot be said. Of Optional: what it is if it is."""
    kinds = [each for each in get_args(of) if each is not type(None)] if get_origin(of) in (Union, UnionType) else [of]
    if len(kinds) != 1 or not inspect.isclass(kinds[0]) or kinds[0].__module__ == "builtins":
        return None
    return dict.fromkeys(dir(kinds[0])) | get_type_hints(kinds[0])


def elements(of: Any) -> Any:
    """The type of what is in a list of that type; None where that cannot be said."""
    listed = isinstance(get_origin(of), type) and issubclass(get_origin(of), Sequence)
    return get_args(of)[0] if listed and get_args(of) else None


def wrong(node: nodes.Node, known: dict[str, Any], found: set[str]) -> Any:
    """The type of an expression, None where that cannot be said; found: gets what is asked of something without it."""
    if isinstance(node, nodes.Name):
        return known.get(node.name)
    if isinstance(node, nodes.Getattr):
        owner = wrong(node.node, known, found)
        there = attributes(owner)
        if there is not None and node.attr not in there:
            found.add(f"{getattr(owner, '__name__', owner)}.{node.attr}")
        return (there or {}).get(node.attr)
    if isinstance(node, nodes.For):
        inner = known | {each.name: None for each in node.target.find_all(nodes.Name)}
        if isinstance(node.target, nodes.Name):
            inner[node.target.name] = elements(wrong(node.iter, known, found))
        for each in [*node.body, *node.else_, *([node.test] if node.test else [])]:
            wrong(each, inner, found)
        return None
    if isinstance(node, nodes.Macro):
        known = known | {each.name: None for each in node.args}
    if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
        known[node.target.name] = wrong(node.node, known, found)
        return None
    for each in node.iter_child_nodes():
        wrong(each, known, found)
    return None


@pytest.mark.parametrize("record", list(records()), ids=lambda each: each.template)
def test_a_template_asks_nothing_of_a_record_that_it_does_not_have(record: type[PageContent]) -> None:
    """As far as the types say what a name stands for, through loops and parts of parts."""
    known = {
        name: kind for each in (shell.Frame, *record.beside, record) for name, kind in get_type_hints(each).items()
    }
    found: set[str] = set()
    wrong(tree(record.template), known, found)
    assert set() == found


def test_what_a_record_does_not_have_is_seen() -> None:
    """Directly, in a loop, and behind another record."""
    source = "{{ job.nme }}{% for each in job.bar %}{{ each.width }}{{ each.hight }}{% endfor %}{{ course.rows.x }}"
    found: set[str] = set()
    wrong(environment().parse(source), dict(get_type_hints(JobPage)), found)
    assert {"JobView.nme", "Bar.hight"} == found


WRITTEN = re.compile(
    r"<(?:textarea|input)\b[^>]*?\bname=\"(?:name|text|pasted|reason|template_name|search|q|numbers)\"[^>]*>"
)


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_what_somebody_writes_runs_its_own_way(path: Path) -> None:
    """A field for words of a person's own, and a sample of a message, take their direction from these."""
    text = re.sub(r"{[{%].*?[%}]}", lambda found: found[0].replace(">", " "), path.read_text(), flags=re.S)
    fields = [each for each in WRITTEN.findall(text) if 'type="hidden"' not in each and "unseen" not in each]
    shown = re.findall(r'<(?:div|pre|li)\b[^>]*class="(?:bubble|text)\b[^>]*>', text)
    assert [] == [each for each in [*fields, *shown] if 'dir="' not in each]
