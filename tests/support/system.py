"""The whole system on an emulator of its own, deployed through CloudFormation from the templates."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from ci.emulator.control import ControlClient
from ci.emulator.process import Emulator
from notifications.email_types import EmailTypes
from notifications.evidence import Doubt
from notifications.keys import NotificationKey
from notifications.ledger import Choice, Settlement, Write
from notifications.ledger_table import LedgerTable, expressions
from notifications.times import epoch_ms, iso
from ops import aws
from ops.aws import Aws
from ops.deploying import environments
from ops.deploying.artifacts import Release
from ops.deploying.environments import Settings
from ops.deploying.stacks import Executed, Stack
from ops.ledger_lookup import find_order
from ops.release import build

PROJECT = Path(__file__).resolve().parents[2]
STACK_NAME = "email-notifications-local"
BUCKET = "artifacts"
PATIENCE_SECONDS = 120.0
"""How long a test waits for a state before it gives up: far longer than any takes, machines may be busy."""

FAST = {
    "FunctionTimeoutSeconds": "6",
    "VisibilityTimeoutSeconds": "8",
    "SettleWindowSeconds": "6",
    "DecisionAfterMinutes": "0",
}
"""Parameters with which crashes and unknown outcomes resolve in seconds."""

LONG_SECONDS = 10.0
"""A test that waits for longer looks for emails that wait for a person."""

T = TypeVar("T")


def order_id() -> str:
    """A new order id."""
    return f"T-{uuid.uuid4().hex[:12]}"


def order(
    id_: str | None = None, to: str = "success@simulator.amazonses.com", **changes: Any
) -> dict[str, Any]:
    """A valid order event, of now."""
    sample = EmailTypes().get("order_confirmation").sample
    return (
        sample
        | {
            "order_id": id_ or order_id(),
            "customer": sample["customer"] | {"email": to},
            "ordered_at": datetime.now(UTC).isoformat(),
        }
        | changes
    )


def wait_for(what: str, look: Callable[[], T | Literal[False] | None]) -> T:
    """Wait until `look` finds something, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")
        time.sleep(0.1)
    return found


