"""The real sender in a world of its own: people, phones, clocks, kills and faults are drawn, and the rules hold.

Time passes there only while everybody waits, so hours take no longer than what happens in them. WhatsApp is a store of
chats that remembers what has really left; it may be silent, but it never lies. What is promised of pace when a clock
jumps is said in `test_model.py`.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.sender_phone import MEANWHILE
from tests.support.sender_world import BUTTONS, EVERY, LONG_S, World

PROFILES: list[dict[str, Any]] = [
    {},
    {"long_pause_every": EVERY, "long_pause_min": LONG_S, "long_pause_max": 2 * LONG_S},
    {"hourly_cap": 3},
    {"quiet_hours": "10:05-10:20", "max_attempts": 2},
]
FAULTS = {  # what may go wrong at each call of a transport, beside nothing
    "start": ["lost"],
    "health": ["lost"],
    "prepare": ["lost", "unready", "no such person", "not submitted", "hopeless", "slow", "killed", *MEANWHILE],
    "hand_over": [
        *["not submitted", "lost before", "silent before", "killed before", "slow", "refused"],
        *["lost after", "silent after", "killed after", "killed after", *MEANWHILE],
    ],
    "look_up": ["lost", "unready", "unknown", "unknown", "unknown", "killed"],
    "worn_out": ["worn out"],
}
ACTS = [
    *["kill", "kill", "kill for long", "terminate", "kill in a commit", "kill after a commit"],
    *["lock", "no answer", "no answer, though made"],
    *[*BUTTONS, "it was sent", "send it again", "order"],
    *["clock back", "clock forth", "offline", "unlinked", "restricted", "online"],
]
SCRIPT = st.lists(
    st.tuples(st.sampled_from([0.0, 0.3, 1.0, 2.0, 5.0, 20.0, 90.0, 600.0]), st.sampled_from(ACTS), st.integers(0, 7)),
    min_size=5,
    max_size=16,
)
TROUBLE = st.fixed_dictionaries(
    {
        method: st.lists(st.sampled_from(["", *outcomes]), min_size=len(outcomes) // 2, max_size=len(outcomes) + 1)
        for method, outcomes in FAULTS.items()
    }
)
WALKS = settings(
    max_examples=40 if os.environ.get("LONG_WALKS") else 14,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # no shrinking: a script is short, and each line says what it does
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@given(profile=st.sampled_from(PROFILES), trouble=TROUBLE, script=SCRIPT)
@settings(WALKS)
def test_the_rules_hold_whatever_happens(profile, trouble, script):
    """On SQLite."""
    World(profile, trouble, None).run(script)


@given(profile=st.sampled_from(PROFILES), trouble=TROUBLE, script=SCRIPT)
@settings(WALKS, max_examples=WALKS.max_examples // 2)
def test_the_rules_hold_on_postgresql(postgresql, profile, trouble, script):
    """The same."""
    World(profile, trouble, postgresql).run(script)
