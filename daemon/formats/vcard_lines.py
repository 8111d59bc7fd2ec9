"""The lines of one card: unfolded, taken apart and decoded, in work that grows with their length and no faster."""

from __future__ import annotations

import binascii
import quopri
import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r'[^";:]+|"[^"]*"|.', re.S)
_ESCAPED = re.compile(r"\\([\\,;:nN])")
_PART = re.compile(r"(?:[^\\;]|\\.)*;?", re.S)  # of a value such as N, up to its semicolon
_END = re.compile(r"(?i)[ \t]*END:VCARD[ \t]*")


@dataclass(frozen=True)
class Line:
    """One property. params: `TYPE=CELL,VOICE` as {"TYPE": ["CELL", "VOICE"]}; singletonparams: those that have no `=`,
    as vCard 2.1 writes them."""

    raw: str
    params: dict[str, list[str]] = field(default_factory=dict)
    singletonparams: list[str] = field(default_factory=list)

    @property
    def value(self) -> str:
        """Its text: decoded, with what was escaped as it was meant."""
        return _unescaped(self._decoded())

    @property
    def parts(self) -> list[str]:
        """The texts between its semicolons."""
        found = _PART.findall(self._decoded())[:-1]  # the last is the empty one at the end
        return [_unescaped(part.removesuffix(";")) for part in found]

    def _decoded(self) -> str:
        encodings = {each.upper() for each in (*self.params.get("ENCODING", []), *self.singletonparams)}
        if "QUOTED-PRINTABLE" in encodings:
            return self._text(quopri.decodestring(self.raw.encode(errors="surrogatepass")))
        if encodings & {"B", "BASE64"}:
            try:
                return self._text(binascii.a2b_base64(self.raw.encode(errors="surrogatepass"), strict_mode=True))
            except binascii.Error:
                pass
        return self.raw

    def _text(self, data: bytes) -> str:
        charset = next(iter(self.params.get("CHARSET", [])), "utf-8")
        try:
            return data.decode(charset)
        except (LookupError, ValueError):
            return data.decode("utf-8", "replace")


def contents(card: str) -> dict[str, list[Line]]:
    """The properties of a card by their name in small letters; a line that is none is left out.

    card: from BEGIN:VCARD on, its lines ended by `\\n`. Raises ValueError when it does not end with END:VCARD.
    """
    found: dict[str, list[Line]] = {}
    ended = False
    for text in _logical(card):
        ended = _END.fullmatch(text) is not None
        if named := _read(text):
            found.setdefault(named[0], []).append(named[1])
    if not ended:
        raise ValueError("cut off")
    return found


def _logical(card: str) -> list[str]:
    """The lines as they were before they were folded: by a blank that begins the next one, in quoted-printable by a
    `=` at their end."""
    lines: list[list[str]] = []
    open_ended = quoted = False
    for line in card.split("\n"):
        if open_ended:
            lines[-1].append(line)
        elif lines and line[:1] in (" ", "\t") and not _END.fullmatch(line):
            lines[-1].append(line[1:])
        elif line.strip():
            lines.append([line])
            quoted = "quoted-printable" in line.partition(":")[0].lower()
        open_ended = quoted and line.endswith("=") and bool(lines)
        if open_ended:
            lines[-1][-1] = lines[-1][-1][:-1]
    return ["".join(parts) for parts in lines]


def _read(text: str) -> tuple[str, Line] | None:
    """The property's name and the line, None for what is no property."""
    pieces: list[list[str]] = [[]]
    at = 0
    for token in _TOKEN.finditer(text):
        at = token.end()
        if token[0] == ":":
            break
        if token[0] == ";":
            pieces.append([])
        else:
            pieces[-1].append(token[0])
    else:
        return None
    name, *given = ("".join(piece).strip() for piece in pieces)
    line = Line(text[at:])
    for each in given:
        key, equals, values = each.partition("=")
        if equals:
            listed = [value.strip() for value in values.replace('"', "").split(",")]
            line.params.setdefault(key.strip().upper(), []).extend(listed)
        elif each:
            line.singletonparams.append(each)
    return name.rpartition(".")[2].replace(
        "_", "-"
    ).lower(), line  # "item1.TEL": what groups it with others is left out


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)
