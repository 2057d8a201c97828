"""How `notify smoke` finds its own message among the dead letters of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.smoke.run import DeadLetters
from ops.smoke.steps import STEPS, Observed

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


def test_own_dead_letter_is_noted_and_deleted_and_all_others_stay(sqs: Any, queue_url: str) -> None:
    order = Observed(STEPS[-1], "smoke-1", OWN)
    dead_letters = DeadLetters(sqs, queue_url)

    dead_letters.look([order])
    assert order.refusal == {"error_field": "customer.email", "error_reason": "is missing"}
    assert visible(sqs, queue_url) == []

    dead_letters.release()
    assert visible(sqs, queue_url) == sorted(OTHERS)


def test_queue_without_the_own_message_is_left_as_it_was(sqs: Any, queue_url: str) -> None:
    order = Observed(STEPS[-1], "smoke-2", "another body")
    dead_letters = DeadLetters(sqs, queue_url)

    dead_letters.look([order])
    dead_letters.release()

    assert order.refusal is None
    assert visible(sqs, queue_url) == sorted([OWN, *OTHERS])
