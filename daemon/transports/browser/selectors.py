"""selectors.toml: what is looked for on WhatsApp's page.

One in the data folder wins when the date in it is newer than that of the one that came with wasender: the page changes
between two releases. It is checked before use; where it is not as it should be, it is left alone, and the log says why.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import structlog

from daemon.errors import InvalidInput
from daemon.transports.browser.refusals import Why

log = structlog.get_logger()

NAME = "selectors.toml"
BUILT_IN = Path(__file__).parent / NAME
MOST_BYTES = 1_000_000
MOST_PROBLEMS = 5  # that are named
ACKS = frozenset({"pending", "sent", "delivered", "read", "failed"})
OPTIONS = frozenset({"css", "text", "title", "label", "closest"})
SECTIONS = frozenset({"date", "find", "row", "ack", "text", "menu", "dismiss"})


@dataclass(frozen=True)
class Selectors:
    """A file that has been checked. data: as it is in the file. own: whether it is the one of the data folder."""

    date: date
    data: dict[str, Any]
    own: bool = False

    @property
    def dismiss(self) -> list[dict[str, Any]]:
        """Dialogs that need no person."""
        return list(self.data["dismiss"])


def built_in() -> Selectors:
    """The one that came with this version."""
    data = tomllib.loads(BUILT_IN.read_text())
    return Selectors(date.fromisoformat(data["date"]), data)


@dataclass(frozen=True)
class Choice:
    """Which file is used. refused: what is wrong with the one of the data folder, where it cannot be used. outdated:
    its date, where ours is as new."""

    used: Selectors
    refused: str | None = None
    outdated: date | None = None


def choose(folder: Path | None) -> Choice:
    """That of the data folder is used where there is one that is newer and sound."""
    ours = built_in()
    path = folder / NAME if folder else None
    if path is None or not path.exists():
        return Choice(ours)
    try:
        theirs = check(read(path))
    except InvalidInput as error:
        return Choice(ours, refused=str(error))
    return Choice(theirs) if theirs.date > ours.date else Choice(ours, outdated=theirs.date)


def in_use(folder: Path | None) -> Selectors:
    """The one to use; the log says why one of the data folder is not."""
    choice = choose(folder)
    if choice.refused:
        log.error("page.selectors_refused", reason=choice.refused)
    elif choice.outdated:
        log.info("page.selectors_outdated", date=choice.outdated.isoformat(), used=choice.used.date.isoformat())
    return choice.used


def read(path: Path) -> str:
    """The text of a file. Raises InvalidInput."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidInput(Why.TOO_LARGE, file=path, name=NAME)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(Why.UNREADABLE, file=path, reason=error.strerror) from None
    except UnicodeDecodeError:
        raise InvalidInput(Why.NOT_UTF8, file=path) from None


def check(text: str) -> Selectors:
    """What the file says. Raises InvalidInput that names what is wrong. Whether a browser understands its CSS only the
    browser can tell, see `Surface`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(Why.NOT_TOML, name=NAME, reason=error) from None
    problems = list(_problems(data))
    if problems:
        more = f" ({len(problems) - MOST_PROBLEMS} more)" if len(problems) > MOST_PROBLEMS else ""
        shown = "; ".join(problems[:MOST_PROBLEMS])
        raise InvalidInput(Why.UNUSABLE, name=NAME, problems=shown + more)
    return Selectors(date.fromisoformat(data["date"]), data, own=True)


def _problems(data: dict[str, Any]) -> list[str]:
    """Everything that is wrong: what this version needs is there, and of the kind that it is in its own file."""
    found = [f"there is no section {name}" for name in sorted(SECTIONS - data.keys())]
    if found:
        return found
    if not _is_date(data["date"]):
        found.append('date is not a day such as "2026-11-29"')
    expected = built_in().data
    for section in ("find", "row", "text", "menu", "ack"):
        if not isinstance(data[section], dict):
            found.append(f"{section} is not a table")
            continue
        found += [f"{section}.{name} is missing" for name in expected[section].keys() - data[section].keys()]
        for name, value in data[section].items():
            found += [f"{section}.{name} {wrong}" for wrong in _wrong(section, value)]
    if not isinstance(data["dismiss"], list):
        return [*found, "dismiss is not a list of tables"]
    return found + [
        f"dismiss {index} {wrong}" for index, one in enumerate(data["dismiss"]) for wrong in _wrong_dialog(one)
    ]


def _is_date(value: Any) -> bool:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return len(value) == len("2026-11-29")


def _wrong(section: str, value: Any) -> list[str]:
    if section == "find":
        if not isinstance(value, list) or not value:
            return ["is not a list of choices"]
        return [wrong for choice in value for wrong in _wrong_choice(choice)]
    if section == "ack":
        sound = isinstance(value, dict) and all(state in ACKS for state in value.values())
        return [] if sound else [f"is not a table whose values are of {', '.join(sorted(ACKS))}"]
    if not isinstance(value, str) or not value:
        return ["is not a text"]
    return [] if section == "row" else _wrong_regex(value)


def _wrong_choice(choice: Any) -> list[str]:
    if isinstance(choice, str):
        return [] if choice.strip() else ["has an empty selector"]
    if not isinstance(choice, dict) or not isinstance(choice.get("css"), str):
        return ["has a choice that is neither a selector nor a table with css"]
    if strange := choice.keys() - OPTIONS:
        return [f"has a choice with {', '.join(sorted(strange))}, which this version does not know"]
    if not all(isinstance(value, str) for value in choice.values()):
        return ["has a choice whose values are not all texts"]
    return [wrong for name in ("text", "title", "label") if name in choice for wrong in _wrong_regex(choice[name])]


def _wrong_dialog(entry: Any) -> list[str]:
    if not isinstance(entry, dict) or not {"name", "text", "button"} <= entry.keys():
        return ["is not a table with name, text and button"]
    texts = [
        entry["text"],
        entry.get("unless", "."),
        *(entry["button"] if isinstance(entry["button"], list) else [None]),
    ]
    if not all(isinstance(text, str) for text in texts) or not isinstance(entry["name"], str):
        return ["has a text or a button that is none"]
    return [wrong for text in texts for wrong in _wrong_regex(text)]


def _wrong_regex(pattern: str) -> list[str]:
    try:
        re.compile(pattern, re.I)
    except re.error as error:
        return [f"has a pattern that cannot be used ({error})"]
    return []
