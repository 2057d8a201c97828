"""The values of metric math, and the operators and functions that need nothing but values.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax
"""

import math
import operator
from collections.abc import Callable

from ci.emulator.cloudwatch.metric_math_syntax import MetricMathError

TimeSeries = dict[int, float]
"""Values by the start of their period, in epoch seconds; a missing value has no key."""
Value = float | TimeSeries | list[TimeSeries]


def as_series(value: Value) -> TimeSeries:
    """Return the value if it is a single time series, or refuse it."""
    if not isinstance(value, dict):
        raise MetricMathError("A single time series is needed here")
    return value


def as_array(value: Value) -> list[TimeSeries]:
    """Return the time series in the value, or refuse a scalar."""
    if isinstance(value, float):
        raise MetricMathError("A scalar cannot be in an array of time series")
    return value if isinstance(value, list) else [value]


# --- operators ---------------------------------------------------------------------------------


def _arithmetic(calculate: Callable[[float, float], float]) -> Callable[[Value, Value], Value]:
    """Apply an operator point by point: a missing value counts as 0; a division by zero drops the point."""

    def apply(left: Value, right: Value) -> Value:
        if isinstance(left, list):
            if isinstance(right, list):
                raise MetricMathError("An operator cannot combine two arrays of time series")
            return [_pointwise(calculate, series, right) for series in left]
        if isinstance(right, list):
            return [_pointwise(calculate, left, series) for series in right]
        if isinstance(left, float) and isinstance(right, float):
            return _calculate(calculate, left, right)
        return _pointwise(calculate, left, right)

    return apply


def _logical(decide: Callable[[float, float], bool]) -> Callable[[Value, Value], Value]:
    """Compare two scalars, or point by point: 1 for true and 0 for false."""

    def apply(left: Value, right: Value) -> Value:
        if isinstance(left, list) or isinstance(right, list):
            raise MetricMathError("Comparison and logical operators take no array of time series")
        return _arithmetic(lambda a, b: float(decide(a, b)))(left, right)

    return apply


def _pointwise(
    calculate: Callable[[float, float], float], left: float | TimeSeries, right: float | TimeSeries
) -> TimeSeries:
    timestamps = {t for side in (left, right) if isinstance(side, dict) for t in side}

    def at(side: float | TimeSeries, timestamp: int) -> float:
        return side.get(timestamp, 0.0) if isinstance(side, dict) else side

    points = {t: _calculate(calculate, at(left, t), at(right, t)) for t in sorted(timestamps)}
    return without_gaps(points)


def _calculate(calculate: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        return calculate(left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return math.nan


def without_gaps(points: TimeSeries) -> TimeSeries:
    """Drop the points that have no value (NaN)."""
    return {timestamp: value for timestamp, value in points.items() if not math.isnan(value)}


OPERATORS: dict[str, Callable[..., Value]] = {
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(operator.truediv),
    "NEGATE": lambda value: OPERATORS["*"](value, -1.0),
    "==": _logical(operator.eq),
    "!=": _logical(operator.ne),
    "<=": _logical(operator.le),
    ">=": _logical(operator.ge),
    "<": _logical(operator.lt),
    ">": _logical(operator.gt),
    "AND": _logical(lambda left, right: bool(left and right)),
    "OR": _logical(lambda left, right: bool(left or right)),
}


# --- functions of one value --------------------------------------------------------------------


def each_series(transform: Callable[[TimeSeries], TimeSeries]) -> Callable[[Value], Value]:
    """Lift a function of a time series to arrays: TS → TS, TS[] → TS[]."""

    def apply(value: Value) -> Value:
        if isinstance(value, list):
            return [transform(series) for series in value]
        return transform(as_series(value))

    return apply


def _aggregate(reduce: Callable[[list[float]], float], missing: float | None) -> Callable[[Value], Value]:
    """TS → S over its points; TS[] → TS over the series, in which a missing value counts as ``missing``."""

    def apply(value: Value) -> Value:
        if not isinstance(value, list):
            return reduce(list(as_series(value).values())) if as_series(value) else math.nan
        timestamps = sorted({timestamp for series in value for timestamp in series})
        columns = {t: [series.get(t, missing) for series in value] for t in timestamps}
        return {t: reduce([v for v in column if v is not None]) for t, column in columns.items()}

    return apply


FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "SUM": _aggregate(math.fsum, missing=0.0),
    "MAX": _aggregate(max, missing=None),
}
