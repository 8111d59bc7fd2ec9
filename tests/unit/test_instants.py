"""Times far out: what shows them never fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, time
from zoneinfo import ZoneInfo

import pytest

from daemon.accounts import pacing
from daemon.i18n import instants, languages
from daemon.pages import words

YEAR_10000 = 253_402_300_800_000
FAR = [YEAR_10000, YEAR_10000 - 1, 2**63 - 1, -(2**63), -62_135_596_800_001, 10**400, float("inf")]
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Niue", "Asia/Kathmandu"]


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    """Each test leaves the reader's language and zone as they were."""
    yield
    languages.language.set("en")
    languages.zone.set("UTC")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("ms", FAR)
def test_a_time_that_no_calendar_has_is_shown_as_the_nearest(ms: float, zone: str) -> None:
    """On pages, in files and in the reckoning of pauses, in every language and zone."""
    languages.set_zone(zone)
    for language in languages.LANGUAGES:
        languages.language.set(language)
        assert languages.moment(ms) and languages.moment(ms, "seconds")  # type: ignore[arg-type]
    assert words.iso(ms).endswith("Z")  # type: ignore[arg-type]
    assert instants.instant(ms, ZoneInfo(zone)).year in (1, 2, 9998, 9999)


def test_a_time_that_a_calendar_has_is_left_as_it_is() -> None:
    """To the millisecond."""
    assert "2026-01-01T10:00:00.123000+00:00" == instants.instant(1_767_261_600_123, UTC).isoformat()


@pytest.mark.parametrize("zone", ZONES)
def test_the_end_of_a_queue_that_nobody_will_see_is_reckoned(zone: str) -> None:
    """Past the year 9999, with quiet hours: it comes to an end, and later than it began."""
    rules = pacing.Rules(quiet=(time(20, 0), time(19, 0)), zone=zone)
    starts = pacing.Opening(YEAR_10000 - 400 * 86_400_000, pacing.Why.READY)

    found = pacing.eta(400, starts, (86_400_000, 86_400_000), 0, rules)

    assert found is not None and found > YEAR_10000 - 100 * 86_400_000
