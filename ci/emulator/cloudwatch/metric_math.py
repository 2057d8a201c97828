"""Evaluates metric math: scalars, time series and arrays of time series.

The functions are those that alarms and dashboards here use; any other name is refused.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from ci.emulator.cloudwatch.metric_math_syntax import Array, Call, MetricMathError, Name, Node, Number, Text

TimeSeries = dict[int, float]
"""Values by the start of their period, in epoch seconds; a missing value has no key."""
Value = float | TimeSeries | list[TimeSeries]


@dataclass(frozen=True)
class Window:
    """A range of consecutive periods."""

    start: int
    period_seconds: int
    periods: int

    @property
    def end(self) -> int:
        """The first second after the last period."""
        return self.start + self.periods * self.period_seconds

    @property
    def timestamps(self) -> range:
        """The start of each period, in epoch seconds."""
        return range(self.start, self.end, self.period_seconds)


@dataclass(frozen=True)
class Scope:
    """What an expression can refer to: the request's metrics and expressions by id, and its periods."""

    metrics: Mapping[str, TimeSeries]
    expressions: Mapping[str, Value]
    window: Window

    def value(self, identifier: str) -> Value:
        """Return the metric or expression with this id."""
        if identifier in self.metrics:
            return self.metrics[identifier]
        try:
            return self.expressions[identifier]
        except KeyError:
            raise MetricMathError(f"No metric or expression has the id {identifier!r}") from None


def evaluate(node: Node, scope: Scope) -> Value:
    """Evaluate a parsed expression.

    Raises
    ------
    MetricMathError
        For an unknown id or function, or an operand of the wrong kind.
    """
    match node:
        case Number(value):
            return value
        case Name(value):
            return scope.value(value)
        case Text(value):
            raise MetricMathError(f"The text {value!r} can only be an argument of METRICS")
        case Array(items):
            return [series for item in items for series in _as_array(evaluate(item, scope))]
        case Call(function, arguments) if function in _SPECIAL_FUNCTIONS:
            return _SPECIAL_FUNCTIONS[function](arguments, scope)
        case Call(function, arguments) if function in _OPERATORS:
            return _OPERATORS[function](*(evaluate(argument, scope) for argument in arguments))
        case Call(function, [argument]) if function in _FUNCTIONS:
            return _FUNCTIONS[function](evaluate(argument, scope))
        case Call(function, arguments):
            raise MetricMathError(
                f"{function} with {len(arguments)} argument(s) is no metric math that the emulator knows; "
                f"see {__name__}"
            )


def _as_array(value: Value) -> list[TimeSeries]:
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
    return _without_gaps(points)


