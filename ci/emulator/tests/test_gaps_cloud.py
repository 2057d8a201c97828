"""What MiniStack itself lacks, pinned: a test that fails after an upgrade names the module that can go.

These tests look at MiniStack as it comes, in this process, where no module of ci/emulator is installed. Those
under "not supplied" have no module; the README's "what the emulator cannot show" names them.
"""

import asyncio
import json
import time
import uuid
from typing import Any

import pytest

from ci.emulator.ministack import (
    budgets,
    cloudformation,
    cloudwatch,
    cloudwatch_logs,
    dynamodb,
    eventbridge,
    handlers,
    helpers,
    iam_evaluator,
    lambda_svc,
    provisioners,
    s3,
    sns,
    sqs,
)

ACCOUNT = "000000000000"
QUEUE_ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"


@pytest.fixture(autouse=True)
def nothing_stored():
    cloudwatch.reset()
    sqs.reset()
    sns.reset()


@pytest.fixture
def name():
    return f"x{uuid.uuid4().hex}"


def create_queue(name: str) -> str:
    return sqs._act_create_queue({"QueueName": name}, "")["QueueUrl"]


def receive(queue_url: str) -> list[Any]:
    return asyncio.run(sqs._act_receive_message({"QueueUrl": queue_url}, "")).get("Messages", [])


def published(namespace: str) -> set[str]:
    """The names of a namespace's metrics."""
    return {metric for stored, metric, _ in cloudwatch._metrics if stored == namespace}


# --- CloudFormation ------------------------------------------------------------------------------


@pytest.mark.parametrize("resource_type", ["AWS::Budgets::Budget", "AWS::CloudWatch::CompositeAlarm"])
def test_cloudformation_does_not_know_the_type(resource_type):
    """Supplied by ci.emulator.cloudformation: budgets, composite_alarms."""
    assert resource_type not in provisioners._RESOURCE_HANDLERS


def test_cloudformation_refuses_metric_math_alarms():
    """Supplied by ci.emulator.cloudformation.metric_math_alarms."""
    properties = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "EvaluationPeriods": 1}

    with pytest.raises(ValueError, match="metric math"):
        provisioners._cw_metric_alarm_record("alarm", {**properties, "Metrics": [{"Id": "e1"}]})


def test_cloudformation_drops_what_protects_a_table(name):
    """Supplied by ci.emulator.cloudformation.table_settings."""
    properties = {
        "TableName": name,
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
    }

    provisioners._ddb_create("Table", properties, "stack")

    assert name not in dynamodb._ttl_settings
    assert name not in dynamodb._pitr_settings
    assert dynamodb._tables[name]["SSEDescription"] is None


def test_cloudformation_takes_a_virtual_hosted_url_for_path_style(monkeypatch):
    """Supplied by ci.emulator.cloudformation.template_urls."""
    asked_for = []
    monkeypatch.setattr(s3, "_get_object_data", lambda *where: asked_for.append(where))

    helpers._resolve_template({"TemplateURL": ["https://bucket.s3.us-east-1.amazonaws.com/folder/root.yaml"]})

    assert asked_for == [("folder", "root.yaml")]


def test_cloudformation_keeps_numbers_of_parameters_as_text(monkeypatch, name):
    """Supplied by ci.emulator.cloudformation.property_types."""
    monkeypatch.setattr(lambda_svc, "_ensure_poller", lambda: None)
    properties = {"FunctionName": name, "ScalingConfig": {"MaximumConcurrency": "5"}}

    mapping_id, _ = provisioners._lambda_esm_create("Mapping", properties, "stack")

    assert lambda_svc._esms.pop(mapping_id)["ScalingConfig"] == {"MaximumConcurrency": "5"}


def test_cloudformation_generates_secrets_with_punctuation_that_is_excluded():
    """Supplied by ci.emulator.cloudformation.generated_secrets."""
    settings = {"PasswordLength": 2000, "ExcludePunctuation": True}

    secret = provisioners._sm_secret_string({"GenerateSecretString": settings})

    assert not secret.isalnum()


@pytest.fixture
def stored_child(monkeypatch):
    """The id of a nested stack that has had one event."""
    stack = {"StackName": "child", "StackId": "arn:child", "StackStatus": "CREATE_COMPLETE"}
    monkeypatch.setitem(cloudformation._stacks, "child", stack | {"ParentId": "arn:parent"})
    monkeypatch.setitem(cloudformation._stack_events, "arn:child", [{"ResourceStatus": "CREATE_COMPLETE"}])
    return "arn:child"


@pytest.mark.parametrize("action", ["DescribeStacks", "ListStacks"])
def test_cloudformation_does_not_tell_what_a_stack_is_nested_in(stored_child, action):
    """Supplied by ci.emulator.cloudformation.stack_hierarchy."""
    _, _, answer = handlers._ACTION_HANDLERS[action]({})

    assert stored_child in answer.decode()
    assert "ParentId" not in answer.decode()


