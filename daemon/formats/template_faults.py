"""What is wrong with the placeholders of a message text, for somebody who is writing one; not in Jinja's words.

Jinja says where it stopped, which helps nobody who does not know its grammar. Here the text is looked at again, and the
first placeholder in it that cannot be one is told with what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from daemon.formats.refusals import Why
from daemon.i18n.coded import Refusal, refusal

_OPENED = re.compile(r"\{\{|\{%")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_TYPOGRAPHIC = re.compile("[“”„‟‘’‚‛«»‹›″′]")
_NAME = re.compile(r"[^\W\d]\w*")
_LIQUID = re.compile(r"(?P<field>\w+)\s*\|\s*(?P<filter>\w+)\s*:\s*(?P<text>.+)", re.S)
_WORDS = re.compile(r"[^\W_][\w .'?!/&-]*", re.S)
_SHOWN = 60
Found = tuple[Why, dict[str, str]] | None


def first(text: str) -> Refusal | None:
    """What is wrong with the first placeholder that is wrong; None where none is known to be."""
    open_ifs = 0
    for line, mark, content, closed in _placeholders(text):
        if mark == "{{":
            found = _field(content, closed)
        else:
            tag = (content.split() or [""])[0]
            open_ifs += (tag == "if") - (tag == "endif")
            found = _tag(content.strip(), tag, closed, open_ifs)
        if found:
            code, values = found
            return refusal(code, line=line, **values)
    return None


def _placeholders(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """(line, how it is opened, what is in it, whether it is closed) of each."""
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


def _field(content: str, closed: bool) -> Found:
    if content.startswith("{"):
        return Why.THREE_BRACES, {}
    if not closed:
        return Why.PLACEHOLDER_NOT_CLOSED, {}
    content = content.strip()
    if not content:
        return Why.PLACEHOLDER_EMPTY, {}
    if content[0] in "#/^>&!@$%*" or content == "else":
        return Why.PLACEHOLDER_OF_ANOTHER_PROGRAM, {"written": content[:_SHOWN]}
    if _TYPOGRAPHIC.search(content):
        return Why.PLACEHOLDER_QUOTES_NOT_STRAIGHT, {}
    if liquid := _LIQUID.fullmatch(content):
        said = liquid["text"].strip().strip("\"'")[:_SHOWN]
        better = f'{liquid["field"]} | {liquid["filter"]}("{said}")'
        return Why.FILTER_WITHOUT_BRACKETS, {"better": better}
    name = content.partition("|")[0].strip()
    if _WORDS.fullmatch(name) and not _NAME.fullmatch(name) and not _grammar(name):
        better = _identifier(name)
        return Why.FIELD_WITH_SPACES if " " in name else Why.FIELD_WITH_SIGNS, {"better": better}
    return None


def _grammar(name: str) -> bool:
    """Whether it has words of the template language: then it is no name."""
    return re.search(r"\b(?:if|else|and|or|not|in|is)\b", name) is not None or "." in name


def _tag(content: str, tag: str, closed: bool, open_ifs: int) -> Found:
    if not closed:
        return Why.TAG_NOT_CLOSED, {}
    if not content:
        return Why.TAG_EMPTY, {}
    if tag in ("elseif", "elsif"):
        return Why.ELIF_WANTED, {"tag": tag}
    if open_ifs < 0 or (open_ifs == 0 and tag in ("else", "elif")):
        return Why.TAG_WITHOUT_IF, {"tag": tag}
    if _TYPOGRAPHIC.search(content):
        return Why.TAG_QUOTES_NOT_STRAIGHT, {}
    if tag in ("if", "elif") and re.search(r"(?<![=!<>])=(?!=)", _QUOTED.sub("", content)):
        return Why.ONE_SIGN_OF_COMPARISON, {}
    return None


def _identifier(name: str) -> str:
    """The name as columns of a file are called in a text."""
    found = "_".join(re.findall(r"\w+", name.lower().replace("_", " ")))
    return f"_{found}" if found[:1].isdigit() else found
