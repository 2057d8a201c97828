"""Metrics: their identity, their samples, and the statistics of a period.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,2})?|100)")


@dataclass(frozen=True)
class Metric:
    """What makes a metric: two sets of dimensions are two metrics, and none is a third."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def from_api(cls, metric: Mapping[str, Any]) -> Self:
        """Read the API's and the templates' ``{"Namespace", "MetricName", "Dimensions"}``."""
        dimensions = frozenset((each["Name"], each["Value"]) for each in metric.get("Dimensions") or [])
        return cls(metric["Namespace"], metric["MetricName"], dimensions)


@dataclass(frozen=True)
class Sample:
    """A value published ``count`` times, or a statistic set; ``timestamp`` is in epoch seconds."""

    timestamp: float
    count: float
    total: float
    minimum: float
    maximum: float
    unit: str = "None"

    @classmethod
    def of(cls, timestamp: float, value: float, count: float = 1, unit: str = "None") -> Self:
        """Return the sample of one value that was seen ``count`` times."""
        return cls(timestamp, count, value * count, value, value, unit)

    @property
    def is_one_value(self) -> bool:
        """Whether percentiles can be computed from it: a set of different values hides how they spread."""
        return self.minimum == self.maximum


class MetricSource(Protocol):
    """Where samples come from: CloudWatch's store, or a test's own series."""

    def samples(self, metric: Metric, start: float, end: float) -> list[Sample]:
        """Return the metric's samples with ``start <= timestamp < end`` (epoch seconds)."""
        ...


class RecordedMetrics:
    """A metric source in memory, for alarm behaviour tests."""

    def __init__(self) -> None:
        self._samples: dict[Metric, list[Sample]] = defaultdict(list)

    def record(self, metric: Metric, timestamp: float, *values: float, unit: str = "None") -> None:
        """Add values at one moment (epoch seconds)."""
        self._samples[metric] += [Sample.of(timestamp, value, unit=unit) for value in values]

    def record_series(
        self, metric: Metric, values: Sequence[float | None], end: float, period_seconds: int = 60
    ) -> None:
        """Add one value a period, the last in the period that ends at ``end``; None is a missing one."""
        start = end - len(values) * period_seconds
        for index, value in enumerate(values):
            if value is not None:
                self.record(metric, start + index * period_seconds, value)

    def samples(self, metric: Metric, start: float, end: float) -> list[Sample]:
        """Return the metric's samples with ``start <= timestamp < end`` (epoch seconds)."""
        return [sample for sample in self._samples[metric] if start <= sample.timestamp < end]


def statistic(name: str, samples: Sequence[Sample]) -> float | None:
    """Return a statistic of one period's samples.

    Parameters
    ----------
    name
        SampleCount, Sum, Average, Minimum, Maximum, or a percentile such as p99 or p99.9.

    Returns
    -------
    None when there is no sample, or no percentile (negative values and mixed statistic sets have none).

    Raises
    ------
    ValueError
        For any other statistic.
    """
    percentile = percentile_of(name)
    count = sum(sample.count for sample in samples)
    if percentile is None and name not in _SIMPLE_STATISTICS:
        raise ValueError(f"The statistic {name} is not supported by the emulator; add it to {__name__}")
    if not count:
        return None
    if percentile is not None:
        return _percentile(percentile, samples)
    return _SIMPLE_STATISTICS[name](samples)


def percentile_of(name: str) -> float | None:
    """Return 99.0 for ``p99``, and None for a statistic that is no percentile."""
    match = _PERCENTILE.fullmatch(name)
    return float(match[1]) if match else None


def _sum(samples: Iterable[Sample]) -> float:
    return math.fsum(sample.total for sample in samples)


def _count(samples: Iterable[Sample]) -> float:
    return sum(sample.count for sample in samples)


_SIMPLE_STATISTICS: dict[str, Callable[[Sequence[Sample]], float]] = {
    "SampleCount": _count,
    "Sum": _sum,
    "Average": lambda samples: _sum(samples) / _count(samples),
    "Minimum": lambda samples: min(sample.minimum for sample in samples),
    "Maximum": lambda samples: max(sample.maximum for sample in samples),
}


def _percentile(percentile: float, samples: Sequence[Sample]) -> float | None:
    """Interpolate linearly between the two nearest ranks; AWS does not publish its method."""
    if any(sample.minimum < 0 or not sample.is_one_value for sample in samples):
        return None
    values = sorted((sample.minimum, sample.count) for sample in samples)
    rank = percentile / 100 * (_count(samples) - 1)
    below = math.floor(rank)
    low, high = _value_at(values, below), _value_at(values, below + 1)
    return low + (rank - below) * (high - low)


def _value_at(values: Sequence[tuple[float, float]], rank: float) -> float:
    seen = 0.0
    for value, count in values:
        seen += count
        if rank < seen:
            return value
    return values[-1][0]
