"""The error tree: drawn whole, and each one has its place in the API."""

from __future__ import annotations

import re

from daemon import errors
from daemon.server import problems


def every(of: type[errors.DaemonError]) -> list[type[errors.DaemonError]]:
    return [error for each in of.__subclasses__() for error in (each, *every(each))]


def test_the_tree_is_drawn_as_it_is():
    """Every error is in the drawing, once, below its parent."""
    drawn: list[tuple[str, str]] = []
    parents = ["DaemonError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"([│ ]*)[├└]── (\w+)", line):
            depth = len(found[1]) // 4
            parents[depth + 1 :] = [found[2]]
            drawn.append((found[2], parents[depth]))
    assert sorted((error.__name__, error.__base__.__name__) for error in every(errors.DaemonError)) == sorted(drawn)


def test_every_error_has_a_status_and_a_type():
    """Its own or its parent's; the types are API."""
    for error in every(errors.DaemonError):
        if error is errors.InWords:  # only what is beneath it is raised
            continue
        line = next((problems.PROBLEMS[each] for each in error.__mro__ if each in problems.PROBLEMS), None)
        assert line, error
        assert 400 <= line[0] < 600
    slugs = [slug for _, slug in problems.PROBLEMS.values()]
    assert len(slugs) == len(set(slugs))
    assert all(re.fullmatch(r"[a-z-]+", slug) for slug in slugs)


def test_every_error_is_explained():
    """A docstring of its own."""
    assert not [error for error in every(errors.DaemonError) if not error.__dict__.get("__doc__")]
