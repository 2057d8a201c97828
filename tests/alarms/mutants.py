"""Alarms with one number, statistic or operator changed: the scenarios must notice each."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.templates.model import Resource

Properties = dict[str, Any]

RATE_STEP = {"BounceRateHighAlarm": 0.05, "ComplaintRateHighAlarm": 0.01, "DeliveryRateLowAlarm": 0.05}
"""How far thresholds of rates are moved; all others are whole numbers, and are moved by 1."""

STRICTNESS = {
    "GreaterThanThreshold": "GreaterThanOrEqualToThreshold",
    "GreaterThanOrEqualToThreshold": "GreaterThanThreshold",
    "LessThanThreshold": "LessThanOrEqualToThreshold",
}
OTHER_STATISTIC = {
    "Sum": "Average",
    "SampleCount": "Sum",
    "Maximum": "Minimum",
    "Minimum": "Maximum",
    "p99": "p50",
}

EQUIVALENT = {
    # Whether there is any makes the difference.
    ("OrdersWaitingAlarm", "statistic of accepted"),
    ("EmailsFailedAlarm", "statistic of refused"),
    ("SendsFailingAlarm", "statistic of repeated"),
    ("EmailsUndecidedAlarm", "statistic of looks"),
    ("SendsFailingAlarm", "failing = FILL(failures, 0) + 6 * FILL(repeated, 0)"),
}
"""Mutants that no series of numbers tells from the alarm."""


@dataclass(frozen=True)
class Mutant:
    """An alarm with one thing changed."""

    alarm: str
    change: str
    properties: Properties

    def __str__(self) -> str:
        return f"{self.alarm}: {self.change}"


def mutants(alarm: Resource) -> Iterator[Mutant]:
    """Every mutant of an alarm."""
    for change, apply in _changes(alarm):
        properties = copy.deepcopy(alarm.properties)
        apply(properties)
        if (alarm.logical_id, change) not in EQUIVALENT:
            yield Mutant(alarm.logical_id, change, properties)


def _changes(alarm: Resource) -> Iterator[tuple[str, Callable[[Properties], object]]]:
    properties = alarm.properties
    step = RATE_STEP.get(alarm.logical_id, 1)
    threshold = float(properties["Threshold"])
    for changed in (threshold - step, threshold + step):
        yield f"threshold {changed:g}", _set(Threshold=changed)
    operator = STRICTNESS[properties["ComparisonOperator"]]
    yield f"operator {operator}", _set(ComparisonOperator=operator)
    periods = int(properties["EvaluationPeriods"])
    to_alarm = int(properties.get("DatapointsToAlarm", periods))
    for n, m in {
        (periods + 1, to_alarm + 1),
        (periods + 1, to_alarm),
        (periods, to_alarm - 1),
        (periods - 1, to_alarm - 1),
    }:
        if 1 <= m <= n:
            yield f"{m} of {n} periods", _set(EvaluationPeriods=n, DatapointsToAlarm=m)
    for factor in (0.5, 2):
        yield f"period x {factor:g}", partial(_scale_periods, factor=factor)
    for number, query in enumerate(properties.get("Metrics", [])):
        if "MetricStat" in query:
            other = OTHER_STATISTIC[query["MetricStat"]["Stat"]]
            yield f"statistic of {query['Id']}", _set_in_metric(number, Stat=other)
        else:
            for text in _changed_numbers(query["Expression"]):
                yield f"{query['Id']} = {text}", _set_in_metric(number, Expression=text)


def _changed_numbers(expression: str) -> Iterator[str]:
    """The expression with each number changed that is compared with, multiplied by or divided by."""
    for match in re.finditer(r"(?<=[<>=/] )[\d.]+|[\d.]+(?= \*)", expression):
        number = float(match[0])
        step = 1 if number.is_integer() else number / 10
        for changed in (number - step, number + step):
            yield f"{expression[: match.start()]}{changed:g}{expression[match.end() :]}"


def _set(**changes: object) -> Callable[[Properties], object]:
    return lambda properties: properties.update(changes)


def _set_in_metric(number: int, **changes: object) -> Callable[[Properties], object]:
    def apply(properties: Properties) -> None:
        query = properties["Metrics"][number]
        query.get("MetricStat", query).update(changes)

    return apply


def _scale_periods(properties: Properties, factor: float) -> None:
    holders = [properties, *(query.get("MetricStat", {}) for query in properties.get("Metrics", []))]
    for holder in holders:
        if "Period" in holder:
            holder["Period"] = int(int(holder["Period"]) * factor)
