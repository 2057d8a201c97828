"""The state of a metric or metric-math alarm at one moment, as a pure function of the alarm and its metrics.

Sources:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ci.emulator.cloudwatch.metric_math import Window
from ci.emulator.cloudwatch.metric_queries import evaluate_queries, period_seconds, series_of
from ci.emulator.cloudwatch.metrics import MetricSource, percentile_of

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"

_COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
# The page's example retrieves 5 data points for 3 evaluation periods; AWS publishes no general rule.
_EXTRA_PERIODS = 2
_MINUTE_SECONDS = 60
# "If the alarm period is 10 seconds or 30 seconds, the alarm is evaluated every 10 seconds."
_HIGH_RESOLUTION_STEP_SECONDS = 10
# "fewer than 10/(1-percentile) data points", or 10/percentile below the median.
_LOW_SAMPLE_FACTOR = 10


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found: the state, why, and the data point of each period (None: missing)."""

    state: str
    reason: str
    datapoints: Mapping[int, float | None]


def evaluate(
    alarm: Mapping[str, Any], metrics: MetricSource, at: float, current_state: str = INSUFFICIENT_DATA
) -> Evaluation:
    """Evaluate an alarm on the last whole periods before a moment.

    Parameters
    ----------
    alarm
        The properties of ``AWS::CloudWatch::Alarm`` with its references resolved, or what DescribeAlarms
        returns; numbers may be strings, as a template's parameters are.
    metrics
        The samples: ``metrics.RecordedMetrics`` in tests.
    at
        Epoch seconds. Periods end at the minute before (every 10 s for periods under a minute), so that a
        5-minute alarm looks at minutes 1 to 5, then at minutes 2 to 6.
    current_state
        The state before, which ``ignore`` and too few samples for a percentile retain.

    Raises
    ------
    MetricMathError
        For an expression that CloudWatch would refuse, or one that the emulator does not support.
    """
    queries = _queries(alarm)
    period = period_seconds(queries)
    evaluation_periods = int(alarm["EvaluationPeriods"])
    window = _window(at, period, evaluation_periods + _EXTRA_PERIODS)
    series = _returned_series(queries, metrics, window)
    datapoints = {timestamp: series.get(timestamp) for timestamp in window.timestamps}
    if _too_few_samples(alarm, metrics, window, evaluation_periods):
        return Evaluation(current_state, "Too few samples for the percentile; the state is kept", datapoints)

    breaches, _ = _COMPARISONS[alarm["ComparisonOperator"]]
    threshold = float(alarm["Threshold"])
    state = state_of(
        [None if value is None else breaches(value, threshold) for value in datapoints.values()],
        evaluation_periods,
        int(alarm.get("DatapointsToAlarm") or evaluation_periods),
        _missing_data_treatment(alarm),
        current_state,
    )
    return Evaluation(state, _reason(alarm, datapoints, state), datapoints)


def state_of(
    breaching: Sequence[bool | None],
    evaluation_periods: int,
    datapoints_to_alarm: int,
    treat_missing_data: str,
    current_state: str,
) -> str:
    """Decide the state from the data points of the evaluation range.

    Parameters
    ----------
    breaching
        Oldest first: whether each data point breaches the threshold; None is a missing one.
    treat_missing_data
        ``missing``, ``ignore``, ``breaching`` or ``notBreaching``.
    """
    real = [point for point in breaching if point is not None]
    if len(real) >= evaluation_periods:
        return ALARM if sum(real[-evaluation_periods:]) >= datapoints_to_alarm else OK
    filled = evaluation_periods - len(real) if treat_missing_data == "breaching" else 0
    if sum(real) + filled >= datapoints_to_alarm:
        return ALARM
    if treat_missing_data in ("breaching", "notBreaching") or not all(real):
        return OK
    if not real:
        return INSUFFICIENT_DATA if treat_missing_data == "missing" else current_state
    # Nothing but too few breaching points: the next one may not breach, so no premature ALARM, unless the
    # oldest "is at least as old as the value of Datapoints to Alarm".
    oldest_age = len(breaching) - breaching.index(True)
    if treat_missing_data == "missing" and oldest_age >= datapoints_to_alarm:
        return ALARM
    return current_state


