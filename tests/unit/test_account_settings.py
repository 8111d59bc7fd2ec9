"""What an account has of its own stands in the room, in the API and in its answer: in all of them the same."""

from __future__ import annotations

from dataclasses import fields

from daemon.accounts import directory, limits
from daemon.api.schemas import accounts

SECRETS = {"cloud_token", "cloud_app_secret", "cloud_verify_token"}


def test_what_can_be_set_is_kept_and_shown() -> None:
    """Of secrets only whether they are set."""
    own = {each.name for each in fields(directory.Own)}
    settable = set(limits.Limits.__annotations__)

    assert own | SECRETS | {"title"} == settable == set(accounts.OwnSettings.model_fields)
    shown = set(accounts.Account.model_fields)
    assert own | {f"{each}_set" for each in SECRETS} <= shown and not SECRETS & shown
    assert {each: str(directory.AccountRow.__dataclass_fields__[each].type) for each in own} == {
        each: limits.Limits.__annotations__[each].__forward_arg__ for each in own
    }
