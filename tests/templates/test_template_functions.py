"""The functions get what their code reads, and their queues fit them."""

from dataclasses import fields
from typing import Any

import pytest

from notifications.queues import BATCH_SIZE
from notifications.settings import CheckSettings, GuardSettings, SendSettings, TrackSettings
from tests.templates.model import Resource, Stack, deploy, resources_of

STACKS = deploy("prod")
FUNCTIONS = resources_of(STACKS, "AWS::Lambda::Function")
SETTINGS: dict[str, Any] = {
    "SendEmailFunction": SendSettings,
    "TrackDeliveryFunction": TrackSettings,
    "CheckLedgerFunction": CheckSettings,
    "GuardReputationFunction": GuardSettings,
}
MAPPINGS = {"SendEmailMapping": "SendQueue", "TrackDeliveryMapping": "FeedbackQueue"}


def mapping(name: str, stacks: dict[str, Stack] = STACKS) -> dict[str, Any]:
    return stacks["sending"].resources[name].properties


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.logical_id)
def test_function_is_given_exactly_the_settings_that_it_reads(function: Resource) -> None:
    variables = function.properties["Environment"]["Variables"]
    own = {name for name in variables if not name.startswith("POWERTOOLS_")}

    assert own == {setting.name.upper() for setting in fields(SETTINGS[function.logical_id])}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.logical_id)
def test_functions_settings_are_readable(function: Resource) -> None:
    SETTINGS[function.logical_id].from_environment(function.properties["Environment"]["Variables"])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.logical_id)
def test_function_knows_its_own_timeout_and_the_service_that_its_metrics_are_of(function: Resource) -> None:
    variables = function.properties["Environment"]["Variables"]

    assert variables["FUNCTION_TIMEOUT_SECONDS"] == str(function.properties["Timeout"])
    assert variables["POWERTOOLS_SERVICE_NAME"] == "email-notifications-prod"
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "EmailNotifications"


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.logical_id)
def test_function_logs_into_a_group_that_the_stack_makes_and_empties(function: Resource) -> None:
    groups = {group.name: group for group in resources_of(STACKS, "AWS::Logs::LogGroup")}
    group = groups[function.properties["LoggingConfig"]["LogGroup"]]

    assert group.name == f"/aws/lambda/{function.name}"
    assert group.properties["RetentionInDays"] == STACKS["root"].parameters["LogRetentionDays"]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.logical_id)
def test_function_comes_from_the_release_and_runs_where_it_is_cheapest(function: Resource) -> None:
    properties = function.properties

    assert properties["Code"] == {"S3Bucket": "artifacts", "S3Key": "releases/0a1b2c/functions.zip"}
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    assert (
        properties["Handler"]
        == {
            "SendEmailFunction": "send_email.handler",
            "TrackDeliveryFunction": "track_delivery.handler",
            "CheckLedgerFunction": "check_ledger.handler",
            "GuardReputationFunction": "guard_reputation.handler",
        }[function.logical_id]
    )
    assert "ReservedConcurrentExecutions" not in properties


@pytest.mark.parametrize("name", MAPPINGS)
def test_queue_feeds_its_function_in_batches_of_which_single_messages_can_fail(name: str) -> None:
    properties = mapping(name)

    assert properties["EventSourceArn"] == STACKS["messaging"].resources[MAPPINGS[name]].arn
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["BatchSize"] == BATCH_SIZE
    assert "MaximumBatchingWindowInSeconds" not in properties
    assert int(properties["ScalingConfig"]["MaximumConcurrency"]) >= 2


def test_function_paces_itself_by_the_concurrency_that_the_mapping_allows() -> None:
    variables = STACKS["sending"].resources["SendEmailFunction"].properties["Environment"]["Variables"]

    assert (
        variables["SEND_MAXIMUM_CONCURRENCY"]
        == mapping("SendEmailMapping")["ScalingConfig"]["MaximumConcurrency"]
    )


@pytest.mark.parametrize("name", MAPPINGS)
def test_deployment_leaves_a_hold_in_place(name: str) -> None:
    assert "Enabled" not in mapping(name)


def test_ledger_is_checked_once_a_day_at_the_hour_that_is_set() -> None:
    stacks = deploy("prod", LedgerCheckHourUtc="17")["sending"].resources
    schedule = stacks["CheckLedgerSchedule"].properties

    assert schedule["ScheduleExpression"] == "cron(0 17 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["Target"]["Arn"] == stacks["CheckLedgerFunction"].arn
    assert "State" not in schedule


def test_schedules_settings_stay_text_when_a_tool_rewrites_the_template() -> None:
    """rain writes "OFF" without quotes, and YAML 1.1 reads that as false."""
    for schedule in resources_of(STACKS, "AWS::Scheduler::Schedule"):
        assert schedule.properties["FlexibleTimeWindow"]["Mode"] == "FLEXIBLE"