@dataclass(frozen=True)
class System:
    """A deployed system and what tests do with it."""

    emulator: Emulator
    outputs: dict[str, str]

    @cached_property
    def aws(self) -> Aws:
        return aws.local(self.emulator.endpoint_url)

    def client(self, service: str) -> Any:
        """A client for the emulator, of any service."""
        return self.aws.session.client(service, **self.aws.client_options)  # type: ignore[call-overload]

    @property
    def control(self) -> ControlClient:
        return self.emulator.control

    def publish(self, event: dict[str, Any] | str, times: int = 1, **attributes: str) -> None:
        """Publish an order event, with message attributes, as the order system does."""
        body = event if isinstance(event, str) else json.dumps(event)
        for _ in range(times):
            self.aws.sns.publish(
                TopicArn=self.outputs["OrderEventsTopicArn"],
                Message=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )

    def update(self, **changes: str) -> Executed:
        """Deploy the same templates again with other parameters."""
        [stack] = self.aws.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
        parameters = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
        release = Release(parameters["ArtifactBucket"], parameters["ArtifactPrefix"], self.aws.region)
        return deploy(self.aws, release, Settings(parameters | changes, {}))

    def settle_undecided(self) -> int:
        """Decide as a person does who sees what SES has accepted, on each email without an answer that waits
        for that; how many there were.
        """
        table_name = self.outputs["LedgerTableName"]
        table, now = LedgerTable(self.aws.dynamodb, table_name), datetime.now(UTC)
        settled = 0
        for open_attempt in table.open_attempts(0, epoch_ms(now)):
            record = table.find(open_attempt.key)
            if record is None or record.doubt is Doubt.ANSWERED or record.decision:
                continue
            tags = [message["tags"] for message in self.control.accepted()]
            accepted = open_attempt.key.order_key in [tag.get("order_key") for tag in tags]
            step = Settlement(
                choice=Choice.SENT if accepted else Choice.SEND_AGAIN,
                attempt=record.attempt,
                token=record.token,
                now_ms=epoch_ms(now),
                at=iso(now),
                by="test",
                reason="what SES has accepted",
                settle_window_ms=int(FAST["SettleWindowSeconds"]) * 1000,
            ).decide(record)
            if isinstance(step, Write):
                settled += self._written(table_name, open_attempt.key, step)
        return settled

    def _written(self, table_name: str, key: NotificationKey, step: Write) -> bool:
        """Write a person's decision, unless an event comes first."""
        client = self.aws.dynamodb
        try:
            client.update_item(
                TableName=table_name,
                Key={"order_key": {"S": key.order_key}, "notification": {"S": key.notification}},
                **expressions(step.guard, step.changes),
            )
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def start_synthetic_probe(self) -> None:
        """Start what the probe's schedule starts, by a schedule that is due now."""
        scheduler, name = self.client("scheduler"), f"{STACK_NAME}-probe"
        declared = scheduler.get_schedule(GroupName=name, Name=name)
        scheduler.create_schedule(
            Name=f"now-{uuid.uuid4().hex[:8]}",
            GroupName=declared["GroupName"],
            ScheduleExpression=time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime()),
            FlexibleTimeWindow=declared["FlexibleTimeWindow"],
            Target=declared["Target"],
        )

    def enqueue(self, *bodies: str) -> None:
        """Put messages straight into the send queue, so that they can be received as one batch."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        self.aws.sqs.send_message_batch(QueueUrl=self.outputs["SendQueueUrl"], Entries=entries)  # type: ignore[arg-type]

    def records(self, id_: str) -> list[dict[str, Any]]:
        """Ledger records of an order."""
        return find_order(self.aws.dynamodb, self.outputs["LedgerTableName"], id_)

    def status(self, id_: str) -> str | None:
        """Status of an order's only notification, if it has one."""
        records = self.records(id_)
        assert len(records) <= 1
        return records[0]["status"] if records else None

    def wait_for_status(self, id_: str, *statuses: str) -> dict[str, Any]:
        """Wait until the order's notification has one of the statuses; returns its record.

        What waits for a person meanwhile is settled: a busy machine may have answered a call too late.
        """

        long_at = time.monotonic() + LONG_SECONDS

        def look() -> bool:
            if self.status(id_) in statuses:
                return True
            if time.monotonic() > long_at:
                self.settle_undecided()
                time.sleep(1)
            return False

        wait_for(f"order {id_} to be {' or '.join(statuses)}", look)
        [record] = self.records(id_)
        return record

    def accepted(self, id_: str) -> list[dict[str, Any]]:
        """Messages about this order that SES accepted, by the emulator's accept log."""
        return [message for message in self.control.accepted() if id_ in message["subject"]]

    def dead_letters(self, queue: str = "SendDeadLetterQueueUrl") -> dict[str, dict[str, str]]:
        """Messages in a dead-letter queue: attributes by body. They stay there."""
        messages: dict[str, dict[str, str]] = {}
        while received := self.aws.sqs.receive_message(
            QueueUrl=self.outputs[queue],
            MaxNumberOfMessages=10,
            VisibilityTimeout=1,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            for message in received:
                attributes = message.get("MessageAttributes", {})
                messages[message["Body"]] = {name: a["StringValue"] for name, a in attributes.items()}
        return messages

    def log(self) -> list[str]:
        """Every line of every log group."""
        logs = self.client("logs")
        groups = [
            group["logGroupName"]
            for page in logs.get_paginator("describe_log_groups").paginate()
            for group in page["logGroups"]
        ]
        return [
            event["message"]
            for group in groups
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            for event in page["events"]
        ]

    def log_of(self, correlation_id: str) -> list[dict[str, Any]]:
        """The structured log lines with this correlation id."""
        lines = [json.loads(line) for line in self.log() if line.startswith("{")]
        return [line for line in lines if line.get("correlation_id") == correlation_id]

    def counted(self, metric: str) -> float:
        """Sum of one of the functions' own metrics, of the last hours."""
        now = datetime.now(UTC)
        found = self.client("cloudwatch").get_metric_statistics(
            Namespace="EmailNotifications",
            MetricName=metric,
            Dimensions=[{"Name": "service", "Value": STACK_NAME}],
            StartTime=now - timedelta(hours=3),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in found["Datapoints"])

    def waiting(self, queue: str = "SendQueueUrl") -> int:
        """Messages in a queue, visible or not."""
        attributes = self.aws.sqs.get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=["All"])[
            "Attributes"
        ]
        return int(attributes["ApproximateNumberOfMessages"]) + int(
            attributes["ApproximateNumberOfMessagesNotVisible"]
        )

    def wait_until_drained(self, queue: str = "SendQueueUrl") -> None:
        """Wait until a queue is empty."""
        wait_for(f"{queue} to be empty", lambda: self.waiting(queue) == 0)

    def settle_faults(self) -> None:
        """Leave the system as it was found."""
        self.control.clear_faults()
        self.control.set_ses(events_held=False)
        self.wait_until_drained()


def artifacts(emulator: Emulator) -> str:
    """Build, upload; returns the artifact's prefix."""
    clients = aws.local(emulator.endpoint_url)
    artifact = build.build("local")
    clients.s3.create_bucket(Bucket=BUCKET)
    build.publish(artifact, clients.s3, BUCKET)
    return artifact.prefix


def deploy(clients: Aws, release: Release, settings: Settings) -> Executed:
    """Deploy root of a release, whatever is there."""
    stack = Stack(clients.cloudformation, STACK_NAME, poll_seconds=0.2)
    return stack.execute(stack.prepare(release.template("root"), settings), lambda _: None)


@contextmanager
def deployed(log: Path, parameters: dict[str, str] | None = None) -> Iterator[System]:
    """Deploy root on a new emulator, with parameters/local.yaml and what `parameters` changes of it."""
    with Emulator.start(log, {"AUTH": "true"}) as emulator:
        prefix = artifacts(emulator)
        clients = aws.local(emulator.endpoint_url)
        settings = environments.load_settings(PROJECT / "parameters" / "local.yaml")
        settings.parameters.update(parameters or {})
        settings.parameters.update(ArtifactBucket=BUCKET, ArtifactPrefix=prefix)
        done = deploy(clients, Release(BUCKET, prefix, clients.region), settings)
        emulator.control.set_ses(max_send_rate=200)
        yield System(emulator, done.outputs)
