"""A few kills of http, sender and receiver while a webhook is told; `python -m tests.crash.webhooks` makes many."""

from __future__ import annotations

from pathlib import Path

from tests.crash import webhooks


def test_nothing_is_lost_and_each_message_keeps_its_order(tmp_path: Path) -> None:
    outcome = webhooks.play(tmp_path, None, 6, 20, seed=3)

    assert 6 == outcome.kills.total()
    assert ([], []) == (outcome.lost, outcome.disordered)
    assert outcome.requests >= outcome.events > 20 * 3
