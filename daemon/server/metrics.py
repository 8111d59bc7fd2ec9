"""The answer of `GET /metrics`: `ops/figures.py` in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from daemon.config import Settings
from daemon.ops import figures
from daemon.telemetry import families
from daemon.telemetry.families import Kind


def exposition(settings: Settings, now: int) -> bytes:
    """All metrics, without telephone numbers or texts."""
    from prometheus_client import generate_latest  # slow to load, and many never ask

    found, durations = figures.figures(settings, now), figures.durations()

    class Collected:
        def collect(self) -> Iterator[Any]:
            return _families(found, durations)

    return generate_latest(Collected())


def _families(found: list[figures.Sample], durations: list[figures.Histogram]) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    for family in families.FAMILIES:
        words = (family.name, family.help)
        if family.kind is Kind.HISTOGRAM:
            timed = HistogramMetricFamily(*words, labels=family.labels)
            for each in durations:
                timed.add_metric([each.account], each.buckets, each.sum)
            yield timed
            continue
        made = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
        valued = made(*words, labels=family.labels)
        for sample in found:
            if sample.family is family:
                valued.add_metric(sample.labels, float(sample.value))
        yield valued
