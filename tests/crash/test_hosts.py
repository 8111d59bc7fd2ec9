"""Three hosts with one PostgreSQL, of which one is cut off and comes back, and one loses its power. The long form:
`python -m tests.crash.hosts`."""

from __future__ import annotations

from pathlib import Path

from tests.crash import hosts
from tests.support.machines import only_for_root
from tests.support.postgres import only_where_installed

LEASE_S = 5  # the least there is
# Quicker than the default, which is for leases of a minute: a quarter of a minute.
REACH = "?tcp_user_timeout=3000&keepalives_idle=1&keepalives_interval=1"
LOCKED_S = 4.0  # by a transaction that was cut off: so long, and as long as it takes to be noticed
SOON_S = 6.0  # for an idle sender to look, and for the turns of the number that others had taken


def test_a_host_that_is_cut_off_and_one_that_dies_cost_nobody_anything(tmp_path: Path) -> None:
    """Everybody gets it once, and no faster than the number may; the others have the accounts within a lease. The host
    that comes back gives up what it had, and its senders were never started anew in between."""
    only_for_root()
    only_where_installed()

    course = hosts.play(hosts.Plan(people=60, rate=30, lease_s=LEASE_S, reach=REACH), tmp_path)

    assert [] == course.tally.wrong
    assert (180, 180, 0, 0) == tuple(
        getattr(course.tally, name) for name in ("messages", "delivered_once", "duplicates", "lost")
    )
    assert 0 == course.refused
    assert 0 == course.starts
    for host in (hosts.CUT, hosts.KILLED):
        assert LEASE_S / 2 < course.taken_over_s[host] < LEASE_S + LOCKED_S + SOON_S
        assert course.sent_s[host] < LEASE_S + LOCKED_S + 2 * SOON_S
