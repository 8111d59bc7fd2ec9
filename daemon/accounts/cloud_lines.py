"""Which account is which of Meta's numbers, and with what Meta signs for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon import errors
from daemon.accounts import directory, limits, rights
from daemon.accounts.limits import Limits
from daemon.accounts.refusals import Why
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


def check_ids(settings: Settings, name: str, own: Limits) -> None:
    """Raises InvalidInput where these settings of the account's own would give it the number or the business account of
    an account that the caller may not use, and NotFound where that is so of the account itself."""
    has, wanted = limits.settings_in(settings, name, directory.find(name)), limits.check(own)
    others = [line for line in lines(settings) if not rights.may(line.account)]
    number, business = wanted.get("cloud_phone_number_id"), wanted.get("cloud_business_account_id")
    if number not in (None, has.cloud_phone_number_id) and any(line.number_id == number for line in others):
        raise errors.InvalidInput(Why.NUMBER_ID_TAKEN).at("cloud_phone_number_id")
    if business not in (None, has.cloud_business_account_id) and any(line.business_id == business for line in others):
        raise errors.InvalidInput(Why.BUSINESS_ID_TAKEN).at("cloud_business_account_id")
