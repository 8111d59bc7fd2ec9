"""How fast a number of the Cloud API sends, whoever sends from it; and the files that Meta has."""

from __future__ import annotations

import pytest

from daemon.accounts import media_ids, throughput
from daemon.accounts.throughput import BACK_IN_S, WHOLE
from daemon.db import connection, proxy

NOW = 1_800_000_000_000


def test_turns_are_shared_by_all_who_send_from_the_number(database: str) -> None:
    """Two senders together are no faster than one; another number is not slowed down by it."""
    first, second = throughput.take("1", 40, 80, NOW), throughput.take("1", 40, 80, NOW)
    assert (0, 12.5, 500) == (first.in_ms, first.gap_ms, second.in_ms)
    assert 0 == throughput.take("2", 1, 80, NOW).in_ms
    later = throughput.take("1", 1, 80, NOW + 10_000)
    assert 0 == later.in_ms  # what nobody took is not made up for


def test_too_much_pauses_everybody_and_halves_the_speed_for_a_while(database: str) -> None:
    """Said by several at once it counts once; after two minutes without a word of it all is as before."""
    throughput.lower("1", 2_000, NOW)
    throughput.lower("1", 2_000, NOW + 100)
    turns = throughput.take("1", 1, 100, NOW + 100)
    assert (2_000, 20) == (round(turns.in_ms), round(turns.gap_ms))
    assert 10 == throughput.take("1", 1, 100, NOW + BACK_IN_S * WHOLE).gap_ms


@pytest.mark.parametrize("back_ms", [600_000, 7 * 86_400_000])
def test_a_clock_that_was_ahead_stops_nobody(database: str, back_ms: int) -> None:
    """Turns of the future are not waited for, and nobody is slowed down over what was too much then."""
    throughput.take("1", 1, 1, NOW + back_ms)
    assert 0 == throughput.take("1", 1, 1, NOW).in_ms
    throughput.lower("2", 1_000, NOW + back_ms)
    turns = throughput.take("2", 1, 100, NOW)
    assert (0, 10) == (turns.in_ms, round(turns.gap_ms))


def test_a_file_has_one_id_for_each_number_until_meta_forgets_it(database: str) -> None:
    """Renewed in place, and gone at its time."""
    media_ids.keep("1", "file", "old", 1_000, NOW)
    media_ids.keep("1", "file", "new", 5_000, NOW)
    assert ["new", None] == [media_ids.find(number, "file", NOW + 4_999) for number in ("1", "2")]
    assert media_ids.find("1", "file", NOW + 5_000) is None
    media_ids.forget("1", "file")
    assert media_ids.find("1", "file", NOW) is None


def test_only_turns_do_not_wait_for_the_disk(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut they are over; what is written next by the same thread is as before, also after a failure."""
    asked = "SHOW synchronous_commit" if proxy.on_postgres() else "PRAGMA synchronous"
    hasty, found, share = "off" if proxy.on_postgres() else 1, list[object](), throughput.share

    def look() -> object:
        return proxy.database.execute_sql(asked).fetchone()[0]

    before = look()
    monkeypatch.setattr(throughput, "share", lambda row, now: (found.append(look()), share(row, now))[1])
    throughput.take("1", 1, 80, NOW)
    with connection.write():
        found.append(look())
    monkeypatch.setattr(throughput, "share", lambda row, now: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        throughput.take("1", 1, 80, NOW)
    with connection.write():
        assert [hasty, before, before] == [*found, look()]
