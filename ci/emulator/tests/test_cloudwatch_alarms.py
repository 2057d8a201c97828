"""Alarms of the running emulator: evaluated on a given clock, they notify their topics."""

import json
import time
import uuid
from typing import Any

import pytest

from ci.emulator.tests.conftest import zipped
from ci.emulator.tests.stacks import Stack

ACCOUNT = "000000000000"


class AlarmUnderTest:
    """An alarm with a name, and on metrics, of its own; by default on a sum above 5 in 1 of 1 minutes."""

    def __init__(self, clients, emulator) -> None:
        self._emulator = emulator
        self.cloudwatch = clients("cloudwatch")
        self.name = f"alarm-{uuid.uuid4()}"

    def put(self, **properties) -> None:
        self.cloudwatch.put_metric_alarm(
            **{
                "AlarmName": self.name,
                "Namespace": self.name,
                "MetricName": "Bounces",
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 5,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                **properties,
            }
        )

    def measure(
        self, value: float, at: float, metric: str = "Bounces", dimensions: tuple[Any, ...] = ()
    ) -> None:
        datum = {"MetricName": metric, "Value": value, "Timestamp": at, "Dimensions": dimensions}
        self.cloudwatch.put_metric_data(Namespace=self.name, MetricData=[datum])

    def evaluate(self, at: float | None = None) -> list[tuple[str, str]]:
        """Evaluate all alarms at a time; returns the changes of this one."""
        changes = self._emulator.control.evaluate_alarms(at)
        return [(change["from"], change["to"]) for change in changes if change["alarm"] == self.name]

    @property
    def state(self) -> str:
        [alarm] = self.cloudwatch.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return alarm["StateValue"]


@pytest.fixture
def alarm(clients, emulator):
    return AlarmUnderTest(clients, emulator)


