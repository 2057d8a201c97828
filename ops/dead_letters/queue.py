"""A dead-letter queue in SQS: look without disturbing, redrive a message without losing it, delete one."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.dead_letters.messages import Message, QueueName

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

BATCH_SIZE = 10
"""Most messages that one call receives or releases
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html)."""

MOST_MESSAGES = 100_000
"""Most messages that are looked at: SQS allows 120,000 in flight (same page)."""

LONG_POLL_SECONDS = 1
"""Any wait makes SQS ask all its servers, so that an empty answer is no accident
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html)."""

EMPTY_RECEIVES = 3
"""So many empty answers in a row end a look at a queue that is said to have more."""

LEAST_VISIBILITY_SECONDS = 15
SECONDS_PER_MESSAGE = 0.05
"""A message that was looked at stays out of sight until all have been: what is in sight is what is new. It
comes back when the look ends, or after this time if the look is killed."""

MOST_VISIBILITY_SECONDS = 43_200
"""12 hours (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html)."""

MOST_ATTRIBUTES = 10
"""Of a message (quotas, same page as above)."""

OURS = ("error_field", "error_reason", "email_type")
"""Attributes that say why a message is dead: they do not go with it when it is redriven."""


class Queue:
    """One dead-letter queue of a deployment, and the queue in which its messages are handled.

    Parameters
    ----------
    source
        Look into the queue in which messages are handled instead, while nothing takes them from there.
    """

    def __init__(
        self, sqs: SQSClient, outputs: Mapping[str, str], name: QueueName, *, source: bool = False
    ) -> None:
        self.name = name
        self._client = sqs
        self._url = outputs[name.source_output if source else name.output]
        self._source_url = outputs[name.source_output]
        self._held: dict[str, str] = {}

    def depth(self) -> tuple[int, int]:
        """Messages in the queue, as far as SQS knows: in sight, and held by somebody who is looking."""
        counts = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])["Attributes"]
        return (
            int(counts["ApproximateNumberOfMessages"]),
            int(counts["ApproximateNumberOfMessagesNotVisible"]),
        )

    def messages(self, at_once: int = BATCH_SIZE) -> Generator[Message, None, None]:
        """Each message in the queue, once, whatever SQS hands out twice.

        Ends when SQS has no more to show, or only shows what is known, or `MOST_MESSAGES` were seen. Close
        the iterator (`contextlib.closing`): then all that were not redriven or deleted are put back in sight.

        Parameters
        ----------
        at_once
            How many are received at a time, at most `BATCH_SIZE`.
        """
        expected, _ = self.depth()
        hidden_seconds = min(
            round(LEAST_VISIBILITY_SECONDS + expected * SECONDS_PER_MESSAGE), MOST_VISIBILITY_SECONDS
        )
        seen: set[str] = set()
        empty = repeated = 0
        try:
            while len(seen) < MOST_MESSAGES:
                received = self._receive(at_once, hidden_seconds)
                new = [raw for raw in received if raw["MessageId"] not in seen]
                self._held |= {raw["MessageId"]: raw["ReceiptHandle"] for raw in received}
                seen |= {raw["MessageId"] for raw in new}
                for raw in new:
                    yield _message(self.name, raw)
                empty = 0 if received else empty + 1
                repeated = 0 if new else repeated + 1
                # What was seen first may come back while the rest is read; then it is out of sight again.
                if empty >= (EMPTY_RECEIVES if len(seen) < expected else 1):
                    return
                if repeated > len(seen) + EMPTY_RECEIVES:
                    return
        finally:
            self._release()

    def redrive(self, message: Message) -> None:
        """Put the message into the queue in which it is handled, then delete it here.

        In this order a crash in between leaves two messages, and the ledger lets only one of them count; the
        other way round it would leave none.

        SQS's own redrive (StartMessageMoveTask) moves a whole queue: it cannot select, nor leave what would
        be refused again, nor keep back what was sent already; and the attributes that tell of the error go
        with the messages.
        """
        self._client.send_message(
            QueueUrl=self._source_url,
            MessageBody=message.body,
            MessageAttributes=_redriven_attributes(message),
        )
        self.delete(message)

    def delete(self, message: Message) -> None:
        """Delete the message for good."""
        handle = self._held.get(message.id, message.receipt_handle)
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=handle)
        self._held.pop(message.id, None)

    def _receive(self, at_once: int, hidden_seconds: int) -> list[Any]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=at_once,
            VisibilityTimeout=hidden_seconds,
            WaitTimeSeconds=LONG_POLL_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def _release(self) -> None:
        """Put back in sight what is still held. What can't be comes back by itself."""
        handles = list(self._held.values())
        self._held.clear()
        for start in range(0, len(handles), BATCH_SIZE):
            batch: list[Any] = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(handles[start : start + BATCH_SIZE])
            ]
            try:
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=batch)
            except (ClientError, BotoCoreError):
                continue


def _message(queue: QueueName, raw: Mapping[str, Any]) -> Message:
    known = raw.get("Attributes", {})
    return Message(
        queue=queue,
        id=raw["MessageId"],
        receipt_handle=raw["ReceiptHandle"],
        body=raw["Body"],
        attributes=raw.get("MessageAttributes", {}),
        waiting_since=_moment(known["SentTimestamp"]),
        first_received_at=(
            _moment(known["ApproximateFirstReceiveTimestamp"])
            if "ApproximateFirstReceiveTimestamp" in known
            else None
        ),
        receives=int(known.get("ApproximateReceiveCount", 1)),
    )


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _redriven_attributes(message: Message) -> dict[str, Any]:
    kept = {name: value for name, value in message.attributes.items() if name not in OURS}
    if message.queue.has_orders and len(kept) < MOST_ATTRIBUTES:
        # Without one, logs have named the message by its id so far: by that it can be followed on.
        kept.setdefault("correlation_id", {"DataType": "String", "StringValue": message.correlation_id})
    return {
        name: {part: value[part] for part in ("DataType", "StringValue", "BinaryValue") if part in value}
        for name, value in kept.items()
    }
