"""What a template is given: a record for each, whose fields are the names that the template may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Names:
    """Names that templates may use, each with its value."""


@dataclass(frozen=True)
class PageContent(Names):
    """What one page has inside its frame. here: the entry of the navigation that it belongs to, "" for none; beside:
    the further records whose names its template may use."""

    template: ClassVar[str]
    here: ClassVar[str] = ""
    beside: ClassVar[tuple[type[Names], ...]] = ()
