"""Evaluates metric math: scalars, time series and arrays of time series.

The functions are those that alarms and dashboards here use; any other name is refused.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ci.emulator.cloudwatch.metric_math_syntax import Array, Call, MetricMathError, Name, Node, Number, Text
from ci.emulator.cloudwatch.metric_math_values import (
    FUNCTIONS,
    OPERATORS,
    TimeSeries,
    Value,
    as_array,
    as_series,
    each_series,
    without_gaps,
)


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
            return [series for item in items for series in as_array(evaluate(item, scope))]
        case Call(function, arguments) if function in _SPECIAL_FUNCTIONS:
            return _SPECIAL_FUNCTIONS[function](arguments, scope)
        case Call(function, arguments) if function in OPERATORS:
            return OPERATORS[function](*(evaluate(argument, scope) for argument in arguments))
        case Call(function, [argument]) if function in FUNCTIONS:
            return FUNCTIONS[function](evaluate(argument, scope))
        case Call(function, arguments):
            raise MetricMathError(
                f"{function} with {len(arguments)} argument(s) is no metric math that the emulator knows; "
                f"see {__name__}"
            )


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
            return without_gaps(dict.fromkeys(scope.window.timestamps, value))
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
        return as_series(when_true if condition else when_false)
    points: TimeSeries = {}
    for timestamp, decision in as_series(condition).items():
        # "has the value of 0" if true and metric2 has none; "is dropped" if false and metric3 has none.
        chosen, missing = (when_true, 0.0) if decision else (when_false, math.nan)
        points[timestamp] = chosen if isinstance(chosen, float) else as_series(chosen).get(timestamp, missing)
    return without_gaps(points)


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
        values = (
            dict.fromkeys(scope.window.timestamps, value) if isinstance(value, float) else as_series(value)
        )

        def missing_value(_: TimeSeries, timestamp: int) -> float:
            return values.get(timestamp, math.nan)

    def fill(series: TimeSeries) -> TimeSeries:
        return without_gaps(
            {t: series[t] if t in series else missing_value(series, t) for t in scope.window.timestamps}
        )

    return each_series(fill)(evaluate(target, scope))


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
