"""Large JSON, parsed and written piece by piece, so that other threads run in between: at once it holds them all up,
for a second where there are a million entries.

Where parts of a text begin and end is found by regular expressions, a WINDOW at a time; they take anything that has its
brackets and quotes in pairs. Each piece is then parsed by the parser that reads small bodies, so it is what decides.
They are atomic groups, `(?>…)`: before Python 3.11.5, as in Debian 12, possessive quantifiers around alternatives match
too little (CPython gh-106052).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pydantic_core

WINDOW = 1 << 16  # bytes
PART = 1_000  # entries of a list that are written at once
DEEPEST = 20  # lists and objects in each other, where they do not fit into a window

_STRING = rb'"(?>(?:[^"\\]+|\\.)*)"'
_FLAT = rb"[\[{](?>(?:[^\"\[\]{}]+|" + _STRING + rb")*)[\]}]"
_DEEP = rb"[\[{](?>(?:[^\"\[\]{}]+|" + _STRING + rb"|" + _FLAT + rb")*)[\]}]"
_ENTRIES = re.compile(rb"(?>(?:(?>(?:[^\"\[\]{},]+|" + _STRING + rb"|" + _DEEP + rb")+),)+)", re.DOTALL)
_WHOLE = re.compile(_DEEP, re.DOTALL)
_TEXT = re.compile(_STRING, re.DOTALL)
_WORD = re.compile(rb"[^\s,\]}\[{\":]++")
_SPACE = re.compile(rb"[ \t\r\n]*+")


def whole(data: bytes) -> Any:
    """What a small JSON text stands for. Raises ValueError."""
    return pydantic_core.from_json(data, allow_inf_nan=False)


def parse(data: bytes) -> Any:
    """The same of a large one. Raises ValueError that says near which byte."""
    value, end = _value(data, _space(data, 0), 1)
    if _space(data, end) != len(data):
        raise _wrong("trailing characters", end)
    return value


def write(value: Any) -> str:
    """The value as JSON without blanks."""
    if isinstance(value, list | tuple):
        if len(value) > PART:
            starts = range(0, len(value), PART)
            return f"[{','.join(_dumps(value[start : start + PART])[1:-1] for start in starts)}]"
        if any(isinstance(each, list | tuple) and each for each in value):
            return f"[{','.join(write(each) for each in value)}]"
    return _dumps(value)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The value that begins there, and where it ends."""
    sign = data[at : at + 1]
    if sign in (b"[", b"{"):
        if found := _WHOLE.match(data, at, at + WINDOW):
            return _piece(found[0], at), found.end()
        if depth > DEEPEST:
            raise _wrong("lists and objects are nested too deeply", at)
        return _list(data, at, depth) if sign == b"[" else _object(data, at, depth)
    found = (_TEXT if sign == b'"' else _WORD).match(data, at)
    if found is None:
        raise _wrong("a value is missing", at)
    return _piece(found[0], at), found.end()


def _list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    at = _space(data, at + 1)
    while data[at : at + 1] != b"]" or values:
        if found := _ENTRIES.match(data, at, at + WINDOW):
            values += _piece(b"[" + data[at : found.end() - 1] + b"]", at)
            at = _space(data, found.end())
        value, at = _value(data, at, depth + 1)
        values.append(value)
        at, more = _on(data, at, b"]")
        if not more:
            return values, at
    return values, at + 1


def _object(data: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    values: dict[str, Any] = {}
    at = _space(data, at + 1)
    while data[at : at + 1] != b"}" or values:
        if found := _ENTRIES.match(data, at, at + WINDOW):
            values |= _piece(b"{" + data[at : found.end() - 1] + b"}", at)
            at = _space(data, found.end())
        name = _TEXT.match(data, at)
        colon = _space(data, name.end()) if name else at
        if name is None or data[colon : colon + 1] != b":":
            raise _wrong("a name and a colon are missing", at)
        values[_piece(name[0], at)], at = _value(data, _space(data, colon + 1), depth + 1)
        at, more = _on(data, at, b"}")
        if not more:
            return values, at
    return values, at + 1


def _on(data: bytes, at: int, end: bytes) -> tuple[int, bool]:
    """Behind an entry: where it goes on, and whether another entry follows."""
    at = _space(data, at)
    sign = data[at : at + 1]
    if sign not in (b",", end):
        raise _wrong(f"a comma or {end.decode()} is missing", at)
    return _space(data, at + 1) if sign == b"," else at + 1, sign == b","


def _piece(data: bytes, at: int) -> Any:
    try:
        return whole(data)
    except ValueError as error:
        raise _wrong(str(error).partition(" at line ")[0], at) from None


def _space(data: bytes, at: int) -> int:
    found = _SPACE.match(data, at)
    return found.end() if found else at


def _wrong(what: str, at: int) -> ValueError:
    return ValueError(f"{what} near byte {at + 1:,}")
