"""What else arrives where SES's events are expected: nothing of it holds anything up, or counts twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from notifications import metric_names
from notifications.keys import NotificationKey, order_key
from notifications.ledger import HISTORY_CAPACITY
from tests.support.documented_events import documented_event
from tests.support.system import System, order, wait_for

DEAD_LETTERS = "FeedbackDeadLetterQueueUrl"
KEY = NotificationKey(order_key("A-1"), "order_confirmation")

UNUSABLE_TAGS: dict[str, dict[str, list[Any]]] = {
    "an empty key": {"order_key": [""]},
    "a key that is too long": {"order_key": ["a" * 3000]},
    "a key of the system's own": {"order_key": ["~hold"]},
    "an empty notification": {"notification": [""]},
    "a notification that is too long": {"notification": ["n" * 2000]},
    "an attempt that is no number": {"attempt": ["first"]},
    "an attempt before the first": {"attempt": ["0"]},
    "an attempt beyond all": {"attempt": ["1" + "0" * 40]},
    "a number for a key": {"order_key": [5]},
}
UNUSABLE_MAIL: dict[str, dict[str, Any]] = {
    "a message id that is too long": {"messageId": "m" * 5000},
    "no message id": {"messageId": ""},
    "tags that are none": {"tags": "order_key"},
}
FOREIGN = [
    "Successfully validated SNS topic for Amazon SES event publishing.",
    json.dumps({"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have subscribed."}),
    json.dumps({"notificationType": "Bounce", "mail": {"messageId": "m-1"}, "bounce": {}}),
]


@pytest.fixture
def system(system: System) -> Iterator[System]:
    yield system
    system.wait_until_drained("FeedbackQueueUrl")
    system.aws.sqs.purge_queue(QueueUrl=system.outputs[DEAD_LETTERS])


def put(system: System, bodies: Sequence[str]) -> None:
    """Put messages into the feedback queue."""
    for body in bodies:
        system.aws.sqs.send_message(QueueUrl=system.outputs["FeedbackQueueUrl"], MessageBody=body)


def changed(mail: dict[str, Any], tags: dict[str, list[Any]]) -> str:
    """A `Send` event, with other contents."""
    event = json.loads(documented_event(("send", {}), KEY, 1, 0))
    event["mail"]["tags"] |= tags
    event["mail"] |= mail
    return json.dumps(event)


def test_records_that_cannot_be_used_are_set_aside_at_once_with_their_reason(system: System) -> None:
    unusable = {
        **{name: changed({}, tags) for name, tags in UNUSABLE_TAGS.items()},
        **{name: changed(mail, {}) for name, mail in UNUSABLE_MAIL.items()},
    }
    put(system, [*unusable.values(), *FOREIGN])
    event = order()
    system.publish(event)
    system.wait_for_status(event["order_id"], "DELIVERED")
    system.wait_until_drained("FeedbackQueueUrl")

    letters = system.dead_letters(DEAD_LETTERS)
    assert {name for name, body in unusable.items() if body not in letters} == set()
    assert all(letters[body]["error_reason"] for body in unusable.values())
    assert [body for body in FOREIGN if body in letters] == []


def test_repeats_stay_repeats_when_the_history_is_full(system: System) -> None:
    event = order()
    system.publish(event)
    system.wait_for_status(event["order_id"], "DELIVERED")
    key = NotificationKey(order_key(event["order_id"]), "order_confirmation")
    before = system.counted(metric_names.COMPLAINTS)
    complaints = [
        documented_event(("complaint", {"complaintFeedbackType": "abuse"}), key, 1, number)
        for number in range(2 * HISTORY_CAPACITY)
    ]
    for _ in range(2):
        put(system, complaints)
        system.wait_until_drained("FeedbackQueueUrl")

    wait_for("the metric", lambda: system.counted(metric_names.COMPLAINTS) >= before + len(complaints))
    assert system.counted(metric_names.COMPLAINTS) == before + len(complaints)
