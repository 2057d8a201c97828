"""Calls to the emulator with AUTH=true are as good as calls over TLS."""

import json
import uuid

from ci.emulator.process import Emulator
from ci.emulator.tests.conftest import clients_of


def test_queue_that_denies_plain_http_takes_a_message(tmp_path):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html"""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with Emulator.start(tmp_path / "emulator.log", {"AUTH": "true"}) as emulator:
        sqs = clients_of(emulator)("sqs")
        queue_url = sqs.create_queue(QueueName=f"queue-{uuid.uuid4()}", Attributes={"Policy": policy})[
            "QueueUrl"
        ]

        sqs.send_message(QueueUrl=queue_url, MessageBody="order")

        assert sqs.receive_message(QueueUrl=queue_url)["Messages"][0]["Body"] == "order"
