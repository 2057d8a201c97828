"""Reads and writes MiniStack's store of metrics, in the account and region of the request."""

from collections.abc import Iterable
from typing import Any

from ci.emulator.cloudwatch.metrics import Metric, Sample
from ci.emulator.ministack import cloudwatch


class StoredMetrics:
    """The metric source that alarms and GetMetricData read."""

    def samples(self, metric: Metric, start: float, end: float) -> list[Sample]:
        """Return the metric's samples with ``start <= timestamp < end`` (epoch seconds)."""
        points = cloudwatch._metrics.get(_key(metric)) or []
        return [_sample(point) for point in points if start <= point["Timestamp"] < end]


def record(metric: Metric, timestamp: float, values: Iterable[float], unit: str = "None") -> None:
    """Add values of one moment (epoch seconds)."""
    dimensions = dict(sorted(metric.dimensions))
    bucket = cloudwatch._metric_bucket(_key(metric))
    for value in values:
        bucket.append({"Timestamp": timestamp, "Value": float(value), "Unit": unit, "Dimensions": dimensions})


def replace(metric: Metric, timestamp: float, value: float, unit: str = "None") -> None:
    """Set a gauge's only value at a moment (epoch seconds): sampling twice leaves the later value."""
    points = cloudwatch._metrics.get(_key(metric)) or []
    cloudwatch._metrics[_key(metric)] = [point for point in points if point["Timestamp"] != timestamp]
    record(metric, timestamp, [value], unit)


def _key(metric: Metric) -> tuple[str, str, str]:
    return metric.namespace, metric.name, cloudwatch._dims_key(dict(metric.dimensions))


def _sample(point: dict[str, Any]) -> Sample:
    count, total, minimum, maximum = cloudwatch._point_stats(point)
    return Sample(point["Timestamp"], count, total, minimum, maximum, point["Unit"])
