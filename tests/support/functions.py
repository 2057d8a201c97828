"""The functions in this process: queues and a ledger played by moto, and what they log and count."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from io import StringIO
from types import SimpleNamespace
from typing import Any

from notifications.clients import Clients

Script = dict[str, Exception]
"""What SES answers to mail for an address; it accepts all other mail."""


@dataclass
class FakeSes:
    """SES as the functions' client shows it; keeps what it accepted."""

    script: Script = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    meta: Any = field(
        default_factory=lambda: SimpleNamespace(
            config=SimpleNamespace(retries={"total_max_attempts": 1}),
        )
    )

    def get_account(self) -> dict[str, Any]:
        return {"SendQuota": {"MaxSendRate": 1_000_000.0}}

    def send_email(self, **request: Any) -> dict[str, str]:
        [recipient] = request["Destination"]["ToAddresses"]
        if error := self.script.get(recipient):
            raise error
        self.accepted.append(recipient)
        return {"MessageId": f"message-of-{recipient}"}

    def close(self) -> None: ...


class TestClients(Clients):
    """The functions' own clients, answered by moto; SES is a fake."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__(60)
        self.fake_ses = FakeSes()
        self.queues = super().sqs()
        self.table = super().dynamodb()
        self.waits: dict[str, int] = {}
        self.queues.meta.events.register(
            "provide-client-params.sqs.ChangeMessageVisibility",
            lambda params, **_: self.waits.update({params["ReceiptHandle"]: params["VisibilityTimeout"]}),
        )

    def sqs(self) -> Any:
        return self.queues

    def dynamodb(self) -> Any:
        return self.table

    def ses(self) -> Any:
        return self.fake_ses

    def queue(self, name: str) -> str:
        """Make a queue; its URL."""
        return self.queues.create_queue(QueueName=name)["QueueUrl"]

    def received(self, queue_url: str, *bodies: str) -> dict[str, Any]:
        """Send these messages through a queue; the event that Lambda makes of them, in the same order."""
        for body in bodies:
            self.queues.send_message(QueueUrl=queue_url, MessageBody=body)
        messages: list[Any] = []
        while len(messages) < len(bodies):
            messages += self.queues.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, AttributeNames=["All"]
            )["Messages"]
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                }
                for message in sorted(messages, key=lambda message: bodies.index(message["Body"]))
            ]
        }

    def bodies_in(self, queue_url: str) -> list[str]:
        """What a queue holds."""
        answer = self.queues.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]


@dataclass
class Emitted:
    """What left a function besides its work."""

    log: StringIO
    output: Any

    def lines(self, message: str) -> list[dict[str, Any]]:
        """The log lines of one kind."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["message"] == message]

    def metrics(self) -> dict[str, list[float]]:
        """The metrics that were emitted since the last call, each with its samples."""
        samples: dict[str, list[float]] = defaultdict(list)
        for line in self.output.readouterr().out.splitlines():
            emitted = json.loads(line)
            for directive in emitted["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    samples[metric["Name"]] += emitted[metric["Name"]]
        return dict(samples)


def returned(answer: dict[str, Any]) -> set[str]:
    """The ids of the messages that are to come back."""
    return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
