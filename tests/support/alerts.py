"""Somebody who is told about alarms: a queue subscribed to the alerts topic."""

from __future__ import annotations

import json
from typing import Any

from tests.support.system import System


class Subscriber:
    """A queue that is subscribed to the alerts topic."""

    def __init__(self, system: System) -> None:
        self._sqs, topic = system.aws.sqs, system.outputs["AlertsTopicArn"]
        self._url = self._sqs.create_queue(QueueName="on-call")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        statement = {
            **{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}},
            **{"Action": "sqs:SendMessage", "Resource": arn},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        system.aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def notices(self) -> list[dict[str, Any]]:
        """What has arrived since the last look."""
        found = []
        while received := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in received:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(json.loads(message["Body"])["Message"]))
        return found

    def told(self) -> list[tuple[str, str]]:
        """Alarm and state of each notice since the last look."""
        return [(notice["AlarmName"], notice["NewStateValue"]) for notice in self.notices()]
