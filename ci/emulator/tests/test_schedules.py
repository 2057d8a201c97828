"""What EventBridge Scheduler hands to a target."""

import json
import time
import uuid
from typing import Any

import pytest

from ci.emulator.tests.ses_feedback import wait_until

ROLE_ARN = "arn:aws:iam::000000000000:role/any"
CONTEXT = {
    "arn": "<aws.scheduler.schedule-arn>",
    "time": "<aws.scheduler.scheduled-time>",
    "execution": "<aws.scheduler.execution-id>",
    "attempt": "<aws.scheduler.attempt-number>",
}


@pytest.fixture
def queue_url(clients):
    return clients("sqs").create_queue(QueueName=f"queue-{uuid.uuid4()}")["QueueUrl"]


def queue_arn(clients, queue_url):
    found = clients("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    return found["Attributes"]["QueueArn"]


def schedule_once(clients, target_arn: str, payload: dict[str, Any]) -> str:
    """Create a schedule that is due at once; returns its ARN."""
    due = time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime())
    return clients("scheduler").create_schedule(
        Name=f"schedule-{uuid.uuid4()}",
        ScheduleExpression=due,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": target_arn, "RoleArn": ROLE_ARN, "Input": json.dumps(payload)},
    )["ScheduleArn"]


def receive(clients, queue_url):
    received: list[Any] = []

    def is_there():
        found = clients("sqs").receive_message(QueueUrl=queue_url, MessageAttributeNames=["All"])
        received.extend(found.get("Messages", []))
        return bool(received)

    wait_until(is_there)
    [message] = received
    return message


def test_context_attributes_of_a_schedule_have_their_values(clients, queue_url):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    started_at = int(time.time())

    schedule_arn = schedule_once(clients, queue_arn(clients, queue_url), CONTEXT)

    context = json.loads(receive(clients, queue_url)["Body"])
    assert context["arn"] == schedule_arn
    assert len(context["execution"]) == 16
    assert context["attempt"] == "1"
    assert context["time"] >= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started_at))


def test_universal_target_calls_its_operation(clients, queue_url):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""
    attribute = {"type": {"DataType": "String", "StringValue": "order_confirmation"}}
    parameters = {
        "QueueUrl": queue_url,
        "MessageBody": "<aws.scheduler.attempt-number>",
        "MessageAttributes": attribute,
    }

    schedule_once(clients, "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", parameters)

    message = receive(clients, queue_url)
    assert message["Body"] == "1"
    assert message["MessageAttributes"]["type"]["StringValue"] == "order_confirmation"
