"""What follows from Meta's error codes: the table in the code against the table of what Meta says about each."""

from __future__ import annotations

import pytest

from daemon.states import Hold
from daemon.transports.cloud import codes
from daemon.transports.cloud.codes import Do

# From Meta's page of error codes (2026-09) and what is known from its answers: by what is to be done.
EXPECTED: dict[Do, tuple[int, ...]] = {
    Do.HOLD_ACCOUNT: (
        0, 190, 3, 10, 200, 299, 131005, 131048, 33, 368, 131031, 131042, 131045, 133010, 133006, 131037, 134011,
        133000, 133005, 133008, 133009, 133015, 133016,
    ),
    Do.WAIT: (4, 80007, 131057),
    Do.SLOW_DOWN: (130429,),
    Do.PAIR: (131056,),
    Do.HOLD_TEMPLATE: (131064, 132015, 132016),
    Do.RETRY: (1, 2, 131000, 131016, 133004),
    Do.FAIL: (
        100, 131008, 131009, 131051, 135000, 130497, 131021, 131026, 131030, 131047, 130472, 130403, 131062, 132000,
        132012, 132018, 137000, 139100, 147001, 138000, 613, 131020, 2593107, 200005, 470,
    ),
    Do.HELD_BACK: (131049,),
    Do.SUPPRESS: (131050,),
    Do.MEDIA: (131052, 131053),
    Do.HOLD_CAMPAIGN: (131055, 134100, 134102, 131063, 132001, 132005, 132007, 132068, 132069),
    Do.LATER: (134101,),
}  # fmt: skip
HOLDS = {
    Hold.CREDENTIALS: (0, 190, 3, 10, 250, 131005),
    Hold.PAYMENT: (131042, 134011),
    Hold.NUMBER: (33, 131037, 131045, 133010, 133006),
    Hold.RESTRICTED: (368, 131031, 131048),
    Hold.THROTTLED: (4, 80007, 130429, 131057),
}
WAITS_S = {131049: 86_400, 134101: 600, 131056: 6, 4: 60, 131057: 120, 130429: 1}


@pytest.mark.parametrize("do", Do)
def test_each_code_leads_to_what_it_means(do: Do) -> None:
    """An unknown one fails the recipient."""
    assert dict.fromkeys(EXPECTED[do], do) == {code: codes.rule(code).do for code in EXPECTED[do]}


def test_no_code_of_the_table_is_untold() -> None:
    """Nothing is done about a code that is not said here."""
    assert set() == set(codes.RULES) - {code for each in EXPECTED.values() for code in each}


def test_a_hold_has_its_word_and_a_wait_its_length() -> None:
    """What holds the account says why in a word; what waits, for how long."""
    assert {code: hold for hold, each in HOLDS.items() for code in each} == {
        code: codes.rule(code).hold for each in HOLDS.values() for code in each
    }
    assert WAITS_S == {code: codes.rule(code).wait_s for code in WAITS_S}
    assert all(rule.hold for rule in codes.RULES.values() if rule.do in (Do.HOLD_ACCOUNT, Do.WAIT, Do.SLOW_DOWN))


def test_an_object_that_is_missing_is_no_bad_request() -> None:
    """100 with subcode 33: the number is gone, or the file."""
    assert (Do.FAIL, Do.HOLD_ACCOUNT) == (codes.rule(100).do, codes.rule(100, 33).do)


def test_every_sentence_can_be_said() -> None:
    """With Meta's words where it has a place for them, and without any; "not on WhatsApp" is never said as certain."""
    for code, rule in codes.RULES.items():
        for details in ("Parameter missing", ""):
            assert "{" not in str(rule.told(code, details))
    assert "perhaps" in str(codes.rule(131026).told(131026, ""))
    assert "470" in str(codes.rule(470).told(470, ""))