def test_cloudformation_gives_an_empty_reason_where_there_is_none(stored_child):
    """Supplied by ci.emulator.cloudformation.status_reasons."""
    _, _, answer = handlers._ACTION_HANDLERS["DescribeStackEvents"]({"StackName": [stored_child]})

    assert "<ResourceStatusReason></ResourceStatusReason>" in answer.decode()


@pytest.fixture
def nested_stack(monkeypatch):
    """Creates, updates and deletes a nested stack of one topic with this name."""
    template: dict[str, Any] = {}
    monkeypatch.setattr(helpers, "_resolve_template", lambda _: (json.dumps(template), None))
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    properties = {"TemplateURL": "https://s3.us-east-1.amazonaws.com/bucket/child.yaml"}

    class NestedStack:
        def create(self, topic_name: str, **attributes: str):
            topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": topic_name}, **attributes}
            outputs = {"Name": {"Value": {"Fn::GetAtt": ["Topic", "TopicName"]}}}
            template.update(Resources={"Topic": topic}, Outputs=outputs)
            self.id, _ = handlers["create"]("Child", properties, "parent")

        def update(self):
            handlers["update"](self.id, properties, properties, "parent")

        def delete(self):
            handlers["delete"](self.id, properties)

    return NestedStack()


def test_nested_stacks_leave_dynamic_references_as_they_are(nested_stack):
    """Supplied by ci.emulator.cloudformation.nested_stacks."""
    reference = "{{resolve:secretsmanager:none}}"

    nested_stack.create(reference)

    [topic_arn] = sns._topics
    assert topic_arn.endswith(reference)


def test_updates_of_nested_stacks_forget_attributes(nested_stack, name):
    """Supplied by ci.emulator.cloudformation.nested_stacks."""
    nested_stack.create(name)

    with pytest.raises(ValueError, match="TopicName"):
        nested_stack.update()


def test_nested_stacks_delete_what_they_should_retain(nested_stack, name):
    """Supplied by ci.emulator.cloudformation.nested_stacks."""
    nested_stack.create(name, DeletionPolicy="Retain")
    assert len(sns._topics) == 1

    nested_stack.delete()

    assert len(sns._topics) == 0


# --- messages ------------------------------------------------------------------------------------


def test_sns_drops_what_a_queue_refuses(name):
    """Supplied by ci.emulator.sns_redrive."""
    dead_letters_url = create_queue(name)
    topic_arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}"
    sns._create_topic({"Name": [name]})
    subscription = {
        "TopicArn": [topic_arn],
        "Protocol": ["sqs"],
        "Endpoint": [f"{QUEUE_ARN}gone"],
        "Attributes.entry.1.key": ["RedrivePolicy"],
        "Attributes.entry.1.value": [json.dumps({"deadLetterTargetArn": QUEUE_ARN + name})],
    }
    sns._subscribe(subscription)

    sns.publish_internal(topic_arn, "order")

    assert receive(dead_letters_url) == []


def test_sns_delivers_to_a_queue_without_a_policy(name):
    """Supplied by ci.emulator.sns_redrive and ci.emulator.resource_policies."""
    create_queue(name)

    assert sqs.queue_policy_allows(QUEUE_ARN + name, "sns.amazonaws.com", f"{QUEUE_ARN}topic", ACCOUNT)


def test_scheduler_leaves_context_attributes_as_they_are(name):
    """Supplied by ci.emulator.schedules."""
    queue_url = create_queue(name)
    event = {"Source": "aws.scheduler", "DetailType": "x", "Detail": "{}", "Time": 0, "Resources": ["arn"]}
    target = {"Arn": QUEUE_ARN + name, "Input": '"<aws.scheduler.schedule-arn>"'}

    eventbridge._invoke_target(
        target, {**event, "EventId": "1", "Account": ACCOUNT, "Region": "us-east-1"}, {}
    )

    [message] = receive(queue_url)
    assert message["Body"] == '"<aws.scheduler.schedule-arn>"'


def test_calls_over_http_count_as_insecure():
    """Supplied by ci.emulator.secure_transport."""
    iam_evaluator.pin_request_origin("127.0.0.1", False)

    context = iam_evaluator.EvalContext("*", "Service", ACCOUNT, "sqs:SendMessage", QUEUE_ARN, "us-east-1")
    assert context.secure_transport is False


# --- CloudWatch ----------------------------------------------------------------------------------


def test_embedded_metrics_stay_log_events():
    """Supplied by ci.emulator.cloudwatch.embedded_metrics."""
    directive = {"Namespace": "Shop", "Dimensions": [[]], "Metrics": [{"Name": "Sent"}]}
    document = {"_aws": {"Timestamp": 0, "CloudWatchMetrics": [directive]}, "Sent": 1}
    stream: dict[str, Any] = {"events": [], "firstEventTimestamp": None, "lastEventTimestamp": None}

    event = {"timestamp": 0, "message": json.dumps(document), "ingestionTime": 0}
    cloudwatch_logs._append_log_events(stream, [event])

    assert published("Shop") == set()