class Inbox:
    """A topic and what its subscriber receives."""

    def __init__(self, clients) -> None:
        self._sqs, sns = clients("sqs"), clients("sns")
        self._url = self._sqs.create_queue(QueueName=f"inbox-{uuid.uuid4()}")["QueueUrl"]
        self.topic_arn = sns.create_topic(Name=f"alerts-{uuid.uuid4()}")["TopicArn"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        queue_arn = attributes["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        sns.subscribe(TopicArn=self.topic_arn, Protocol="sqs", Endpoint=queue_arn)

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        """Return subject and content of every notification since the last reading."""
        received = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        envelopes = [json.loads(message["Body"]) for message in received]
        return [(envelope["Subject"], json.loads(envelope["Message"])) for envelope in envelopes]


@pytest.fixture
def inbox(clients):
    return Inbox(clients)


def minute_end() -> int:
    """The end of a minute in the near future: no clock of the emulator has passed it."""
    return int(time.time()) // 60 * 60 + 600


def test_alarm_changes_its_state_when_the_clock_passes_the_data(alarm):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""
    end = minute_end()
    alarm.put()
    alarm.measure(6, at=end - 30)
    assert alarm.state == "INSUFFICIENT_DATA"

    assert alarm.evaluate(at=end - 60) == [("INSUFFICIENT_DATA", "OK")]
    assert alarm.evaluate(at=end) == [("OK", "ALARM")]
    assert alarm.state == "ALARM"

    alarm.evaluate(at=end + 600)
    history = alarm.cloudwatch.describe_alarm_history(AlarmName=alarm.name, ScanBy="TimestampAscending")
    assert [item["HistorySummary"] for item in history["AlarmHistoryItems"][1:]] == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


def test_notification_tells_what_crossed_which_threshold(alarm, inbox):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html

    The keys are those of the samples in https://github.com/aws/aws-lambda-go/tree/main/events/testdata.
    """
    end = minute_end()
    dimensions = ({"Name": "service", "Value": "shop"},)
    alarm.put(AlarmDescription="See the runbook", Dimensions=dimensions, AlarmActions=[inbox.topic_arn])
    alarm.measure(6, at=end - 1, dimensions=dimensions)

    alarm.evaluate(at=end)

    [(subject, content)] = inbox.read()
    assert subject == f'ALARM: "{alarm.name}" in US East (N. Virginia)'
    started = time.strftime("%d/%m/%y %H:%M:%S", time.gmtime(end - 60))
    assert content.pop("NewStateReason") == (
        f"Threshold Crossed: 1 out of the last 1 datapoints [6.0 ({started})] was greater than the threshold "
        "(5.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert content.pop("StateChangeTime") == time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(end))
    assert content.pop("AlarmConfigurationUpdatedTimestamp").endswith("+0000")
    assert content == {
        "AlarmName": alarm.name,
        "AlarmDescription": "See the runbook",
        "AWSAccountId": ACCOUNT,
        "NewStateValue": "ALARM",
        "OldStateValue": "INSUFFICIENT_DATA",
        "Region": "US East (N. Virginia)",
        "AlarmArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{alarm.name}",
        "OKActions": [],
        "AlarmActions": [inbox.topic_arn],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "Bounces",
            "Namespace": alarm.name,
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": None,
            "Dimensions": [{"value": "shop", "name": "service"}],
            "Period": 60,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": None,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 5.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def test_only_a_change_of_state_notifies(alarm, inbox):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions.html"""
    end = minute_end()
    alarm.put(AlarmActions=[inbox.topic_arn], OKActions=[inbox.topic_arn])
    for at in (end - 60, end, end + 60):
        alarm.measure(6, at=at - 30)
        alarm.evaluate(at=at)

    assert [content["NewStateValue"] for _, content in inbox.read()] == ["ALARM"]


def test_actions_that_are_switched_off_notify_nobody(alarm, inbox):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DisableAlarmActions.html"""
    end = minute_end()
    alarm.put(AlarmActions=[inbox.topic_arn])
    alarm.cloudwatch.disable_alarm_actions(AlarmNames=[alarm.name])
    alarm.measure(6, at=end - 30)

    alarm.evaluate(at=end)

    assert alarm.state == "ALARM"
    assert inbox.read() == []


def test_topic_whose_policy_does_not_know_cloudwatch_gets_no_notification(clients, alarm, inbox):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html"""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "budgets.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": inbox.topic_arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    clients("sns").set_topic_attributes(
        TopicArn=inbox.topic_arn, AttributeName="Policy", AttributeValue=policy
    )
    end = minute_end()
    alarm.put(AlarmActions=[inbox.topic_arn])
    alarm.measure(6, at=end - 30)

    alarm.evaluate(at=end)

    assert alarm.state == "ALARM"
    assert inbox.read() == []


INVOKED = """
import json, os, boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(event))
"""


class InvokedFunction:
    """A function that an alarm may invoke once `permit` was called, and the events that it got."""

    def __init__(self, clients) -> None:
        self._lambda, self._sqs, self._name = clients("lambda"), clients("sqs"), f"act-{uuid.uuid4().hex[:8]}"
        self._url = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        self.arn = self._lambda.create_function(
            FunctionName=self._name,
            Runtime="python3.13",
            Role=f"arn:aws:iam::{ACCOUNT}:role/any",
            Handler="index.handler",
            Timeout=30,
            Environment={"Variables": {"QUEUE_URL": self._url}},
            Code={"ZipFile": zipped("index.py", INVOKED)},
        )["FunctionArn"]

    def permit(self, **permission: str) -> None:
        request = {
            "StatementId": "alarm",
            "Action": "lambda:InvokeFunction",
            "Principal": "lambda.alarms.cloudwatch.amazonaws.com",
            **permission,
        }
        self._lambda.add_permission(FunctionName=self._name, **request)

    def received(self, wait_seconds: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=wait_seconds)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def function(clients):
    return InvokedFunction(clients)


def alarm_arn(name: str) -> str:
    return f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}"


def test_function_among_the_actions_is_invoked_with_the_alarms_state(alarm, function):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html"""
    end = minute_end()
    function.permit(SourceAccount=ACCOUNT, SourceArn=alarm_arn(alarm.name))
    dimensions = ({"Name": "service", "Value": "shop"},)
    alarm.put(AlarmDescription="See the runbook", Dimensions=dimensions, AlarmActions=[function.arn])
    alarm.evaluate(at=end - 60)
    alarm.measure(6, at=end - 1, dimensions=dimensions)

    alarm.evaluate(at=end)

    [event] = function.received(wait_seconds=20)
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(end))
    data = event.pop("alarmData")
    assert event == {
        "source": "aws.cloudwatch",
        "alarmArn": alarm_arn(alarm.name),
        "accountId": ACCOUNT,
        "time": at,
        "region": "us-east-1",
    }
    assert data["alarmName"] == alarm.name
    assert data["state"].pop("reason").startswith("Threshold Crossed: ")
    assert data["state"] == {"value": "ALARM", "timestamp": at}
    assert data["previousState"]["value"] == "OK"
    assert data["configuration"]["description"] == "See the runbook"
    [query] = data["configuration"]["metrics"]
    assert query.pop("id")
    assert query == {
        "metricStat": {
            "metric": {"namespace": alarm.name, "name": "Bounces", "dimensions": {"service": "shop"}},
            "period": 60,
            "stat": "Sum",
        },
        "returnData": True,
    }


@pytest.mark.parametrize(
    "permission",
    [
        {"SourceArn": alarm_arn("another")},
        {"SourceAccount": "111122223333"},
        {"Principal": "cloudwatch.amazonaws.com"},
        None,
    ],
    ids=["another alarm", "another account", "another service", "nobody"],
)
def test_function_whose_policy_does_not_let_this_alarm_is_not_invoked(alarm, function, inbox, permission):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html"""
    if permission:
        function.permit(**permission)
    end = minute_end()
    alarm.put(AlarmActions=[function.arn, inbox.topic_arn])
    alarm.measure(6, at=end - 1)

    alarm.evaluate(at=end)

    assert [content["NewStateValue"] for _, content in inbox.read()] == ["ALARM"]
    assert function.received(wait_seconds=2) == []


METRIC_MATH_ALARM = """
Resources:
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: NAME
      AlarmActions: [TOPIC]
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 1
      Threshold: 5
      TreatMissingData: notBreaching
      Metrics:
        - {Id: rate, Expression: "IF(sends >= 10, 100 * bounces / sends, 0)", Label: Bounce rate}
        - Id: bounces
          ReturnData: false
          MetricStat: {Metric: {Namespace: NAME, MetricName: Bounces}, Period: 300, Stat: Sum}
        - Id: sends
          ReturnData: false
          MetricStat: {Metric: {Namespace: NAME, MetricName: Sends}, Period: 300, Stat: Sum}
"""


def test_metric_math_alarm_of_a_template_fires(clients, alarm, inbox):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html"""
    Stack(clients).create(METRIC_MATH_ALARM.replace("NAME", alarm.name).replace("TOPIC", inbox.topic_arn))
    end = minute_end()
    alarm.measure(1, at=end - 200)
    alarm.measure(10, at=end - 100, metric="Sends")

    alarm.evaluate(at=end)

    [(_, content)] = inbox.read()
    assert "[10.0 (" in content["NewStateReason"]
    assert [query["Id"] for query in content["Trigger"]["Metrics"]] == ["rate", "bounces", "sends"]
    assert content["Trigger"]["Period"] == 300


def test_composite_alarm_pages_once_when_several_children_fire(alarm, inbox):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html"""
    children = [f"{alarm.name}-child-{number}" for number in range(2)]
    for child in children:
        alarm.put(AlarmName=child)
    rule = " OR ".join(f'ALARM("{child}")' for child in children)
    alarm.cloudwatch.put_composite_alarm(AlarmName=alarm.name, AlarmRule=rule, AlarmActions=[inbox.topic_arn])
    end = minute_end()
    alarm.measure(6, at=end - 30)

    alarm.evaluate(at=end)

    [(subject, content)] = inbox.read()
    assert subject.startswith(f'ALARM: "{alarm.name}"')
    assert content["AlarmRule"] == rule
    assert content["TriggeringChildren"][0]["State"]["Value"] == "ALARM"
    assert "Trigger" not in content


def test_clock_stays_where_it_was_put_when_no_time_is_given(alarm):
    """The control API of the emulator: a minute that ends by itself does not undo a test's look ahead."""
    end = minute_end()
    alarm.put()
    alarm.measure(6, at=end - 30)
    alarm.evaluate(at=end)

    assert alarm.evaluate() == []
    assert alarm.state == "ALARM"
