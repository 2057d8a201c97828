"""Topics and queues whose key is disabled, or is to be deleted."""

import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def key_id(clients):
    return clients("kms").create_key()["KeyMetadata"]["KeyId"]


@pytest.fixture
def topic_arn(clients, key_id):
    attributes = {"KmsMasterKeyId": key_id}
    return clients("sns").create_topic(Name=f"topic-{uuid.uuid4()}", Attributes=attributes)["TopicArn"]


@pytest.fixture
def queue_url(clients, key_id):
    attributes = {"KmsMasterKeyId": key_id}
    return clients("sqs").create_queue(QueueName=f"queue-{uuid.uuid4()}", Attributes=attributes)["QueueUrl"]


def code_of(call):
    with pytest.raises(ClientError) as refused:
        call()
    return refused.value.response["Error"]["Code"]


def test_topic_and_queue_refuse_messages_while_their_key_is_disabled(clients, key_id, topic_arn, queue_url):
    kms, sns, sqs = clients("kms"), clients("sns"), clients("sqs")
    sqs.send_message(QueueUrl=queue_url, MessageBody="sent before")
    kms.disable_key(KeyId=key_id)

    assert "KMSDisabled" in code_of(lambda: sns.publish(TopicArn=topic_arn, Message="{}"))
    assert "KmsDisabled" in code_of(lambda: sqs.send_message(QueueUrl=queue_url, MessageBody="{}"))
    assert "KmsDisabled" in code_of(lambda: sqs.receive_message(QueueUrl=queue_url))

    kms.enable_key(KeyId=key_id)
    sns.publish(TopicArn=topic_arn, Message="{}")
    [message] = sqs.receive_message(QueueUrl=queue_url)["Messages"]
    assert message["Body"] == "sent before"


def test_topic_refuses_messages_while_its_key_is_to_be_deleted(clients, key_id, topic_arn):
    clients("kms").schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)

    assert "KMSInvalidState" in code_of(lambda: clients("sns").publish(TopicArn=topic_arn, Message="{}"))
