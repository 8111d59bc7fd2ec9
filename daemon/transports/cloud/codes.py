"""What follows from Meta's error codes; pure.

One table for both ways in which an error comes: in the answer to a call, and in a receipt. Titles and HTTP statuses are
not relied on, as Meta says. Of codes that are not in it `rule` makes a failure of that recipient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from daemon.i18n.coded import Coded, Phrase, refusal
from daemon.states import Hold
from daemon.transports.cloud.refusals import Meta

DAY_S, MINUTE_S = 86_400, 60
NO_DETAILS = Phrase("Meta gives no details.")
_DIGITS = re.compile(r"\d[\d\s().-]{4,}\d")  # may be somebody's number


class Do(StrEnum):
    """What is done about an error."""

    FAIL = "fail"  #: this recipient does not get it
    SUPPRESS = "suppress"  #: likewise, and gets no more marketing
    HELD_BACK = "held_back"  #: likewise; a person may try again, but not before 24 hours
    RETRY = "retry"  #: it is tried again; after an answer with a 5xx status it may be out, though
    WAIT = "wait"  #: all of the number wait for a while
    SLOW_DOWN = "slow_down"  #: likewise, and send more slowly then
    PAIR = "pair"  #: only this person's messages wait
    MEDIA = "media"  #: the file is uploaded anew once; if that does not help, the recipient does not get it
    LATER = "later"  #: only this message waits
    HOLD_ACCOUNT = "hold_account"
    HOLD_CAMPAIGN = "hold_campaign"
    HOLD_TEMPLATE = "hold_template"  #: every campaign with it


PASSING = frozenset({Do.RETRY, Do.WAIT, Do.SLOW_DOWN, Do.PAIR, Do.LATER})  # an answer with it is tried again by itself


@dataclass(frozen=True)
class Rule:
    """What an error leads to. hold: the word for the account's hold. wait_s: how long to wait, if Meta does not say."""

    do: Do
    why: Meta
    hold: Hold | None = None
    wait_s: float = 0.0

    def told(self, code: int, details: str) -> Coded:
        """The sentence for people. details: Meta's own words."""
        given = {"details": details or NO_DETAILS, "number": code}
        named = {name: value for name, value in given.items() if f"{{{name}}}" in self.why.sentence}
        return refusal(self.why, **named)


_ACCOUNT, _CAMPAIGN, _FAIL = Do.HOLD_ACCOUNT, Do.HOLD_CAMPAIGN, Do.FAIL
_TOKEN = Rule(_ACCOUNT, Meta.TOKEN, Hold.CREDENTIALS)
_PERMISSION = Rule(_ACCOUNT, Meta.PERMISSION, Hold.CREDENTIALS)
_CALLS = Rule(Do.WAIT, Meta.CALLS, Hold.THROTTLED, MINUTE_S)
_TROUBLE = Rule(Do.RETRY, Meta.TROUBLE, None, 30)
_GONE = Rule(_ACCOUNT, Meta.GONE, Hold.NUMBER)
_BAD_REQUEST = Rule(_FAIL, Meta.BAD_REQUEST)
_RESTRICTED = Rule(_ACCOUNT, Meta.RESTRICTED, Hold.RESTRICTED)
_UNREGISTERED = Rule(_ACCOUNT, Meta.UNREGISTERED, Hold.NUMBER)
_MEDIA = Rule(Do.MEDIA, Meta.MEDIA)
_ELSEWHERE = Rule(_CAMPAIGN, Meta.OTHER_API)
_VALUES = Rule(_FAIL, Meta.PARAMETERS)
_NO_TEMPLATE = Rule(_CAMPAIGN, Meta.TEMPLATE_MISSING)
_FLOW = Rule(_CAMPAIGN, Meta.FLOW)
OTHER = Rule(_FAIL, Meta.OTHER)

