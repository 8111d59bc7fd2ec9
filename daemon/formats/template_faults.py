"""What is wrong with the placeholders of a message text, for somebody who is writing one; not in Jinja's words.

Jinja says where it stopped, which helps nobody who does not know its grammar. Here the text is looked at again, and the
first placeholder in it that cannot be one is told with what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OPENED = re.compile(r"\{\{|\{%")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_TYPOGRAPHIC = re.compile("[“”„‟‘’‚‛«»‹›″′]")
_NAME = re.compile(r"[^\W\d]\w*")
_LIQUID = re.compile(r"(?P<field>\w+)\s*\|\s*(?P<filter>\w+)\s*:\s*(?P<text>.+)", re.S)
_WORDS = re.compile(r"[^\W_][\w .'?!/&-]*", re.S)
_SHOWN = 60


def first(text: str) -> tuple[int, str] | None:
    """(line, sentence without its beginning) of the first placeholder that is wrong; None where none is known to be."""
    open_ifs = 0
    for line, mark, content, closed in _placeholders(text):
        if mark == "{{":
            found = _field(content, closed)
        else:
            tag = (content.split() or [""])[0]
            open_ifs += (tag == "if") - (tag == "endif")
            found = _tag(content.strip(), tag, closed, open_ifs)
        if found:
            return line, found
    return None


def _placeholders(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """(line, how it is opened, what stands in it, whether it is closed) of each."""
    at = 0
    while opened := _OPENED.search(text, at):
        end = "}}" if opened[0] == "{{" else "%}"
        close, following = text.find(end, opened.end()), _OPENED.search(text, opened.end() + 1)
        closed = close >= 0 and not (following and following.start() < close)
        stop = close if closed else following.start() if following else len(text)
        yield text.count("\n", 0, opened.start()) + 1, opened[0], _bare(text[opened.end() : stop]), closed
        at = stop + (2 if closed else 0)


def _bare(content: str) -> str:
    """Without the dashes that take blanks away around a tag."""
    return content.removeprefix("-").removesuffix("-")


def _field(content: str, closed: bool) -> str | None:
    if content.startswith("{"):
        return "a placeholder has two braces on each side, not three: write {{ name }}."
    if not closed:
        return "a placeholder is opened with {{ but not closed with }}: write {{ name }}."
    content = content.strip()
    if not content:
        return "a placeholder is empty: write the name of a field in it, as in {{ name }}."
    if content[0] in "#/^>&!@$%*" or content == "else":
        return (
            f"what {{{{ {content[:_SHOWN]} }}}} says belongs to another program: write {{{{ name }}}}, or "
            "{% if name %} … {% endif %}."
        )
    if _TYPOGRAPHIC.search(content):
        return 'quotation marks in a placeholder are straight: write {{ name }} or {{ name | default("friend") }}.'
    if liquid := _LIQUID.fullmatch(content):
        said = liquid["text"].strip().strip("\"'")[:_SHOWN]
        better = f'{liquid["field"]} | {liquid["filter"]}("{said}")'
        return f"what a filter is given stands in brackets: write {{{{ {better} }}}}."
    name = content.partition("|")[0].strip()
    if _WORDS.fullmatch(name) and not _NAME.fullmatch(name) and not _grammar(name):
        better = _identifier(name)
        if " " in name:
            return f"names of fields have no spaces: write {{{{ {better} }}}}."
        return f"names of fields have only letters, digits and _, and no digit first: write {{{{ {better} }}}}."
    return None


def _grammar(name: str) -> bool:
    """Whether it has words of the template language: then it is no name."""
    return re.search(r"\b(?:if|else|and|or|not|in|is)\b", name) is not None or "." in name


def _tag(content: str, tag: str, closed: bool, open_ifs: int) -> str | None:
    if not closed:
        return "a tag is opened with {% but not closed with %}: write {% if name %} … {% endif %}."
    if not content:
        return "a tag is empty: write {% if name %} … {% endif %}."
    if tag in ("elseif", "elsif"):
        return f"write elif instead of {tag}."
    if open_ifs < 0 or (open_ifs == 0 and tag in ("else", "elif")):
        return f"the tag {{% {tag} %}} has no {{% if %}} before it."
    if _TYPOGRAPHIC.search(content):
        return 'quotation marks in a tag are straight: write {% if name == "Ann" %}.'
    if tag in ("if", "elif") and re.search(r"(?<![=!<>])=(?!=)", _QUOTED.sub("", content)):
        return 'two values are compared by two signs: write {% if name == "Ann" %}.'
    return None


def _identifier(name: str) -> str:
    """The name as columns of a file are called in a text."""
    found = "_".join(re.findall(r"\w+", name.lower().replace("_", " ")))
    return f"_{found}" if found[:1].isdigit() else found
