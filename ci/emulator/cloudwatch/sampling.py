"""Metrics that services publish once a minute: sampled whenever someone is about to look at them."""

from collections.abc import Callable

Sampler = Callable[[float], None]
"""Publishes gauges of all accounts and regions with the given timestamp (epoch seconds)."""

_samplers: list[Sampler] = []


def register(sampler: Sampler) -> None:
    """Have a sampler called before each evaluation of alarms and each GetMetricData."""
    _samplers.append(sampler)


def sample(timestamp: float) -> None:
    """Publish all gauges as of now, with this timestamp."""
    for sampler in _samplers:
        sampler(timestamp)
