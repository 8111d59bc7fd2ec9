"""How long a sender waits for what, and its clocks."""

from __future__ import annotations

import time

POLL_S = 0.25  # how often an idle sender looks for work
LOOK_S = 1.0  # how often it looks at the account, at most
REPORT_S = 5.0  # how often it reports when nothing has changed
LOOK_AGAIN_S = 2.0  # between two looks into a chat while the first was inconclusive
STOP_GRACE_S = 4.0  # for the messages in hand after SIGTERM; closing Chrome takes up to 5 s more
RESTART_S = 0.5  # before the transport's first restart in a row; each one after it waits twice as long
STEADY_S = 60.0  # after this long without trouble earlier restarts no longer count
WEAR_S, IDLE_WEAR_S = 30.0, 3600.0  # between two checks whether the transport is worn out
TURN_S = 0.5  # from a message's turn until it may be out; Meta lets a number make up for a second
GATHER_S = 0.01  # how long a move waits for others to share its transaction
REST_S = 0.025  # the longest pause between two transactions of moves
ROOM_S = 0.1  # how long a free lane waits for others, to be refilled together
SPARE_S = 120.0  # of a message's time in its lane, in addition to twice the time of a send
SWEEP_S = 0.2  # for what an interrupted stop has left, each time; http sees to all of it within the hour
UPLOAD_BYTES_S = 64 * 1024  # slowest upload still waited for, bytes a second


def monotonic() -> float:
    return time.monotonic()


def clock() -> float:
    """Seconds that also pass while this process or its machine sleeps, and that setting the clock does not change."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
