"""Two at once on PostgreSQL, beside the queue: see `test_races.py`."""

from __future__ import annotations

import pyotp
import pytest

from daemon import errors
from daemon.accounts import directory, limits, portfolios
from daemon.auth import second_factor
from daemon.db import connection
from daemon.models import Portfolio, PortfolioPerson
from daemon.states import PersonKey
from tests.conftest import NOW
from tests.support.logins import anna


@pytest.fixture
def backend() -> str:
    return "postgresql"


def test_a_place_is_not_given_back_that_another_message_takes_just_now(database, rival, start, until_it_waits):
    """The person counts for that one by then."""
    portfolios.told("1", 5, NOW)
    with connection.write():
        assert portfolios.lock("1") and portfolios.take("1", PersonKey("anna"), 1, NOW)

    def give_back() -> None:
        with connection.write():
            portfolios.give_back(1)

    rival.execute("SELECT 1 FROM portfolio FOR UPDATE")
    rival.execute("UPDATE portfolio_person SET message = 2, before_at = at")
    giving = start(give_back)
    until_it_waits(giving)
    rival.commit()
    giving.result()
    assert [(2, NOW)] == [(row.message, row.before_at) for row in PortfolioPerson.select()]
    assert 1 == Portfolio.get().people


def test_a_second_factor_that_is_turned_on_twice_at_once(database, start, until_it_waits):
    """The codes that are shown last are those that are taken, and no others."""
    user_id, key = anna().id, b"what second factors are made of"
    second_factor.begin(user_id)
    nonce = second_factor.begun(user_id)
    assert nonce
    shown = pyotp.TOTP(second_factor.secret(key, user_id, nonce)).at(NOW // 1000)

    def turn_on() -> list[str] | None:
        with connection.write():
            return second_factor.turn_on(user_id, nonce, shown, key, NOW)

    for work in (turn_on, lambda: second_factor.new_codes(user_id, key)):
        with connection.write():
            assert work()
            again = start(work)
            until_it_waits(again)
        codes = again.result()
        assert second_factor.CODES == len(codes) == second_factor.left(user_id)


def test_two_accounts_that_are_renamed_at_once(database, start, until_it_waits):
    """Nobody could tell them apart, had both the name."""
    for name in ("default", "shop"):
        directory.ensure(name)
    with connection.write():
        limits.set_limits("default", {"title": "Corner"}, "test")
        renaming = start(limits.set_limits, "shop", {"title": "corner"}, "test")
        until_it_waits(renaming)
    with pytest.raises(errors.InvalidInput, match="is called corner"):
        renaming.result()
    assert "shop" == directory.find("shop").called
