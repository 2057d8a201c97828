"""Metrics that AWS's services publish by themselves, read with GetMetricData."""

import io
import json
import time
import uuid
import zipfile
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ci.emulator.tests.ses_feedback import wait_until

ROLE_ARN = "arn:aws:iam::000000000000:role/any"
FUNCTION = """
import json, time

def handler(event, context):
    print(json.dumps({
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [
            {"Namespace": context.function_name, "Dimensions": [["service"]],
             "Metrics": [{"Name": "Handled", "Unit": "Count"}]}]},
        "service": "shop", "Handled": [1.0] * len(event["Records"])}))
    if any(record["body"] == "fail" for record in event["Records"]):
        raise RuntimeError("told to fail")
"""


@pytest.fixture
def read(clients):
    """Returns a function that reads a statistic of all samples of a metric in the last hour and the next."""

    def read(namespace: str, name: str, statistic: str, **dimensions: str) -> float | None:
        metric = {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        query = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 86_400, "Stat": statistic}}
        now = time.time()
        # Periods start at midnight: midnight may be between the run and now.
        found = clients("cloudwatch").get_metric_data(
            MetricDataQueries=[query], StartTime=now - 3600, EndTime=now + 3600
        )
        values = found["MetricDataResults"][0]["Values"]
        if not values:
            return None
        return max(values) if statistic == "Maximum" else sum(values)

    return read


@pytest.fixture
def queue(clients):
    """A queue's URL and name."""
    name = f"queue-{uuid.uuid4()}"
    return clients("sqs").create_queue(QueueName=name)["QueueUrl"], name


