"""Alarms and the dashboard look at what exists, and an alarm says what to do."""

import json
import re
from typing import Any

import pytest

from tests.templates.model import Resource, configuration, deploy, resources_of, template

STACKS = deploy("prod")
METRIC_ALARMS = resources_of(STACKS, "AWS::CloudWatch::Alarm")
ALARMS = METRIC_ALARMS + resources_of(STACKS, "AWS::CloudWatch::CompositeAlarm")
SERVICE = "email-notifications-prod"
QUEUES_THAT_SHOULD_BE_EMPTY = [
    resource
    for resource in resources_of(STACKS, "AWS::SQS::Queue")
    if "RedrivePolicy" not in resource.properties
]


def dashboard() -> dict[str, Any]:
    (resource,) = resources_of(STACKS, "AWS::CloudWatch::Dashboard")
    return json.loads(resource.properties["DashboardBody"])


def metrics_of(alarm: Resource) -> list[dict[str, Any]]:
    """Return the metrics that an alarm reads, with Namespace, MetricName and Dimensions."""
    queries = alarm.properties.get("Metrics")
    if not queries:
        return [alarm.properties]
    return [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.logical_id)
def test_alarm_says_what_it_means_how_urgent_it_is_and_where_its_runbook_is(alarm: Resource) -> None:
    assert re.fullmatch(
        r"[A-Z].{20,}\. Severity: (page|ticket)\. Runbook: docs/runbooks/[a-z-]+\.md",
        alarm.properties["AlarmDescription"],
    )


@pytest.mark.parametrize("alarm", METRIC_ALARMS, ids=lambda alarm: alarm.logical_id)
def test_alarm_is_quiet_without_data_but_for_the_daily_check_which_tells_that_it_did_not_run(
    alarm: Resource,
) -> None:
    is_check = alarm.logical_id == "NotificationsOverdueAlarm"

    assert alarm.properties["TreatMissingData"] == ("missing" if is_check else "notBreaching")
    assert alarm.properties.get("InsufficientDataActions") == (
        alarm.properties["AlarmActions"] if is_check else None
    )


def test_there_are_few_enough_alarms_to_know_them_all() -> None:
    assert len(ALARMS) <= 17


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.logical_id)
def test_alarms_name_is_of_its_service_and_environment(alarm: Resource) -> None:
    assert alarm.name.startswith(f"{SERVICE}-")


def test_one_message_in_a_queue_that_should_be_empty_raises_an_alarm() -> None:
    watched = {
        metric["Dimensions"][0]["Value"]
        for alarm in METRIC_ALARMS
        for metric in metrics_of(alarm)
        if metric["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }

    assert watched >= {queue.name for queue in QUEUES_THAT_SHOULD_BE_EMPTY}


def test_errors_of_every_function_raise_an_alarm() -> None:
    watched = {
        metric["Dimensions"][0]["Value"]
        for alarm in METRIC_ALARMS
        for metric in metrics_of(alarm)
        if metric["MetricName"] == "Errors"
    }

    assert watched == {function.name for function in resources_of(STACKS, "AWS::Lambda::Function")}


def test_dashboard_shows_every_alarm() -> None:
    (alarms,) = (widget for widget in dashboard()["widgets"] if widget["type"] == "alarm")

    assert sorted(alarms["properties"]["alarms"]) == sorted(alarm.arn for alarm in ALARMS)


def test_dashboards_widgets_do_not_overlap_and_fit_on_one_screen() -> None:
    taken = [
        (x, y)
        for widget in dashboard()["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]

    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert max(y for _, y in taken) < 24


def test_dashboard_draws_the_thresholds_of_the_alarms() -> None:
    drawn = {
        line["label"]: line["value"]
        for widget in dashboard()["widgets"]
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
    }
    alarms = {alarm.logical_id: alarm.properties for alarm in ALARMS}

    assert drawn == {
        "Delivery alarm": alarms["DeliveryRateLowAlarm"]["Threshold"],
        "Bounce alarm": alarms["BounceRateHighAlarm"]["Threshold"],
        "Complaint alarm": alarms["ComplaintRateHighAlarm"]["Threshold"],
        "Objective": alarms["EmailsLateAlarm"]["Threshold"] * 1000,
        "Orders alarm": compared(alarms["OrdersWaitingAlarm"], "FILL(age, 0)"),
        "Feedback alarm": compared(alarms["OutcomesMissingAlarm"], "FILL(age, 0)"),
        "99.9 % objective": 99.9,
        "Functions alarm": alarms["FunctionsFailingAlarm"]["Threshold"],
    }


def compared(alarm: dict[str, Any], what: str) -> float:
    """The number with which an alarm's expression compares."""
    (expression,) = (query["Expression"] for query in alarm["Metrics"] if query["ReturnData"])
    return float(expression.split(f"{what} > ")[1].split(" ")[0])


def test_dashboard_is_left_out_where_it_is_turned_off() -> None:
    stacks = deploy("prod", CreateDashboard="false")

    assert resources_of(stacks, "AWS::CloudWatch::Dashboard") == []
    assert stacks["root"].outputs["DashboardName"] == "none"


def test_dashboards_name_differs_between_regions() -> None:
    assert template("observability")["Resources"]["Dashboard"]["Properties"]["DashboardName"] == {
        "Fn::Sub": "${ServiceName}-${Environment}-${AWS::Region}"
    }


def test_address_gets_the_notices_when_there_is_one() -> None:
    (subscription,) = (
        s for s in resources_of(STACKS, "AWS::SNS::Subscription") if s.properties["Protocol"] == "email"
    )

    assert subscription.properties["TopicArn"] == STACKS["observability"].outputs["AlertsTopicArn"]
    assert "AlertEmailSubscription" not in deploy("local")["observability"].resources


def test_budget_counts_what_carries_the_deployments_tag() -> None:
    (budget,) = resources_of(STACKS, "AWS::Budgets::Budget")

    assert budget.properties["Budget"]["CostFilters"] == {"TagKeyValue": [f"user:Deployment${SERVICE}"]}
    assert budget.properties["Budget"]["BudgetLimit"] == {
        "Amount": configuration("prod")["Parameters"]["MonthlyBudgetUsd"],
        "Unit": "USD",
    }


def test_budget_tells_of_cost_spent_and_cost_foreseen() -> None:
    (budget,) = resources_of(STACKS, "AWS::Budgets::Budget")
    notices = budget.properties["NotificationsWithSubscribers"]

    assert [(n["Notification"]["NotificationType"], n["Notification"]["Threshold"]) for n in notices] == [
        (kind, percent) for kind in ("ACTUAL", "FORECASTED") for percent in (50, 80, 100)
    ]
    for notice in notices:
        assert notice["Subscribers"] == [
            {"SubscriptionType": "SNS", "Address": STACKS["observability"].outputs["AlertsTopicArn"]}
        ]


def test_budget_is_made_only_where_it_is_asked_for() -> None:
    assert resources_of(deploy("prod", CreateBudget="false"), "AWS::Budgets::Budget") == []
