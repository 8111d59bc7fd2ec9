"""How WhatsApp's page is built, to be sent to those who mend selectors.toml: structure only. Pure.

Nothing in it was written by a person: of names of the page's parts only such as WhatsApp gives are let through, and of
its sentences only words that its pages are known to use; all else is a sign for a word.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from daemon.transports.browser.selectors import Selectors

GAP = "…"  #: a word that is not told
DIALOG_CHARS, MOST_NAMES = 400, 400
#: A name that WhatsApp gives to a part of its page: words of small letters joined by signs; alone only these.
PART = re.compile(r"[a-z#][a-z#]*(?:[-_][a-z#]+)+")
SINGLE = (
    "app|main|side|menu|send|plus|clip|back|search|x|pin|star|archive|chats|status|calls|settings|group|mic|smiley|"
    "sticker|camera|image|video|audio|document|contact|poll|event|alert|down|up|filter|muted|delete|close"
)
#: Words of WhatsApp's own sentences: names, numbers and what people write are not among them, but for chance.
WORDS = frozenset((Path(__file__).parent / "page_words.txt").read_text(encoding="utf-8").split())


def vocabulary(selectors: Selectors) -> frozenset[str]:
    """WORDS, and those by which the page's states are told."""
    patterns = [*selectors.data["text"].values(), *(entry["text"] for entry in selectors.dismiss)]
    found = re.findall(r"[a-z']{3,}", " ".join(patterns).lower())
    return WORDS | frozenset(found)


def masked(text: str, known: frozenset[str], most: int = DIALOG_CHARS) -> str:
    """A sentence of the page without what a person may have written: numbers are "#", words that are not known GAP."""

    def word(match: re.Match[str]) -> str:
        found = match[0]
        if any(char.isdigit() for char in found):
            return "#"
        return found if found.lower().replace("\u2019", "'") in known else GAP

    hidden = re.sub(r"[^\W_]+(?:['\u2019-][^\W_]+)*", word, text.replace("_", " "))
    line = " ".join(re.sub(r"[^\w\s#…'\u2019.,:;!?()%/&+\"-]", GAP, hidden).split())
    line = re.sub(rf"{GAP}(?:[\s.,/-]*{GAP})+", GAP, line)
    return re.sub(r"\+?#(?:[\s.,()/+-]*#)*", "#", line)[:most]


def parts(counts: dict[str, int]) -> dict[str, int]:
    """Names of parts, with how many there are: digits are "#", and what is no such name is left out."""
    found: dict[str, int] = {}
    for name, count in counts.items():
        plain = re.sub(r"\d+", "#", re.sub(r"\b(?=[0-9A-Fa-f]*\d)[0-9A-Fa-f]{8,}\b", "#", name))
        if PART.fullmatch(plain) or re.fullmatch(SINGLE, plain):
            found[plain] = found.get(plain, 0) + count
    return dict(sorted(found.items())[:MOST_NAMES])


def told(page: dict[str, Any], selectors: Selectors) -> dict[str, Any]:
    """What may leave this machine of what the page's script answers to "structure"."""
    known = vocabulary(selectors)
    acks = {name: count for name, count in page["rows"]["acks"].items() if name in known or name in ("pending", "read")}
    keys = {key: count for key, count in page["rows"]["keys"].items() if re.fullmatch(r"[#_@.a-z]{0,40}", key)}
    return {
        "language": page["lang"] if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", page["lang"]) else "",
        "build": page["build"] if re.fullmatch(r"[\d.]{1,40}", page["build"]) else "",
        "generation": page["generation"],
        "chats_shown": page["main"],
        "selectors": {
            "date": selectors.date.isoformat(),
            "own": selectors.own,
            "hits": {name: counts for name, counts in page["selectors"].items() if name in selectors.data["find"]},
        },
        "ids": parts(page["ids"]),
        "test_ids": parts(page["testids"]),
        "icons": parts(page["icons"]),
        "drawings": parts(page["drawings"]),
        "roles": {role: count for role, count in page["roles"].items() if re.fullmatch(r"[a-z]{3,20}", role)},
        "tabs": {tab: count for tab, count in page["tabs"].items() if re.fullmatch(r"\d{1,2}", tab)},
        "file_inputs": {what: n for what, n in page["inputs"].items() if re.fullmatch(r"[\w*/,.+ -]{0,200}", what)},
        "rows": page["rows"] | {"acks": acks, "keys": keys},
        "dialogs": [
            {
                "text": masked(dialog["text"], known),
                "buttons": [masked(label, known, 60) for label in dialog["buttons"][:10]],
                "waiting": dialog["waiting"],
                "guarded": dialog["guarded"],
            }
            for dialog in page["dialogs"][:5]
        ],
        # With the chats on the screen, what is beside dialogs may be of people.
        "text": None if page["main"] else masked(page["text"], known, 1_000),
    }
