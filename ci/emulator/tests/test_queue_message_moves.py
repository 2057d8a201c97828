"""Moving dead letters back.

Every test is of https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html.
"""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:sqs:us-east-1:000000000000:"


@pytest.fixture
def sqs(clients):
    return clients("sqs")


@pytest.fixture
def queues(sqs):
    """URLs of a queue and its dead-letter queue."""
    dead_letters = f"dead-letters-{uuid.uuid4()}"
    dead_letters_url = sqs.create_queue(QueueName=dead_letters)["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": ARN + dead_letters, "maxReceiveCount": 1})
    created = sqs.create_queue(QueueName=f"queue-{uuid.uuid4()}", Attributes={"RedrivePolicy": policy})
    return created["QueueUrl"], dead_letters_url


def arn(queue_url: str) -> str:
    return ARN + queue_url.rsplit("/", 1)[1]


def give_up(sqs, queue_url: str, body: str) -> str:
    """Send a message and receive it too often; returns its id."""
    message_id = sqs.send_message(QueueUrl=queue_url, MessageBody=body)["MessageId"]
    sqs.receive_message(QueueUrl=queue_url, VisibilityTimeout=0)
    sqs.receive_message(QueueUrl=queue_url)
    return message_id


def test_dead_letters_go_back_to_their_queue_as_new_messages(sqs, queues):
    queue_url, dead_letters_url = queues
    old_id = give_up(sqs, queue_url, "order")

    sqs.start_message_move_task(SourceArn=arn(dead_letters_url))

    [message] = sqs.receive_message(QueueUrl=queue_url, AttributeNames=["All"])["Messages"]
    assert message["Body"] == "order"
    assert message["MessageId"] != old_id
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    [task] = sqs.list_message_move_tasks(SourceArn=arn(dead_letters_url))["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert "Messages" not in sqs.receive_message(QueueUrl=dead_letters_url)


def test_message_that_was_sent_to_the_dead_letter_queue_needs_a_destination(sqs, queues):
    queue_url, dead_letters_url = queues
    attribute = {"error_reason": {"DataType": "String", "StringValue": "no email"}}
    sqs.send_message(QueueUrl=dead_letters_url, MessageBody="order", MessageAttributes=attribute)

    sqs.start_message_move_task(SourceArn=arn(dead_letters_url))
    [failed] = sqs.list_message_move_tasks(SourceArn=arn(dead_letters_url))["Results"]
    sqs.start_message_move_task(SourceArn=arn(dead_letters_url), DestinationArn=arn(queue_url))

    assert (failed["Status"], failed["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    [message] = sqs.receive_message(QueueUrl=queue_url, MessageAttributeNames=["All"])["Messages"]
    assert message["MessageAttributes"]["error_reason"]["StringValue"] == "no email"


def test_queue_that_is_no_dead_letter_queue_of_a_queue_is_refused(sqs, queues):
    queue_url, _ = queues

    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=arn(queue_url))


def test_queue_that_does_not_exist_is_refused(sqs):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        sqs.start_message_move_task(SourceArn=f"{ARN}no-such-queue")
