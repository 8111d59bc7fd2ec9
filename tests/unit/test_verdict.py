"""What the rows behind the mark say of a message."""

from __future__ import annotations

import pytest

from daemon.states import Ack, Finding
from daemon.transports.browser.reading import Row, verdict_of


def row(key: str, *fits: str, own: bool | None = True, ack: str | None = "sent") -> Row:
    return {"id": key, "own": own, "ack": ack, "fits": list(fits), "shell": False}


@pytest.mark.parametrize(
    ("rows", "wanted", "finding"),
    [
        ([], 1, Finding.ABSENT),
        ([row("a", "no"), row("b", "yes", own=False, ack=None)], 1, Finding.ABSENT),
        ([row("a", "yes")], 1, Finding.SENT),
        ([row("a", "yes", ack=None)], 1, Finding.WAITING),
        ([row("a", "yes", ack="failed")], 1, Finding.FAILED),
        ([row("a", "yes", ack="failed"), row("b", "yes")], 1, Finding.SENT),
        ([row("a", "unclear")], 1, Finding.UNKNOWN),
        ([row("a", "unclear", own=None, ack=None)], 1, Finding.UNKNOWN),
        ([row("a", "yes", own=None, ack=None)], 1, Finding.UNKNOWN),
        ([row("a", "yes", "yes")], 2, Finding.UNKNOWN),
        ([row("a", "yes", "yes"), row("b", "yes", "yes")], 2, Finding.SENT),
        ([row("a", "yes", "no"), row("b", "no", "yes", ack="pending")], 2, Finding.WAITING),
        ([row("a", "yes", "no", ack="failed"), row("b", "no", "yes", ack="failed")], 2, Finding.FAILED),
        ([row("a", "yes", "no"), row("b", "no", "yes", ack="failed")], 2, Finding.UNKNOWN),
        ([row("a", "yes", "yes", ack="failed"), row("b", "yes", "yes", ack="delivered")], 2, Finding.UNKNOWN),
        ([row("a", "yes", "no", ack="pending"), row("b", "no", "yes", ack="failed")], 2, Finding.WAITING),
        ([row("a", "yes", "yes", ack="failed")], 2, Finding.UNKNOWN),
    ],
    ids=lambda value: value.value if isinstance(value, Finding) else None,
)
def test_findings(rows: list[Row], wanted: int, finding: Finding) -> None:
    """A row stands for one part, the least of the parts' ticks is the message's, and what is unclear proves nothing.

    One failed picture of an album is for a person to decide: sent again, the others would arrive twice.
    """
    assert finding is verdict_of(rows, wanted).finding


def test_the_receipt_is_of_the_part_that_has_come_least_far() -> None:
    """Its id is that of the last part."""
    receipt = verdict_of([row("a", "yes", "no", ack="read"), row("b", "no", "yes", ack="delivered")], 2).receipt

    assert receipt and ("b", Ack.DELIVERED) == (receipt.transport_id, receipt.ack)
