"""Alarms as written in the template, on series of numbers; and no number in them can change unnoticed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.alarms.mutants import Mutant, mutants
from tests.alarms.scenarios import ALARM, INSUFFICIENT, OK, SCENARIOS, STORIES
from tests.alarms.world import DAY, MINUTE, SERVICE, Scenario, accepted, alarms, deployment, own, state
from tests.templates.model import resources_of

ALARMS = alarms()
MUTANTS = [mutant for alarm in ALARMS.values() for mutant in mutants(alarm)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_alarm_is_in_the_right_state_when(scenario: Scenario) -> None:
    assert state(ALARMS[scenario.alarm].properties, scenario) == scenario.state


def test_every_alarm_has_scenarios_of_both_ways() -> None:
    assert set(STORIES) == set(ALARMS)
    for stories in STORIES.values():
        assert {outcome for _, outcome, _ in stories} >= {OK, ALARM}


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_scenario_fails_when_a_number_of_an_alarm_is_changed(mutant: Mutant) -> None:
    of_alarm = [scenario for scenario in SCENARIOS if scenario.alarm == mutant.alarm]

    assert [s.story for s in of_alarm if state(mutant.properties, s) != s.state]


def test_bounce_rate_is_of_fewer_emails_in_a_demonstration() -> None:
    alarm = deployment("local")["observability"].resources["BounceRateHighAlarm"].properties
    of_local = [
        query | {"MetricStat": _renamed(query["MetricStat"])} if "MetricStat" in query else query
        for query in alarm["Metrics"]
    ]

    def after(emails: int) -> str:
        facts = accepted(emails) + own("HardBounces")
        return state({**alarm, "Metrics": of_local}, Scenario("BounceRateHighAlarm", "", "", facts))

    assert (after(4), after(5)) == (OK, ALARM)


def _renamed(metric_stat: dict[str, Any]) -> dict[str, Any]:
    """The metric, of the service that the facts are of."""
    metric = metric_stat["Metric"]
    dimensions = [{**each, "Value": SERVICE} for each in metric.get("Dimensions", [])]
    return {**metric_stat, "Metric": {**metric, "Dimensions": dimensions}}


def test_overdue_alarm_keeps_its_state_when_a_check_is_some_minutes_later_than_the_day_before() -> None:
    overdue = ALARMS["NotificationsOverdueAlarm"].properties

    def a_day_and_5_minutes_after_a_check(found: int, before: str) -> str:
        facts = own("NotificationsOverdue", found, ago=DAY + 5 * MINUTE)
        return state(overdue, Scenario("", "", "", facts, before))

    assert a_day_and_5_minutes_after_a_check(0, OK) == OK
    assert a_day_and_5_minutes_after_a_check(2, ALARM) == ALARM


def test_overdue_alarm_says_nothing_before_the_first_check_of_a_new_deployment() -> None:
    new = Scenario("", "", "", (), before=INSUFFICIENT)

    assert state(ALARMS["NotificationsOverdueAlarm"].properties, new) == INSUFFICIENT


def test_alarms_that_page_do_so_through_one_and_tickets_are_told_at_once() -> None:
    """An alarm that comes when another has paged for days, and still does, has to speak for itself."""
    by_itself = ALARMS["OrdersExpiringAlarm"].name
    (composite,) = resources_of(deployment(), "AWS::CloudWatch::CompositeAlarm")
    topic = [deployment()["observability"].outputs["AlertsTopicArn"]]
    pages = {a.name for a in ALARMS.values() if "Severity: page" in a.properties["AlarmDescription"]}
    told = {a.name for a in ALARMS.values() if a.properties.get("AlarmActions", [])[:1] == topic}

    through_one = pages - {by_itself}
    rule = composite.properties["AlarmRule"].split(" OR ")
    assert sorted(rule) == sorted(f'ALARM("{name}")' for name in through_one)
    assert told == {alarm.name for alarm in ALARMS.values()} - through_one
    assert composite.properties["AlarmActions"] == composite.properties["OKActions"] == topic
