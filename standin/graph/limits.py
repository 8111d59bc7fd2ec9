"""What Meta lets through in a time: throughput of a number, one person's rate, people of a portfolio, the window.

Sources: throughput, messaging-limits, messages/send-messages (pages of 2026-09-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from standin.graph.errors import GraphError

if TYPE_CHECKING:
    from standin.graph.world import Business, Number, Person, Portfolio

THROUGHPUT = {"STANDARD": 80, "HIGH": 1000, "NOT_APPLICABLE": 20}  # messages a second, in and out
PAIR_S = 6.0  # one message to one person
PAIR_AT_ONCE = 45
WINDOW_S = 86_400.0
HOUR_S = 3600.0
TIERS = {"TIER_50": 50, "TIER_250": 250, "TIER_2K": 2000, "TIER_10K": 10_000, "TIER_100K": 100_000}


class Bucket:
    """Full it lets a second's messages through at once."""

    def __init__(self) -> None:
        self.left, self.at = -1.0, 0.0

    def take(self, rate: float, now: float) -> bool:
        """Whether there is room for one more."""
        if self.left < 0:
            self.left, self.at = rate, now
        self.left = min(rate, self.left + max(0.0, now - self.at) * rate)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


def check_throughput(number: Number, override: float | None, now: float) -> None:
    """Raises GraphError 130429 with the headers that captures show (2026)."""
    rate = override or THROUGHPUT[number.level]
    if not number.bucket.take(rate, now):
        raise GraphError(130429, subcode=2494055, headers={"Retry-After": "1", **usage(number.business.id, 0)})


def usage(business: str, minutes: int) -> dict[str, str]:
    """The header that tells how much of a limit is used up."""
    what = '"type":"whatsapp","call_count":100,"total_cputime":100,"total_time":100'
    return {
        "X-Business-Use-Case-Usage": f'{{"{business}":[{{{what},"estimated_time_to_regain_access":{minutes}}}]}}',
    }  # fmt: skip


def check_management(business: Business, most: int | None, now: float) -> None:
    """Calls about a business account in a rolling hour (about-the-platform, 2026-09). Raises GraphError 80007."""
    calls = business.calls
    while calls and now - calls[0] >= HOUR_S:
        calls.popleft()
    if most is not None and len(calls) >= most:
        raise GraphError(80007, headers=usage(business.id, 60))
    calls.append(now)


def check_pair(number: Number, person: Person, now: float) -> None:
    """One message in 6 s to a person; up to 45 at once, made up for by quiet afterwards."""
    free_at = max(number.pairs.get(person.number, 0.0), now)
    if free_at - now > (PAIR_AT_ONCE - 1) * PAIR_S + 1e-6:
        raise GraphError(131056)
    number.pairs[person.number] = free_at + PAIR_S


def in_window(number: Number, person: Person, now: float) -> bool:
    """Whether the person wrote to that number in the last 24 hours."""
    return now - number.heard.get(person.number, -WINDOW_S) < WINDOW_S


def within_portfolio(portfolio: Portfolio, person: Person, now: float) -> bool:
    """Whether the portfolio may still reach that person outside a window; if so they count for 24 hours."""
    most = TIERS.get(portfolio.limit)
    if most is None:
        return True
    reached = portfolio.reached
    if now - reached.get(person.number, -WINDOW_S) >= WINDOW_S:
        for number in [each for each, at in reached.items() if now - at >= WINDOW_S]:
            del reached[number]
        if len(reached) >= most:
            return False
    reached[person.number] = now
    return True
