"""The daily check's alarms as written in the template, evaluated on series of numbers."""

from __future__ import annotations

import pytest

from ci.emulator.cloudwatch.alarm_evaluation import evaluate
from ci.emulator.cloudwatch.metrics import Metric, RecordedMetrics
from tests.templates.model import deploy

RESOURCES = deploy("prod")["observability"].resources
OVERDUE = RESOURCES["NotificationsOverdueAlarm"].properties
ERRORS = RESOURCES["CheckLedgerErrorsAlarm"].properties
HOUR, DAY = 3600, 86400
THREE_O_CLOCK = 1_800_000_000 // DAY * DAY + 3 * HOUR


def state(alarm: dict, samples: list[tuple[float, float]], at: float, before: str = "OK") -> str:
    """The alarm's state at a moment, after values at moments before it (epoch seconds)."""
    metrics = RecordedMetrics()
    for moment, value in samples:
        metrics.record(Metric.from_api(alarm), moment, value)
    return evaluate(alarm, metrics, at, before).state


def checks(*found: int | None) -> list[tuple[float, float]]:
    """What daily checks found; the last ran at three o'clock, None is one that did not run."""
    first = THREE_O_CLOCK - (len(found) - 1) * DAY
    return [(first + day * DAY, number) for day, number in enumerate(found) if number is not None]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((0, 0, 0), "OK"),
        ((0, 0, 1), "ALARM"),
        ((0, 5, 0), "OK"),
        ((0, 0, None), "OK"),
        ((0, 5, None), "ALARM"),
        ((0, None, None, None), "INSUFFICIENT_DATA"),
    ],
)
def test_overdue_alarm_follows_the_latest_check_and_tells_when_none_has_run_for_days(
    found: tuple[int | None, ...], expected: str
) -> None:
    assert state(OVERDUE, checks(*found), THREE_O_CLOCK + HOUR) == expected


def test_overdue_alarm_keeps_its_state_when_a_check_is_some_minutes_later_than_the_day_before() -> None:
    between = THREE_O_CLOCK + DAY + 300

    assert state(OVERDUE, checks(0), between) == "OK"
    assert state(OVERDUE, checks(2), between, "ALARM") == "ALARM"


def test_overdue_alarm_says_nothing_before_the_first_check_of_a_new_deployment() -> None:
    assert state(OVERDUE, [], THREE_O_CLOCK, "INSUFFICIENT_DATA") == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(("failures", "expected"), [(0, "OK"), (2, "OK"), (3, "ALARM")])
def test_errors_alarm_is_raised_only_when_the_repetitions_of_a_check_failed_too(
    failures: int, expected: str
) -> None:
    runs = [(THREE_O_CLOCK + 60 * run, 1.0) for run in range(failures)]

    assert state(ERRORS, runs, THREE_O_CLOCK + 600) == expected