def test_runs_for_an_event_source_mapping_are_not_counted(monkeypatch, name):
    """Supplied by ci.emulator.cloudwatch.function_metrics."""
    monkeypatch.setattr(lambda_svc, "_execute_function_dispatch", lambda *_: {"body": {}})
    create_queue(name)
    mapping = {"UUID": name, "FunctionName": name}

    lambda_svc._run_sqs_batch(mapping, {"config": {"FunctionName": name}}, {}, [], sqs._queue_url(name), name)

    assert mapping["LastProcessingResult"] == "OK - 0 records"
    assert published("AWS/Lambda") == set()


def test_queues_publish_no_metrics(name):
    """Supplied by ci.emulator.cloudwatch.queue_metrics."""
    queue_url = create_queue(name)
    sqs._act_send_message({"QueueUrl": queue_url, "MessageBody": "order"}, "")
    receive(queue_url)

    assert published("AWS/SQS") == set()


def test_get_metric_data_evaluates_no_expression():
    """Supplied by ci.emulator.cloudwatch.metric_data."""
    request = {
        "MetricDataQueries": [{"Id": "e1", "Expression": "TIME_SERIES(1)"}],
        "StartTime": 0,
        "EndTime": 60,
    }

    _, _, body = cloudwatch._get_metric_data({}, request, False, True)

    [result] = json.loads(body)["MetricDataResults"]
    assert result["Messages"] == [{"Code": "Unsupported", "Value": "Expressions not implemented"}]


def test_alarms_know_no_missing_data():
    """Supplied by ci.emulator.cloudwatch.alarms."""
    alarm = {
        "AlarmName": "alarm",
        "Namespace": "Shop",
        "MetricName": "Sent",
        "TreatMissingData": "breaching",
        "StateValue": "INSUFFICIENT_DATA",
    }

    cloudwatch._evaluate_alarm(alarm)

    assert alarm["StateValue"] == "INSUFFICIENT_DATA"


# --- not supplied --------------------------------------------------------------------------------


def test_put_metric_alarm_drops_metric_math(name):
    """Not supplied: alarms on metric math come from templates here."""
    request = {"AlarmName": name, "Metrics": [{"Id": "e1"}], "EvaluationPeriods": 1, "Threshold": 1}

    cloudwatch._put_metric_alarm({}, request, False, True)

    assert "Metrics" not in cloudwatch._alarms[name]


def test_put_composite_alarm_drops_the_suppressor(name):
    """Not supplied: no alarm here is suppressed."""
    cloudwatch._put_composite_alarm(
        {}, {"AlarmName": name, "AlarmRule": "FALSE", "ActionsSuppressor": "other"}, False, True
    )

    assert "ActionsSuppressor" not in cloudwatch._composite_alarms[name]


def test_sqs_moves_no_dead_letters_back():
    """Not supplied: `notify dlq redrive` moves chosen messages itself."""
    assert not {"StartMessageMoveTask", "ListMessageMoveTasks"} & sqs._HANDLERS.keys()


def test_metric_filters_publish_no_metrics(name):
    """Not supplied: metrics come from the embedded metric format here."""
    group = {
        "logGroupName": name,
        "filterName": "errors",
        "filterPattern": "ERROR",
        "metricTransformations": [{"metricNamespace": "Shop", "metricName": "Errors", "metricValue": "1"}],
    }
    cloudwatch_logs._create_log_group({"logGroupName": name})
    cloudwatch_logs._create_log_stream({"logGroupName": name, "logStreamName": "stream"})
    cloudwatch_logs._put_metric_filter(group)

    event = {"timestamp": int(time.time() * 1000), "message": "ERROR"}
    cloudwatch_logs._put_log_events({"logGroupName": name, "logStreamName": "stream", "logEvents": [event]})

    assert published("Shop") == set()


def test_topics_and_tables_publish_no_metrics(name):
    """Not supplied: no alarm or widget here reads AWS/SNS or AWS/DynamoDB."""
    sns._create_topic({"Name": [name]})
    sns.publish_internal(f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}", "order")
    provisioners._ddb_create("Table", {"TableName": name}, "stack")
    dynamodb._describe_table({"TableName": name})

    assert published("AWS/SNS") | published("AWS/DynamoDB") == set()


def test_budgets_never_see_a_cost(name):
    """Not supplied: there is no billing, so no budget notifies."""
    budget = {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    budgets._create_budget({"Budget": budget})

    assert budgets._budgets[name]["CalculatedSpend"]["ActualSpend"]["Amount"] == "0"


def test_recovery_period_of_backups_is_not_kept(name):
    """Not supplied: DescribeContinuousBackups does not tell RecoveryPeriodInDays."""
    provisioners._ddb_create("Table", {"TableName": name}, "stack")
    specification = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}
    dynamodb._update_continuous_backups(
        {"TableName": name, "PointInTimeRecoverySpecification": specification}
    )

    _, _, body = dynamodb._describe_continuous_backups({"TableName": name})

    recovery = json.loads(body)["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert "RecoveryPeriodInDays" not in recovery
