"""Batches, back-off and dead letters."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from notifications.queues import (
    BATCH_SIZE,
    BackOff,
    DeadLetterQueue,
    QueueRecord,
    handle_concurrently,
    messages_in,
    messages_waiting,
    records,
)


class FakeSqs:
    def __init__(self, counts: dict[str, int] | None = None, error: str = "") -> None:
        self.calls: list[dict[str, Any]] = []
        self.counts = counts or {}
        self.error = error

    def change_message_visibility(self, **call: Any) -> None:
        self.calls.append(call)
        if self.error:
            raise ClientError({"Error": {"Code": self.error}}, "ChangeMessageVisibility")

    def send_message(self, **call: Any) -> None:
        self.calls.append(call)

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        self.calls.append({"QueueUrl": QueueUrl})
        counts = {
            name: self.counts.get(f"{QueueUrl} {name}", self.counts.get(QueueUrl, 0))
            for name in AttributeNames
        }
        return {"Attributes": {name: str(count) for name, count in counts.items()}}


def record(number: int) -> QueueRecord:
    return QueueRecord(str(number), f"body {number}", f"handle {number}", 1, 0)


def test_records_are_read_from_the_event_as_lambda_documents_it() -> None:
    attributes = {"ApproximateReceiveCount": "2", "SentTimestamp": "1545082649183"}
    event = {"Records": [{"messageId": "m", "body": "b", "receiptHandle": "h", "attributes": attributes}]}
    assert records(event) == [QueueRecord("m", "b", "h", 2, 1545082649183, "m")]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("checkout-4711", "checkout-4711"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",) * 2,
        ("ada@example.com", "m"),
        ("x" * 65, "m"),
        ("", "m"),
        ("checkout-4711\n", "m"),
    ],
)
def test_publishers_correlation_id_is_taken_if_it_can_travel_and_else_the_messages_own(
    given: str, taken: str
) -> None:
    message = {
        **{"messageId": "m", "body": "b", "receiptHandle": "h"},
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
        "messageAttributes": {"correlation_id": {"dataType": "String", "stringValue": given}},
    }
    [record] = records({"Records": [message]})
    assert record.correlation_id == taken


def test_whole_batch_is_handled_at_the_same_time() -> None:
    all_there = threading.Barrier(BATCH_SIZE, timeout=30)
    done = handle_concurrently([record(n) for n in range(BATCH_SIZE)], lambda _: all_there.wait())
    assert all(handled.error is None for handled in done)


def test_unforeseen_error_of_one_record_does_not_touch_its_neighbours() -> None:
    def handle(one: QueueRecord) -> str:
        if one.id == "1":
            raise ZeroDivisionError
        return one.body

    done = handle_concurrently([record(n) for n in range(3)], handle)
    assert [handled.result for handled in done] == ["body 0", None, "body 2"]
    assert isinstance(done[1].error, ZeroDivisionError)


def test_message_comes_back_after_the_back_off() -> None:
    sqs = FakeSqs()
    BackOff(sqs, "queue").retry_after(record(1), 12.4)  # type: ignore[arg-type]
    assert sqs.calls == [{"QueueUrl": "queue", "ReceiptHandle": "handle 1", "VisibilityTimeout": 12}]


def test_expired_receipt_handle_is_tolerated() -> None:
    sqs = FakeSqs(error="ReceiptHandleIsInvalid")
    BackOff(sqs, "queue").retry_after(record(1), 5)  # type: ignore[arg-type]
    assert len(sqs.calls) == 1


def test_dead_letter_keeps_the_body_and_names_the_reason_within_sqs_limits() -> None:
    sqs = FakeSqs()
    DeadLetterQueue(sqs, "dlq").put("as received", "items[0]", "x" * 5000, "unknown")  # type: ignore[arg-type]
    DeadLetterQueue(sqs, "dlq").put("b", "type", "is missing", "unknown", "checkout-4711")  # type: ignore[arg-type]
    call, other = sqs.calls
    assert other["MessageAttributes"]["correlation_id"]["StringValue"] == "checkout-4711"
    assert call["MessageBody"] == "as received"
    assert set(call["MessageAttributes"]) == {"error_field", "error_reason", "email_type"}
    assert len(call["MessageAttributes"]["error_reason"]["StringValue"]) == 256


@pytest.mark.parametrize("holding", ["queue", "dead-letters", "undelivered"])
def test_messages_wait_if_any_of_the_queues_holds_one(holding: str) -> None:
    queues = ["queue", "dead-letters", "undelivered"]
    assert not messages_waiting(FakeSqs(), queues)  # type: ignore[arg-type]
    assert messages_waiting(FakeSqs({holding: 1}), queues)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["", "NotVisible", "Delayed"])
def test_queue_holds_what_is_visible_in_flight_or_delayed(state: str) -> None:
    sqs = FakeSqs({f"queue ApproximateNumberOfMessages{state}": 3})
    assert messages_in(sqs, "queue") == 3  # type: ignore[arg-type]


def test_message_waits_a_second_at_least() -> None:
    sqs = FakeSqs()
    BackOff(sqs, "queue").retry_after(record(1), 0.2)  # type: ignore[arg-type]
    assert [call["VisibilityTimeout"] for call in sqs.calls] == [1]
