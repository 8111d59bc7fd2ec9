"""How many files and connections a process may have open."""

from __future__ import annotations

import resource


def most() -> int | None:
    """As many as it may allow itself, which it does: the soft limit, 1,024 in many places, is raised to the hard one.
    None: any number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # a limit of the whole system
            return soft
    return None if hard == resource.RLIM_INFINITY else hard
