"""File names short enough for every file system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.formats import filenames


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("offer.pdf", "offer.pdf"),
        ("ä" * 60 + ".pdf", "ä" * 60 + ".pdf"),
        ("ä" * 80 + ".pdf", "ä" * 68 + ".pdf"),
        ("a" * 200, "a" * 140),
        ("a" * 100 + "." + "b" * 100, "a" * 100 + "." + "b" * 39),
        ("a" * 135 + " b c.pdf", "a" * 135 + ".pdf"),
        ("👩\u200d👩\u200d👧" * 20 + ".jpg", ("👩\u200d👩\u200d👧" * 20)[:36] + ".jpg"),
    ],
)
def test_a_name_keeps_its_ending(name: str, short: str) -> None:
    """The stem gives way, by whole characters, and nothing hangs over at its end."""
    assert short == filenames.short(name)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=400))
def test_no_name_is_too_long(name: str) -> None:
    """Whatever people call their files; a short one stays as it is, and a cut one is cut once."""
    short = filenames.short(name)
    assert len(short.encode()) <= filenames.MAX_BYTES
    assert short == filenames.short(short)
    assert short == name or len(name.encode()) > filenames.MAX_BYTES
