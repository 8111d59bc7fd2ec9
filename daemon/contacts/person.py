"""Who somebody is: by telephone number, in whichever notation, or by WhatsApp's id of a user (BSUID).

Two notations of one number are one person here, see `formats.notations`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.formats import notations
from daemon.states import E164, PersonKey

_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[0-9A-Za-z]{1,128}")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, by at least one of: phone, as it was given; bsuid, WhatsApp's id of them for one business, such as
    `US.13491208655302741918` (people without a visible number have no other)."""

    phone: E164 | None = None
    bsuid: str | None = None

    def __post_init__(self) -> None:
        if self.phone is None and self.bsuid is None:
            raise ValueError("a person has a telephone number, a BSUID, or both")
        if self.bsuid is not None and not _BSUID.fullmatch(self.bsuid):
            raise ValueError("not a BSUID")

    @property
    def key(self) -> PersonKey:
        """The same for the same person: the number as it is written today, else the BSUID."""
        return PersonKey(self.bsuid or "" if self.phone is None else notations.today(self.phone))
