"""Evaluates a list of ``MetricDataQuery``: the one form in which alarms, GetMetricData and dashboards ask.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ci.emulator.cloudwatch.metric_math import Scope, Window, evaluate
from ci.emulator.cloudwatch.metric_math_syntax import MetricMathError, Name, Node, parse, walk
from ci.emulator.cloudwatch.metric_math_values import TimeSeries, Value
from ci.emulator.cloudwatch.metrics import Metric, MetricSource, statistic

Query = Mapping[str, Any]
DEFAULT_PERIOD_SECONDS = 60
# "A math expression used for an alarm can include as many as 10 metrics" (alarm evaluation page).
_ALARM_METRICS_MAXIMUM = 10
_IDENTIFIER = re.compile(r"[a-z][A-Za-z0-9_]*")


def evaluate_queries(
    queries: Sequence[Query], metrics: MetricSource, window_of: Callable[[int], Window]
) -> dict[str, list[TimeSeries]]:
    """Evaluate every query.

    Parameters
    ----------
    queries
        As in GetMetricData and in an alarm's ``Metrics``.
    metrics
        Where the samples come from.
    window_of
        Returns the periods to evaluate, given their length in seconds.

    Returns
    -------
    By id, a metric's or expression's time series; several for an expression that results in an array.

    Raises
    ------
    MetricMathError
        For an expression that CloudWatch would refuse, or one that the emulator does not support.
    """
    values = _Evaluation(queries, metrics, window_of).values()
    return {identifier: value if isinstance(value, list) else [value] for identifier, value in values.items()}


def series_of(metric_stat: Mapping[str, Any], metrics: MetricSource, window: Window) -> TimeSeries:
    """Return a ``MetricStat``'s value for each period that has samples (of its unit, if it names one)."""
    metric = Metric.from_api(metric_stat["Metric"])
    unit = metric_stat.get("Unit")
    samples = metrics.samples(metric, window.start, window.end)
    series: TimeSeries = {}
    for start in window.timestamps:
        end = start + window.period_seconds
        inside = [s for s in samples if start <= s.timestamp < end and unit in (None, s.unit)]
        value = statistic(metric_stat["Stat"], inside)
        if value is not None:
            series[start] = value
    return series


def period_seconds(queries: Sequence[Query]) -> int:
    """Return the one period of an alarm's metrics.

    Raises
    ------
    MetricMathError
        If they have several: "Each metric must be using the same period".
    """
    periods = {int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query}
    if len(periods) > 1:
        raise MetricMathError(f"An alarm's metrics must have the same period, not {sorted(periods)} seconds")
    return periods.pop() if periods else int(queries[0].get("Period", DEFAULT_PERIOD_SECONDS))


def check_alarm_queries(queries: Sequence[Query]) -> None:
    """Refuse what PutMetricAlarm refuses in ``Metrics``.

    Raises
    ------
    MetricMathError
        Naming the query and what is wrong with it.
    """
    identifiers = [query["Id"] for query in queries]
    for identifier in identifiers:
        if not _IDENTIFIER.fullmatch(identifier) or identifiers.count(identifier) > 1:
            raise MetricMathError(f"The id {identifier!r} must be unique and start with a lowercase letter")
    returned = [query["Id"] for query in queries if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise MetricMathError(f"Exactly one metric or expression must return data, not {returned}")
    metrics = [query["Id"] for query in queries if "MetricStat" in query]
    if not 1 <= len(metrics) <= _ALARM_METRICS_MAXIMUM:
        raise MetricMathError(f"An alarm needs 1 to {_ALARM_METRICS_MAXIMUM} metrics, not {len(metrics)}")
    period_seconds(queries)
    value = _Evaluation(queries, _NoMetrics(), lambda period: Window(0, period, 1)).values()[returned[0]]
    if isinstance(value, list):
        raise MetricMathError(f"{returned[0]} returns an array of time series; an alarm watches a single one")


class _NoMetrics:
    def samples(self, _metric: Metric, _start: float, _end: float) -> list[Any]:
        return []


class _Evaluation:
    """One evaluation; expressions are evaluated as others refer to them."""

    def __init__(
        self, queries: Sequence[Query], metrics: MetricSource, window_of: Callable[[int], Window]
    ) -> None:
        self._window_of = window_of
        self._periods = {
            query["Id"]: int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query
        }
        self._metrics = {
            query["Id"]: series_of(
                query["MetricStat"], metrics, window_of(int(query["MetricStat"]["Period"]))
            )
            for query in queries
            if "MetricStat" in query
        }
        self._nodes = {query["Id"]: parse(query["Expression"]) for query in queries if "Expression" in query}
        self._values: dict[str, Value] = {}
        self._order = [query["Id"] for query in queries]

    def values(self) -> dict[str, TimeSeries | list[TimeSeries]]:
        values: dict[str, TimeSeries | list[TimeSeries]] = {}
        for identifier in self._order:
            value = self._value(identifier, ())
            if isinstance(value, float):
                raise MetricMathError(
                    f"The expression {identifier} results in a scalar, not in a time series"
                )
            values[identifier] = value
        return values

    def _value(self, identifier: str, referring: tuple[str, ...]) -> Value:
        if identifier in self._metrics:
            return self._metrics[identifier]
        if identifier in referring:
            raise MetricMathError(f"The expression {identifier} refers to itself")
        if identifier not in self._values:
            node = self._nodes[identifier]
            for other in _referenced(node) & self._nodes.keys():
                self._value(other, (*referring, identifier))
            self._values[identifier] = evaluate(node, Scope(self._metrics, self._values, self._window(node)))
        return self._values[identifier]

    def _window(self, node: Node) -> Window:
        """Return the periods of an expression: those of the metrics that it comes from."""
        periods = {self._periods[identifier] for identifier in self._metrics_below(node)}
        if len(periods) > 1:
            raise MetricMathError(f"An expression combines metrics with periods of {sorted(periods)} seconds")
        return self._window_of(periods.pop() if periods else DEFAULT_PERIOD_SECONDS)

    def _metrics_below(self, node: Node) -> set[str]:
        below: set[str] = set()
        for identifier in _referenced(node):
            if identifier in self._metrics:
                below.add(identifier)
            elif identifier in self._nodes:
                below |= self._metrics_below(self._nodes[identifier])
        return below


def _referenced(node: Node) -> set[str]:
    return {each.value for each in walk(node) if isinstance(each, Name)}
