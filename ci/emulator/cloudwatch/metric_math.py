"""Evaluates metric math: scalars, time series and arrays of time series.

The functions are those that alarms and dashboards here use; any other name is refused.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ci.emulator.cloudwatch.metric_math_syntax import Array, Call, MetricMathError, Name, Node, Number
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
    """Fill missing values with a scalar, or with another series."""
    if len(arguments) != 2:  # noqa: PLR2004
        raise MetricMathError("FILL takes what to fill, and what to fill it with")
    target, filler = (evaluate(argument, scope) for argument in arguments)
    fillers = (
        dict.fromkeys(scope.window.timestamps, filler) if isinstance(filler, float) else as_series(filler)
    )

    def fill(series: TimeSeries) -> TimeSeries:
        filled = fillers | series
        return {t: filled[t] for t in scope.window.timestamps if t in filled}

    return each_series(fill)(target)


_SPECIAL_FUNCTIONS: dict[str, Callable[[tuple[Node, ...], Scope], Value]] = {
    "IF": _if,
    "FILL": _fill,
}
