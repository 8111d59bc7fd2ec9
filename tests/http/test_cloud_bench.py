"""The measurement of the Cloud API's speed runs to its end: everybody got it once, and the figures are told."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.support.rig import ROOT

FIGURES = (
    r"sqlite",
    r"[\d,]+ messages/s, [\d,]+ confirmed/s, [\d,]+ receipts/s, for \d+ s",
    r"webhooks: [\d,]+ posts of \d+ receipts, answered in [\d.]+ ms \(median\), [\d.]+ ms \(99 %\)",
    r"processor time for a message: [\d,]+ µs: sender [\d,]+, http [\d,]+, stand-in [\d,]+",
    r"memory of sender by quarter: .* MB",
    r"memory of http by quarter: .* MB",
    r"memory of stand-in by quarter: .* MB",
    r"a bare client: [\d,]+ messages/s; ratio [\d.]+",
)


def test_a_second_of_it() -> None:
    """It refuses to print anything where somebody got nothing, or twice, or where a count is wrong."""
    words = [sys.executable, "-m", "tests.bench.cloud", "--seconds", "0.6"]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert 0 == ended.returncode, ended.stderr
    told = ended.stdout.splitlines()[-len(FIGURES) :]
    assert [] == [line for line, form in zip(told, FIGURES, strict=True) if not re.fullmatch(form, line)]
