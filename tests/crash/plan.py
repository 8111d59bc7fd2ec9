"""What strikes where: kinds of faults, the points of a send, and the rounds that a seed makes of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

ANY_TIME = "any_time"
POINTS = (
    "before_claim",
    "after_claim",
    "before_click",  # the move to `sending` is committed
    "after_click",
    "after_tick",  # nothing of it is written down yet
    "before_commit",  # of a transaction that moves a message
    "after_commit",
    ANY_TIME,
)
REPLY_POINTS = (
    "chat_opened",  # it is unread no more, and nothing of it was seen
    "rows_read",
    "before_take",
    "after_take",  # it is stored
    ANY_TIME,
)
REQUEST_POINTS = ("request_begun", "before_commit", "after_commit", ANY_TIME)
BROWSER_POINTS = (
    "before_claim",
    "after_claim",  # the chat is open
    "composed",  # the text stands in the chat; the message is still `claimed`
    "before_click",
    "after_click",  # WhatsApp's server has nothing yet
    "received",  # it has, and there is no tick yet
    "after_tick",
    "confirming",  # just before the COMMIT of the move to `sent`
    ANY_TIME,
)
ACCOUNT_POINTS = ("after_claim", "after_click", "received", ANY_TIME)
CLOUD_POINTS = (*POINTS, "in_flight")  # Meta has it, and has not answered yet
INBOX_POINTS = (
    "before_store",  # a webhook of Meta's has come
    "after_store",  # it is stored and not answered
    "before_take",  # of the receipts in it
    "before_take_commit",
    "after_take_commit",
    ANY_TIME,
)
A_FEW = (3, 6)  # faults in a round that chance makes


@dataclass(frozen=True)
class Kind:
    """A kind of fault. often: its weight where chance decides; once: a round has room for one only; database: the
    only one that it is about; answers: everybody writes STOP, which must be heeded; nth, within_ms: at most, see Plan.
    """

    title: str
    points: tuple[str, ...] = POINTS
    often: int = 1
    once: bool = False
    database: str = ""
    root: bool = False
    answers: bool = False
    nth: int = 3
    within_ms: int = 30


@dataclass(frozen=True)
class Plan:
    """One fault. nth: the how manieth time its point is passed; for any_time, after how many milliseconds."""

    point: str
    nth: int
    kind: str

    @property
    def allowance(self) -> int:
        """How many messages the sender in which it is planted may claim: enough to come by, and to go on."""
        return 8 if self.point == ANY_TIME else self.nth + 2

    def allowance_with(self, lanes: int) -> int:
        """As `allowance`, where there are so many lanes: enough to fill them."""
        return self.allowance if lanes == 1 else lanes + self.allowance

    def __str__(self) -> str:
        return f"{self.kind}@{self.point}#{self.nth}"


FAST = {  # through the fast transport: planted in the sender (victim.py), the last two in a whole instance (service.py)
    "kill": Kind("sender killed", often=10),
    "parts_kill": Kind("sender killed between parts", often=2),  # everybody gets a document and a picture
    "stop": Kind("sender stopped, another takes over", once=True),  # which finishes the campaign
    "locked": Kind("database locked", database="sqlite"),
    "readonly": Kind("database read-only", database="sqlite"),
    "folder": Kind("data folder read-only", database="sqlite", root=True),
    "full": Kind("disk full", database="sqlite", root=True),
    "restart": Kind("PostgreSQL restarted", database="postgresql"),
    "clock_back": Kind("clock set back"),
    "clock_forth": Kind("clock set forth"),
    "accounts": Kind("senders of several accounts killed", (ANY_TIME,) * 6, often=2, within_ms=300),  # accounts.py
    "upgrade": Kind("upgrade killed", ("statement",), nth=45),
    "replies_busy": Kind("database busy while replies are taken", REPLY_POINTS, answers=True),
    "replies_term": Kind("SIGTERM in a read", REPLY_POINTS, answers=True),
    "replies_kill": Kind("sender killed in a read", REPLY_POINTS, answers=True),
    "http": Kind("http killed in a request", REQUEST_POINTS, nth=1),
    "supervisord": Kind("supervisord killed in a request", REQUEST_POINTS, nth=1),
}
BROWSER = {  # through Chromium (browser.py)
    kind: Kind(f"{title}, Chromium", BROWSER_POINTS, often, nth=1, within_ms=1500)
    for kind, title, often in (
        ("sender", "sender killed", 2),
        ("chrome", "Chrome killed", 2),
        ("chromedriver", "chromedriver killed", 2),
        ("http", "http killed", 1),
        ("supervisord", "supervisord killed", 1),
        ("hang", "page hung", 1),
        ("logout", "logged out", 1),
        ("offline", "offline and back", 1),
        ("reload", "page reloaded", 1),
    )
} | {  # two accounts, each with a Chrome (accounts.py)
    "two": Kind("sender of one of two accounts killed, Chromium", ACCOUNT_POINTS, 1, nth=1, within_ms=1500),
}
CLOUD = {  # through the Cloud API (cloud.py)
    "sender_kill": Kind("sender killed, Cloud API", CLOUD_POINTS, often=4),
    "sender_stop": Kind("sender stopped, another takes over, Cloud API", POINTS[:-1], once=True),
    "http_kill": Kind("http killed among receipts, Cloud API", INBOX_POINTS, often=3),
    "cut": Kind("connection to Meta cut", ("before", "after", "middle", "after_untold"), often=2),
    "broken": Kind("5xx or nonsense from Meta", ("refused", "accepted", "code", "code_accepted", "garbage"), often=2),
    "receipts": Kind("receipts out of order", ("twice", "backwards", "late", "early", "mixed", "untold"), often=2),
    "token": Kind("Meta's token expired for a while", ("before", "in_between")),
}


def plans(dice: random.Random, kinds: Mapping[str, Kind], count: int) -> list[list[Plan]]:
    """`count` rounds of one kind of fault each: first every kind at each of its points, in random order, then kinds
    and points by chance."""
    rounds: list[list[Plan]] = []
    for name, kind in kinds.items():
        each = [_plan(dice, name, kind, point) for point in dice.sample(kind.points, len(kind.points))]
        size = 1 if kind.once else len(each)
        rounds += [each[start : start + size] for start in range(0, len(each), size)]
    dice.shuffle(rounds)
    weights = [kind.often for kind in kinds.values()]
    while len(rounds) < count:
        name = dice.choices(list(kinds), weights)[0]
        kind = kinds[name]
        size = 1 if kind.once else dice.randint(*A_FEW)
        rounds.append([_plan(dice, name, kind, dice.choice(kind.points)) for _ in range(size)])
    return rounds[:count]


def _plan(dice: random.Random, name: str, kind: Kind, point: str) -> Plan:
    return Plan(point, dice.randint(1, kind.within_ms if point == ANY_TIME else kind.nth), name)
