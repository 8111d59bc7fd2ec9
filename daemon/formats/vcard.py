"""vCard text (2.1, 3.0, 4.0) → cards with their telephone numbers, the likeliest mobile first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from daemon.formats import vcard_lines
from daemon.formats.vcard_lines import Line

_CARD = re.compile(r"(?ims)^[ \t]*BEGIN:VCARD[ \t]*$.*?(?:^[ \t]*END:VCARD[ \t]*$|\Z|(?=^[ \t]*BEGIN:VCARD))")
_START = re.compile(r"(?i)\s*BEGIN:VCARD\s*?$", re.MULTILINE)
_NOT_FOR_TALK = {"FAX", "PAGER", "MODEM"}
_NOT_PREFERRED = 101  # PREF is 1 to 100
_MOBILE = {"CELL", "MOBILE", "IPHONE", "WHATSAPP"}


@dataclass(frozen=True)
class Card:
    """position: of the card in the file, from 1. numbers: as written, mobiles first, of each kind the preferred ones
    first, no fax. ranks: of each of them, equal where nothing tells two of them apart. broken: unreadable."""

    position: int
    fields: dict[str, str]
    numbers: list[str]
    ranks: list[tuple[int, int]] = field(default_factory=list)
    broken: bool = False


def is_vcard(text: str) -> bool:
    """Whether the text starts as a vCard file does."""
    return _START.match(text) is not None


def read(text: str) -> Iterator[Card]:
    """All cards. Broken ones are marked, and have their name if it could be read."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for position, found in enumerate(_CARD.finditer(text), 1):
        card = found[0]
        try:
            contents = vcard_lines.contents(card)
        except ValueError:
            name = re.search(r"(?im)^FN[^:\n]*:(.*)$", card)
            yield Card(position, {"name": name[1].strip() if name else ""}, [], broken=True)
        else:
            yield _read(position, contents)


def _read(position: int, contents: dict[str, list[Line]]) -> Card:
    last_name, first_name = [*_parts(contents, "n"), "", ""][:2]
    fields = {
        "name": _first(contents, "fn") or f"{first_name} {last_name}".strip(),
        "first_name": first_name,
        "last_name": last_name,
        "org": ", ".join(filter(None, _parts(contents, "org"))),
        "title": _first(contents, "title"),
        "email": _first(contents, "email"),
    }
    ranked = [line for line in sorted(contents.get("tel", []), key=_rank) if _rank(line)[0] < 3]
    return Card(position, fields, [_number(line) for line in ranked], [_rank(line) for line in ranked])


def _first(contents: dict[str, list[Line]], name: str) -> str:
    lines = contents.get(name)
    return lines[0].value.strip() if lines else ""


def _parts(contents: dict[str, list[Line]], name: str) -> list[str]:
    lines = contents.get(name)
    return [part.strip() for part in lines[0].parts] if lines else []


def _number(line: Line) -> str:
    """The number; WhatsApp's own exports have it in the parameter `waid`."""
    waid = line.params.get("WAID") if "@" not in line.value else None  # beside a hidden id it is that
    return "+" + waid[0] if waid else line.value.strip()


def _rank(line: Line) -> tuple[int, int]:
    """0 known to WhatsApp, 1 mobile, 2 any other telephone, 3 no telephone; and the preference, 1 the most."""
    listed = [*line.singletonparams, *line.params.get("TYPE", [])]
    kinds = {kind.strip().upper() for kinds in listed for kind in kinds.split(",")}
    given = next(iter(line.params.get("PREF", [])), "")
    preference = int(given) if given.isdecimal() and len(given) < 4 else 1 if "PREF" in kinds else _NOT_PREFERRED
    if "WAID" in line.params:
        return 0, preference
    return 1 if kinds & _MOBILE else 3 if kinds & _NOT_FOR_TALK else 2, preference
