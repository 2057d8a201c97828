"""How orders that try a system find their own messages among the dead letters of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.orders import refusals

OWN = '{"order_id": "smoke-1"}'
OTHERS = [f"dead letter {number}" for number in range(25)]


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client(
            "sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )


@pytest.fixture
def queue_url(sqs: Any) -> str:
    url = str(sqs.create_queue(QueueName="send-dead-letter")["QueueUrl"])
    attributes = {
        name: {"DataType": "String", "StringValue": text}
        for name, text in (("error_field", "customer.email"), ("error_reason", "is missing"))
    }
    for body in [*OTHERS[:15], OWN, *OTHERS[15:]]:
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
    return url


def visible(sqs: Any, queue_url: str) -> list[str]:
    bodies = []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages]
    return sorted(bodies)


def test_own_dead_letter_is_found_and_deleted_and_all_others_stay(sqs: Any, queue_url: str) -> None:
    found = refusals(sqs, outputs(queue_url), [OWN], delete=True)

    assert found == {OWN: {"error_field": "customer.email", "error_reason": "is missing"}}
    assert visible(sqs, queue_url) == sorted(OTHERS)


def test_own_dead_letter_stays_unless_it_is_to_be_deleted(sqs: Any, queue_url: str) -> None:
    assert list(refusals(sqs, outputs(queue_url), [OWN])) == [OWN]
    assert visible(sqs, queue_url) == sorted([OWN, *OTHERS])


def test_queue_without_the_own_message_is_left_as_it_was(sqs: Any, queue_url: str) -> None:
    assert refusals(sqs, outputs(queue_url), ["another body"], delete=True) == {}
    assert visible(sqs, queue_url) == sorted([OWN, *OTHERS])


def outputs(queue_url: str) -> dict[str, str]:
    return {"SendDeadLetterQueueUrl": queue_url, "SendQueueUrl": "unused"}
