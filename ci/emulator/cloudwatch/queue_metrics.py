"""Gap: the ``AWS/SQS`` metrics, of which MiniStack publishes none.

Depths and ages are sampled when someone looks. Queues are always active here: their values are never missing.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

import time
from collections.abc import Callable
from typing import Any

from ci.emulator.cloudwatch import sampling, store
from ci.emulator.cloudwatch.metrics import Metric
from ci.emulator.ministack import responses, sqs

# A message "that hasn't been received more than three times" can be the oldest; the others are poison pills.
_POISON_PILL_RECEIVES = 3

Message = dict[str, Any]
Queue = dict[str, Any]


def install() -> None:
    """Count messages as they pass, and have the gauges sampled."""
    collect: Callable[..., list[Message]] = sqs._collect_msgs
    delete_for_mapping: Callable[[str, set[str]], None] = sqs._delete_messages_for_esm

    def collect_and_count(queue: Queue, maximum: int, visibility_timeout: int) -> list[Message]:
        _count_sent(queue)
        received = collect(queue, maximum, visibility_timeout)
        if received:
            _count(queue, "NumberOfMessagesReceived", len(received))
        return received

    def delete_for_mapping_and_count(queue_url: str, receipt_handles: set[str]) -> None:
        delete_for_mapping(queue_url, receipt_handles)
        if receipt_handles:
            _count(sqs._get_q(queue_url), "NumberOfMessagesDeleted", len(receipt_handles))

    sqs._collect_msgs = collect_and_count
    sqs._delete_messages_for_esm = delete_for_mapping_and_count
    _count_deletions_of("DeleteMessage", lambda _: 1)
    _count_deletions_of("DeleteMessageBatch", lambda result: len(result["Successful"]))
    sampling.register(_sample)


def _count_deletions_of(action: str, deleted: Callable[[dict[str, Any]], int]) -> None:
    handler = sqs._HANDLERS[action]

    def handle(request: dict[str, Any], queue_url: str) -> dict[str, Any]:
        result: dict[str, Any] = handler(request, queue_url)
        _count(sqs._get_q(request.get("QueueUrl", queue_url)), "NumberOfMessagesDeleted", deleted(result))
        return result

    sqs._HANDLERS[action] = handle


def _sample(timestamp: float) -> None:
    for (account, region, _), queue in sqs._queues.all_items():
        with responses.request_scope(account, region):
            _sample_queue(queue, timestamp)


def _sample_queue(queue: Queue, timestamp: float) -> None:
    _count_sent(queue)
    sqs._refresh_counts(queue)
    attributes = queue["attributes"]
    counts = {
        "ApproximateNumberOfMessagesVisible": attributes["ApproximateNumberOfMessages"],
        "ApproximateNumberOfMessagesNotVisible": attributes["ApproximateNumberOfMessagesNotVisible"],
        "ApproximateNumberOfMessagesDelayed": attributes["ApproximateNumberOfMessagesDelayed"],
    }
    for name, count in counts.items():
        store.replace(_metric(queue, name), timestamp, float(count), "Count")
    age_seconds = _age_of_oldest(queue, timestamp)
    store.replace(_metric(queue, "ApproximateAgeOfOldestMessage"), timestamp, age_seconds, "Seconds")


def _age_of_oldest(queue: Queue, at: float) -> float:
    """Return the age in seconds; a dead letter's counts from its move, and poison pills have none."""
    since = []
    for message in list(queue["messages"]):
        if message.get("sys", {}).get("DeadLetterQueueSourceArn"):
            since.append(message.setdefault("seen_dead_at", at))
        elif message.get("receive_count", 0) <= _POISON_PILL_RECEIVES:
            since.append(message["sent_at"])
    return max(0.0, at - min(since, default=at))


def _count_sent(queue: Queue) -> None:
    """Count each message once, when it was sent; a move to a dead-letter queue is no sending."""
    for message in list(queue["messages"]):
        if not message.setdefault("is_counted", False):
            message["is_counted"] = True
            size = len(message["body"].encode())
            store.record(_metric(queue, "NumberOfMessagesSent"), message["sent_at"], [1], "Count")
            store.record(_metric(queue, "SentMessageSize"), message["sent_at"], [size], "Bytes")


def _count(queue: Queue, name: str, count: int) -> None:
    store.record(_metric(queue, name), time.time(), [count], "Count")


def _metric(queue: Queue, name: str) -> Metric:
    return Metric("AWS/SQS", name, frozenset({("QueueName", queue["name"])}))
