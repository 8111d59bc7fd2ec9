"""Which account is which of Meta's numbers, and with what Meta signs for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.accounts import directory, limits
from daemon.config import Settings


@dataclass(frozen=True)
class Line:
    """An account of the Cloud API. number_id, business_id: Meta's ids of its number and of its business account, ""
    where they are not set; secret: of the app, which signs; verify_token: what Meta repeats when it checks our address.
    """

    account: str
    number_id: str
    business_id: str
    secret: str = field(repr=False)
    verify_token: str = field(repr=False)


def lines(settings: Settings) -> list[Line]:
    """Every account that has any of these, whatever it sends by now: what was sent before is still reported."""
    found = []
    for row in directory.whoever_asks():
        own = limits.settings_in(settings, row.name, row)
        ids = (own.cloud_phone_number_id, own.cloud_business_account_id)
        line = Line(row.name, *ids, own.cloud_app_secret, own.cloud_verify_token)
        if row.removed_at is None and any((*ids, line.secret, line.verify_token)):
            found.append(line)
    return found
