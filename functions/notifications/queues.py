"""SQS as the functions see it: records in batches, back-off by visibility, and dead letters with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

ATTRIBUTE_LENGTH = 256
"""Characters of a dead letter's attribute: all of them together stay far below the room that the send queue's
MaximumMessageSize leaves in its dead-letter queue."""

BATCH_SIZE = 10
"""As many records as an event source mapping without a batching window delivers at once; all are handled
concurrently, so that this is also how many connections a client needs."""

CORRELATION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What may travel as an SES message tag: an address may not."""

R = TypeVar("R")


@dataclass(frozen=True)
class QueueRecord:
    """One record of the event that Lambda hands to a function.

    Parameters
    ----------
    receive_count
        How often it has been received, this time included.
    sent_at_ms
        When it entered the queue, epoch milliseconds.
    correlation_id
        By which an order is followed from its publisher to its feedback, through all logs.
    """

    id: str
    body: str
    receipt_handle: str
    receive_count: int
    sent_at_ms: int
    correlation_id: str = ""


def records(event: Mapping[str, Any]) -> list[QueueRecord]:
    """The records of a Lambda event (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""
    return [
        QueueRecord(
            id=record["messageId"],
            body=record["body"],
            receipt_handle=record["receiptHandle"],
            receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
            sent_at_ms=int(record["attributes"]["SentTimestamp"]),
            correlation_id=_correlation_id(record),
        )
        for record in event["Records"]
    ]


def _correlation_id(record: Mapping[str, Any]) -> str:
    """What the publisher gave as message attribute, or else the id that the queue gave the message.

    An unfit one is left out without a word: a customer gets the email all the same.
    """
    given = record.get("messageAttributes", {}).get("correlation_id", {}).get("stringValue") or ""
    return given if CORRELATION_ID.fullmatch(given) else str(record["messageId"])


@dataclass(frozen=True)
class Handled(Generic[R]):
    """A record and what came of it: a result, or an error that nobody foresaw."""

    record: QueueRecord
    result: R | None
    error: Exception | None = None


def handle_concurrently(batch: Sequence[QueueRecord], handle: Callable[[QueueRecord], R]) -> list[Handled[R]]:
    """Handle all records of a batch at once, and return only when every one is done.

    An unforeseen error of one record must not break its neighbours, which may have been sent.
    """

    def one(record: QueueRecord) -> Handled[R]:
        try:
            return Handled(record, handle(record))
        except Exception as error:  # noqa: BLE001
            return Handled(record, None, error)

    with ThreadPoolExecutor(max_workers=BATCH_SIZE) as threads:
        return list(threads.map(one, batch))


class BackOff:
    """Lets a message come back after a while, instead of after the queue's visibility timeout."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def retry_after(self, record: QueueRecord, seconds: float) -> None:
        """Make the message visible again after `seconds`.

        If that fails the message comes back after the visibility timeout; so an expired receipt handle, or a
        throttled call, needs no handling.
        """
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=record.receipt_handle,
                VisibilityTimeout=max(1, round(seconds)),
            )
        except (ClientError, BotoCoreError):
            return


class DeadLetterQueue:
    """Where the function itself puts what can't be handled, so that the reason is with it."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(
        self, body: str, field: str, reason: str, email_type: str, correlation_id: str | None = None
    ) -> None:
        """Put the message as it was received, with the reason in its attributes.

        Parameters
        ----------
        field, reason, email_type
            Hold nothing that a customer supplied.
        """
        attributes = {
            "error_field": field,
            "error_reason": reason,
            "email_type": email_type,
            "correlation_id": correlation_id,
        }
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": text[:ATTRIBUTE_LENGTH]}
                for name, text in attributes.items()
                if text
            },
        )


def messages_in(client: SQSClient, queue_url: str) -> int:
    """How many messages a queue holds, as far as SQS knows: visible, delayed or being handled."""
    answer = client.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )
    return sum(int(number) for number in answer["Attributes"].values())


def messages_waiting(client: SQSClient, queue_urls: Sequence[str]) -> bool:
    """Whether any of the queues holds a message; those after the first that does are not asked."""
    return any(messages_in(client, url) for url in queue_urls)
