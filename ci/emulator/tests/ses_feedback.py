"""What SES reports: a configuration set, its topic, and a queue in which the events arrive."""

import json
import time
from typing import Any

EVENT_TYPES = [
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
]
PATIENCE_SECONDS = 20


class Feedback:
    """Creates what it needs under one name."""

    def __init__(self, clients, name, region="us-east-1", event_types=EVENT_TYPES):
        self.configuration_set = name
        self._sqs = clients("sqs", region)
        sns, ses = clients("sns", region), clients("sesv2", region)
        self.topic_arn = sns.create_topic(Name=name)["TopicArn"]
        self.queue_url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self.queue_arn = self.topic_arn.replace(":sns:", ":sqs:")
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": self.topic_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"Policy": policy})
        sns.subscribe(
            TopicArn=self.topic_arn,
            Protocol="sqs",
            Endpoint=self.queue_arn,
            Attributes={"RawMessageDelivery": "true"},
        )
        ses.create_configuration_set(ConfigurationSetName=name)
        ses.create_configuration_set_event_destination(
            ConfigurationSetName=name,
            EventDestinationName="sns",
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": list(event_types),
                "SnsDestination": {"TopicArn": self.topic_arn},
            },
        )

    def events(self, count):
        """Wait for so many events, in the order in which they arrive."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found) < count and time.monotonic() < deadline:
            answer = self._sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=1, WaitTimeSeconds=1
            )
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        assert len(found) == count, f"{len(found)} of {count} events came: {types_of(found)}"
        return found

    def event(self, event_type, count):
        """Wait for so many events and return the only one of a type."""
        [event] = [event for event in self.events(count) if event["eventType"] == event_type]
        return event


def wait_until(condition):
    """Wait for a state; fails when it doesn't come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the state that was waited for did not come"
        time.sleep(0.01)


def types_of(events):
    return [event["eventType"] for event in events]


def simple(subject="Your order", text="Thank you.", html="<p>Thank you.</p>", **more):
    """Content of a message."""
    body = {"Text": {"Data": text}, "Html": {"Data": html}}
    return {"Simple": {"Subject": {"Data": subject}, "Body": body, **more}}


def email(to="ada@example.com", **changes):
    """SendEmail's arguments for an ordinary message."""
    return {
        "FromEmailAddress": "Shop <orders@shop.example>",
        "Destination": {"ToAddresses": [to]},
        "Content": simple(),
    } | changes