RULES: dict[int, Rule] = {
    0: _TOKEN, 190: _TOKEN,
    3: _PERMISSION, 10: _PERMISSION, 131005: _PERMISSION,
    4: _CALLS, 80007: _CALLS,
    130429: Rule(Do.SLOW_DOWN, Meta.TOO_FAST, Hold.THROTTLED, 1),
    131056: Rule(Do.PAIR, Meta.PAIR, None, 6),
    131048: Rule(_ACCOUNT, Meta.SPAM, Hold.RESTRICTED),
    131064: Rule(Do.HOLD_TEMPLATE, Meta.UTILITY),
    1: _TROUBLE, 2: _TROUBLE, 131000: _TROUBLE, 131016: _TROUBLE, 133004: _TROUBLE,
    131057: Rule(Do.WAIT, Meta.MAINTENANCE, Hold.THROTTLED, 2 * MINUTE_S),
    33: _GONE,
    100: _BAD_REQUEST, 131008: _BAD_REQUEST, 131009: _BAD_REQUEST, 131051: _BAD_REQUEST, 135000: _BAD_REQUEST,
    368: _RESTRICTED, 131031: _RESTRICTED,
    130497: Rule(_FAIL, Meta.COUNTRY),
    131042: Rule(_ACCOUNT, Meta.PAYMENT, Hold.PAYMENT),
    131045: _UNREGISTERED, 133010: _UNREGISTERED, 133006: _UNREGISTERED, 133016: _UNREGISTERED,
    133000: _UNREGISTERED, 133005: _UNREGISTERED, 133008: _UNREGISTERED, 133009: _UNREGISTERED, 133015: _UNREGISTERED,
    131037: Rule(_ACCOUNT, Meta.NAME, Hold.NUMBER),
    131021: Rule(_FAIL, Meta.ONESELF),
    131026: Rule(_FAIL, Meta.UNDELIVERABLE),
    131030: Rule(_FAIL, Meta.TEST_LIST),
    131047: Rule(_FAIL, Meta.WINDOW),
    131049: Rule(Do.HELD_BACK, Meta.HELD_BACK, None, DAY_S),
    130472: Rule(_FAIL, Meta.EXPERIMENT),
    131050: Rule(Do.SUPPRESS, Meta.STOPPED),
    130403: Rule(_FAIL, Meta.BLOCKED),
    131052: _MEDIA, 131053: _MEDIA,
    131055: _ELSEWHERE, 134100: _ELSEWHERE, 134102: _ELSEWHERE, 131063: _ELSEWHERE,
    134101: Rule(Do.LATER, Meta.SYNCING, None, 10 * MINUTE_S),
    131062: Rule(_FAIL, Meta.NEEDS_NUMBER),
    132000: _VALUES, 132012: _VALUES, 132018: _VALUES,
    132001: _NO_TEMPLATE, 132005: _NO_TEMPLATE, 132007: _NO_TEMPLATE,
    132015: Rule(Do.HOLD_TEMPLATE, Meta.TEMPLATE_PAUSED),
    132016: Rule(Do.HOLD_TEMPLATE, Meta.TEMPLATE_DISABLED),
    132068: _FLOW, 132069: _FLOW,
    134011: Rule(_ACCOUNT, Meta.TERMS, Hold.PAYMENT),
    137000: Rule(_FAIL, Meta.IDENTITY),
}  # fmt: skip
"""By Meta's code."""
PERMISSIONS = range(200, 300)
OBJECT_MISSING = 33  #: a subcode of 100: the number, or a file's id, is not there any more


def rule(code: int | None, subcode: int = 0) -> Rule:
    """What that error leads to."""
    if code == 100 and subcode == OBJECT_MISSING:
        return _GONE
    if code in PERMISSIONS:
        return _PERMISSION
    return OTHER if code is None else RULES.get(code, OTHER)


def reported(code: int, details: str) -> Coded:
    """The sentence for people about a message that failed by this after Meta had taken it: nobody sends it again by
    itself, as a report is no proof."""
    found = rule(code)
    if found.do in PASSING:
        return refusal(Meta.NOT_FOR_NOW, details=details or NO_DETAILS, number=code)
    return found.told(code, details)


def known(code: int, subcode: int = 0) -> bool:
    """Whether the table has it."""
    return rule(code, subcode) is not OTHER


def plain(words: str) -> str:
    """Meta's words without anything that could be somebody's number, in one line."""
    return _DIGITS.sub("…", " ".join(words.split()))[:300]
