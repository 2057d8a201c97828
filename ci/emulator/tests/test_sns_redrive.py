"""Deliveries from SNS to SQS that the queue refuses."""

import json
import uuid
from typing import Any

import pytest

ERROR_ATTRIBUTES = {"RequestID", "ErrorCode", "ErrorMessage"}


@pytest.fixture
def sns(clients):
    return clients("sns")


@pytest.fixture
def sqs(clients):
    return clients("sqs")


@pytest.fixture
def topic_arn(sns):
    return sns.create_topic(Name=f"topic-{uuid.uuid4()}")["TopicArn"]


def create_queue(sqs, kind: str, topic_arn: str | None = None) -> tuple[str, str]:
    """Create a queue that the topic, if any, may send to; returns its URL and ARN."""
    url = sqs.create_queue(QueueName=f"{kind}-{uuid.uuid4()}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    if topic_arn:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def subscribe(
    sns, topic_arn: str, queue_arn: str, dead_letter_queue_arn: str | None, raw: bool = True
) -> None:
    attributes = {"RawMessageDelivery": str(raw).lower()}
    if dead_letter_queue_arn:
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": dead_letter_queue_arn})
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, Attributes=attributes)


def publish(sns, topic_arn: str) -> None:
    attribute = {"type": {"DataType": "String", "StringValue": "order_confirmation"}}
    sns.publish(TopicArn=topic_arn, Message="the order", MessageAttributes=attribute)


def receive(sqs, queue_url: str) -> list[Any]:
    return sqs.receive_message(QueueUrl=queue_url, MessageAttributeNames=["All"]).get("Messages", [])


def test_message_is_delivered_when_the_policy_allows_the_topic(sns, sqs, topic_arn):
    """https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"""
    queue_url, queue_arn = create_queue(sqs, "endpoint", topic_arn)
    dead_letters_url, dead_letters_arn = create_queue(sqs, "dead-letters", topic_arn)
    subscribe(sns, topic_arn, queue_arn, dead_letters_arn)

    publish(sns, topic_arn)

    [message] = receive(sqs, queue_url)
    assert message["Body"] == "the order"
    assert set(message["MessageAttributes"]) == {"type"}
    assert receive(sqs, dead_letters_url) == []


@pytest.mark.parametrize("raw", [True, False])
def test_message_goes_to_the_dead_letter_queue_when_the_policy_denies_it(sns, sqs, topic_arn, raw):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    queue_url, queue_arn = create_queue(sqs, "endpoint")
    dead_letters_url, dead_letters_arn = create_queue(sqs, "dead-letters", topic_arn)
    subscribe(sns, topic_arn, queue_arn, dead_letters_arn, raw)

    publish(sns, topic_arn)

    [message] = receive(sqs, dead_letters_url)
    body = message["Body"] if raw else json.loads(message["Body"])["Message"]
    assert body == "the order"
    assert set(message["MessageAttributes"]) == ERROR_ATTRIBUTES | ({"type"} if raw else set())
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "AccessDenied"
    assert receive(sqs, queue_url) == []


def test_message_goes_to_the_dead_letter_queue_when_the_queue_is_gone(sns, sqs, topic_arn):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    queue_url, queue_arn = create_queue(sqs, "endpoint", topic_arn)
    dead_letters_url, dead_letters_arn = create_queue(sqs, "dead-letters", topic_arn)
    subscribe(sns, topic_arn, queue_arn, dead_letters_arn)
    sqs.delete_queue(QueueUrl=queue_url)

    publish(sns, topic_arn)

    [message] = receive(sqs, dead_letters_url)
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"].endswith("NonExistentQueue")


def test_message_is_lost_when_the_dead_letter_queue_refuses_it_too(sns, sqs, topic_arn):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-configure-dead-letter-queue.html"""
    queue_url, queue_arn = create_queue(sqs, "endpoint")
    dead_letters_url, dead_letters_arn = create_queue(sqs, "dead-letters")
    subscribe(sns, topic_arn, queue_arn, dead_letters_arn)

    publish(sns, topic_arn)

    assert receive(sqs, queue_url) == []
    assert receive(sqs, dead_letters_url) == []


def test_message_is_lost_when_the_subscription_has_no_dead_letter_queue(sns, sqs, topic_arn):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    queue_url, queue_arn = create_queue(sqs, "endpoint")
    subscribe(sns, topic_arn, queue_arn, None)

    publish(sns, topic_arn)

    assert receive(sqs, queue_url) == []


def test_message_goes_to_the_dead_letter_queue_when_the_key_of_the_queue_does_not_know_sns(
    clients, sns, sqs, topic_arn
):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
    queue_url, queue_arn = create_queue(sqs, "endpoint", topic_arn)
    dead_letters_url, dead_letters_arn = create_queue(sqs, "dead-letters", topic_arn)
    key_id = clients("kms").create_key()["KeyMetadata"]["KeyId"]
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"KmsMasterKeyId": key_id})
    subscribe(sns, topic_arn, queue_arn, dead_letters_arn)

    publish(sns, topic_arn)

    [message] = receive(sqs, dead_letters_url)
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "KMS.AccessDeniedException"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    clients("kms").put_key_policy(KeyId=key_id, PolicyName="default", Policy=policy)
    publish(sns, topic_arn)
    assert [received["Body"] for received in receive(sqs, queue_url)] == ["the order"]