@pytest.fixture
def mapped_function(clients, queue):
    """The name of a function that a queue invokes."""
    name = f"function-{uuid.uuid4().hex[:12]}"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", FUNCTION)
    clients("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role=ROLE_ARN,
        Code={"ZipFile": archive.getvalue()},
    )
    queue_arn = f"arn:aws:sqs:us-east-1:000000000000:{queue[1]}"
    clients("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=queue_arn, BatchSize=10)
    return name


def test_runs_for_an_event_source_mapping_become_metrics(clients, read, queue, mapped_function):
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    name, (queue_url, _) = mapped_function, queue

    def lambda_metric(metric: str, statistic: str = "Sum"):
        return read("AWS/Lambda", metric, statistic, FunctionName=name)

    clients("sqs").send_message(QueueUrl=queue_url, MessageBody="succeed")
    wait_until(lambda: lambda_metric("Invocations") == 1)
    assert lambda_metric("Errors") == 0

    clients("sqs").send_message(QueueUrl=queue_url, MessageBody="fail")
    wait_until(lambda: lambda_metric("Errors") == 1)

    assert lambda_metric("Invocations") == 2
    assert lambda_metric("Throttles") == 0
    assert lambda_metric("ConcurrentExecutions", "Maximum") == 1
    assert 0 < lambda_metric("Duration", "Maximum") < 30_000
    # What the function logged has become a metric, too.
    wait_until(lambda: read(name, "Handled", "Sum", service="shop") == 2)


def test_direct_run_is_counted_once_and_a_throttled_one_is_no_invocation(clients, read, mapped_function):
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    name = mapped_function
    functions = clients("lambda", config=Config(retries={"total_max_attempts": 1}))
    functions.invoke(FunctionName=name, Payload=json.dumps({"Records": []}))
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        functions.invoke(FunctionName=name, Payload=json.dumps({"Records": []}))

    assert read("AWS/Lambda", "Invocations", "Sum", FunctionName=name) == 1
    assert read("AWS/Lambda", "Throttles", "Sum", FunctionName=name) == 1


def test_log_event_in_the_embedded_metric_format_becomes_a_metric(clients, read):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Generation_PutLogEvents.html"""
    logs, group = clients("logs"), f"group-{uuid.uuid4()}"
    directive = {"Namespace": group, "Dimensions": [[]], "Metrics": [{"Name": "Latency"}]}
    now_ms = int(time.time() * 1000)
    message = {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}, "Latency": [100, 300]}
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")

    logs.put_log_events(
        logGroupName=group,
        logStreamName="stream",
        logEvents=[{"timestamp": now_ms, "message": json.dumps(message)}],
    )

    assert read(group, "Latency", "Average") == 200
    assert read(group, "Latency", "p50") == 200


def test_queue_publishes_how_much_waits_and_how_long(clients, emulator, read, queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
    queue_url, name = queue
    for body in ("first", "second", "third"):
        clients("sqs").send_message(QueueUrl=queue_url, MessageBody=body)
    clients("sqs").receive_message(QueueUrl=queue_url)

    emulator.control.evaluate_alarms(at=time.time() + 600)

    assert read("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=name) == 2
    assert read("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Maximum", QueueName=name) == 1
    age_seconds = read("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=name)
    assert 500 < age_seconds < 600


def test_queue_counts_what_is_sent_received_and_deleted(clients, read, queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
    queue_url, name = queue
    sqs = clients("sqs")
    sqs.send_message(QueueUrl=queue_url, MessageBody="four")
    entries = [{"Id": str(number), "MessageBody": "eight888"} for number in range(2)]
    sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
    messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=messages[0]["ReceiptHandle"])

    counts = {
        metric: read("AWS/SQS", metric, "Sum", QueueName=name)
        for metric in ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted")
    }
    assert counts == {"NumberOfMessagesSent": 3, "NumberOfMessagesReceived": 3, "NumberOfMessagesDeleted": 1}
    assert read("AWS/SQS", "SentMessageSize", "Maximum", QueueName=name) == 8


def test_poison_pill_is_not_the_oldest_message(clients, emulator, read, queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html

    A message that was received more than three times has no part in ApproximateAgeOfOldestMessage.
    """
    queue_url, name = queue
    clients("sqs").send_message(QueueUrl=queue_url, MessageBody="poison")
    for _ in range(4):
        clients("sqs").receive_message(QueueUrl=queue_url, VisibilityTimeout=0)

    emulator.control.evaluate_alarms(at=time.time() + 600)

    assert read("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=name) == 1
    assert read("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=name) == 0


def test_dead_letter_ages_from_its_move_and_does_not_count_as_sent(clients, emulator, read, queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
    sqs, (_, dead_letters) = clients("sqs"), queue
    policy = {
        "deadLetterTargetArn": f"arn:aws:sqs:us-east-1:000000000000:{dead_letters}",
        "maxReceiveCount": 1,
    }
    source_url = sqs.create_queue(
        QueueName=f"source-{uuid.uuid4()}", Attributes={"RedrivePolicy": json.dumps(policy)}
    )["QueueUrl"]
    sqs.send_message(QueueUrl=source_url, MessageBody="bad")
    sqs.receive_message(QueueUrl=source_url, VisibilityTimeout=0)
    sqs.receive_message(QueueUrl=source_url)

    moved_at = time.time() + 600
    emulator.control.evaluate_alarms(at=moved_at)
    emulator.control.evaluate_alarms(at=moved_at + 300)

    assert read("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=dead_letters) == 1
    assert read("AWS/SQS", "NumberOfMessagesSent", "Sum", QueueName=dead_letters) is None
    age_seconds = read("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=dead_letters)
    assert age_seconds == pytest.approx(300, abs=60)


def test_get_metric_data_evaluates_metric_math_newest_first(clients):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""
    cloudwatch, namespace = clients("cloudwatch"), f"shop-{uuid.uuid4()}"
    start = int(time.time()) // 60 * 60 - 300

    def put(name: str, minute: int, value: float) -> None:
        datum = {"MetricName": name, "Value": value, "Timestamp": start + minute * 60}
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])

    def metric(identifier: str, name: str) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": namespace, "MetricName": name}, "Period": 60, "Stat": "Sum"}
        return {"Id": identifier, "MetricStat": stat, "ReturnData": False}

    put("Bounces", 0, 1)
    put("Sends", 0, 10)
    put("Sends", 2, 10)
    query = {"Id": "rate", "Expression": "FILL(100 * bounces / sends, 7)", "Label": "Bounce rate"}
    queries = [query, metric("bounces", "Bounces"), metric("sends", "Sends")]

    found = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=start + 180)

    [result] = found["MetricDataResults"]
    assert (result["Id"], result["Label"], result["StatusCode"]) == ("rate", "Bounce rate", "Complete")
    assert result["Values"] == [0, 7, 10]
    assert [int(timestamp.timestamp()) for timestamp in result["Timestamps"]] == [
        start + 120,
        start + 60,
        start,
    ]


def test_get_metric_data_refuses_an_expression_that_cannot_be_read(clients):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""
    with pytest.raises(ClientError, match="ValidationError"):
        clients("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "e1", "Expression": "1 +"}], StartTime=0, EndTime=60
        )
