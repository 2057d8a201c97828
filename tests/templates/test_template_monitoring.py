"""Alarms and the dashboard look at what exists, and an alarm says what to do."""

import json
import re

import pytest

from notifications import telemetry
from tests.templates.model import Resource, deploy, resources_of, template

STACKS = deploy("prod")
ALARMS = resources_of(STACKS, "AWS::CloudWatch::Alarm")
EMITTED = {value for name, value in vars(telemetry).items() if name.isupper()}
SERVICE = "email-notifications-prod"
NAMES = {
    "QueueName": {resource.name for resource in resources_of(STACKS, "AWS::SQS::Queue")},
    "FunctionName": {resource.name for resource in resources_of(STACKS, "AWS::Lambda::Function")},
    "service": {SERVICE},
}
QUEUES_THAT_SHOULD_BE_EMPTY = [
    resource
    for resource in resources_of(STACKS, "AWS::SQS::Queue")
    if "RedrivePolicy" not in resource.properties
]


def dashboard() -> dict:
    (resource,) = resources_of(STACKS, "AWS::CloudWatch::Dashboard")
    return json.loads(resource.properties["DashboardBody"])


def dashboard_metrics() -> list[list]:
    return [metric for widget in dashboard()["widgets"] for metric in widget["properties"].get("metrics", [])]


def metrics_of(alarm: Resource) -> list[dict]:
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


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.logical_id)
def test_alarm_tells_when_it_starts_and_when_it_ends(alarm: Resource) -> None:
    topic = [STACKS["observability"].outputs["AlertsTopicArn"]]

    assert alarm.properties["AlarmActions"] == topic
    assert alarm.properties["OKActions"] == topic
    assert alarm.name.startswith(f"{SERVICE}-")


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.logical_id)
def test_alarm_is_quiet_without_data_but_for_the_daily_check_which_tells_that_it_did_not_run(
    alarm: Resource,
) -> None:
    is_check = alarm.logical_id == "NotificationsOverdueAlarm"

    assert alarm.properties["TreatMissingData"] == ("missing" if is_check else "notBreaching")
    assert alarm.properties.get("InsufficientDataActions") == (
        alarm.properties["AlarmActions"] if is_check else None
    )


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.logical_id)
def test_alarm_reads_a_metric_of_something_that_exists(alarm: Resource) -> None:
    for metric in metrics_of(alarm):
        (dimension,) = metric["Dimensions"]
        assert dimension["Value"] in NAMES[dimension["Name"]]
        if metric["Namespace"] == "EmailNotifications":
            assert metric["MetricName"] in EMITTED


def test_there_are_few_enough_alarms_to_know_them_all() -> None:
    assert len(ALARMS) <= 14


@pytest.mark.parametrize("queue", QUEUES_THAT_SHOULD_BE_EMPTY, ids=lambda queue: queue.logical_id)
def test_one_message_in_a_queue_that_should_be_empty_raises_an_alarm(queue: Resource) -> None:
    (alarm,) = (
        alarm
        for alarm in ALARMS
        if alarm.properties.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        and alarm.properties["Dimensions"][0]["Value"] == queue.name
    )

    assert (alarm.properties["Threshold"], alarm.properties["ComparisonOperator"]) == (
        0,
        "GreaterThanThreshold",
    )
    assert (alarm.properties["Statistic"], alarm.properties["EvaluationPeriods"]) == ("Maximum", 1)


@pytest.mark.parametrize(("queue", "seconds"), [("SendQueueName", 300), ("FeedbackQueueName", 900)])
def test_queue_that_is_not_worked_off_raises_an_alarm(queue: str, seconds: int) -> None:
    name = STACKS["messaging"].outputs[queue]
    thresholds = [
        alarm.properties["Threshold"]
        for alarm in ALARMS
        if alarm.properties.get("MetricName") == "ApproximateAgeOfOldestMessage"
        and alarm.properties["Dimensions"][0]["Value"] == name
    ]

    assert thresholds == [seconds]


def test_errors_of_every_function_raise_an_alarm() -> None:
    watched = {
        alarm.properties["Dimensions"][0]["Value"]
        for alarm in ALARMS
        if alarm.properties.get("MetricName") == "Errors"
    }

    assert watched == NAMES["FunctionName"]


def test_check_that_fails_with_both_repetitions_raises_an_alarm() -> None:
    alarm = STACKS["observability"].resources["CheckLedgerErrorsAlarm"].properties

    assert (alarm["Statistic"], alarm["Threshold"], alarm["ComparisonOperator"]) == (
        "Sum",
        2,
        "GreaterThanThreshold",
    )