def _queries(alarm: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return an alarm's ``Metrics``; a single metric is a list of one query."""
    if alarm.get("Metrics"):
        return list(alarm["Metrics"])
    metric_stat = {
        "Metric": {key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")},
        "Period": alarm["Period"],
        "Stat": alarm.get("ExtendedStatistic") or alarm["Statistic"],
        "Unit": alarm.get("Unit"),
    }
    return [{"Id": "m1", "MetricStat": metric_stat, "ReturnData": True}]


def _window(at: float, period: int, periods: int) -> Window:
    step = _MINUTE_SECONDS if period >= _MINUTE_SECONDS else _HIGH_RESOLUTION_STEP_SECONDS
    end = int(at) // step * step
    return Window(end - periods * period, period, periods)


def _returned_series(
    queries: Sequence[Mapping[str, Any]], metrics: MetricSource, window: Window
) -> dict[int, float]:
    results = evaluate_queries(queries, metrics, lambda _: window)
    returned = next(query["Id"] for query in queries if str(query.get("ReturnData", True)).lower() == "true")
    return results[returned][0]


def _missing_data_treatment(alarm: Mapping[str, Any]) -> str:
    """Return the alarm's setting; by default ``missing``, but ``ignore`` for metrics of DynamoDB."""
    default = "ignore" if alarm.get("Namespace") == "AWS/DynamoDB" else "missing"
    return alarm.get("TreatMissingData") or default


def _too_few_samples(
    alarm: Mapping[str, Any], metrics: MetricSource, window: Window, evaluation_periods: int
) -> bool:
    """Whether ``EvaluateLowSampleCountPercentile: ignore`` forbids a decision."""
    percentile = percentile_of(alarm.get("ExtendedStatistic") or "")
    if percentile is None or alarm.get("EvaluateLowSampleCountPercentile") != "ignore":
        return False
    share = percentile / 100
    needed = _LOW_SAMPLE_FACTOR / (1 - share if share >= 0.5 else share)  # noqa: PLR2004
    metric_stat = {**_queries(alarm)[0]["MetricStat"], "Stat": "SampleCount"}
    counts = series_of(metric_stat, metrics, window)
    recent = list(window.timestamps)[-evaluation_periods:]
    return any(0 < counts.get(timestamp, 0) < needed for timestamp in recent)


def _reason(alarm: Mapping[str, Any], datapoints: Mapping[int, float | None], state: str) -> str:
    """Say why, in CloudWatch's words."""
    evaluation_periods = int(alarm["EvaluationPeriods"])
    to_alarm = int(alarm.get("DatapointsToAlarm") or evaluation_periods)
    real = [(timestamp, value) for timestamp, value in datapoints.items() if value is not None]
    recent = real[-evaluation_periods:]
    if state == INSUFFICIENT_DATA:
        unknown = _counted(evaluation_periods, "datapoint")
        return f"Insufficient Data: {unknown} {_were(evaluation_periods)} unknown."
    if not recent:
        treated = "Breaching" if state == ALARM else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {_counted(evaluation_periods, 'period')} "
            f"and {_counted(evaluation_periods, 'missing datapoint')} {_were(evaluation_periods)} "
            f"treated as [{treated}]."
        )
    breaches, phrase = _COMPARISONS[alarm["ComparisonOperator"]]
    threshold = float(alarm["Threshold"])
    named = [
        (timestamp, value) for timestamp, value in recent if breaches(value, threshold) == (state == ALARM)
    ]
    values = ", ".join(f"{value} ({_short_time(timestamp)})" for timestamp, value in reversed(named))
    minimum = to_alarm if state == ALARM else evaluation_periods - to_alarm + 1
    transition = "OK -> ALARM" if state == ALARM else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(named)} out of the last {evaluation_periods} datapoints [{values}] "
        f"{_were(len(named))} {'' if state == ALARM else 'not '}{phrase} the threshold ({threshold}) "
        f"(minimum {_counted(minimum, 'datapoint')} for {transition} transition)."
    )


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _short_time(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%d/%m/%y %H:%M:%S")