def _calculate(calculate: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        return calculate(left, right)
    except (ZeroDivisionError, OverflowError):
        return math.nan


def _without_gaps(points: TimeSeries) -> TimeSeries:
    return {timestamp: value for timestamp, value in points.items() if not math.isnan(value)}


_OPERATORS: dict[str, Callable[..., Value]] = {
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(operator.truediv),
    "^": _arithmetic(operator.pow),
    "NEGATE": lambda value: _OPERATORS["*"](value, -1.0),
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


def _each_series(transform: Callable[[TimeSeries], TimeSeries]) -> Callable[[Value], Value]:
    """Lift a function of a time series to arrays: TS → TS, TS[] → TS[]."""

    def apply(value: Value) -> Value:
        if isinstance(value, list):
            return [transform(series) for series in value]
        return transform(_series(value))

    return apply


def _each_point(transform: Callable[[float], float]) -> Callable[[Value], Value]:
    return _each_series(lambda series: {t: transform(value) for t, value in series.items()})


def _aggregate(reduce: Callable[[list[float]], float], missing: float | None) -> Callable[[Value], Value]:
    """TS → S over its points; TS[] → TS over the series, in which a missing value counts as ``missing``."""

    def apply(value: Value) -> Value:
        if not isinstance(value, list):
            return reduce(list(_series(value).values())) if _series(value) else math.nan
        timestamps = sorted({timestamp for series in value for timestamp in series})
        columns = {t: [series.get(t, missing) for series in value] for t in timestamps}
        return {t: reduce([v for v in column if v is not None]) for t, column in columns.items()}

    return apply


def _series(value: Value) -> TimeSeries:
    if not isinstance(value, dict):
        raise MetricMathError("A single time series is needed here")
    return value


def _pairs(series: TimeSeries) -> Iterable[tuple[int, int]]:
    return pairwise(sorted(series))


def _difference(series: TimeSeries) -> TimeSeries:
    return {later: series[later] - series[earlier] for earlier, later in _pairs(series)}


def _rate(series: TimeSeries) -> TimeSeries:
    return {t: (series[t] - series[earlier]) / (t - earlier) for earlier, t in _pairs(series)}


def _running_sum(series: TimeSeries) -> TimeSeries:
    total = 0.0
    return {timestamp: (total := total + series[timestamp]) for timestamp in sorted(series)}


_FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "ABS": _each_point(abs),
    "CEIL": _each_point(lambda value: float(math.ceil(value))),
    "FLOOR": _each_point(lambda value: float(math.floor(value))),
    "DIFF": _each_series(_difference),
    "RATE": _each_series(_rate),
    "RUNNING_SUM": _each_series(_running_sum),
    "SUM": _aggregate(math.fsum, missing=0.0),
    "AVG": _aggregate(lambda values: math.fsum(values) / len(values), missing=0.0),
    "MIN": _aggregate(min, missing=None),
    "MAX": _aggregate(max, missing=None),
    "DATAPOINT_COUNT": _aggregate(lambda values: float(len(values)), missing=None),
}


# --- functions that see more than their arguments' values ---------------------------------------


def _metrics(arguments: tuple[Node, ...], scope: Scope) -> Value:
    """``METRICS()``, or those metrics whose id contains a text; expressions are never among them."""
    match arguments:
        case ():
            return list(scope.metrics.values())
        case (Text(part),):
            return [series for identifier, series in scope.metrics.items() if part in identifier]
    raise MetricMathError("METRICS takes nothing, or one text in double quotes")


def _period(arguments: tuple[Node, ...], scope: Scope) -> Value:
    match arguments:
        case (Name(identifier),) if identifier in scope.metrics:
            return float(scope.window.period_seconds)
    raise MetricMathError("PERIOD takes the id of one metric, not the result of an expression")


def _time_series(arguments: tuple[Node, ...], scope: Scope) -> Value:
    values = [evaluate(argument, scope) for argument in arguments]
    match values:
        case [float(value)]:
            return _without_gaps(dict.fromkeys(scope.window.timestamps, value))
    raise MetricMathError("TIME_SERIES takes one scalar")


def _if(arguments: tuple[Node, ...], scope: Scope) -> Value:
    """Choose point by point; without a third argument, points whose condition is false are dropped.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-IF-expressions
    """
    if len(arguments) not in (2, 3):
        raise MetricMathError("IF takes a condition, a value, and perhaps a value for where it is false")
    condition, *choices = (evaluate(argument, scope) for argument in arguments)
    when_true = choices[0]
    when_false = choices[1] if len(choices) == 2 else {}  # noqa: PLR2004
    if any(isinstance(value, list) for value in (condition, when_true, when_false)):
        raise MetricMathError("IF takes no array of time series")
    if isinstance(condition, float):
        return _series(when_true if condition else when_false)
    points: TimeSeries = {}
    for timestamp, decision in _series(condition).items():
        # "has the value of 0" if true and metric2 has none; "is dropped" if false and metric3 has none.
        chosen, missing = (when_true, 0.0) if decision else (when_false, math.nan)
        points[timestamp] = chosen if isinstance(chosen, float) else _series(chosen).get(timestamp, missing)
    return _without_gaps(points)


def _fill(arguments: tuple[Node, ...], scope: Scope) -> Value:
    """Fill missing values with a scalar, another series, the last value (REPEAT), or a line (LINEAR)."""
    if len(arguments) != 2:  # noqa: PLR2004
        raise MetricMathError("FILL takes what to fill, and what to fill it with")
    target, filler = arguments
    missing_value: Callable[[TimeSeries, int], float]
    if filler == Name("REPEAT"):
        missing_value = _last_before
    elif filler == Name("LINEAR"):
        missing_value = _on_line
    else:
        value = evaluate(filler, scope)
        values = dict.fromkeys(scope.window.timestamps, value) if isinstance(value, float) else _series(value)

        def missing_value(_: TimeSeries, timestamp: int) -> float:
            return values.get(timestamp, math.nan)

    def fill(series: TimeSeries) -> TimeSeries:
        return _without_gaps(
            {t: series[t] if t in series else missing_value(series, t) for t in scope.window.timestamps}
        )

    return _each_series(fill)(evaluate(target, scope))


def _last_before(series: TimeSeries, timestamp: int) -> float:
    earlier = [each for each in series if each < timestamp]
    return series[max(earlier)] if earlier else math.nan


def _on_line(series: TimeSeries, timestamp: int) -> float:
    earlier = [each for each in series if each < timestamp]
    later = [each for each in series if each > timestamp]
    if not earlier or not later:
        return math.nan
    start, end = max(earlier), min(later)
    return series[start] + (series[end] - series[start]) * (timestamp - start) / (end - start)


_SPECIAL_FUNCTIONS: dict[str, Callable[[tuple[Node, ...], Scope], Value]] = {
    "METRICS": _metrics,
    "PERIOD": _period,
    "TIME_SERIES": _time_series,
    "IF": _if,
    "FILL": _fill,
}