def test_one_overdue_notification_raises_an_alarm_until_the_next_check_finds_none() -> None:
    alarm = STACKS["observability"].resources["NotificationsOverdueAlarm"].properties

    assert alarm["MetricName"] == telemetry.NOTIFICATIONS_OVERDUE
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Maximum", 86400, 1)


def test_bounce_rate_of_more_than_5_percent_raises_an_alarm_from_a_minimum_volume_on() -> None:
    alarm = STACKS["observability"].resources["BounceRateHighAlarm"].properties
    (expression,) = (query["Expression"] for query in alarm["Metrics"] if query["ReturnData"])

    assert expression == "IF(accepted >= 20, 100 * FILL(bounces, 0) / accepted, 0)"
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (5, "GreaterThanThreshold")
    assert {query["Id"]: query["MetricStat"]["Metric"]["MetricName"] for query in alarm["Metrics"][1:]} == {
        "accepted": telemetry.EMAILS_ACCEPTED,
        "bounces": telemetry.HARD_BOUNCES,
    }


def test_dashboard_shows_every_alarm_and_every_metric_of_the_functions() -> None:
    (alarms,) = (widget for widget in dashboard()["widgets"] if widget["type"] == "alarm")

    assert sorted(alarms["properties"]["alarms"]) == sorted(alarm.arn for alarm in ALARMS)
    assert {metric[1] for metric in dashboard_metrics() if metric[0] == "EmailNotifications"} == EMITTED


def test_dashboard_reads_metrics_of_things_that_exist() -> None:
    for metric in dashboard_metrics():
        if len(metric) > 1:
            assert metric[3] in NAMES[metric[2]], metric


def test_dashboards_expressions_use_metrics_of_their_widget() -> None:
    for widget in dashboard()["widgets"]:
        metrics = widget["properties"].get("metrics", [])
        ids = {metric[-1]["id"] for metric in metrics if "id" in metric[-1]}
        for metric in metrics:
            used = set(re.findall(r"[a-z_]+", metric[-1].get("expression", "")))
            assert used <= ids


def test_dashboards_name_differs_between_regions() -> None:
    assert template("observability")["Resources"]["Dashboard"]["Properties"]["DashboardName"] == {
        "Fn::Sub": "${ServiceName}-${Environment}-${AWS::Region}"
    }


def test_dashboard_draws_the_thresholds_of_the_alarms() -> None:
    drawn = {
        line["label"]: line["value"]
        for widget in dashboard()["widgets"]
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
    }
    alarms = STACKS["observability"].resources
    timeout = int(STACKS["sending"].resources["SendEmailFunction"].properties["Timeout"])

    assert drawn["Bounce alarm"] == alarms["BounceRateHighAlarm"].properties["Threshold"]
    assert drawn["Orders alarm"] == alarms["OrdersWaitingAlarm"].properties["Threshold"]
    assert drawn["Feedback alarm"] == alarms["FeedbackWaitingAlarm"].properties["Threshold"]
    assert drawn["Timeout"] == timeout * 1000


def test_address_gets_the_notices_when_there_is_one() -> None:
    (subscription,) = (
        s for s in resources_of(STACKS, "AWS::SNS::Subscription") if s.properties["Protocol"] == "email"
    )

    assert subscription.properties["TopicArn"] == STACKS["observability"].outputs["AlertsTopicArn"]
    assert "AlertEmailSubscription" not in deploy("local")["observability"].resources


def test_budget_counts_what_carries_the_deployments_tag() -> None:
    (budget,) = resources_of(STACKS, "AWS::Budgets::Budget")

    assert budget.properties["Budget"]["CostFilters"] == {"TagKeyValue": [f"user:Deployment${SERVICE}"]}
    assert budget.properties["Budget"]["BudgetLimit"] == {"Amount": "25", "Unit": "USD"}


def test_budget_tells_of_cost_spent_and_cost_foreseen() -> None:
    (budget,) = resources_of(STACKS, "AWS::Budgets::Budget")
    notices = budget.properties["NotificationsWithSubscribers"]

    assert [(n["Notification"]["NotificationType"], n["Notification"]["Threshold"]) for n in notices] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    for notice in notices:
        assert notice["Subscribers"] == [
            {"SubscriptionType": "SNS", "Address": STACKS["observability"].outputs["AlertsTopicArn"]}
        ]


def test_budget_is_made_only_where_it_is_asked_for() -> None:
    assert resources_of(deploy("prod", CreateBudget="false"), "AWS::Budgets::Budget") == []
