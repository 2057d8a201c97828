"""What has been measured before a moment, and what state an alarm of the template is in then.

A scenario is data, so that it can be evaluated on the alarm as written and on every mutant of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ci.emulator.cloudwatch.alarm_evaluation import evaluate
from ci.emulator.cloudwatch.metrics import Metric, Sample
from tests.templates.model import Resource, Stack, deploy, resources_of

SERVICE = "email-notifications-prod"
MINUTE, HOUR, DAY = 60, 3600, 86400
NOW = 1_800_000_000 // DAY * DAY + 4 * HOUR
"""Four o'clock, epoch seconds: the end of a period of every length that divides an hour."""


@dataclass(frozen=True)
class Fact:
    """A value that was measured so many times, so many seconds ago."""

    metric: Metric
    value: float
    times: int
    ago: float


@dataclass(frozen=True)
class Scenario:
    """What has happened, and the state that it puts an alarm into."""

    alarm: str
    story: str
    state: str
    facts: tuple[Fact, ...] = ()
    before: str = "OK"

    def __str__(self) -> str:
        return f"{self.alarm}: {self.story}: {self.state}"


def own(name: str, value: float = 1, times: int = 1, ago: float = MINUTE) -> tuple[Fact, ...]:
    """A metric of the functions."""
    return (Fact(_metric("EmailNotifications", name, "service", SERVICE), value, times, ago),)


def accepted(emails: int, ago: float = MINUTE) -> tuple[Fact, ...]:
    """Emails that SES accepted."""
    return own("EmailsAccepted", times=emails, ago=ago)


def ended(delivered: int, bounced: int = 0, suppressed: int = 0, ago: float = MINUTE) -> tuple[Fact, ...]:
    """Emails that have come to their end."""
    return (
        *own("EmailsDelivered", 1, delivered, ago),
        *own("EmailsDelivered", 0, bounced + suppressed, ago),
        *own("HardBounces", 1, bounced, ago),
        *own("HardBounces", 0, suppressed, ago),
    )


def queue(name: str, metric: str, value: float, ago: float = MINUTE) -> tuple[Fact, ...]:
    """A metric of one of the queues."""
    return (Fact(_metric("AWS/SQS", metric, "QueueName", f"{SERVICE}-{name}"), value, 1, ago),)


def function(name: str, metric: str, times: int, ago: float = MINUTE) -> tuple[Fact, ...]:
    """Runs of one of the functions that ended so."""
    return (Fact(_metric("AWS/Lambda", metric, "FunctionName", f"{SERVICE}-{name}"), 1, times, ago),)


def account(metric: str, rate: float, ago: float = MINUTE) -> tuple[Fact, ...]:
    """What SES thinks of the account: a share of 1."""
    return (Fact(Metric("AWS/SES", f"Reputation.{metric}"), rate, 1, ago),)


def probes(started: int, delivered: int, ago: float = MINUTE) -> tuple[Fact, ...]:
    """Synthetic orders."""
    schedules = _metric("AWS/Scheduler", "InvocationAttemptCount", "ScheduleGroup", f"{SERVICE}-probe")
    return (Fact(schedules, 1, started, ago), *own("ProbesDelivered", 1, delivered, ago))


def every(period: int, periods: Iterable[int], *facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """The same facts in several periods; 0 is the latest, and facts are as long ago as within it."""
    return tuple(
        Fact(fact.metric, fact.value, fact.times, fact.ago + number * period)
        for number in periods
        for group in facts
        for fact in group
    )


def _metric(namespace: str, name: str, dimension: str, value: str) -> Metric:
    return Metric(namespace, name, frozenset({(dimension, value)}))


class _Measured:
    """The facts as a source of samples."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._facts = facts

    def samples(self, metric: Metric, start: float, end: float) -> list[Sample]:
        """Return those of a metric in a span of time."""
        return [
            Sample.of(NOW - fact.ago, fact.value, fact.times)
            for fact in self._facts
            if fact.metric == metric and fact.times and start <= NOW - fact.ago < end
        ]


@cache
def deployment(environment: str = "prod") -> dict[str, Stack]:
    """The stacks of an environment."""
    return deploy(environment)


def alarms() -> dict[str, Resource]:
    """The metric alarms by their logical ids."""
    return {alarm.logical_id: alarm for alarm in resources_of(deployment(), "AWS::CloudWatch::Alarm")}


def state(properties: Mapping[str, Any], scenario: Scenario) -> str:
    """The state of an alarm with these properties after what has happened."""
    return evaluate(properties, _Measured(scenario.facts), NOW, scenario.before).state
